/* SPDX-License-Identifier: BSD-3-Clause */
#include "pressure.h"
#include "accounts.h"
#include "ledger.h"
#include "places.h"

enum {
	PATIENCE_MS = 1000,   /* a connection may hold buffers so long without moving them */
	IN_FLIGHT_MS = 10000, /* and so long while it waits for an ACK: its path may be away */
	VICTIMS = 64,	      /* a turn */
	STEPS = 16,	      /* connections of a row that are looked at */
	SOME = 3, /* class of four to seven buffers: fewer are no hoard, unless it is tight */
};

static bool in_flight(const struct tcp_conn *c)
{
	return c->snd_una != c->snd_max;
}

/* How long c may move nothing. */
static uint32_t patience(const struct worker *w, const struct tcp_conn *c)
{
	bool away = in_flight(c) && c->standing != TCP_STRANGER;

	return away && (c->standing == TCP_VOUCHED || !ledger_tight(w)) ? IN_FLIGHT_MS
									: PATIENCE_MS;
}

/* Its user or its source has no more than its share. */
static bool modest(const struct worker *w, const struct tcp_conn *c)
{
	return c->charged && !accounts_over(w, c);
}

/*
 * Of a row the first that has moved nothing for so long, or NULL. The modest may be spared: they
 * stand behind those that come next then.
 */
static struct tcp_conn *row_idle(const struct worker *w, uint32_t row, bool spare)
{
	struct tcp *t = w->tcp;
	uint32_t i = t->ledger.row[row].first, n, next;

	for (n = 0; n < STEPS && i != SLOT_NONE; n++, i = next) {
		struct tcp_conn *c = &t->conn[i];

		next = c->in_row.next;
		if (clock_since_ms(w, c->row_ms) < patience(w, c))
			continue;
		if (!spare || !modest(w, c))
			return c;
		ledger_last(t, c);
	}
	return NULL;
}

/* The largest holder that has moved nothing for so long: a stranger, or anybody. */
static struct tcp_conn *largest_idle(const struct worker *w, bool stranger, bool spare)
{
	uint32_t class, least = ledger_tight(w) ? 1 : SOME;
	struct tcp_conn *c = NULL;

	for (class = LEDGER_CLASSES - 1; class > 0 && !c; class --) {
		c = row_idle(w, class, spare);
		if (!c && !stranger && class >= least)
			c = row_idle(w, class + LEDGER_CLASSES, spare);
	}
	return c;
}

/*
 * Strangers hold half: of some of each size the one whose buffers, times how long they have not
 * moved, are most. Who has just begun its handshake holds more than one that keeps a little for
 * ever, but not for as long.
 */
static struct tcp_conn *dearest_stranger(const struct worker *w, bool spare)
{
	struct tcp *t = w->tcp;
	struct tcp_conn *dearest = NULL;
	uint32_t class, i, n, next;
	uint64_t most = 0;

	for (class = 1; class < LEDGER_CLASSES; class ++) {
		i = t->ledger.row[class].first;
		for (n = 0; n < STEPS && i != ROW_END; n++, i = next) {
			struct tcp_conn *c = &t->conn[i];
			uint64_t ms = clock_since_ms(w, c->row_ms);

			next = c->in_row.next;
			if (spare && modest(w, c)) {
				ledger_last(t, c);
			} else if (c->booked * (ms + 1) > most) {
				dearest = c;
				most = c->booked * (ms + 1);
			}
		}
	}
	return dearest;
}

/* Who pays: strangers, or anybody. Those of who has little are spared as long as that may be. */
static struct tcp_conn *who_pays(const struct worker *w, bool strangers)
{
	bool half = strangers && w->tcp->ledger.strangers >= ledger_strangers_max(w);
	struct tcp_conn *c = half ? dearest_stranger(w, true) : largest_idle(w, strangers, true);

	if (c || !(strangers || ledger_short(w)))
		return c;
	return half ? dearest_stranger(w, false) : largest_idle(w, strangers, false);
}

/*
 * Gives up what came out of order of the connection that has had it for the longest, single bytes
 * first (RFC 2018 8): its sender has it still. False: nobody has any.
 */
static bool early_give_up(struct worker *w)
{
	struct tcp *t = w->tcp;
	const struct row *r = t->ledger.early;
	uint32_t i =
	    r[EARLY_CRUMBS].first != ROW_END ? r[EARLY_CRUMBS].first : r[EARLY_WHOLE].first;

	if (i == ROW_END)
		return false;
	reorder_clear(w, &t->conn[i]);
	ledger_settle(w, &t->conn[i]);
	return true;
}

/*
 * Takes back what can be had again: what came out of order (RFC 2018 8), datagrams that the owner
 * keeps. Who holds neither is ended.
 */
static void pay(struct worker *w, struct tcp_conn *c)
{
	struct mbuf_queue *q[] = { &c->snd, &c->rcv, &c->ooo };
	uint32_t before = ledger_sum(c);
	size_t i;

	if (c->ooo.n)
		reorder_clear(w, c);
	if (c->kept && c->app->spare)
		c->app->spare(w, c);
	if (ledger_sum(c) < before) {
		ledger_settle(w, c);
		return;
	}
	tcp_abort(w, c, TCP_END_HOARD);
	for (i = 0; i < RTE_DIM(q); i++)
		queue_clear(w, q[i], DROP_TCP_CLOSED);
	c->snd_cur = NULL;
}

/*
 * Strangers pay when they hold more than a quarter of tcp.buffers together. When five eighths are
 * held in all everybody loses what is out of order, and then whoever holds most pays: the largest
 * first, and of those of a size the one that has moved nothing for the longest. Who moves on what
 * it holds in time never does, unless strangers hold half of all. Those of a user or a source that
 * has no more than its share pay only when nobody else has to, strangers, or all where new
 * connections would be refused. And slots are kept free for connections that are proven.
 */
void pressure_turn(struct worker *w)
{
	uint32_t buffers = w->dp->conf->tcp.buffers, i;
	struct tcp *t = w->tcp;
	struct tcp_conn *c;

	for (i = 0; i < VICTIMS; i++) {
		bool strangers = t->ledger.strangers > buffers / 4;

		if (likely(!strangers && t->held <= buffers / 8 * 5))
			break;
		if (!strangers && early_give_up(w))
			continue;
		c = who_pays(w, strangers);
		if (!c)
			break;
		pay(w, c);
	}
	if (unlikely(t->conns + ledger_slots_kept(w) > w->dp->conf->tcp.connections)) {
		i = t->conns + ledger_slots_kept(w) - w->dp->conf->tcp.connections;
		while (i-- && tcp_evict(w, TCP_TABLE_CONNS))
			;
	}
}

struct tcp_conn *tcp_evict(struct worker *w, enum tcp_table table)
{
	struct tcp_conn *c = places_victim(w, table);

	if (c)
		tcp_abort(w, c, c->standing == TCP_GUEST ? TCP_END_SHARE : TCP_END_ROOM);
	return c;
}

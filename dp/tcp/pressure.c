/* SPDX-License-Identifier: BSD-3-Clause */
#include "pressure.h"
#include "ledger.h"
#include "places.h"

enum {
	PATIENCE_MS = 1000, /* without moving what it holds; strangers beyond half have none */
	VICTIMS = 64,	    /* a turn */
	STEPS = 16,	    /* connections of a row that are looked at */
};

/* Of a row the first that has moved nothing for so long, or NULL. */
static struct tcp_conn *row_idle(const struct worker *w, uint32_t row, uint32_t patience_ms)
{
	struct tcp *t = w->tcp;
	uint32_t i = t->ledger.row[row].first, n;

	for (n = 0; n < STEPS && i != SLOT_NONE; n++, i = t->conn[i].in_row.next)
		if ((uint32_t)w->now_ms - t->conn[i].row_ms >= patience_ms)
			return &t->conn[i];
	return NULL;
}

/* The largest holder that has moved nothing for so long: a stranger, or anybody. */
static struct tcp_conn *largest_idle(const struct worker *w, bool stranger, uint32_t patience_ms)
{
	struct tcp_conn *c = NULL;
	uint32_t class;

	for (class = LEDGER_CLASSES - 1; class > 0 && !c; class --) {
		c = row_idle(w, class, patience_ms);
		if (!c && !stranger)
			c = row_idle(w, class + LEDGER_CLASSES, patience_ms);
	}
	return c;
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
 * Strangers pay when they hold more than a quarter of tcp.buffers together, and whoever holds most
 * when five eighths are held in all: the largest first, and of those of a size the one that has
 * moved nothing for the longest. Who moves on what it holds within PATIENCE_MS never does, unless
 * strangers hold half of all. And slots are kept free for connections that are proven.
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
		c = largest_idle(w, strangers,
				 t->ledger.strangers >= ledger_strangers_max(w) ? 0 : PATIENCE_MS);
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

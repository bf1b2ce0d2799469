/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections that go to another worker. The worker that segments come to by themselves, the
 * connection's home, keeps an entry that says where it went; when it has ended there, home is told
 * and takes the entry out, or puts TIME-WAIT in its place. A message is a packet buffer with the
 * connection in it, by value; the buffers of its queues stay where they are and change hands.
 */
#include "ledger.h"
#include "recovery.h"
#include "../clock.h"
#include "../tx.h"

/* Records of what is in flight. One that is moved has sent a few replies so far. */
enum { MOVE_SENT_MAX = 64 };

enum move_kind {
	MOVE_CONN, /* it comes to you */
	MOVE_OVER, /* it ended here */
	MOVE_WAIT, /* it ended here, and TIME-WAIT is yours */
};

struct move_sent {
	uint32_t seq, end;
	uint16_t flags;
};

struct move {
	uint32_t kind;
	uint16_t from;
	uint16_t n_sent;
	uint64_t now_us;
	struct tcp_conn c;
	struct move_sent sent[MOVE_SENT_MAX];
};
_Static_assert(sizeof(struct move) <= RTE_MBUF_DEFAULT_DATAROOM, "one buffer");
_Static_assert(RTE_PKTMBUF_HEADROOM % alignof(struct move) == 0, "aligned where data starts");

/* A message about c, or NULL. */
static struct rte_mbuf *move_make(struct worker *w, enum move_kind kind, const struct tcp_conn *c)
{
	struct rte_mbuf *m = pkt_make(w);
	struct move *mv = m ? (struct move *)rte_pktmbuf_append(m, sizeof(*mv)) : NULL;

	if (!mv) {
		if (m)
			pkt_drop(w, m, DROP_NO_MBUF);
		return NULL;
	}
	mv->kind = kind;
	mv->from = w->id;
	mv->n_sent = 0;
	mv->now_us = w->now_us;
	mv->c = *c;
	return m;
}

/* ---- there ---- */

/* What is in flight; false when it is too much. */
static bool move_sent_put(struct move *mv)
{
	const struct tcp_sent *s;

	for (s = mv->c.sent_first; s; s = s->next) {
		if (mv->n_sent == MOVE_SENT_MAX)
			return false;
		mv->sent[mv->n_sent++] = (struct move_sent){ s->seq, s->end, s->flags };
	}
	return true;
}

bool tcp_move(struct worker *w, struct tcp_conn *c, uint16_t to)
{
	/* Its home forwards to one place only, and the table has room for so many. */
	bool may = !(c->flags & CONN_MOVED_IN) && w->tcp->moved < w->dp->conf->tcp.connections;
	struct rte_mbuf *m = may ? move_make(w, MOVE_CONN, c) : NULL;
	uint32_t n = ledger_sum(c);

	if (!m || !move_sent_put(rte_pktmbuf_mtod(m, struct move *))) {
		if (m)
			pkt_consume(w, m);
		tcp_abort(w, c, TCP_END_NO_BUFFER);
		return true;
	}
	/* What the layer keeps is the other worker's as soon as the message is on its way. */
	if (c->flags & CONN_LAYER)
		c->layer_ops->moved(w, c, false);
	if (!handover_now(w, to, m, HANDOVER_MOVE, n + 1)) {
		pkt_consume(w, m);
		if (c->flags & CONN_LAYER)
			c->layer_ops->moved(w, c, true);
		return false;
	}
	w->tcp->held -= n;
	c->flags &= ~(uint32_t)CONN_LAYER;
	c->snd = c->rcv = c->ooo = (struct mbuf_queue){ 0 };
	c->snd_cur = NULL;
	conn_entry_set(w, c, (uint32_t)to << 2 | ENTRY_MOVED);
	conn_end(w, c, TCP_END_MOVED);
	w->tcp->moved++;
	count(w, CNT_TCP_MOVED);
	return true;
}

/* ---- here ---- */

static void sent_forget(struct tcp_conn *c)
{
	c->sent_first = c->sent_last = c->sent_oldest = c->sent_newest = NULL;
	c->sack_hint = c->lost_hint = NULL;
	c->sacked_bytes = c->lost_bytes = 0;
	c->records = 0;
}

/* A copy in a slot of its own, which no list and no timer knows of yet. */
static struct tcp_conn *move_alloc(struct worker *w, const struct move *mv)
{
	struct tcp_conn *c = conn_alloc(w);
	uint32_t gen;

	if (!c)
		return NULL;
	gen = c->gen;
	*c = mv->c;
	c->gen = gen;
	c->state = TCP_CLOSED;
	c->flags &= ~(uint32_t)(CONN_DIRTY | CONN_DEAD);
	c->dirty_next = SLOT_NONE;
	c->booked = 0;
	c->row = 0;
	c->early = EARLY_NONE;
	c->share = NULL;
	c->charged = false;
	c->credit = CREDIT_NONE;
	c->timer = (struct timer){ 0 };
	c->nh = 0;
	sent_forget(c);
	tcp_set_state(w, c, mv->c.state);
	return c;
}

/*
 * Records anew. What is in flight counts as sent again now, with what SACKs said of it forgotten
 * (RFC 2018 8 allows for that): no time is measured by it.
 */
static bool move_sent_take(struct worker *w, struct tcp_conn *c, const struct move *mv)
{
	const uint16_t keep = SENT_FIN;
	struct tcp_sent *s;
	uint16_t i;

	for (i = 0; i < mv->n_sent; i++) {
		const struct move_sent *r = &mv->sent[i];

		if (!recovery_sent(w, c, r->seq, r->end, r->flags & keep))
			return false;
	}
	for (s = c->sent_first; s; s = s->next)
		s->flags |= SENT_REXMIT;
	return true;
}

/* No slot: the other side hears of it, and home gets its message back. Takes m. */
static void move_refuse(struct worker *w, struct move *mv, struct rte_mbuf *m)
{
	struct mbuf_queue *q[] = { &mv->c.snd, &mv->c.rcv, &mv->c.ooo };
	struct tcp_raw_seg s = { .flags = TCP_RST, .tos = mv->c.tos, .seq = mv->c.snd_max };
	size_t i;

	tcp_addrs(w, &mv->c, &s.src, &s.dst);
	tcp_send_raw(w, &s);
	for (i = 0; i < RTE_DIM(q); i++)
		queue_clear(w, q[i], DROP_TCP_FULL);
	layer_free(w, &mv->c, TCP_END_NO_BUFFER);
	stat_add(&w->counters->end[TCP_END_NO_BUFFER], 1);
	mv->c.home = mv->from;
	mv->from = w->id;
	mv->kind = MOVE_OVER;
	queue_put(w, &w->tcp->notices, m);
}

/* Takes m, where mv is. */
static void move_arrive(struct worker *w, struct move *mv, struct rte_mbuf *m)
{
	uint32_t n = ledger_sum(&mv->c);
	struct tcp_conn *c;

	count_add(w, CNT_HANDOVER_IN, n);
	w->tcp->held += n;
	if (mv->c.flags & CONN_LAYER)
		mv->c.layer_ops->moved(w, &mv->c, true);
	c = move_alloc(w, mv);
	if (!c) {
		move_refuse(w, mv, m);
		return;
	}
	c->home = mv->from;
	c->flags |= CONN_MOVED_IN;
	if (!conn_insert(w, c) || !move_sent_take(w, c, mv)) {
		tcp_abort(w, c, TCP_END_NO_BUFFER);
	} else {
		conn_timers_arm(w, c);
		conn_dirty(w, c);
		c->app->arrived(w, c);
	}
	pkt_consume(w, m);
}

/* ---- home again ---- */

bool move_over(struct worker *w, const struct tcp_conn *c)
{
	struct rte_mbuf *m = move_make(w, c->flags & CONN_HOME_WAIT ? MOVE_WAIT : MOVE_OVER, c);

	if (!m)
		return false;
	queue_put(w, &w->tcp->notices, m);
	return true;
}

void move_flush(struct worker *w)
{
	struct rte_mbuf *m;

	while ((m = queue_take(w, &w->tcp->notices))) {
		uint16_t to = rte_pktmbuf_mtod(m, const struct move *)->c.home;

		if (handover_now(w, to, m, HANDOVER_MOVE, 1))
			continue;
		queue_put(w, &w->tcp->notices, m);
		break;
	}
}

void tcp_move_input(struct worker *w, struct rte_mbuf *m)
{
	struct move *mv = rte_pktmbuf_mtod(m, struct move *);

	/* Clocks of workers differ by a little; no time of c is to come. */
	if (mv->now_us > w->now_us)
		clock_set(w, mv->now_us);
	if (mv->kind == MOVE_CONN) {
		move_arrive(w, mv, m);
		return;
	}
	w->tcp->moved--;
	if (mv->kind == MOVE_WAIT)
		timewait_add(w, &mv->c);
	else
		conn_entry_del(w, &mv->c, (uint32_t)mv->from << 2 | ENTRY_MOVED);
	pkt_consume(w, m);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What came out of order. Buffers that follow each other without a gap are a range; hash.usr of a
 * buffer is its sequence number, and the first and the last one of a range name each other in
 * tx_offload. So a search steps from range to range, however many buffers they are, and never over
 * more than REORDER_WALK: a sender of crumbs cannot make it long. Nothing ever goes inside a range,
 * only before, behind or between.
 */
#include "conn.h"
#include "../snapshot.h"

enum {
	REORDER_WALK = 128,   /* ranges looked at, from the front */
	REORDER_BUFFERS = 16, /* and so many are granted in any case */
};

/* [start, end) of sequence numbers: buffers first to last. */
struct range {
	struct rte_mbuf *first, *last; /* NULL: none */
	uint32_t start, end;
};

static struct range range_make(struct rte_mbuf *first, struct rte_mbuf *last)
{
	return (struct range){ first, last, first->hash.usr, last->hash.usr + last->data_len };
}

static struct range range_at(struct rte_mbuf *first)
{
	return first ? range_make(first, (struct rte_mbuf *)(uintptr_t)first->tx_offload)
		     : (struct range){ 0 };
}

/* The one that ends with `last`. */
static struct range range_before(struct rte_mbuf *last)
{
	return range_make((struct rte_mbuf *)(uintptr_t)last->tx_offload, last);
}

static void range_tie(struct rte_mbuf *first, struct rte_mbuf *last)
{
	first->tx_offload = (uintptr_t)last;
	last->tx_offload = (uintptr_t)first;
}

/*
 * The last range that ends at or before seq, and the one behind it. False when they are too far
 * from either end. Data in order of a stream with a hole goes behind the last: no search.
 */
static bool range_find(const struct mbuf_queue *q, uint32_t seq, struct range *prev,
		       struct range *next)
{
	int i;

	*prev = *next = (struct range){ 0 };
	if (!q->tail)
		return true;
	*prev = range_before(q->tail);
	if (seq_ge(seq, prev->end))
		return true;
	*prev = (struct range){ 0 };
	*next = range_at(q->head);
	for (i = 0; i < REORDER_WALK; i++) {
		if (!next->first || seq_lt(seq, next->end))
			return true;
		*prev = *next;
		*next = range_at(next->last->next);
	}
	return false;
}

/* RFC 2018 4: the range of the latest segment comes first, and no two overlap. */
static void sack_promote(struct tcp_conn *c, uint32_t start, uint32_t end)
{
	struct tcp_sack_block b[TCP_SACK_MAX] = { { start, end } };
	int i, n = 1;

	for (i = 0; i < TCP_SACK_MAX && n < TCP_SACK_MAX; i++) {
		const struct tcp_sack_block *old = &c->sack_recent[i];

		if (old->start != old->end && (seq_lt(old->start, start) || seq_gt(old->end, end)))
			b[n++] = *old;
	}
	memcpy(c->sack_recent, b, sizeof(b));
}

/* What was acknowledged is no block any more. */
static void sack_prune(struct tcp_conn *c)
{
	struct tcp_sack_block b[TCP_SACK_MAX] = { 0 };
	int i, n = 0;

	for (i = 0; i < TCP_SACK_MAX; i++)
		if (seq_gt(c->sack_recent[i].end, c->rcv_nxt))
			b[n++] = c->sack_recent[i];
	memcpy(c->sack_recent, b, sizeof(b));
}

void reorder_dup(struct tcp_conn *c, uint32_t start, uint32_t end)
{
	c->dsack = (struct tcp_sack_block){ start, end };
}

uint8_t reorder_sack(const struct tcp_conn *c, struct tcp_sack_block *b, uint8_t max)
{
	uint8_t n = 0;
	int i;

	if (c->dsack.start != c->dsack.end && n < max)
		b[n++] = c->dsack;
	for (i = 0; i < TCP_SACK_MAX && n < max; i++)
		if (c->sack_recent[i].start != c->sack_recent[i].end)
			b[n++] = c->sack_recent[i];
	return n;
}

/* Whether m, which starts at seq, may be kept. What is in order will not stay, and must get in. */
static bool reorder_room(const struct worker *w, const struct tcp_conn *c, const struct rte_mbuf *m,
			 uint32_t seq)
{
	uint32_t max = snapshot_conf(w->dp)->tcp.reorder_buffer;
	uint32_t buffers = RTE_MAX(max / QUEUE_FILL + 8, (uint32_t)REORDER_BUFFERS);

	return seq == c->rcv_nxt || (c->ooo.bytes + m->data_len <= max && c->ooo.n < buffers);
}

/* Puts m, which starts at seq and fits, between two neighbours. Takes m. */
static void reorder_link(struct worker *w, struct tcp_conn *c, struct rte_mbuf *m, uint32_t seq,
			 const struct range *prev, const struct range *next)
{
	bool joins_prev = prev->first && prev->end == seq;
	bool joins_next = next->first && next->start == seq + m->data_len;
	struct rte_mbuf *first = joins_prev ? prev->first : m;
	struct rte_mbuf *last = joins_next ? next->last : m;
	struct mbuf_queue *q = &c->ooo;

	q->bytes += m->data_len;
	if (joins_prev && queue_merge(q, prev->last, m)) {
		pkt_consume(w, m);
		last = joins_next ? next->last : prev->last;
	} else {
		m->hash.usr = seq;
		m->next = next->first;
		if (prev->first)
			prev->last->next = m;
		else
			q->head = m;
		if (!next->first)
			q->tail = m;
		q->n++;
		w->tcp->held++;
	}
	range_tie(first, last);
	sack_promote(c, first->hash.usr, last->hash.usr + last->data_len);
}

/* A copy of m from byte off on, NULL when there is no buffer for it. */
static struct rte_mbuf *segment_rest(struct worker *w, const struct rte_mbuf *m, uint32_t off)
{
	uint16_t len = (uint16_t)(m->data_len - off);
	struct rte_mbuf *rest = pkt_make(w);

	if (rest && rte_pktmbuf_tailroom(rest) >= len) {
		memcpy(rte_pktmbuf_append(rest, len),
		       rte_pktmbuf_mtod_offset(m, const uint8_t *, off), len);
		return rest;
	}
	if (rest)
		pkt_consume(w, rest);
	return NULL;
}

/* Cuts off what lies before seq, and has come already. False when nothing is left. Takes m then. */
static bool segment_trim(struct worker *w, struct tcp_conn *c, struct rte_mbuf *m, uint32_t *start,
			 uint32_t seq)
{
	uint32_t end = *start + m->data_len, dup = seq_min(end, seq);

	if (seq_ge(*start, seq))
		return true;
	reorder_dup(c, *start, dup);
	if (dup == end) {
		count(w, CNT_TCP_DUP);
		pkt_consume(w, m);
		return false;
	}
	rte_pktmbuf_adj(m, (uint16_t)(dup - *start));
	*start = dup;
	return true;
}

/*
 * One segment. What of it lies in the first gap is put there; if it goes on beyond the range
 * behind that gap, a copy of the rest is returned, which starts at *seq.
 */
static struct rte_mbuf *reorder_segment(struct worker *w, struct tcp_conn *c, struct rte_mbuf *m,
					uint32_t *seq)
{
	struct rte_mbuf *rest = NULL;
	struct range prev, next;
	uint32_t end, start;

	if (!segment_trim(w, c, m, seq, c->rcv_nxt))
		return NULL;
	if (!range_find(&c->ooo, *seq, &prev, &next))
		goto full;
	if (next.first && seq_ge(*seq, next.start)) {
		sack_promote(c, next.start, next.end);
		if (!segment_trim(w, c, m, seq, next.end))
			return NULL;
		prev = next;
		next = range_at(prev.last->next);
	}
	start = *seq;
	end = start + m->data_len;
	if (!reorder_room(w, c, m, start))
		goto full;
	if (next.first && seq_lt(next.start, end)) {
		if (seq_lt(next.end, end))
			rest = segment_rest(w, m, next.end - start);
		*seq = next.end;
		reorder_dup(c, next.start, seq_min(next.end, end));
		rte_pktmbuf_trim(m, (uint16_t)(end - next.start));
	}
	reorder_link(w, c, m, start, &prev, &next);
	return rest;
full:
	pkt_drop(w, m, DROP_TCP_OOO_FULL);
	return NULL;
}

void reorder_put(struct worker *w, struct tcp_conn *c, struct rte_mbuf *m, uint32_t seq)
{
	struct rte_mbuf *s;

	while ((s = mbuf_shift(w, &m))) {
		uint32_t at = seq;

		seq += s->data_len;
		while (s)
			s = reorder_segment(w, c, s, &at);
	}
}

uint32_t reorder_take(struct worker *w, struct tcp_conn *c)
{
	struct mbuf_queue *q = &c->ooo;
	uint32_t from = c->rcv_nxt, start, end;
	struct rte_mbuf *m;

	if (!q->head || seq_gt(q->head->hash.usr, from))
		return 0;
	/* What moved rcv_nxt into a range had come before. */
	if (seq_lt(q->head->hash.usr, from))
		reorder_dup(c, q->head->hash.usr, seq_min(range_at(q->head).end, from));
	while (q->head && seq_le(q->head->hash.usr, c->rcv_nxt)) {
		m = queue_take(w, q);
		start = m->hash.usr;
		end = start + m->data_len;
		m->hash.usr = 0;
		m->tx_offload = 0;
		if (seq_le(end, c->rcv_nxt)) {
			pkt_consume(w, m);
			continue;
		}
		rte_pktmbuf_adj(m, (uint16_t)(c->rcv_nxt - start));
		c->rcv_nxt = end;
		queue_put(w, &c->rcv, m);
	}
	sack_prune(c);
	return c->rcv_nxt - from;
}

void reorder_clear(struct worker *w, struct tcp_conn *c)
{
	queue_clear(w, &c->ooo, DROP_TCP_MEMORY);
	memset(c->sack_recent, 0, sizeof(c->sack_recent));
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "conn.h"
#include "../../lib/bug.h"

enum {
	COPY_MAX = 256, /* bytes worth copying to save a buffer */
	JOIN_MAX = 32,	/* buffers that may be small, while there are enough */
	FEW = 4,	/* buffers that may be half empty */
};

/* Nobody else has m's bytes: they may be added to. */
static bool mbuf_is_own(const struct rte_mbuf *m)
{
	return rte_mbuf_refcnt_read(m) == 1 && RTE_MBUF_DIRECT(m);
}

/* Copies the first len bytes of m behind those of `to`. */
static void mbuf_append(struct rte_mbuf *to, const struct rte_mbuf *m, uint16_t len)
{
	memcpy(rte_pktmbuf_mtod_offset(to, void *, to->data_len), rte_pktmbuf_mtod(m, const void *),
	       len);
	to->data_len += len;
	to->pkt_len = to->data_len;
}

bool queue_merge(const struct mbuf_queue *q, struct rte_mbuf *to, const struct rte_mbuf *m)
{
	uint16_t len = m->data_len;

	if ((len > COPY_MAX && (q->n < FEW || q->bytes >= q->n * QUEUE_FILL)) || !mbuf_is_own(to) ||
	    rte_pktmbuf_tailroom(to) < len)
		return false;
	mbuf_append(to, m, len);
	return true;
}

/* Frees leading segments without bytes, but for the last of all when `keep`. */
static struct rte_mbuf *skip_empty(struct rte_mbuf *m, bool keep)
{
	while (m && m->data_len == 0 && (m->next || !keep)) {
		struct rte_mbuf *next = m->next;

		rte_pktmbuf_free_seg(m);
		m = next;
	}
	return m;
}

struct rte_mbuf *mbuf_shift(struct worker *w, struct rte_mbuf **chain)
{
	struct rte_mbuf *m = skip_empty(*chain, true);

	if (!m)
		return NULL;
	*chain = skip_empty(m->next, false);
	if (*chain)
		count(w, CNT_MADE);
	m->next = NULL;
	m->nb_segs = 1;
	m->pkt_len = m->data_len;
	if (m->data_len)
		return m;
	pkt_consume(w, m);
	return NULL;
}

void queue_put(struct worker *w, struct mbuf_queue *q, struct rte_mbuf *m)
{
	struct rte_mbuf *s;

	while ((s = mbuf_shift(w, &m))) {
		q->bytes += s->data_len;
		if (q->tail && queue_merge(q, q->tail, s)) {
			pkt_consume(w, s);
			continue;
		}
		if (q->tail)
			q->tail->next = s;
		else
			q->head = s;
		q->tail = s;
		q->n++;
		w->tcp->held++;
	}
}

/* Moves m's bytes to the front of its buffer, and leaves the most room behind them. */
static void mbuf_to_front(struct rte_mbuf *m)
{
	if (m->data_off <= RTE_PKTMBUF_HEADROOM || !mbuf_is_own(m))
		return;
	memmove((uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM, rte_pktmbuf_mtod(m, void *),
		m->data_len);
	m->data_off = RTE_PKTMBUF_HEADROOM;
}

void queue_pack(struct worker *w, struct mbuf_queue *q, struct rte_mbuf *m)
{
	uint16_t n = q->tail && mbuf_is_own(q->tail) ? rte_pktmbuf_tailroom(q->tail) : 0;

	n = RTE_MIN(n, m->data_len);
	if (n) {
		mbuf_append(q->tail, m, n);
		q->bytes += n;
		rte_pktmbuf_adj(m, n);
	}
	mbuf_to_front(m);
	queue_put(w, q, m);
}

struct rte_mbuf *queue_take(struct worker *w, struct mbuf_queue *q)
{
	struct rte_mbuf *m = q->head;

	if (!m)
		return NULL;
	WARN_ON(q->n == 0 || q->bytes < m->data_len);
	WARN_ON(w->tcp->held == 0);
	q->head = m->next;
	if (!q->head)
		q->tail = NULL;
	m->next = NULL;
	q->bytes -= m->data_len;
	q->n--;
	w->tcp->held--;
	return m;
}

void queue_join(struct worker *w, struct mbuf_queue *to, struct mbuf_queue *from)
{
	struct rte_mbuf *m;

	if (to->n >= (w->tcp->held > w->tcp->ledger.calm ? FEW : JOIN_MAX)) {
		while ((m = queue_take(w, from)))
			queue_put(w, to, m);
		return;
	}
	if (!from->head)
		return;
	if (to->tail)
		to->tail->next = from->head;
	else
		to->head = from->head;
	to->tail = from->tail;
	to->bytes += from->bytes;
	to->n += from->n;
	*from = (struct mbuf_queue){ 0 };
}

void queue_drop(struct worker *w, struct mbuf_queue *q, uint32_t n)
{
	while (n && q->head) {
		struct rte_mbuf *m = q->head;

		if (n < m->data_len) {
			rte_pktmbuf_adj(m, (uint16_t)n);
			q->bytes -= n;
			return;
		}
		n -= m->data_len;
		pkt_consume(w, queue_take(w, q));
	}
}

void queue_clear(struct worker *w, struct mbuf_queue *q, enum drop why)
{
	while (q->head)
		pkt_drop(w, queue_take(w, q), why);
}

void queue_copy(const struct mbuf_queue *q, uint32_t off, void *to, uint32_t n)
{
	const struct rte_mbuf *m;
	uint8_t *p = to;

	for (m = q->head; m && n; m = m->next) {
		uint32_t part;

		if (off >= m->data_len) {
			off -= m->data_len;
			continue;
		}
		part = RTE_MIN(m->data_len - off, n);
		memcpy(p, rte_pktmbuf_mtod_offset(m, const uint8_t *, off), part);
		p += part;
		n -= part;
		off = 0;
	}
}

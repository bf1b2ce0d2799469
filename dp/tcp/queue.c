/* SPDX-License-Identifier: BSD-3-Clause */
#include "conn.h"

enum { COPY_MAX = 256 }; /* bytes worth copying to save a buffer */

/*
 * A small segment goes behind the bytes of the last buffer, where that is nobody else's: or one
 * byte a segment would hold a whole buffer each.
 */
static bool queue_append(struct worker *w, struct mbuf_queue *q, struct rte_mbuf *m)
{
	struct rte_mbuf *t = q->tail;
	uint16_t len = m->data_len;

	if (!t || len > COPY_MAX || rte_mbuf_refcnt_read(t) != 1 || !RTE_MBUF_DIRECT(t) ||
	    rte_pktmbuf_tailroom(t) < len)
		return false;
	memcpy(rte_pktmbuf_append(t, len), rte_pktmbuf_mtod(m, void *), len);
	q->bytes += len;
	pkt_consume(w, m);
	return true;
}

static void queue_link(struct worker *w, struct mbuf_queue *q, struct rte_mbuf *m)
{
	if (q->tail)
		q->tail->next = m;
	else
		q->head = m;
	q->tail = m;
	q->bytes += m->data_len;
	q->n++;
	w->tcp->held++;
}

void queue_put(struct worker *w, struct mbuf_queue *q, struct rte_mbuf *m)
{
	struct rte_mbuf *next;
	uint32_t packets = 0;

	for (; m; m = next) {
		next = m->next;
		m->next = NULL;
		m->nb_segs = 1;
		m->pkt_len = m->data_len;
		/* The packet as a whole ends with its last segment, if none had any bytes. */
		if (m->data_len == 0 && (next || packets)) {
			rte_pktmbuf_free_seg(m);
			continue;
		}
		if (packets++)
			count(w, CNT_MADE);
		if (m->data_len == 0)
			pkt_consume(w, m);
		else if (!queue_append(w, q, m))
			queue_link(w, q, m);
	}
}

struct rte_mbuf *queue_take(struct worker *w, struct mbuf_queue *q)
{
	struct rte_mbuf *m = q->head;

	if (!m)
		return NULL;
	q->head = m->next;
	if (!q->head)
		q->tail = NULL;
	m->next = NULL;
	q->bytes -= m->data_len;
	q->n--;
	w->tcp->held--;
	return m;
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

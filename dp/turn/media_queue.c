/* SPDX-License-Identifier: BSD-3-Clause */
#include "media_queue.h"
#include "../snapshot.h"
#include "../clock.h"
#include "../trace.h"

enum { MEDIA_COST_MIN = 256 };

/* Last segment of the message that starts with m, where another may follow. */
static struct rte_mbuf *media_last(struct rte_mbuf *m)
{
	uint16_t n;

	for (n = m->nb_segs; n > 1; n--)
		m = m->next;
	return m;
}

/* Bytes of the queue that a message takes: an empty datagram holds a buffer as well. */
static uint32_t media_cost(const struct rte_mbuf *m)
{
	return RTE_MAX(m->pkt_len, (uint32_t)MEDIA_COST_MIN);
}

/* One packet of n segments counts as n while it is held. */
static struct rte_mbuf *media_take(struct worker *w, struct tcp_conn *c, struct media_queue *q)
{
	struct rte_mbuf *m = q->head, *last = media_last(m);

	q->head = last->next;
	if (!q->head)
		q->tail = NULL;
	last->next = NULL;
	q->bytes -= media_cost(m);
	tcp_unhold(w, c, m->nb_segs);
	count_add(w, CNT_CONSUMED, m->nb_segs - 1u);
	return m;
}

static bool media_put(struct worker *w, struct tcp_conn *c, struct media_queue *q,
		      struct rte_mbuf *m)
{
	if (!tcp_hold(w, c, m->nb_segs))
		return false;
	count_add(w, CNT_MADE, m->nb_segs - 1u);
	m->hash.usr = (uint32_t)w->now_ms;
	trace_message(w, TRACE_WAITING, c, m->ol_flags, m->pkt_len);
	if (q->tail)
		q->tail->next = m;
	else
		q->head = m;
	q->tail = media_last(m);
	q->bytes += media_cost(m);
	return true;
}

void media_queue_clear(struct worker *w, struct tcp_conn *c, struct media_queue *q, enum drop why)
{
	while (q->head)
		message_drop(w, c, media_take(w, c, q), why);
}

void media_queue_expire(struct worker *w, struct tcp_conn *c, struct media_queue *q)
{
	uint32_t age_ms = snapshot_conf(w->dp)->tcp.media_age_ms;

	while (q->head && clock_since_ms(w, media_queue_came_ms(q)) > age_ms)
		message_drop(w, c, media_take(w, c, q), DROP_MEDIA_OLD);
}

/* There is a trace. The stream keeps or frees m, so what is told of it is read before. */
static __rte_noinline bool media_write_traced(struct worker *w, struct tcp_conn *c,
					      struct rte_mbuf *m)
{
	const uint64_t flags = m->ol_flags;
	const uint32_t len = m->pkt_len;

	if (!tcp_send(w, c, m))
		return false;
	trace_message(w, TRACE_STREAMED, c, flags, len);
	return true;
}

/* tcp_send() of a message. */
static inline bool media_write(struct worker *w, struct tcp_conn *c, struct rte_mbuf *m)
{
	return likely(!w->trace) ? tcp_send(w, c, m) : media_write_traced(w, c, m);
}

/*
 * May the connection have another message? While it would go out at once. One that does not go
 * makes it look whether the window opens (RFC 9293 3.8.6.1).
 */
static bool media_may_go(const struct worker *w, const struct tcp_conn *c)
{
	return tcp_send_window(w, c) > 0 || tcp_send_unsent(c) == 0;
}

void media_queue_flush(struct worker *w, struct tcp_conn *c, struct media_queue *q)
{
	media_queue_expire(w, c, q);
	while (q->head && media_may_go(w, c) && tcp_send_room(w, c) >= q->head->pkt_len) {
		struct rte_mbuf *m = media_take(w, c, q);

		if (!media_write(w, c, m))
			message_drop(w, c, m, DROP_TCP_MEMORY);
	}
	if (q->head)
		tcp_send_wait(c);
}

bool media_queue_send(struct worker *w, struct tcp_conn *c, struct media_queue *q,
		      struct rte_mbuf *m)
{
	uint32_t max = snapshot_conf(w->dp)->tcp.media_queue;

	if (q->head)
		media_queue_flush(w, c, q); /* what is older goes first, or is too old */
	if (likely(!q->head && media_may_go(w, c)) && media_write(w, c, m))
		return true;
	/* It takes the place of others only if there is one for it. */
	if (unlikely(m->pkt_len > max)) {
		message_drop(w, c, m, DROP_MEDIA_FULL);
		return false;
	}
	while (q->head && q->bytes + media_cost(m) > max)
		message_drop(w, c, media_take(w, c, q), DROP_MEDIA_FULL);
	if (!media_put(w, c, q, m)) {
		message_drop(w, c, m, DROP_TCP_MEMORY);
		return false;
	}
	tcp_send_wait(c);
	return true;
}

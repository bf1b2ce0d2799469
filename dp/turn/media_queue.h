/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TURN_MEDIA_QUEUE_H
#define FL_DP_TURN_MEDIA_QUEUE_H

/*
 * Datagrams that wait for a slow client over TCP, oldest first, each one whole message. What TCP
 * was given cannot be dropped any more, so it is given a message only while that would go out at
 * once; the rest waits here, bounded in bytes, in number and in age (tcp.media-queue,
 * tcp.media-age-ms), and the oldest is dropped. Buffers count as the connection's (tcp_hold()). All
 * zeros: empty.
 */
#include "../tcp/tcp.h"

struct media_queue {
	/* The last segment of each leads to the first of the next; hash.usr of the first: came_ms.
	 */
	struct rte_mbuf *head, *tail;
	uint32_t bytes; /* of each a fixed number at least */
};

/*
 * Sends m behind what waits, or has it wait: then writable() follows, and the caller sees to a
 * timer by media_queue_came_ms(). Takes m; false if it was dropped.
 */
bool media_queue_send(struct worker *w, struct tcp_conn *c, struct media_queue *q,
		      struct rte_mbuf *m);
/* Sends what may go now, and drops what is too old. */
void media_queue_flush(struct worker *w, struct tcp_conn *c, struct media_queue *q);
/* Drops what is too old. */
void media_queue_expire(struct worker *w, struct tcp_conn *c, struct media_queue *q);
/* Drops all. */
void media_queue_clear(struct worker *w, struct tcp_conn *c, struct media_queue *q, enum drop why);

static inline bool media_queue_empty(const struct media_queue *q)
{
	return !q->head;
}

/* When the oldest came, of one that is not empty: low half of now_ms. */
static inline uint32_t media_queue_came_ms(const struct media_queue *q)
{
	return q->head->hash.usr;
}

#endif

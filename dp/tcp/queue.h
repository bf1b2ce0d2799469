/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TCP_QUEUE_H
#define FL_DP_TCP_QUEUE_H

/*
 * Rows of packet buffers: how the bytes of a stream wait. What is in one counts as held by TCP
 * (tcp_held()); buffers change hands through these functions only, so that they are counted.
 */
#include "../worker.h"

enum { QUEUE_FILL = 1024 }; /* bytes that the buffers of a longer queue hold on average, at least */

/* Packet buffers in a row, one segment each, linked by next. */
struct mbuf_queue {
	struct rte_mbuf *head, *tail;
	uint32_t bytes;
	uint32_t n; /* buffers */
};

/*
 * Splits a packet into its segments at the end of q. Takes m. Small segments are copied behind the
 * bytes of the last buffer, or one byte a segment would hold a whole buffer each.
 */
void queue_put(struct worker *w, struct mbuf_queue *q, struct rte_mbuf *m);
/*
 * Splits a packet as queue_put() does, but fills the last buffer up first: few buffers, whatever
 * the segments' size. Takes m.
 */
void queue_pack(struct worker *w, struct mbuf_queue *q, struct rte_mbuf *m);
struct rte_mbuf *queue_take(struct worker *w, struct mbuf_queue *q);
/*
 * All of `from` behind `to`, buffers as they are. When `to` has many small ones already, or a few
 * while buffers are short, they are put together, or who sends a byte at a time would hold a buffer
 * for each.
 */
void queue_join(struct worker *w, struct mbuf_queue *to, struct mbuf_queue *from);
/* Drops n bytes from the front. */
void queue_drop(struct worker *w, struct mbuf_queue *q, uint32_t n);
void queue_clear(struct worker *w, struct mbuf_queue *q, enum drop why);
/* Copies n bytes from offset off. */
void queue_copy(const struct mbuf_queue *q, uint32_t off, void *to, uint32_t n);
/*
 * Takes the first segment with bytes off a chain that is one packet: then both are one each. Empty
 * ones are freed. NULL at the end, and when there are no bytes at all: the packet is consumed.
 */
struct rte_mbuf *mbuf_shift(struct worker *w, struct rte_mbuf **chain);
/*
 * Copies m's bytes behind those of `to`, the last buffer of q: if they fit and `to` is nobody
 * else's, and they are few or q has many buffers that are half empty.
 */
bool queue_merge(const struct mbuf_queue *q, struct rte_mbuf *to, const struct rte_mbuf *m);

#endif

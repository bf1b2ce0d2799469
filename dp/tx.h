/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TX_H
#define FL_DP_TX_H

/* The way out: batches per port, flushed once a turn or when full. */
#include "worker.h"

/* Sends a frame (Ethernet header at its start) by a port. Takes m. */
void tx_frame(struct worker *w, uint16_t port, struct rte_mbuf *m);

/* Sends the batch of a port, which is full. */
void tx_batch_full(struct worker *w, uint16_t port);

/* Sends a frame in one buffer by a port that this worker has a queue of. Takes m. */
static inline void tx_put(struct worker *w, uint16_t port, struct rte_mbuf *m)
{
	struct tx_batch *b = &w->tx.port[port];

	b->m[b->n++] = m;
	if (unlikely(b->n == TX_BATCH))
		tx_batch_full(w, port);
}

/* What a mbuf on a handover ring is for; kept in m->hash.usr with the port's index. */
enum handover_kind {
	HANDOVER_RX,	   /* a frame to be classified by its owner */
	HANDOVER_REDIRECT, /* a client's frame, for the worker that has its session */
	HANDOVER_COPY,	   /* a copy of an ARP, ND or ICMP frame, to learn from */
	HANDOVER_TX,	   /* a frame to be sent by a port this worker has a queue of */
	HANDOVER_LOOP,	   /* an IP packet of tx_loop(); enum relayed_kind stands for a port */
	HANDOVER_MOVE,	   /* a TCP connection that moves, or the end of one that did */
	HANDOVER_IPSEC,	   /* an IP packet for who may have IPsec associations with that worker */
	HANDOVER_ABANDON,  /* the name of a peer's connection that nobody will bind */
};

/* Hands m to another worker. Takes m. port is the index of the port it came in, or goes out, by. */
void handover(struct worker *w, uint16_t to, struct rte_mbuf *m, enum handover_kind kind,
	      uint16_t port);

/*
 * Hands m to another worker at once, behind all that was handed over before. False when the ring is
 * full: m is still the caller's then. m may stand for more than one packet: n is how many.
 */
bool handover_now(struct worker *w, uint16_t to, struct rte_mbuf *m, enum handover_kind kind,
		  uint32_t n);

/* Beside the port's index: the frame has been put together from fragments, or was in ESP. */
enum { HANDOVER_WHOLE = 0x8000, HANDOVER_INNER = 0x4000 };

/* Hands a received packet to the worker that owns it. Takes p->m. */
static inline void handover_pkt(struct worker *w, uint16_t to, const struct pkt *p,
				enum handover_kind kind)
{
	handover(w, to, p->m, kind,
		 (uint16_t)(p->in_port | (p->whole ? HANDOVER_WHOLE : 0) |
			    (p->inner != SLOT_NONE ? HANDOVER_INNER : 0)));
}

/* Copies a frame to all other workers as HANDOVER_COPY. Does not take m. */
void handover_copy(struct worker *w, const struct rte_mbuf *m, uint16_t port);

/*
 * Sends a packet (data at the IP header) from src to dst, a port of a relay address of
 * ours: it comes in again at the worker that has the port (loop.h), in the next turn at the
 * earliest. src's port is this worker's. Takes m.
 */
void tx_loop(struct worker *w, struct rte_mbuf *m, const struct sock_addr *src,
	     const struct sock_addr *dst);

/*
 * Calls bonds with LACP though nothing may be waiting: their driver sends its own frames when it is
 * called to send, which must be every 100 ms at least. Every TX_CONTROL_MS, once a turn at most.
 */
void tx_control(struct worker *w);

/* Flushes batches of ports and of other workers; returns packets moved. */
uint32_t tx_flush(struct worker *w);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_RELAY_EMIT_H
#define FL_DP_RELAY_EMIT_H

/*
 * A datagram that came in is turned into the one that goes out, in its own mbuf. Payload is not
 * touched: the UDP checksum is carried over by what changed around it (RFC 1624), so that a packet
 * damaged on the way in is still damaged on the way out and the far end knows.
 */
#include "../net/ip.h"

/* How a received datagram becomes another. */
struct relay_out {
	const struct sock_addr *src, *dst;
	uint16_t off;  /* first payload byte that stays, from the start of the UDP payload */
	uint16_t len;  /* payload bytes that stay */
	uint64_t csum; /* sum of what the new datagram covers beside payload and lengths */
	uint64_t csum_removed; /* that sum of the datagram that came in */
	const uint8_t *prefix; /* goes in front of the payload */
	uint8_t prefix_len;    /* even */
	uint8_t suffix_len;    /* padding of a Data indication */
	bool fingerprint;      /* append FINGERPRINT (the prefix is a STUN header) */
	bool df;
	uint32_t *nh; /* cached next hop */
};

/*
 * Rewrites p->m and sends it. Drops it with a reason where TTL, route, size or family forbid.
 * Takes p->m. Returns whether it went out (or waits to).
 */
bool relay_emit(struct worker *w, struct pkt *p, const struct relay_out *o);

/* May what becomes of the packet on its way to dst be cut into fragments? Then it has no DF. */
bool relay_df(const struct pkt *p, const struct sock_addr *dst);

/* Behind the payload: padding, and FINGERPRINT, whose sum is added. False: there is no buffer. */
bool relay_suffix(struct worker *w, struct rte_mbuf *m, const struct relay_out *o, uint64_t *sum);

/* To a relayed address of ours: m has its IP header. Takes m. */
void relay_loop(struct worker *w, struct rte_mbuf *m, const struct sock_addr *src,
		const struct sock_addr *dst);

bool relay_trim_chained(struct rte_mbuf *m, uint32_t off, uint32_t len);

/* Moves the packet's start to off bytes into it and cuts it to len bytes. */
static __rte_always_inline bool relay_trim(struct rte_mbuf *m, uint32_t off, uint32_t len)
{
	if (unlikely(m->nb_segs > 1))
		return relay_trim_chained(m, off, len);
	m->data_off = (uint16_t)(m->data_off + off);
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	return true;
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TURN_RELAY_H
#define FL_DP_TURN_RELAY_H

/*
 * The fast path: a datagram that came in is turned into the one that goes out, in its own mbuf.
 * Payload is not touched: the UDP checksum is carried over by what changed around it (RFC 1624),
 * so that a packet damaged on the way in is still damaged on the way out and the far end knows.
 */
#include "session.h"
#include "../../lib/stun.h"

enum { RELAY_PREFIX_MAX = 64 }; /* header of the largest Data indication */

/* How a received datagram becomes another. */
struct relay_out {
	const struct sock_addr *src, *dst;
	uint16_t off;  /* first payload byte that stays, from the start of the UDP payload */
	uint16_t len;  /* payload bytes that stay */
	uint64_t csum; /* sum of what the new datagram covers beside payload and lengths */
	uint64_t csum_removed; /* the same of the datagram that came in */
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

/* From a client: p->slot is a session's; the message starts with ChannelData or Send. */
void relay_channel_data(struct worker *w, struct pkt *p);
void relay_send(struct worker *w, struct pkt *p);
/* From a peer to a relayed port whose session is p->slot. */
void relay_peer(struct worker *w, struct pkt *p);

/* A packet from one relayed address to another (data at the IP header): taken in by the owner. */
void relay_loop_input(struct worker *w, struct rte_mbuf *m);

/* Answers a Binding request (RFC 8489 6.3.1), R10. Takes p->m. */
void binding_answer(struct worker *w, struct pkt *p);

/* Hands a request to the control process. Takes p->m. */
void punt(struct worker *w, struct pkt *p);
/* The drop reason of a message that does not parse. */
enum drop punt_why(enum stun_err err);
/* Wakes the control process if it sleeps and something was punted this turn. */
void punt_wake(struct worker *w);

/* Carries out commands of the control process; returns how many. */
uint32_t cmd_input(struct worker *w, uint32_t budget);

/* The message in a listener's datagram: p->m from its UDP payload on. */
static inline uint8_t *pkt_payload(const struct pkt *p)
{
	return rte_pktmbuf_mtod_offset(p->m, uint8_t *, p->l2_len + p->l3_len + UDP_HDR);
}

static inline uint16_t pkt_payload_len(const struct pkt *p)
{
	return (uint16_t)(p->l4_len - UDP_HDR);
}

#endif

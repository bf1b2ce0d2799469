/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The short way from one termination of UDP to the other: what a line can do. What it cannot is
 * left to media.c, which would do the same to each packet; a test compares the two byte by byte.
 */
#include "media.h"
#include "../stage.h"
#include "../relay/path_send.h"

/* Whether a packet came from the remote of a flow. */
static __rte_always_inline bool flow_is_of(const struct media_path *l, const struct path_pkt *k,
					   bool six)
{
	/* Of one family: that of the address of ours it came to. */
	if (load16(l->from_port.b) != load16(pkt_udp(k, six)))
		return false;
	if (six && k->v6)
		return memcmp(l->from.b, k->ip + 8, sizeof(l->from.b)) == 0;
	return load32(l->from.b + 12) == load32(k->ip + 12);
}

/* STUN is for others to tell, and so is what is too short; RTCP is not of the line of RTP. */
static __rte_always_inline bool is_plain(const struct media_path *l, const uint8_t *msg,
					 uint32_t len)
{
	return len >= 2 && msg[0] > STUN_FIRST && !(l->flags & MEDIA_MUX && is_rtcp_type(msg[1]));
}

/* The header is about to be made anew from what stands here. */
static __rte_always_inline void tos_mark(const struct media_path *l, uint8_t *ip, bool v6)
{
	uint16_t word;

	if (!v6) {
		ip[1] = (ip[1] & l->tos_keep) | l->tos;
		return;
	}
	word = (uint16_t)((field16(ip) & (0xf00f | l->tos_keep << 4)) | l->tos << 4);
	memcpy(ip, be16_make(word).b, 2);
}

/* allowed: the flag of a line whose packets may go from here. */
static __rte_always_inline uint32_t flow_relay(struct worker *w, const struct path_pkt *k,
					       struct media_path *l, uint8_t allowed, bool six)
{
	const bool to6 = six && l->flags & MEDIA_TO6;
	const struct ip_addr *src6 = to6 ? &w->dp->relay_addr[l->relay] : NULL;
	const uint8_t *udp = pkt_udp(k, six);
	uint32_t len = field16(udp + 4), payload = len - UDP_HDR;
	struct neigh *n;

	if (unlikely(!(l->flags & allowed) || !flow_is_of(l, k, six) ||
		     !is_plain(l, udp + UDP_HDR, payload)))
		return LEFT;
	n = path_hop(w, k, &l->to, src6, len, six);
	if (unlikely(!n))
		return LEFT;
	tos_mark(l, k->ip, six && k->v6);
	media_count(w, l, udp + UDP_HDR, payload, payload);
	path_write(w, k, &l->to, src6, n, 0, len, l->sum, six);
	tx_put(w, n->port, k->m);
	return payload;
}

/* flow_relay() where IPv6 is on one side or on both, apart from the code for IPv4 alone. */
static __rte_noinline uint32_t flow_relay6(struct worker *w, const struct path_pkt *k,
					   struct media_path *l)
{
	return flow_relay(w, k, l, MEDIA_SHORT, true);
}

/* What became of a burst; by value, so that its members stay in registers. */
struct burst_sum {
	uint64_t sent;	 /* a bit for each packet, by its place */
	uint64_t behind; /* sources of which one was left */
	uint64_t bytes;
	uint32_t packets, rtcp;
};

static __rte_always_inline void burst_sent(struct burst_sum *b, const struct path_pkt *k,
					   uint32_t bytes, uint32_t rtcp)
{
	b->sent |= UINT64_C(1) << k->i;
	b->packets++;
	b->bytes += bytes;
	b->rtcp += rtcp;
}

/*
 * What the line of its port left. RTCP that came to the port of RTP (RFC 5761) is of the next line;
 * asked for only here, so that RTP does not pay.
 */
static __rte_noinline struct burst_sum flow_left(struct worker *w, const struct path_pkt *k,
						 struct media_path *l, struct burst_sum b)
{
	const uint64_t source = source_bit(k->ip);
	const uint8_t *udp = pkt_udp(k, true);
	uint32_t out = LEFT;

	if (!(b.behind & source) && l->flags & MEDIA_MUX && field16(udp + 4) >= UDP_HDR + 2 &&
	    is_rtcp_type(udp[UDP_HDR + 1]))
		out = flow_relay(w, k, l + 1, MEDIA_SHORT_MUX, true);
	if (out == LEFT)
		b.behind |= source;
	else
		burst_sent(&b, k, out, 1);
	return b;
}

uint64_t media_burst(struct worker *w, struct path_terms *t)
{
	struct burst_sum b = { .behind = t->behind };
	const struct path_pkt *k = t->pkt;
	uint16_t i, n = t->n;

	for (i = 0; i < n; i++, k++) {
		struct media_path *l = k->flow;
		uint32_t out = LEFT;

		path_ahead(k, (uint16_t)(n - i));
		if (likely(!b.behind) || !(b.behind & source_bit(k->ip)))
			out = likely(!(k->v6 | (l->flags & MEDIA_TO6)))
				  ? flow_relay(w, k, l, MEDIA_SHORT, false)
				  : flow_relay6(w, k, l);
		if (unlikely(out == LEFT))
			b = flow_left(w, k, l, b);
		else
			burst_sent(&b, k, out, k->slot & 1);
	}
	count_add(w, CNT_GATE_PACKETS, b.packets);
	count_add(w, CNT_GATE_BYTES, b.bytes);
	count_add(w, CNT_GATE_RTCP, b.rtcp);
	stage_work(w, STAGE_RELAY, b.packets);
	return b.sent;
}

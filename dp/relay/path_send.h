/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_RELAY_PATH_SEND_H
#define FL_DP_RELAY_PATH_SEND_H

/*
 * The end of the short way: from a packet whose headers were found to be plain to the one that
 * goes out. What path.c and gateway/media_path.c share; for no others.
 */
#include "path.h"
#include "../net/neigh.h"
#include "../tx.h"

#define LEFT UINT32_MAX /* of what sends a packet: it cannot */

/* What the stages hand on of a packet. */
struct path_pkt {
	struct rte_mbuf *m;
	uint8_t *ip; /* its header */
	union {
		uint64_t hash;		 /* of a client's flow, */
		const uint32_t *entry;	 /* or where the relay table has the port, */
		struct path *path;	 /* until it is found what there is of a session, */
		struct media_path *flow; /* or of a component */
	};
	union {
		uint32_t slot;	   /* of a component, as the relay table has it */
		uint16_t listener; /* index; of a client's */
	};
	uint8_t i; /* place in the burst */
	bool v6;   /* came over IPv6 */
};
_Static_assert(sizeof(struct path_pkt) == 32, "two a line");

/* Packets of a burst to terminations' ports, which the gateway sends (media_burst()). */
struct path_terms {
	uint64_t behind; /* sources (source_bit()) of which a packet was left */
	uint16_t n;
	struct path_pkt pkt[BURST];
};

/*
 * Asks again for the line of a packet some places behind k; n: packets that are left, k's included.
 * Look-ups ask for the lines of a whole burst at once, which is more than a core can keep on the
 * way, and it drops what is too much.
 */
static inline void path_ahead(const struct path_pkt *k, uint16_t n)
{
	enum { AHEAD = 8 };

	if (n > AHEAD)
		rte_prefetch0(k[AHEAD].path);
}

/*
 * The family is a constant where code is for IPv4 or IPv6 alone; `six` is one where it is false in
 * code for IPv4 on both sides, which then asks no packet and no path_out for its family.
 */
static inline uint32_t ip_len(bool v6)
{
	return v6 ? IPV6_HDR : IPV4_HDR;
}

static inline uint8_t *pkt_udp(const struct path_pkt *k, bool six)
{
	return k->ip + ip_len(six && k->v6);
}

static inline uint16_t load16(const uint8_t *p)
{
	uint16_t x;

	memcpy(&x, p, 2);
	return x;
}

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t x;

	memcpy(&x, p, 8);
	return x;
}

static inline uint32_t load32(const uint8_t *p)
{
	uint32_t x;

	memcpy(&x, p, 4);
	return x;
}

/* A field of a header, in host order. */
static inline uint16_t field16(const uint8_t *p)
{
	return __builtin_bswap16(load16(p));
}

/*
 * What is left goes out behind what is sent from here, and a flow must keep its order: packets stay
 * with those of their source that are left. A bit of 64 stands for a source, and for others; of
 * IPv6 for a subnet.
 */
static inline uint64_t source_bit(const uint8_t *ip)
{
	return UINT64_C(1) << (load32(ip + 12) * UINT32_C(0x9e3779b1) >> 26);
}

/*
 * The next hop if len bytes of UDP can go there now: within the MTU, by a port of this worker's,
 * and with a checksum where IPv6, which wants one (RFC 8200 8.1), is on one side or on both. src6:
 * as of path_write().
 */
static __rte_always_inline struct neigh *path_hop(struct worker *w, const struct path_pkt *k,
						  struct path_out *l, const struct ip_addr *src6,
						  uint32_t len, bool six)
{
	struct neigh *n = neigh_open(w->neighbours, l->nh);

	if (six && unlikely(load16(pkt_udp(k, six) + 6) == 0))
		return NULL;
	if (unlikely(!n)) {
		struct ip_addr dst = path_out_dst(l, src6);
		struct ip_addr src = src6 ? *src6 : ip_from_v4(l->src);
		enum drop why;

		n = neigh_find(w, &src, &dst, &l->nh, &why);
		if (!n || n->open == NEIGH_SHUT)
			return NULL;
	}
	len += ip_len(six && src6);
	return likely(len <= n->mtu) ? n : NULL;
}

/*
 * What a header says that is made from another, as it stands in IPv4's on the wire, the rest being
 * 0: version and length, TOS and DF; TTL, one less, and protocol.
 */
struct path_ip {
	uint64_t head;
	uint16_t ttl;
};

static __rte_always_inline struct path_ip ip_read(const struct path_pkt *k, bool six)
{
	const uint64_t df = RTE_BE64(UINT64_C(0x4000));
	const uint8_t *ip = k->ip;

	if (six && k->v6)
		/* To IPv4 as a translator does it, see relay_df(). */
		return (struct path_ip){
			.head = 0x45 | (uint64_t)(uint8_t)(field16(ip) >> 4) << 8 |
				(field16(ip + 4) > 1280 - IPV6_HDR ? df : 0),
			.ttl = (uint16_t)(IP_PROTO_UDP << 8 | (ip[7] - 1)),
		};
	return (struct path_ip){ .head = load64(ip) & RTE_BE64(UINT64_C(0xffff000000004000)),
				 .ttl = (uint16_t)(load16(ip + 8) - 1) };
}

/* The header of len bytes of UDP, like ipv4_write(), addresses and all from a path_out. */
static inline void ipv4_from_out(struct worker *w, uint8_t *p, const struct path_out *l,
				 const struct path_ip *o, uint32_t len)
{
	uint64_t a = o->head, b = o->ttl, addrs, sum;
	uint32_t dst;

	memcpy(&addrs, &l->src, 8);
	memcpy(&dst, &l->dst, 4);
	a |= (uint64_t)__builtin_bswap16((uint16_t)(len + IPV4_HDR)) << 16;
	if (unlikely(!(a >> 32)))
		a |= (uint64_t)__builtin_bswap16(ip_id_next(w)) << 32;
	sum = (a & UINT32_MAX) + (a >> 32) + b + (uint32_t)addrs + (addrs >> 32);
	b |= (uint64_t)csum_field(sum) << 16;
	b |= addrs << 32;
	memcpy(p, &a, 8);
	memcpy(p + 8, &b, 8);
	memcpy(p + 16, &dst, 4);
}

static inline void ipv6_from_out(uint8_t *p, const struct ip_addr *src, const struct path_out *l,
				 const struct path_ip *o, uint32_t len)
{
	ipv6_write(p, &(struct ip_out){ .src = src,
					.dst = &l->dst6,
					.len = (uint16_t)len,
					.proto = IP_PROTO_UDP,
					.tos = (uint8_t)(o->head >> 8),
					.ttl = (uint8_t)o->ttl });
}

/*
 * Makes the frame of a datagram whose UDP header stands shift bytes further than it came: len
 * bytes, the new headers made from the old. added: what its UDP checksum covers now and did not
 * before, as folded sums, lengths twice, for they stand in the pseudo header as well. src6: where
 * from if that is IPv6, else NULL. The caller writes what else changes and then gives it to
 * tx_put(), behind which the packet is another's.
 */
static __rte_always_inline void path_write(struct worker *w, const struct path_pkt *k,
					   const struct path_out *l, const struct ip_addr *src6,
					   struct neigh *n, int shift, uint32_t len, uint64_t added,
					   bool six)
{
	struct path_ip o = ip_read(k, six);
	struct rte_mbuf *m = k->m;
	uint8_t *udp = pkt_udp(k, six), *ip = udp + shift - ip_len(six && src6);
	uint8_t *frame = ip - n->l2_len;
	uint16_t csum = load16(udp + 6);
	uint64_t udp_len = __builtin_bswap16((uint16_t)len), head;

	if (likely(csum))
		csum = csum_udp(csum_neg(csum) + added);
	memcpy(frame, n->l2, 16);
	if (unlikely(n->l2_len > RTE_ETHER_HDR_LEN))
		memcpy(frame + 16, n->l2 + 16, 2);
	if (six && src6)
		ipv6_from_out(ip, src6, l, &o, len);
	else
		ipv4_from_out(w, ip, l, &o, len);
	head = (uint64_t)csum << 48 | udp_len << 32 | load32(l->sport.b);
	memcpy(udp + shift, &head, 8);
	m->data_off = (uint16_t)(frame - (uint8_t *)m->buf_addr);
	m->data_len = (uint16_t)(n->l2_len + ip_len(six && src6) + len);
	m->pkt_len = m->data_len;
	if (unlikely(!n->used))
		n->used = true;
}

#endif

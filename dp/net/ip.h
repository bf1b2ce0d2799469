/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_NET_IP_H
#define FL_DP_NET_IP_H

/* IP in and out: headers, checksums, routes, fragments, ICMP. */
#include "../worker.h"

struct neigh;
struct neigh_table;

enum {
	IPV4_HDR = 20,
	IPV6_HDR = 40,
	UDP_HDR = 8,
	IP_TTL_OWN = 64, /* of packets we make */
	IP_PROTO_ICMP = 1,
	IP_PROTO_TCP = 6,
	IP_PROTO_UDP = 17,
	IP_PROTO_ICMPV6 = 58,
};

/* An address that packets may come from: not ours, unspecified, multicast, broadcast, loopback. */
static inline bool ip_source_ok(const struct dplane *dp, const struct ip_addr *a)
{
	static const struct ip_addr loopback = { { [15] = 1 } };
	uint8_t net = a->b[12];

	if (ip_is_v4(a) ? net == 0 || net == 127 || net >= 224
			: a->b[0] == 0xff || ip_is_unspecified(a) || ip_eq(a, &loopback))
		return false;
	return dplane_local(dp, a) == NULL;
}

/*
 * All headers of a packet stand in its first buffer, STUN's too, and the first bytes of what they
 * carry: bytes are brought there from further ones where need be. False: there is no room.
 */
bool pkt_head_chained(struct rte_mbuf *m);

static inline bool pkt_head(struct rte_mbuf *m)
{
	return likely(m->nb_segs == 1) || pkt_head_chained(m);
}

/* The payload of a datagram: p->m from there on. */
static inline uint8_t *pkt_payload(const struct pkt *p)
{
	return rte_pktmbuf_mtod_offset(p->m, uint8_t *, p->l2_len + p->l3_len + UDP_HDR);
}

static inline uint16_t pkt_payload_len(const struct pkt *p)
{
	return (uint16_t)(p->l4_len - UDP_HDR);
}

/* ---- checksums (csum.c): sums of native 16-bit words, RFC 1071 and 1624 ---- */

static inline uint64_t csum_ip(uint64_t s, const struct ip_addr *a)
{
	uint32_t x[4];

	/* The mapped prefix of IPv4 adds 0xffff, which is zero in one's complement. */
	memcpy(x, a->b, 16);
	return s + x[0] + x[1] + x[2] + x[3];
}

static inline uint64_t csum_be16(uint64_t s, struct be16 v)
{
	uint16_t x;

	memcpy(&x, v.b, 2);
	return s + x;
}

/* A value in host order. */
static inline uint64_t csum_u16(uint64_t s, uint16_t host)
{
	return s + __builtin_bswap16(host);
}

/* Each half is added to the other with its carry, by a rotation, and the upper one has the result.
 */
static inline uint16_t csum_fold(uint64_t s)
{
	uint32_t half;

	s += s << 32 | s >> 32;
	half = (uint32_t)(s >> 32);
	half += half << 16 | half >> 16;
	return (uint16_t)(half >> 16);
}

/* What the checksum's place in a header holds for a sum of all the rest. */
static inline uint16_t csum_field(uint64_t s)
{
	return (uint16_t)~csum_fold(s);
}

/* The same in UDP's, where 0 says that there is no checksum (RFC 768). */
static inline uint16_t csum_udp(uint64_t s)
{
	uint16_t csum = csum_field(s);

	return csum ? csum : 0xffff;
}

/* A word that is taken out of a sum: subtracting in one's complement is adding the complement. */
static inline uint64_t csum_neg(uint16_t word)
{
	return (uint16_t)~word;
}

/* Adds n words of 4 bytes at p; where n is not a constant, csum_bytes() is faster. */
static __rte_always_inline uint64_t csum_words(uint64_t s, const void *p, size_t n)
{
	const uint8_t *b = p;
	uint32_t x;
	size_t i;

	for (i = 0; i < n; i++) {
		memcpy(&x, b + 4 * i, 4);
		s += x;
	}
	return s;
}

/* Adds len bytes at p, which stand at an even offset of what is summed. */
uint64_t csum_bytes(uint64_t s, const void *p, size_t len);
/* Adds len bytes of a packet that may be chained, from byte off. */
uint64_t csum_mbuf(uint64_t s, const struct rte_mbuf *m, uint32_t off, uint32_t len);
/* Adds the pseudo header of either family. len: bytes after the IP header. */
static inline uint64_t csum_pseudo(uint64_t s, const struct ip_addr *src, const struct ip_addr *dst,
				   uint8_t proto, uint16_t len)
{
	return csum_u16(csum_u16(csum_ip(csum_ip(s, src), dst), proto), len);
}

/* Whether the UDP, TCP, ICMP or ICMPv6 checksum of a parsed packet is right: the port's word, or
 * sum. */
bool pkt_l4_csum_ok(const struct worker *w, const struct pkt *p);
/*
 * Computes the UDP checksum of a datagram that never left its machine (RTE_MBUF_F_RX_L4_CKSUM_NONE,
 * from virtio guests): what stands in its place is no checksum. l4_len is UDP's own length.
 */
void pkt_udp_csum_finish(struct pkt *p);

/* ---- out (ip.c) ---- */

/*
 * What a packet of ours is, m, data at the IP header: that was written a moment ago and stands in
 * one piece, so there is nothing to distrust. Ports are zero unless it is UDP or TCP, and no
 * fragment.
 */
void pkt_own_read(struct rte_mbuf *m, struct pkt *p);

/* Fields of an IP header to be written. len: bytes after the IP header. */
struct ip_out {
	const struct ip_addr *src, *dst; /* one family */
	uint16_t len;
	uint8_t proto, tos, ttl;
	bool df;
};

static inline uint8_t ip_hdr_len(const struct ip_addr *a)
{
	return ip_is_v4(a) ? IPV4_HDR : IPV6_HDR;
}

/* IPv4 header without options, as it stands on the wire. */
struct ipv4 {
	uint8_t ver_ihl, tos;
	struct be16 len, id, frag;
	uint8_t ttl, proto;
	uint8_t csum[2];
	struct be32 src, dst;
};
_Static_assert(sizeof(struct ipv4) == IPV4_HDR, "wire format");

struct ipv6 {
	struct be32 ver_tc_flow;
	struct be16 len;
	uint8_t proto, hops;
	struct ip_addr src, dst;
};
_Static_assert(sizeof(struct ipv6) == IPV6_HDR, "wire format");

/*
 * Identification of a packet that may be cut (RFC 6864 4.1): workers send from the same addresses,
 * so each has its own numbers.
 */
static inline uint16_t ip_id_next(struct worker *w)
{
	return w->ip_id = (uint16_t)(w->ip_id + w->dp->n_workers);
}

/*
 * Built in registers, word by word in memory order: the checksum needs no second look at bytes
 * that have just been stored.
 */
static inline void ipv4_write(struct worker *w, uint8_t *p, const struct ip_out *o)
{
	uint16_t len = __builtin_bswap16((uint16_t)(IPV4_HDR + o->len));
	uint64_t a, b, addrs;
	uint32_t src, dst;

	memcpy(&src, o->src->b + 12, 4);
	memcpy(&dst, o->dst->b + 12, 4);
	a = (uint64_t)len << 16 | (uint64_t)o->tos << 8 | 0x45;
	/* Atomic datagrams need no identification (RFC 6864 4.1). */
	a |= (o->df ? UINT64_C(0x00400000) : __builtin_bswap16(ip_id_next(w))) << 32;
	b = (uint64_t)o->proto << 8 | o->ttl;
	addrs = (uint64_t)src + dst;
	b |= (uint64_t)csum_field((a & UINT32_MAX) + (a >> 32) + b + addrs) << 16;
	b |= (uint64_t)src << 32;
	memcpy(p, &a, 8);
	memcpy(p + 8, &b, 8);
	memcpy(p + 16, &dst, 4);
}

static inline void ipv6_write(uint8_t *p, const struct ip_out *o)
{
	struct ipv6 h = { .ver_tc_flow = be32_make(UINT32_C(6) << 28 | (uint32_t)o->tos << 20),
			  .len = be16_make(o->len),
			  .proto = o->proto,
			  .hops = o->ttl,
			  .src = *o->src,
			  .dst = *o->dst };

	memcpy(p, &h, sizeof(h));
}

/* Writes an IPv4 or IPv6 header at p; returns its length. */
static inline uint8_t ip_write(struct worker *w, uint8_t *p, const struct ip_out *o)
{
	if (likely(ip_is_v4(o->dst))) {
		ipv4_write(w, p, o);
		return IPV4_HDR;
	}
	ipv6_write(p, o);
	return IPV6_HDR;
}

/*
 * Sends m (data at the IP header) to next hop n, in fragments if it is larger than the link and
 * may be cut (df is false). Takes m. Returns false when it was dropped as too big.
 */
bool ip_send(struct worker *w, struct neigh *n, struct rte_mbuf *m, bool df);

/* Finds the next hop and sends: the path of packets we make ourselves. Takes m. */
void ip_route_send(struct worker *w, struct rte_mbuf *m, const struct ip_addr *src,
		   const struct ip_addr *dst);

/*
 * Prepends UDP and IP headers to the payload m holds, with a full checksum and a TTL of our own.
 * DROP_NONE when done, else why it cannot be. Does not take m.
 */
enum drop udp_write(struct worker *w, struct rte_mbuf *m, const struct sock_addr *src,
		    const struct sock_addr *dst, uint8_t tos, bool df);

/* Prepends UDP and IP headers to the payload m holds, as udp_write() does; sends it. Takes m. */
void udp_send(struct worker *w, struct rte_mbuf *m, const struct sock_addr *src,
	      const struct sock_addr *dst, uint8_t tos);

/*
 * The way from src, an address of ours, to dst. A port's subnets, routes and gateways are the
 * network its addresses are in: so those of src's port come first, and the other ports' only for
 * what that knows no way to, or while it has no link and another names dst by more than a default
 * gateway. Within either the longest prefix wins, and of two as long the first whose gateway has
 * not failed in t, a worker's neighbours (NULL: the first). src NULL: any address of ours, the
 * longest prefix of all. False if there is no way, and for addresses that are no host's: multicast,
 * broadcast, unspecified, loopback, IPv6 link-local.
 */
bool ip_route(const struct dplane *dp, struct neigh_table *t, const struct ip_addr *src,
	      const struct ip_addr *dst, uint16_t *port, struct ip_addr *via);

/* ---- all of this folder on a worker (net.c) ---- */

/* Part of worker_create(), worker_free(). On failure one sentence in err. */
bool net_create(struct worker *w, char *err, size_t errlen);
void net_destroy(struct worker *w);
/* Another snapshot is in force (dp/snapshot.h): rates, and all next hops are looked up again. */
void net_snapshot(struct worker *w);
/* Housekeeping of neighbours and fragments. */
void net_tick(struct worker *w);
/* Packets that wait now, for neighbours or for more fragments. */
uint32_t net_held(const struct worker *w);
/* Neighbours known now. */
uint32_t net_neighbours(const struct worker *w);

/* ---- fragments (frag.c, frag_table.c) ---- */

/*
 * A fragment came in: takes m (Ethernet header at its start, l2_len long). Returns the whole
 * packet, Ethernet header at its start, or NULL when more are missing or it was dropped.
 */
struct rte_mbuf *frag_input(struct worker *w, struct rte_mbuf *m, uint8_t l2_len, bool v6);
/* Cuts m (data at the IP header) to n->mtu and sends the pieces. Takes m. */
void frag_send(struct worker *w, struct neigh *n, struct rte_mbuf *m);
/* Frees what timed out; every NEIGH_TICK_MS, a bounded number a call. */
void frag_tick(struct worker *w);
/* Fragments that wait now. */
uint32_t frag_held(const struct worker *w);
bool frag_create(struct worker *w, char *err, size_t errlen);
void frag_destroy(struct worker *w);

/* ---- ICMP (icmp.c) ---- */

enum {
	ICMP_HDR = 8,
	ICMP4_ECHO_REPLY = 0,
	ICMP4_UNREACHABLE = 3,
	ICMP4_ECHO = 8,
	ICMP4_TIME = 11,
	ICMP4_CODE_NEEDS_FRAG = 4,
	ICMP6_UNREACHABLE = 1,
	ICMP6_TOO_BIG = 2,
	ICMP6_TIME = 3,
	ICMP6_PARAMETER = 4,
	ICMP6_ECHO = 128,
	ICMP6_ECHO_REPLY = 129,
	ICMP6_MLD_QUERY = 130,
	ICMP6_ND_FIRST = 133,
	ICMP6_ND_ADVERT = 136,
	ICMP6_ND_LAST = 137,
};

/* Writes the checksum of len bytes of m from off on, where icmp is. */
void icmp_checksum(uint8_t *icmp, const struct rte_mbuf *m, uint32_t off, uint16_t len,
		   const struct ip_addr *src, const struct ip_addr *dst);

/* An ICMP error about a packet that one of our relayed ports or connections sent. */
struct icmp_report {
	struct sock_addr relayed, peer; /* source and destination of the packet it is about */
	uint8_t type, code;		/* as the peer's family has them */
	bool unreachable;		/* its type is "destination unreachable" */
	uint32_t data;			/* MTU of "too big", host order; else 0 */
	uint8_t proto;			/* UDP or TCP; ICMP: an echo of ours (ping.h) */
	uint32_t seq;			/* TCP's sequence number, or an echo's identifier and
					   sequence number; host order */
};

/*
 * ICMP or ICMPv6 for us: echo, ND, errors about packets of ours. copy: another worker's, to learn
 * from and no more. True: it is an error whose quotation can be believed so far; *r says what it
 * is about, and p->m is the caller's. False: p->m is gone.
 */
bool icmp_input(struct worker *w, struct pkt *p, bool copy, struct icmp_report *r);

enum icmp_why {
	ICMP_WHY_PORT,	  /* port unreachable */
	ICMP_WHY_TOO_BIG, /* fragmentation needed, packet too big */
	ICMP_WHY_TTL,	  /* time exceeded */
	ICMP_WHY_HOST,	  /* host unreachable */
	ICMP_WHY_PROTO,	  /* protocol unreachable, or unrecognised next header */
};

/*
 * Tells p's source why its packet ended (RFC 792, 1191, 4443): rate-limited, never about ICMP
 * errors, multicast, later fragments or what came by ESP. mtu is for ICMP_WHY_TOO_BIG. Does not
 * take p->m, and must be called before its headers are rewritten.
 */
void icmp_error(struct worker *w, const struct pkt *p, enum icmp_why why, uint16_t mtu);

/*
 * Whether `to`, which may be forged, may have one more answer within dataplane.icmp-rate: an error,
 * or a segment about one that no connection takes.
 */
bool icmp_rate_allow(struct worker *w, const struct ip_addr *to);

#endif

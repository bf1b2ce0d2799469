/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_PERF_WIRE_H
#define FL_PERF_WIRE_H

/* Frames: Ethernet, ARP (RFC 826), IPv4, IPv6, neighbour discovery (RFC 4861 4.3), UDP. */
#include "lib/addr.h"

#include <rte_ip.h>
#include <rte_mbuf.h>

enum {
	ETH_IPV4 = 0x0800,
	ETH_ARP = 0x0806,
	ETH_IPV6 = 0x86dd,
	PROTO_UDP = 17,
	PROTO_ICMP6 = 58,
	IPV4_ATOMIC = 0x4000, /* don't fragment: the identification means nothing (RFC 6864) */
	IPV4_FRAGMENT = 0x3fff,
};

struct eth_hdr {
	uint8_t dst[6], src[6];
	struct be16 type;
};

struct ipv4_hdr {
	uint8_t version_ihl, tos;
	struct be16 len, id, fragment;
	uint8_t ttl, proto;
	struct be16 sum;
	struct be32 src, dst;
};

struct ipv6_hdr {
	struct be32 version;
	struct be16 len;
	uint8_t proto, hops;
	struct ip_addr src, dst;
};

struct udp_hdr {
	struct be16 src, dst, len, sum;
};

struct arp_pkt {
	struct be16 hardware, protocol;
	uint8_t hardware_len, protocol_len;
	struct be16 op; /* 1 request, 2 reply */
	uint8_t sender_mac[6];
	struct be32 sender;
	uint8_t target_mac[6];
	struct be32 target;
};

/* Neighbour solicitation (135) and advertisement (136) with their link-layer address option. */
struct nd_pkt {
	uint8_t type, code;
	struct be16 sum;
	struct be32 flags;
	struct ip_addr target;
	uint8_t option, option_len; /* 1 source, 2 target; units of 8 bytes */
	uint8_t mac[6];
};

_Static_assert(sizeof(struct eth_hdr) == 14 && sizeof(struct ipv4_hdr) == 20 &&
		   sizeof(struct ipv6_hdr) == 40 && sizeof(struct udp_hdr) == 8 &&
		   sizeof(struct arp_pkt) == 28 && sizeof(struct nd_pkt) == 32,
	       "wire format");

/* Where IP starts in a frame, and UDP. */
enum {
	L3_AT = sizeof(struct eth_hdr),
	L4_AT4 = L3_AT + sizeof(struct ipv4_hdr),
	L4_AT6 = L3_AT + sizeof(struct ipv6_hdr),
};

/* An IP packet in a buffer: no fragment, no options, one segment. */
struct packet {
	uint8_t *l3, *l4;
	uint16_t l4_len; /* bytes that the IP header says */
	uint8_t proto;
	bool v6;
};

/* False for anything else, and for what is cut. */
static inline bool packet_parse(struct rte_mbuf *m, struct packet *p)
{
	uint8_t *f = rte_pktmbuf_mtod(m, uint8_t *);
	uint32_t len = m->data_len;
	uint16_t total;

	p->l3 = f + L3_AT;
	if (len >= L4_AT4 + sizeof(struct udp_hdr) && f[12] == ETH_IPV4 >> 8 && f[13] == 0 &&
	    f[L3_AT] == 0x45) {
		const struct ipv4_hdr *ip = (const struct ipv4_hdr *)p->l3;

		total = be16_get(ip->len);
		p->l4 = f + L4_AT4;
		p->l4_len = (uint16_t)(total - sizeof(*ip));
		p->proto = ip->proto;
		p->v6 = false;
		return total >= sizeof(*ip) && L3_AT + (uint32_t)total <= len &&
		       (be16_get(ip->fragment) & IPV4_FRAGMENT) == 0;
	}
	if (len >= L4_AT6 + sizeof(struct udp_hdr) && f[12] == ETH_IPV6 >> 8 &&
	    f[13] == (ETH_IPV6 & 0xff)) {
		const struct ipv6_hdr *ip = (const struct ipv6_hdr *)p->l3;

		p->l4 = f + L4_AT6;
		p->l4_len = be16_get(ip->len);
		p->proto = ip->proto;
		p->v6 = true;
		return L4_AT6 + (uint32_t)p->l4_len <= len;
	}
	return false;
}

/*
 * Ones' complement sum of a packet's pseudo-header and layer 4 (RFC 1071), in memory's byte order,
 * folded, not inverted: 0xffff where the checksum inside is right.
 */
static inline uint16_t packet_sum(const struct packet *p)
{
	const struct be16 extra[2] = { be16_make(p->proto), be16_make(p->l4_len) };
	const uint8_t *addresses = p->v6 ? p->l3 + 8 : p->l3 + 12;
	uint32_t sum = rte_raw_cksum(addresses, p->v6 ? 32 : 8);

	sum += rte_raw_cksum(extra, sizeof(extra));
	sum += rte_raw_cksum(p->l4, p->l4_len);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* Writes a checksum whose other bytes sum up to sum: never 0, which UDP takes for none. */
static inline void sum_write(void *at, uint32_t sum)
{
	uint16_t s;

	sum = (sum & 0xffff) + (sum >> 16);
	s = (uint16_t) ~((sum & 0xffff) + (sum >> 16));
	s = s ? s : 0xffff;
	memcpy(at, &s, sizeof(s));
}

/*
 * An IP header in front of a UDP datagram of udp_len bytes, checksum included. Both addresses are
 * of one family.
 */
static inline void ip_write(uint8_t *l3, const struct ip_addr *src, const struct ip_addr *dst,
			    uint16_t udp_len)
{
	struct ipv4_hdr ip4 = { .version_ihl = 0x45,
				.len = be16_make((uint16_t)(udp_len + sizeof(ip4))),
				.fragment = be16_make(IPV4_ATOMIC),
				.ttl = 64,
				.proto = PROTO_UDP };
	struct ipv6_hdr ip6 = { .version = be32_make(UINT32_C(6) << 28),
				.len = be16_make(udp_len),
				.proto = PROTO_UDP,
				.hops = 64,
				.src = *src,
				.dst = *dst };

	if (!ip_is_v4(dst)) {
		memcpy(l3, &ip6, sizeof(ip6));
		return;
	}
	ip4.src = ip_to_v4(src);
	ip4.dst = ip_to_v4(dst);
	sum_write(&ip4.sum, rte_raw_cksum(&ip4, sizeof(ip4)));
	memcpy(l3, &ip4, sizeof(ip4));
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_PACKET_H
#define FL_TESTS_PACKET_H

/*
 * Frames, written and read byte by byte with code of its own, so that a mistake in the dataplane's
 * headers or checksums cannot hide in the test as well. Nothing here knows a worker.
 */
#include "lib/addr.h"
#include "lib/stun.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FRAME_MAX = 9600 };

struct frame {
	uint16_t len;
	uint8_t b[FRAME_MAX];
};

extern const uint8_t world_mac[6]; /* of everybody but us */
/* Ours, of a port: it goes to mac. */
void port_mac(uint16_t port, uint8_t *mac);

/* Addresses from text; a wrong one ends the test. */
struct sock_addr at(const char *ip, uint16_t port);

/* ---- bytes ---- */

static inline void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/* One's complement sums (RFC 1071), folded: of len bytes upon s, and of a pseudo header. */
uint32_t sum16(uint32_t s, const uint8_t *p, size_t len);
uint32_t sum_pseudo(const struct ip_addr *src, const struct ip_addr *dst, uint8_t proto,
		    size_t len);

/* ---- frames in ---- */

enum frame_csum { CSUM_GOOD, CSUM_BAD, CSUM_NONE };

struct frame_opt {
	uint8_t tos, ttl; /* ttl 0: 64 */
	bool df;
	uint16_t vlan;
	enum frame_csum csum;
};

void frame_udp(struct frame *f, uint16_t port, const struct sock_addr *src,
	       const struct sock_addr *dst, const void *payload, size_t len,
	       const struct frame_opt *o);
/* Ethernet and IP header around len bytes of another protocol. */
void frame_ip(struct frame *f, uint16_t port, const struct ip_addr *src, const struct ip_addr *dst,
	      uint8_t proto, const void *payload, size_t len, const struct frame_opt *o);
/* Writes the right checksum of the ICMP or ICMPv6 message in a frame of frame_ip(). */
void frame_icmp_csum(struct frame *f);
/* The same for UDP; the datagram fills the packet. */
void frame_udp_csum(struct frame *f);
/* Rewrites the IPv4 header's checksum. */
void frame_ip_csum(struct frame *f);
uint16_t frame_l3(const struct frame *f); /* where its IP header starts */
uint16_t frame_l4(const struct frame *f); /* what follows it, no extension headers */
uint8_t frame_proto(const struct frame *f);

/* ---- frames out ---- */

/* What an IP packet said: whole, with no options, and checked down to its last byte. */
struct ip_view {
	struct ip_addr src, dst;
	uint8_t tos, ttl, proto;
	bool df; /* IPv4 */
	const uint8_t *payload;
	uint16_t len;
};
void frame_read(const struct frame *f, struct ip_view *v);

/* What a UDP frame said. */
struct udp_view {
	struct sock_addr src, dst;
	uint8_t tos, ttl;
	bool df;
	bool csum_ok, csum_zero; /* of UDP, computed afresh over all of it */
	const uint8_t *payload;
	uint16_t len;
};
/* The same, and UDP's lengths. */
void frame_read_udp(const struct frame *f, struct udp_view *v);

/* ---- messages ---- */

size_t chandata(uint8_t *buf, uint16_t channel, const void *data, size_t len);
size_t send_ind(uint8_t *buf, size_t cap, const struct sock_addr *peer, const void *data,
		size_t len, bool dont_fragment, bool fingerprint);
/* Bytes that show where they come from. */
void fill(uint8_t *p, size_t len, uint8_t seed);

#endif

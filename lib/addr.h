/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_ADDR_H
#define FL_LIB_ADDR_H

/*
 * Addresses. Both families share one 16-byte form: IPv4 is held as IPv4-mapped (::ffff:a.b.c.d),
 * so that keys, tables and messages need no second shape. An address that came off the wire as
 * IPv6 and lies in ::ffff:0:0/96 must be refused before it is stored (stun_get_xor_addr() tells).
 */
#include "be.h"

#include <stddef.h>

enum {
	ADDR_STR_MAX = 64, /* text of any socket address or prefix, with brackets and port */
};

struct ip_addr {
	uint8_t b[16]; /* network order */
};

/* A transport address. */
struct sock_addr {
	struct ip_addr ip;
	struct be16 port;
};

/* An address block; len counts bits of the 16-byte form (IPv4 /24 is 120). */
struct ip_prefix {
	struct ip_addr ip;
	uint8_t len;
};

_Static_assert(sizeof(struct sock_addr) == 18, "sock_addr crosses the process boundary");

static inline bool ip_is_v4(const struct ip_addr *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(a->b, mapped, sizeof(mapped)) == 0;
}

/* fe80::/10: means something on one link only. */
static inline bool ip_is_link_local(const struct ip_addr *a)
{
	return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

/*
 * Written with one store: a moment later it is read back whole, as a key, and bytes that come
 * from two stores stall until both have left the store buffer.
 */
static inline struct ip_addr ip_from_v4(struct be32 v4)
{
	uint64_t __attribute__((vector_size(16))) v;
	struct ip_addr a;
	uint32_t x;

	memcpy(&x, v4.b, 4);
	v[0] = 0;
	v[1] = (uint64_t)x << 32 | UINT64_C(0xffff0000);
	memcpy(a.b, &v, sizeof(a.b));
	return a;
}

/* The IPv4 address inside an IPv4-mapped one. */
static inline struct be32 ip_to_v4(const struct ip_addr *a)
{
	struct be32 v4;

	memcpy(v4.b, a->b + 12, 4);
	return v4;
}

static inline bool ip_eq(const struct ip_addr *a, const struct ip_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static inline bool sock_addr_eq(const struct sock_addr *a, const struct sock_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static inline bool ip_is_unspecified(const struct ip_addr *a)
{
	static const struct ip_addr unspecified;

	return ip_eq(a, &unspecified);
}

static inline bool addr_given(const struct sock_addr *a)
{
	return !ip_is_unspecified(&a->ip);
}

/*
 * Who is behind an address, as far as it tells: it of IPv4, its /64 of IPv6, the rest of which is
 * its host's to choose. No address of IPv6 begins as those of IPv4 end in their 16-byte form.
 */
static inline uint64_t ip_source(const struct ip_addr *a)
{
	uint64_t source;

	memcpy(&source, ip_is_v4(a) ? a->b + sizeof(source) : a->b, sizeof(source));
	return source;
}

/* Whether a lies in p. A prefix of one family never holds an address of the other. */
bool ip_in_prefix(const struct ip_addr *a, const struct ip_prefix *p);
/* In one of n. */
bool ip_in_prefixes(const struct ip_addr *a, const struct ip_prefix *p, size_t n);

/* "10.0.0.1" or "fd00::1" (no scope, no brackets). False if s is anything else. */
bool ip_parse(const char *s, struct ip_addr *out);

/* "10.0.0.0/8", "fd00::/8", or a bare address (a host prefix). Host bits are kept in ip. */
bool ip_prefix_parse(const char *s, struct ip_prefix *out);

/* "10.0.0.1:80" or "[fd00::1]:80", with a port of 1 to 65535. False if s is anything else. */
bool sock_addr_parse(const char *s, struct sock_addr *out);

/* Text into buf (NUL-terminated, cut if too small); returns buf. */
const char *ip_format(const struct ip_addr *a, char *buf, size_t len);
const char *ip_prefix_format(const struct ip_prefix *p, char *buf, size_t len);
const char *sock_addr_format(const struct sock_addr *a, char *buf, size_t len); /* [v6]:port */

/*
 * Special-purpose addresses a relay must not reach unless the operator allows them: RFC 6890 and
 * its IANA registries for both families, multicast and broadcast included (R77). Addresses that
 * carry an IPv4 address inside (IPv4-mapped, IPv4-compatible, 6to4, NAT64 64:ff9b::/96 and
 * 64:ff9b:1::/48, Teredo) are judged by the address inside as well. Returns a short name of the
 * block for messages ("loopback", "private-use", ...), or NULL for a global unicast address.
 */
const char *ip_special(const struct ip_addr *a);

/* The IPv4 address carried inside an IPv6 address (forms above). False if there is none. */
bool ip_embedded_v4(const struct ip_addr *a, struct ip_addr *v4);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#include "addr.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { V4_BITS = 96 }; /* bits in front of the IPv4 address in the 16-byte form */

static bool bits_match(const uint8_t *a, const uint8_t *b, unsigned int len)
{
	unsigned int bytes = len / 8, rest = len % 8;

	return memcmp(a, b, bytes) == 0 && (rest == 0 || (a[bytes] ^ b[bytes]) >> (8 - rest) == 0);
}

bool ip_in_prefix(const struct ip_addr *a, const struct ip_prefix *p)
{
	return p->len <= 128 && ip_is_v4(a) == ip_is_v4(&p->ip) &&
	       bits_match(a->b, p->ip.b, p->len);
}

bool ip_in_prefixes(const struct ip_addr *a, const struct ip_prefix *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (ip_in_prefix(a, &p[i]))
			return true;
	}
	return false;
}

/* ---- text ---- */

bool ip_parse(const char *s, struct ip_addr *out)
{
	struct be32 v4;

	if (inet_pton(AF_INET, s, v4.b) == 1) {
		*out = ip_from_v4(v4);
		return true;
	}
	/* "::ffff:10.0.0.1" would silently be another family than it looks. */
	return inet_pton(AF_INET6, s, out->b) == 1 && !ip_is_v4(out);
}

/* Up to `digits` of them and nothing else; -1 otherwise. */
static int number_parse(const char *s, size_t digits)
{
	int n = 0;

	if (*s == '\0' || strlen(s) > digits)
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -1;
		n = 10 * n + (*s - '0');
	}
	return n;
}

bool ip_prefix_parse(const char *s, struct ip_prefix *out)
{
	const char *slash = strchr(s, '/');
	size_t n = slash ? (size_t)(slash - s) : strlen(s);
	char addr[ADDR_STR_MAX];
	int len = 128;

	if (n >= sizeof(addr))
		return false;
	memcpy(addr, s, n);
	addr[n] = '\0';
	if (!ip_parse(addr, &out->ip))
		return false;
	if (slash) {
		len = number_parse(slash + 1, 3);
		if (len >= 0 && ip_is_v4(&out->ip))
			len += V4_BITS;
	}
	if (len < 0 || len > 128)
		return false;
	out->len = (uint8_t)len;
	return true;
}

bool sock_addr_parse(const char *s, struct sock_addr *out)
{
	const char *colon = strrchr(s, ':');
	size_t n = colon ? (size_t)(colon - s) : 0;
	const bool bracketed = n >= 2 && s[0] == '[' && s[n - 1] == ']';
	char addr[ADDR_STR_MAX];
	int port;

	if (!colon || n >= sizeof(addr))
		return false;
	if (bracketed) {
		s++;
		n -= 2;
	}
	memcpy(addr, s, n);
	addr[n] = '\0';
	port = number_parse(colon + 1, 5);
	if (port < 1 || port > UINT16_MAX || !ip_parse(addr, &out->ip) ||
	    ip_is_v4(&out->ip) == bracketed)
		return false;
	out->port = be16_make((uint16_t)port);
	return true;
}

const char *ip_format(const struct ip_addr *a, char *buf, size_t len)
{
	char text[INET6_ADDRSTRLEN];

	if (ip_is_v4(a))
		inet_ntop(AF_INET, a->b + 12, text, sizeof(text));
	else
		inet_ntop(AF_INET6, a->b, text, sizeof(text));
	snprintf(buf, len, "%s", text);
	return buf;
}

const char *ip_prefix_format(const struct ip_prefix *p, char *buf, size_t len)
{
	unsigned int skip = ip_is_v4(&p->ip) ? V4_BITS : 0;
	char text[INET6_ADDRSTRLEN];

	ip_format(&p->ip, text, sizeof(text));
	snprintf(buf, len, "%s/%u", text, p->len > skip ? p->len - skip : 0);
	return buf;
}

const char *sock_addr_format(const struct sock_addr *a, char *buf, size_t len)
{
	char text[INET6_ADDRSTRLEN];

	ip_format(&a->ip, text, sizeof(text));
	snprintf(buf, len, ip_is_v4(&a->ip) ? "%s:%u" : "[%s]:%u", text, be16_get(a->port));
	return buf;
}

/* ---- special-purpose addresses ---- */

struct special {
	uint8_t b[16];
	uint8_t len;
	const char *name;
};

/*
 * The IANA IPv4 Special-Purpose Address Registry (RFC 6890 2.2.2 and later), IPv4 multicast
 * (RFC 5771) and limited broadcast. Narrow blocks stand before the wide ones that hold them.
 */
static const struct special special_v4[] = {
	{ { 0 }, 8, "this-network" },
	{ { 10 }, 8, "private-use" },
	{ { 100, 64 }, 10, "shared-address-space" },
	{ { 127 }, 8, "loopback" },
	{ { 169, 254 }, 16, "link-local" },
	{ { 172, 16 }, 12, "private-use" },
	{ { 192, 0, 0 }, 24, "ietf-protocol" },
	{ { 192, 0, 2 }, 24, "documentation" },
	{ { 192, 31, 196 }, 24, "as112" },
	{ { 192, 52, 193 }, 24, "amt" },
	{ { 192, 88, 99 }, 24, "6to4-relay" },
	{ { 192, 168 }, 16, "private-use" },
	{ { 192, 175, 48 }, 24, "as112" },
	{ { 198, 18 }, 15, "benchmarking" },
	{ { 198, 51, 100 }, 24, "documentation" },
	{ { 203, 0, 113 }, 24, "documentation" },
	{ { 224 }, 4, "multicast" },
	{ { 255, 255, 255, 255 }, 32, "broadcast" },
	{ { 240 }, 4, "reserved" },
};

/*
 * The IANA IPv6 Special-Purpose Address Registry (RFC 6890 2.2.3 and later), multicast (RFC 4291
 * 2.7), and the deprecated site-local and IPv4-compatible blocks. 2001::/23 stands for the
 * registry's globally reachable exceptions inside it as well: anycast services and identifiers,
 * none of which is a peer.
 */
static const struct special special_v6[] = {
	{ { 0 }, 128, "unspecified" },
	{ { [15] = 1 }, 128, "loopback" },
	{ { 0 }, 96, "ipv4-compatible" },
	{ { 0x00, 0x64, 0xff, 0x9b }, 96, "nat64" },
	{ { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 }, 48, "nat64-local" },
	{ { 0x01 }, 64, "discard-only" },
	{ { 0x01, [7] = 1 }, 64, "dummy" },
	{ { 0x20, 0x01 }, 32, "teredo" },
	{ { 0x20, 0x01, 0x00, 0x02 }, 48, "benchmarking" },
	{ { 0x20, 0x01, 0x00, 0x10 }, 28, "orchid" },
	{ { 0x20, 0x01, 0x00, 0x20 }, 28, "orchid" },
	{ { 0x20, 0x01 }, 23, "ietf-protocol" },
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32, "documentation" },
	{ { 0x20, 0x02 }, 16, "6to4" },
	{ { 0x26, 0x20, 0x00, 0x4f, 0x80, 0x00 }, 48, "as112" },
	{ { 0x3f, 0xff }, 20, "documentation" },
	{ { 0x5f, 0x00 }, 16, "srv6-sid" },
	{ { 0xfc }, 7, "unique-local" },
	{ { 0xfe, 0x80 }, 10, "link-local" },
	{ { 0xfe, 0xc0 }, 10, "site-local" },
	{ { 0xff }, 8, "multicast" },
};

static const char *special_find(const struct special *t, size_t n, const uint8_t *addr)
{
	for (size_t i = 0; i < n; i++)
		if (bits_match(addr, t[i].b, t[i].len))
			return t[i].name;
	return NULL;
}

#define SPECIAL_FIND(table, addr) special_find(table, sizeof(table) / sizeof((table)[0]), addr)

static bool starts_with(const struct ip_addr *a, const char *bytes, size_t n)
{
	return memcmp(a->b, bytes, n) == 0;
}

bool ip_embedded_v4(const struct ip_addr *a, struct ip_addr *v4)
{
	const uint8_t *b = a->b;
	struct be32 in;

	if (starts_with(a, "\x20\x02", 2)) { /* 6to4, RFC 3056 2 */
		memcpy(in.b, b + 2, 4);
	} else if (starts_with(a, "\x20\x01\0\0", 4)) { /* Teredo client, RFC 4380 4: inverted */
		for (int i = 0; i < 4; i++)
			in.b[i] = b[12 + i] ^ 0xff;
	} else if (starts_with(a, "\0\x64\xff\x9b\0\x01", 6)) { /* a /48, RFC 6052 2.2: skips 8 */
		in = (struct be32){ { b[6], b[7], b[9], b[10] } };
	} else if (starts_with(a, "\0\x64\xff\x9b\0\0\0\0\0\0\0\0", 12) || ip_is_v4(a)) {
		in = ip_to_v4(a);
	} else if (starts_with(a, "\0\0\0\0\0\0\0\0\0\0\0\0", 12)) { /* IPv4-compatible */
		in = ip_to_v4(a);
		if (be32_get(in) <= 1) /* :: and ::1 carry nothing */
			return false;
	} else {
		return false;
	}
	*v4 = ip_from_v4(in);
	return true;
}

const char *ip_special(const struct ip_addr *a)
{
	const char *name = NULL;
	struct ip_addr v4;

	if (ip_embedded_v4(a, &v4))
		name = SPECIAL_FIND(special_v4, v4.b + 12);
	if (name || ip_is_v4(a))
		return name;
	name = SPECIAL_FIND(special_v6, a->b);
	if (!name && (a->b[0] & 0xe0) != 0x20) /* only 2000::/3 is global unicast, RFC 4291 2.4 */
		name = "unassigned";
	return name;
}

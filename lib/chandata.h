/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_CHANDATA_H
#define FL_LIB_CHANDATA_H

/* ChannelData messages (RFC 8656 12.4). */
#include "be.h"

#include <stddef.h>

enum {
	CHANDATA_HDR_LEN = 4,
	CHANNEL_MIN = 0x4000,
	CHANNEL_MAX = 0x4fff,	      /* 0x5000 and up are reserved by RFC 8656 12 */
	CHANNEL_MAX_RFC5766 = 0x7fff, /* what its predecessor allowed */
};

struct chandata_hdr {
	struct be16 number;
	struct be16 len; /* payload bytes, without padding */
};
_Static_assert(sizeof(struct chandata_hdr) == CHANDATA_HDR_LEN, "wire format");

/*
 * First byte of a ChannelData message: 01xxxxxx, which a STUN message never has. Which numbers
 * may be bound is decided when they are.
 */
static inline bool chandata_looks_like(uint8_t first)
{
	return (first & 0xc0) == 0x40;
}

/*
 * Reads one datagram. Returns the payload's length (0 is legal), or -1 if it is shorter than it
 * says. Bytes after the payload are padding over UDP and are not part of it.
 */
static inline int chandata_parse(const uint8_t *p, size_t len, uint16_t *number)
{
	size_t n;

	if (len < CHANDATA_HDR_LEN || !chandata_looks_like(p[0]))
		return -1;
	*number = be16_read(p);
	n = be16_read(p + 2);
	return n <= len - CHANDATA_HDR_LEN ? (int)n : -1;
}

static inline void chandata_write(uint8_t *p, uint16_t number, uint16_t len)
{
	uint32_t h = __builtin_bswap32((uint32_t)number << 16 | len);

	memcpy(p, &h, sizeof(h));
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_TPKT_H
#define FL_LIB_TPKT_H

/* Packets in a stream of bytes (RFC 1006 6, RFC 2126 4.3; H.248.1 D.2): a header, then a message.
 */
#include "be.h"

#include <stddef.h>

enum {
	TPKT_VERSION = 3,
	TPKT_HEAD = 4,	   /* bytes: version, a reserved one, and the length, header and all */
	TPKT_MAX = 0xffff, /* bytes of a packet */
};

struct tpkt_head {
	uint8_t version;
	uint8_t reserved;
	struct be16 len;
};
_Static_assert(sizeof(struct tpkt_head) == TPKT_HEAD, "as on the wire");

/* The header before a message of len bytes, at most TPKT_MAX - TPKT_HEAD. */
static inline struct tpkt_head tpkt_make(size_t len)
{
	return (struct tpkt_head){ .version = TPKT_VERSION,
				   .len = be16_make((uint16_t)(len + TPKT_HEAD)) };
}

/* Bytes of the message behind it; 0: it is no header, or of no message. */
static inline size_t tpkt_len(const struct tpkt_head *h)
{
	const size_t len = be16_get(h->len);

	return h->version == TPKT_VERSION && len > TPKT_HEAD ? len - TPKT_HEAD : 0;
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_KEY24_H
#define FL_DP_KEY24_H

/* Key of tables by address and port: of records of peers, of TCP's connections, of DTLS's
 * associations. */
#include "../lib/addr.h"

#include <string.h>

struct rte_hash;

struct key24 {
	struct ip_addr ip;
	struct be16 port;
	uint16_t tag; /* channel */
	uint32_t slot;
};
_Static_assert(sizeof(struct key24) == 24, "three words");

/*
 * Keyed multiplicative hash: a client chooses its port, and a CRC would let it choose the bucket
 * too.
 */
static inline uint32_t key24_hash(const uint64_t secret[4], const struct key24 *k)
{
	uint64_t x[3];
	__uint128_t a, b;

	memcpy(x, k, sizeof(x));
	a = (__uint128_t)(x[0] ^ secret[0]) * (x[1] ^ secret[1]);
	b = (__uint128_t)(x[2] ^ secret[2]) * (secret[3] ^ (uint64_t)a ^ (uint64_t)(a >> 64));
	return (uint32_t)((uint64_t)b ^ (uint64_t)(b >> 64));
}

/* The three small fields go in as one word, for the hash reads them back as one. */
static inline struct key24 key24_make(const struct ip_addr *ip, struct be16 port, uint16_t tag,
				      uint32_t slot)
{
	struct key24 k;
	uint64_t tail;
	uint16_t p;

	memcpy(&p, port.b, 2);
	tail = (uint64_t)slot << 32 | (uint64_t)tag << 16 | p;
	k.ip = *ip;
	memcpy((uint8_t *)&k + offsetof(struct key24, port), &tail, 8);
	return k;
}

/* A table of a worker's with such keys, which holds so many whatever they are. NULL: no memory. */
struct rte_hash *key24_table(const char *kind, uint16_t worker, uint32_t entries);

#endif

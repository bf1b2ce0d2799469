/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_RELAY_FLOW_H
#define FL_DP_RELAY_FLOW_H

/*
 * Five-tuple of a client to session slot. A table of signatures and slots only: the key stands in
 * the session, which is read next anyway, so a look-up touches one line of the table where a
 * general hash touches two, and an entry is 8 bytes. Whoever looks up compares the key himself and
 * asks for the next candidate if it was another's: two flows share 31 bits of signature and a
 * bucket once in 10^9 look-ups.
 *
 * One worker owns a table. Buckets are lines, at most half full on average; what does not fit goes
 * to the next bucket, and each bucket counts those that passed it.
 */
#include "../../lib/ctl_abi.h"

#include <rte_common.h>
#include <rte_branch_prediction.h>
#include <rte_vect.h>

enum { FLOW_WAYS = 7 };

struct flow_bucket {
	uint32_t passed;	 /* entries that had their home here or before, and found it full */
	uint32_t sig[FLOW_WAYS]; /* 0: empty */
	uint32_t slot[FLOW_WAYS];
	uint32_t pad;
} __rte_cache_aligned;
_Static_assert(sizeof(struct flow_bucket) == 64, "one cache line");

struct flow_table {
	struct flow_bucket *bucket;
	uint32_t shift; /* of a hash, to its bucket */
	uint32_t mask;
	uint32_t n; /* entries */
};

/* Where a look-up stands. */
struct flow_cursor {
	uint32_t at, sig;
	uint32_t left; /* ways of bucket at that match and were not given yet, a bit each */
};

/* Both halves of a product count: whoever does not know the factors cannot tell any bit of it. */
static inline uint64_t flow_mix(uint64_t a, uint64_t b)
{
	__uint128_t x = (__uint128_t)a * b;

	return (uint64_t)x ^ (uint64_t)(x >> 64);
}

/*
 * Keyed hash of a flow; a client chooses its port, and must not choose the bucket with it. ip,
 * port: the client's, in the order of the wire; listener: its index. All of IPv4 fits into a word.
 */
static inline uint64_t flow_hash4(const uint64_t secret[4], uint32_t ip, uint16_t port,
				  uint16_t listener)
{
	return flow_mix(((uint64_t)ip << 32 | (uint32_t)listener << 16 | port) ^ secret[2],
			secret[3]);
}

static inline uint64_t flow_hash(const uint64_t secret[4], const struct ip_addr *ip,
				 struct be16 port, uint16_t listener)
{
	uint64_t x[2];
	uint32_t v4;
	uint16_t p;

	memcpy(&p, port.b, 2);
	if (ip_is_v4(ip)) {
		memcpy(&v4, ip->b + 12, 4);
		return flow_hash4(secret, v4, p, listener);
	}
	memcpy(x, ip->b, 16);
	return flow_mix(((uint64_t)listener << 16 | p) ^ secret[2],
			secret[3] ^ flow_mix(x[0] ^ secret[0], x[1] ^ secret[1]));
}

/* Ways of a bucket that have this signature, a bit each. */
static inline uint32_t flow_match(const struct flow_bucket *b, uint32_t sig)
{
	uint32_t hit = 0;

#ifdef __SSE2__
	const __m128i s = _mm_set1_epi32((int)sig), *p = (const __m128i *)b;
	__m128i lo = _mm_cmpeq_epi32(_mm_load_si128(p), s);
	__m128i hi = _mm_cmpeq_epi32(_mm_load_si128(p + 1), s);

	/* The first word is no signature. */
	hit = (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(_mm_packs_epi32(lo, hi), lo)) >> 1 & 0x7f;
#else
	int i;

	for (i = 0; i < FLOW_WAYS; i++)
		hit |= (uint32_t)(b->sig[i] == sig) << i;
#endif
	return hit;
}

static inline uint32_t flow_sig(uint64_t hash)
{
	return (uint32_t)hash | 1;
}

static inline const struct flow_bucket *flow_home(const struct flow_table *t, uint64_t hash)
{
	return &t->bucket[hash >> t->shift];
}

static inline struct flow_cursor flow_find(const struct flow_table *t, uint64_t hash)
{
	struct flow_cursor c = { .at = (uint32_t)(hash >> t->shift), .sig = flow_sig(hash) };

	c.left = flow_match(&t->bucket[c.at], c.sig);
	return c;
}

/* The next slot whose flow may be the one looked for; SLOT_NONE when there are no more. */
static inline uint32_t flow_next(const struct flow_table *t, struct flow_cursor *c)
{
	uint32_t way;

	while (unlikely(c->left == 0)) {
		if (likely(t->bucket[c->at].passed == 0))
			return SLOT_NONE;
		c->at = (c->at + 1) & t->mask;
		c->left = flow_match(&t->bucket[c->at], c->sig);
	}
	way = (uint32_t)__builtin_ctz(c->left);
	c->left &= c->left - 1;
	return t->bucket[c->at].slot[way];
}

/* A table for so many flows. False when memory is short. */
bool flow_create(struct flow_table *t, uint32_t flows);
void flow_free(struct flow_table *t);
/* The flow must not be in the table; the caller sees to their number. */
void flow_add(struct flow_table *t, uint64_t hash, uint32_t slot);
/* Takes out the entry that leads to slot, which must be there. */
void flow_del(struct flow_table *t, uint64_t hash, uint32_t slot);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_RATE_H
#define FL_DP_RATE_H

/*
 * Rate limits per source prefix (/24 of IPv4, /56 of IPv6) without a record per source: a fixed
 * array of token buckets, chosen by a keyed hash. Prefixes that share a bucket share its rate.
 */
#include "../lib/addr.h"

enum { RATE_BUCKETS = 4096 };

struct rate_bucket {
	uint32_t last_ms;
	uint32_t tokens; /* thousandths */
};

struct rate_table {
	uint32_t per_second; /* 0: no limit */
	uint64_t key[2];
	struct rate_bucket bucket[RATE_BUCKETS];
};

/* Takes a token of ip's prefix; a bucket holds one second's worth. False when it is empty. */
static inline bool rate_allow(struct rate_table *t, const struct ip_addr *ip, uint64_t now_ms)
{
	uint64_t hi, lo, x, tokens, full = (uint64_t)t->per_second * 1000;
	struct rate_bucket *b;

	if (t->per_second == 0)
		return true;
	memcpy(&hi, ip->b, 8);
	memcpy(&lo, ip->b + 8, 8);
	if (ip_is_v4(ip))
		lo &= UINT64_C(0x00ffffffffffffff);
	else
		hi &= UINT64_C(0x00ffffffffffffff), lo = 0;
	x = (hi ^ t->key[0]) * UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 32 ^ lo ^ t->key[1]) * UINT64_C(0xd6e8feb86659fd93);
	b = &t->bucket[x >> 52];
	tokens = b->tokens + (uint64_t)(uint32_t)((uint32_t)now_ms - b->last_ms) * t->per_second;
	b->last_ms = (uint32_t)now_ms;
	if (tokens > full)
		tokens = full;
	if (tokens < 1000) {
		b->tokens = (uint32_t)tokens;
		return false;
	}
	b->tokens = (uint32_t)(tokens - 1000);
	return true;
}

/* Buckets start full; key from the system's generator. per_second is at most 4,000,000. */
static inline void rate_init(struct rate_table *t, uint32_t per_second, const uint64_t key[2])
{
	size_t i;

	t->per_second = per_second;
	t->key[0] = key[0];
	t->key[1] = key[1];
	for (i = 0; i < RATE_BUCKETS; i++)
		t->bucket[i] = (struct rate_bucket){ .tokens = per_second * 1000 };
}

#endif

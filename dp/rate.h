/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_RATE_H
#define FL_DP_RATE_H

/*
 * Rate limits per source prefix (/24 of IPv4, /56 of IPv6) without a record per source: a fixed
 * array of token buckets, chosen by a keyed hash. Prefixes that share a bucket share its rate.
 */
#include "../lib/addr.h"
#include "../lib/siphash.h"

enum { RATE_BUCKETS = 4096 };

struct rate_bucket {
	uint32_t last_ms;
	uint32_t tokens; /* thousandths */
};

struct rate_table {
	uint32_t per_second; /* 0: no limit */
	struct siphash_key key;
	struct rate_bucket bucket[RATE_BUCKETS];
};

/* Takes a token of ip's prefix; a bucket holds one second's worth. False when it is empty. */
static inline bool rate_allow(struct rate_table *t, const struct ip_addr *ip, uint64_t now_ms)
{
	uint64_t tokens, full = (uint64_t)t->per_second * 1000;
	struct rate_bucket *b;

	if (t->per_second == 0)
		return true;
	/* A source must not be able to choose whose bucket it shares. */
	b = &t->bucket[siphash(&t->key, ip->b, ip_is_v4(ip) ? 15 : 7) % RATE_BUCKETS];
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
	t->key = (struct siphash_key){ { key[0], key[1] } };
	for (i = 0; i < RATE_BUCKETS; i++)
		t->bucket[i] = (struct rate_bucket){ .tokens = per_second * 1000 };
}

#endif

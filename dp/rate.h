/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_RATE_H
#define FL_DP_RATE_H

/*
 * Two kinds of rate limit (R4). Where a source can be forged, one per source prefix (/24 of IPv4,
 * /56 of IPv6) without a record per source: a fixed array of token buckets, chosen by a keyed hash.
 * Prefixes that share a bucket share its rate. What is proven, a connection or a session, has a
 * meter of its own, so that no neighbour can use it up.
 */
#include "../lib/addr.h"
#include "../lib/meter.h"
#include "../lib/siphash.h"

#include <string.h>

enum { RATE_BUCKETS = 4096 };

struct rate_table {
	struct meter_rate rate;
	struct siphash_key key;
	struct meter_wide bucket[RATE_BUCKETS];
};

/* Something of ip's prefix, of which a second's worth may come at once. False: it is too much. */
static inline bool rate_allow(struct rate_table *t, const struct ip_addr *ip, uint64_t now_ms)
{
	uint64_t hash;

	if (!meter_limits(&t->rate))
		return true;
	/* A source must not be able to choose whose bucket it shares. */
	hash = siphash(&t->key, ip->b, ip_is_v4(ip) ? 15 : 7);
	return meter_wide_take(&t->bucket[hash % RATE_BUCKETS], &t->rate, now_ms * 1000, 0);
}

/* Another rate from now on. What was saved stays, a second's worth of the new one at most. */
static inline void rate_set(struct rate_table *t, uint32_t per_second)
{
	t->rate = meter_rate_make(per_second, 0, 1000);
}

/* Memory and key of its own; NULL when memory is short. */
struct rate_table *rate_create(uint32_t per_second);

/* Buckets start full; key from the system's generator. per_second is at most 4,000,000. */
static inline void rate_init(struct rate_table *t, uint32_t per_second, const uint64_t key[2])
{
	memset(t, 0, sizeof(*t));
	t->rate = meter_rate_make(per_second, 0, 1000);
	t->key = (struct siphash_key){ { key[0], key[1] } };
}

#endif

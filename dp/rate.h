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

/* Memory and key of its own; NULL when memory is short. */
struct rate_table *rate_create(uint32_t per_second);

/* Buckets start full; key from the system's generator. per_second is at most 4,000,000. */
static inline void rate_init(struct rate_table *t, uint32_t per_second, const uint64_t key[2])
{
	size_t i;

	t->per_second = per_second;
	t->key = (struct siphash_key){ { key[0], key[1] } };
	for (i = 0; i < RATE_BUCKETS; i++)
		t->bucket[i] = (struct rate_bucket){ .tokens = per_second * 1000 };
}

/* ---- meters ---- */

enum {
	METER_TICKS_US = 16, /* ticks of a meter's clock in a microsecond */
	METER_TICKS_MS = 1000 * METER_TICKS_US,
	METER_BURST_MAX_MS = 60000,
	METER_BYTES_MAX = 65536, /* of one piece, which passes at any rate */
};

/*
 * A token bucket as a time (generic cell rate algorithm, ITU-T I.371): when all that was taken is
 * paid for. Ticks, modulo 268 s: what was silent for longer may be taken to owe something, no more
 * than the burst.
 */
struct meter {
	uint32_t paid;
};

/* What is taken, in ticks times 65536: a piece costs the larger of the two. All 0: no limit. */
struct meter_rate {
	uint64_t piece, byte;
	uint32_t burst; /* ticks that may be owed */
};

static inline uint64_t meter_share(uint64_t per_second)
{
	return per_second ? ((uint64_t)1000 * METER_TICKS_MS << 16) / per_second : 0;
}

/* So many pieces and bytes a second, 0: any; burst_ms of them may come together. At start only. */
static inline struct meter_rate meter_rate_make(uint64_t pieces, uint64_t bytes, uint32_t burst_ms)
{
	struct meter_rate r = { meter_share(pieces), meter_share(bytes), 0 };
	uint64_t largest = r.byte * METER_BYTES_MAX >> 16, one = r.piece >> 16;
	uint64_t burst = (uint64_t)burst_ms * METER_TICKS_MS;
	const uint64_t max = (uint64_t)METER_BURST_MAX_MS * METER_TICKS_MS;

	burst = burst > one ? burst : one;
	burst = burst > largest ? burst : largest;
	r.burst = (uint32_t)(burst < max ? burst : max);
	return r;
}

static inline bool meter_limits(const struct meter_rate *r)
{
	return r->piece | r->byte;
}

static inline uint32_t meter_now(uint64_t now_us)
{
	return (uint32_t)(now_us * METER_TICKS_US);
}

/* Nothing is owed. */
static inline struct meter meter_full(uint64_t now_us)
{
	return (struct meter){ meter_now(now_us) };
}

/* Ticks that are owed; more than the burst cannot be, and was paid long ago. */
static inline uint32_t meter_owes(const struct meter *m, const struct meter_rate *r,
				  uint64_t now_us)
{
	uint32_t owes = m->paid - meter_now(now_us);

	return owes > r->burst ? 0 : owes;
}

/* Ticks that a piece of so many bytes takes, the burst at most. */
static inline uint32_t meter_cost(const struct meter_rate *r, uint32_t bytes)
{
	uint64_t cost = r->byte * bytes;

	cost = (cost > r->piece ? cost : r->piece) >> 16;
	return cost < r->burst ? (uint32_t)cost : r->burst;
}

/* Milliseconds until a piece of so many bytes may be taken; 0: now. */
static inline uint32_t meter_wait_ms(const struct meter *m, const struct meter_rate *r,
				     uint64_t now_us, uint32_t bytes)
{
	uint32_t owes = meter_owes(m, r, now_us) + meter_cost(r, bytes);

	return owes > r->burst ? (owes - r->burst + METER_TICKS_MS - 1) / METER_TICKS_MS : 0;
}

/* Takes a piece of so many bytes; false when it has to wait. */
static inline bool meter_take(struct meter *m, const struct meter_rate *r, uint64_t now_us,
			      uint32_t bytes)
{
	uint32_t owes;

	if (!meter_limits(r))
		return true;
	owes = meter_owes(m, r, now_us) + meter_cost(r, bytes);
	if (owes > r->burst)
		return false;
	m->paid = meter_now(now_us) + owes;
	return true;
}

#endif

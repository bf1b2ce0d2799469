/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_METER_H
#define FL_LIB_METER_H

/*
 * A token bucket as a time (generic cell rate algorithm, ITU-T I.371): when all that was taken is
 * paid for. Nothing is divided once there is a struct meter_rate.
 */
#include <stdbool.h>
#include <stdint.h>

enum {
	METER_TICKS_US = 16, /* ticks of a meter's clock in a microsecond */
	METER_TICKS_MS = 1000 * METER_TICKS_US,
	METER_BURST_MAX_MS = 60000,
	METER_BYTES_MAX = 65536, /* of one piece, which passes at any rate */
};

/*
 * Four bytes, for who has many: its clock is modulo 268 s, so that what was silent for longer may
 * be taken to owe something, no more than the burst. Starts as meter_full().
 */
struct meter {
	uint32_t paid; /* ticks */
};

/* Eight bytes: what was silent for however long owes nothing. Starts as zero. */
struct meter_wide {
	uint64_t paid;
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

/* Ticks that a piece of so many bytes takes, the burst at most. */
static inline uint32_t meter_cost(const struct meter_rate *r, uint32_t bytes)
{
	uint64_t cost = r->byte * bytes;

	cost = (cost > r->piece ? cost : r->piece) >> 16;
	return cost < r->burst ? (uint32_t)cost : r->burst;
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

/* Takes a piece of so many bytes from a wide meter; false when it has to wait. */
static inline bool meter_wide_take(struct meter_wide *m, const struct meter_rate *r,
				   uint64_t now_us, uint32_t bytes)
{
	uint64_t now = now_us * METER_TICKS_US, owes = m->paid - now;

	if (!meter_limits(r))
		return true;
	owes = (owes > r->burst ? 0 : owes) + meter_cost(r, bytes);
	if (owes > r->burst)
		return false;
	m->paid = now + owes;
	return true;
}

#endif

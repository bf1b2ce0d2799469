/* SPDX-License-Identifier: BSD-3-Clause */
#include "tries.h"

#include "../rand.h"

#include <string.h>

enum { ALL = 10, PREFIX_V6 = 8 };

void tries_init(struct tries *t, uint32_t a_second, uint32_t burst)
{
	const uint32_t burst_ms = burst * 1000 / a_second;

	memset(t, 0, sizeof(*t));
	t->rate = meter_rate_make(a_second, 0, burst_ms);
	t->rate_all = meter_rate_make(ALL * (uint64_t)a_second, 0, burst_ms);
	rand_bytes(&t->key, sizeof(t->key));
}

static uint32_t row_of(const struct tries *t, const struct ip_addr *from)
{
	return siphash(&t->key, from->b, ip_is_v4(from) ? sizeof(from->b) : PREFIX_V6) % TRIES_ROWS;
}

bool tries_take(struct tries *t, const struct ip_addr *from, uint64_t now_us)
{
	return meter_wide_take(&t->row[row_of(t, from)], &t->rate, now_us, 0) &&
	       meter_wide_take(&t->all, &t->rate_all, now_us, 0);
}

bool tries_over(const struct tries *t, const struct ip_addr *from, uint64_t now_us)
{
	struct meter_wide row = t->row[row_of(t, from)], all = t->all;

	return !meter_wide_take(&row, &t->rate, now_us, 0) ||
	       !meter_wide_take(&all, &t->rate_all, now_us, 0);
}

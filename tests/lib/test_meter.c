/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Token buckets (lib/meter.h): a burst at once, then so much a second, of pieces and of bytes; no
 * limit at 0; the clock of the one of 4 bytes, which wraps, and the wide one's, which does not.
 */
#include "lib/meter.h"
#include "tests/world/unit.h"

static unsigned int metered(struct meter *m, const struct meter_rate *r, unsigned int n,
			    uint64_t now_us, uint32_t bytes)
{
	unsigned int k = 0;

	while (n--)
		k += meter_take(m, r, now_us, bytes);
	return k;
}

static void a_meter(void **state)
{
	struct meter_rate r = meter_rate_make(50, 0, 1000);
	uint64_t t = UINT64_C(1000000000);
	struct meter m = meter_full(t);
	unsigned int i, n = 0;

	(void)state;
	assert_int_equal(metered(&m, &r, 100, t, 0), 50);
	assert_int_equal(meter_wait_ms(&m, &r, t, 0), 20);
	assert_int_equal(metered(&m, &r, 5, t + 19999, 0), 0);
	assert_int_equal(metered(&m, &r, 5, t + 20000, 0), 1);
	assert_int_equal(metered(&m, &r, 5, t + 80000, 0), 3);
	assert_int_equal(meter_wait_ms(&m, &r, t + 99000, 0), 1);
	assert_int_equal(meter_wait_ms(&m, &r, t + 100000, 0), 0);
	/* silence is worth a second, however long it is; but see below */
	for (i = 1; i < 2000; i++) {
		t += UINT64_C(7000000) * i + i * 13;
		n += metered(&m, &r, 100, t, 0);
	}
	assert_in_range(n, 1980 * 50, 1999 * 50);
}

/* After 268 s it may be taken to owe something: a burst at most, and nothing is refused for long.
 */
static void a_meters_clock_wraps(void **state)
{
	struct meter_rate r = meter_rate_make(50, 0, 1000);
	uint64_t t = UINT64_C(1000000000), wrap = (UINT64_C(1) << 32) / METER_TICKS_US, us;
	struct meter m;

	(void)state;
	for (us = 0; us < 3000000; us += 10000) {
		uint64_t now = t + wrap - us;
		uint32_t wait_ms;

		m = meter_full(t);
		wait_ms = meter_wait_ms(&m, &r, now, 0);
		assert_in_range(wait_ms, 0, 20);
		assert_int_equal(metered(&m, &r, 1, now + wait_ms * UINT64_C(1000), 0), 1);
	}
}

static void a_meter_without_limit(void **state)
{
	struct meter_rate r = meter_rate_make(0, 0, 1000);
	struct meter m = meter_full(5);

	(void)state;
	assert_int_equal(metered(&m, &r, 1000000, 5, 1500), 1000000);
	assert_int_equal(meter_wait_ms(&m, &r, 5, 1500), 0);
}

/* A piece costs the larger of what it is as a piece and by its bytes; the largest one passes. */
static void pieces_and_bytes(void **state)
{
	struct meter_rate r = meter_rate_make(1000, 100000, 100);
	uint64_t t = UINT64_C(1000000000);
	struct meter m = meter_full(t);
	uint32_t n = 0, ms;

	(void)state;
	assert_int_equal(metered(&m, &r, 10, t, 65535), 1);
	assert_int_equal(metered(&m, &r, 1000, t + 655000, 0), 655);
	m = meter_full(t);
	for (ms = 0; ms < 20000; ms++)
		n += metered(&m, &r, 2, t + ms * 1000u, 1000);
	assert_in_range(n, 2000 - 1, 2000 + 66);
	m = meter_full(t);
	for (n = ms = 0; ms < 20000; ms++)
		n += metered(&m, &r, 2, t + ms * 1000u, 10);
	assert_in_range(n, 20000 - 1, 20000 + 660);
}

/* Rates so high that a piece takes a few ticks. */
static void fast_meters(void **state)
{
	static const uint32_t rate[] = { 400000, 1000000, 4000000 };
	uint64_t t = UINT64_C(1000000000), us, n;
	uint32_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		struct meter_rate r = meter_rate_make(rate[i], 0, 100);
		struct meter m = meter_full(t);

		for (us = n = 0; us < 1000000; us += 100)
			n += metered(&m, &r, 1000, t + us, 0);
		assert_in_range(n, rate[i], rate[i] + rate[i] / 8);
	}
}

static unsigned int taken(struct meter_wide *m, const struct meter_rate *r, unsigned int n,
			  uint64_t now_us)
{
	unsigned int k = 0;

	while (n--)
		k += meter_wide_take(m, r, now_us, 0);
	return k;
}

/* Zeros are a full one, and silence of any length fills it, no more. */
static void a_wide_one(void **state)
{
	const struct meter_rate r = meter_rate_make(5, 0, 10000);
	const uint64_t start[] = { 0, 1, UINT64_C(1000000000), UINT64_C(1) << 59 };

	(void)state;
	for (size_t i = 0; i < N_OF(start); i++) {
		struct meter_wide m = { 0 };
		uint64_t t = start[i];

		assert_int_equal(taken(&m, &r, 100, t), 50);
		assert_int_equal(taken(&m, &r, 1, t + 199999), 0);
		assert_int_equal(taken(&m, &r, 2, t + 200000), 1);
		for (uint64_t s = 11; s < 40000; s++) {
			t += s * 1000000;
			assert_int_equal(taken(&m, &r, 51, t), 50);
		}
	}
}

static void a_wide_one_without_limit(void **state)
{
	const struct meter_rate r = meter_rate_make(0, 0, 10000);
	struct meter_wide m = { 0 };

	(void)state;
	assert_int_equal(taken(&m, &r, 100000, 7), 100000);
}

/* Both take alike what comes within the time that the small one sees. */
static void both_agree(void **state)
{
	const struct meter_rate r = meter_rate_make(300, 40000, 2000);
	uint64_t t = UINT64_C(1000000000), seed = 4711;
	struct meter small = meter_full(t);
	struct meter_wide wide = { 0 };

	(void)state;
	for (int i = 0; i < 100000; i++) {
		uint32_t bytes = (uint32_t)(test_random(&seed) % 1500);

		t += test_random(&seed) % (i % 100 ? 20000 : 4000000);
		assert_int_equal(meter_take(&small, &r, t, bytes),
				 meter_wide_take(&wide, &r, t, bytes));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_meter),
		cmocka_unit_test(a_meters_clock_wraps),
		cmocka_unit_test(a_meter_without_limit),
		cmocka_unit_test(pieces_and_bytes),
		cmocka_unit_test(fast_meters),
		cmocka_unit_test(a_wide_one),
		cmocka_unit_test(a_wide_one_without_limit),
		cmocka_unit_test(both_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

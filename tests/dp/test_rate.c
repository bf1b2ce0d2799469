/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rate limits per source prefix: a second's worth at once, then so many a second; IPv4 by /24,
 * IPv6 by /56; no limit at 0; a clock whose low 32 bits wrap.
 */
#include "dp/rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const uint64_t key[2] = { UINT64_C(0x0123456789abcdef), UINT64_C(0xfedcba9876543210) };
static struct rate_table table;

static struct ip_addr ip(const char *s)
{
	struct ip_addr a;

	assert_true(ip_parse(s, &a));
	return a;
}

/* How many of n are let through. */
static unsigned int allowed(const char *s, unsigned int n, uint64_t now_ms)
{
	struct ip_addr a = ip(s);
	unsigned int k = 0;

	while (n--)
		k += rate_allow(&table, &a, now_ms);
	return k;
}

static void a_second_at_once_then_the_rate(void **state)
{
	uint64_t t = 5000;

	(void)state;
	rate_init(&table, 10, key);
	assert_int_equal(allowed("192.0.2.1", 100, t), 10);
	assert_int_equal(allowed("192.0.2.1", 1, t + 99), 0);
	assert_int_equal(allowed("192.0.2.1", 5, t + 100), 1);
	assert_int_equal(allowed("192.0.2.1", 5, t + 350), 2);
	assert_int_equal(allowed("192.0.2.1", 5, t + 400), 1);
	/* an hour of silence is worth a second */
	assert_int_equal(allowed("192.0.2.1", 100, t + 3600000), 10);
}

static void prefixes(void **state)
{
	(void)state;
	rate_init(&table, 10, key);
	assert_int_equal(allowed("192.0.2.1", 6, 0), 6);
	assert_int_equal(allowed("192.0.2.254", 6, 0), 4);
	assert_int_equal(allowed("192.0.3.1", 20, 0), 10);
	assert_int_equal(allowed("2001:db8:0:4200::1", 6, 0), 6);
	assert_int_equal(allowed("2001:db8:0:42ff:ffff::9", 6, 0), 4);
	assert_int_equal(allowed("2001:db8:0:4300::1", 20, 0), 10);
}

static void no_limit(void **state)
{
	(void)state;
	rate_init(&table, 0, key);
	assert_int_equal(allowed("192.0.2.1", 100000, 0), 100000);
}

static void clock_wraps(void **state)
{
	uint64_t t = UINT64_C(0x1ffffffff);

	(void)state;
	rate_init(&table, 4000000, key);
	assert_int_equal(allowed("192.0.2.1", 5000000, t - 2000), 4000000);
	assert_int_equal(allowed("192.0.2.1", 5000000, t), 4000000);
	assert_int_equal(allowed("192.0.2.1", 5000, t + 1), 4000);
}

/* The key decides who shares: with another, others do. */
static void buckets_are_keyed(void **state)
{
	static const uint64_t other[2] = { 7, 9 };
	unsigned int shared[2] = { 0, 0 }, i, k;
	char text[32];

	(void)state;
	for (k = 0; k < 2; k++) {
		rate_init(&table, 1, k ? other : key);
		for (i = 0; i < 4096; i++) {
			snprintf(text, sizeof(text), "10.%u.%u.1", i >> 8, i & 255);
			shared[k] += !allowed(text, 1, 0);
		}
		/* as many as chance has it: 4096 / e */
		assert_in_range(shared[k], 1300, 1700);
	}
	assert_int_not_equal(shared[0], shared[1]);
}

/* ---- meters ---- */

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_at_once_then_the_rate),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(no_limit),
		cmocka_unit_test(clock_wraps),
		cmocka_unit_test(buckets_are_keyed),
		cmocka_unit_test(a_meter),
		cmocka_unit_test(a_meters_clock_wraps),
		cmocka_unit_test(a_meter_without_limit),
		cmocka_unit_test(pieces_and_bytes),
		cmocka_unit_test(fast_meters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

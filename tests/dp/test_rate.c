/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rate limits per source prefix: a second's worth at once, then so many a second; IPv4 by /24,
 * IPv6 by /56; no limit at 0; a clock whose low 32 bits wrap.
 */
#include "tests/world/unit.h"
#include "dp/rate.h"

#include <stdio.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_at_once_then_the_rate),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(no_limit),
		cmocka_unit_test(clock_wraps),
		cmocka_unit_test(buckets_are_keyed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

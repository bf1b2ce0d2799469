/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Holders ranked by how much they hold (lib/rank.h): after any sequence of charges the one named is
 * one of those that hold most, of these the one that came to it first, and what is left is right.
 */
#include "lib/rank.h"
#include "tests/world/unit.h"

#include <stdbool.h>
#include <string.h>

enum { ALL = 64, HOLDERS = 12 };

static struct row level[ALL + 1];
static struct record {
	uint64_t other;
	struct rank_holder holds;
} h[HOLDERS];
static struct rank r;

static int setup(void **state)
{
	(void)state;
	memset(h, 0, sizeof(h));
	rank_init(&r, level, ALL, &h[0].holds, sizeof(h[0]));
	return 0;
}

static void nobody(void **state)
{
	(void)state;
	assert_int_equal(rank_most(&r), ROW_END);
	rank_charge(&r, 0, 3);
	assert_int_equal(rank_most(&r), 0);
	assert_int_equal(r.left, ALL - 3);
	rank_charge(&r, 0, -3);
	assert_int_equal(rank_most(&r), ROW_END);
	assert_int_equal(r.left, ALL);
}

static void first_come_of_equals(void **state)
{
	(void)state;
	rank_charge(&r, 0, 2);
	rank_charge(&r, 1, 2);
	assert_int_equal(rank_most(&r), 0);
	rank_charge(&r, 0, 1);
	rank_charge(&r, 0, -1);
	assert_int_equal(rank_most(&r), 1);
	rank_charge(&r, 2, ALL - 4);
	assert_int_equal(rank_most(&r), 2);
	assert_int_equal(r.left, 0);
	rank_charge(&r, 2, -(ALL - 5));
	assert_int_equal(rank_most(&r), 1);
}

/* Against a search over all of them. */
static void at_random(void **state)
{
	uint64_t seed = 4711, since[HOLDERS] = { 0 };
	uint64_t step;

	(void)state;
	for (step = 1; step < 100000; step++) {
		uint32_t i = (uint32_t)(test_random(&seed) % HOLDERS), k, want = 0;
		int32_t n = (int32_t)(test_random(&seed) % 9) - 4;

		if (n > (int32_t)r.left || -n > (int32_t)rank_held(&r, i) || n == 0)
			continue;
		rank_charge(&r, i, n);
		since[i] = step;
		for (k = 1; k < HOLDERS; k++) {
			if (h[k].holds.held > h[want].holds.held ||
			    (h[k].holds.held == h[want].holds.held && since[k] < since[want]))
				want = k;
		}
		assert_int_equal(rank_most(&r), h[want].holds.held ? want : ROW_END);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nobody, setup),
		cmocka_unit_test_setup(first_come_of_equals, setup),
		cmocka_unit_test_setup(at_random, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

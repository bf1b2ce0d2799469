/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Sequence tracking of perf/turn_load: in order, lost, reordered (RFC 4737 3.3), duplicated (RFC
 * 5560 3.2), late beyond the window; over the wrap of the numbers; and against a list that forgets
 * nothing.
 */
#include "tests/world/unit.h"

#include "perf/turn_load/track.h"

#include <stdbool.h>
#include <string.h>

/* Wherever a flow begins, all goes the same. */
static const uint32_t start[] = { 0, 1, 31, 255, 256, 0x7fffff80, 0xfffffff0, 0xffffffff };

static struct track track_at(uint32_t next)
{
	return (struct track){ .next = next };
}

static void in_order_and_gaps(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(start); i++) {
		struct track t = track_at(start[i]);
		uint32_t n = start[i];

		for (int k = 0; k < 1000; k++)
			assert_int_equal(track_number(&t, n++), TRACK_IN_ORDER);
		for (uint32_t gap = 1; gap < 1000; gap += 37) {
			n += gap;
			assert_int_equal(track_number(&t, n++), TRACK_IN_ORDER);
		}
		assert_int_equal(t.next, n);
	}
}

/* What a gap left open is reordered once, and then a duplicate. */
static void gap_filled(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(start); i++) {
		struct track t = track_at(start[i]);
		uint32_t n = start[i];

		/* The bits of a window ago are set: the gap must clear them. */
		for (int k = 0; k < 600; k++)
			track_number(&t, n++);
		track_number(&t, n + TRACK_WINDOW - 1);
		for (uint32_t k = 0; k < TRACK_WINDOW - 1; k++)
			assert_int_equal(track_number(&t, n + k), TRACK_REORDERED);
		for (uint32_t k = 0; k < TRACK_WINDOW; k++)
			assert_int_equal(track_number(&t, n + k), TRACK_DUPLICATE);
		assert_int_equal(t.next, n + TRACK_WINDOW);
	}
}

static void late(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(start); i++) {
		struct track t = track_at(start[i]);
		uint32_t n = start[i];

		assert_int_equal(track_number(&t, n + 2 * TRACK_WINDOW), TRACK_IN_ORDER);
		assert_int_equal(track_number(&t, n + TRACK_WINDOW), TRACK_LATE);
		assert_int_equal(track_number(&t, n + TRACK_WINDOW + 1), TRACK_REORDERED);
		assert_int_equal(track_number(&t, n), TRACK_LATE);
		assert_int_equal(track_number(&t, n), TRACK_LATE);
		assert_int_equal(t.next, n + 2 * TRACK_WINDOW + 1);
	}
}

/* A jump of a whole window and more leaves nothing of what was before. */
static void far_jump(void **state)
{
	(void)state;
	for (uint32_t jump = TRACK_WINDOW - 1; jump < 3 * TRACK_WINDOW; jump++) {
		struct track t = track_at(0);

		for (uint32_t k = 0; k < 300; k++)
			track_number(&t, k);
		assert_int_equal(track_number(&t, 300 + jump), TRACK_IN_ORDER);
		for (uint32_t k = 1; k < TRACK_WINDOW && k <= jump; k++)
			assert_int_equal(track_number(&t, 300 + jump - k), TRACK_REORDERED);
	}
}

/* Losses, repeats and delays at random: the same verdicts as from all that ever came. */
static void as_a_list_says(void **state)
{
	enum { N = 50000 };
	static bool came[N + TRACK_WINDOW];
	struct track t = track_at(0xffff0000); /* wraps on the way */
	uint32_t top = 0;		       /* above the highest that came */
	uint64_t seed = 3;

	(void)state;
	for (uint32_t base = 0; base < N; base++) {
		uint32_t n = base + (uint32_t)(test_random(&seed) % TRACK_WINDOW);
		enum track_verdict want = n >= top		   ? TRACK_IN_ORDER
					  : n + TRACK_WINDOW < top ? TRACK_LATE
					  : came[n]		   ? TRACK_DUPLICATE
								   : TRACK_REORDERED;

		if (test_random(&seed) % 3 == 0)
			continue;
		assert_int_equal(track_number(&t, 0xffff0000 + n), want);
		came[n] = true;
		top = n >= top ? n + 1 : top;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order_and_gaps),
		cmocka_unit_test(gap_filled),
		cmocka_unit_test(late),
		cmocka_unit_test(far_jump),
		cmocka_unit_test(as_a_list_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

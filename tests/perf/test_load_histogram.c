/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The histogram of perf/turn_load: quantiles within 1/256 of a sorted list's, exact least, greatest
 * and mean, and differences of two moments.
 */
#include "tests/world/unit.h"

#include "perf/turn_load/histogram.h"

#include <stdlib.h>
#include <string.h>

enum { N = 20000 };

static struct histogram h, other; /* large */

static int u64_cmp(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void assert_near(uint64_t got, uint64_t want)
{
	uint64_t off = got > want ? got - want : want - got;

	if (off > want / 256)
		fail_msg("got %ju, want %ju", (uintmax_t)got, (uintmax_t)want);
}

static void empty(void **state)
{
	(void)state;
	memset(&h, 0, sizeof(h));
	assert_int_equal(histogram_quantile(&h, NULL, 0.5), 0);
	assert_int_equal(histogram_quantile(&h, &h, 1), 0);
}

/* Each value lies in its bucket, and buckets follow each other without a gap. */
static void buckets_in_a_row(void **state)
{
	uint32_t last = 0;

	(void)state;
	for (uint64_t v = 0; v < 1 << 20; v++) {
		uint32_t i = histogram_index(v);

		assert_in_range(i, last, last + 1);
		last = i;
	}
	assert_int_equal(histogram_index(0), 0);
	assert_int_equal(histogram_index(255), 255);
	assert_int_equal(histogram_index(256), 256);
	assert_int_equal(histogram_index(257), 256);
	assert_int_equal(histogram_index((UINT64_C(1) << HISTOGRAM_TOP) - 1),
			 HISTOGRAM_BUCKETS - 1);
	assert_int_equal(histogram_index(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}

/* One value alone is every quantile, exactly, whatever its bucket's width. */
static void one_value(void **state)
{
	(void)state;
	for (uint64_t v = 1; v < UINT64_C(1) << 39; v = v * 3 + 1) {
		memset(&h, 0, sizeof(h));
		histogram_record(&h, v);
		assert_int_equal(histogram_quantile(&h, NULL, 0), v);
		assert_int_equal(histogram_quantile(&h, NULL, 1), v);
	}
}

static void quantiles(void **state)
{
	static const double q[] = { 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1 };
	static uint64_t v[N];
	uint64_t seed = 7, sum = 0;

	(void)state;
	memset(&h, 0, sizeof(h));
	for (int i = 0; i < N; i++) {
		v[i] = test_random(&seed) >> (24 + test_random(&seed) % 40); /* of all sizes */
		sum += v[i];
		histogram_record(&h, v[i]);
	}
	qsort(v, N, sizeof(v[0]), u64_cmp);
	for (size_t i = 0; i < N_OF(q); i++)
		assert_near(histogram_quantile(&h, NULL, q[i]), v[(int)(q[i] * N) - 1]);
	assert_int_equal(h.min, v[0]);
	assert_int_equal(h.max, v[N - 1]);
	assert_int_equal(h.sum, sum);
	assert_int_equal(h.count, N);
}

/* What was recorded after a copy was made; and two put together. */
static void since_and_sum(void **state)
{
	(void)state;
	memset(&h, 0, sizeof(h));
	for (uint64_t v = 1; v <= 100; v++)
		histogram_record(&h, v);
	other = h;
	assert_int_equal(histogram_quantile(&h, &other, 0.5), 0);
	for (uint64_t v = 101; v <= 200; v++)
		histogram_record(&h, v);
	assert_int_equal(histogram_quantile(&h, NULL, 0.5), 100);
	assert_int_equal(histogram_quantile(&h, &other, 0.5), 150);
	histogram_add(&h, &other);
	assert_int_equal(h.count, 300);
	assert_int_equal(h.min, 1);
	assert_int_equal(h.max, 200);
	assert_int_equal(histogram_quantile(&h, NULL, 0.5), 75);
	memset(&other, 0, sizeof(other));
	histogram_add(&other, &h);
	assert_memory_equal(&other, &h, sizeof(h));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),	 cmocka_unit_test(buckets_in_a_row),
		cmocka_unit_test(one_value),	 cmocka_unit_test(quantiles),
		cmocka_unit_test(since_and_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

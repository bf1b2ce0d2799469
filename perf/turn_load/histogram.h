/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_PERF_HISTOGRAM_H
#define FL_PERF_HISTOGRAM_H

/*
 * Log-linear histogram: values below 128 have a bucket each, and each power of two above has 128 of
 * equal width. What a quantile says is a bucket's middle: at most 1/256 (0.4 %) away from the value
 * that was recorded. Least, greatest and mean are exact.
 */
#include <stdint.h>

enum {
	HISTOGRAM_LINEAR = 7, /* 2^7 buckets a power of two */
	HISTOGRAM_TOP = 40,   /* values from 2^40 on count as the greatest below */
	HISTOGRAM_BUCKETS = (HISTOGRAM_TOP - HISTOGRAM_LINEAR + 1) << HISTOGRAM_LINEAR,
};

struct histogram {
	uint64_t count, sum, min, max; /* min and max mean something once count is not 0 */
	uint64_t bucket[HISTOGRAM_BUCKETS];
};

static inline uint32_t histogram_index(uint64_t value)
{
	const uint64_t top = (UINT64_C(1) << HISTOGRAM_TOP) - 1;
	uint64_t v = value < top ? value : top;
	uint32_t shift =
	    (uint32_t)(63 - __builtin_clzll(v | 1 << HISTOGRAM_LINEAR)) - HISTOGRAM_LINEAR;

	return (shift << HISTOGRAM_LINEAR) + (uint32_t)(v >> shift);
}

static inline void histogram_record(struct histogram *h, uint64_t value)
{
	h->bucket[histogram_index(value)]++;
	h->min = !h->count || value < h->min ? value : h->min;
	h->max = value > h->max ? value : h->max;
	h->sum += value;
	h->count++;
}

void histogram_add(struct histogram *to, const struct histogram *h);

/*
 * The value that a share q (0 to 1) of those recorded does not exceed; 0 if there are none. With
 * since, an earlier copy of h, only of those recorded after it.
 */
uint64_t histogram_quantile(const struct histogram *h, const struct histogram *since, double q);

#endif

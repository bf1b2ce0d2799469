/* SPDX-License-Identifier: BSD-3-Clause */
#include "histogram.h"

#include <math.h>
#include <stddef.h>

void histogram_add(struct histogram *to, const struct histogram *h)
{
	if (!h->count)
		return;
	to->min = !to->count || h->min < to->min ? h->min : to->min;
	to->max = h->max > to->max ? h->max : to->max;
	to->sum += h->sum;
	to->count += h->count;
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		to->bucket[i] += h->bucket[i];
}

/* The middle of a bucket; where it is one value wide, that. */
static uint64_t bucket_middle(uint32_t index)
{
	uint32_t shift = index >> HISTOGRAM_LINEAR;
	uint64_t low;

	shift = shift ? shift - 1 : 0;
	low = (uint64_t)(index - (shift << HISTOGRAM_LINEAR)) << shift;
	return low + ((UINT64_C(1) << shift) >> 1);
}

uint64_t histogram_quantile(const struct histogram *h, const struct histogram *since, double q)
{
	uint64_t count = h->count - (since ? since->count : 0), rank, sum = 0, v = h->max;

	rank = (uint64_t)ceil(q * (double)count);
	rank = rank ? rank : 1;
	if (!count)
		return 0;
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		sum += h->bucket[i] - (since ? since->bucket[i] : 0);
		if (sum >= rank) {
			v = bucket_middle(i);
			break;
		}
	}
	if (v > h->max)
		return h->max;
	return v < h->min ? h->min : v;
}

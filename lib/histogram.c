/* SPDX-License-Identifier: BSD-3-Clause */
#include "histogram.h"

const uint32_t histogram_le_us[HISTOGRAM_CLASSES - 1] = {
	20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 50000, 100000, 500000, 1000000, 10000000,
};

void histogram_add(struct histogram *h, uint64_t us)
{
	h->n[histogram_class(us)]++;
	h->sum_us += us;
}

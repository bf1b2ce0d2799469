/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_HISTOGRAM_H
#define FL_LIB_HISTOGRAM_H

/* How long something took, counted in classes that are alike on all nodes, so that they add up. */
#include <stdint.h>

enum { HISTOGRAM_CLASSES = 15 };

/* Upper ends of the classes, microseconds; the last has none. */
extern const uint32_t histogram_le_us[HISTOGRAM_CLASSES - 1];

struct histogram {
	uint64_t n[HISTOGRAM_CLASSES]; /* of each class alone */
	uint64_t sum_us;
};

/* The class of what took so long. */
static inline uint32_t histogram_class(uint64_t us)
{
	uint32_t i = 0;

	while (i < HISTOGRAM_CLASSES - 1 && us > histogram_le_us[i])
		i++;
	return i;
}

void histogram_add(struct histogram *h, uint64_t us);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_QUALITY_H
#define FL_LIB_QUALITY_H

/* How RTP is heard, in classes that are alike on all nodes, so that they add up. */
#include <stdint.h>

enum quality { QUALITY_JITTER, QUALITY_LOSS, QUALITY_RTT, QUALITY_MOS, QUALITIES };
enum { QUALITY_CLASSES = 12 };

struct quality_desc {
	const char *name; /* of the metric */
	const char *help;
	double unit;			  /* of the metric: what one of le[] is */
	uint32_t le[QUALITY_CLASSES - 1]; /* upper ends; the last class has none */
};

/* Microseconds, hundredths of percents, microseconds, hundredths. */
extern const struct quality_desc quality_desc[QUALITIES];

/* The class of a value. */
uint32_t quality_class(enum quality q, uint32_t value);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_PERF_TRACK_H
#define FL_PERF_TRACK_H

/*
 * What has come of one numbered flow: sequence numbers from 0 up, modulo 2^32. A number below the
 * highest that came is reordered (RFC 4737 3.3) or, if it came before, a duplicate (RFC 5560 3.2).
 * The last 256 are remembered; what is older cannot be told apart, and counts as lost as it would
 * after a waiting time (RFC 7680 2.5).
 */
#include <stdint.h>

enum { TRACK_WINDOW = 256 };

struct track {
	uint32_t next; /* above the highest that came */
	uint32_t seen[TRACK_WINDOW / 32];
};

enum track_verdict { TRACK_IN_ORDER, TRACK_REORDERED, TRACK_DUPLICATE, TRACK_LATE };

static inline enum track_verdict track_number(struct track *t, uint32_t n)
{
	int32_t ahead = (int32_t)(n - t->next);
	uint32_t *word = &t->seen[n % TRACK_WINDOW / 32], bit = UINT32_C(1) << n % 32;

	if (ahead < 0) {
		if (ahead < -TRACK_WINDOW)
			return TRACK_LATE;
		if (*word & bit)
			return TRACK_DUPLICATE;
		*word |= bit;
		return TRACK_REORDERED;
	}
	/* Those in between have not come: what stood for numbers a window ago goes. */
	if (ahead >= TRACK_WINDOW)
		for (uint32_t i = 0; i < TRACK_WINDOW / 32; i++)
			t->seen[i] = 0;
	else
		for (uint32_t i = t->next; i != n; i++)
			t->seen[i % TRACK_WINDOW / 32] &= ~(UINT32_C(1) << i % 32);
	*word |= bit;
	t->next = n + 1;
	return TRACK_IN_ORDER;
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_CLOCK_H
#define FL_CLI_CLOCK_H

#include <time.h>

/* Seconds that no setting of the clock moves. */
static inline double clock_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_CLOCK_H
#define FL_CP_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds of a clock of clock_gettime(2). */
static inline uint64_t clock_ms(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* The same in microseconds. */
static inline uint64_t clock_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

#endif

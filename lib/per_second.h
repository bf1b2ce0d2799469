/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_PER_SECOND_H
#define FL_LIB_PER_SECOND_H

#include <stdint.h>

/* What grew by `more` in ms milliseconds, which are not 0: by how much in one second; UINT32_MAX at
 * most. */
static inline uint32_t per_second(uint64_t more, uint32_t ms)
{
	const uint64_t rate = more * 1000 / ms;

	return rate < UINT32_MAX ? (uint32_t)rate : UINT32_MAX;
}

#endif

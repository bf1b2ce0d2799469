/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_SEQ_H
#define FL_LIB_SEQ_H

/*
 * Numbers that count on modulo 2^32 and are compared while they are less than 2^31 apart: sequence
 * numbers (RFC 9293 3.4), timestamps (RFC 7323 5.2), commands, and milliseconds kept in 32 bits.
 */
#include <stdbool.h>
#include <stdint.h>

static inline bool seq_lt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool seq_le(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}

static inline bool seq_gt(uint32_t a, uint32_t b)
{
	return seq_lt(b, a);
}

static inline bool seq_ge(uint32_t a, uint32_t b)
{
	return seq_le(b, a);
}

static inline uint32_t seq_max(uint32_t a, uint32_t b)
{
	return seq_lt(a, b) ? b : a;
}

static inline uint32_t seq_min(uint32_t a, uint32_t b)
{
	return seq_lt(a, b) ? a : b;
}

#endif

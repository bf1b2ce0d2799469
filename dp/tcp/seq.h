/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TCP_SEQ_H
#define FL_DP_TCP_SEQ_H

/* Sequence numbers modulo 2^32 (RFC 9293 3.4); timestamps compare alike (RFC 7323 5.2). */
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

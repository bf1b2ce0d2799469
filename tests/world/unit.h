/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_UNIT_H
#define FL_TESTS_UNIT_H

/* What every test of lib/ starts with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

/* xorshift64*: the same numbers in each run, so that a failure can be repeated. */
static inline uint64_t test_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(0x2545f4914f6cdd1d);
}

#endif

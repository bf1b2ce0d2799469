/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_UNIT_H
#define FL_TESTS_UNIT_H

/* What every unit test starts with: nothing else includes cmocka.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* cmocka 2 has one for each sign. */
#ifdef assert_uint_in_range
#undef assert_in_range
#define assert_in_range assert_uint_in_range
#endif

/* It has one without arguments, which nobody here wants. */
#ifdef stop
#undef stop
#endif

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

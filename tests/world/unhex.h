/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_UNHEX_H
#define FL_TESTS_UNHEX_H

/* Vectors of the RFCs stand in tests as they do there, in hexadecimal digits. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Returns the number of bytes, for which out has room. */
static inline uint32_t unhex(const char *s, uint8_t *out)
{
	const uint32_t n = (uint32_t)strlen(s) / 2;

	for (uint32_t i = 0; i < n; i++) {
		const char pair[3] = { s[2 * i], s[2 * i + 1], 0 };

		out[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return n;
}

#endif

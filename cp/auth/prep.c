/* SPDX-License-Identifier: BSD-3-Clause */
#include "prep.h"

#include <string.h>
#include <stringprep.h>

/* Printable ASCII is its own prepared form; nearly every name takes this way. */
static bool printable_ascii(const unsigned char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] < 0x20 || p[i] > 0x7e)
			return false;
	}
	return true;
}

bool prep_opaque(const void *in, size_t len, char *out, size_t cap)
{
	if (len == 0 || len >= cap || memchr(in, 0, len))
		return false;
	memcpy(out, in, len);
	out[len] = 0;
	if (printable_ascii(in, len))
		return true;
	return stringprep(out, cap, 0, stringprep_saslprep) == STRINGPREP_OK && *out;
}

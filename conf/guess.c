/* SPDX-License-Identifier: BSD-3-Clause */
#include "schema.h"

/* Which key a misspelt one is likely to mean. */

enum { GUESS_LEN = 32 }; /* longer names are no misspelt key */

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/*
 * Letters left out, put in, changed, or changed with their neighbour that make b of a (optimal
 * string alignment); both shorter than GUESS_LEN.
 */
static unsigned distance(const char *a, const char *b)
{
	unsigned d[GUESS_LEN][GUESS_LEN];
	unsigned na = (unsigned)strlen(a), nb = (unsigned)strlen(b);

	for (unsigned i = 0; i <= na; i++) {
		for (unsigned j = 0; j <= nb; j++) {
			if (i == 0 || j == 0) {
				d[i][j] = i + j;
				continue;
			}
			d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1,
					d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[na][nb];
}

const struct schema_key *schema_guess(const struct schema_key *keys, const char *name)
{
	const size_t len = strlen(name);
	const struct schema_key *guess = NULL;
	unsigned nearest;

	if (len >= GUESS_LEN)
		return NULL;
	/* One letter of a short name, of longer ones about a fourth. */
	nearest = 2 + (unsigned)len / 5;
	for (; keys->name; keys++) {
		unsigned far =
		    strlen(keys->name) < GUESS_LEN ? distance(name, keys->name) : nearest;

		if (far < nearest) {
			nearest = far;
			guess = keys;
		}
	}
	return guess;
}

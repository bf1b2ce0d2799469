/* SPDX-License-Identifier: BSD-3-Clause */
#include "guess.h"
#include "schema.h"

enum { GUESS_LEN = 32 }; /* longer names are no misspelt ones */

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

struct guess guess_begin(const char *typed)
{
	const unsigned len = (unsigned)strnlen(typed, GUESS_LEN);

	/* One letter of a short name, of longer ones about a fourth. */
	return (struct guess){ typed, NULL, len < GUESS_LEN ? 2 + len / 5 : 0 };
}

void guess_offer(struct guess *g, const char *name)
{
	unsigned far;

	if (!g->nearest || strlen(name) >= GUESS_LEN)
		return;
	far = distance(g->typed, name);
	if (far < g->nearest) {
		g->nearest = far;
		g->name = name;
	}
}

const struct schema_key *schema_guess(const struct schema_key *keys, const char *name)
{
	struct guess g = guess_begin(name);
	const struct schema_key *key = NULL;

	for (; keys->name; keys++) {
		guess_offer(&g, keys->name);
		if (g.name == keys->name)
			key = keys;
	}
	return key;
}

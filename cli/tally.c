/* SPDX-License-Identifier: BSD-3-Clause */
#include "tally.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

enum { PLACES = 2 * TALLY_KEPT, MASK = PLACES - 1 };

struct tally {
	struct tally_one *one; /* [PLACES], by open addressing */
	size_t n;
	struct tally_rest left_out;
};

struct tally *tally_begin(void)
{
	struct tally *t = calloc(1, sizeof(*t));

	if (t)
		t->one = calloc(PLACES, sizeof(*t->one));
	if (!t || !t->one)
		err(1, NULL);
	return t;
}

void tally_free(struct tally *t)
{
	for (size_t i = 0; i < PLACES; i++)
		free(t->one[i].who);
	free(t->one);
	free(t);
}

/* Where who is, or would be. */
static struct tally_one *tally_at(const struct tally *t, const char *who)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (const char *p = who; *p; p++)
		h = (h ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
	for (h ^= h >> 32; t->one[h & MASK].who; h++) {
		if (strcmp(t->one[h & MASK].who, who) == 0)
			break;
	}
	return &t->one[h & MASK];
}

static int heaviest_first(const void *pa, const void *pb)
{
	const struct tally_one *a = pa, *b = pb;

	if (a->weight != b->weight)
		return a->weight < b->weight ? 1 : -1;
	return strcmp(a->who, b->who);
}

struct tally_one *tally_sorted(const struct tally *t, size_t *n)
{
	struct tally_one *all = calloc(t->n + 1, sizeof(*all));

	if (!all)
		err(1, NULL);
	*n = 0;
	for (size_t i = 0; i < PLACES; i++) {
		if (t->one[i].who)
			all[(*n)++] = t->one[i];
	}
	qsort(all, *n, sizeof(*all), heaviest_first);
	return all;
}

static void tally_halve(struct tally *t)
{
	size_t n, keep;
	struct tally_one *all = tally_sorted(t, &n);

	keep = n / 2;
	memset(t->one, 0, PLACES * sizeof(*t->one));
	for (size_t i = 0; i < n; i++) {
		if (i < keep) {
			*tally_at(t, all[i].who) = all[i];
			continue;
		}
		t->left_out.n++;
		t->left_out.weight += all[i].weight;
		free(all[i].who);
	}
	t->n = keep;
	free(all);
}

struct tally_one *tally_of(struct tally *t, const char *who)
{
	struct tally_one *at = tally_at(t, who);

	if (at->who)
		return at;
	if (t->n == TALLY_KEPT) {
		tally_halve(t);
		at = tally_at(t, who);
	}
	*at = (struct tally_one){ .who = strdup(who) };
	if (!at->who)
		err(1, NULL);
	t->n++;
	return at;
}

struct tally_rest tally_left_out(const struct tally *t)
{
	return t->left_out;
}

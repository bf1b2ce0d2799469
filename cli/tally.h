/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_TALLY_H
#define FL_CLI_TALLY_H

/*
 * Sums by name, for lists of who does most. Names come from outside and may be as many as somebody
 * likes: of more than TALLY_KEPT the half with the least weight is left out, and counted.
 * Allocation failure ends the program.
 */
#include <stddef.h>
#include <stdint.h>

enum { TALLY_KEPT = 16384, TALLY_SUMS = 4 };

struct tally_one {
	char *who; /* NULL: there is none */
	uint32_t n;
	double sum[TALLY_SUMS];
	double weight; /* what lists go by; set by whoever adds to sum[] */
};

struct tally;

struct tally *tally_begin(void);
void tally_free(struct tally *t);

/* Whose name that is, zeroed when it is new. Good until the next call. */
struct tally_one *tally_of(struct tally *t, const char *who);

/* The *n that are kept, the heaviest first, and by name where that is equal. To be freed; its
 * names are the tally's. */
struct tally_one *tally_sorted(const struct tally *t, size_t *n);

struct tally_rest {
	size_t n;
	double weight;
};
struct tally_rest tally_left_out(const struct tally *t);

#endif

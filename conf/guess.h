/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CONF_GUESS_H
#define FL_CONF_GUESS_H

/* Which of several names a misspelt one is likely to mean. */

struct guess {
	const char *typed;
	const char *name; /* the likeliest so far, or NULL */
	unsigned nearest; /* letters that differ, which another must have fewer of */
};

struct guess guess_begin(const char *typed);
/* name is kept by reference. */
void guess_offer(struct guess *g, const char *name);

#endif

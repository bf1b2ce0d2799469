/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_SHARE_H
#define FL_CP_SHARE_H

/*
 * Of what several take from, and nobody can be made to give back, nobody gets all (R27): the last
 * sixteenth is for those who hold less than an equal part. Less than SHARE_LEAST is not parted.
 */
#include <stdbool.h>
#include <stdint.h>

enum {
	SHARE_PART = 16,
	SHARE_LEAST = 2 * SHARE_PART,
	SHARE_CLASSES = 4096, /* holders are counted by that many classes of their hashes */
};

/*
 * Whether one who has `mine` may have one more; holders: how many have any. One part more than
 * there are holders is made, for who comes next.
 */
static inline bool share_admits(uint32_t total, uint32_t used, uint32_t mine, uint32_t holders)
{
	if (used >= total)
		return false;
	return total < SHARE_LEAST || total - used > total / SHARE_PART ||
	       mine < total / (holders + 1);
}

/* Who holds how much of one thing. A holder is a random number that stays; 0 is not bounded. */
struct share {
	uint32_t total, used, holders;
	uint32_t mine[SHARE_CLASSES];
};

/* The same where the total, and what is used of it, are told otherwise. */
static inline bool share_may_of(const struct share *s, uint32_t total, uint32_t used,
				uint32_t holder)
{
	return !holder || share_admits(total, used, s->mine[holder % SHARE_CLASSES], s->holders);
}

static inline bool share_may(const struct share *s, uint32_t holder)
{
	return share_may_of(s, s->total, s->used, holder);
}

/* Whether one who has less than an equal part of all that is used asks. */
static inline bool share_is_small(const struct share *s, uint32_t holder)
{
	const uint64_t mine = s->mine[holder % SHARE_CLASSES];

	return !holder || mine * (s->holders + 1) <= s->used;
}

static inline void share_take(struct share *s, uint32_t holder)
{
	s->used++;
	s->holders += s->mine[holder % SHARE_CLASSES]++ == 0;
}

static inline void share_give(struct share *s, uint32_t holder)
{
	s->used--;
	s->holders -= --s->mine[holder % SHARE_CLASSES] == 0;
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_RANK_H
#define FL_LIB_RANK_H

/*
 * Holders of something of which there is so much in all, ranked by how much each holds: exactly,
 * and without a search, so that when it runs out the one that holds most can give way. Holders are
 * records of an array; one that holds nothing stands nowhere.
 */
#include "row.h"

/* In each record. */
struct rank_holder {
	uint32_t held;
	struct row_link peers; /* those that hold as much */
};

struct rank {
	uint8_t *holder;   /* of record 0 */
	size_t stride;	   /* from one record's to the next one's */
	struct row *level; /* those that hold 0..all; who came to it first is first */
	uint32_t top;	   /* the most that any holds */
	uint32_t left;	   /* that are not held */
};

/*
 * level has all + 1 entries, which are the caller's to free; holder is that of the array's first
 * record.
 */
void rank_init(struct rank *r, struct row *level, uint32_t all, struct rank_holder *holder,
	       size_t stride);
/* Record i holds n more, or less: no more than are left, nor less than nothing. */
void rank_charge(struct rank *r, uint32_t i, int32_t n);
uint32_t rank_held(const struct rank *r, uint32_t i);
/* Of those that hold most the one that has held so much for the longest; or ROW_END. */
uint32_t rank_most(const struct rank *r);

#endif

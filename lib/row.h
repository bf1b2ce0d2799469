/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_ROW_H
#define FL_LIB_ROW_H

/*
 * Rows of records, which are an array's and known by index: a list in both directions for half of
 * what pointers take. A record has a link for each row that it may stand in at a time.
 */
#include <stddef.h>
#include <stdint.h>

#define ROW_END UINT32_MAX

struct row {
	uint32_t first, last; /* ROW_END: it is empty */
};
#define ROW_EMPTY ((struct row){ ROW_END, ROW_END })

struct row_link {
	uint32_t next, prev;
};

/* Where the links are: that of the array's first record, and how far it is to the next one's. */
struct row_links {
	struct row_link *first;
	size_t stride;
};

static inline struct row_link *row_link(struct row_links l, uint32_t i)
{
	return (struct row_link *)(void *)((uint8_t *)l.first + i * l.stride);
}

static inline void row_append(struct row *r, struct row_links l, uint32_t i)
{
	*row_link(l, i) = (struct row_link){ .next = ROW_END, .prev = r->last };
	*(r->last != ROW_END ? &row_link(l, r->last)->next : &r->first) = i;
	r->last = i;
}

static inline void row_remove(struct row *r, struct row_links l, uint32_t i)
{
	const struct row_link *at = row_link(l, i);

	*(at->prev != ROW_END ? &row_link(l, at->prev)->next : &r->first) = at->next;
	*(at->next != ROW_END ? &row_link(l, at->next)->prev : &r->last) = at->prev;
}

#endif

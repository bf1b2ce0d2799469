/* SPDX-License-Identifier: BSD-3-Clause */
#include "rank.h"

void rank_init(struct rank *r, struct row *level, uint32_t all, struct rank_holder *holder,
	       size_t stride)
{
	uint32_t i;

	*r = (struct rank){
		.holder = (uint8_t *)holder, .stride = stride, .level = level, .left = all
	};
	for (i = 0; i <= all; i++)
		level[i] = ROW_EMPTY;
}

static struct rank_holder *holder_of(const struct rank *r, uint32_t i)
{
	return (struct rank_holder *)(void *)(r->holder + i * r->stride);
}

/* Each step down of the top was a step up once. */
void rank_charge(struct rank *r, uint32_t i, int32_t n)
{
	struct row_links links = { &holder_of(r, 0)->peers, r->stride };
	struct rank_holder *h = holder_of(r, i);

	if (h->held)
		row_remove(&r->level[h->held], links, i);
	h->held += (uint32_t)n;
	r->left -= (uint32_t)n;
	if (h->held)
		row_append(&r->level[h->held], links, i);
	if (h->held > r->top)
		r->top = h->held;
	while (r->top && r->level[r->top].first == ROW_END)
		r->top--;
}

uint32_t rank_held(const struct rank *r, uint32_t i)
{
	return holder_of(r, i)->held;
}

uint32_t rank_most(const struct rank *r)
{
	return r->top ? r->level[r->top].first : ROW_END;
}

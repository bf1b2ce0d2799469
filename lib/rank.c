/* SPDX-License-Identifier: BSD-3-Clause */
#include "rank.h"

void rank_init(struct rank *r, struct rank_level *level, uint32_t all, struct rank_holder *holder,
	       size_t stride)
{
	uint32_t i;

	*r = (struct rank){
		.holder = (uint8_t *)holder, .stride = stride, .level = level, .left = all
	};
	for (i = 0; i <= all; i++)
		level[i] = (struct rank_level){ RANK_NOBODY, RANK_NOBODY };
}

static struct rank_holder *holder_of(const struct rank *r, uint32_t i)
{
	return (struct rank_holder *)(void *)(r->holder + i * r->stride);
}

static void level_remove(struct rank *r, const struct rank_holder *h)
{
	struct rank_level *l = &r->level[h->held];

	*(h->prev != RANK_NOBODY ? &holder_of(r, h->prev)->next : &l->first) = h->next;
	*(h->next != RANK_NOBODY ? &holder_of(r, h->next)->prev : &l->last) = h->prev;
}

static void level_append(struct rank *r, struct rank_holder *h, uint32_t i)
{
	struct rank_level *l = &r->level[h->held];

	h->next = RANK_NOBODY;
	h->prev = l->last;
	*(l->last != RANK_NOBODY ? &holder_of(r, l->last)->next : &l->first) = i;
	l->last = i;
}

/* Each step down of the top was a step up once. */
void rank_charge(struct rank *r, uint32_t i, int32_t n)
{
	struct rank_holder *h = holder_of(r, i);

	if (h->held)
		level_remove(r, h);
	h->held += (uint32_t)n;
	r->left -= (uint32_t)n;
	if (h->held)
		level_append(r, h, i);
	if (h->held > r->top)
		r->top = h->held;
	while (r->top && r->level[r->top].first == RANK_NOBODY)
		r->top--;
}

uint32_t rank_held(const struct rank *r, uint32_t i)
{
	return holder_of(r, i)->held;
}

uint32_t rank_most(const struct rank *r)
{
	return r->top ? r->level[r->top].first : RANK_NOBODY;
}

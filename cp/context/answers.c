/* SPDX-License-Identifier: BSD-3-Clause */
#include "answers.h"
#include "../../lib/seq.h"

#include <stdlib.h>

/* A ring in the order of the commands, which is that of their numbers and of their deadlines. */
struct answers {
	struct answer ring[ANSWERS_MAX];
	bool taken[ANSWERS_MAX];
	uint32_t head, tail; /* free running */
};

_Static_assert((ANSWERS_MAX & (ANSWERS_MAX - 1)) == 0, "free-running places");

struct answers *answers_create(void)
{
	return calloc(1, sizeof(struct answers));
}

void answers_free(struct answers *l)
{
	free(l);
}

static struct answer *at(struct answers *l, uint32_t place)
{
	return &l->ring[place % ANSWERS_MAX];
}

/* Lets go of the oldest as far as they have been taken. */
static void trim(struct answers *l)
{
	while (l->head != l->tail && l->taken[l->head % ANSWERS_MAX])
		l->head++;
}

bool answers_half(const struct answers *l)
{
	return l->tail - l->head >= ANSWERS_MAX / 2;
}

bool answers_add(struct answers *l, const struct answer *a)
{
	if (l->tail - l->head == ANSWERS_MAX)
		return false;
	l->taken[l->tail % ANSWERS_MAX] = false;
	*at(l, l->tail++) = *a;
	return true;
}

bool answers_take(struct answers *l, uint32_t worker, const struct evt_context_stats *e,
		  struct answer *a)
{
	uint32_t low = l->head, high = l->tail;

	while (low != high) {
		uint32_t mid = low + (high - low) / 2;

		if (seq_lt(at(l, mid)->seq, e->hdr.seq))
			low = mid + 1;
		else
			high = mid;
	}
	if (low == l->tail)
		return false;
	*a = *at(l, low);
	if (l->taken[low % ANSWERS_MAX] || a->seq != e->hdr.seq || a->worker != worker ||
	    a->cid.slot != e->cid.slot || a->cid.gen != e->cid.gen)
		return false;
	l->taken[low % ANSWERS_MAX] = true;
	trim(l);
	return true;
}

bool answers_over(struct answers *l, uint64_t now, struct answer *a)
{
	if (l->head == l->tail || now < at(l, l->head)->deadline)
		return false;
	*a = *at(l, l->head++);
	trim(l);
	return true;
}

void answers_forget(struct answers *l, const void *arg)
{
	for (uint32_t i = l->head; i != l->tail; i++) {
		if (at(l, i)->arg == arg)
			at(l, i)->done = NULL;
	}
}

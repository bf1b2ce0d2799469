/* SPDX-License-Identifier: BSD-3-Clause */
#include "slots.h"
#include "../lib/bug.h"

#include <stdlib.h>
#include <string.h>

/* Of each array. */
static size_t array_bytes(uint32_t n)
{
	return (n ? n : 1) * sizeof(uint32_t);
}

uint64_t slots_size(uint32_t n)
{
	return 2 * array_bytes(n);
}

bool slots_open(struct slots *s, uint32_t n)
{
	const size_t bytes = array_bytes(n);

	*s = (struct slots){ .owner = malloc(bytes), .free = malloc(bytes), .n = n };
	if (s->owner)
		memset(s->owner, 0xff, bytes); /* SLOT_NONE */
	return s->owner && s->free;
}

void slots_close(struct slots *s)
{
	free(s->owner);
	free(s->free);
}

void slots_fill(struct slots *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		if (s->owner[i] == SLOT_NONE)
			s->free[s->n_free++] = i;
	}
}

void slots_refill(struct slots *s)
{
	s->head = s->n_free = 0;
	slots_fill(s);
}

uint32_t slots_take(struct slots *s)
{
	uint32_t slot;

	if (s->n_free == 0)
		return SLOT_NONE;
	slot = s->free[s->head];
	if (BUG_ON(slot >= s->n))
		return SLOT_NONE;
	s->head = s->head + 1 == s->n ? 0 : s->head + 1;
	s->n_free--;
	return slot;
}

void slots_put(struct slots *s, uint32_t slot)
{
	uint64_t tail = (uint64_t)s->head + s->n_free;

	if (BUG_ON(slot >= s->n))
		return;
	s->owner[slot] = SLOT_NONE;
	if (s->n_free == s->n) /* it is among them: nobody took it, see slots_refill() */
		return;
	s->free[tail >= s->n ? tail - s->n : tail] = slot;
	s->n_free++;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Level l has slots of WHEEL_SLOTS^l ticks. A timer lies in the lowest level whose lap, counted
 * from the tick that is processed next, reaches its deadline; the slot in which that tick lies is
 * therefore never filled on the levels above 0, and each level's slots belong to one lap only.
 * When time comes to the first tick of a slot above level 0, its timers move down.
 */
#include "wheel.h"

#include <string.h>

static void timer_link(struct timer **head, struct timer *t)
{
	t->next = *head;
	t->pprev = head;
	if (t->next)
		t->next->pprev = &t->next;
	*head = t;
}

static void timer_unlink(struct timer *t)
{
	*t->pprev = t->next;
	if (t->next)
		t->next->pprev = t->pprev;
	t->next = NULL;
	t->pprev = NULL;
}

/* Puts t, whose deadline lies after w->now, into its slot. */
static void wheel_place(struct wheel *w, struct timer *t)
{
	uint64_t ahead = t->deadline - (w->now + 1);
	unsigned int level = 0;

	while (ahead >> (WHEEL_BITS * (level + 1)))
		level++;
	timer_link(&w->slot[level][t->deadline >> (WHEEL_BITS * level) & (WHEEL_SLOTS - 1)], t);
}

void wheel_init(struct wheel *w, uint64_t now)
{
	memset(w, 0, sizeof(*w));
	w->now = now;
	w->target = now;
}

void wheel_start(struct wheel *w, struct timer *t, uint64_t deadline)
{
	wheel_stop(w, t);
	if (deadline <= w->target)
		deadline = w->target + 1;
	if (deadline - w->now > WHEEL_MAX_DELAY)
		deadline = w->now + WHEEL_MAX_DELAY;
	t->deadline = deadline;
	wheel_place(w, t);
	w->armed++;
}

void wheel_stop(struct wheel *w, struct timer *t)
{
	if (!timer_armed(t))
		return;
	timer_unlink(t);
	w->armed--;
}

/*
 * Moves down what starts at tick. Takes one from *budget for each timer moved, so that a slot
 * that holds a million of them does not stop the caller's loop. False when the budget ended.
 */
static bool wheel_cascade(struct wheel *w, uint64_t tick, uint32_t *budget)
{
	for (unsigned int level = 1; level < WHEEL_LEVELS; level++) {
		unsigned int shift = WHEEL_BITS * level;
		struct timer **slot = &w->slot[level][tick >> shift & (WHEEL_SLOTS - 1)];

		if (tick & ((UINT64_C(1) << shift) - 1))
			break;
		while (*slot) {
			struct timer *t = *slot;

			if (*budget == 0)
				return false;
			(*budget)--;
			timer_unlink(t);
			wheel_place(w, t);
		}
	}
	return true;
}

uint32_t wheel_advance(struct wheel *w, uint64_t now, uint32_t budget, void *ctx)
{
	uint32_t fired = 0;

	if (now > w->target)
		w->target = now;
	while (w->armed > 0 && w->now < w->target) {
		uint64_t tick = w->now + 1;
		struct timer **slot = &w->slot[0][tick & (WHEEL_SLOTS - 1)];

		if (!wheel_cascade(w, tick, &budget))
			return fired;
		while (*slot) {
			struct timer *t = *slot;

			if (budget == 0)
				return fired;
			budget--;
			fired++;
			timer_unlink(t);
			w->armed--;
			t->fire(t, ctx);
		}
		w->now = tick;
	}
	if (w->armed == 0)
		w->now = w->target;
	return fired;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_WHEEL_H
#define FL_LIB_WHEEL_H

/*
 * Hierarchical timer wheel: O(1) start, stop and restart, no allocation. Timers are embedded in
 * the caller's objects. The tick's length is the caller's choice (1 ms in the dataplane, 100 ms
 * in the control process). One thread only. Stopping a timer is allowed at any time, also from
 * the callback of another timer that expires in the same advance: it then does not fire.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	WHEEL_BITS = 8,
	WHEEL_SLOTS = 1 << WHEEL_BITS,
	WHEEL_LEVELS = 4,
};

/* Longest delay in ticks; a longer one is cut to this. */
#define WHEEL_MAX_DELAY ((UINT64_C(1) << (WHEEL_BITS * WHEEL_LEVELS)) - 1)

struct timer {
	struct timer *next;
	struct timer **pprev; /* NULL when not armed */
	uint64_t deadline;    /* absolute tick */
	void (*fire)(struct timer *t, void *ctx);
};

struct wheel {
	uint64_t now;	 /* last tick processed */
	uint64_t target; /* latest tick told to wheel_advance(); now is behind if a budget ended */
	uint32_t armed;
	struct timer *slot[WHEEL_LEVELS][WHEEL_SLOTS];
};

void wheel_init(struct wheel *w, uint64_t now);

/*
 * Fires at tick `deadline`; if wheel_advance() was told that tick already, at the tick after the
 * latest one it was told, so never in the advance that is under way. An armed timer is moved.
 */
void wheel_start(struct wheel *w, struct timer *t, uint64_t deadline);
void wheel_stop(struct wheel *w, struct timer *t);

static inline bool timer_armed(const struct timer *t)
{
	return t->pprev != NULL;
}

/*
 * Processes ticks up to `now`, fires at most `budget` timers, returns how many fired. Moving a
 * timer to a finer level costs one of the budget too. When it ends early the next call goes on
 * where this one stopped; wheel_behind() says so.
 */
uint32_t wheel_advance(struct wheel *w, uint64_t now, uint32_t budget, void *ctx);

/* Whether the budget of the last wheel_advance() ended before its work. */
static inline bool wheel_behind(const struct wheel *w)
{
	return w->armed > 0 && w->now < w->target;
}

#endif

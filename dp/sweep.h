/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_SWEEP_H
#define FL_DP_SWEEP_H

/*
 * The end of a replay: each slot of a table is looked at once, a few a turn, by a function that
 * takes away what the control process did not name since the replay began.
 */
#include "worker.h"

struct sweep {
	bool on;
	uint32_t at; /* next slot */
};

static inline void sweep_begin(struct sweep *s)
{
	*s = (struct sweep){ .on = true };
}

static inline void sweep_stop(struct sweep *s)
{
	s->on = false;
}

/* Looks at `budget` more of `slots`. Returns how many it was. */
static inline uint32_t sweep_turn(struct worker *w, struct sweep *s, uint32_t slots,
				  uint32_t budget, void (*look)(struct worker *w, uint32_t slot))
{
	uint32_t n = 0;

	if (likely(!s->on))
		return 0;
	for (; n < budget && s->at < slots; n++, s->at++)
		look(w, s->at);
	s->on = s->at < slots;
	return n;
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_NEIGHBOURS_H
#define FL_CP_NEIGHBOURS_H

/*
 * Who waits for EVT_NEIGHBOURS. A worker tells a part of its table a command, so whoever wants all
 * asks again; no more than NEIGHBOURS_ASKS ask at a time, which is as many as there are
 * controllers, and none waits for longer than NEIGHBOURS_TIMEOUT_MS.
 */
#include "dplink.h"

enum { NEIGHBOURS_ASKS = 32, NEIGHBOURS_TIMEOUT_MS = 2000 };

/* e is NULL: no answer came. */
typedef void neighbours_fn(void *arg, uint32_t worker, const struct evt_neighbours *e);

struct neighbours {
	struct neighbours_ask {
		neighbours_fn *done; /* NULL: nobody waits here */
		void *arg;
		uint32_t worker, seq;
		uint64_t due_ms;
	} ask[NEIGHBOURS_ASKS];
};

/* Asks a worker; c but for its header is filled in. False: no room here, or in its ring. */
bool neighbours_ask(struct neighbours *n, struct dplink *l, uint32_t worker,
		    struct cmd_neighbours *c, uint64_t now_ms, neighbours_fn *done, void *arg);

/* False if nobody waits for it. */
bool neighbours_event(struct neighbours *n, uint32_t worker, const struct evt_neighbours *e);

/* Once a turn: whoever has waited for too long hears so. */
void neighbours_over(struct neighbours *n, uint64_t now_ms);

#endif

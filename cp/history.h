/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_HISTORY_H
#define FL_CP_HISTORY_H

/* What a node did in the last ten minutes, for who begins to look now: a ring of fixed size. */
#include "dplink.h"
#include "../lib/histogram.h"

#include <stdbool.h>
#include <stdint.h>

enum { HISTORY_EVERY_S = 5, HISTORY_POINTS = 120 };
/* Apart, since from gcc 13 on what does not fit an int makes all of its enum unsigned. */
enum { HISTORY_NONE = UINT32_MAX };

/* Of one interval; HISTORY_NONE where there was no dataplane, or nothing to measure. */
struct history_point {
	uint64_t wall;		     /* its end, in seconds since 1970 */
	uint32_t packets, drops;     /* received, and dropped, a second */
	uint32_t sessions, contexts; /* at its end */
	uint32_t load;		     /* thousandths of the workers' cycles that were not idle */
	uint32_t latency_us;	     /* of requests, until their reply: mean */
};

/* Sums of all workers, and of requests. */
struct history_sums {
	uint64_t packets, drops, busy, idle, requests, request_us;
};

struct history {
	bool attached;
	uint64_t generation; /* of the dataplane that the sums are of, if one is attached */
	uint64_t next_ms, last_ms;
	struct history_sums sums;
	uint32_t begin, n; /* of the ring */
	struct history_point point[HISTORY_POINTS];
};

/* What does not come from the dataplane. */
struct history_now {
	uint64_t now_ms, wall;
	uint32_t sessions, contexts;
	const struct histogram *request;
};

/* Whether an interval has ended, so that it is worth while to ask for struct history_now. */
static inline bool history_is_due(const struct history *h, uint64_t now_ms)
{
	return now_ms >= h->next_ms;
}

/* Adds a point, once an interval; the oldest goes where the ring is full. */
void history_look(struct history *h, const struct dplink *l, const struct history_now *now);

/* The i-th, the oldest first. */
static inline const struct history_point *history_at(const struct history *h, uint32_t i)
{
	return &h->point[(h->begin + i) % HISTORY_POINTS];
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_HEARTBEAT_H
#define FL_CP_HEARTBEAT_H

/*
 * Whether the dataplane's threads turn, as the control process sees it: each worker charges its
 * cycles to stages, the service thread counts its turns.
 */
#include "dplink.h"

struct heartbeat {
	uint64_t generation; /* of the dataplane that was looked at */
	uint64_t next_ms;
	uint64_t cycles[CTL_WORKERS_MAX];
	uint32_t still_s[CTL_WORKERS_MAX];
	uint32_t service_turns;
	uint32_t service_still_s;
};

enum {
	HEARTBEAT_STILL_S = 3,		/* a worker hangs; a nap is 10 ms at most */
	HEARTBEAT_SERVICE_STILL_S = 10, /* the service thread does, which opens devices */
};

/* Looks once a second. A control process that was stopped itself has looked once meanwhile. */
void heartbeat_look(struct heartbeat *h, const struct dplink *l, uint64_t now_ms);

/* Seconds that a worker has made no turn, by the last look. */
static inline uint32_t heartbeat_still(const struct heartbeat *h, uint32_t worker)
{
	return h->still_s[worker];
}

/* The same of the service thread. */
static inline uint32_t heartbeat_service_still(const struct heartbeat *h)
{
	return h->service_still_s;
}

#endif

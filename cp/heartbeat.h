/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_HEARTBEAT_H
#define FL_CP_HEARTBEAT_H

/* Whether workers turn, as the control process sees it: each charges its cycles to stages. */
#include "dplink.h"

struct heartbeat {
	uint64_t generation; /* of the dataplane that was looked at */
	uint64_t next_ms;
	uint64_t cycles[CTL_WORKERS_MAX];
	uint32_t still_s[CTL_WORKERS_MAX];
};

enum { HEARTBEAT_STILL_S = 3 }; /* it hangs; a nap is 10 ms at most */

/* Looks once a second. A control process that was stopped itself has looked once meanwhile. */
void heartbeat_look(struct heartbeat *h, const struct dplink *l, uint64_t now_ms);

/* Seconds that a worker has made no turn, by the last look. */
static inline uint32_t heartbeat_still(const struct heartbeat *h, uint32_t worker)
{
	return h->still_s[worker];
}

#endif

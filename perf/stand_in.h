/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_PERF_STAND_IN_H
#define FL_PERF_STAND_IN_H

/* Stands in for a dataplane of one worker, in the control process' own: its region and rings. */
#include "../conf/config.h"
#include "../lib/ctl_abi.h"
#include "../lib/ring.h"

struct stand_in {
	int memfd, wake_cp;
	uint64_t size;
	uint8_t *base;
	struct ring cmd, evt;
	struct ctl_use *use; /* [sessions] */
};

bool stand_in_open(struct stand_in *dp, const struct config *c);
/* A command of an audit or a replay is answered: there is nothing, and all was carried out. */
void stand_in_answer(struct stand_in *dp, const struct ctl_hdr *h);

/* Takes what the server sent, as a worker that obeys. */
void stand_in_obey(struct stand_in *dp);

/* Resident bytes of this process, by what they are mapped from. */
void stand_in_resident(uint64_t *heap, uint64_t *shared);

#endif

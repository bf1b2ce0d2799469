/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_REGION_H
#define FL_DP_REGION_H

/* The memory shared with the control process, see lib/ctl_abi.h. */
#include "dplane.h"

/*
 * Makes the region for dp->conf: a memfd, sealed so that the other side cannot cut it under our
 * feet. Returns the descriptor, or -1 and one sentence in err.
 */
int region_create(struct dplane *dp, char *err, size_t errlen);
/*
 * Has a worker's part of it in memory, of the NUMA node that the caller runs on: a page fault later
 * would be a system call on the packet path. Before anybody else has the region: it is zeros then.
 */
void region_touch(const struct dplane *dp, uint16_t worker);
/* Listeners, ports, relays and TLS domains of c, at their places. By the service thread. */
void region_places(struct dplane *dp, const struct config *c);
void region_destroy(struct dplane *dp, int fd);

#endif

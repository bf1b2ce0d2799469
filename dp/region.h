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
void region_destroy(struct dplane *dp, int fd);

#endif

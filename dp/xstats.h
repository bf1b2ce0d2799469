/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_XSTATS_H
#define FL_DP_XSTATS_H

/* What drivers count of their devices, for the control process to show. */
#include "dplane.h"

/*
 * Rewrites the port's values in the region, and its names the first time. Asks the device, which
 * may take a while: of the service thread only.
 */
void xstats_publish(const struct dplane *dp, struct port *port);

#endif

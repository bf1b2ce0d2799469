/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_SHORTFALL_H
#define FL_DP_SHORTFALL_H

/* What a port's device does not give of what it was asked for, and the port does without. */
#include "dplane.h"

#include <stdio.h>

/*
 * A line to out for each: fewer queues than workers, other numbers of descriptors than configured,
 * offloads or rules that its driver refuses, multicast or a VLAN that it does not take, members of
 * a bond that do not tell when their link is lost. Returns how many.
 */
unsigned shortfall_tell(const struct dplane *dp, const struct port *p, FILE *out);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_STEER_H
#define FL_DP_STEER_H

/* How packets reach their worker by a device's means; what it cannot, workers hand over. */
#include "dplane.h"

/*
 * Asks the device of an opened port for rules: packets to a pair of relayed ports go to the queue
 * of its worker, where the device takes a mask on the port (a power of two workers). False: it does
 * not.
 */
bool steer_device(struct dplane *dp, struct port *p);

/* Writes p->steering, as fairlead ports shows it. ok: what steer_device() said of the device. */
void steer_describe(const struct dplane *dp, struct port *p, bool ok);

#endif

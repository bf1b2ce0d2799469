/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_IFACE_H
#define FL_DP_IFACE_H

/* Interfaces of the kernel that ports are on: net_af_xdp and net_af_packet. */
#include "conf/config.h"
#include "conf/device.h"

/*
 * Whether the device is on an interface that cannot be used: it is not there, the kernel lacks what
 * the driver needs, or we lack the privilege. Then one sentence in why, that says what to do.
 */
bool iface_obstacle(const struct device *d, char *why, size_t len);

/*
 * What may have kept a driver from giving a queue though the device was opened: all of the above, a
 * capability that is missing, or too little memory that may be locked. mb: of packet buffers, which
 * AF_XDP locks.
 */
bool iface_queue_obstacle(const struct device *d, uint32_t mb, char *why, size_t len);

/*
 * Claims each interface that a port of the configuration has for AF_XDP, or as a TAP, until this
 * process ends: AF_XDP's driver takes the XDP program off an interface when it fails to open it as
 * well, and whoever has the interface hears nothing any more; a TAP would have one more queue.
 * False and one sentence in err: another fairlead-dp of this network namespace has it.
 */
bool iface_claim_all(const struct config *c, char *err, size_t errlen);

/*
 * Lets go who asked whose an interface is. Each that did stands in a queue, also after it has
 * ended, and one that finds the queue full takes the interface for free.
 */
void iface_claims_drain(void);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_VLAN_H
#define FL_DP_VLAN_H

/*
 * VLANs that a device lets in. Tags are taken off in software, but some devices, of which virtio is
 * one, drop what has the tag of a VLAN that they were not told of.
 */
#include "dplane.h"

/* The receive offload to ask for, of those that the device offers (IEEE 802.1Q, by VLAN). */
uint64_t vlan_offload(const struct config_device *d, uint64_t offered);

/*
 * Tells the device of p, which was started, of the VLANs of all ports of c that share it. One that
 * it refuses is p->vlan_refused, and the last such.
 */
void vlan_register(const struct config *c, struct port *p);

/* Another port of a device that is open: all is the first's but what the VLAN makes different. */
void vlan_join(struct dplane *dp, struct port *p);

/*
 * Ports of open devices that a reload brings, and takes; by the service thread, while workers run.
 * Whether those of c can be had, else one sentence in err.
 */
bool vlans_fit(const struct dplane *dp, const struct config *c, char *err, size_t errlen);
/*
 * Adds those that are new, or back: whole before a worker finds them, which it does by a frame of
 * theirs or by an address. Others' lines are not written. After region_places().
 */
void vlans_add(struct dplane *dp, const struct config *c);
/*
 * Takes out those that are gone, once workers read c. Their frames are strangers' from then on, and
 * their neighbours are forgotten within a second; what is at a place stays there, so that whoever
 * has found it may go on.
 */
void vlans_drop(struct dplane *dp, const struct config *c);

#endif

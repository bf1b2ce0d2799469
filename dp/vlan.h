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
 * Tells the device of p, which was started, of the VLANs of all ports that share it. One that it
 * refuses is p->vlan_refused, and the last such.
 */
void vlan_register(const struct dplane *dp, struct port *p);

#endif

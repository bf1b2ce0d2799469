/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_BUS_H
#define FL_DP_BUS_H

/* What EAL has to be told of buses when it starts, so that the devices of all ports can be opened.
 */
#include "../conf/config.h"

enum {
	BUS_ARG_LEN = 312, /* "--allow=", and a device with its arguments */
	/* a device and its VF */
	BUS_ARGS_MAX = 3 + 2 * CTL_PORTS_MAX * (1 + CONFIG_MEMBERS_MAX),
};

/* Arguments of EAL, which keeps them and may write. */
struct bus_args {
	char text[BUS_ARGS_MAX][BUS_ARG_LEN];
	uint16_t n;
	const char *physical; /* port whose device sees memory by physical addresses, or NULL */
	bool pci;	      /* an IOMMU would change that */
};

/* root is "" but for tests, whose /sys is below it. */
void bus_look(struct bus_args *b, const char *root, const struct config *c);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CONF_DEVICE_H
#define FL_CONF_DEVICE_H

/*
 * What ports[].device names: a device of DPDK, with the arguments of its driver behind a comma. A
 * PCI address is written as lspci prints it, with or without its domain; another bus is named in
 * front ("auxiliary:mlx5_core.sf.2"); all else is a virtual device. And "tap:NAME" is an interface
 * of the kernel that we serve ourselves (dp/tap.h).
 */
#include <stdbool.h>
#include <stddef.h>

enum {
	DEVICE_NAME_MAX = 256,
	DEVICE_VF_MAX = 32,
	DEVICE_ARGS_MAX = 300, /* a string of the configuration, and the bus and domain in front */
};

struct device {
	/* With its bus, without arguments: the same device, the same name. */
	char name[DEVICE_NAME_MAX];
	char devargs[DEVICE_ARGS_MAX]; /* as rte_dev_probe() takes it */
	bool virtual;
	/*
	 * Of a device on Hyper-V's bus ("vmbus:UUID,vf=0001:00:02.0"): the VF beside it, with its
	 * bus, which its driver sends and receives by. An argument of ours, not in devargs. Or "".
	 */
	char vf[DEVICE_VF_MAX];
};

/* False, with a sentence in err, if text names no device. */
bool device_read(const char *text, struct device *d, char *err, size_t errlen);

/* The address on the PCI bus, domain included; NULL for a device of another bus. */
const char *device_pci(const struct device *d);

/*
 * The UUID on Hyper-V's bus, in small letters; NULL for a device of another bus. That bus cannot
 * open one after DPDK's start.
 */
const char *device_vmbus(const struct device *d);

/* The interface of "tap:NAME", for which DPDK has a net_null; NULL for another device. */
const char *device_tap(const struct device *d);

/* The name on the auxiliary bus; NULL for a device of another bus. */
const char *device_auxiliary(const struct device *d);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#include "vmbus.h"
#include "sysfs.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define VMBUS_DEVICES "/sys/bus/vmbus/devices"
#define UIO "uio_hv_generic"

bool vmbus_obstacle(const char *root, const char *uuid, char *why, size_t len)
{
	char path[PATH_MAX], driver[64];
	bool bound;

	snprintf(path, sizeof(path), "%s" VMBUS_DEVICES "/%s", root, uuid);
	if (access(path, F_OK) != 0) {
		snprintf(why, len, "is not on the vmbus (ls " VMBUS_DEVICES " shows what is)");
		return true;
	}
	snprintf(path, sizeof(path), "%s" VMBUS_DEVICES "/%s/driver", root, uuid);
	bound = sysfs_link(path, driver, sizeof(driver));
	if (bound && strcmp(driver, UIO) == 0)
		return false;
	snprintf(why, len, "%s%s%s: bind it to " UIO " (\"bind vmbus:%s\" of fairlead-setup(8))",
		 bound ? "is the kernel's (driver " : "has no driver", bound ? driver : "",
		 bound ? ")" : "", uuid);
	return true;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_SYSFS_H
#define FL_DP_SYSFS_H

/* Links in /sys, by which a device names its driver or its group. */
#include <stdbool.h>
#include <stddef.h>

/* The last part of the path that a link leads to; false if there is no such link. */
bool sysfs_link(const char *path, char *name, size_t len);

#endif

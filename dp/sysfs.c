/* SPDX-License-Identifier: BSD-3-Clause */
#include "sysfs.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool sysfs_link(const char *path, char *name, size_t len)
{
	char to[PATH_MAX];
	const char *last;
	ssize_t n = readlink(path, to, sizeof(to) - 1);

	if (n <= 0)
		return false;
	to[n] = '\0';
	last = strrchr(to, '/');
	snprintf(name, len, "%.*s", (int)len - 1, last ? last + 1 : to);
	return true;
}

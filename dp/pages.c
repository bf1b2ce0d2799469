/* SPDX-License-Identifier: BSD-3-Clause */
#include "pages.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#define HUGEPAGES "/sys/kernel/mm/hugepages"

/* /proc/meminfo has those of the kernel's default size only, and EAL takes any. */
static uint64_t huge_left_mb(const char *root)
{
	const struct dirent *e;
	char path[PATH_MAX];
	uint64_t kb = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s" HUGEPAGES, root);
	d = opendir(path);
	while (d && (e = readdir(d)) != NULL) {
		unsigned long long size, n;
		FILE *f;

		if (sscanf(e->d_name, "hugepages-%llukB", &size) != 1)
			continue;
		snprintf(path, sizeof(path), "%s" HUGEPAGES "/%.64s/free_hugepages", root,
			 e->d_name);
		f = fopen(path, "re");
		if (f && fscanf(f, "%llu", &n) == 1)
			kb += n * size;
		if (f)
			fclose(f);
	}
	if (d)
		closedir(d);
	return kb / 1024;
}

struct pages pages_left(const char *root)
{
	unsigned long long kb = 0;
	char path[PATH_MAX], line[128];
	bool told = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/proc/meminfo", root);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		told |= sscanf(line, "MemAvailable: %llu kB", &kb) == 1;
	if (f)
		fclose(f);
	return (struct pages){ huge_left_mb(root), told ? kb / 1024 : UINT64_MAX };
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "process_use.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

static double seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

/* proc(5): pages of all, and of what is resident. */
static void memory_read(struct process_use *u)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	unsigned long long size, resident;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f && fscanf(f, "%llu %llu", &size, &resident) == 2) {
		u->virtual_bytes = size * page;
		u->resident_bytes = resident * page;
	}
	if (f)
		fclose(f);
}

static uint64_t entries(const char *path)
{
	DIR *d = opendir(path);
	uint64_t n = 0;

	if (!d)
		return 0;
	for (const struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

void process_use(struct process_use *u)
{
	struct rusage r;
	struct rlimit l;

	memset(u, 0, sizeof(*u));
	memory_read(u);
	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur != RLIM_INFINITY)
		u->fds_max = l.rlim_cur;
	u->fds = entries("/proc/self/fd");
	u->fds -= u->fds > 0; /* the folder itself */
	if (!u->fds)	      /* none was left to look by */
		u->fds = u->fds_max;
	u->threads = entries("/proc/self/task");
	if (getrusage(RUSAGE_SELF, &r) == 0)
		u->cpu_s = seconds(&r.ru_utime) + seconds(&r.ru_stime);
}

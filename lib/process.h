/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_PROCESS_H
#define FL_LIB_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum { PROCESS_FILES = 256 }; /* that a program may have open, at least */

/*
 * Keys are in memory: where core dumps are off (RLIMIT_CORE is 0) there are none, not even by a
 * handler that ignores this limit. Who raises it wants them.
 */
static inline void process_guard(void)
{
	struct rlimit core;

	if (getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0)
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/*
 * Libraries end the process, without a sentence of ours, when they get no descriptor at start. The
 * limit is raised as far as it may be; false and one sentence in err if that is too little.
 */
static inline bool process_files(char *err, size_t errlen)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur >= PROCESS_FILES)
		return true;
	files.rlim_cur = files.rlim_max < PROCESS_FILES ? files.rlim_max : PROCESS_FILES;
	if (files.rlim_cur == PROCESS_FILES && setrlimit(RLIMIT_NOFILE, &files) == 0)
		return true;
	snprintf(err, errlen,
		 "%ju files may be open and %d are needed at least: raise that (ulimit -n, "
		 "LimitNOFILE=)",
		 (uintmax_t)files.rlim_cur, PROCESS_FILES);
	return false;
}

#endif

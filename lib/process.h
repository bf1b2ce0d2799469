/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_PROCESS_H
#define FL_LIB_PROCESS_H

#include <sys/prctl.h>
#include <sys/resource.h>

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

#endif

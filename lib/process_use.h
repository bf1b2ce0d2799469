/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_PROCESS_USE_H
#define FL_LIB_PROCESS_USE_H

/* What the kernel knows of this process. What it does not tell is 0. */
#include <stdint.h>

struct process_use {
	double cpu_s; /* user and system */
	uint64_t virtual_bytes, resident_bytes;
	uint64_t fds, fds_max;
	uint64_t threads;
};

void process_use(struct process_use *u);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_PERF_HEAP_H
#define FL_PERF_HEAP_H

/* Bytes of memory that a worker takes. */
#include "../dp/worker.h"

/* DPDK's heap holds now. */
uint64_t heap_used(void);
/* Of it a worker's packet buffers, which differ by page size. */
uint64_t heap_buffers(const struct worker *w);

#endif

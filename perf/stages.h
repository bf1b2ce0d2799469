/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_PERF_STAGES_H
#define FL_PERF_STAGES_H

/* Cycles by stage, as a worker counts them, for benchmarks that turn a worker by hand. */
#include "../dp/worker.h"

#include <stdio.h>

/* What was charged to each stage so far. */
struct stages {
	uint64_t cycles[STAGE_MAX];
};

struct stages stages_read(const struct worker *w);

/*
 * From a look before n > 0 bursts and one after each (n + 1 in all), prints {"parse": 33.1, ...}:
 * cycles a packet of the median burst, stage by stage, of stages that took any.
 */
void stages_print(const struct stages *look, size_t n, uint32_t packets, FILE *out);

#endif

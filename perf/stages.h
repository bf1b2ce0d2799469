/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_PERF_STAGES_H
#define FL_PERF_STAGES_H

/* Cycles by stage, as a worker counted them, for benchmarks that turn a worker by hand. */
#include "../dp/worker.h"

#include <stdio.h>

/* Cycles charged to each stage so far. */
struct stages {
	uint64_t cycles[STAGE_MAX];
};

struct stages stages_read(const struct worker *w);
/* Prints {"parse": 33.1, ...}: cycles a packet since `before`, of stages that took any. */
void stages_print(const struct worker *w, const struct stages *before, uint64_t packets, FILE *out);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_CPUS_H
#define FL_CP_CPUS_H

/* Where the control process runs. */
#include "../conf/config.h"

#include <sched.h>
#include <stdbool.h>

/*
 * Takes the CPUs of workers and of crypto threads out of a set, for a worker that polls needs its
 * CPU alone. False, and the set is as it was, if no other CPU is in it.
 */
bool cpus_spare(const struct config *c, cpu_set_t *set);

/* Leaves those CPUs, threads included that are made later. Logs a sentence where it cannot. */
void cpus_leave(const struct config *c);

/* Where it was before, for a program that takes its place: it may have other workers. */
void cpus_return(void);

#endif

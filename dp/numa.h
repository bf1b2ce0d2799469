/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_NUMA_H
#define FL_DP_NUMA_H

/*
 * Memory and devices on the NUMA nodes of the CPUs that use them. Each worker is made by the thread
 * that it runs on (main.c): DPDK's heap and the kernel give memory of the node of who asks.
 */
#include "dplane.h"

#include <stdio.h>

/* The node of the page that p is in; negative: the kernel does not tell. Written to before. */
int numa_node(const void *p);

/*
 * Sets up the queues of p, whose workers' pools exist, with rings on the node of its device, or on
 * any where that one has no memory left (p->rings_apart). A negative errno as the driver has it.
 */
int numa_queues(const struct dplane *dp, struct port *p);

/*
 * One line to out for each worker whose tables or packet buffers are on another node than its CPU,
 * for each port whose device is on another than a worker that polls it, and for each whose rings
 * are on another than its device. Returns how many.
 */
unsigned numa_warn(const struct dplane *dp, FILE *out);

#endif

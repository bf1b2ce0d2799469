/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_NUMA_H
#define FL_DP_NUMA_H

/*
 * Memory and devices on the NUMA nodes of the CPUs that use them. Each worker is made by the thread
 * that it runs on (main.c): DPDK's heap and the kernel give memory of the node of who asks.
 */
#include "dplane.h"

#include <rte_launch.h>
#include <rte_lcore.h>
#include <stdio.h>

/* The node of the page that p is in; negative: the kernel does not tell. Written to before. */
int numa_node(const void *p);

/* Lcore 0 is the main thread, 1 and up are workers, then come crypto threads. */
static inline unsigned lcore_worker(uint16_t i)
{
	return 1u + i;
}

static inline unsigned lcore_crypto(const struct config *c, uint16_t i)
{
	return 1u + c->dataplane.n_workers + i;
}

/*
 * Calls f(arg) in the thread of an lcore, before that one runs, so that what it allocates is of
 * its node; here where there is no such thread, as in tests. Returns what f does.
 */
static inline int numa_run(unsigned lcore, int (*f)(void *), void *arg)
{
	if (!rte_lcore_is_enabled(lcore) || rte_eal_remote_launch(f, arg, lcore) < 0)
		return f(arg);
	return rte_eal_wait_lcore(lcore);
}

/*
 * Sets up the queues of p, whose workers' pools exist, with rings on the node of its device, or on
 * any where that one has no memory left (p->rings_apart). A negative errno as the driver has it.
 */
int numa_queues(const struct dplane *dp, struct port *p);

/*
 * One line to out for each worker whose tables, packet buffers, handshakes or, without crypto
 * threads, OpenSSL's contexts are on another node than its CPU,
 * for each port whose device is on another than a worker that polls it, and for each whose rings
 * are on another than its device. Returns how many.
 */
unsigned numa_warn(const struct dplane *dp, FILE *out);

#endif

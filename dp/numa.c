/* SPDX-License-Identifier: BSD-3-Clause */
#include "numa.h"
#include "worker.h"

#include <errno.h>
#include <rte_ethdev.h>
#include <rte_memory.h>
#include <sys/syscall.h>
#include <unistd.h>

int numa_node(const void *p)
{
	const uintptr_t page = (uintptr_t)p & ~((uintptr_t)sysconf(_SC_PAGESIZE) - 1);
	void *pages[] = { (void *)page };
	int node = -1;

	/* Where to is not said: nothing moves, and node is where the page is, or an error. */
	return syscall(SYS_move_pages, 0, 1UL, pages, NULL, &node, 0) == 0 ? node : -1;
}

static int queues_on(const struct dplane *dp, const struct port *p, int node)
{
	int r = 0;
	uint16_t q;

	for (q = 0; r >= 0 && q < p->rx_queues; q++)
		r = rte_eth_rx_queue_setup(p->id, q, p->rx_desc, (unsigned)node, NULL,
					   dp->worker[q]->pool);
	for (q = 0; r >= 0 && q < p->tx_queues; q++)
		r = rte_eth_tx_queue_setup(p->id, q, p->tx_desc, (unsigned)node, NULL);
	return r;
}

int numa_queues(const struct dplane *dp, struct port *p)
{
	const int node = rte_eth_dev_socket_id(p->id);
	const int r = queues_on(dp, p, node);

	p->rings_apart = r == -ENOMEM && node >= 0;
	return p->rings_apart ? queues_on(dp, p, SOCKET_ID_ANY) : r;
}

static bool apart(int a, int b)
{
	return a >= 0 && b >= 0 && a != b;
}

/* The node of a part of a worker's memory that is not its own, or that. */
static int node_of_parts(const struct dplane *dp, uint16_t i, int own)
{
	const struct worker *w = dp->worker[i];
	const void *const part[] = {
		w->session,
		STAILQ_FIRST(&w->pool->mem_list)->addr,
		dp->handshakes[i],
		dp->conf->tls.n_crypto_cpus ? NULL : dp->crypto[i],
	};

	for (unsigned k = 0; k < RTE_DIM(part); k++) {
		const int node = part[k] ? numa_node(part[k]) : own;

		if (apart(node, own))
			return node;
	}
	return own;
}

static unsigned worker_warn(const struct dplane *dp, uint16_t i, FILE *out)
{
	const int own = dp->node[i], other = node_of_parts(dp, i, own);

	if (!apart(other, own))
		return 0;
	fprintf(out,
		"fairlead-dp: worker %u (CPU %u) is on NUMA node %d, and memory of it on node %d, "
		"which is slower: give node %d more huge pages, or dataplane.memory-mb more\n",
		i, dp->conf->dataplane.workers[i], own, other, own);
	return 1;
}

static unsigned port_warn(const struct dplane *dp, const struct port *p, FILE *out)
{
	uint16_t i = 0;

	while (i < p->rx_queues && !apart(p->node, dp->node[i]))
		i++;
	if (i == p->rx_queues)
		return 0;
	fprintf(
	    out,
	    "fairlead-dp: port %s is on NUMA node %d, and worker %u (CPU %u), which polls it, on "
	    "node %d: choose CPUs of node %d for dataplane.workers, or another slot\n",
	    p->conf->name, p->node, i, dp->conf->dataplane.workers[i], dp->node[i], p->node);
	return 1;
}

static unsigned rings_warn(const struct port *p, FILE *out)
{
	if (!p->rings_apart || p->conf->shares)
		return 0;
	fprintf(out,
		"fairlead-dp: port %s is on NUMA node %d, which has no memory left for its rings: "
		"they are on another, which is slower: give node %d more huge pages\n",
		p->conf->name, p->node, p->node);
	return 1;
}

unsigned numa_warn(const struct dplane *dp, FILE *out)
{
	unsigned n = 0;
	uint16_t i;

	for (i = 0; i < dp->n_workers; i++)
		n += worker_warn(dp, i, out);
	for (i = 0; i < dp->n_ports; i++)
		n += port_warn(dp, &dp->port[i], out) + rings_warn(&dp->port[i], out);
	return n;
}

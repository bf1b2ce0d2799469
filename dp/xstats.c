/* SPDX-License-Identifier: BSD-3-Clause */
#include "xstats.h"

#include <rte_ethdev.h>
#include <stdio.h>
#include <stdlib.h>

static_assert(CTL_XSTAT_NAME == RTE_ETH_XSTATS_NAME_SIZE, "no name is cut");

/*
 * The driver's first names, as many as there is room for; returns how many. Nobody looks at them
 * before n says that they are there.
 */
static uint32_t names_write(struct ctl_xstats *x, uint16_t id)
{
	int total = rte_eth_xstats_get_names(id, NULL, 0), got = 0;
	struct rte_eth_xstat_name *name = total > 0 ? calloc((size_t)total, sizeof(*name)) : NULL;
	uint32_t n;

	if (name)
		got = rte_eth_xstats_get_names(id, name, (unsigned)total);
	n = got > 0 && got <= total ? RTE_MIN((uint32_t)got, (uint32_t)CTL_XSTATS_MAX) : 0;
	for (uint32_t i = 0; i < n; i++)
		snprintf(x->stat[i].name, sizeof(x->stat[i].name), "%.*s",
			 (int)sizeof(x->stat[i].name) - 1, name[i].name);
	x->total = got > 0 ? (uint32_t)got : 0;
	free(name);
	return n;
}

void xstats_publish(const struct dplane *dp, struct port *port)
{
	struct ctl_xstats *x =
	    region_at(dp->region, dp->region_size, dp->xstats + port->idx * sizeof(*x), sizeof(*x),
		      alignof(struct ctl_xstats));
	uint32_t seq = atomic_load_explicit(&x->seq, memory_order_relaxed) | 1, i;
	uint64_t ids[CTL_XSTATS_MAX], value[CTL_XSTATS_MAX];
	bool read;

	if (port_is_out(port))
		return;
	if (port->xstats == 0)
		port->xstats = names_write(x, port->id);
	for (i = 0; i < port->xstats; i++)
		ids[i] = i;
	read = port->xstats > 0 &&
	       rte_eth_xstats_get_by_id(port->id, ids, value, port->xstats) == (int)port->xstats;
	atomic_store_explicit(&x->seq, seq, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	x->n = port->xstats;
	for (i = 0; read && i < port->xstats; i++)
		x->stat[i].value = value[i];
	atomic_store_explicit(&x->seq, seq + 1, memory_order_release);
}

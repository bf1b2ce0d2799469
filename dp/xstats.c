/* SPDX-License-Identifier: BSD-3-Clause */
#include "xstats.h"

#include <rte_ethdev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static_assert(CTL_XSTAT_NAME == RTE_ETH_XSTATS_NAME_SIZE, "no name is cut");

static_assert(CTL_XSTATS_MAX > 10 * (CONFIG_MEMBERS_MAX + 1), "each member has room for some");

/* The ethdev that has the k'th statistics: the port's own, and then a bond's members. */
static uint16_t ethdev_of(const struct port *port, uint16_t k)
{
	return k == 0 ? port->id : port->member[k - 1];
}

/*
 * The driver's first names, room of them at most; returns how many. A bond has a member's behind
 * its place in ports[].members, since members of one driver have the same names.
 */
static uint16_t names_write(struct ctl_xstats *x, uint32_t at, uint32_t room,
			    const struct port *port, uint16_t k)
{
	const uint16_t id = ethdev_of(port, k);
	int total = rte_eth_xstats_get_names(id, NULL, 0), got = 0;
	struct rte_eth_xstat_name *name = total > 0 ? calloc((size_t)total, sizeof(*name)) : NULL;
	char member[16] = "";
	uint32_t n;

	if (name)
		got = rte_eth_xstats_get_names(id, name, (unsigned)total);
	n = got > 0 && got <= total ? RTE_MIN((uint32_t)got, room) : 0;
	if (k > 0)
		snprintf(member, sizeof(member), "member%u_", k - 1u);
	for (uint32_t i = 0; i < n; i++)
		snprintf(x->stat[at + i].name, sizeof(x->stat[at + i].name), "%s%.*s", member,
			 (int)(sizeof(x->stat[at + i].name) - 1 - strlen(member)), name[i].name);
	x->total += got > 0 ? (uint32_t)got : 0;
	free(name);
	return (uint16_t)n;
}

/* What is left is dealt out evenly among who comes. Nobody looks at names before n counts them. */
static void names_find(struct ctl_xstats *x, struct port *port)
{
	uint32_t at = 0;

	x->total = 0;
	for (uint16_t k = 0; k <= port->n_members; k++) {
		const uint32_t room = (CTL_XSTATS_MAX - at) / (port->n_members - k + 1u);

		port->xstats[k] = names_write(x, at, room, port, k);
		at += port->xstats[k];
	}
}

/* Those of one ethdev. They stay what they were where it tells none, as a member that is gone. */
static void values_read(const struct port *port, uint16_t k, uint64_t *value)
{
	uint64_t ids[CTL_XSTATS_MAX], got[CTL_XSTATS_MAX];
	const uint16_t n = port->xstats[k];

	for (uint16_t i = 0; i < n; i++)
		ids[i] = i;
	if (n > 0 && rte_eth_xstats_get_by_id(ethdev_of(port, k), ids, got, n) == n)
		memcpy(value, got, n * sizeof(*got));
}

void xstats_publish(const struct dplane *dp, struct port *port)
{
	struct ctl_xstats *x =
	    region_at(dp->region, dp->region_size, dp->xstats + port->idx * sizeof(*x), sizeof(*x),
		      alignof(struct ctl_xstats));
	uint32_t seq = atomic_load_explicit(&x->seq, memory_order_relaxed) | 1, n = 0, i;
	uint64_t value[CTL_XSTATS_MAX];

	if (port_is_out(port))
		return;
	if (port->xstats[0] == 0)
		names_find(x, port);
	for (i = 0; i < CTL_XSTATS_MAX; i++)
		value[i] = x->stat[i].value;
	for (uint16_t k = 0; k <= port->n_members; k++) {
		values_read(port, k, value + n);
		n += port->xstats[k];
	}
	atomic_store_explicit(&x->seq, seq, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	x->n = n;
	for (i = 0; i < n; i++)
		x->stat[i].value = value[i];
	atomic_store_explicit(&x->seq, seq + 1, memory_order_release);
}

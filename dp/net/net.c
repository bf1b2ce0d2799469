/* SPDX-License-Identifier: BSD-3-Clause */
#include "net.h"
#include "announce.h"
#include "ip.h"
#include "neigh.h"
#include "../snapshot.h"

#include <rte_malloc.h>

static bool net_tables_create(struct worker *w)
{
	const struct config_dataplane *c = &w->dp->conf->dataplane;
	struct net *n = w->net;
	char name[RTE_HASH_NAMESIZE];

	snprintf(name, sizeof(name), "neigh%u", w->id);
	n->neigh = neigh_create(c->neighbours, c->neighbour_queue, name, SOCKET_ID_ANY);
	n->echo_rate = rate_create(c->icmp_rate);
	n->error_rate = rate_create(c->icmp_rate);
	w->neighbours = n->neigh ? neigh_entries(n->neigh) : NULL;
	if (w->id == 0)
		n->announce = announce_create();
	return n->neigh && n->echo_rate && n->error_rate && (w->id != 0 || n->announce);
}

bool net_create(struct worker *w, char *err, size_t errlen)
{
	w->net = rte_zmalloc("net", sizeof(*w->net), RTE_CACHE_LINE_SIZE);
	if (w->net && net_tables_create(w))
		return frag_create(w, err, errlen);
	snprintf(err, errlen,
		 "%s: dataplane.memory-mb: %u MB are too few for neighbours of worker %u",
		 w->dp->conf->file, w->dp->conf->dataplane.memory_mb, w->id);
	return false;
}

void net_destroy(struct worker *w)
{
	struct net *n = w->net;

	if (!n)
		return;
	frag_destroy(w);
	if (n->neigh)
		neigh_free(w, n->neigh);
	announce_free(n->announce);
	rte_free(n->echo_rate);
	rte_free(n->error_rate);
	rte_free(n);
	w->neighbours = NULL;
	w->net = NULL;
}

void net_snapshot(struct worker *w)
{
	const uint32_t rate = snapshot_conf(w->dp)->dataplane.icmp_rate;

	rate_set(w->net->echo_rate, rate);
	rate_set(w->net->error_rate, rate);
	neigh_renew_all(w);
}

void net_tick(struct worker *w)
{
	neigh_tick(w);
	frag_tick(w);
	ping_tick(w);
	if (w->net->announce)
		announce_tick(w);
}

uint32_t net_held(const struct worker *w)
{
	return neigh_held(w->net->neigh) + frag_held(w);
}

uint32_t net_neighbours(const struct worker *w)
{
	return neigh_count(w->net->neigh);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "vlan.h"
#include "steer.h"
#include "worker.h"

#include <rte_ethdev.h>
#include <rte_log.h>
#include <stdio.h>

uint64_t vlan_offload(const struct config_device *d, uint64_t offered)
{
	return d->tagged ? offered & RTE_ETH_RX_OFFLOAD_VLAN_FILTER : 0;
}

static bool device_filters(const struct port *p)
{
	const int has = rte_eth_dev_get_vlan_offload(p->id);

	return has >= 0 && has & RTE_ETH_VLAN_FILTER_OFFLOAD;
}

void vlan_register(const struct config *c, struct port *p)
{
	p->vlan_refused = 0;
	if (!device_filters(p))
		return;
	for (uint16_t i = 0; i < c->n_port; i++) {
		const struct config_port *x = &c->port[i];

		if (x->vlan && !x->gone && (i == p->idx || x->shares == p->idx + 1) &&
		    rte_eth_dev_vlan_filter(p->id, x->vlan, 1) < 0)
			p->vlan_refused = x->vlan;
	}
}

/* Behind the last of its device, which leads to it from then on. */
static void chain_add(struct dplane *dp, struct port *p)
{
	struct port *last = &dp->port[p->conf->shares - 1];

	while (last->next)
		last = &dp->port[last->next];
	atomic_store_explicit(&last->next, p->idx, memory_order_release);
}

static void device_copy(const struct dplane *dp, struct port *p)
{
	const struct port own = *p;

	*p = dp->port[own.conf->shares - 1];
	p->idx = own.idx;
	p->conf = own.conf;
	p->mtu = own.mtu;
	p->vlan = own.vlan;
	p->l2_len = own.l2_len;
	p->rx_queues = 0;
	p->next = 0;
	p->steered_by = NULL; /* the first one holds it */
}

void vlan_join(struct dplane *dp, struct port *p)
{
	device_copy(dp, p);
	chain_add(dp, p);
}

/* ---- by a reload ---- */

static struct port *first_of(struct dplane *dp, const struct config_port *c)
{
	return &dp->port[c->shares - 1];
}

/* Whether the port at a place of c is to come: it was never there, or has gone. */
static bool vlan_comes(const struct dplane *dp, const struct config *c, uint16_t i)
{
	return c->port[i].shares && !c->port[i].gone &&
	       (i >= dp->n_ports || port_is_gone(&dp->port[i]));
}

bool vlans_fit(const struct dplane *dp, const struct config *c, char *err, size_t errlen)
{
	for (uint16_t i = 0; i < c->n_port; i++) {
		const struct config_port *p = &c->port[i];
		struct config_device d;

		if (!vlan_comes(dp, c, i))
			continue;
		d = config_device(dp->conf, p->shares - 1);
		if ((!p->vlan || d.tagged) && p->mtu <= d.mtu)
			continue;
		snprintf(err, errlen,
			 "ports: %s has vlan %u and mtu %u, for which its device is opened by a "
			 "restart of fairlead-dp",
			 p->name, p->vlan, p->mtu);
		return false;
	}
	return true;
}

/* Nobody knows of it yet. */
static void vlan_make(struct dplane *dp, const struct config_port *c, uint16_t i)
{
	struct port *p = &dp->port[i];

	dp->port_conf[i] = *c;
	*p = (struct port){ .idx = i, .conf = &dp->port_conf[i], .mtu = c->mtu, .vlan = c->vlan };
	p->l2_len = RTE_ETHER_HDR_LEN + (c->vlan ? RTE_VLAN_HLEN : 0);
	device_copy(dp, p);
	p->gone = true;
	dp->n_ports = (uint16_t)(i + 1);
	for (uint16_t w = 0; w < dp->n_workers; w++)
		atomic_store_explicit(&dp->worker[w]->n_ports, dp->n_ports, memory_order_release);
	chain_add(dp, p);
}

/* What a device that is away was not told it is told when it comes back. */
static void filter_set(struct port *first, uint16_t vlan, bool on)
{
	if (!vlan || port_is_out(first) || !device_filters(first))
		return;
	if (rte_eth_dev_vlan_filter(first->id, vlan, on) < 0 && on)
		RTE_LOG(WARNING, USER1,
			"port %s: its driver refuses to let in VLAN %u: nothing may arrive by it\n",
			first->conf->name, vlan);
}

void vlans_add(struct dplane *dp, const struct config *c)
{
	for (uint16_t i = 0; i < c->n_port; i++) {
		struct port *p = &dp->port[i], *first;

		if (!vlan_comes(dp, c, i))
			continue;
		if (i >= dp->n_ports)
			vlan_make(dp, &c->port[i], i);
		first = first_of(dp, p->conf);
		filter_set(first, p->vlan, true);
		dplane_add_link_local(dp, p);
		steer_describe(dp, p);
		atomic_store_explicit(&p->gone, false, memory_order_release);
		/* Last: what a link that comes up begins needs the rest. */
		atomic_store(&p->link, atomic_load(&first->link));
		RTE_LOG(NOTICE, USER1, "port %s: VLAN %u of %s's device, from now on\n",
			p->conf->name, p->vlan, first->conf->name);
	}
}

/* Another name, or MTU, may have the tag of a port that goes. */
static bool tag_is_wanted(const struct config *c, const struct port *p)
{
	for (uint16_t i = 0; i < c->n_port; i++)
		if (!c->port[i].gone && c->port[i].vlan == p->vlan &&
		    (c->port[i].shares == p->conf->shares || i + 1 == p->conf->shares))
			return true;
	return false;
}

void vlans_drop(struct dplane *dp, const struct config *c)
{
	for (uint16_t i = 0; i < dp->n_ports; i++) {
		struct port *p = &dp->port[i];

		if (!c->port[i].gone || port_is_gone(p))
			continue;
		atomic_store_explicit(&p->gone, true, memory_order_release);
		if (!port_is_out(p)) /* its device is being closed: outage.c */
			atomic_store(&p->link, LINK_DOWN);
		if (!tag_is_wanted(c, p))
			filter_set(first_of(dp, p->conf), p->vlan, false);
		RTE_LOG(NOTICE, USER1, "port %s: VLAN %u is no port any more\n", p->conf->name,
			p->vlan);
	}
}

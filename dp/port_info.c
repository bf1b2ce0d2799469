/* SPDX-License-Identifier: BSD-3-Clause */
#include "bond.h"
#include "port.h"
#include "tap.h"

#include <rte_ethdev.h>
#include <rte_log.h>
#include <stdio.h>

void port_describe(struct port *p, const char *driver, const struct rte_eth_conf *conf)
{
	const bool tcp = p->tx_csum_tcp || p->multi_seg;
	int n;

	snprintf(p->driver, sizeof(p->driver), "%s", driver);
	n = snprintf(p->offloads, sizeof(p->offloads), "rx-ip-csum %s, rx-l4-csum %s, rss %s, ",
		     p->rx_csum_ip ? "device" : "software", p->rx_csum_l4 ? "device" : "software",
		     conf->rxmode.mq_mode & RTE_ETH_MQ_RX_RSS_FLAG ? "device" : "none");
	if (tcp)
		snprintf(p->offloads + n, sizeof(p->offloads) - (size_t)n,
			 "tx-tcp-csum %s, tso %s, tx-chains %s",
			 p->tx_csum_tcp ? "device" : "software", p->tx_tso ? "device" : "none",
			 p->multi_seg ? "device" : "software");
	else
		snprintf(p->offloads + n, sizeof(p->offloads) - (size_t)n, "tx none%s",
			 p->fast_free ? " but fast free" : "");
}

void port_bursts(struct port *p)
{
	struct rte_eth_burst_mode rx = { 0 }, tx = { 0 };
	const int len = CTL_TEXT_MAX / 2 - 16;
	/* A bond's driver has its own and tells none: what counts is how its members do it. */
	const uint16_t id = p->n_members ? p->member[0] : p->id;

	if (rte_eth_rx_burst_mode_get(id, 0, &rx) < 0 || !*rx.info)
		snprintf(rx.info, sizeof(rx.info), "not told");
	if (rte_eth_tx_burst_mode_get(id, 0, &tx) < 0 || !*tx.info)
		snprintf(tx.info, sizeof(tx.info), "not told");
	snprintf(p->bursts, sizeof(p->bursts), "rx %.*s, tx %.*s", len, rx.info, len, tx.info);
}

/* A device that does not tell is taken for up. */
static void link_take(struct port *port, bool told, const struct rte_eth_link *link)
{
	const enum port_link now = told && !link->link_status ? LINK_DOWN : LINK_UP;
	const enum port_link was = atomic_exchange_explicit(&port->link, now, memory_order_relaxed);

	/* Who is up from the start has nothing to say. */
	if (was != now && !(was == LINK_UNKNOWN && now == LINK_UP))
		RTE_LOG(NOTICE, USER1, "port %s: its link is %s\n", port->conf->name,
			now == LINK_UP
			    ? "up"
			    : "down: see to its cable, and to the port at the other end");
}

static bool link_read(const struct port *port, struct rte_eth_link *link)
{
	const bool told = rte_eth_link_get_nowait(port->id, link) == 0;

	if (port->tap) {
		link->link_status = tap_is_up(port);
		link->link_speed = RTE_ETH_SPEED_NUM_UNKNOWN;
	}
	return told;
}

/* Whether the device counts: what stands for a TAP knows nothing of its frames. */
static bool stats_read(const struct port *port, struct rte_eth_stats *st)
{
	if (port->tap)
		tap_stats(port, st);
	return !port->tap && rte_eth_stats_get(port->id, st) == 0;
}

void port_publish(const struct dplane *dp, struct port *port, uint64_t conflicts)
{
	struct ctl_port_info *i =
	    region_at(dp->region, dp->region_size, dp->port_info + port->idx * sizeof(*i),
		      sizeof(*i), alignof(struct ctl_port_info));
	uint32_t seq = atomic_load_explicit(&i->seq, memory_order_relaxed) | 1;
	struct rte_eth_link link = { 0 };
	const bool gone = port_is_gone(port), out = gone || port_is_out(port);
	bool told = !out && link_read(port, &link);
	struct rte_eth_stats st = { 0 };
	char members[CTL_TEXT_MAX];

	if (!out) {
		link_take(port, told, &link);
		bond_look(port);
	}
	/* What the device counts is told by its first port, lest it were there twice. */
	port->counts = !out && !port->conf->shares && stats_read(port, &st);
	port->sent = st.opackets;
	port->heard = st.ipackets;
	bond_describe(port, members, sizeof(members));
	atomic_store_explicit(&i->seq, seq, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	i->link_up = link.link_status;
	i->out = out && !gone;
	i->gone = gone;
	i->outages = port->outages;
	i->speed_mbps = link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed;
	i->mtu = port->mtu;
	i->rx_queues =
	    port->conf->shares ? dp->port[port->conf->shares - 1].rx_queues : port->rx_queues;
	i->tx_queues = port->tx_queues;
	i->rx_desc = port->rx_desc;
	i->tx_desc = port->tx_desc;
	i->shares = port->conf->shares;
	i->vlan = port->vlan;
	memcpy(i->mac, port->mac.addr_bytes, 6);
	snprintf(i->name, sizeof(i->name), "%s", port->conf->name);
	snprintf(i->driver, sizeof(i->driver), "%s", port->driver);
	snprintf(i->steering, sizeof(i->steering), "%s", port->steering);
	snprintf(i->offloads, sizeof(i->offloads), "%s", port->offloads);
	snprintf(i->bursts, sizeof(i->bursts), "%s", port->bursts);
	snprintf(i->members, sizeof(i->members), "%s", members);
	i->rx_missed = st.imissed;
	i->rx_nombuf = st.rx_nombuf;
	i->rx_errors = st.ierrors;
	i->tx_errors = st.oerrors;
	i->conflicts = conflicts;
	atomic_store_explicit(&i->seq, seq + 1, memory_order_release);
}

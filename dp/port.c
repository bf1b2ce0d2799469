/* SPDX-License-Identifier: BSD-3-Clause */
#include "bond.h"
#include "iface.h"
#include "numa.h"
#include "pci.h"
#include "port.h"
#include "snapshot.h"
#include "steer.h"
#include "tap.h"
#include "vlan.h"
#include "vmbus.h"
#include "worker.h"
#include "conf/device.h"

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_log.h>
#include <stdio.h>

enum {
	XDP_HEADROOM = 256, /* XDP_PACKET_HEADROOM of linux/bpf.h */
	CHAIN_MAX = 64,	    /* buffers of a packet where the device would take more */
	DEVICE_WHY_MAX = 320,
	RING_SHARE = 4, /* packets with the most buffers that a ring has room for, at least */
};

/*
 * Error sentence about a device of port idx; r is a negative errno, or 0 for none. Many drivers
 * return -1 for whatever it was and log it: that is no EPERM.
 */
static bool device_fail(const struct dplane *dp, uint16_t idx, const char *key, const char *device,
			const char *what, int r, char *err, size_t errlen)
{
	const struct config_port *c = &dp->conf->port[idx];
	const char *why = r == -1 ? "its driver says why, above" : strerror(-r);
	uint32_t line = strcmp(key, "mtu") == 0	     ? c->mtu_line
			: strcmp(key, "device") == 0 ? c->device_line
						     : c->member_line;

	snprintf(err, errlen, "%s: ports[%u].%s (%s, %s): %s%s%s",
		 config_where(dp->conf, line).text, idx, key, c->name, device, what, r ? ": " : "",
		 r ? why : "");
	return false;
}

static bool port_fail(const struct dplane *dp, uint16_t idx, const char *key, const char *what,
		      int r, char *err, size_t errlen)
{
	return device_fail(dp, idx, key, dp->conf->port[idx].device, what, r, err, errlen);
}

/* Opened by EAL when it started (bus.c): the bus knows no way to do so later. */
static bool device_is_open(const char *device, uint16_t *id)
{
	char err[DEVICE_WHY_MAX];
	const char *uuid;
	struct device d;

	uuid = device_read(device, &d, err, sizeof(err)) ? device_vmbus(&d) : NULL;
	return uuid && rte_eth_dev_get_port_by_name(uuid, id) == 0;
}

/* Why EAL has not opened it. */
static int vmbus_fail(const char *uuid, char *why, size_t len)
{
	if (!vmbus_obstacle("", uuid, why, len))
		snprintf(why, len, "could not be opened: its driver says why, above");
	return -ENODEV;
}

/*
 * The driver of a virtual device says what it lacks, and EAL would only add that it failed. Of a
 * device that cannot be opened the kernel may know why: a sentence in why, else "".
 */
static int device_probe(const char *device, char *why, size_t len)
{
	int r, level = rte_log_get_level(RTE_LOGTYPE_EAL);
	const char *pci;
	struct device d;

	why[0] = '\0';
	if (!device_read(device, &d, why, len)) /* conf/check.c has looked */
		return -EINVAL;
	if (device_vmbus(&d))
		return vmbus_fail(device_vmbus(&d), why, len);
	if (d.virtual && level <= (int)RTE_LOG_WARNING)
		rte_log_set_level(RTE_LOGTYPE_EAL, RTE_LOG_CRIT);
	r = rte_dev_probe(d.devargs);
	rte_log_set_level(RTE_LOGTYPE_EAL, (uint32_t)level);
	pci = device_pci(&d);
	if (r < 0 && pci)
		pci_obstacle("", pci, why, len);
	else if (r < 0)
		iface_obstacle(&d, why, len);
	return r;
}

static bool device_find(struct dplane *dp, uint16_t idx, const char *key, const char *device,
			uint16_t *id, char *err, size_t errlen)
{
	uint16_t first = RTE_MAX_ETHPORTS, i;
	bool before[RTE_MAX_ETHPORTS] = { false };
	char why[DEVICE_WHY_MAX];
	int r;

	if (device_is_open(device, id))
		return true;
	RTE_ETH_FOREACH_DEV (i)
		before[i] = true;
	r = device_probe(device, why, sizeof(why));
	if (r < 0 && why[0])
		return device_fail(dp, idx, key, device, why, 0, err, errlen);
	if (r == -EFAULT)
		return device_fail(dp, idx, key, device, "no driver of DPDK has such a name", 0,
				   err, errlen);
	if (r < 0)
		return device_fail(dp, idx, key, device,
				   "cannot be opened (is it there, and free?)", r, err, errlen);
	RTE_ETH_FOREACH_DEV (i)
		if (!before[i] && first == RTE_MAX_ETHPORTS)
			first = i;
	if (first == RTE_MAX_ETHPORTS)
		return device_fail(dp, idx, key, device, "gave no Ethernet port", 0, err, errlen);
	*id = first;
	return true;
}

/* Members first, then the bond, which takes them over. */
static bool bond_open(struct dplane *dp, struct port *p, char *err, size_t errlen)
{
	const struct config_port *c = p->conf;
	uint16_t at = 0;
	char key[24];
	int why = 0;

	for (uint16_t i = 0; i < c->n_member; i++) {
		snprintf(key, sizeof(key), "members[%u]", i);
		if (!device_find(dp, p->idx, key, c->member[i], &p->member[i], err, errlen))
			return false;
		p->n_members++;
	}
	if (bond_make(c, p->member, p->n_members, &p->id, &at, &why))
		return true;
	if (at == p->n_members)
		return port_fail(dp, p->idx, "device", "cannot be made", why, err, errlen);
	snprintf(key, sizeof(key), "members[%u]", at);
	return device_fail(dp, p->idx, key, c->member[at],
			   "does not go with the members before it, in queues, offloads or speed",
			   why, err, errlen);
}

/* Whether the port's device, or a member of it, is of a driver. */
static bool has_driver(const struct port *p, const char *name)
{
	struct rte_eth_dev_info info;
	bool has = rte_eth_dev_info_get(p->id, &info) == 0 && !strcmp(info.driver_name, name);

	for (uint16_t i = 0; i < p->n_members; i++)
		has |= rte_eth_dev_info_get(p->member[i], &info) == 0 &&
		       !strcmp(info.driver_name, name);
	return has;
}

/* Bytes in front of a packet, tag or not. */
static uint16_t l2_len(bool tagged)
{
	return tagged ? RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN : RTE_ETHER_HDR_LEN;
}

/* Drivers whose kernel or device keeps a flow on one queue though they tell of no RSS. */
static bool driver_is_sticky(const char *name)
{
	return !strcmp(name, "net_af_xdp") || !strcmp(name, "net_af_packet");
}

/* memif says so of itself, but in DPDK 24.11 what arrives of a chain is not what was sent. */
static bool sends_chains(const struct port *p)
{
	return !has_driver(p, "net_memif");
}

/*
 * How many buffers of a chain a device takes, where it tells: what has more it refuses, or hangs
 * on. It tells the largest number, or nothing, when it knows no bound.
 */
static void port_chains(struct port *p, const struct rte_eth_desc_lim *lim)
{
	p->chain_max = lim->nb_seg_max ? RTE_MIN(lim->nb_seg_max, CHAIN_MAX) : CHAIN_MAX;
	p->chain_cut = lim->nb_mtu_seg_max ? RTE_MIN(lim->nb_mtu_seg_max, CHAIN_MAX) : CHAIN_MAX;
}

/*
 * Devices tell the MTU they carry, or only the frame. AF_XDP tells what a page would hold, but a
 * frame has to fit one of our buffers, behind the kernel's headroom; longer ones are lost.
 */
static uint32_t device_mtu_max(const struct port *p, const struct rte_eth_dev_info *info,
			       uint16_t l2)
{
	const uint32_t frame = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;

	if (has_driver(p, "net_af_xdp"))
		return RTE_MBUF_DEFAULT_DATAROOM - XDP_HEADROOM - l2;
	if (info->max_mtu && info->max_mtu != UINT16_MAX)
		return info->max_mtu;
	return info->max_rx_pktlen > frame ? info->max_rx_pktlen - frame : UINT16_MAX;
}

/*
 * What a device does for TCP on the way out: the checksum, with IPv4's beside it, and cutting
 * large segments where it takes chains as well.
 */
static uint64_t tcp_offloads(uint64_t capa, uint64_t have)
{
	uint64_t csum = RTE_ETH_TX_OFFLOAD_TCP_CKSUM;

	if (!(capa & csum))
		return 0;
	csum |= capa & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
	return have & RTE_ETH_TX_OFFLOAD_MULTI_SEGS ? csum | (capa & RTE_ETH_TX_OFFLOAD_TCP_TSO)
						    : csum;
}

/*
 * Drivers have a faster way to send where little is asked of them, so a port without TCP asks for
 * nothing that it can do without: chains are put together in software then. Buffers may be freed
 * to one pool without a look where there is one pool; tx_frame() sees to it that none is shared.
 */
static uint64_t tx_offloads(const struct dplane *dp, const struct port *p,
			    const struct config_device *d, const struct rte_eth_dev_info *info)
{
	uint64_t chains =
	    sends_chains(p) ? info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS : 0;

	if (d->tcp)
		return chains | tcp_offloads(info->tx_offload_capa, chains);
	if (d->mtu + l2_len(d->tagged) > RTE_MBUF_DEFAULT_DATAROOM)
		return chains;
	/* A bond sends frames of its own beside ours. */
	return dp->n_workers == 1 && !d->bond
		   ? info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE
		   : 0;
}

/* What a device is asked for, of what it offers. */
static struct rte_eth_conf port_wants(const struct dplane *dp, const struct port *p,
				      const struct config_device *d,
				      const struct rte_eth_dev_info *info)
{
	const bool scatter = d->mtu + l2_len(d->tagged) > RTE_MBUF_DEFAULT_DATAROOM;
	struct rte_eth_conf conf = { .rxmode.mtu = d->mtu };

	conf.rxmode.offloads = scatter ? info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER : 0;
	/* Some drivers tell that a device was taken away only if they are asked to: outage.c. */
	conf.intr_conf.rmv = info->dev_flags && *info->dev_flags & RTE_ETH_DEV_INTR_RMV;
	if (p->plain) {
		conf.txmode.offloads = tx_offloads(dp, p, d, info) & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
		return conf;
	}
	conf.rxmode.offloads |=
	    info->rx_offload_capa & (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM |
				     RTE_ETH_RX_OFFLOAD_TCP_CKSUM);
	conf.rxmode.offloads |= vlan_offload(d, info->rx_offload_capa);
	conf.txmode.offloads = tx_offloads(dp, p, d, info);
	if (p->rx_queues > 1 && info->flow_type_rss_offloads) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf =
		    info->flow_type_rss_offloads &
		    (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP);
	}
	return conf;
}

/* What it has taken. */
static void port_has(const struct dplane *dp, struct port *p, const struct rte_eth_dev_info *info,
		     const struct rte_eth_conf *conf)
{
	const uint64_t rx = conf->rxmode.offloads, tx = conf->txmode.offloads;
	const char *driver = info->driver_name;
	struct device t;

	p->rx_csum_ip = rx & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
	p->rx_csum_l4 = rx & RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
	p->tx_csum_tcp = tx & RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
	p->tx_csum_ip = tx & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
	p->tx_tso = tx & RTE_ETH_TX_OFFLOAD_TCP_TSO;
	p->multi_seg = tx & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	p->fast_free = tx & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	p->heals = info->err_handle_mode == RTE_ETH_ERROR_HANDLE_MODE_PROACTIVE;
	port_chains(p, &info->tx_desc_lim);
	p->flow_sticky =
	    p->rx_queues == dp->n_workers &&
	    (conf->rxmode.mq_mode == RTE_ETH_MQ_RX_RSS || driver_is_sticky(info->driver_name));
	if (tap_name(p->conf, &t)) {
		tap_offers(p);
		driver = "tap";
	}
	port_describe(p, driver, conf);
}

/* Of a driver that does not keep what it offers nothing is asked that software does as well. */
static bool port_configure(struct dplane *dp, struct port *p, const struct config_device *d,
			   char *err, size_t errlen)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf;
	char what[80];
	int r = rte_eth_dev_info_get(p->id, &info);
	uint32_t mtu_max;

	if (r < 0)
		return port_fail(
		    dp, p->idx, "device",
		    "tells nothing of itself (another version of driver or firmware may)", r, err,
		    errlen);
	if (info.max_rx_queues == 0 || info.max_tx_queues == 0)
		return port_fail(dp, p->idx, "device",
				 "has no queue to receive, or to send by: give it one where "
				 "it is made: the hypervisor, or the PF of a VF",
				 0, err, errlen);
	p->rx_queues = RTE_MIN(dp->n_workers, info.max_rx_queues);
	p->tx_queues = RTE_MIN(dp->n_workers, info.max_tx_queues);
	mtu_max = device_mtu_max(p, &info, l2_len(d->tagged));
	if (d->mtu > mtu_max) {
		snprintf(what, sizeof(what), "is more than the device carries, which is %u",
			 mtu_max);
		return port_fail(dp, d->mtu_port, "mtu", what, 0, err, errlen);
	}
	conf = port_wants(dp, p, d, &info);
	r = rte_eth_dev_configure(p->id, p->rx_queues, p->tx_queues, &conf);
	if (r < 0) {
		p->plain = true;
		conf = port_wants(dp, p, d, &info);
		r = rte_eth_dev_configure(p->id, p->rx_queues, p->tx_queues, &conf);
	}
	if (r < 0)
		return port_fail(dp, p->idx, "device",
				 "refuses its configuration (another version of driver or firmware "
				 "may take it)",
				 r, err, errlen);
	port_has(dp, p, &info, &conf);
	return true;
}

/* An interface of the kernel's, in place of the ethdev that stands for it. */
static bool port_tap(struct dplane *dp, struct port *p, char *err, size_t errlen)
{
	char why[DEVICE_WHY_MAX];
	struct device d;
	const char *name = tap_name(p->conf, &d);

	return !name || tap_open(dp, p, name, why, sizeof(why)) ||
	       port_fail(dp, p->idx, "device", why, 0, err, errlen);
}

static void obj_end(struct rte_mempool *pool, void *end, void *obj, unsigned int i)
{
	uintptr_t e = (uintptr_t)obj + pool->elt_size + pool->trailer_size;

	(void)i;
	if (e > *(uintptr_t *)end)
		*(uintptr_t *)end = e;
}

/*
 * AF_XDP gives the kernel as many bytes as the pool's buffers are long together, from the first on.
 * With gaps between them the last would lie beyond, and each that is used there is lost for good,
 * until the port hears nothing any more.
 */
static bool pool_is_dense(struct rte_mempool *pool)
{
	const struct rte_mempool_memhdr *first = STAILQ_FIRST(&pool->mem_list);
	uintptr_t end = 0;

	rte_mempool_obj_iter(pool, obj_end, &end);
	return end - (uintptr_t)first->addr <=
	       (uintptr_t)pool->populated_size *
		   rte_mempool_calc_obj_size(pool->elt_size, pool->flags, NULL);
}

/* As many as the device takes, next to what is wanted. */
static bool port_descriptors(const struct dplane *dp, struct port *p, const struct config_device *d,
			     char *err, size_t errlen)
{
	int r;

	p->rx_desc = d->rx_desc;
	p->tx_desc = d->tx_desc;
	r = rte_eth_dev_adjust_nb_rx_tx_desc(p->id, &p->rx_desc, &p->tx_desc);
	if (r < 0)
		return port_fail(dp, p->idx, "device",
				 "does not say how many descriptors it takes (another version of "
				 "driver or firmware may)",
				 r, err, errlen);
	p->chain_max = RTE_MIN(p->chain_max, p->tx_desc / RING_SHARE);
	p->tx_ring = p->tx_desc / d->n_ports;
	return true;
}

/* Of an interface, whose driver says no more than that it failed, the kernel may know why. */
static bool queues_fail(const struct dplane *dp, const struct port *p, int r, char *err,
			size_t errlen)
{
	/* What a worker has, in pages that the kernel counts for each queue. */
	const uint64_t mb = (uint64_t)dp->conf->dataplane.mbufs * RTE_MBUF_DEFAULT_BUF_SIZE >> 20;
	char why[DEVICE_WHY_MAX];
	struct device d;
	uint16_t i = 0;

	do {
		const char *text = p->n_members ? p->conf->member[i] : p->conf->device;

		if (device_read(text, &d, why, sizeof(why)) &&
		    iface_queue_obstacle(&d, (uint32_t)mb, why, sizeof(why)))
			return port_fail(dp, p->idx, "device", why, 0, err, errlen);
	} while (++i < p->n_members);
	return port_fail(dp, p->idx, "device",
			 "gives no queue (mbufs or rx-desc too few, or busy?)", r, err, errlen);
}

static bool port_queues(struct dplane *dp, struct port *p, char *err, size_t errlen)
{
	int r;

	if (has_driver(p, "net_af_xdp"))
		for (uint16_t q = 0; q < p->rx_queues; q++)
			if (!pool_is_dense(dp->worker[q]->pool))
				return port_fail(
				    dp, p->idx, "device",
				    "AF_XDP needs packet buffers side by side, which "
				    "they are not beside a device that sees physical "
				    "addresses: bind that to vfio-pci behind an IOMMU, "
				    "or make this port net_af_packet",
				    0, err, errlen);
	r = numa_queues(dp, p);
	return r >= 0 || queues_fail(dp, p, r, err, errlen);
}

/*
 * Neighbour discovery is multicast: where the device cannot take all of that (AF_XDP, AF_PACKET),
 * it takes everything, lest the interface below filters it.
 */
static void port_hear(struct port *p)
{
	p->no_multicast =
	    rte_eth_allmulticast_enable(p->id) != 0 && rte_eth_promiscuous_enable(p->id) != 0;
}

/* A bond configures its members when it starts, and only logs what they refuse. */
static bool members_carry(const struct port *p, uint16_t mtu)
{
	uint16_t has;

	for (uint16_t i = 0; i < p->n_members; i++)
		if (rte_eth_dev_get_mtu(p->member[i], &has) < 0 || has < mtu)
			return false;
	return true;
}

static bool port_start(struct dplane *dp, struct port *p, const struct config_device *d, char *err,
		       size_t errlen)
{
	/* The configured MTU is the driver's; this sets that of a kernel device below it, too. */
	int r = d->bond ? 0 : rte_eth_dev_set_mtu(p->id, d->mtu);

	if (r < 0 && r != -ENOTSUP)
		return port_fail(
		    dp, d->mtu_port, "mtu",
		    "the device does not take it (1500 is taken by all; a VF takes what "
		    "its PF does)",
		    r, err, errlen);
	r = rte_eth_dev_start(p->id);
	if (r < 0)
		return port_fail(dp, p->idx, "device",
				 "does not start (dmesg may know of its firmware, or of its PF)", r,
				 err, errlen);
	if (!members_carry(p, d->mtu))
		return port_fail(dp, d->mtu_port, "mtu",
				 "a member does not take it: write what each member carries", 0,
				 err, errlen);
	r = rte_eth_macaddr_get(p->id, &p->mac);
	if (r < 0)
		return port_fail(dp, p->idx, "device",
				 "has no MAC address (give it one where it is made)", r, err,
				 errlen);
	port_hear(p);
	port_bursts(p);
	return true;
}

/* Descriptors beyond those configured that the devices so far insist on. */
static uint64_t descriptors_more(const struct dplane *dp, uint32_t holders)
{
	uint64_t n = 0;

	for (uint16_t i = 0; i < dp->n_ports; i++) {
		const struct config_device d = config_device(dp->conf, i);
		const struct port *p = &dp->port[i];

		if (dp->conf->port[i].shares)
			continue;
		n += p->rx_desc > d.rx_desc ? p->rx_desc - d.rx_desc : 0;
		n += p->tx_desc > d.tx_desc ? (uint64_t)holders * (p->tx_desc - d.tx_desc) : 0;
	}
	return n;
}

/* A worker's buffers must do for all that hold them where queues are fewer than workers. */
static bool port_buffers(const struct dplane *dp, const struct port *p, char *err, size_t errlen)
{
	const uint32_t holders = (dp->n_workers + p->rx_queues - 1u) / p->rx_queues;
	const uint64_t needed =
	    config_mbufs_needed(dp->conf, p->rx_queues) + descriptors_more(dp, holders);
	char what[200];

	if (dp->conf->dataplane.mbufs >= needed)
		return true;
	snprintf(what, sizeof(what),
		 "has %u receive queue%s of %u descriptors for %u worker%s: dataplane.mbufs must "
		 "be %ju at least",
		 p->rx_queues, p->rx_queues > 1 ? "s" : "", p->rx_desc, dp->n_workers,
		 dp->n_workers > 1 ? "s" : "", (uintmax_t)needed);
	return port_fail(dp, p->idx, "device", what, 0, err, errlen);
}

/* Of a bond its first member's. A virtual device tells the node of who opened it. */
static int device_node(const struct port *p)
{
	const char *text = p->n_members ? p->conf->member[0] : p->conf->device;
	char err[DEVICE_WHY_MAX];
	struct device d;

	if (!device_read(text, &d, err, sizeof(err)) || d.virtual)
		return -1;
	return rte_eth_dev_socket_id(p->n_members ? p->member[0] : p->id);
}

bool port_device_open(struct dplane *dp, const struct config *c, struct port *p, char *err,
		      size_t errlen)
{
	const struct config_device d = config_device(dp->conf, p->idx);

	p->id = RTE_MAX_ETHPORTS;
	p->lacp = p->conf->bond == BOND_LACP;
	if (d.bond ? !bond_open(dp, p, err, errlen)
		   : !device_find(dp, p->idx, "device", p->conf->device, &p->id, err, errlen))
		return false;
	if (!port_configure(dp, p, &d, err, errlen) || !port_descriptors(dp, p, &d, err, errlen) ||
	    !port_buffers(dp, p, err, errlen) || !port_queues(dp, p, err, errlen) ||
	    !port_tap(dp, p, err, errlen) || !port_start(dp, p, &d, err, errlen))
		return false;
	vlan_register(c, p);
	if (p->rx_queues > 1)
		rss_read(&p->rss, p->id);
	p->node = device_node(p);
	bond_links(p);
	steer_device(dp, c, p);
	return true;
}

bool port_open(struct dplane *dp, uint16_t idx, char *err, size_t errlen)
{
	const struct config_port *c = &dp->conf->port[idx];
	struct port *p = &dp->port[idx];

	*p = (struct port){ .idx = idx, .conf = c, .mtu = c->mtu, .vlan = c->vlan };
	p->l2_len = l2_len(c->vlan != 0);
	dp->n_ports = (uint16_t)(idx + 1);
	if (c->shares)
		vlan_join(dp, p);
	else if (!port_device_open(dp, dp->conf, p, err, errlen))
		return false;
	dplane_add_link_local(dp, p);
	steer_describe(dp, p);
	return true;
}

void port_close(struct port *port)
{
	if (port->conf->shares)
		return;
	snapshot_drop(port->steered_by);
	port->steered_by = NULL;
	if (rte_eth_dev_is_valid_port(port->id)) {
		rte_eth_dev_stop(port->id);
		tap_close(port);
		rte_eth_dev_close(port->id);
	}
	for (uint16_t i = 0; i < port->n_members; i++)
		if (rte_eth_dev_is_valid_port(port->member[i]))
			rte_eth_dev_close(port->member[i]);
}

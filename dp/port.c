/* SPDX-License-Identifier: BSD-3-Clause */
#include "port.h"
#include "worker.h"
#include "conf/device.h"

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_flow.h>
#include <rte_log.h>
#include <stdio.h>

enum {
	XDP_HEADROOM = 256, /* XDP_PACKET_HEADROOM of linux/bpf.h */
	CHAIN_MAX = 64,	    /* buffers of a packet where the device would take more */
	RING_SHARE = 4,	    /* packets with the most buffers that a ring has room for, at least */
};

/*
 * Error sentence of port idx; r is a negative errno, or 0 for none. Many drivers return -1 for
 * whatever it was and log it: that is no EPERM.
 */
static bool port_fail(const struct dplane *dp, uint16_t idx, const char *key, const char *what,
		      int r, char *err, size_t errlen)
{
	const struct config_port *c = &dp->conf->port[idx];
	const char *why = r == -1 ? "its driver says why, above" : strerror(-r);
	uint32_t line = strcmp(key, "mtu") == 0 ? c->mtu_line : c->device_line;

	snprintf(err, errlen, "%s:%u: ports[%u].%s (%s, %s): %s%s%s", dp->conf->file, line, idx,
		 key, c->name, c->device, what, r ? ": " : "", r ? why : "");
	return false;
}

/* The driver of a virtual device says what it lacks; EAL would only add that it failed. */
static int device_probe(const char *device)
{
	int r, level = rte_log_get_level(RTE_LOGTYPE_EAL);
	char err[DEVICE_ARGS_MAX];
	struct device d;

	if (!device_read(device, &d, err, sizeof(err))) /* conf/check.c has looked */
		return -EINVAL;
	if (d.virtual)
		rte_log_set_level(RTE_LOGTYPE_EAL, RTE_LOG_CRIT);
	r = rte_dev_probe(d.devargs);
	rte_log_set_level(RTE_LOGTYPE_EAL, (uint32_t)level);
	return r;
}

static bool port_probe(struct dplane *dp, uint16_t idx, uint16_t *id, char *err, size_t errlen)
{
	const struct config_port *c = &dp->conf->port[idx];
	uint16_t first = RTE_MAX_ETHPORTS, i;
	bool before[RTE_MAX_ETHPORTS] = { false };
	int r;

	RTE_ETH_FOREACH_DEV (i)
		before[i] = true;
	r = device_probe(c->device);
	if (r == -EFAULT)
		return port_fail(dp, idx, "device", "no driver of DPDK has such a name", 0, err,
				 errlen);
	if (r < 0)
		return port_fail(dp, idx, "device", "cannot be opened (is it there, and free?)", r,
				 err, errlen);
	RTE_ETH_FOREACH_DEV (i)
		if (!before[i] && first == RTE_MAX_ETHPORTS)
			first = i;
	if (first == RTE_MAX_ETHPORTS)
		return port_fail(dp, idx, "device", "gave no Ethernet port", 0, err, errlen);
	*id = first;
	return true;
}

/* Drivers whose kernel or device keeps a flow on one queue though they tell of no RSS. */
static bool driver_is_sticky(const char *name)
{
	return !strcmp(name, "net_af_xdp") || !strcmp(name, "net_af_packet");
}

/* memif says so of itself, but in DPDK 24.11 what arrives of a chain is not what was sent. */
static bool driver_sends_chains(const char *name)
{
	return strcmp(name, "net_memif") != 0;
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

static void port_describe(struct port *p, const struct rte_eth_dev_info *info,
			  const struct rte_eth_conf *conf)
{
	snprintf(p->driver, sizeof(p->driver), "%s", info->driver_name);
	snprintf(p->offloads, sizeof(p->offloads),
		 "rx-ip-csum %s, rx-l4-csum %s, tx-tcp-csum %s, tso %s, tx-chains %s, rss %s",
		 p->rx_csum_ip ? "device" : "software", p->rx_csum_l4 ? "device" : "software",
		 p->tx_csum_tcp ? "device" : "software", p->tx_tso ? "device" : "none",
		 p->multi_seg ? "device" : "software",
		 conf->rxmode.mq_mode & RTE_ETH_MQ_RX_RSS_FLAG ? "device" : "none");
}

/*
 * Devices tell the MTU they carry, or only the frame. AF_XDP tells what a page would hold, but a
 * frame has to fit one of our buffers, behind the kernel's headroom; longer ones are lost.
 */
static uint32_t port_mtu_max(const struct port *p, const struct rte_eth_dev_info *info)
{
	const uint32_t l2 = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;

	if (!strcmp(info->driver_name, "net_af_xdp"))
		return RTE_MBUF_DEFAULT_DATAROOM - XDP_HEADROOM - p->l2_len;
	if (info->max_mtu && info->max_mtu != UINT16_MAX)
		return info->max_mtu;
	return info->max_rx_pktlen > l2 ? info->max_rx_pktlen - l2 : UINT16_MAX;
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

static bool port_configure(struct dplane *dp, struct port *p, char *err, size_t errlen)
{
	struct rte_eth_conf conf = { 0 };
	struct rte_eth_dev_info info;
	int r = rte_eth_dev_info_get(p->id, &info);

	if (r < 0)
		return port_fail(dp, p->idx, "device", "tells nothing of itself", r, err, errlen);
	p->rx_queues = RTE_MIN(dp->n_workers, info.max_rx_queues);
	p->tx_queues = RTE_MIN(dp->n_workers, info.max_tx_queues);
	conf.rxmode.offloads =
	    info.rx_offload_capa & (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM |
				    RTE_ETH_RX_OFFLOAD_TCP_CKSUM);
	if (driver_sends_chains(info.driver_name))
		conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	conf.txmode.offloads |= tcp_offloads(info.tx_offload_capa, conf.txmode.offloads);
	if (p->rx_queues > 1 && info.flow_type_rss_offloads) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf =
		    info.flow_type_rss_offloads &
		    (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP);
	}
	if (p->mtu > port_mtu_max(p, &info))
		return port_fail(dp, p->idx, "mtu", "is more than the device carries", 0, err,
				 errlen);
	conf.rxmode.mtu = p->mtu;
	if (p->mtu + p->l2_len > RTE_MBUF_DEFAULT_DATAROOM)
		conf.rxmode.offloads |= info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
	p->rx_csum_ip = conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
	p->rx_csum_l4 = conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
	p->tx_csum_tcp = conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
	p->tx_csum_ip = conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
	p->tx_tso = conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO;
	p->multi_seg = conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	port_chains(p, &info.tx_desc_lim);
	p->flow_sticky =
	    p->rx_queues == dp->n_workers &&
	    (conf.rxmode.mq_mode == RTE_ETH_MQ_RX_RSS || driver_is_sticky(info.driver_name));
	port_describe(p, &info, &conf);
	r = rte_eth_dev_configure(p->id, p->rx_queues, p->tx_queues, &conf);
	if (r < 0)
		return port_fail(dp, p->idx, "device", "refuses its configuration", r, err, errlen);
	return true;
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

static bool port_queues(struct dplane *dp, struct port *p, char *err, size_t errlen)
{
	uint16_t rx = p->conf->rx_desc, tx = p->conf->tx_desc, q;
	int r = rte_eth_dev_adjust_nb_rx_tx_desc(p->id, &rx, &tx);

	p->chain_max = RTE_MIN(p->chain_max, tx / RING_SHARE);
	p->tx_ring = tx;
	if (!strcmp(p->driver, "net_af_xdp"))
		for (q = 0; q < p->rx_queues; q++)
			if (!pool_is_dense(dp->worker[q]->pool))
				return port_fail(dp, p->idx, "device",
						 "AF_XDP needs packet buffers side by side, which "
						 "they are not beside a PCI device",
						 0, err, errlen);
	for (q = 0; r >= 0 && q < p->rx_queues; q++)
		r = rte_eth_rx_queue_setup(p->id, q, rx, rte_eth_dev_socket_id(p->id), NULL,
					   dp->worker[q]->pool);
	for (q = 0; r >= 0 && q < p->tx_queues; q++)
		r = rte_eth_tx_queue_setup(p->id, q, tx, rte_eth_dev_socket_id(p->id), NULL);
	if (r < 0)
		return port_fail(dp, p->idx, "device",
				 "gives no queue (mbufs or rx-desc too few, or busy?)", r, err,
				 errlen);
	return true;
}

/* One rule: packets to this relay address whose port's pair is of worker q go to queue q. */
static bool steer_rule(const struct port *p, const struct ip_addr *ip, uint16_t q, uint16_t mask)
{
	struct rte_flow_attr attr = { .ingress = 1 };
	struct rte_flow_item_ipv4 v4 = { 0 }, v4_mask = { .hdr.dst_addr = UINT32_MAX };
	struct rte_flow_item_ipv6 v6 = { 0 }, v6_mask = { 0 };
	struct rte_flow_item_udp udp = { .hdr.dst_port = rte_cpu_to_be_16((uint16_t)(q << 1)) };
	struct rte_flow_item_udp udp_mask = { .hdr.dst_port = rte_cpu_to_be_16(mask) };
	struct rte_flow_action_queue queue = { .index = q };
	struct rte_flow_item item[] = {
		{ .type = RTE_FLOW_ITEM_TYPE_ETH },
		{ .type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &v4, .mask = &v4_mask },
		{ .type = RTE_FLOW_ITEM_TYPE_UDP, .spec = &udp, .mask = &udp_mask },
		{ .type = RTE_FLOW_ITEM_TYPE_END },
	};
	struct rte_flow_action act[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &queue },
		{ .type = RTE_FLOW_ACTION_TYPE_END },
	};
	struct rte_flow_error e;

	memset(&v6_mask.hdr.dst_addr, 0xff, 16);
	memcpy(&v6.hdr.dst_addr, ip->b, 16);
	memcpy(&v4.hdr.dst_addr, ip->b + 12, 4);
	if (!ip_is_v4(ip))
		item[1] = (struct rte_flow_item){ .type = RTE_FLOW_ITEM_TYPE_IPV6,
						  .spec = &v6,
						  .mask = &v6_mask };
	return rte_flow_validate(p->id, &attr, item, act, &e) == 0 &&
	       rte_flow_create(p->id, &attr, item, act, &e) != NULL;
}

/*
 * How replies to connections opened from here find their worker: a local port is picked whose
 * hash leads back to it, where the device's key and table are known and the self-test finds one
 * for each worker; else one of the worker's share of ports, and the receiving worker hands over.
 */
static const char *port_outbound(const struct dplane *dp, const struct port *p)
{
	const struct sock_addr peer = { .ip = p->conf->addr[0].ip, .port = be16_make(443) };
	struct sock_addr own = { .ip = p->conf->addr[0].ip };
	uint64_t found = 0;
	uint32_t i;

	if (dp->n_workers == 1)
		return "one worker";
	for (i = 32768; p->rss.reta_size && i < 65536; i += 2) {
		own.port = be16_make((uint16_t)i);
		if (rss_queue(&p->rss, &peer, &own) % dp->n_workers == dp->port_owner[i >> 1])
			found |= UINT64_C(1) << dp->port_owner[i >> 1];
	}
	return found == UINT64_MAX >> (64 - dp->n_workers) ? "RSS hash" : "hand-over";
}

/*
 * How relayed ports reach their worker: by rules where the device takes a mask on the port (a
 * power of two workers), else the receiving worker hands over.
 */
static void port_steer(struct dplane *dp, struct port *p)
{
	uint16_t mask = (uint16_t)((dp->n_workers - 1) << 1), q, i;
	struct rte_flow_error e;
	bool ok = dp->n_workers > 1 && p->rx_queues == dp->n_workers &&
		  (dp->n_workers & (dp->n_workers - 1)) == 0;

	for (i = 0; ok && i < dp->conf->n_relay; i++)
		for (q = 0; ok && q < dp->n_workers; q++)
			ok = steer_rule(p, &dp->conf->relay[i].addr, q, mask);
	if (!ok && dp->n_workers > 1)
		rte_flow_flush(p->id, &e);
	snprintf(p->steering, sizeof(p->steering),
		 "clients: %s; relayed ports: %s; outbound TCP: %s",
		 dp->n_workers == 1 ? "one worker"
		 : p->flow_sticky   ? "queue"
				    : "hash and hand-over",
		 dp->n_workers == 1 ? "one worker"
		 : ok		    ? "rte_flow"
				    : "hand-over",
		 port_outbound(dp, p));
}

/*
 * Neighbour discovery is multicast: where the device cannot take all of that (AF_XDP, AF_PACKET),
 * it takes everything, lest the interface below filters it.
 */
static void port_hear(const struct port *p)
{
	if (rte_eth_allmulticast_enable(p->id) != 0)
		rte_eth_promiscuous_enable(p->id);
}

static bool port_start(struct dplane *dp, struct port *p, char *err, size_t errlen)
{
	/* The configured MTU is the driver's; this sets that of a kernel device below it, too. */
	int r = rte_eth_dev_set_mtu(p->id, p->mtu);

	if (r < 0 && r != -ENOTSUP)
		return port_fail(dp, p->idx, "mtu", "the device does not take it", r, err, errlen);
	r = rte_eth_dev_start(p->id);
	if (r < 0)
		return port_fail(dp, p->idx, "device", "does not start", r, err, errlen);
	r = rte_eth_macaddr_get(p->id, &p->mac);
	if (r < 0)
		return port_fail(dp, p->idx, "device", "has no MAC address", r, err, errlen);
	port_hear(p);
	return true;
}

/* A worker's buffers must do for all that hold them where queues are fewer than workers. */
static bool port_buffers(const struct dplane *dp, const struct port *p, char *err, size_t errlen)
{
	const uint64_t needed = config_mbufs_needed(dp->conf, p->rx_queues);
	char what[160];

	if (dp->conf->dataplane.mbufs >= needed)
		return true;
	snprintf(what, sizeof(what),
		 "has %u receive queue%s for %u workers: dataplane.mbufs must be %ju at least",
		 p->rx_queues, p->rx_queues > 1 ? "s" : "", dp->n_workers, (uintmax_t)needed);
	return port_fail(dp, p->idx, "device", what, 0, err, errlen);
}

bool port_open(struct dplane *dp, uint16_t idx, char *err, size_t errlen)
{
	const struct config_port *c = &dp->conf->port[idx];
	struct port *p = &dp->port[idx];

	*p = (struct port){ .idx = idx, .conf = c, .mtu = c->mtu, .vlan = c->vlan };
	p->l2_len = c->vlan ? RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN : RTE_ETHER_HDR_LEN;
	if (!port_probe(dp, idx, &p->id, err, errlen))
		return false;
	dp->n_ports = (uint16_t)(idx + 1);
	if (!port_configure(dp, p, err, errlen) || !port_buffers(dp, p, err, errlen) ||
	    !port_queues(dp, p, err, errlen) || !port_start(dp, p, err, errlen))
		return false;
	dplane_add_link_local(dp, p);
	if (p->rx_queues > 1)
		rss_read(&p->rss, p->id);
	port_steer(dp, p);
	return true;
}

void port_close(struct port *port)
{
	struct rte_eth_dev_info info;

	if (rte_eth_dev_info_get(port->id, &info) < 0)
		return;
	rte_eth_dev_stop(port->id);
	rte_eth_dev_close(port->id);
}

void port_publish(const struct dplane *dp, const struct port *port)
{
	struct ctl_port_info *i =
	    region_at(dp->region, dp->region_size, dp->port_info + port->idx * sizeof(*i),
		      sizeof(*i), alignof(struct ctl_port_info));
	uint32_t seq = atomic_load_explicit(&i->seq, memory_order_relaxed) | 1;
	struct rte_eth_link link = { 0 };
	struct rte_eth_stats st = { 0 };

	if (rte_eth_link_get_nowait(port->id, &link) < 0)
		link.link_status = RTE_ETH_LINK_DOWN;
	if (rte_eth_stats_get(port->id, &st) < 0)
		memset(&st, 0, sizeof(st));
	atomic_store_explicit(&i->seq, seq, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	i->link_up = link.link_status;
	i->speed_mbps = link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed;
	i->mtu = port->mtu;
	i->rx_queues = port->rx_queues;
	i->tx_queues = port->tx_queues;
	i->vlan = port->vlan;
	memcpy(i->mac, port->mac.addr_bytes, 6);
	snprintf(i->name, sizeof(i->name), "%s", port->conf->name);
	snprintf(i->driver, sizeof(i->driver), "%s", port->driver);
	snprintf(i->steering, sizeof(i->steering), "%s", port->steering);
	snprintf(i->offloads, sizeof(i->offloads), "%s", port->offloads);
	i->rx_missed = st.imissed;
	i->rx_nombuf = st.rx_nombuf;
	i->rx_errors = st.ierrors;
	i->tx_errors = st.oerrors;
	atomic_store_explicit(&i->seq, seq + 1, memory_order_release);
}

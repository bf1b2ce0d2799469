/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device whose driver refuses, and a kernel that does not know: preloaded, this stands between
 * fairlead-dp and DPDK (and within DPDK, whose libraries call each other the same way) and the C
 * library. FAIRLEAD_REFUSE says what, as in "port=1,configure=5,rx-queues=1":
 *
 *   port=N          the ethdev that refuses (0); others do all
 *   info, configure, adjust, mtu, rx-queue, tx-queue, start, mac, multicast, promiscuous = ERRNO;
 *                   adjust is of its numbers of descriptors
 *   offloads=ERRNO  it offers checksums, and refuses a configuration with any of them, or RSS
 *   rules=N         it takes N rules and no more
 *   rx-queues, tx-queues, max-desc, min-desc, max-mtu = N, of what it says of itself
 *   down=1          its link
 *   apart=1         packet buffers are not side by side, as where addresses are physical
 *   memfd, tasks, xdp = ERRNO of the kernel: memory to share, /proc/self/task, sockets of AF_XDP
 *
 * When DPDK is cleaned up it says which devices nobody has closed, and which rules nobody has taken
 * back.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_flow.h>
#include <rte_mempool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define NEXT(f) ((__typeof__(&f))dlsym(RTLD_NEXT, #f))
#define CHECKSUMS (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM)

static bool is_open[RTE_MAX_ETHPORTS], is_started[RTE_MAX_ETHPORTS];
static unsigned int n_rules;

/* The value of a key; negative: it is not there. */
static int value(const char *key)
{
	const char *at = getenv("FAIRLEAD_REFUSE");
	size_t len = strlen(key);

	for (; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (strncmp(at, key, len) == 0 && at[len] == '=')
			return atoi(at + len + 1);
	return -1;
}

static bool is_mine(uint16_t port)
{
	return port == (value("port") < 0 ? 0 : value("port"));
}

/* The errno of a refusal; 0: it is done. */
static int refusal(uint16_t port, const char *key)
{
	return is_mine(port) && value(key) > 0 ? value(key) : 0;
}

/* ---- devices ---- */

static void limit(uint16_t *field, const char *key)
{
	if (value(key) >= 0)
		*field = (uint16_t)value(key);
}

int rte_eth_dev_info_get(uint16_t port, struct rte_eth_dev_info *info)
{
	int r = refusal(port, "info");

	r = r ? -r : NEXT(rte_eth_dev_info_get)(port, info);
	if (r < 0 || !is_mine(port))
		return r;
	limit(&info->max_rx_queues, "rx-queues");
	limit(&info->max_tx_queues, "tx-queues");
	limit(&info->rx_desc_lim.nb_max, "max-desc");
	limit(&info->tx_desc_lim.nb_max, "max-desc");
	limit(&info->rx_desc_lim.nb_min, "min-desc");
	limit(&info->tx_desc_lim.nb_min, "min-desc");
	limit(&info->max_mtu, "max-mtu");
	if (value("offloads") > 0)
		info->rx_offload_capa |= CHECKSUMS;
	return r;
}

int rte_eth_dev_configure(uint16_t port, uint16_t rx, uint16_t tx, const struct rte_eth_conf *c)
{
	const bool much = c->rxmode.offloads & CHECKSUMS || c->rxmode.mq_mode != RTE_ETH_MQ_RX_NONE;
	int r = refusal(port, "configure");

	if (port < RTE_MAX_ETHPORTS)
		is_open[port] = true;
	if (r == 0 && much)
		r = refusal(port, "offloads");
	return r ? -r : NEXT(rte_eth_dev_configure)(port, rx, tx, c);
}

int rte_eth_dev_adjust_nb_rx_tx_desc(uint16_t port, uint16_t *rx, uint16_t *tx)
{
	int r = refusal(port, "adjust");

	return r ? -r : NEXT(rte_eth_dev_adjust_nb_rx_tx_desc)(port, rx, tx);
}

int rte_eth_dev_set_mtu(uint16_t port, uint16_t mtu)
{
	int r = refusal(port, "mtu");

	return r ? -r : NEXT(rte_eth_dev_set_mtu)(port, mtu);
}

int rte_eth_rx_queue_setup(uint16_t port, uint16_t q, uint16_t n, unsigned int node,
			   const struct rte_eth_rxconf *c, struct rte_mempool *pool)
{
	int r = refusal(port, "rx-queue");

	return r ? -r : NEXT(rte_eth_rx_queue_setup)(port, q, n, node, c, pool);
}

int rte_eth_tx_queue_setup(uint16_t port, uint16_t q, uint16_t n, unsigned int node,
			   const struct rte_eth_txconf *c)
{
	int r = refusal(port, "tx-queue");

	return r ? -r : NEXT(rte_eth_tx_queue_setup)(port, q, n, node, c);
}

int rte_eth_dev_start(uint16_t port)
{
	int r = refusal(port, "start");

	r = r ? -r : NEXT(rte_eth_dev_start)(port);
	if (r == 0)
		is_started[port] = true;
	return r;
}

int rte_eth_dev_stop(uint16_t port)
{
	if (port < RTE_MAX_ETHPORTS)
		is_started[port] = false;
	return NEXT(rte_eth_dev_stop)(port);
}

int rte_eth_dev_close(uint16_t port)
{
	if (port < RTE_MAX_ETHPORTS && !is_started[port])
		is_open[port] = false;
	if (is_mine(port))
		n_rules = 0; /* they go with the device */
	return NEXT(rte_eth_dev_close)(port);
}

int rte_eth_macaddr_get(uint16_t port, struct rte_ether_addr *mac)
{
	int r = refusal(port, "mac");

	return r ? -r : NEXT(rte_eth_macaddr_get)(port, mac);
}

int rte_eth_allmulticast_enable(uint16_t port)
{
	int r = refusal(port, "multicast");

	return r ? -r : NEXT(rte_eth_allmulticast_enable)(port);
}

int rte_eth_promiscuous_enable(uint16_t port)
{
	int r = refusal(port, "promiscuous");

	return r ? -r : NEXT(rte_eth_promiscuous_enable)(port);
}

int rte_eth_link_get_nowait(uint16_t port, struct rte_eth_link *link)
{
	int r = NEXT(rte_eth_link_get_nowait)(port, link);

	if (is_mine(port) && value("down") > 0)
		link->link_status = RTE_ETH_LINK_DOWN;
	return r;
}

/* Who makes a pool asks for the parts of an object, too; who looks how far its objects lie apart
 * does not. */
uint32_t rte_mempool_calc_obj_size(uint32_t size, uint32_t flags, struct rte_mempool_objsz *parts)
{
	uint32_t n = NEXT(rte_mempool_calc_obj_size)(size, flags, parts);

	return !parts && value("apart") > 0 ? n / 2 : n;
}

/* ---- rules ---- */

int rte_flow_validate(uint16_t port, const struct rte_flow_attr *attr,
		      const struct rte_flow_item item[], const struct rte_flow_action action[],
		      struct rte_flow_error *e)
{
	if (is_mine(port) && value("rules") >= 0)
		return 0; /* as drivers do that find out when it is made */
	return NEXT(rte_flow_validate)(port, attr, item, action, e);
}

struct rte_flow *rte_flow_create(uint16_t port, const struct rte_flow_attr *attr,
				 const struct rte_flow_item item[],
				 const struct rte_flow_action action[], struct rte_flow_error *e)
{
	static char rule;

	if (!is_mine(port) || value("rules") < 0)
		return NEXT(rte_flow_create)(port, attr, item, action, e);
	if ((int)n_rules < value("rules")) {
		n_rules++;
		return (struct rte_flow *)(void *)&rule;
	}
	rte_flow_error_set(e, ENOSPC, RTE_FLOW_ERROR_TYPE_HANDLE, NULL, "no room for another rule");
	return NULL;
}

int rte_flow_flush(uint16_t port, struct rte_flow_error *e)
{
	if (!is_mine(port) || value("rules") < 0)
		return NEXT(rte_flow_flush)(port, e);
	fprintf(stderr, "refuse: %u rules are taken back\n", n_rules);
	n_rules = 0;
	return 0;
}

/* ---- the end ---- */

int rte_eal_cleanup(void)
{
	unsigned int left = 0;

	for (unsigned int i = 0; i < RTE_MAX_ETHPORTS; i++) {
		if (!is_open[i])
			continue;
		fprintf(stderr, "refuse: ethdev %u is left %s\n", i,
			is_started[i] ? "running" : "open");
		left++;
	}
	fprintf(stderr, "refuse: %u ethdevs and %u rules are left\n", left, n_rules);
	return NEXT(rte_eal_cleanup)();
}

/* ---- the kernel ---- */

int memfd_create(const char *name, unsigned int flags)
{
	if (value("memfd") > 0 && strcmp(name, "fairlead") == 0) {
		errno = value("memfd");
		return -1;
	}
	return NEXT(memfd_create)(name, flags);
}

DIR *opendir(const char *name)
{
	if (value("tasks") > 0 && strcmp(name, "/proc/self/task") == 0) {
		errno = value("tasks");
		return NULL;
	}
	return NEXT(opendir)(name);
}

int socket(int family, int type, int protocol)
{
	if (value("xdp") > 0 && family == AF_XDP) {
		errno = value("xdp");
		return -1;
	}
	return NEXT(socket)(family, type, protocol);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "turn_load.h"

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINK_WAIT_MS = 10000, REST_MS = 300, CACHE = 256, SLOW_BUFFERS = 4095 };

struct port port[PORTS_MAX];
uint16_t n_port;
struct rte_mempool *slow_pool;

struct rte_mempool *pool_new(const char *name, uint32_t n, uint32_t room)
{
	struct rte_mempool *p = rte_pktmbuf_pool_create(
	    name, n, CACHE, 0, (uint16_t)(RTE_PKTMBUF_HEADROOM + room), SOCKET_ID_ANY);

	if (!p)
		die("%u buffers (%s): %s; give the EAL more memory (-m)", n, name,
		    rte_strerror(rte_errno));
	return p;
}

static void port_fail(uint16_t id, const char *what, int r)
{
	char name[RTE_ETH_NAME_MAX_LEN] = "?";

	rte_eth_dev_get_name_by_port(id, name);
	die("%s: %s: %s", name, what, rte_strerror(-r));
}

static void port_open(struct port *p, uint16_t id)
{
	struct rte_eth_conf conf = { 0 };
	struct rte_eth_dev_info info;
	uint16_t rx = (uint16_t)opt.descs, tx = (uint16_t)opt.descs;
	struct rte_mempool *pool;
	char name[32];
	int r;

	p->id = id;
	r = rte_eth_dev_info_get(id, &info);
	if (r >= 0)
		r = rte_eth_dev_configure(id, 1, 1, &conf);
	if (r >= 0)
		r = rte_eth_dev_adjust_nb_rx_tx_desc(id, &rx, &tx);
	if (r < 0)
		port_fail(id, "configure", r);
	/* AF_XDP holds twice its ring whatever is asked for. */
	snprintf(name, sizeof(name), "rx%u", id);
	pool = pool_new(name, 2u * rx + 2u * tx + 8192, RTE_MBUF_DEFAULT_DATAROOM);
	/* Its memory is one piece from the first buffer on. */
	if (!strcmp(info.driver_name, "net_af_xdp") && pool->nb_mem_chunks != 1)
		die("AF_XDP's buffers are not side by side: add --iova-mode=va");
	r = rte_eth_rx_queue_setup(id, 0, rx, SOCKET_ID_ANY, NULL, pool);
	if (r >= 0)
		r = rte_eth_tx_queue_setup(id, 0, tx, SOCKET_ID_ANY, NULL);
	if (r >= 0)
		r = rte_eth_dev_start(id);
	if (r < 0)
		port_fail(id, "start", r);
	rte_eth_promiscuous_enable(id);
	rte_eth_allmulticast_enable(id);
	r = rte_eth_macaddr_get(id, &p->mac);
	if (r < 0)
		port_fail(id, "address", r);
}

/*
 * memif's link comes up once the two ends have met. A client asks for it once, when it is started, and
 * is turned away by a server that is not: a reflector says when it is.
 */
static void port_await(const struct port *p)
{
	struct rte_eth_link link;

	for (int ms = 0; !stop; ms += 10) {
		memset(&link, 0, sizeof(link));
		if (rte_eth_link_get_nowait(p->id, &link) == 0 && link.link_status)
			return;
		/* A reflector may be there first. */
		if (ms >= LINK_WAIT_MS && !opt.reflect)
			port_fail(p->id, "link", -ENETDOWN);
		usleep(10000);
	}
}

void ports_open(void)
{
	uint16_t id;

	slow_pool = pool_new("slow", SLOW_BUFFERS, RTE_MBUF_DEFAULT_DATAROOM);
	RTE_ETH_FOREACH_DEV (id) {
		if (n_port == PORTS_MAX)
			die("one device or two, not more");
		port_open(&port[n_port++], id);
	}
	if (!n_port)
		die("no device: name one or two to the EAL, as turn_load --help shows");
	if (opt.reflect)
		note("started");
	for (uint16_t i = 0; i < n_port; i++)
		port_await(&port[i]);
}

/*
 * memif's driver takes its rings from under a far end that is in the middle of a poll. One that has
 * had nothing for a while may rest between polls, so it gets that while.
 */
void ports_close(void)
{
	usleep(n_port && !opt.reflect ? REST_MS * 1000 : 0);
	for (uint16_t i = 0; i < n_port; i++) {
		rte_eth_dev_stop(port[i].id);
		rte_eth_dev_close(port[i].id);
	}
	n_port = 0;
}

struct port *side_port(enum side s)
{
	return &port[s == CLIENT ? 0 : n_port - 1];
}

static void port_flush(struct port *p)
{
	uint16_t n;

	if (!p->n_out)
		return;
	n = rte_eth_tx_burst(p->id, 0, p->out, p->n_out);
	rte_pktmbuf_free_bulk(p->out + n, p->n_out - n);
	p->n_out = 0;
}

void port_send(struct port *p, struct rte_mbuf *m)
{
	if (p->n_out == BURST)
		port_flush(p);
	p->out[p->n_out++] = m;
}

void ports_flush(void)
{
	for (uint16_t i = 0; i < n_port; i++)
		port_flush(&port[i]);
}

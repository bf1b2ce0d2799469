/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A wire between DPDK ports: what comes by port 0 leaves by port 1 and the other way round, ports 2
 * and 3 likewise: wire QUEUES EAL-ARGUMENT... Even ports have that many queues, odd ones have one.
 * With memif on the even side and af_packet on the other it joins a dataplane on ports without RSS
 * to the namespaces. Queues are chosen so that packets of one allocation come by any of them, and
 * fragments of one datagram by the same. Runs until SIGTERM.
 */
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BURST = 32, DESCS = 512, MBUFS = 8192, NAP_US = 50, TRIES = 1000 };

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	stop = sig;
}

static void port_open(uint16_t port, uint16_t queues)
{
	char name[] = { 'w', 'i', 'r', 'e', (char)('0' + port), '\0' };
	struct rte_mempool *pool =
	    rte_pktmbuf_pool_create(name, MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	struct rte_eth_conf conf = { 0 };
	int r = rte_eth_dev_configure(port, queues, queues, &conf);

	if (!pool)
		rte_exit(1, "wire: no memory\n");
	for (uint16_t q = 0; r >= 0 && q < queues; q++) {
		r = rte_eth_rx_queue_setup(port, q, DESCS, SOCKET_ID_ANY, NULL, pool);
		if (r >= 0)
			r = rte_eth_tx_queue_setup(port, q, DESCS, SOCKET_ID_ANY, NULL);
	}
	if (r >= 0)
		r = rte_eth_dev_start(port);
	if (r < 0)
		rte_exit(1, "wire: port %u: %s\n", port, rte_strerror(-r));
	rte_eth_promiscuous_enable(port);
}

/* IPv4 and IPv6 UDP without options by the last bits of both ports, the rest by queue 0. */
static uint16_t queue_of(const struct rte_mbuf *m, uint16_t queues)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	bool v4 = m->data_len >= 42 && p[12] == 0x08 && p[13] == 0 && p[23] == IPPROTO_UDP &&
		  !(p[20] & 0x3f) && !p[21];
	bool v6 = m->data_len >= 62 && p[12] == 0x86 && p[13] == 0xdd && p[20] == IPPROTO_UDP;

	if (!v4 && !v6)
		return 0;
	p += v4 ? 34 : 54;
	return (uint16_t)((p[1] + p[3]) % queues);
}

/* Waits for the other side to make room, up to a limit: a wire loses nothing on purpose. */
static void put(uint16_t port, uint16_t queue, struct rte_mbuf *m)
{
	for (int i = 0; i < TRIES; i++) {
		if (rte_eth_tx_burst(port, queue, &m, 1))
			return;
		usleep(NAP_US);
	}
	rte_pktmbuf_free(m);
}

static uint16_t carry(uint16_t port, uint16_t queue, uint16_t queues)
{
	struct rte_mbuf *m[BURST];
	uint16_t n = rte_eth_rx_burst(port, queue, m, BURST);

	for (uint16_t i = 0; i < n; i++)
		put(port ^ 1, port & 1 ? queue_of(m[i], queues) : 0, m[i]);
	return n;
}

int main(int argc, char **argv)
{
	uint16_t queues = argc > 1 ? (uint16_t)atoi(argv[1]) : 0, n_ports;

	if (queues == 0 || rte_eal_init(argc - 1, argv + 1) < 0)
		rte_exit(2, "usage: wire QUEUES EAL-ARGUMENT...\n");
	n_ports = rte_eth_dev_count_avail();
	if (n_ports == 0 || n_ports % 2)
		rte_exit(2, "wire: ports come in pairs\n");
	for (uint16_t p = 0; p < n_ports; p++)
		port_open(p, p & 1 ? 1 : queues);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	while (!stop) {
		uint32_t work = 0;

		for (uint16_t p = 0; p < n_ports; p++)
			for (uint16_t q = 0; q < (p & 1 ? 1 : queues); q++)
				work += carry(p, q, queues);
		if (!work)
			usleep(NAP_US);
	}
	for (uint16_t p = 0; p < n_ports; p++) {
		rte_eth_dev_stop(p);
		rte_eth_dev_close(p);
	}
	rte_eal_cleanup();
	return 0;
}

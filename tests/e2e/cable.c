/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A patch cable between DPDK devices, for the far end of ports that have no kernel device (memif,
 * vhost, virtio-user) and for kernels without VLANs. Frames pass unchanged from each device to its
 * partner, queue by queue; those to VLAN:DEVICE get a tag, and those from it lose theirs.
 *
 *     cable EAL-ARGUMENT... -- QUEUES [VLAN:]DEVICE [VLAN:]DEVICE ...
 *
 * Prints "cable: ready" once all devices run, and at SIGTERM or SIGINT how many frames went each
 * way and were lost.
 */
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	BURST = 32,
	DESCS = 1024,
	MBUFS = 16383,
	ENDS_MAX = 16,
	TRIES = 64,
	NAP_AFTER = 256,
	NAP_US = 50
};

struct end {
	const char *device;
	uint16_t vlan; /* 0: none */
	uint16_t id;
	uint64_t sent, lost; /* to this end */
	uint64_t bad_tag;    /* from this end */
};

static struct end ends[ENDS_MAX];
static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static int fail(const char *device, const char *what, int r)
{
	fprintf(stderr, "cable: %s: %s: %s\n", device, what, strerror(r < 0 ? -r : r));
	return 1;
}

/* The device of [VLAN:]DEVICE. */
static const char *end_vlan(struct end *e, const char *arg)
{
	char *after;
	unsigned long vlan = strtoul(arg, &after, 10);

	if (*after != ':')
		return arg;
	e->vlan = (uint16_t)vlan;
	return after + 1;
}

static int end_open(struct end *e, uint16_t queues, struct rte_mempool *pool)
{
	struct rte_eth_conf conf = { 0 };
	uint16_t rx = DESCS, tx = DESCS, q, i;
	bool before[RTE_MAX_ETHPORTS] = { false };
	char devargs[256];
	int r;

	RTE_ETH_FOREACH_DEV (i)
		before[i] = true;
	snprintf(devargs, sizeof(devargs), "vdev:%s", e->device);
	r = rte_dev_probe(devargs);
	if (r < 0)
		return fail(e->device, "probe", r);
	RTE_ETH_FOREACH_DEV (i)
		if (!before[i])
			e->id = i;
	r = rte_eth_dev_configure(e->id, queues, queues, &conf);
	if (r >= 0)
		r = rte_eth_dev_adjust_nb_rx_tx_desc(e->id, &rx, &tx);
	for (q = 0; r >= 0 && q < queues; q++) {
		r = rte_eth_rx_queue_setup(e->id, q, rx, SOCKET_ID_ANY, NULL, pool);
		if (r >= 0)
			r = rte_eth_tx_queue_setup(e->id, q, tx, SOCKET_ID_ANY, NULL);
	}
	if (r >= 0)
		r = rte_eth_dev_start(e->id);
	if (r < 0)
		return fail(e->device, "start", r);
	/* The frames are for the device at the other end, whose address this one does not have. */
	rte_eth_promiscuous_enable(e->id);
	return 0;
}

/* Takes the tag of this end from what it received; what has another one is lost. */
static uint16_t untag(struct end *e, struct rte_mbuf **m, uint16_t n)
{
	uint16_t i, kept = 0;

	for (i = 0; i < n; i++) {
		if (rte_vlan_strip(m[i]) == 0 && m[i]->vlan_tci == e->vlan) {
			m[kept++] = m[i];
		} else {
			rte_pktmbuf_free(m[i]);
			e->bad_tag++;
		}
	}
	return kept;
}

static uint16_t tag(struct end *e, struct rte_mbuf **m, uint16_t n)
{
	uint16_t i, kept = 0;

	for (i = 0; i < n; i++) {
		m[i]->vlan_tci = e->vlan;
		if (rte_vlan_insert(&m[i]) == 0)
			m[kept++] = m[i];
		else
			rte_pktmbuf_free(m[i]);
	}
	e->lost += (uint64_t)(n - kept);
	return kept;
}

/* One burst from one end to the other. */
static uint16_t pass(struct end *from, struct end *to, uint16_t queue)
{
	struct rte_mbuf *m[BURST];
	uint16_t n = rte_eth_rx_burst(from->id, queue, m, BURST), sent = 0, i;

	if (from->vlan)
		n = untag(from, m, n);
	if (to->vlan)
		n = tag(to, m, n);
	for (i = 0; sent < n && i < TRIES; i++)
		sent = (uint16_t)(sent +
				  rte_eth_tx_burst(to->id, queue, m + sent, (uint16_t)(n - sent)));
	to->sent += sent;
	to->lost += (uint64_t)(n - sent);
	rte_pktmbuf_free_bulk(m + sent, n - sent);
	return n;
}

static void run(uint16_t n, uint16_t queues)
{
	uint32_t idle = 0;
	uint16_t i, q;

	while (!stop) {
		uint32_t moved = 0;

		for (i = 0; i < n; i++)
			for (q = 0; q < queues; q++)
				moved += pass(&ends[i], &ends[i ^ 1], q);
		idle = moved ? 0 : idle + 1;
		if (idle > NAP_AFTER)
			usleep(NAP_US);
	}
}

int main(int argc, char **argv)
{
	struct rte_mempool *pool;
	uint16_t queues, n = 0, i;
	int used = rte_eal_init(argc, argv), rc = 0;

	argc -= used;
	argv += used;
	if (used < 0 || argc < 4 || argc - 2 > ENDS_MAX || argc % 2) {
		fputs("usage: cable EAL-ARGUMENT... -- QUEUES [VLAN:]DEVICE [VLAN:]DEVICE ...\n",
		      stderr);
		return 2;
	}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	queues = (uint16_t)atoi(argv[1]);
	pool = rte_pktmbuf_pool_create("cable", MBUFS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       SOCKET_ID_ANY);
	if (!pool)
		return fail("mbufs", "pool", ENOMEM);
	for (n = 0; rc == 0 && n < argc - 2; n++) {
		ends[n].device = end_vlan(&ends[n], argv[n + 2]);
		rc = end_open(&ends[n], queues, pool);
	}
	if (rc == 0) {
		puts("cable: ready");
		fflush(stdout);
		run(n, queues);
	}
	for (i = 0; rc == 0 && i < n; i++) {
		printf("cable: to %s: %ju sent, %ju lost; from it %ju with another tag\n",
		       ends[i].device, (uintmax_t)ends[i].sent, (uintmax_t)ends[i].lost,
		       (uintmax_t)ends[i].bad_tag);
		rte_eth_dev_stop(ends[i].id);
		rte_eth_dev_close(ends[i].id);
	}
	rte_eal_cleanup();
	return rc;
}

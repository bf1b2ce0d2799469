/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A patch cable between DPDK devices, for the far end of ports that have no kernel device (memif,
 * vhost, virtio-user) and for kernels without VLANs. Frames pass unchanged from each device to its
 * partner, queue by queue; those to VLAN:DEVICE get a tag, and those from it lose theirs. A device
 * that is named again has several partners, told apart by their VLAN. A bond is made by --vdev
 * among EAL\'s arguments, behind its members, and named as a device.
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
	bool bond; /* made by EAL's arguments: wants to be called with nothing to send, too */
	bool again;	     /* an earlier end is of the same device, which is looked at there */
	struct end *next;    /* end of the same device */
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

	for (struct end *first = ends; first < e; first++) {
		if (strcmp(first->device, e->device) != 0)
			continue;
		for (e->id = first->id, e->again = true; first->next; first = first->next)
			;
		first->next = e;
		return 0;
	}
	RTE_ETH_FOREACH_DEV (i)
		before[i] = true;
	e->bond = rte_eth_dev_get_port_by_name(e->device, &e->id) == 0;
	snprintf(devargs, sizeof(devargs), "vdev:%s", e->device);
	r = e->bond ? 0 : rte_dev_probe(devargs);
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

static uint16_t frame_vlan(const struct rte_mbuf *m)
{
	const uint8_t *b = rte_pktmbuf_mtod(m, const uint8_t *);

	return m->data_len >= 18 && b[12] == 0x81 && b[13] == 0 ? (b[14] << 8 | b[15]) & 0xfff : 0;
}

/* The frames of an end's VLAN go to own, without its tag; the others stay, *n of them. */
static uint16_t untag(const struct end *e, struct rte_mbuf **m, uint16_t *n, struct rte_mbuf **own)
{
	uint16_t i, others = 0, taken = 0;

	for (i = 0; i < *n; i++) {
		if (frame_vlan(m[i]) != e->vlan || (e->vlan && rte_vlan_strip(m[i]) != 0))
			m[others++] = m[i];
		else
			own[taken++] = m[i];
	}
	*n = others;
	return taken;
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

static void send_all(struct end *to, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	uint16_t sent = 0, i;

	if (to->vlan)
		n = tag(to, m, n);
	for (i = 0; sent < n && i < TRIES; i++)
		sent = (uint16_t)(sent +
				  rte_eth_tx_burst(to->id, queue, m + sent, (uint16_t)(n - sent)));
	to->sent += sent;
	to->lost += (uint64_t)(n - sent);
	rte_pktmbuf_free_bulk(m + sent, n - sent);
}

/* One burst from one device to its partners; what has another tag than they is lost. */
static uint16_t pass(struct end *from, uint16_t queue)
{
	struct rte_mbuf *m[BURST], *own[BURST];
	uint16_t n = rte_eth_rx_burst(from->id, queue, m, BURST), left = n;

	if (from->bond)
		rte_eth_tx_burst(from->id, queue, NULL, 0);
	if (!from->vlan && !from->next) {
		send_all(&ends[(from - ends) ^ 1], queue, m, n);
		return n;
	}
	for (struct end *e = from; e; e = e->next)
		send_all(&ends[(e - ends) ^ 1], queue, own, untag(e, m, &left, own));
	from->bad_tag += left;
	rte_pktmbuf_free_bulk(m, left);
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
				moved += ends[i].again ? 0 : pass(&ends[i], q);
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
		if (ends[i].again)
			continue;
		rte_eth_dev_stop(ends[i].id);
		rte_eth_dev_close(ends[i].id);
	}
	rte_eal_cleanup();
	return rc;
}

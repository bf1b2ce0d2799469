/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cycles per packet of the relay path, from received mbuf to filled transmit batch, both
 * directions, over the number of sessions; and bytes per session. The worker is the real one; its
 * port is DPDK's null device, so no driver's cost is in the figure beside the call that frees the
 * packets. Each packet belongs to a session drawn at random: every table entry is as cold as the
 * number of sessions makes it. Packets are written just before they are timed, as a NIC's DMA
 * leaves them in the cache.
 *
 * Bytes per session: what a worker with room for n sessions takes of DPDK's heap, without packet
 * buffers, over n. What it takes whatever n is (tables of relayed ports, rate limits, neighbours)
 * is in it, and would be all of it for few sessions: printed from 100,000 on.
 */
#include "../dp/dplane.h"
#include "../dp/port.h"
#include "../dp/region.h"
#include "../dp/rx.h"
#include "../dp/stage.h"
#include "../dp/tx.h"
#include "../dp/worker.h"
#include "../dp/net/neigh.h"
#include "../dp/turn/session.h"
#include "../lib/chandata.h"
#include "stages.h"

#include <getopt.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ip.h>
#include <rte_malloc.h>
#include <rte_mempool.h>
#include <rte_random.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	ROUNDS_MAX = 20000,
	PORTS_PER_RELAY = 65534 - 1024,
	CLIENT_NET = 0x0a010000,
	BYTES_FROM = 100000, /* sessions; with fewer the fixed tables are most of what is taken */
};

static struct dplane dp;
static struct config conf;
static uint16_t payload = 172; /* 20 ms of G.711 in RTP */
static uint32_t rounds = ROUNDS_MAX;
static struct stages look[2][ROUNDS_MAX + 1]; /* on the way to clients, to peers */

static struct ip_addr v4(uint32_t a)
{
	return ip_from_v4(be32_make(a));
}

/* One port with the null device, a listener, and relay addresses enough for n sessions. */
static void config_fill(uint32_t n)
{
	uint32_t i, relays = n / PORTS_PER_RELAY + 1;

	snprintf(conf.file, sizeof(conf.file), "bench");
	conf.dataplane.n_workers = 1;
	conf.dataplane.mbufs = 8191;
	conf.dataplane.sessions = n;
	conf.dataplane.peers = 64;
	conf.dataplane.neighbours = 64;
	conf.dataplane.neighbour_queue = 4;
	conf.dataplane.fragments = 64;
	conf.dataplane.fragment_timeout_ms = 1000;
	conf.dataplane.ring_slots = 64;
	conf.tcp = (struct config_tcp){ .connections = 16, .time_wait = 16, .buffers = 64 };
	conf.n_port = 1;
	snprintf(conf.port[0].name, sizeof(conf.port[0].name), "null");
	snprintf(conf.port[0].device, sizeof(conf.port[0].device), "net_null0");
	conf.port[0].mtu = 1500;
	conf.port[0].rx_desc = conf.port[0].tx_desc = 512;
	conf.port[0].addr[0] = (struct ip_prefix){ v4(0x0a000001), 104 };
	conf.port[0].n_addr = 1;
	conf.port[0].route[0] = (struct config_route){ { v4(0), 96 }, v4(0x0a000002) };
	conf.port[0].n_route = 1;
	conf.n_listener = 1;
	conf.listener[0].addr = (struct sock_addr){ v4(0x0a000001), be16_make(3478) };
	conf.n_relay = (uint16_t)relays;
	for (i = 0; i < relays; i++)
		conf.relay[i] = (struct config_relay){ v4(0xc0000200 + i), 1024, 65533 };
	for (i = 0; i < relays; i++)
		conf.port[0].addr[conf.port[0].n_addr++] =
		    (struct ip_prefix){ conf.relay[i].addr, 128 };
}

/* Session i's addresses: all different, none in order. */
static struct sock_addr client_of(uint32_t i)
{
	return (struct sock_addr){ v4(0x0b000000 + (i * 2654435761u >> 8)),
				   be16_make((uint16_t)(1024 + (i & 0x7fff))) };
}

static struct ctl_relay relay_of(uint32_t i)
{
	return (struct ctl_relay){ (uint16_t)(i / PORTS_PER_RELAY),
				   be16_make((uint16_t)(1024 + i % PORTS_PER_RELAY)) };
}

static struct sock_addr peer_of(uint32_t i)
{
	return (struct sock_addr){ v4(0x0c000000 + (i * 40503u & 0xffffff)), be16_make(4000) };
}

static void sessions_install(struct worker *w, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		struct cmd_session_set s = { .sid = { i, 1 },
					     .leg = { .client = client_of(i) },
					     .relay = { relay_of(i),
							{ CTL_RELAY_NONE, { { 0 } } } },
					     .expiry = UINT32_MAX };
		struct cmd_chan_set c = { .sid = { i, 1 },
					  .peer = peer_of(i),
					  .channel = CHANNEL_MIN,
					  .expiry = UINT32_MAX,
					  .perm_expiry = UINT32_MAX };

		if (!session_set(w, &s) || !session_chan_set(w, &c))
			rte_exit(1, "bench_relay: session %u refused\n", i);
	}
}

/* A frame from src to dst with an empty payload of len bytes, the checksum as it should be. */
static void frame_write(struct rte_mbuf *m, const struct sock_addr *src,
			const struct sock_addr *dst, uint16_t len, uint16_t channel)
{
	uint8_t *p;
	struct ip_out o = { .src = &src->ip,
			    .dst = &dst->ip,
			    .len = (uint16_t)(UDP_HDR + len),
			    .proto = IPPROTO_UDP,
			    .ttl = 64,
			    .df = true };
	uint16_t csum;

	rte_pktmbuf_reset(m);
	p = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(14 + IPV4_HDR + UDP_HDR + len));
	memcpy(p, dp.port[0].mac.addr_bytes, 6);
	memset(p + 6, 2, 6);
	p[12] = 8;
	p[13] = 0;
	ip_write(dp.worker[0], p + 14, &o);
	p += 14 + IPV4_HDR;
	memcpy(p, src->port.b, 2);
	memcpy(p + 2, dst->port.b, 2);
	memcpy(p + 4, be16_make(o.len).b, 2);
	memset(p + 6, 0, 2);
	if (channel)
		chandata_write(p + UDP_HDR, channel, (uint16_t)(len - CHANDATA_HDR_LEN));
	csum = (uint16_t)~csum_fold(
	    csum_bytes(csum_pseudo(0, &src->ip, &dst->ip, IPPROTO_UDP, o.len), p, o.len));
	memcpy(p + 6, &csum, 2);
}

static void burst_write(struct rte_mbuf **m, const uint32_t *session, bool to_peer)
{
	const struct sock_addr listener = conf.listener[0].addr;
	uint32_t i;

	for (i = 0; i < BURST; i++) {
		uint32_t s = session[i];
		struct ctl_relay r = relay_of(s);
		struct sock_addr relay = { conf.relay[r.relay].addr, r.port };
		struct sock_addr c = client_of(s), p = peer_of(s);

		if (to_peer)
			frame_write(m[i], &c, &listener, (uint16_t)(payload + CHANDATA_HDR_LEN),
				    CHANNEL_MIN);
		else
			frame_write(m[i], &p, &relay, payload, 0);
	}
}

static int cycles_cmp(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Cycles of one burst, a packet of each of these sessions. */
static uint64_t burst_cycles(struct worker *w, const uint32_t *session, bool to_peer)
{
	struct rte_mbuf *m[BURST];
	uint64_t t;

	if (rte_pktmbuf_alloc_bulk(w->pool, m, BURST) != 0)
		rte_exit(1, "bench_relay: out of packet buffers\n");
	burst_write(m, session, to_peer);
	stage_start(w);
	t = rte_rdtsc_precise();
	rx_burst(w, m, BURST, 0, RX_FRESH);
	tx_flush(w);
	return rte_rdtsc_precise() - t;
}

/* A packet of every session, for the first one looks its route up. */
static void sessions_touch(struct worker *w, uint32_t n, bool to_peer)
{
	uint32_t session[BURST], s, i;

	for (s = 0; s < n; s += BURST) {
		for (i = 0; i < BURST; i++)
			session[i] = RTE_MIN(s + i, n - 1);
		burst_cycles(w, session, to_peer);
	}
}

/* The median burst: what else runs on the machine moves the mean, not this. */
static double cycles_per_packet(struct worker *w, uint32_t n, bool to_peer)
{
	static uint64_t cycles[ROUNDS_MAX];
	enum counter c = to_peer ? CNT_RELAY_TO_PEER : CNT_RELAY_TO_CLIENT;
	uint32_t session[BURST], i, j;
	uint64_t before;

	sessions_touch(w, n, to_peer);
	before = w->counters->cnt[c];
	look[to_peer][0] = stages_read(w);
	for (i = 0; i < rounds; i++) {
		for (j = 0; j < BURST; j++)
			session[j] = (uint32_t)rte_rand_max(n);
		cycles[i] = burst_cycles(w, session, to_peer);
		look[to_peer][i + 1] = stages_read(w);
	}
	if (w->counters->cnt[c] - before != (uint64_t)rounds * BURST)
		rte_exit(1, "bench_relay: only %llu of %u packets were relayed\n",
			 (unsigned long long)(w->counters->cnt[c] - before), rounds * BURST);
	qsort(cycles, rounds, sizeof(cycles[0]), cycles_cmp);
	return (double)cycles[rounds / 2] / BURST;
}

/* Bytes DPDK's heap holds now. */
static uint64_t heap_used(void)
{
	struct rte_malloc_socket_stats s;

	return rte_malloc_get_socket_stats(0, &s) == 0 ? s.heap_allocsz_bytes : 0;
}

static void chunk_add(struct rte_mempool *pool, void *sum, struct rte_mempool_memhdr *chunk,
		      unsigned int i)
{
	(void)pool;
	(void)i;
	*(uint64_t *)sum += chunk->len;
}

/* Bytes the packet buffers take; with small pages each has a page of its own. */
static uint64_t buffers_used(const struct worker *w)
{
	uint64_t sum = 0;

	rte_mempool_mem_iter(w->pool, chunk_add, &sum);
	return sum;
}

static void neigh_answer(struct worker *w)
{
	const struct rte_ether_addr mac = { { 2, 0, 0, 0, 0, 9 } };
	const struct ip_addr gw = v4(0x0a000002);

	worker_clock(w, rte_get_tsc_cycles() / (uint64_t)dp.tsc_per_us);
	neigh_learn(w, 0, &gw, &mac, true, true);
}

int main(int argc, char **argv)
{
	static char *eal[] = { (char *)"bench_relay",
			       (char *)"--no-pci",
			       (char *)"--no-telemetry",
			       (char *)"--no-shconf",
			       (char *)"--lcores=0@1",
			       (char *)"-m",
			       (char *)"1400",
			       (char *)"--log-level=*:error",
			       NULL,
			       NULL };
	uint32_t n = 1000;
	uint64_t before;
	char err[512];
	double up, down;
	bool huge = false;
	int opt;

	while ((opt = getopt(argc, argv, "n:p:r:Hh")) != -1) {
		if (opt == 'n')
			n = (uint32_t)strtoul(optarg, NULL, 0);
		else if (opt == 'p')
			payload = (uint16_t)strtoul(optarg, NULL, 0);
		else if (opt == 'r')
			rounds = (uint32_t)strtoul(optarg, NULL, 0);
		else if (opt == 'H')
			huge = true;
		else
			return fprintf(stderr,
				       "usage: bench_relay [-n SESSIONS (1000)] [-p PAYLOAD "
				       "BYTES (172)] [-r BURSTS (20000)] [-H: tables in huge "
				       "pages]\n"),
			       2;
	}
	if (rounds == 0 || rounds > ROUNDS_MAX)
		return fprintf(stderr, "bench_relay: -r takes 1 to %d\n", ROUNDS_MAX), 2;
	eal[8] = huge ? (char *)"--in-memory" : (char *)"--no-huge";
	if (rte_eal_init(9, eal) < 0)
		return 1;
	config_fill(n);
	dp.tsc_per_us = (double)rte_get_tsc_hz() / 1e6;
	if (!dplane_init(&dp, &conf, err, sizeof(err)) || region_create(&dp, err, sizeof(err)) < 0)
		return fprintf(stderr, "bench_relay: %s\n", err), 1;
	before = heap_used();
	dp.worker[0] = worker_create(&dp, 0, err, sizeof(err));
	if (!dp.worker[0] || !port_open(&dp, 0, err, sizeof(err)))
		return fprintf(stderr, "bench_relay: %s\n", err), 1;
	dp.worker[0]->n_ports = 1;
	neigh_answer(dp.worker[0]);
	sessions_install(dp.worker[0], n);
	cycles_per_packet(dp.worker[0], n, true);
	up = cycles_per_packet(dp.worker[0], n, true);
	down = cycles_per_packet(dp.worker[0], n, false);
	printf("{\"sessions\": %u, \"payload\": %u, \"huge_pages\": %s, \"cycles_to_peer\": %.1f, "
	       "\"cycles_to_client\": %.1f",
	       n, payload, huge ? "true" : "false", up, down);
	printf(", \"stages_to_peer\": ");
	stages_print(look[true], rounds, BURST, stdout);
	printf(", \"stages_to_client\": ");
	stages_print(look[false], rounds, BURST, stdout);
	if (n >= BYTES_FROM)
		printf(", \"bytes_per_session\": %.0f",
		       (double)(heap_used() - before - buffers_used(dp.worker[0])) / n);
	puts("}");
	return 0;
}

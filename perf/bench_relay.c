/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cycles per packet of the relay path, from received mbuf to filled transmit batch, both
 * directions, over the number of sessions; and bytes per session. The worker is the real one; its
 * port is DPDK's null device, so no driver's cost is in the figure beside the call that frees the
 * packets. Each packet belongs to a session drawn at random: every table entry is as cold as the
 * number of sessions makes it. Packets are written just before they are timed, as a NIC's DMA
 * leaves them in the cache.
 *
 * With -w workers are not timed burst by burst: each has sessions, a core and a queue of its own,
 * and all relay for the same second of the clock. Their packets are made of headers kept before,
 * which is in the time, so that they spend nearly all of it in the relay and what one costs the
 * other shows.
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
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mempool.h>
#include <rte_random.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	ROUNDS_MAX = 20000,
	PORTS_PER_RELAY = 65534 - 1024,
	OWN = 0x0a000001,
	GATEWAY = 0x0a000002,
	CLIENT_NET = 0x0b000000,
	PEER_NET = 0x0c000000,
	HEAD = 64,	     /* bytes of a packet: all that the relay reads */
	BYTES_FROM = 100000, /* sessions; with fewer the fixed tables are most of what is taken */
};
#define RELAY_NET UINT32_C(0xc0000200)

/* What one worker has, and what it took. */
struct share {
	struct worker *w;
	uint32_t *session; /* those of it */
	uint32_t n;
	double up, down;	  /* cycles a packet */
	uint64_t *cycles;	  /* [rounds], of a burst */
	struct stages *look[2];	  /* [rounds + 1], on the way to clients, to peers */
	uint8_t (*head[2])[HEAD]; /* [n], the first bytes of a packet of each session */
	uint16_t frame_len[2];
	double rate; /* packets a second */
};

static struct dplane dp;
static struct config conf;
static struct share share[CTL_WORKERS_MAX];
static uint16_t workers = 1;
static _Atomic uint16_t ready; /* workers that are */
static uint16_t payload = 172; /* 20 ms of G.711 in RTP */
static uint32_t rounds = ROUNDS_MAX;
static bool client6, peer6; /* IPv6 */

static struct ip_addr v4(uint32_t a)
{
	return ip_from_v4(be32_make(a));
}

/* The address that a stands for: itself, or the same in fd00::/96. */
static struct ip_addr ip_of(bool v6, uint32_t a)
{
	struct ip_addr ip = v4(a);

	if (v6) {
		memset(ip.b, 0, 12);
		ip.b[0] = 0xfd;
	}
	return ip;
}

/* One port with the null device, a listener, and relay addresses enough for n sessions. */
static void config_fill(uint32_t n)
{
	/* Of a session's client and relayed port, both must lead to the same worker. */
	uint32_t i, relays = n * workers / PORTS_PER_RELAY + 1 + (workers > 1);
	struct config_port *p = &conf.port[0];

	snprintf(conf.file, sizeof(conf.file), "bench");
	conf.dataplane.n_workers = workers;
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
	p->addr[p->n_addr++] = (struct ip_prefix){ ip_of(false, OWN), 104 };
	p->addr[p->n_addr++] = (struct ip_prefix){ ip_of(true, OWN), 104 };
	p->route[p->n_route++] = (struct config_route){ { v4(0), 96 }, ip_of(false, GATEWAY) };
	p->route[p->n_route++] =
	    (struct config_route){ { ip_of(true, 0), 8 }, ip_of(true, GATEWAY) };
	conf.n_listener = 1;
	conf.listener[0].addr = (struct sock_addr){ ip_of(client6, OWN), be16_make(3478) };
	conf.n_relay = (uint16_t)relays;
	for (i = 0; i < relays; i++) {
		conf.relay[i] = (struct config_relay){ ip_of(peer6, RELAY_NET + i), 1024, 65533, .turn = true };
		p->addr[p->n_addr++] = (struct ip_prefix){ conf.relay[i].addr, 128 };
	}
}

/* Session i's addresses: all different, none in order. */
static struct sock_addr client_of(uint32_t i)
{
	return (struct sock_addr){ ip_of(client6, CLIENT_NET + (i * 2654435761u >> 8)),
				   be16_make((uint16_t)(1024 + (i & 0x7fff))) };
}

static struct ctl_relay relay_of(uint32_t i)
{
	return (struct ctl_relay){ (uint16_t)(i / PORTS_PER_RELAY),
				   be16_make((uint16_t)(1024 + i % PORTS_PER_RELAY)) };
}

static struct sock_addr peer_of(uint32_t i)
{
	return (struct sock_addr){ ip_of(peer6, PEER_NET + (i * 40503u & 0xffffff)),
				   be16_make(4000) };
}

static void session_install(struct worker *w, uint32_t i)
{
	struct cmd_session_set s = { .sid = { share[w->id].n, 1 },
				     .leg = { .client = client_of(i) },
				     .relay = { [RELAY_V4] = { .relay = CTL_RELAY_NONE },
						[RELAY_V6] = { .relay = CTL_RELAY_NONE } },
				     .expiry = UINT32_MAX };
	struct cmd_chan_set c = { .sid = s.sid,
				  .peer = peer_of(i),
				  .channel = CHANNEL_MIN,
				  .expiry = UINT32_MAX,
				  .perm_expiry = UINT32_MAX };

	s.relay[peer6 ? RELAY_V6 : RELAY_V4] = relay_of(i);
	if (!session_set(w, &s) || !session_chan_set(w, &c))
		rte_exit(1, "bench_relay: session %u refused\n", i);
	share[w->id].session[share[w->id].n++] = i;
}

/* n sessions to each worker, of those whose addresses lead there. */
static void sessions_install(uint32_t n)
{
	uint32_t i, left = n * workers;

	for (i = 0; left; i++) {
		struct sock_addr c = client_of(i);
		uint16_t owner = (uint16_t)relay_port_worker(be16_get(relay_of(i).port), workers);

		if (relay_of(i).relay >= conf.n_relay)
			rte_exit(1, "bench_relay: too few relayed ports\n");
		if ((workers > 1 && dplane_client_worker(&dp, &c.ip, c.port) != owner) ||
		    share[owner].n == n)
			continue;
		session_install(dp.worker[owner], i);
		left--;
	}
}

/* A frame from src to dst with an empty payload of len bytes, the checksum as it should be. */
static void frame_write(struct worker *w, struct rte_mbuf *m, const struct sock_addr *src,
			const struct sock_addr *dst, uint16_t len, uint16_t channel)
{
	uint8_t *p;
	struct ip_out o = { .src = &src->ip,
			    .dst = &dst->ip,
			    .len = (uint16_t)(UDP_HDR + len),
			    .proto = IPPROTO_UDP,
			    .ttl = 64,
			    .df = true };
	bool v6 = !ip_is_v4(&dst->ip);
	uint16_t csum;

	rte_pktmbuf_reset(m);
	p = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(14 + ip_hdr_len(&dst->ip) + UDP_HDR + len));
	memcpy(p, dp.port[0].mac.addr_bytes, 6);
	memset(p + 6, 2, 6);
	p[12] = v6 ? 0x86 : 8;
	p[13] = v6 ? 0xdd : 0;
	p += 14;
	p += ip_write(w, p, &o);
	memcpy(p, src->port.b, 2);
	memcpy(p + 2, dst->port.b, 2);
	memcpy(p + 4, be16_make(o.len).b, 2);
	memset(p + 6, 0, 2);
	if (channel)
		chandata_write(p + UDP_HDR, channel, (uint16_t)(len - CHANDATA_HDR_LEN));
	csum = (uint16_t)~csum_fold(
	    csum_bytes(csum_pseudo(0, &src->ip, &dst->ip, IPPROTO_UDP, o.len), p, o.len));
	csum = csum ? csum : 0xffff;
	memcpy(p + 6, &csum, 2);
}

static void burst_write(struct worker *w, struct rte_mbuf **m, const uint32_t *session,
			bool to_peer)
{
	const struct sock_addr listener = conf.listener[0].addr;
	uint32_t i;

	for (i = 0; i < BURST; i++) {
		uint32_t s = session[i];
		struct ctl_relay r = relay_of(s);
		struct sock_addr relay = { conf.relay[r.relay].addr, r.port };
		struct sock_addr c = client_of(s), p = peer_of(s);

		if (to_peer)
			frame_write(w, m[i], &c, &listener, (uint16_t)(payload + CHANDATA_HDR_LEN),
				    CHANNEL_MIN);
		else
			frame_write(w, m[i], &p, &relay, payload, 0);
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
	burst_write(w, m, session, to_peer);
	t = rte_rdtsc_precise();
	stage_start(w);
	rx_burst(w, m, BURST, 0, RX_FRESH);
	stage_work(w, STAGE_TX, tx_flush(w));
	return rte_rdtsc_precise() - t;
}

/* A packet of every session, for the first one looks its route up. */
static void sessions_touch(struct share *s, bool to_peer)
{
	uint32_t session[BURST], at, i;

	for (at = 0; at < s->n; at += BURST) {
		for (i = 0; i < BURST; i++)
			session[i] = s->session[RTE_MIN(at + i, s->n - 1)];
		burst_cycles(s->w, session, to_peer);
	}
}

static void burst_random(struct share *s, uint32_t *session)
{
	uint32_t i;

	for (i = 0; i < BURST; i++)
		session[i] = s->session[rte_rand_max(s->n)];
}

/* The median burst: what else runs on the machine moves the mean, not this. */
static double cycles_per_packet(struct share *s, bool to_peer)
{
	enum counter c = to_peer ? CNT_RELAY_TO_PEER : CNT_RELAY_TO_CLIENT;
	uint64_t before = s->w->counters->cnt[c];
	uint32_t session[BURST], i;

	s->look[to_peer][0] = stages_read(s->w);
	for (i = 0; i < rounds; i++) {
		burst_random(s, session);
		s->cycles[i] = burst_cycles(s->w, session, to_peer);
		s->look[to_peer][i + 1] = stages_read(s->w);
	}
	if (s->w->counters->cnt[c] - before != (uint64_t)rounds * BURST)
		rte_exit(1, "bench_relay: only %llu of %u packets were relayed\n",
			 (unsigned long long)(s->w->counters->cnt[c] - before), rounds * BURST);
	qsort(s->cycles, rounds, sizeof(s->cycles[0]), cycles_cmp);
	return (double)s->cycles[rounds / 2] / BURST;
}

static void share_time(struct share *s)
{
	sessions_touch(s, true);
	sessions_touch(s, false);
	s->up = cycles_per_packet(s, true);
	s->down = cycles_per_packet(s, false);
}

/* ---- packets by the clock ---- */

static void heads_make(struct share *s, bool to_peer)
{
	uint32_t session[BURST], at, i;
	struct rte_mbuf *m[BURST];

	s->head[to_peer] = malloc((size_t)HEAD * s->n);
	if (!s->head[to_peer] || rte_pktmbuf_alloc_bulk(s->w->pool, m, BURST) != 0)
		rte_exit(1, "bench_relay: out of memory\n");
	for (at = 0; at < s->n; at += BURST) {
		for (i = 0; i < BURST; i++)
			session[i] = s->session[RTE_MIN(at + i, s->n - 1)];
		burst_write(s->w, m, session, to_peer);
		for (i = 0; i < BURST && at + i < s->n; i++)
			memcpy(s->head[to_peer][at + i], rte_pktmbuf_mtod(m[i], void *), HEAD);
	}
	s->frame_len[to_peer] = m[0]->data_len;
	rte_pktmbuf_free_bulk(m, BURST);
}

static void burst_relay(struct share *s, uint32_t *at, bool to_peer)
{
	struct rte_mbuf *m[BURST];
	uint16_t i;

	if (rte_pktmbuf_alloc_bulk(s->w->pool, m, BURST) != 0)
		rte_exit(1, "bench_relay: out of packet buffers\n");
	for (i = 0; i < BURST; i++) {
		m[i]->data_len = s->frame_len[to_peer];
		m[i]->pkt_len = m[i]->data_len;
		memcpy(rte_pktmbuf_mtod(m[i], void *), s->head[to_peer][*at], HEAD);
		*at = *at + 1 < s->n ? *at + 1 : 0;
	}
	stage_start(s->w);
	rx_burst(s->w, m, BURST, 0, RX_FRESH);
	stage_work(s->w, STAGE_TX, tx_flush(s->w));
}

static uint64_t relayed(const struct share *s)
{
	return s->w->counters->cnt[CNT_RELAY_TO_PEER] + s->w->counters->cnt[CNT_RELAY_TO_CLIENT];
}

/* Relays for a second that begins when all workers are ready. */
static int share_flood(void *arg)
{
	const uint64_t hz = rte_get_tsc_hz();
	uint64_t begin, now, before;
	struct share *s = arg;
	uint32_t at[2] = { 0, 0 };

	sessions_touch(s, true);
	sessions_touch(s, false);
	heads_make(s, true);
	heads_make(s, false);
	atomic_fetch_add(&ready, 1);
	while (atomic_load(&ready) < workers)
		rte_pause();
	before = relayed(s);
	begin = rte_rdtsc();
	do {
		burst_relay(s, &at[true], true);
		burst_relay(s, &at[false], false);
		now = rte_rdtsc();
	} while (now - begin < hz);
	s->rate = (double)(relayed(s) - before) * (double)hz / (double)(now - begin);
	return 0;
}

/* ---- all of it ---- */

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
	const struct ip_addr gw[] = { ip_of(false, GATEWAY), ip_of(true, GATEWAY) };

	worker_clock(w, rte_get_tsc_cycles() / (uint64_t)dp.tsc_per_us);
	neigh_learn(w, 0, &gw[0], &mac, true, true);
	neigh_learn(w, 0, &gw[1], &mac, true, true);
}

static void share_alloc(struct share *s, uint32_t n)
{
	s->session = malloc(sizeof(*s->session) * n);
	s->cycles = malloc(sizeof(*s->cycles) * rounds);
	s->look[0] = malloc(sizeof(struct stages) * (rounds + 1));
	s->look[1] = malloc(sizeof(struct stages) * (rounds + 1));
	if (!s->session || !s->cycles || !s->look[0] || !s->look[1])
		rte_exit(1, "bench_relay: out of memory\n");
}

static void workers_start(uint32_t n)
{
	char err[512];
	uint16_t i;

	dp.tsc_per_us = (double)rte_get_tsc_hz() / 1e6;
	if (!dplane_init(&dp, &conf, err, sizeof(err)) || region_create(&dp, err, sizeof(err)) < 0)
		rte_exit(1, "bench_relay: %s\n", err);
	for (i = 0; i < workers; i++) {
		share_alloc(&share[i], n);
		share[i].w = dp.worker[i] = worker_create(&dp, i, err, sizeof(err));
		if (!dp.worker[i])
			rte_exit(1, "bench_relay: %s\n", err);
	}
	if (!port_open(&dp, 0, err, sizeof(err)))
		rte_exit(1, "bench_relay: %s\n", err);
	for (i = 0; i < workers; i++) {
		dp.worker[i]->n_ports = 1;
		neigh_answer(dp.worker[i]);
	}
	sessions_install(n);
}

/* One worker: how its cycles divide. */
static void one_print(uint32_t n, bool huge, uint64_t heap)
{
	printf("{\"sessions\": %u, \"payload\": %u, \"huge_pages\": %s, \"cycles_to_peer\": %.1f, "
	       "\"cycles_to_client\": %.1f, \"stages_to_peer\": ",
	       n, payload, huge ? "true" : "false", share[0].up, share[0].down);
	stages_print(share[0].look[true], rounds, BURST, stdout);
	printf(", \"stages_to_client\": ");
	stages_print(share[0].look[false], rounds, BURST, stdout);
	if (n >= BYTES_FROM)
		printf(", \"bytes_per_session\": %.0f",
		       (double)(heap - buffers_used(share[0].w)) / n);
	puts("}");
}

static void all_print(uint32_t n, bool huge)
{
	double rate = 0;
	uint16_t i;

	for (i = 0; i < workers; i++)
		rate += share[i].rate;
	printf("{\"workers\": %u, \"sessions\": %u, \"payload\": %u, \"huge_pages\": %s, "
	       "\"packets_per_s\": %.0f}\n",
	       workers, n, payload, huge ? "true" : "false", rate);
}

static const char usage[] =
    "usage: bench_relay [-n SESSIONS of each worker (1000)] [-p PAYLOAD BYTES (172)]\n"
    "                   [-r BURSTS (20000)] [-w WORKERS on CPU 1, 0, 2, ... (1)]\n"
    "                   [-c 4|6: clients are IPv4 (4) or IPv6] [-e 4|6: the same of peers]\n"
    "                   [-H: tables in huge pages]\n";

int main(int argc, char **argv)
{
	static char lcores[16 * CTL_WORKERS_MAX] = "--lcores=0@1";
	static char *eal[] = { (char *)"bench_relay",
			       (char *)"--no-pci",
			       (char *)"--no-telemetry",
			       (char *)"--no-shconf",
			       lcores,
			       (char *)"-m",
			       (char *)"1400",
			       (char *)"--log-level=*:error",
			       NULL,
			       NULL };
	bool huge = false, rate = false;
	uint32_t n = 1000;
	uint64_t heap;
	uint16_t i;
	int opt;

	while ((opt = getopt(argc, argv, "n:p:r:w:c:e:Hh")) != -1) {
		if (opt == 'n')
			n = (uint32_t)strtoul(optarg, NULL, 0);
		else if (opt == 'p')
			payload = (uint16_t)strtoul(optarg, NULL, 0);
		else if (opt == 'r')
			rounds = (uint32_t)strtoul(optarg, NULL, 0);
		else if (opt == 'w')
			workers = (uint16_t)strtoul(optarg, NULL, 0), rate = true;
		else if (opt == 'c')
			client6 = atoi(optarg) == 6;
		else if (opt == 'e')
			peer6 = atoi(optarg) == 6;
		else if (opt == 'H')
			huge = true;
		else
			return fputs(usage, stderr), 2;
	}
	if (workers < 1 || workers > CTL_WORKERS_MAX || n < 1 || rounds < 1 || rounds > ROUNDS_MAX)
		return fputs(usage, stderr), 2;
	for (i = 1; i < workers; i++)
		snprintf(lcores + strlen(lcores), 16, ",%u@%u", i, i == 1 ? 0 : i);
	eal[8] = huge ? (char *)"--in-memory" : (char *)"--no-huge";
	if (rte_eal_init(9, eal) < 0)
		return 1;
	config_fill(n);
	heap = heap_used();
	workers_start(n);
	heap = heap_used() - heap;
	if (rate) {
		for (i = 1; i < workers; i++)
			rte_eal_remote_launch(share_flood, &share[i], i);
		share_flood(&share[0]);
		rte_eal_mp_wait_lcore();
		all_print(n, huge);
	} else {
		share_time(&share[0]);
		one_print(n, huge, heap);
	}
	return 0;
}

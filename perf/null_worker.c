/* SPDX-License-Identifier: BSD-3-Clause */
#include "null_worker.h"

#include "../dp/clock.h"
#include "../dp/handover.h"
#include "../dp/port.h"
#include "../dp/region.h"
#include "../dp/rx.h"
#include "../dp/stage.h"
#include "../dp/tx.h"
#include "../dp/net/ip.h"
#include "../dp/net/neigh.h"

#include <getopt.h>
#include <netinet/in.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_lcore.h>
#include <stdlib.h>

struct dplane null_dp;
struct config null_conf;
struct null_options null_opt = {
	.n = 1000, .rounds = 20000, .payload = 172, /* 20 ms of G.711 in RTP */
};

enum {
	ROUNDS_MAX = 20000,
	PAYLOAD_MIN = 12, /* what fill functions give of it */
};

/* ---- options ---- */

static bool option_take(int opt, const char *arg)
{
	struct null_options *o = &null_opt;

	if (opt == 'n')
		o->n = (uint32_t)strtoul(arg, NULL, 0);
	else if (opt == 'p')
		o->payload = (uint16_t)strtoul(arg, NULL, 0);
	else if (opt == 'r')
		o->rounds = (uint32_t)strtoul(arg, NULL, 0);
	else if (opt == 'H')
		o->huge = true;
	else
		return false;
	return o->n >= 1 && o->rounds >= 1 && o->rounds <= ROUNDS_MAX && o->payload >= PAYLOAD_MIN;
}

void null_options(int argc, char **argv, const char *own, bool (*take)(int opt, const char *arg),
		  const char *usage)
{
	const struct null_options usual = null_opt;
	char letters[32];
	int opt;

	snprintf(letters, sizeof(letters), "n:p:r:H%s", own);
	while ((opt = getopt(argc, argv, letters)) != -1)
		if (!(strchr(own, opt) ? take(opt, optarg) : option_take(opt, optarg))) {
			fprintf(stderr,
				"usage: %s [-n HOW MANY there are (%u)] [-p PAYLOAD BYTES (%u)]\n"
				"         [-r BURSTS (%u)] [-H: tables in huge pages]\n%s",
				argv[0], usual.n, usual.payload, usual.rounds, usage);
			exit(2);
		}
}

struct ip_addr null_ip(bool v6, uint32_t a)
{
	struct ip_addr ip = ip_from_v4(be32_make(a));

	if (v6) {
		memset(ip.b, 0, 12);
		ip.b[0] = 0xfd;
	}
	return ip;
}

/* ---- start ---- */

void null_eal(const char *name, uint16_t workers)
{
	static char lcores[16 * CTL_WORKERS_MAX] = "--lcores=0@1";
	const char *eal[] = { name,
			      "--no-pci",
			      "--no-telemetry",
			      "--no-shconf",
			      lcores,
			      "-m",
			      "1400",
			      "--log-level=*:error",
			      null_opt.huge ? "--in-memory" : "--no-huge" };
	uint16_t i;

	for (i = 1; i < workers; i++)
		snprintf(lcores + strlen(lcores), 16, ",%u@%u", i, i == 1 ? 0 : i);
	if (rte_eal_init(RTE_DIM(eal), (char **)(uintptr_t)eal) < 0)
		exit(1);
}

void null_config(uint16_t workers)
{
	struct config *conf = &null_conf;
	struct config_port *p = &conf->port[0];

	snprintf(conf->file, sizeof(conf->file), "bench");
	conf->dataplane.n_workers = workers;
	conf->dataplane.mbufs = 8191;
	conf->dataplane.sessions = 16;
	conf->dataplane.peers = 64;
	conf->dataplane.neighbours = 64;
	conf->dataplane.neighbour_queue = 4;
	conf->dataplane.fragments = 64;
	conf->dataplane.fragment_timeout_ms = 1000;
	conf->dataplane.ring_slots = 64;
	conf->tcp = (struct config_tcp){ .connections = 16, .time_wait = 16, .buffers = 64 };
	conf->n_port = 1;
	snprintf(p->name, sizeof(p->name), "null");
	snprintf(p->device, sizeof(p->device), "net_null0,no-rx=1");
	p->mtu = 1500;
	p->rx_desc = p->tx_desc = 512;
	p->addr[p->n_addr++] = (struct ip_prefix){ null_ip(false, NULL_OWN), 104 };
	p->addr[p->n_addr++] = (struct ip_prefix){ null_ip(true, NULL_OWN), 104 };
	p->route[p->n_route++] =
	    (struct config_route){ { null_ip(false, 0), 96 }, null_ip(false, NULL_GATEWAY) };
	p->route[p->n_route++] =
	    (struct config_route){ { null_ip(true, 0), 8 }, null_ip(true, NULL_GATEWAY) };
}

void null_relay(const struct ip_addr *address, uint16_t port_min, uint16_t port_max)
{
	struct config_port *p = &null_conf.port[0];

	if (null_conf.n_relay == CTL_RELAYS_MAX || p->n_addr == CONFIG_ADDRS_MAX)
		rte_exit(1, "bench: more relays than a port has addresses\n");
	null_conf.relay[null_conf.n_relay++] =
	    (struct config_relay){ *address, port_min, port_max, .turn = true };
	p->addr[p->n_addr++] = (struct ip_prefix){ *address, 128 };
}

static void neigh_answer(struct worker *w)
{
	const struct rte_ether_addr mac = { { 2, 0, 0, 0, 0, 9 } };
	const struct ip_addr gw[] = { null_ip(false, NULL_GATEWAY), null_ip(true, NULL_GATEWAY) };

	clock_set(w, rte_get_tsc_cycles() / (uint64_t)null_dp.tsc_per_us);
	neigh_learn(w, 0, &gw[0], &mac, true, true);
	neigh_learn(w, 0, &gw[1], &mac, true, true);
}

void null_start(void)
{
	uint16_t i, workers = null_conf.dataplane.n_workers;
	char err[512];

	null_dp.tsc_per_us = (double)rte_get_tsc_hz() / 1e6;
	if (!dplane_init(&null_dp, &null_conf, err, sizeof(err)) ||
	    region_create(&null_dp, err, sizeof(err)) < 0)
		rte_exit(1, "bench: %s\n", err);
	for (i = 0; i < workers; i++) {
		null_dp.worker[i] = worker_create(&null_dp, i, err, sizeof(err));
		if (!null_dp.worker[i] || !handover_create(&null_dp, i, err, sizeof(err)))
			rte_exit(1, "bench: %s\n", err);
	}
	if (!port_open(&null_dp, 0, err, sizeof(err)))
		rte_exit(1, "bench: %s\n", err);
	for (i = 0; i < workers; i++) {
		null_dp.worker[i]->n_ports = 1;
		neigh_answer(null_dp.worker[i]);
	}
}

/* ---- packets ---- */

void null_frame(struct worker *w, struct rte_mbuf *m, const struct sock_addr *src,
		const struct sock_addr *dst, const void *payload, uint16_t given, uint16_t len)
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
	memcpy(p, null_dp.port[0].mac.addr_bytes, 6);
	memset(p + 6, 2, 6);
	p[12] = v6 ? 0x86 : 8;
	p[13] = v6 ? 0xdd : 0;
	p += 14;
	p += ip_write(w, p, &o);
	memcpy(p, src->port.b, 2);
	memcpy(p + 2, dst->port.b, 2);
	memcpy(p + 4, be16_make(o.len).b, 2);
	memset(p + 6, 0, 2);
	if (given)
		memcpy(p + UDP_HDR, payload, given);
	csum =
	    csum_udp(csum_bytes(csum_pseudo(0, &src->ip, &dst->ip, IPPROTO_UDP, o.len), p, o.len));
	memcpy(p + 6, &csum, 2);
}

/* ---- times ---- */

void null_times_alloc(struct null_times *t)
{
	t->cycles = malloc(sizeof(*t->cycles) * null_opt.rounds);
	t->look = malloc(sizeof(*t->look) * (null_opt.rounds + 1));
	if (!t->cycles || !t->look)
		rte_exit(1, "bench: out of memory\n");
}

void null_stages_print(const char *to, const struct null_times *t)
{
	printf(", \"stages_%s\": ", to);
	stages_print(t->look, null_opt.rounds, BURST, stdout);
}

uint64_t burst_cycles(struct worker *w, struct worker *by, null_fill *fill, void *arg)
{
	struct rte_mbuf *m[BURST];
	uint64_t t;

	if (rte_pktmbuf_alloc_bulk(by->pool, m, BURST) != 0)
		rte_exit(1, "bench: out of packet buffers\n");
	fill(by, m, arg);
	t = rte_rdtsc_precise();
	stage_start(by);
	rx_burst(by, m, BURST, 0, RX_FRESH);
	stage_work(by, STAGE_TX, tx_flush(by));
	if (by != w) {
		stage_start(w);
		handover_input(w);
		stage_work(w, STAGE_TX, tx_flush(w));
	}
	return rte_rdtsc_precise() - t;
}

static struct stages look(const struct worker *w, const struct worker *by)
{
	struct stages s = stages_read(w), other = stages_read(by);

	for (int i = 0; by != w && i < STAGE_MAX; i++)
		s.cycles[i] += other.cycles[i];
	return s;
}

static int cycles_cmp(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void counted_less(const struct worker *w, enum counter c, uint64_t n)
{
	int i;

	for (i = 0; i < DROP_MAX; i++)
		if (w->counters->drop[i])
			fprintf(stderr, "bench: dropped: %s: %llu\n", drop_desc[i].name,
				(unsigned long long)w->counters->drop[i]);
	rte_exit(1, "bench: only %llu packets count in %s\n", (unsigned long long)n,
		 counter_desc[c].name);
}

double cycles_per_packet(struct worker *w, struct worker *by, struct null_times *t, null_fill *fill,
			 void *arg, enum counter c)
{
	uint64_t before = w->counters->cnt[c];
	uint32_t i;

	t->look[0] = look(w, by);
	for (i = 0; i < null_opt.rounds; i++) {
		t->cycles[i] = burst_cycles(w, by, fill, arg);
		t->look[i + 1] = look(w, by);
	}
	if (w->counters->cnt[c] - before != (uint64_t)null_opt.rounds * BURST)
		counted_less(w, c, w->counters->cnt[c] - before);
	qsort(t->cycles, null_opt.rounds, sizeof(t->cycles[0]), cycles_cmp);
	return (double)t->cycles[null_opt.rounds / 2] / BURST;
}

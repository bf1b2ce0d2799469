/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cycles per packet of the relay path, from received mbuf to filled transmit batch, both
 * directions, over the number of sessions; and bytes per session. Each packet belongs to a session
 * drawn at random: every table entry is as cold as the number of sessions makes it. A burst is of
 * one direction, or with -m of both, in no order, as traffic is.
 *
 * With -o each packet comes by another worker's queue, which hands it over. Without -w one thread
 * is both workers, and the cycles are those of both: what instructions it takes, but nothing of
 * what a line costs that goes from core to core.
 *
 * With -a each of two workers has relay addresses of its own (relays[].worker), and packets to
 * clients are timed twice: by their worker's queue, where a rule on the address brings them, and as
 * with -o.
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
#include "null_worker.h"

#include "../dp/handover.h"
#include "../dp/rx.h"
#include "../dp/stage.h"
#include "../dp/tx.h"
#include "../dp/turn/session.h"
#include "../lib/chandata.h"

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_random.h>
#include <stdlib.h>

enum {
	PORTS_PER_RELAY = 65534 - 1024,
	CLIENT_NET = 0x0b000000,
	PEER_NET = 0x0c000000,
	HEAD = 64,	     /* bytes of a packet: all that the relay reads */
	BYTES_FROM = 100000, /* sessions; with fewer the fixed tables are most of what is taken */
};
#define RELAY_NET UINT32_C(0xc0000200)

enum way { TO_CLIENT, TO_PEER, MIXED, WAYS };

/* What one worker has, and what it took. */
struct share {
	struct worker *w;
	uint32_t *session; /* those of it */
	uint32_t n;
	double cycles[WAYS]; /* a packet */
	struct null_times times[WAYS];
	uint8_t (*head[2])[HEAD]; /* [n], the first bytes of a packet of each session */
	uint16_t frame_len[2];
	double rate; /* packets a second */
};

static struct share share[CTL_WORKERS_MAX];
static uint16_t workers = 1;
static _Atomic uint16_t ready; /* workers that are */
static bool by_clock;	       /* -w */
static bool mixed;	       /* -m */
static bool by_other;	       /* -o */
static bool by_address;	       /* -a */
static bool client6, peer6;    /* IPv6 */

/* A listener, and relay addresses enough for n sessions. */
static void config_fill(void)
{
	/* Of a session's client and relayed port, both must lead to the same worker. */
	uint32_t i, relays = null_opt.n * workers / PORTS_PER_RELAY + 1 + (workers > 1);
	struct ip_addr ip;

	if (by_address)
		relays = workers * (null_opt.n * workers / PORTS_PER_RELAY + 1);
	null_config(workers);
	null_conf.dataplane.sessions = null_opt.n;
	null_conf.n_listener = 1;
	null_conf.listener[0].addr =
	    (struct sock_addr){ null_ip(client6, NULL_OWN), be16_make(3478) };
	for (i = 0; i < relays; i++) {
		ip = null_ip(peer6, RELAY_NET + i);
		null_relay(&ip, 1024, 65533);
		if (by_address)
			null_conf.relay[i].owner = (uint16_t)(i % workers + 1);
	}
}

/* Session i's addresses: all different, none in order. */
static struct sock_addr client_of(uint32_t i)
{
	return (struct sock_addr){ null_ip(client6, CLIENT_NET + (i * 2654435761u >> 8)),
				   be16_make((uint16_t)(1024 + (i & 0x7fff))) };
}

static struct ctl_relay relay_of(uint32_t i)
{
	return (struct ctl_relay){ (uint16_t)(i / PORTS_PER_RELAY),
				   be16_make((uint16_t)(1024 + i % PORTS_PER_RELAY)) };
}

static struct sock_addr peer_of(uint32_t i)
{
	return (struct sock_addr){ null_ip(peer6, PEER_NET + (i * 40503u & 0xffffff)),
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
static void sessions_install(void)
{
	uint32_t i, left = null_opt.n * workers;

	for (i = 0; left; i++) {
		struct sock_addr c = client_of(i);
		struct ctl_relay r = relay_of(i);
		uint16_t owner;

		if (r.relay >= null_conf.n_relay)
			rte_exit(1, "bench_relay: too few relayed ports\n");
		owner = (uint16_t)config_relay_worker(&null_conf, r.relay, be16_get(r.port));
		if ((workers > 1 && dplane_client_worker(&null_dp, &c.ip, c.port) != owner) ||
		    share[owner].n == null_opt.n)
			continue;
		session_install(null_dp.worker[owner], i);
		left--;
	}
}

static bool is_to_peer(enum way way)
{
	return way == MIXED ? rte_rand() & 1 : way == TO_PEER;
}

static void burst_write(struct worker *w, struct rte_mbuf **m, const uint32_t *session,
			enum way way)
{
	const struct sock_addr listener = null_conf.listener[0].addr;
	uint8_t head[CHANDATA_HDR_LEN];
	uint32_t i;

	chandata_write(head, CHANNEL_MIN, null_opt.payload);

	for (i = 0; i < BURST; i++) {
		uint32_t s = session[i];
		struct ctl_relay r = relay_of(s);
		struct sock_addr relay = { null_conf.relay[r.relay].addr, r.port };
		struct sock_addr c = client_of(s), p = peer_of(s);

		if (is_to_peer(way))
			null_frame(w, m[i], &c, &listener, head, sizeof(head),
				   (uint16_t)(null_opt.payload + CHANDATA_HDR_LEN));
		else
			null_frame(w, m[i], &p, &relay, NULL, 0, null_opt.payload);
	}
}

/* What a burst is made of. */
struct choice {
	struct share *share;
	enum way way;
	uint32_t at; /* the first of them, where they go in order */
};

static void fill_random(struct worker *w, struct rte_mbuf **m, void *arg)
{
	const struct choice *c = arg;
	uint32_t session[BURST], i;

	for (i = 0; i < BURST; i++)
		session[i] = c->share->session[rte_rand_max(c->share->n)];
	burst_write(w, m, session, c->way);
}

static void fill_next(struct worker *w, struct rte_mbuf **m, void *arg)
{
	struct choice *c = arg;
	uint32_t session[BURST], i;

	for (i = 0; i < BURST; i++)
		session[i] = c->share->session[RTE_MIN(c->at + i, c->share->n - 1)];
	c->at += BURST;
	burst_write(w, m, session, c->way);
}

/* A packet of every session, for the first one looks its route up. */
static void sessions_touch(struct share *s, enum way way)
{
	struct choice c = { .share = s, .way = way };

	while (c.at < s->n)
		burst_cycles(s->w, s->w, fill_next, &c);
}

/* Whose queue the packets of a share come by. */
static struct share *other_of(struct share *s)
{
	return by_other ? &share[(s->w->id + 1) % workers] : s;
}

static void share_cycles(struct share *s, enum way way)
{
	static const enum counter counted[WAYS] = { CNT_RELAY_TO_CLIENT, CNT_RELAY_TO_PEER,
						    CNT_TX };
	struct choice c = { .share = s, .way = way };

	s->cycles[way] =
	    cycles_per_packet(s->w, other_of(s)->w, &s->times[way], fill_random, &c, counted[way]);
}

/* Packets to clients by the queue of their worker and, into handed, by the other's. */
static void share_time_both(struct share *s, double *handed)
{
	sessions_touch(s, TO_CLIENT);
	by_other = true;
	share_cycles(s, TO_CLIENT);
	*handed = s->cycles[TO_CLIENT];
	by_other = false;
	share_cycles(s, TO_CLIENT);
}

static void share_time(struct share *s)
{
	sessions_touch(s, TO_PEER);
	sessions_touch(s, TO_CLIENT);
	if (mixed) {
		share_cycles(s, MIXED);
		return;
	}
	share_cycles(s, TO_PEER);
	share_cycles(s, TO_CLIENT);
}

/* ---- packets by the clock ---- */

static void heads_make(struct share *s, enum way to_peer)
{
	struct choice c = { .share = s, .way = to_peer };
	struct rte_mbuf *m[BURST];
	uint32_t at, i;

	s->head[to_peer] = malloc((size_t)HEAD * s->n);
	if (!s->head[to_peer] || rte_pktmbuf_alloc_bulk(s->w->pool, m, BURST) != 0)
		rte_exit(1, "bench_relay: out of memory\n");
	while ((at = c.at) < s->n) {
		fill_next(s->w, m, &c);
		for (i = 0; i < BURST && at + i < s->n; i++)
			memcpy(s->head[to_peer][at + i], rte_pktmbuf_mtod(m[i], void *), HEAD);
	}
	s->frame_len[to_peer] = m[0]->data_len;
	rte_pktmbuf_free_bulk(m, BURST);
}

/* A burst of packets for the sessions of share `of` comes by the queue of s. */
static void burst_relay(struct share *s, const struct share *of, uint32_t *at, enum way way)
{
	const uint64_t random = rte_rand();
	struct rte_mbuf *m[BURST];
	uint16_t i;

	if (rte_pktmbuf_alloc_bulk(s->w->pool, m, BURST) != 0)
		rte_exit(1, "bench_relay: out of packet buffers\n");
	for (i = 0; i < BURST; i++) {
		enum way to = way == MIXED ? (enum way)(random >> i & 1) : way;

		m[i]->data_len = of->frame_len[to];
		m[i]->pkt_len = m[i]->data_len;
		memcpy(rte_pktmbuf_mtod(m[i], void *), of->head[to][at[to]], HEAD);
		at[to] = at[to] + 1 < of->n ? at[to] + 1 : 0;
	}
	stage_start(s->w);
	rx_burst(s->w, m, BURST, 0, RX_FRESH);
	if (by_other)
		handover_input(s->w);
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
	const struct share *of = other_of(s);
	uint32_t at[2] = { 0, 0 };

	sessions_touch(s, TO_PEER);
	sessions_touch(s, TO_CLIENT);
	heads_make(s, TO_PEER);
	heads_make(s, TO_CLIENT);
	atomic_fetch_add(&ready, 1);
	while (atomic_load(&ready) < workers)
		rte_pause();
	before = relayed(s);
	begin = rte_rdtsc();
	do {
		burst_relay(s, of, at, mixed ? MIXED : TO_PEER);
		burst_relay(s, of, at, mixed ? MIXED : TO_CLIENT);
		now = rte_rdtsc();
	} while (now - begin < hz);
	s->rate = (double)(relayed(s) - before) * (double)hz / (double)(now - begin);
	return 0;
}

/* ---- all of it ---- */

static void workers_start(void)
{
	uint16_t i;

	null_start();
	if (by_other)
		null_dp.port[0].flow_sticky = false; /* else no client is ever handed over */
	for (i = 0; i < workers; i++) {
		share[i].w = null_dp.worker[i];
		share[i].session = malloc(sizeof(*share[i].session) * null_opt.n);
		if (!share[i].session)
			rte_exit(1, "bench_relay: out of memory\n");
		for (int way = 0; way < WAYS; way++)
			null_times_alloc(&share[i].times[way]);
	}
	sessions_install();
}

static void what_print(void)
{
	printf("\"sessions\": %u, \"payload\": %u, \"huge_pages\": %s, ", null_opt.n,
	       null_opt.payload, null_opt.huge ? "true" : "false");
	if (by_other)
		printf("\"handed_over\": true, ");
}

/* One worker: how its cycles divide. */
static void one_print(uint64_t heap)
{
	const struct share *s = &share[0];

	putchar('{');
	what_print();
	if (mixed) {
		printf("\"cycles_mixed\": %.1f", s->cycles[MIXED]);
		null_stages_print("mixed", &s->times[MIXED]);
	} else {
		printf("\"cycles_to_peer\": %.1f, \"cycles_to_client\": %.1f", s->cycles[TO_PEER],
		       s->cycles[TO_CLIENT]);
		null_stages_print("to_peer", &s->times[TO_PEER]);
		null_stages_print("to_client", &s->times[TO_CLIENT]);
	}
	if (null_opt.n >= BYTES_FROM && !by_other)
		printf(", \"bytes_per_session\": %.0f",
		       (double)(heap - heap_buffers(share[0].w)) / null_opt.n);
	puts("}");
}

static void both_print(double handed)
{
	const double own = share[0].cycles[TO_CLIENT];

	putchar('{');
	what_print();
	printf("\"cycles_to_client\": %.1f, \"cycles_to_client_handed_over\": %.1f, "
	       "\"ratio\": %.2f}\n",
	       own, handed, own / handed);
}

static void all_print(void)
{
	double rate = 0;
	uint16_t i;

	for (i = 0; i < workers; i++)
		rate += share[i].rate;
	printf("{\"workers\": %u, ", workers);
	what_print();
	printf("\"packets_per_s\": %.0f}\n", rate);
}

static bool option_take(int opt, const char *arg)
{
	if (opt == 'w') {
		workers = (uint16_t)strtoul(arg, NULL, 0);
		by_clock = true;
	} else if (opt == 'm') {
		mixed = true;
	} else if (opt == 'o') {
		by_other = true;
	} else if (opt == 'a') {
		by_address = true;
	} else if (opt == 'c') {
		client6 = atoi(arg) == 6;
	} else {
		peer6 = atoi(arg) == 6;
	}
	return workers >= 1 && workers <= CTL_WORKERS_MAX;
}

int main(int argc, char **argv)
{
	uint64_t heap;
	double handed;
	uint16_t i;

	null_options(
	    argc, argv, "w:c:e:moa", option_take,
	    "         [-w WORKERS on CPU 1, 0, 2, ... (1); -n is of each]\n"
	    "         [-m: both directions in a burst] [-o: by another worker's queue]\n"
	    "         [-a: relay addresses of each worker's own, with and without their rule]\n"
	    "         [-c 4|6: clients are IPv4 (4) or IPv6] [-e 4|6: the same of peers]\n");
	if (by_address && (by_clock || mixed || by_other))
		rte_exit(1, "bench_relay: -a goes with none of -w, -m and -o\n");
	if ((by_other || by_address) && workers == 1) {
		if (by_clock)
			rte_exit(1, "bench_relay: -o wants -w 2, or more\n");
		workers = 2;
	}
	null_eal("bench_relay", workers);
	config_fill();
	heap = heap_used();
	workers_start();
	heap = heap_used() - heap;
	if (by_clock) {
		for (i = 1; i < workers; i++)
			rte_eal_remote_launch(share_flood, &share[i], i);
		share_flood(&share[0]);
		rte_eal_mp_wait_lcore();
		all_print();
	} else if (by_address) {
		share_time_both(&share[0], &handed);
		both_print(handed);
	} else {
		share_time(&share[0]);
		one_print(heap);
	}
	return 0;
}

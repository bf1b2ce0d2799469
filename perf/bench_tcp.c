/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cycles of the TCP stack: two real workers in one thread, each of a dataplane of its own, joined
 * by two arrays instead of a cable. Turns alternate; those of the worker under test are timed, so
 * that neither a driver nor the other side is in the figure.
 *
 *   sink    bulk data comes in and is read            cycles a data segment, its ACKs included
 *   source  bulk data is given and goes out           the same
 *   splice  comes in by one connection, out by one    the same, for each byte's two segments
 *   open    connect, one byte there and back, close   cycles a connection, opened from outside
 *
 * and bytes an idle connection: what a worker takes for n of them, over n. It fails when
 * connections that are over leave anything behind, or idle ones take more than IDLE_MAX.
 */
#include "../dp/region.h"
#include "../dp/stage.h"
#include "../dp/worker.h"
#include "../dp/net/neigh.h"
#include "../dp/tcp/conn.h"
#include "../dp/tcp/splice.h"
#include "../dp/tcp/tcp.h"
#include "heap.h"

#include <getopt.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>
#include <stdlib.h>
#include <string.h>

enum { UNDER_TEST, FAR, SIDES };
enum {
	QUEUE = 4096,
	CHUNK = 1400,
	SEGMENT = 1448,
	WINDOWS = 200,
	PORT_FIRST = 9000,
	CONNS_MAX = 1 << 18
};
enum what { SINK, SOURCE, SPLICE, OPEN, IDLE, WHATS };

static const char *const what_name[WHATS] = { "sink", "source", "splice", "open", "idle" };

struct wire {
	uint32_t head, tail;
	struct rte_mbuf *m[QUEUE];
};

static struct dplane dp[SIDES];
static struct config conf[SIDES];
static struct wire wire[SIDES]; /* towards each side */
static void *wire_ptr[SIDES][2];
static void *no_callback[2];
static enum what what;
static bool offload;
static uint32_t conns = 1, closed, opened;
static uint64_t bytes_in;

/* ---- cable ---- */

static uint16_t wire_rx(void *q, struct rte_mbuf **m, uint16_t max)
{
	struct wire *in = q;
	uint16_t n = 0;

	while (n < max && in->tail != in->head)
		m[n++] = in->m[in->tail++ % QUEUE];
	return n;
}

/* Buffers change sides as they are: pools take them back from anybody. */
static uint16_t wire_tx(void *q, struct rte_mbuf **m, uint16_t n)
{
	struct wire *in = q;
	uint16_t i;

	for (i = 0; i < n && in->head - in->tail < QUEUE; i++) {
		m[i]->ol_flags = offload ? RTE_MBUF_F_RX_L4_CKSUM_GOOD : 0;
		in->m[in->head++ % QUEUE] = m[i];
	}
	return i;
}

/* ---- sides ---- */

static struct sock_addr side_addr(int side, uint16_t port)
{
	struct sock_addr a = { .port = be16_make(port) };

	a.ip = ip_from_v4(be32_make(0x0a000001u + (uint32_t)side));
	return a;
}

/* Ports of a worker's share, see relay_port_worker(): a few, for one would not do for many. */
static uint16_t side_port(int side, uint32_t i)
{
	return (uint16_t)(PORT_FIRST + 2 * side + i % 8 * 4);
}

static void side_config(struct config *c, int side)
{
	snprintf(c->file, sizeof(c->file), "bench");
	c->dataplane = (struct config_dataplane){ .n_workers = 2,
						  .mbufs = 32767,
						  .sessions = 16,
						  .peers = 16,
						  .neighbours = 16,
						  .neighbour_queue = 4,
						  .fragments = 16,
						  .fragment_timeout_ms = 1000,
						  .ring_slots = 64,
						  .icmp_rate = 1000 };
	c->tcp = (struct config_tcp){ .connections = conns + 1024,
				      .half_open = conns + 1024,
				      .time_wait = 1024,
				      .time_wait_ms = 1000,
				      .buffers = 16384,
				      .send_buffer = conns < 64 ? 262144 : 8192,
				      .receive_buffer = 262144,
				      .reorder_buffer = 131072,
				      .handshake_ms = 10000,
				      .stall_timeout = 60,
				      .linger = 60 };
	c->n_port = 1;
	snprintf(c->port[0].name, sizeof(c->port[0].name), "wire");
	c->port[0].mtu = 1500;
	c->port[0].addr[0] = (struct ip_prefix){ side_addr(side, 0).ip, 120 };
	c->port[0].n_addr = 1;
}

/* Worker `side` of two, so that names of pools differ; all packets are its own. */
static void side_open(int side)
{
	struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[side];
	struct dplane *d = &dp[side];
	struct port *p = &d->port[0];
	char err[512], name[32];

	side_config(&conf[side], side);
	d->tsc_per_us = (double)rte_get_tsc_hz() / 1e6;
	d->us_per_tsc = (uint64_t)(4294967296.0 / d->tsc_per_us);
	d->wake_cp = -1;
	d->n_ports = 1;
	if (!dplane_init(d, &conf[side], err, sizeof(err)) ||
	    region_create(d, err, sizeof(err)) < 0 ||
	    !(d->worker[side] = worker_create(d, (uint16_t)side, err, sizeof(err))))
		rte_exit(1, "bench_tcp: %s\n", err);
	snprintf(name, sizeof(name), "none%d", side);
	d->handover[!side][side] = rte_ring_create(name, 64, SOCKET_ID_ANY, 0);
	d->worker[side]->n_ports = 1;
	*p = (struct port){ .id = (uint16_t)side,
			    .mtu = 1500,
			    .conf = &conf[side].port[0],
			    .rx_queues = 2,
			    .tx_queues = 2,
			    .l2_len = 14,
			    .flow_sticky = true,
			    .tx_csum_tcp = offload,
			    .mac = { { 2, 0, 0, 0, 0, (uint8_t)side } } };
	wire_ptr[side][0] = wire_ptr[side][1] = &wire[side];
	*ops = (struct rte_eth_fp_ops){ .rx_pkt_burst = wire_rx, .tx_pkt_burst = wire_tx };
	ops->rxq.data = wire_ptr[side];
	ops->txq.data = wire_ptr[!side];
	ops->rxq.clbk = ops->txq.clbk = no_callback;
}

static void side_neigh(int side)
{
	const struct rte_ether_addr mac = { { 2, 0, 0, 0, 0, (uint8_t)!side } };
	const struct ip_addr ip = side_addr(!side, 0).ip;

	neigh_learn(dp[side].worker[side], 0, &ip, &mac, true, true);
}

/* ---- owners ---- */

static void feed(struct worker *w, struct tcp_conn *c)
{
	while (tcp_send_room(w, c) >= CHUNK) {
		struct rte_mbuf *m = pkt_make(w);

		if (!m)
			return;
		rte_pktmbuf_append(m, CHUNK);
		if (!tcp_send(w, c, m)) {
			pkt_consume(w, m);
			return;
		}
	}
	/* Room for less than a chunk: ask to be told. */
	struct rte_mbuf *m = pkt_make(w);

	if (m && rte_pktmbuf_append(m, CHUNK) && !tcp_send(w, c, m))
		pkt_consume(w, m);
}

static void drain(struct worker *w, struct tcp_conn *c)
{
	struct rte_mbuf *m;

	while ((m = tcp_recv(w, c)) != NULL) {
		bytes_in += m->data_len;
		pkt_consume(w, m);
	}
}

static void on_established(struct worker *w, struct tcp_conn *c)
{
	opened++;
	if (what == OPEN)
		tcp_send_bytes(w, c, "x", 1);
	else if (what != IDLE)
		feed(w, c);
}

static void on_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	(void)w;
	(void)c;
	(void)why;
	closed++;
}

static void on_nothing(struct worker *w, struct tcp_conn *c)
{
	(void)w;
	(void)c;
}

static void on_echo(struct worker *w, struct tcp_conn *c)
{
	struct rte_mbuf *m;

	while ((m = tcp_recv(w, c)) != NULL)
		if (!tcp_send(w, c, m))
			pkt_consume(w, m);
	if (tcp_recv_fin(c))
		tcp_close(w, c, TCP_END_DONE);
}

static void on_answer(struct worker *w, struct tcp_conn *c)
{
	drain(w, c);
	tcp_close(w, c, TCP_END_DONE);
}

static const struct tcp_app source_app = { .name = "source",
					   .established = on_established,
					   .readable = drain,
					   .writable = feed,
					   .closed = on_closed };
static const struct tcp_app sink_app = { .name = "sink",
					 .established = on_nothing,
					 .readable = drain,
					 .writable = on_nothing,
					 .closed = on_closed };
static const struct tcp_app echo_app = { .name = "echo",
					 .established = on_nothing,
					 .readable = on_echo,
					 .writable = on_nothing,
					 .closed = on_closed };
static const struct tcp_app ask_app = { .name = "ask",
					.established = on_established,
					.readable = on_answer,
					.writable = on_nothing,
					.closed = on_closed };

static const struct tcp_app *accept_sink(struct worker *w, struct tcp_request *r)
{
	(void)w;
	(void)r;
	return &sink_app;
}

static const struct tcp_app *accept_echo(struct worker *w, struct tcp_request *r)
{
	(void)w;
	(void)r;
	return &echo_app;
}

/* What came in goes on to the far side's other port. */
static void on_spliced(struct worker *w, struct tcp_conn *c)
{
	struct tcp_conn *from = tcp_find(w, *(struct ctl_conn *)tcp_data(c));

	if (from)
		splice_join(w, from, c, NULL, 0);
}

static const struct tcp_app out_app = { .name = "out",
					.established = on_spliced,
					.readable = on_nothing,
					.writable = on_nothing,
					.closed = on_closed };

static void on_in(struct worker *w, struct tcp_conn *c)
{
	struct tcp_request r = { .local = side_addr(UNDER_TEST, 0),
				 .remote = side_addr(FAR, side_port(FAR, 0)) };
	struct ctl_conn name = tcp_name(w, c);
	enum tcp_end why;

	memcpy(r.data, &name, sizeof(name));
	if (!tcp_connect(w, &r, &out_app, &why))
		rte_exit(1, "bench_tcp: no connection out\n");
}

static const struct tcp_app in_app = { .name = "in",
				       .established = on_in,
				       .readable = on_nothing,
				       .writable = on_nothing,
				       .closed = on_closed };

static const struct tcp_app *accept_in(struct worker *w, struct tcp_request *r)
{
	(void)w;
	(void)r;
	return &in_app;
}

/* ---- runs ---- */

static uint64_t count_of(int side, enum counter c)
{
	return dp[side].worker[side]->counters->cnt[c];
}

/* There is nobody to answer ARP: neighbours stay known by being told of again. */
static void neigh_refresh(void)
{
	static uint64_t next_ms;
	uint64_t now_ms = dp[FAR].worker[FAR]->now_ms;

	if (now_ms < next_ms)
		return;
	next_ms = now_ms + 1000;
	side_neigh(FAR);
	side_neigh(UNDER_TEST);
}

static uint64_t turns(uint32_t n)
{
	uint64_t t, sum = 0;

	while (n--) {
		neigh_refresh();
		stage_start(dp[FAR].worker[FAR]);
		worker_turn(dp[FAR].worker[FAR]);
		stage_start(dp[UNDER_TEST].worker[UNDER_TEST]);
		t = rte_rdtsc();
		if (worker_turn(dp[UNDER_TEST].worker[UNDER_TEST]))
			sum += rte_rdtsc() - t;
	}
	return sum;
}

static void connect_from(int side, const struct tcp_app *app, uint16_t port)
{
	struct tcp_request r = { .local = side_addr(side, 0), .remote = side_addr(!side, port) };
	enum tcp_end why;

	if (!tcp_connect(dp[side].worker[side], &r, app, &why))
		rte_exit(1, "bench_tcp: no connection: %s\n", tcp_end_desc[why].name);
}

static void connect_all(int side, const struct tcp_app *app)
{
	uint32_t i;

	for (i = 0; i < conns; i++) {
		connect_from(side, app, side_port(!side, i));
		if (i % 32 == 31)
			turns(4);
	}
	turns(1000);
	if (opened < conns)
		rte_exit(1, "bench_tcp: %u of %u connections are open\n", opened, conns);
}

static int double_cmp(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The median of many short windows: one in which the machine did something else does not count. */
static void run_bulk(uint32_t n_turns)
{
	enum counter c = what == SOURCE ? CNT_TCP_TX_BYTES : CNT_TCP_RX_BYTES;
	double window[WINDOWS];
	uint32_t i, n = 0;

	connect_all(what == SOURCE ? UNDER_TEST : FAR, &source_app);
	turns(n_turns / 10);
	for (i = 0; i < WINDOWS; i++) {
		uint64_t before = count_of(UNDER_TEST, c), cycles = turns(n_turns / WINDOWS);
		double segs = (double)(count_of(UNDER_TEST, c) - before) / SEGMENT;

		if (segs >= 1)
			window[n++] = (double)cycles / segs;
	}
	if (n < WINDOWS / 2)
		rte_exit(1, "bench_tcp: nothing came in %u of %u windows\n", WINDOWS - n, WINDOWS);
	qsort(window, n, sizeof(window[0]), double_cmp);
	printf("{\"tcp\": \"%s\", \"connections\": %u, \"cycles_per_segment\": %.0f, "
	       "\"gbit_per_s\": %.1f}\n",
	       what_name[what], conns, window[n / 2],
	       SEGMENT * 8 * dp[0].tsc_per_us / window[n / 2] / 1000);
}

/* Nothing is left of the connections that are over: not one buffer, record or slot. */
static void leak_check(int side)
{
	const struct worker *w = dp[side].worker[side];

	if (w->tcp->conns || w->tcp->tw_n || w->tcp->held || w->tcp->wheel.armed ||
	    w->tcp->records || rte_mempool_in_use_count(w->pool) || rte_hash_count(w->tcp->table))
		rte_exit(1,
			 "bench_tcp: %s: left over: %u connections, %u in TIME-WAIT, %u buffers "
			 "held, %u timers, %u records, %u of all buffers, %d table entries\n",
			 side == FAR ? "far side" : "under test", w->tcp->conns, w->tcp->tw_n,
			 w->tcp->held, w->tcp->wheel.armed, w->tcp->records,
			 rte_mempool_in_use_count(w->pool), rte_hash_count(w->tcp->table));
}

static void run_open(uint32_t n)
{
	uint32_t i = 0;
	uint64_t cycles = 0;

	while (closed < 2 * n) {
		for (; i < n && i - closed / 2 < conns; i++)
			connect_from(FAR, &ask_app, side_port(UNDER_TEST, i));
		cycles += turns(1);
	}
	while (dp[FAR].worker[FAR]->tcp->tw_n || dp[UNDER_TEST].worker[UNDER_TEST]->tcp->tw_n)
		turns(100);
	turns(100);
	leak_check(FAR);
	leak_check(UNDER_TEST);
	printf("{\"tcp\": \"open\", \"at_once\": %u, \"cycles_per_connection\": %.0f, "
	       "\"connections_per_s\": %.0f}\n",
	       conns, (double)cycles / n, dp[0].tsc_per_us * 1e6 / ((double)cycles / n));
}

/* Bytes of an idle connection, its own records of what was sent among them (R67). */
enum { IDLE_MAX = 1152 };

/* What the worker under test takes without its packet buffers. */
static uint64_t tables_used(uint64_t heap)
{
	return heap - heap_buffers(dp[UNDER_TEST].worker[UNDER_TEST]);
}

static void run_idle(uint64_t before)
{
	connect_all(FAR, &ask_app);
	turns(1000);
	if (count_of(UNDER_TEST, CNT_TCP_ESTABLISHED) != conns ||
	    tables_used(before) / conns > IDLE_MAX)
		rte_exit(1, "bench_tcp: %ju of %u are open, %ju bytes each\n",
			 (uintmax_t)count_of(UNDER_TEST, CNT_TCP_ESTABLISHED), conns,
			 (uintmax_t)(tables_used(before) / conns));
	printf("{\"tcp\": \"idle\", \"connections\": %u, \"bytes_per_connection\": %.0f}\n", conns,
	       (double)tables_used(before) / conns);
}

static void usage(FILE *out)
{
	fputs(
	    "usage: bench_tcp [-c CONNECTIONS (1)] [-t TURNS (200000)] [-o: checksums by the port] "
	    "sink | source | splice | open | idle\n",
	    out);
}

int main(int argc, char **argv)
{
	static char *eal[] = { (char *)"bench_tcp",	 (char *)"--no-pci",
			       (char *)"--no-telemetry", (char *)"--no-shconf",
			       (char *)"--lcores=0@1",	 (char *)"-m",
			       (char *)"1400",		 (char *)"--log-level=*:error",
			       (char *)"--no-huge",	 NULL };
	uint32_t n_turns = 200000;
	uint64_t before;
	int opt;

	while ((opt = getopt(argc, argv, "c:t:oh")) != -1) {
		if (opt == 'c')
			conns = (uint32_t)strtoul(optarg, NULL, 0);
		else if (opt == 't')
			n_turns = (uint32_t)strtoul(optarg, NULL, 0);
		else if (opt == 'o')
			offload = true;
		else
			return usage(opt == 'h' ? stdout : stderr), opt == 'h' ? 0 : 2;
	}
	for (what = 0; what < WHATS && (optind >= argc || strcmp(argv[optind], what_name[what]));
	     what++)
		;
	if (what == WHATS || conns == 0 || conns > CONNS_MAX)
		return usage(stderr), 2;
	if (rte_eal_init(9, eal) < 0)
		return 1;
	side_open(FAR);
	before = heap_used();
	side_open(UNDER_TEST);
	before = heap_used() - before;
	side_neigh(FAR);
	side_neigh(UNDER_TEST);
	turns(1);
	side_neigh(FAR);
	side_neigh(UNDER_TEST);
	dp[UNDER_TEST].worker[UNDER_TEST]->tcp->accept = what == OPEN || what == IDLE ? accept_echo
							 : what == SPLICE	      ? accept_in
										      : accept_sink;
	dp[FAR].worker[FAR]->tcp->accept = accept_sink;
	if (what == OPEN)
		run_open(n_turns);
	else if (what == IDLE)
		run_idle(before);
	else
		run_bulk(n_turns);
	return 0;
}

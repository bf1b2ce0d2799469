/* SPDX-License-Identifier: BSD-3-Clause */
#include "control.h"
#include "unit.h"
#include "eal.h"
#include "wire.h"

#include "dp/clock.h"
#include "dp/snapshot.h"
#include "dp/tcp/tcp.h"

#include <stdlib.h>
#include <unistd.h>

enum { TURNS_MAX = 10000 }; /* until workers have nothing to do */

struct world world;

/* ---- life ---- */

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>

/* All but the last bytes of an object's header, which belong to the pool. */
#define FENCE(pool) ((pool)->header_size - sizeof(struct rte_mempool_objhdr))

static void fence_up(struct rte_mempool *pool, void *ctx, void *obj, unsigned int i)
{
	(void)ctx;
	(void)i;
	__asan_poison_memory_region((uint8_t *)obj - pool->header_size, FENCE(pool));
}

static void fence_down(struct rte_mempool *pool, void *ctx, void *obj, unsigned int i)
{
	(void)ctx;
	(void)i;
	__asan_unpoison_memory_region((uint8_t *)obj - pool->header_size, FENCE(pool));
}

/* DPDK's memory is one block to the sanitizer: what stands between two buffers must not be read. */
static void pool_fence(struct rte_mempool *pool, bool up)
{
	rte_mempool_obj_iter(pool, up ? fence_up : fence_down, NULL);
}
#else
static void pool_fence(struct rte_mempool *pool, bool up)
{
	(void)pool;
	(void)up;
}
#endif

void world_eal(void)
{
	if (!test_eal("256"))
		abort();
}

static void conf_addr(struct config_port *p, const char *prefix)
{
	if (!ip_prefix_parse(prefix, &p->addr[p->n_addr++]))
		abort();
}

void world_config(void)
{
	static const char *const name[WORLD_PORTS] = { "access", "core" };
	struct config *c = &world.conf;
	uint16_t i;

	*c =
	    (struct config){ .file = "test", .n_port = WORLD_PORTS, .n_listener = 2, .n_relay = 2 };
	c->dataplane = (struct config_dataplane){
		.n_workers = 1,
		.memory_mb = 256,
		.mbufs = 1023,
		.sessions = 16,
		.peers = 32,
		.neighbours = 32,
		.neighbour_queue = 4,
		.fragments = 16,
		.fragment_timeout_ms = 1000,
		.ring_slots = 16,
		.binding_rate = 4000000, /* any, for what is not about rates */
		.request_rate = 4000000,
		.icmp_rate = 1000,
	};
	c->tcp = (struct config_tcp){
		.connections = 64,
		.half_open = 16,
		.time_wait = 16,
		.time_wait_ms = 60000,
		.buffers = 512,
		.send_buffer = 65536,
		.receive_buffer = 262144,
		.reorder_buffer = 131072,
		.media_queue = 8192,
		.media_age_ms = 200,
		.handshake_ms = 10000,
		.connect_timeout = 30,
		.bind_timeout = 30,
		.idle_timeout = 60,
		.frame_ms = 10000,
		.stall_timeout = 60,
		.linger = 60,
		.keepalive = 120,
		.ecn = true,
	};
	c->turn.connections_per_allocation = 64;
	for (i = 0; i < WORLD_PORTS; i++) {
		snprintf(c->port[i].name, sizeof(c->port[i].name), "%s", name[i]);
		c->port[i].mtu = 1500;
	}
	/* Private as they are, all of the world's machines may be sent to. */
	c->peers.relay_to_relay = true;
	c->peers.allow[0] = (struct ip_prefix){ at("10.0.0.0", 0).ip, 96 + 8 };
	c->peers.allow[1] = (struct ip_prefix){ at("fd00::", 0).ip, 8 };
	c->peers.n_allow = 2;
	conf_addr(&c->port[ACCESS], "10.1.0.1/24");
	conf_addr(&c->port[ACCESS], "fd00:1::1/64");
	conf_addr(&c->port[CORE], "10.2.0.1/24");
	conf_addr(&c->port[CORE], "fd00:2::1/64");
	c->listener[0].addr = at("10.1.0.1", 3478);
	c->listener[1].addr = at("fd00:1::1", 3478);
	c->relay[0] =
	    (struct config_relay){ at("10.2.0.1", 0).ip, RELAY_MIN, RELAY_MAX, .turn = true };
	c->relay[1] =
	    (struct config_relay){ at("fd00:2::1", 0).ip, RELAY_MIN, RELAY_MAX, .turn = true };
}

static void handover_make(uint16_t from, uint16_t to)
{
	char name[32];

	snprintf(name, sizeof(name), "h%u.%u", from, to);
	world.dp.handover[from][to] =
	    from == to ? NULL
		       : rte_ring_create(name, 64, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

uint32_t world_start_s(void)
{
	static uint32_t s;
	const char *given = getenv("FAIRLEAD_WORLD_START_S");

	if (s == 0)
		s = given ? (uint32_t)strtoul(given, NULL, 10) : 1000;
	return s;
}

uint16_t world_listener(const struct sock_addr *addr, enum config_transport transport)
{
	struct config *c = &world.conf;

	if (c->n_listener == RTE_DIM(c->listener))
		abort();
	c->listener[c->n_listener] =
	    (struct config_listener){ .addr = *addr, .transport = transport };
	return c->n_listener++;
}

void world_start(void)
{
	struct dplane *dp = &world.dp;
	char err[512] = "";
	uint16_t i, j;

	world_eal();
	memset(dp, 0, sizeof(*dp));
	dp->tsc_per_us = 1000;
	dp->wake_cp = -1;
	dp->n_ports = world.conf.n_port;
	world.seg_first = world.seg_rest = 0;
	world.at_end = false;
	world.tx_room = world.tx_once = UINT16_MAX;
	world.on_rx = NULL;
	memset(world.n_out, 0, sizeof(world.n_out));
	memset(world.at_out, 0, sizeof(world.at_out));
	if (!dplane_init(dp, &world.conf, err, sizeof(err)) ||
	    (world.region_fd = region_create(dp, err, sizeof(err))) < 0) {
		fprintf(stderr, "%s\n", err);
		abort();
	}
	/* Which worker a client is on must not differ from run to run. */
	for (i = 0; i < RTE_DIM(dp->hash_key); i++)
		dp->hash_key[i] = UINT64_C(0x9e3779b97f4a7c15) * (i + 1u);
	for (i = 0; i < dp->n_ports; i++)
		wire_make(i);
	for (i = 0; i < dp->n_workers; i++) {
		dp->worker[i] = worker_create(dp, i, err, sizeof(err));
		if (!dp->worker[i]) {
			fprintf(stderr, "%s\n", err);
			abort();
		}
		dp->worker[i]->clock.tsc_next = UINT64_MAX;
		pool_fence(dp->worker[i]->pool, true);
		control_take(i);
		for (j = 0; j < dp->n_workers; j++)
			handover_make(i, j);
	}
	world.w = dp->worker[0];
	world_clock_ms(WORLD_START_S * 1000ull);
	world_neighbours();
	world_run();
	world_mark();
}

void world_stop(void)
{
	struct dplane *dp = &world.dp;
	bool accounts;
	int64_t missing;
	uint16_t i, j;

	world_run();
	accounts = world_accounts();
	missing = world_missing();
	world_forget();
	for (i = 0; i < dp->n_workers; i++) {
		pool_fence(dp->worker[i]->pool, false);
		worker_free(dp->worker[i]);
		for (j = 0; j < dp->n_workers; j++)
			rte_ring_free(dp->handover[i][j]);
	}
	region_destroy(dp, world.region_fd);
	assert_true(accounts);
	assert_int_equal(missing, 0);
}

int world_setup(void **state)
{
	(void)state;
	world_config();
	world_start();
	return 0;
}

int world_teardown(void **state)
{
	(void)state;
	world_stop();
	return 0;
}

void world_clock_us(uint64_t us)
{
	uint16_t i;

	for (i = 0; i < world.dp.n_workers; i++)
		clock_set(world.dp.worker[i], us);
}

void world_clock_ms(uint64_t ms)
{
	world_clock_us(ms * 1000);
}

void world_neighbours(void)
{
	static const struct {
		uint16_t port;
		const char *ip;
	} known[] = { { ACCESS, "10.1.0.2" }, { ACCESS, "10.1.0.3" }, { ACCESS, "fd00:1::2" },
		      { CORE, "10.2.0.2" },   { CORE, "10.2.0.3" },   { CORE, "fd00:2::2" } };
	struct rte_ether_addr mac;
	uint16_t i, k;

	memcpy(mac.addr_bytes, world_mac, 6);
	for (i = 0; i < world.dp.n_workers; i++)
		for (k = 0; k < RTE_DIM(known); k++) {
			struct ip_addr ip = at(known[k].ip, 0).ip;

			neigh_learn(world.dp.worker[i], known[k].port, &ip, &mac, true, true);
		}
}

void world_run(void)
{
	uint32_t n, turns = 0;
	uint16_t i;

	do {
		n = 0;
		for (i = 0; i < world.dp.n_workers; i++)
			n += worker_turn(world.dp.worker[i]);
	} while (n && ++turns < TURNS_MAX);
	if (n) {
		fprintf(stderr, "workers do not come to rest\n");
		abort();
	}
}

void world_pass(uint32_t ms, void (*run)(void))
{
	while (ms--) {
		uint64_t now = world.w->now_ms + 1;

		world_clock_ms(now);
		if (now % 1000 == 0)
			world_neighbours();
		run();
	}
}

void world_pass_ms(uint32_t ms)
{
	world_pass(ms, world_run);
}

void world_reload(struct config *c)
{
	struct snapshot *s = calloc(1, sizeof(*s));
	char err[256] = "";

	assert_non_null(s);
	s->refs = 1;
	s->number = snapshot_number(&world.dp) + 1;
	s->conf = c;
	assert_true(listener_places_keep(snapshot_conf(&world.dp), c, err, sizeof(err)));
	snapshot_publish(&world.dp, s);
	dplane_listeners_set(&world.dp, c);
	snapshot_drop(s);
}

void world_ghosts(uint32_t n)
{
	char ip[40];

	for (uint32_t i = 0; i < n; i++) {
		uint32_t cache = NH_NONE;
		struct ip_addr dst;
		struct rte_mbuf *m;
		struct neigh *g;
		enum drop why;

		snprintf(ip, sizeof(ip), "fd00:2::bad:%x", i);
		dst = at(ip, 0).ip;
		g = neigh_find(world.w, NULL, &dst, &cache, &why);
		m = pkt_make(world.w);
		if (!g || !m)
			abort();
		rte_pktmbuf_append(m, 100);
		neigh_send(world.w, g, m);
		if (i % 100 == 0) {
			world_run();
			world_forget();
		}
	}
	world_run();
	world_forget();
}

/* ---- counters ---- */

void world_mark(void)
{
	uint16_t i;
	int k;

	for (i = 0; i < world.dp.n_workers; i++) {
		for (k = 0; k < CNT_MAX; k++)
			world.cnt[i][k] = world.dp.worker[i]->counters->cnt[k];
		for (k = 0; k < DROP_MAX; k++)
			world.drop[i][k] = world.dp.worker[i]->counters->drop[k];
	}
}

uint64_t world_count(uint16_t worker, enum counter c)
{
	return world.dp.worker[worker]->counters->cnt[c] - world.cnt[worker][c];
}

void world_drops(enum drop reason, uint64_t n)
{
	int k;

	for (k = 0; k < DROP_MAX; k++) {
		uint64_t seen = 0, want = k == (int)reason ? n : 0;
		uint16_t i;

		for (i = 0; i < world.dp.n_workers; i++)
			seen += world.dp.worker[i]->counters->drop[k] - world.drop[i][k];
		if (seen != want)
			fail_msg("drop %s: %llu, not %llu", drop_desc[k].name,
				 (unsigned long long)seen, (unsigned long long)want);
	}
}

static uint64_t held(const struct worker *w)
{
	return net_held(w) + w->tx.loop.n + tcp_held(w);
}

bool world_accounts(void)
{
	uint16_t i;
	int k;

	for (i = 0; i < world.dp.n_workers; i++) {
		const struct worker *w = world.dp.worker[i];
		const _Atomic uint64_t *c = w->counters->cnt;
		uint64_t in = c[CNT_RX] + c[CNT_MADE] + c[CNT_HANDOVER_IN];
		uint64_t out = c[CNT_TX] + c[CNT_CONSUMED] + c[CNT_HANDOVER_OUT] + held(w);

		for (k = 0; k < DROP_MAX; k++)
			out += w->counters->drop[k];
		if (in == out)
			continue;
		fprintf(stderr, "worker %u: %llu packets came, %llu are accounted for\n", i,
			(unsigned long long)in, (unsigned long long)out);
		return false;
	}
	return true;
}

int64_t world_missing(void)
{
	int64_t missing = 0;
	uint16_t i;

	for (i = 0; i < world.dp.n_workers; i++) {
		const struct worker *w = world.dp.worker[i];

		missing +=
		    (int64_t)w->pool->size - rte_mempool_avail_count(w->pool) - (int64_t)held(w);
	}
	return missing;
}

static struct rte_mbuf *taken[4096];
static uint32_t n_taken;

void world_pool_take(void)
{
	while (n_taken < RTE_DIM(taken) && (taken[n_taken] = rte_pktmbuf_alloc(world.w->pool)))
		n_taken++;
	assert_int_equal(rte_mempool_avail_count(world.w->pool), 0);
}

void world_pool_give(void)
{
	rte_pktmbuf_free_bulk(taken, n_taken);
	n_taken = 0;
}

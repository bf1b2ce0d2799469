/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pins: next hops of both families are asked for three times, packets wait in bounded queues of
 * which the newest survive (RFC 4861 7.2.2), a neighbour that does not answer drops what waits
 * under one reason and is asked again later; a neighbour in use is confirmed by unicast, then by
 * everybody (7.3.3). A scan of a subnet cannot push live neighbours out nor fill the table for
 * ever. Routes: longest prefix; nothing that is no host's is routed.
 */
#include "tests/world/dp_fixture.h"

#include <stdlib.h>

static const uint8_t data[100] = { 0x45 };

/* A packet made here; its first byte after the header tells it from others. */
static struct rte_mbuf *packet(uint8_t tag)
{
	struct rte_mbuf *m = pkt_make(&fx.w);
	uint8_t *p;

	assert_non_null(m);
	p = (uint8_t *)rte_pktmbuf_append(m, sizeof(data));
	memcpy(p, data, sizeof(data));
	p[20] = tag;
	return m;
}

static struct neigh *find(const char *dst)
{
	struct ip_addr a = fx_ip(dst);
	uint32_t cache = NH_NONE;
	enum drop why;

	return neigh_find(&fx.w, NULL, &a, &cache, &why);
}

static void send(const char *dst, uint8_t tag)
{
	struct neigh *n = find(dst);

	assert_non_null(n);
	neigh_send(&fx.w, n, packet(tag));
}

static void answer(uint16_t port, const char *ip, uint8_t mac)
{
	struct ip_addr a = fx_ip(ip);
	struct rte_ether_addr e = fx_mac(mac);

	neigh_learn(&fx.w, port, &a, &e, true, false);
}

/* The i-th frame sent asks for a neighbour: by broadcast or multicast, or by unicast to a MAC. */
static void assert_asks(uint32_t i, bool v6, const struct rte_ether_addr *mac)
{
	static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const uint8_t *f = fx_sent(i);
	uint32_t l2_len = fx.dp.port[fx.sent_port[i]].l2_len;

	assert_int_equal(f[l2_len - 2] << 8 | f[l2_len - 1],
			 v6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_ARP);
	if (v6)
		assert_int_equal(f[l2_len + IPV6_HDR], 135);
	if (mac)
		assert_memory_equal(f, mac->addr_bytes, 6);
	else if (v6)
		assert_memory_equal(f, "\x33\x33\xff", 3);
	else
		assert_memory_equal(f, everybody, 6);
}

static void resolve(const char *dst, bool v6)
{
	struct rte_ether_addr mac = fx_mac(7);
	uint32_t i;

	send(dst, 1);
	send(dst, 2);
	send(dst, 3);
	assert_int_equal(fx.n_sent, 1);
	assert_asks(0, v6, NULL);
	assert_int_equal(neigh_held(fx.w.net->neigh), 3);
	answer(FX_ACCESS, dst, 7);
	assert_int_equal(neigh_held(fx.w.net->neigh), 0);
	assert_int_equal(fx.n_sent, 4);
	for (i = 1; i < 4; i++) {
		const uint8_t *f = fx_sent(i);

		assert_memory_equal(f, mac.addr_bytes, 6);
		assert_memory_equal(f + 6, fx.dp.port[FX_ACCESS].mac.addr_bytes, 6);
		assert_int_equal(f[12] << 8 | f[13],
				 v6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
		assert_int_equal(f[14 + 20], i);
		assert_int_equal(fx.sent[i]->pkt_len, 14 + sizeof(data));
	}
	send(dst, 4);
	assert_int_equal(fx.n_sent, 5);
}

static void test_resolve(void **state)
{
	(void)state;
	resolve("10.1.0.7", false);
	fx_forget();
	resolve("fd00:1::7", true);
}

static void test_vlan(void **state)
{
	const uint8_t *f;

	(void)state;
	send("10.2.0.7", 1);
	answer(FX_CORE, "10.2.0.7", 7);
	assert_int_equal(fx.n_sent, 2);
	f = fx_sent(0);
	assert_memory_equal(f + 12, "\x81\x00\x00\x2a\x08\x06", 6);
	f = fx_sent(1);
	assert_memory_equal(f + 12, "\x81\x00\x00\x2a\x08\x00\x45", 7);
	assert_int_equal(fx.sent_port[1], FX_CORE);
	/* The same address on another port is another neighbour. */
	answer(FX_ACCESS, "10.2.0.7", 8);
	assert_int_equal(neigh_count(fx.w.net->neigh), 1);
}

static void test_queue_bound(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < FX_WAIT + 3; i++)
		send("10.1.0.7", (uint8_t)i);
	assert_int_equal(neigh_held(fx.w.net->neigh), FX_WAIT);
	assert_int_equal(fx_dropped(DROP_NEIGH_QUEUE), 3);
	assert_int_equal(fx.n_sent, 1);
	answer(FX_ACCESS, "10.1.0.7", 7);
	assert_int_equal(fx.n_sent, 1 + FX_WAIT);
	for (i = 0; i < FX_WAIT; i++)
		assert_int_equal(fx_sent(1 + i)[14 + 20], 3 + i); /* the newest, in order */
}

static void silence(const char *dst, bool v6)
{
	uint32_t i;

	send(dst, 1);
	send(dst, 2);
	fx_pass(2 * NEIGH_PROBES * NEIGH_RETRY_MS);
	assert_int_equal(fx.n_sent, NEIGH_PROBES);
	for (i = 0; i < NEIGH_PROBES; i++)
		assert_asks(i, v6, NULL);
	assert_int_equal(neigh_held(fx.w.net->neigh), 0);
	assert_int_equal(fx_dropped(DROP_NEIGH_FAILED), 2);
}

static void test_unreachable(void **state)
{
	(void)state;
	silence("10.1.0.7", false);
	/* Nobody used it since: forgotten after a while. */
	fx_pass(NEIGH_FAILED_MS + 3 * NEIGH_RETRY_MS);
	assert_int_equal(neigh_count(fx.w.net->neigh), 0);
}

static void test_unreachable6(void **state)
{
	(void)state;
	silence("fd00:1::7", true);
}

static void test_recovery(void **state)
{
	struct neigh *n;

	(void)state;
	send("10.1.0.7", 1);
	n = find("10.1.0.7");
	while (n->state == NEIGH_INCOMPLETE)
		fx_pass(NEIGH_TICK_MS);
	assert_int_equal(n->state, NEIGH_FAILED);
	assert_int_equal(fx.n_sent, NEIGH_PROBES);
	/* Dropped at once, nothing asked. */
	send("10.1.0.7", 2);
	assert_int_equal(fx_dropped(DROP_NEIGH_FAILED), 2);
	assert_int_equal(neigh_held(fx.w.net->neigh), 0);
	assert_int_equal(fx.n_sent, NEIGH_PROBES);
	/* It is wanted: asked again by and by. */
	fx_pass(NEIGH_FAILED_MS + NEIGH_RETRY_MS);
	assert_int_equal(n->state, NEIGH_INCOMPLETE);
	assert_int_equal(fx.n_sent, NEIGH_PROBES + 1);
	send("10.1.0.7", 3);
	assert_int_equal(neigh_held(fx.w.net->neigh), 1);
	answer(FX_ACCESS, "10.1.0.7", 7);
	assert_int_equal(fx.n_sent, NEIGH_PROBES + 2);
	assert_int_equal(fx_dropped(DROP_NEIGH_FAILED), 2);
}

/* Uses a neighbour every tick for ms, and returns how often it was asked for. */
static uint32_t use(const char *dst, uint32_t ms)
{
	uint32_t sent = fx.n_sent, n = 0;

	for (; ms; ms -= NEIGH_TICK_MS) {
		fx_pass(NEIGH_TICK_MS);
		n += fx.n_sent - sent;
		fx_forget();
		send(dst, 1);
		fx_forget();
		sent = 0;
	}
	return n;
}

static void test_stale(void **state)
{
	struct rte_ether_addr mac = fx_mac(7);
	struct neigh *n;
	uint32_t i;

	(void)state;
	fx_neighbour(FX_ACCESS, "10.1.0.7", 7);
	n = find("10.1.0.7");
	assert_int_equal(n->state, NEIGH_REACHABLE);
	assert_int_equal(use("10.1.0.7", NEIGH_REACHABLE_MS - NEIGH_TICK_MS), 0);
	/* Packets still go while it is asked by unicast. */
	for (i = 0; i < 30 && fx.n_sent == 0; i++) {
		fx_pass(NEIGH_TICK_MS);
		if (fx.n_sent == 0) {
			send("10.1.0.7", 1);
			fx_forget();
		}
	}
	assert_int_equal(n->state, NEIGH_STALE);
	assert_asks(0, false, &mac);
	answer(FX_ACCESS, "10.1.0.7", 7);
	assert_int_equal(n->state, NEIGH_REACHABLE);
	assert_int_equal(fx_counted(CNT_MADE), fx_counted(CNT_TX));
}

static void test_stale_silent(void **state)
{
	struct neigh *n;
	uint32_t i;

	(void)state;
	fx_neighbour(FX_ACCESS, "10.1.0.7", 7);
	n = find("10.1.0.7");
	/* Three times by unicast, three times by broadcast; then it has failed. */
	for (i = 0; i < 500 && n->state != NEIGH_INCOMPLETE; i++)
		use("10.1.0.7", NEIGH_TICK_MS);
	assert_int_equal(n->state, NEIGH_INCOMPLETE);
	fx_forget();
	for (i = 0; i < 100 && n->state != NEIGH_FAILED; i++)
		fx_pass(NEIGH_TICK_MS);
	assert_int_equal(n->state, NEIGH_FAILED);
	assert_int_equal(fx.n_sent, NEIGH_PROBES - 1);
	assert_asks(0, false, NULL);
}

static void test_stale_unused(void **state)
{
	(void)state;
	fx_neighbour(FX_ACCESS, "10.1.0.7", 7);
	fx_pass(3 * NEIGH_REACHABLE_MS);
	assert_int_equal(find("10.1.0.7")->state, NEIGH_STALE);
	assert_int_equal(fx.n_sent, 0);
}

static void scan(uint32_t n)
{
	char dst[32];
	uint32_t i;

	for (i = 0; i < n; i++) {
		snprintf(dst, sizeof(dst), "fd00:1::bad:%x", i);
		send(dst, 1);
		fx_forget();
	}
}

static void test_scan(void **state)
{
	struct ip_addr gw = fx_ip("192.0.2.1");
	uint32_t cache = NH_NONE;
	enum drop why;
	struct neigh *n;

	(void)state;
	fx_neighbour(FX_ACCESS, "10.1.0.254", 7);
	n = neigh_find(&fx.w, NULL, &gw, &cache, &why);
	neigh_send(&fx.w, n, packet(1));
	fx_forget();
	scan(50 * FX_NEIGHBOURS);
	assert_int_equal(neigh_count(fx.w.net->neigh), FX_NEIGHBOURS);
	assert_int_equal(fx_dropped(DROP_NEIGH_FULL), 49 * FX_NEIGHBOURS + 1);
	/* The gateway is where it was, */
	assert_ptr_equal(neigh_find(&fx.w, NULL, &gw, &cache, &why), n);
	assert_int_equal(n->state, NEIGH_REACHABLE);
	/* a newcomer finds its place, */
	send("10.1.0.8", 1);
	answer(FX_ACCESS, "10.1.0.8", 8);
	assert_int_equal(find("10.1.0.8")->state, NEIGH_REACHABLE);
	/* and when the scan ends nothing of it stays. */
	fx_pass(20 * NEIGH_RETRY_MS);
	assert_int_equal(neigh_count(fx.w.net->neigh), 2);
	assert_int_equal(neigh_held(fx.w.net->neigh), 0);
}

static uint32_t scan_asks(uint32_t from, uint32_t n)
{
	uint32_t i, asks = 0;
	char dst[32];

	for (i = 0; i < n; i++) {
		snprintf(dst, sizeof(dst), "fd00:1::bad:%x", from + i);
		send(dst, 1);
		asks += fx.n_sent;
		fx_forget();
	}
	return asks;
}

/*
 * RFC 6583 5: a scan has hosts asked for no more often than so; who could not be asked for is asked
 * later. A neighbour that is known is confirmed all the while.
 */
static void test_asks_bound(void **state)
{
	struct rte_ether_addr mac = fx_mac(7);
	struct neigh *n;
	uint32_t i;

	(void)state;
	fx_neighbour(FX_ACCESS, "10.1.0.7", 7);
	fx_forget();
	assert_int_equal(scan_asks(0, 2 * NEIGH_ASKS), NEIGH_ASKS);
	assert_int_equal(fx_counted(CNT_NEIGH_PUT_OFF), NEIGH_ASKS);
	neigh_doubt(&fx.w, find("10.1.0.7"));
	send("10.1.0.7", 1);
	fx_forget();
	for (i = 0; i < NEIGH_RETRY_MS / NEIGH_TICK_MS; i++)
		neigh_tick(&fx.w);
	assert_int_equal(fx.n_sent, 1);
	assert_asks(0, false, &mac);
	fx_forget();
	fx.w.now_ms += 3;
	assert_int_equal(scan_asks(2 * NEIGH_ASKS, 31), 3);
	/* When it is over there is time for one that had none. */
	send("10.1.0.8", 1);
	assert_int_equal(fx.n_sent, 0);
	n = find("10.1.0.8");
	assert_int_equal(n->probes, 0);
	fx_pass(2 * NEIGH_RETRY_MS);
	assert_true(n->probes > 0);
	answer(FX_ACCESS, "10.1.0.8", 8);
	assert_int_equal(n->state, NEIGH_REACHABLE);
}

/* Ghosts of a second: so many a millisecond, each wanted once, by strangers or for a port of ours.
 */
static uint32_t ghosts_sent;

static void ghosts(uint32_t n, uint16_t port)
{
	char dst[40];

	while (n--) {
		struct neigh *g;

		snprintf(dst, sizeof(dst), "fd00:1::%x:%x", 0x1000 + (ghosts_sent >> 16),
			 ghosts_sent & 0xffff);
		ghosts_sent++;
		g = find(dst);
		if (!g)
			continue;
		if (port)
			neigh_wanted(g, be16_make(port));
		neigh_send(&fx.w, g, packet(1));
	}
}

/* A packet for the peer that is there: whether it was asked for, and answered. */
static bool peer_resolves(const char *peer, uint16_t port)
{
	struct neigh *n = find(peer);

	if (!n)
		return false;
	neigh_wanted(n, be16_make(port));
	neigh_send(&fx.w, n, packet(2));
	if (n->probes && !neigh_has_mac(n))
		answer(FX_ACCESS, peer, 8);
	return neigh_has_mac(n);
}

/* Milliseconds until the peer of a session, which sends every 20 ms, is known. */
static uint32_t beside_ghosts(const char *peer, uint16_t port, uint16_t ghosts_port)
{
	uint32_t ms;

	for (ms = 0; ms < 20000; ms++) {
		fx.w.now_ms++;
		fx.w.now_us += 1000;
		ghosts(31, ghosts_port);
		if (ms % 20 == 19 && peer_resolves(peer, port))
			return ms;
		ghosts(1, ghosts_port);
		if (ms % NEIGH_TICK_MS == 0)
			neigh_tick(&fx.w);
		fx_forget();
	}
	return ms;
}

/*
 * What 32,000 hosts a second that are not there use up is their asker's: the peer of a session is
 * asked for with its first packet, whether strangers want the ghosts or another session.
 */
static void test_askers_have_their_own(void **state)
{
	struct neigh_table *wide = neigh_create(1024, FX_WAIT, "wide", SOCKET_ID_ANY);
	struct rte_mempool *small = fx.w.pool;
	struct neigh_table *narrow = fx.w.net->neigh;

	(void)state;
	assert_non_null(wide);
	fx.w.pool =
	    rte_pktmbuf_pool_create("wide", 4095, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	assert_non_null(fx.w.pool);
	fx.w.net->neigh = wide;
	fx.w.now_us = 10000000;
	ghosts_sent = 0;
	for (int i = 0; i < 2; i++) {
		uint16_t theirs = i ? 50000 : 0;

		for (uint32_t ms = 0; ms < 3000; ms++) {
			fx.w.now_ms++;
			fx.w.now_us += 1000;
			ghosts(32, theirs);
			fx_forget();
		}
		assert_int_equal(beside_ghosts(i ? "10.1.0.8" : "10.1.0.9", 49152, theirs), 19);
		assert_int_equal(beside_ghosts(i ? "fd00:1::8" : "fd00:1::9", 49153, theirs), 19);
	}
	neigh_free(&fx.w, wide);
	fx_forget();
	rte_mempool_free(fx.w.pool);
	fx.w.pool = small;
	fx.w.net->neigh = narrow;
}

/* And an asker has no more than that: one of a row a second, and what anybody has. */
static void test_asker_is_bounded(void **state)
{
	uint32_t asked = 0;

	(void)state;
	fx.w.now_us = 10000000;
	scan_asks(0, 2 * NEIGH_ASKS); /* nothing is left for anybody */
	ghosts_sent = 0;
	for (uint32_t i = 0; i < 100; i++) {
		fx_forget();
		ghosts(1, 49152);
		asked += fx.n_sent;
	}
	assert_int_equal(asked, NEIGH_ROW_ASKS * NEIGH_ROW_BURST_MS / 1000);
	fx.w.now_us += 1000000;
	fx_forget();
	ghosts(1, 49152);
	ghosts(1, 49152);
	assert_int_equal(fx.n_sent, 1);
}

/*
 * However many neighbours are asked for at once, so many packets wait and no more: a scan must not
 * hold all buffers. One that has some waiting still gets its newest in, at its own oldest's cost.
 */
static void test_held_bound(void **state)
{
	enum { HELD = 2048, MBUFS = 4095, MAX = 1024 };
	struct rte_mempool *small = fx.w.pool, *pool;
	struct neigh_table *narrow = fx.w.net->neigh, *wide;
	uint32_t i;

	(void)state;
	pool =
	    rte_pktmbuf_pool_create("wide", MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	wide = neigh_create(MAX, FX_WAIT, "wide", SOCKET_ID_ANY);
	assert_non_null(pool);
	assert_non_null(wide);
	fx.w.pool = pool;
	fx.w.net->neigh = wide;
	send("10.1.0.7", 1);
	for (i = 0; i < FX_WAIT; i++) {
		fx_forget();
		scan(HELD / FX_WAIT - 1);
	}
	for (i = 0; i < FX_WAIT - 1; i++)
		send("10.1.0.8", (uint8_t)i);
	assert_int_equal(neigh_held(wide), HELD);
	assert_int_equal(fx_dropped(DROP_NEIGH_QUEUE), 0);
	/* A newcomer's packet cannot wait; it is asked for all the same. */
	fx_forget();
	send("10.1.0.9", 1);
	assert_int_equal(fx_dropped(DROP_NEIGH_QUEUE), 1);
	assert_int_equal(fx.n_sent, 1);
	/* Its queue is far from full, but all are together. */
	send("10.1.0.7", 2);
	assert_int_equal(fx_dropped(DROP_NEIGH_QUEUE), 2);
	assert_int_equal(neigh_held(wide), HELD);
	fx_forget();
	answer(FX_ACCESS, "10.1.0.7", 7);
	assert_int_equal(fx.n_sent, 1);
	assert_int_equal(fx_sent(0)[14 + 20], 2);
	/* What went makes room. */
	send("10.1.0.9", 2);
	assert_int_equal(neigh_held(wide), HELD);
	assert_int_equal(fx_dropped(DROP_NEIGH_QUEUE), 2);
	fx_forget();
	neigh_free(&fx.w, wide);
	assert_int_equal(fx_dropped(DROP_NEIGH_FAILED), HELD);
	assert_int_equal(rte_mempool_avail_count(pool), MBUFS);
	rte_mempool_free(pool);
	fx.w.pool = small;
	fx.w.net->neigh = narrow;
}

static void resolve_all(const char *prefix, uint32_t n)
{
	char ip[32];
	uint32_t i;

	for (i = 0; i < n; i++) {
		snprintf(ip, sizeof(ip), "%s%u", prefix, 10 + i);
		send(ip, 1);
		answer(FX_ACCESS, ip, (uint8_t)i);
		fx_forget();
	}
}

static bool known(const char *ip)
{
	struct ip_addr a = fx_ip(ip);

	return neigh_lookup(fx.w.net->neigh, FX_ACCESS, &a) != NULL;
}

/* When the table is full of what never answered, an asker's goes after all that strangers wanted.
 */
static void test_askers_stay(void **state)
{
	struct neigh *n = find("10.1.0.9");

	(void)state;
	assert_non_null(n);
	neigh_wanted(n, be16_make(49152));
	neigh_send(&fx.w, n, packet(1));
	for (uint32_t i = 0; i < 10; i++) {
		fx.w.now_ms++;
		scan_asks(i * FX_NEIGHBOURS, FX_NEIGHBOURS);
		assert_true(known("10.1.0.9"));
	}
}

/* What another asker wants goes before it, while that one wants more: however slow the answer is.
 */
static void test_a_scanning_asker_pays(void **state)
{
	struct neigh *n = find("10.1.0.9");

	(void)state;
	assert_non_null(n);
	neigh_wanted(n, be16_make(49152));
	neigh_send(&fx.w, n, packet(1));
	ghosts_sent = 0;
	for (uint32_t i = 0; i < 10; i++) {
		fx.w.now_ms++;
		ghosts(FX_NEIGHBOURS, 50000);
		fx_forget();
		assert_true(known("10.1.0.9"));
	}
	assert_int_equal(neigh_count(fx.w.net->neigh), FX_NEIGHBOURS);
}

/* Newcomers that answer take the place of all that is stale but of none that is in use. */
static void test_stale_in_use_stays(void **state)
{
	struct ip_addr dst = fx_ip("fd00:1::99");
	uint32_t cache = NH_NONE;
	enum drop why;

	(void)state;
	resolve_all("10.1.0.", FX_NEIGHBOURS);
	fx_pass(NEIGH_REACHABLE_MS + 2 * NEIGH_RETRY_MS);
	assert_int_equal(find("10.1.0.10")->state, NEIGH_STALE);
	assert_int_equal(find("10.1.0.25")->state, NEIGH_STALE);
	send("10.1.0.10", 1);
	send("10.1.0.25", 1);
	fx_forget();
	assert_int_equal(find("10.1.0.25")->state, NEIGH_STALE);
	resolve_all("fd00:1::", FX_NEIGHBOURS - 2);
	assert_null(neigh_find(&fx.w, NULL, &dst, &cache, &why));
	assert_int_equal(why, DROP_NEIGH_FULL);
	assert_true(known("10.1.0.10"));
	assert_true(known("10.1.0.25"));
	assert_false(known("10.1.0.11"));
}

/* Of those that can go, one that never answered goes first, the oldest of them before others. */
static void test_silent_go_first(void **state)
{
	(void)state;
	resolve_all("10.1.0.", FX_NEIGHBOURS - 2);
	fx_pass(NEIGH_REACHABLE_MS + 2 * NEIGH_RETRY_MS);
	send("10.1.0.201", 1);
	fx.w.now_ms += 1;
	send("10.1.0.202", 1);
	fx.w.now_ms += 1;
	resolve_all("fd00:1::", 1);
	assert_false(known("10.1.0.201"));
	assert_true(known("10.1.0.202"));
	assert_int_equal(fx_dropped(DROP_NEIGH_FULL), 1);
	resolve_all("fd00:1::1:", 1);
	assert_false(known("10.1.0.202"));
	assert_int_equal(fx_dropped(DROP_NEIGH_FULL), 2);
	assert_true(known("10.1.0.10"));
	assert_true(known("10.1.0.39"));
	/* Nobody silent is left: one out of use goes. */
	resolve_all("fd00:1::2:", 1);
	assert_int_equal(neigh_count(fx.w.net->neigh), FX_NEIGHBOURS);
	assert_true(known("fd00:1::10"));
	assert_true(known("fd00:1::1:10"));
}

/* Live neighbours are not pushed out, stale ones out of use are. */
static void test_full(void **state)
{
	struct ip_addr dst = fx_ip("10.1.0.100");
	uint32_t cache = NH_NONE, i;
	char ip[32];
	enum drop why;

	(void)state;
	for (i = 0; i < FX_NEIGHBOURS; i++) {
		snprintf(ip, sizeof(ip), "10.1.0.%u", 10 + i);
		fx_neighbour(FX_ACCESS, ip, (uint8_t)i);
	}
	assert_null(neigh_find(&fx.w, NULL, &dst, &cache, &why));
	assert_int_equal(why, DROP_NEIGH_FULL);
	assert_int_equal(cache, NH_NONE);
	fx_pass(NEIGH_REACHABLE_MS + 2 * NEIGH_RETRY_MS);
	assert_non_null(neigh_find(&fx.w, NULL, &dst, &cache, &why));
	assert_int_equal(neigh_count(fx.w.net->neigh), FX_NEIGHBOURS);
}

/* Claims nobody asked for make entries that may go again at once. */
static void test_claims_do_not_fill(void **state)
{
	struct rte_ether_addr mac = fx_mac(66);
	char ip[32];
	uint32_t i;

	(void)state;
	for (i = 2; i < 250; i++) {
		struct ip_addr a;

		snprintf(ip, sizeof(ip), "10.1.0.%u", i);
		a = fx_ip(ip);
		neigh_learn(&fx.w, FX_ACCESS, &a, &mac, false, true);
	}
	assert_int_equal(neigh_count(fx.w.net->neigh), FX_NEIGHBOURS);
	send("fd00:1::7", 1);
	answer(FX_ACCESS, "fd00:1::7", 7);
	assert_int_equal(find("fd00:1::7")->state, NEIGH_REACHABLE);
}

/* Nor have they what a session waits for forgotten. */
static void test_claims_take_nothing_asked_for(void **state)
{
	struct rte_ether_addr mac = fx_mac(66);
	struct neigh *n = find("fd00:1::7");
	char ip[32];
	uint32_t i;

	(void)state;
	assert_non_null(n);
	neigh_wanted(n, be16_make(49152));
	neigh_send(&fx.w, n, packet(1));
	for (i = 2; i < 250; i++) {
		struct ip_addr a;

		fx.w.now_ms++;
		snprintf(ip, sizeof(ip), "10.1.0.%u", i);
		a = fx_ip(ip);
		neigh_learn(&fx.w, FX_ACCESS, &a, &mac, false, true);
		assert_true(known("fd00:1::7"));
	}
	assert_int_equal(neigh_count(fx.w.net->neigh), FX_NEIGHBOURS);
}

static void test_bad_mac(void **state)
{
	static const struct rte_ether_addr bad[] = { { { 0 } }, { { 1, 0, 0x5e, 0, 0, 1 } } };
	struct ip_addr a = fx_ip("10.1.0.7");
	uint32_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(bad); i++)
		assert_false(neigh_learn(&fx.w, FX_ACCESS, &a, &bad[i], true, true));
	assert_int_equal(neigh_count(fx.w.net->neigh), 0);
}

static void test_cache(void **state)
{
	struct ip_addr relay = fx_ip("10.2.0.1"), own = fx_ip("10.1.0.1"), far = fx_ip("192.0.2.1");
	struct ip_addr near = fx_ip("10.1.0.7");
	struct neigh *entries = neigh_entries(fx.w.net->neigh), *n;
	uint32_t cache = NH_NONE, old;
	enum drop why;

	(void)state;
	assert_null(neigh_cached(entries, NH_NONE));
	assert_null(neigh_find(&fx.w, NULL, &relay, &cache, &why));
	assert_int_equal(why, DROP_IP_DST);
	assert_int_equal(cache, NH_LOOP);
	assert_null(neigh_find(&fx.w, NULL, &relay, &cache, &why));
	cache = NH_NONE;
	assert_null(neigh_find(&fx.w, NULL, &own, &cache, &why));
	assert_int_equal(cache, NH_NONE);
	n = neigh_find(&fx.w, NULL, &far, &cache, &why);
	assert_non_null(n);
	assert_true(ip_eq(&n->ip, &fx.conf.port[FX_ACCESS].route[0].via));
	assert_ptr_equal(neigh_cached(entries, cache), n);
	/* One that fails is kept and asked on, but whoever cached it looks for another way. */
	old = cache;
	neigh_send(&fx.w, n, packet(1));
	fx_pass(20 * NEIGH_RETRY_MS);
	assert_int_equal(neigh_count(fx.w.net->neigh), 1);
	assert_true(neigh_has_failed(fx.w.net->neigh, FX_ACCESS, &n->ip));
	assert_null(neigh_cached(entries, old));
	/* Once an entry is given back the name of it leads nowhere. */
	cache = NH_NONE;
	n = neigh_find(&fx.w, NULL, &near, &cache, &why);
	old = cache;
	neigh_send(&fx.w, n, packet(1));
	fx_pass(20 * NEIGH_RETRY_MS);
	assert_int_equal(neigh_count(fx.w.net->neigh), 1);
	assert_null(neigh_cached(entries, old));
	assert_non_null(neigh_find(&fx.w, NULL, &near, &cache, &why));
	assert_int_not_equal(cache, old);
}

/* What is no neighbour is none whatever stands in memory, in the table or behind it. */
static void test_cache_of_none(void **state)
{
	struct neigh *any = aligned_alloc(64, sizeof(*any) << 16),
		     *own = neigh_entries(fx.w.net->neigh);
	static const uint32_t none[] = { NH_NONE, NH_LOOP };
	uint32_t i, index;

	(void)state;
	assert_non_null(any);
	/* Filled with a stranger's bytes but for what is our own table. */
	memset(any, 0xff, sizeof(*any) << 16);
	memcpy(any, own, FX_NEIGHBOURS * sizeof(*any));
	for (i = 0; i < RTE_DIM(none); i++) {
		index = none[i] & 0xffff;
		assert_in_range(index, 0, FX_NEIGHBOURS - 1);
		assert_null(neigh_cached(any, none[i]));
	}
	free(any);
}

/* A generation comes round without ever being that of what is no neighbour. */
static void test_generations(void **state)
{
	uint32_t i, cache = NH_NONE;

	(void)state;
	for (i = 0; i < 0x10010; i++) {
		struct ip_addr a = fx_ip("10.1.0.9");
		struct neigh *n = neigh_at(&fx.w, FX_ACCESS, &a);
		enum drop why;

		assert_non_null(n);
		assert_in_range(n->gen, 1, 0xfffe);
		cache = NH_NONE;
		assert_ptr_equal(neigh_find(&fx.w, NULL, &a, &cache, &why), n);
		assert_int_not_equal(cache, NH_LOOP);
		/* It never answers, nobody wants it: forgotten. */
		n->state = NEIGH_FAILED;
		n->used = false;
		fx.w.now_ms += NEIGH_FAILED_MS;
		while (neigh_count(fx.w.net->neigh))
			neigh_tick(&fx.w);
	}
}

static void test_route(void **state)
{
	static const struct {
		const char *dst, *via; /* NULL: no route */
		uint16_t port;
	} t[] = {
		{ "10.1.0.7", "10.1.0.7", FX_ACCESS },
		{ "10.2.0.7", "10.2.0.7", FX_CORE },
		{ "10.9.1.1", "10.1.0.253", FX_ACCESS },
		{ "192.0.2.1", "10.1.0.254", FX_ACCESS },
		{ "fd00:2::7", "fd00:2::7", FX_CORE },
		{ "2001:db8::1", "fd00:1::fe", FX_ACCESS },
		{ "10.1.0.255", NULL, 0 },
		{ "10.1.0.0", NULL, 0 },
		{ "255.255.255.255", NULL, 0 },
		{ "224.0.0.1", NULL, 0 },
		{ "127.0.0.1", NULL, 0 },
		{ "0.0.0.0", NULL, 0 },
		{ "fe80::1", NULL, 0 },
		{ "ff02::1", NULL, 0 },
		{ "::", NULL, 0 },
		{ "::1", NULL, 0 },
	};
	struct ip_addr dst, via, want;
	uint16_t port;
	uint32_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(t); i++) {
		dst = fx_ip(t[i].dst);
		if (!t[i].via) {
			assert_false(ip_route(&fx.dp, NULL, NULL, &dst, &port, &via));
			continue;
		}
		want = fx_ip(t[i].via);
		assert_true(ip_route(&fx.dp, NULL, NULL, &dst, &port, &via));
		assert_int_equal(port, t[i].port);
		assert_true(ip_eq(&via, &want));
	}
}

/* Told in parts: each once, its MAC while it has one, gateways alone where only these are wanted.
 */
static void test_list(void **state)
{
	struct ctl_neighbour n[CTL_NEIGHBOURS];
	struct rte_ether_addr mac = fx_mac(7);
	uint32_t from = 0, got = 0, parts = 0;
	char ip[32];

	(void)state;
	for (int i = 0; i < 20; i++) {
		snprintf(ip, sizeof(ip), "10.1.0.%d", 20 + i);
		send(ip, 1);
	}
	answer(FX_ACCESS, "10.1.0.20", 7);
	fx.w.now_ms += 250;
	for (; from != CTL_NEIGHBOURS_END; parts++) {
		const uint32_t k = neigh_list(&fx.w, &from, 7, false, n + got);

		assert_true(k <= 7);
		got += k;
	}
	assert_int_equal(got, 20);
	assert_true(parts >= 3);
	for (uint32_t i = 0; i < got; i++) {
		snprintf(ip, sizeof(ip), "10.1.0.%u", 20 + i);
		assert_true(ip_eq(&n[i].ip, &(struct ip_addr[]){ fx_ip(ip) }[0]));
		assert_int_equal(n[i].state, i ? NEIGH_INCOMPLETE : NEIGH_REACHABLE);
		assert_int_equal(n[i].port, FX_ACCESS);
		assert_int_equal(n[i].age_ms, 250);
		assert_int_equal(n[i].waiting, i != 0);
		assert_memory_equal(n[i].mac, i ? (const uint8_t[6]){ 0 } : mac.addr_bytes, 6);
	}
	find("10.1.0.30")->gateway = true;
	from = 0;
	assert_int_equal(neigh_list(&fx.w, &from, CTL_NEIGHBOURS, true, n), 1);
	assert_true(n[0].gateway && ip_eq(&n[0].ip, &(struct ip_addr[]){ fx_ip("10.1.0.30") }[0]));
	from = UINT32_MAX - 1; /* of no table */
	assert_int_equal(neigh_list(&fx.w, &from, CTL_NEIGHBOURS, false, n), 0);
	assert_int_equal(from, CTL_NEIGHBOURS_END);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fx_setup, fx_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_resolve),
		TEST(test_vlan),
		TEST(test_queue_bound),
		TEST(test_unreachable),
		TEST(test_unreachable6),
		TEST(test_recovery),
		TEST(test_stale),
		TEST(test_stale_silent),
		TEST(test_stale_unused),
		TEST(test_scan),
		TEST(test_asks_bound),
		TEST(test_askers_have_their_own),
		TEST(test_asker_is_bounded),
		TEST(test_askers_stay),
		TEST(test_a_scanning_asker_pays),
		TEST(test_full),
		TEST(test_claims_take_nothing_asked_for),
		TEST(test_claims_do_not_fill),
		TEST(test_held_bound),
		TEST(test_stale_in_use_stays),
		TEST(test_silent_go_first),
		TEST(test_bad_mac),
		TEST(test_cache),
		TEST(test_cache_of_none),
		TEST(test_generations),
		TEST(test_list),
		TEST(test_route),
	};

	return cmocka_run_group_tests(tests, fx_eal, NULL);
}

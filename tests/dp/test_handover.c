/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two workers and ports that know nothing of flows: whatever a port hands to whichever worker, the
 * session's worker relays it, once, and both workers' books balance. Also relayed address to
 * relayed address across workers, devices with fewer queues than workers, and full rings.
 */
#include "tests/world/unit.h"
#include "tests/world/control.h"

#include "lib/chandata.h"
#include "dp/handover.h"
#include "dp/tx.h"
#include "dp/net/net.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

enum { CLIENTS = 16, CHANNEL = 0x4001, FIRST = RELAY_MIN };

static struct sock_addr listener, peer, client[CLIENTS], relayed[CLIENTS];
static uint16_t owner[CLIENTS];
static struct frame f;
static uint8_t msg[256];

/* Clients of both workers; each session stands on the worker its client hashes to. */
static int setup(void **state)
{
	uint16_t i;

	(void)state;
	world_config();
	world.conf.dataplane.n_workers = 2;
	world.conf.dataplane.peers = 256;
	world_start();
	listener = at("10.1.0.1", 3478);
	peer = at("10.2.0.2", 4000);
	for (i = 0; i < CLIENTS; i++) {
		uint16_t port;

		client[i] = at("10.1.0.2", (uint16_t)(5000 + i));
		owner[i] = dplane_client_worker(&world.dp, &client[i].ip, client[i].port);
		port = (uint16_t)(FIRST + 4 * i + 2 * owner[i]);
		relayed[i] = at("10.2.0.1", port);
		assert_true(session_add(owner[i], i, 1, &client[i], 0, port, 0, 0));
		assert_true(chan_add(owner[i], i, &peer, CHANNEL, WORLD_START_S + 300));
	}
	world_mark();
	return 0;
}

static size_t foreign(uint16_t worker)
{
	size_t n = 0;
	uint16_t i;

	for (i = 0; i < CLIENTS; i++)
		n += owner[i] != worker;
	return n;
}

static void either_queue_will_do(void **state)
{
	uint16_t worker, i;
	struct udp_view v;
	size_t n;

	(void)state;
	for (worker = 0; worker < 2; worker++) {
		world_mark();
		for (i = 0; i < CLIENTS; i++) {
			n = chandata(msg, CHANNEL, "to the peer", 11);
			frame_udp(&f, ACCESS, &client[i], &listener, msg, n, NULL);
			world_in(ACCESS, worker, &f);
			world_run();
			expect_udp_is(CORE, &relayed[i], &peer, "to the peer", 11, &v);
			assert_int_equal(v.ttl, 63);
			frame_udp(&f, CORE, &peer, &relayed[i], msg + 4, 11, NULL);
			world_in(CORE, worker, &f);
			world_run();
			expect_udp_is(ACCESS, &listener, &client[i], msg, 15, &v);
			world_no_out();
		}
		assert_int_equal(world_count(worker, CNT_HANDOVER_OUT), 2 * foreign(worker));
		assert_int_equal(world_count(!worker, CNT_HANDOVER_IN), 2 * foreign(worker));
		assert_int_equal(world_count(!worker, CNT_HANDOVER_OUT), 0);
		assert_int_equal(
		    world_count(0, CNT_RELAY_TO_PEER) + world_count(1, CNT_RELAY_TO_PEER), CLIENTS);
		world_drops(DROP_NONE, 0);
	}
}

/* Requests are punted by the worker that will own the session, and only by it. */
static void punts_come_from_the_owner(void **state)
{
	static const uint8_t tid[STUN_TID_LEN] = "abcdefghijk";
	struct stun_builder b;
	uint16_t i, worker;
	size_t n;

	(void)state;
	for (i = 0; i < CLIENTS; i++) {
		for (worker = 0; worker < 2; worker++) {
			const struct evt_punt *e;

			stun_begin(&b, msg, sizeof(msg), stun_type(STUN_REFRESH, STUN_REQUEST),
				   tid);
			n = stun_end(&b);
			frame_udp(&f, ACCESS, &client[i], &listener, msg, n, NULL);
			world_in(ACCESS, worker, &f);
			world_run();
			e = world_evt(owner[i]);
			assert_non_null(e);
			assert_memory_equal(&e->leg.client, &client[i], sizeof(client[i]));
			assert_null(world_evt(0));
			assert_null(world_evt(1));
		}
	}
}

static void icmp_errors_find_the_owner(void **state)
{
	uint16_t i, worker;

	(void)state;
	for (i = 0; i < CLIENTS; i++) {
		for (worker = 0; worker < 2; worker++) {
			uint8_t icmp[8 + 28 + 4] = { 3, 3 };
			struct udp_view v;
			struct stun_msg m;

			frame_udp(&f, CORE, &relayed[i], &peer, "abcd", 4, NULL);
			memcpy(icmp + 8, f.b + 14, 32);
			frame_ip(&f, CORE, &peer.ip, &relayed[i].ip, 1, icmp, sizeof(icmp), NULL);
			frame_icmp_csum(&f);
			world_in(CORE, worker, &f);
			world_run();
			expect_udp(ACCESS, &v);
			assert_memory_equal(&v.dst, &client[i], sizeof(v.dst));
			assert_int_equal(stun_parse(&m, v.payload, v.len), STUN_OK);
			assert_non_null(m.icmp.val);
			world_no_out();
		}
	}
	world_drops(DROP_NONE, 0);
}

static void relay_to_relay_across_workers(void **state)
{
	uint16_t i, k, crossed = 0;

	(void)state;
	for (i = 0; i < CLIENTS; i++)
		for (k = 0; k < CLIENTS; k++)
			if (i != k && i / 4 == k / 4)
				assert_true(chan_add(owner[i], i, &relayed[k],
						     (uint16_t)(0x4100 + k), WORLD_START_S + 300));
	for (i = 0; i < CLIENTS; i++) {
		for (k = 0; k < CLIENTS; k++) {
			struct udp_view v;
			size_t n;

			if (i == k || i / 4 != k / 4)
				continue;
			n = chandata(msg, (uint16_t)(0x4100 + k), "across", 6);
			frame_udp(&f, ACCESS, &client[i], &listener, msg, n, NULL);
			world_in(ACCESS, owner[i], &f);
			world_run();
			n = chandata(msg, (uint16_t)(0x4100 + i), "across", 6);
			expect_udp_is(ACCESS, &listener, &client[k], msg, n, &v);
			assert_int_equal(v.ttl, 62);
			world_no_out();
			crossed = (uint16_t)(crossed + (owner[i] != owner[k]));
		}
	}
	assert_int_equal(world_count(0, CNT_HANDOVER_OUT) + world_count(1, CNT_HANDOVER_OUT),
			 crossed);
	world_drops(DROP_NONE, 0);
}

/* A device with one queue: worker 0 receives and sends for both. */
static void fewer_queues_than_workers(void **state)
{
	struct udp_view v;
	uint16_t i, p;
	size_t n;

	(void)state;
	for (p = 0; p < WORLD_PORTS; p++)
		world.dp.port[p].rx_queues = world.dp.port[p].tx_queues = 1;
	world_neighbours(); /* an entry knows whether its worker has a queue */
	for (i = 0; i < CLIENTS; i++) {
		n = chandata(msg, CHANNEL, "x", 1);
		frame_udp(&f, ACCESS, &client[i], &listener, msg, n, NULL);
		world_feed(ACCESS, &f);
		expect_udp_is(CORE, &relayed[i], &peer, "x", 1, &v);
		world_no_out();
	}
	assert_int_equal(world_count(1, CNT_TX), 0);
	assert_int_equal(world_count(1, CNT_HANDOVER_OUT), foreign(0));
	world_drops(DROP_NONE, 0);
}

/* Worker 1 does not turn: its ring fills, and what does not fit is dropped and counted. */
static void full_ring(void **state)
{
	uint16_t i, n = 0, victim = 0;
	size_t len;

	(void)state;
	for (i = 0; i < CLIENTS; i++)
		victim = owner[i] == 1 ? i : victim;
	assert_int_equal(owner[victim], 1);
	len = chandata(msg, CHANNEL, "x", 1);
	frame_udp(&f, ACCESS, &client[victim], &listener, msg, len, NULL);
	for (i = 0; i < 100; i++) {
		world_in(ACCESS, 0, &f);
		worker_turn(world.w);
	}
	assert_int_equal(world_count(0, CNT_HANDOVER_OUT), 63); /* of a ring of 64 */
	world_drops(DROP_HANDOVER_FULL, 37);
	world_run();
	while (world_out(CORE))
		n++;
	assert_int_equal(n, 63);
}

/* Each worker learns what the other heard. */
static void neighbours_are_told(void **state)
{
	static const uint8_t arp[28] = { 0,  1, 8, 0,  6, 4, 0, 1, 2, 0, 0,  0, 0, 9,
					 10, 2, 0, 50, 0, 0, 0, 0, 0, 0, 10, 2, 0, 1 };
	uint32_t before[2] = { neigh_count(world.dp.worker[0]->net->neigh),
			       neigh_count(world.dp.worker[1]->net->neigh) };

	(void)state;
	frame_ip(&f, CORE, &peer.ip, &relayed[0].ip, 0, NULL, 0, NULL);
	memset(f.b, 0xff, 6);
	f.b[13] = 6;
	memcpy(f.b + 14, arp, sizeof(arp));
	f.len = 14 + sizeof(arp);
	world_in(CORE, 1, &f);
	world_run();
	assert_int_equal(neigh_count(world.dp.worker[0]->net->neigh), before[0] + 1);
	assert_int_equal(neigh_count(world.dp.worker[1]->net->neigh), before[1] + 1);
	assert_non_null(world_out(CORE)); /* one answer, not two */
	world_no_out();
}

/* RFC 6864 4.1: packets from one address that may be cut have each their own identification. */
static void identifications_differ(void **state)
{
	const struct frame_opt o = { .ttl = 64, .csum = CSUM_GOOD };
	uint16_t seen[4 * CLIENTS], n_seen = 0, i, k;

	(void)state;
	for (i = 0; i < 4 * CLIENTS; i++) {
		const struct frame *out;
		size_t n = chandata(msg, CHANNEL, "x", 1);

		frame_udp(&f, ACCESS, &client[i % CLIENTS], &listener, msg, n, &o);
		world_in(ACCESS, 0, &f);
		world_run();
		out = world_out(CORE);
		assert_non_null(out);
		assert_int_equal(out->b[20] & 0x40, 0); /* no DF */
		for (k = 0; k < n_seen; k++)
			assert_int_not_equal(seen[k], out->b[18] << 8 | out->b[19]);
		seen[n_seen++] = (uint16_t)(out->b[18] << 8 | out->b[19]);
	}
}

/*
 * What the short way hands over does not overtake what came before it from the same client and goes
 * the general way.
 */
static void order_is_kept(void **state)
{
	static const char *const said[] = { "first", "second", "third" };
	struct udp_view v;
	uint16_t i, k;
	size_t n;

	(void)state;
	for (i = 0; i < CLIENTS; i++) {
		for (k = 0; k < RTE_DIM(said); k++) {
			n = k == 1 ? send_ind(msg, sizeof(msg), &peer, said[k], strlen(said[k]),
					      false, false)
				   : chandata(msg, CHANNEL, said[k], strlen(said[k]));
			frame_udp(&f, ACCESS, &client[i], &listener, msg, n, NULL);
			world_in(ACCESS, !owner[i], &f);
		}
		world_run();
		for (k = 0; k < RTE_DIM(said); k++)
			expect_udp_is(CORE, &relayed[i], &peer, said[k], strlen(said[k]), &v);
		world_no_out();
	}
	assert_int_equal(world_count(0, CNT_HANDOVER_OUT), RTE_DIM(said) * foreign(0));
	world_drops(DROP_NONE, 0);
}

/* ---- two threads ---- */

enum { HANDED = 2000, PATIENCE_S = 30 };

static _Atomic bool done;

static void *taker(void *arg)
{
	while (!atomic_load(&done))
		if (!handover_input(arg))
			sched_yield();
	return NULL;
}

static uint64_t taken(const struct worker *w)
{
	return atomic_load(&w->counters->cnt[CNT_HANDOVER_IN]);
}

static bool is_taken(const struct worker *w, uint64_t n)
{
	const time_t end = time(NULL) + PATIENCE_S;

	while (taken(w) < n && time(NULL) < end)
		sched_yield();
	return taken(w) == n;
}

/* One at a time, for a taker that has just found nothing, or is about to look: none is missed. */
static void each_bell_is_heard(void **state)
{
	struct worker *to = world.dp.worker[1];
	const uint64_t before = taken(to);
	bool heard = true;
	pthread_t thread;
	uint32_t i;

	(void)state;
	atomic_store(&done, false);
	assert_int_equal(pthread_create(&thread, NULL, taker, to), 0);
	for (i = 1; i <= HANDED && heard; i++) {
		handover(world.w, 1, pkt_make(world.w), HANDOVER_COPY, CORE);
		tx_flush(world.w);
		heard = is_taken(to, before + i);
	}
	atomic_store(&done, true);
	pthread_join(thread, NULL);
	assert_true(heard);
}

/* Worker 1 turns too rarely: what its turn leaves in the ring is taken by the next, unasked. */
static void what_is_left_is_taken(void **state)
{
	enum { MORE = BURST + 8 };
	struct worker *to = world.dp.worker[1];
	uint16_t i;

	(void)state;
	for (i = 0; i < MORE; i++)
		handover(world.w, 1, pkt_make(world.w), HANDOVER_COPY, CORE);
	tx_flush(world.w);
	assert_int_equal(handover_input(to), BURST);
	assert_int_equal(handover_input(to), MORE - BURST);
	assert_int_equal(handover_input(to), 0);
	assert_int_equal(world_count(1, CNT_HANDOVER_IN), MORE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(either_queue_will_do),
		T(punts_come_from_the_owner),
		T(icmp_errors_find_the_owner),
		T(relay_to_relay_across_workers),
		T(fewer_queues_than_workers),
		T(full_ring),
		T(neighbours_are_told),
		T(identifications_differ),
		T(what_is_left_is_taken),
		T(each_bell_is_heard),
		T(order_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is granted exists: a whole control process and a worker, joined by their rings. Clients bind
 * and permit at random, time passes, either process is restarted. A permission that was answered
 * with success is one in the worker, whose pool is small; the worker never refuses what it is told
 * to install; and whoever needs no record of the pool, or finds one free, gets what he asks for.
 */
#include "tests/world/unit.h"
#include "tests/world/worker.h"
#include "cp/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { CLIENTS = 8, PEERS = 6, ANSWERS_MAX = 8, PERM_S = 300, CHAN_S = 600 };

static struct server s;
static uint64_t now_ms;
static char dir[64];
static uint64_t seed;

/* What clients were told, by client and peer: until when. */
static uint32_t granted[CLIENTS][PEERS];
static uint16_t number[CLIENTS]; /* channels bound so far */

static uint32_t draw(uint32_t n)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(seed >> 33) % n;
}

static uint32_t now_s(void)
{
	return (uint32_t)(now_ms / 1000);
}

static struct sock_addr client_at(uint32_t i)
{
	return at("10.1.0.2", (uint16_t)(5000 + i));
}

static struct sock_addr peer_at(uint32_t i, uint16_t port)
{
	char ip[16];

	snprintf(ip, sizeof(ip), "10.2.0.%u", 100 + i);
	return at(ip, port);
}

/* ---- the two processes ---- */

static void clock_set(void)
{
	world_clock_ms(now_ms);
	world_neighbours(); /* nobody is asked for */
	server_clock(&s, now_ms, now_ms);
}

static void settle(void)
{
	for (int i = 0; i < 20; i++) {
		world_run();
		server_poll(&s);
	}
	assert_false(dplink_replaying(s.link));
	world_run();
}

static void attach(void)
{
	char err[256];

	if (!server_attach(&s, dup(world.region_fd), world.dp.region_size,
			   eventfd(0, EFD_CLOEXEC), err, sizeof(err)))
		fail_msg("%s", err);
	settle();
}

static void server_begin(void)
{
	char err[256];

	if (!server_open(&s, &world.conf, NULL, now_ms, now_ms, err, sizeof(err)))
		fail_msg("%s", err);
	ports_resume(s.ports, now_s());
	attach();
}

static void config(void)
{
	struct config *c = &world.conf;

	world_config();
	c->dataplane.peers = 8;
	c->dataplane.ring_slots = 64;
	c->turn.allocations_max = 16;
	c->turn.lifetime_default = 600;
	c->turn.lifetime_max = 3600;
	c->turn.permission_lifetime = PERM_S;
	c->turn.channel_lifetime = CHAN_S;
	c->turn.reservation_lifetime = 30;
	c->turn.permissions_per_allocation = PEERS;
	c->turn.channels_per_allocation = 32;
	assert_true(ip_prefix_parse("10.2.0.0/24", &c->peers.allow[c->peers.n_allow++]));
	snprintf(dir, sizeof(dir), "/tmp/fairlead-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(c->control.state, sizeof(c->control.state), "%s/state", dir);
}

static void start(void)
{
	world_start();
	now_ms = WORLD_START_S * 1000ull;
	memset(granted, 0, sizeof(granted));
	memset(number, 0, sizeof(number));
	clock_set();
	server_begin();
	clock_set();
}

static int setup(void **state)
{
	(void)state;
	seed = 1;
	config();
	return 0;
}

static int teardown(void **state)
{
	char path[80];

	(void)state;
	server_close(&s);
	world_stop();
	snprintf(path, sizeof(path), "%s/state", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/state.ports", dir);
	unlink(path);
	rmdir(dir);
	return 0;
}

/* Another dataplane than before: it has nothing. */
static void dataplane_restart(void)
{
	dplink_detach(s.link);
	world_forget();
	world_stop();
	world_start();
	clock_set();
	attach();
}

/* ---- requests ---- */

struct ask {
	struct stun_builder b;
	uint8_t buf[512];
	uint32_t client;
};

static void ask_begin(struct ask *a, enum stun_method method, uint32_t client, const char *user)
{
	static uint32_t serial;
	uint8_t tid[STUN_TID_LEN] = { 0 };

	serial++;
	memcpy(tid, &serial, sizeof(serial));
	a->client = client;
	stun_begin(&a->b, a->buf, sizeof(a->buf), stun_type(method, STUN_REQUEST), tid);
	stun_put(&a->b, STUN_ATTR_USERNAME, user, strlen(user));
}

static void ask_peer(struct ask *a, uint32_t peer, uint16_t port)
{
	struct sock_addr p = peer_at(peer, port);

	stun_put_xor_addr(&a->b, STUN_ATTR_XOR_PEER_ADDRESS, &p);
}

static void ask_channel(struct ask *a, uint16_t n)
{
	const uint8_t v[4] = { (uint8_t)(n >> 8), (uint8_t)n };

	stun_put(&a->b, STUN_ATTR_CHANNEL_NUMBER, v, sizeof(v));
}

/* On its way to the control process, which does not run yet. */
static void ask_put(struct ask *a)
{
	const struct sock_addr from = client_at(a->client), to = at("10.1.0.1", 3478);
	static struct frame f;

	frame_udp(&f, ACCESS, &from, &to, a->buf, stun_end(&a->b), NULL);
	world_in(ACCESS, 0, &f);
	world_run();
}

/* Answers to n requests, of as many clients; the code of each client's. */
static void answers(uint32_t n, int code[CLIENTS])
{
	struct udp_view v;
	struct stun_msg m;

	settle();
	while (n--) {
		expect_udp(ACCESS, &v);
		assert_int_equal(stun_parse(&m, v.payload, v.len), STUN_OK);
		assert_in_range(be16_get(v.dst.port), 5000, 5000 + CLIENTS - 1);
		code[be16_get(v.dst.port) - 5000] =
		    m.cls == STUN_SUCCESS ? 0 : stun_get_error(&m.error_code);
	}
	world_no_out();
	world_forget();
}

static int ask_code(struct ask *a)
{
	int code[CLIENTS];

	ask_put(a);
	answers(1, code);
	return code[a->client];
}

static int allocate(uint32_t client, const char *user)
{
	static const uint8_t udp[4] = { 17 };
	struct ask a;

	ask_begin(&a, STUN_ALLOCATE, client, user);
	stun_put(&a.b, STUN_ATTR_REQUESTED_TRANSPORT, udp, sizeof(udp));
	return ask_code(&a);
}

static int permit(uint32_t client, const char *user, uint32_t peer)
{
	struct ask a;

	ask_begin(&a, STUN_CREATE_PERMISSION, client, user);
	ask_peer(&a, peer, 0);
	return ask_code(&a);
}

static int bind_to(uint32_t client, const char *user, uint16_t n, uint32_t peer, uint16_t port)
{
	struct ask a;

	ask_begin(&a, STUN_CHANNEL_BIND, client, user);
	ask_channel(&a, n);
	ask_peer(&a, peer, port);
	return ask_code(&a);
}

static const struct table_alloc *alloc_of(uint32_t client)
{
	const struct ctl_leg leg = { .client = client_at(client) };

	return table_find(s.table, &leg);
}

static uint64_t pool_used(void)
{
	return atomic_load(&world.w->counters->cnt[CNT_PEERS]);
}

/* ---- the promise ---- */

static void all_granted_exists(void)
{
	assert_int_equal(s.stats.peers_refused, 0);
	for (uint32_t c = 0; c < CLIENTS; c++) {
		const struct table_alloc *a = alloc_of(c);

		for (uint32_t p = 0; a && p < PEERS; p++) {
			const struct sock_addr peer = peer_at(p, 0);

			if (granted[c][p] > now_s() + 1 &&
			    !session_permission(world.w, a->sid.slot, &peer.ip))
				fail_msg("client %u was told that it may send to peer %u", c, p);
		}
	}
}

/* What a client may ask next. Fills peers with what a success would grant. */
static void ask_any(struct ask *a, uint32_t client, bool peers[PEERS])
{
	memset(peers, 0, PEERS * sizeof(*peers));
	if (draw(20) == 0) {
		ask_begin(a, STUN_REFRESH, client, "alice");
		stun_put_u32(&a->b, STUN_ATTR_LIFETIME, draw(3) ? 600 : 0);
		return;
	}
	if (draw(2)) {
		ask_begin(a, STUN_CREATE_PERMISSION, client, "alice");
		for (uint32_t n = 1 + draw(3); n; n--) {
			uint32_t p = draw(PEERS);

			ask_peer(a, p, 0);
			peers[p] = true;
		}
	} else {
		uint16_t n = (uint16_t)(draw(3) ? draw(6) : number[client]++ % 32);
		uint32_t p = n % PEERS; /* each number has a peer and port of its own */

		ask_begin(a, STUN_CHANNEL_BIND, client, "alice");
		ask_channel(a, (uint16_t)(0x4000 + n));
		ask_peer(a, p, (uint16_t)(2000 + n));
		peers[p] = true;
	}
}

/* Some clients ask at once, before the control process looks. */
static void round_of_requests(void)
{
	bool peers[CLIENTS][PEERS];
	uint32_t n = 1 + draw(3), first = draw(CLIENTS);
	int code[CLIENTS];
	struct ask a;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t c = (first + i) % CLIENTS;

		ask_any(&a, c, peers[c]);
		ask_put(&a);
	}
	answers(n, code);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t c = (first + i) % CLIENTS;

		if (!alloc_of(c)) {
			memset(granted[c], 0, sizeof(granted[c]));
			allocate(c, "alice");
		}
		for (uint32_t p = 0; p < PEERS; p++) {
			if (code[c] == 0 && peers[c][p])
				granted[c][p] = now_s() + PERM_S;
		}
	}
}

static void what_is_granted_exists(void **state)
{
	uint32_t full = 0;

	(void)state;
	start();
	for (uint32_t c = 0; c < CLIENTS; c++)
		assert_int_equal(allocate(c, "alice"), 0);
	for (uint32_t i = 0; i < 15000; i++) {
		round_of_requests();
		all_granted_exists();
		full += pool_used() == world.conf.dataplane.peers;
		if (draw(8) == 0) {
			now_ms += 1000 * (1 + draw(draw(10) ? 60 : 400));
			clock_set();
			settle();
		}
		if (i % 500 == 250) {
			server_close(&s);
			server_begin();
		}
		if (i % 1000 == 750)
			dataplane_restart();
		all_granted_exists();
	}
	assert_true(full > 1000); /* the pool was used up time and again */
}

/* ---- when there is nothing left ---- */

static void a_full_pool_is_told(void **state)
{
	struct ask a;

	(void)state;
	start();
	for (uint32_t c = 0; c < 3; c++)
		assert_int_equal(allocate(c, "alice"), 0);
	for (uint32_t p = 0; p < PEERS; p++) /* 5 records */
		assert_int_equal(permit(0, "alice", p), 0);
	assert_int_equal(bind_to(1, "alice", 0x4000, 0, 7), 0); /* 0: with the session */
	assert_int_equal(bind_to(1, "alice", 0x4001, 0, 8), 0); /* 1: another port of it */
	assert_int_equal(pool_used(), 6);
	/* All peers of a request, or none. */
	ask_begin(&a, STUN_CREATE_PERMISSION, 1, "alice");
	ask_peer(&a, 1, 0);
	ask_peer(&a, 2, 0);
	ask_peer(&a, 3, 0);
	assert_int_equal(ask_code(&a), 508);
	assert_int_equal(pool_used(), 6);
	assert_int_equal(bind_to(1, "alice", 0x4002, 1, 9), 0); /* 2: its address, too */
	assert_int_equal(permit(1, "alice", 2), 508);
	assert_int_equal(bind_to(1, "alice", 0x4003, 0, 9), 508);
	assert_int_equal(bind_to(0, "alice", 0x4000, 5, 9), 508);
	/* What is there is refreshed all the same, and a session's first peer needs no record. */
	assert_int_equal(permit(1, "alice", 1), 0);
	assert_int_equal(bind_to(1, "alice", 0x4001, 0, 8), 0);
	assert_int_equal(permit(2, "alice", 4), 0);
	assert_int_equal(bind_to(2, "alice", 0x4000, 4, 9), 0);
	assert_int_equal(permit(2, "alice", 5), 508);
	/* Whoever goes makes room. */
	ask_begin(&a, STUN_REFRESH, 0, "alice");
	stun_put_u32(&a.b, STUN_ATTR_LIFETIME, 0);
	assert_int_equal(ask_code(&a), 0);
	assert_int_equal(permit(2, "alice", 5), 0);
	assert_int_equal(s.stats.peers_refused, 0);
}

/* Without a pool each session has one address, with as many refreshes and changes as it likes. */
static void no_pool_is_one_peer_each(void **state)
{
	(void)state;
	world.conf.dataplane.peers = 0;
	start();
	assert_int_equal(allocate(0, "alice"), 0);
	for (uint32_t p = 0; p < 3; p++) {
		assert_int_equal(permit(0, "alice", p), 0);
		assert_int_equal(bind_to(0, "alice", (uint16_t)(0x4000 + p), p, 7), 0);
		assert_int_equal(permit(0, "alice", p + 1), 508);
		assert_int_equal(bind_to(0, "alice", 0x4010, p, 8), 508);
		now_ms += PERM_S * 1000 + 1000; /* the permission is over, the channel is not */
		clock_set();
		settle();
		assert_int_equal(permit(0, "alice", p), 0);
		assert_int_equal(bind_to(0, "alice", (uint16_t)(0x4000 + p), p, 7), 0);
		now_ms += CHAN_S * 1000 - 1000;
		clock_set();
		settle();
		now_ms += 2000;
		clock_set();
		settle();
		if (!alloc_of(0))
			assert_int_equal(allocate(0, "alice"), 0);
	}
	assert_int_equal(s.stats.peers_refused, 0);
}

/* One user does not take all: while the pool is short, each has his share. */
static void one_user_leaves_the_others_theirs(void **state)
{
	uint32_t hog = 0;

	(void)state;
	world.conf.dataplane.peers = 40;
	world.conf.turn.allocations_per_user = 4;
	world.conf.turn.channels_per_allocation = 2;
	start();
	for (uint32_t c = 0; c < 4; c++) {
		assert_int_equal(allocate(c, "hog"), 0);
		for (uint32_t p = 0; p < PEERS; p++)
			hog += permit(c, "hog", p) == 0;
		for (uint16_t n = 0; n < 2; n++)
			hog += bind_to(c, "hog", (uint16_t)(0x4000 + n), 5, (uint16_t)(7 + n)) == 0;
	}
	assert_in_range(pool_used(), 19, 20); /* half of it, more than a quarter of the users' */
	for (uint32_t c = 4; c < 6; c++) {
		assert_int_equal(allocate(c, "bob"), 0);
		for (uint32_t p = 0; p < PEERS; p++)
			assert_int_equal(permit(c, "bob", p), 0);
	}
	assert_int_equal(s.stats.peers_refused, 0);
	assert_true(hog < 4 * (PEERS + 2));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_granted_exists),
		T(a_full_pool_is_told),
		T(no_pool_is_one_peer_each),
		T(one_user_leaves_the_others_theirs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

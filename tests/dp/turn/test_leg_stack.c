/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A TURN client over TCP on the real stack (R7, R8): from its SYN to the end of its allocation.
 * Tests on leg_world.h have every case of the messages; here is what the leg and dp/tcp owe each
 * other: listeners, the way of a request up and of its answer down, relaying both ways, a client
 * whose window closes and opens again, and ends that the control process hears of.
 */
#include "tests/world/control.h"
#include "tests/world/tcp_host.h"

#include "dp/tcp/accounts.h"
#include "dp/turn/leg.h"
#include "dp/turn/turn.h"
#include "tests/world/unit.h"

enum { CHANNEL = 0x4001, DATA = 900, USER = 77 };

static struct sock_addr client, local, peer, relayed;
static struct ctl_leg leg;
static struct host *h;
static uint8_t data[DATA], msg[DATA + 100];

static uint16_t allocate(uint8_t *buf, size_t cap)
{
	static const uint8_t tid[STUN_TID_LEN] = "transaction";
	struct stun_builder b;

	stun_begin(&b, buf, cap, stun_type(STUN_ALLOCATE, STUN_REQUEST), tid);
	stun_put_u32(&b, STUN_ATTR_REQUESTED_TRANSPORT, 17u << 24);
	return (uint16_t)stun_end(&b);
}

/* A client that has asked for an allocation, in two segments, and got it. */
static int setup(void **state)
{
	struct cmd_session_set s = { .sid = { 1, 7 },
				     .relay = { { 0, be16_make(RELAY_PORT) },
						{ CTL_RELAY_NONE, { { 0 } } } },
				     .user = USER };
	struct cmd_send r = { .payload_len = 20,
			      .payload = { 1, 3, 0, 0, 0x21, 0x12, 0xa4, 0x42 } };
	const struct evt_punt *e;
	uint16_t n;

	(void)state;
	world_config();
	client = at("10.1.0.2", 6000);
	local = at("10.1.0.1", 3478);
	world_listener(&local, TRANSPORT_TCP);
	world_start();
	hosts_reset();
	peer = at("10.2.0.2", 4000);
	relayed = at("10.2.0.1", RELAY_PORT);
	fill(data, sizeof(data), 3);
	h = host_client(&client, &local);
	assert_true(h->open);
	n = allocate(msg, sizeof(msg));
	host_say(h, msg, 5);
	assert_null(world_evt(0));
	host_say(h, msg + 5, (uint16_t)(n - 5));
	e = world_evt(0);
	assert_non_null(e);
	assert_memory_equal(&e->leg.client, &client, sizeof(client));
	assert_int_equal(e->payload_len, n);
	assert_memory_equal(e->payload, msg, n);
	leg = s.leg = r.leg = e->leg;
	s.expiry = world.w->now + 600;
	assert_true(world_cmd(0, CMD_SESSION_SET, &s, sizeof(s)));
	assert_true(chan_add(0, 1, &peer, CHANNEL, world.w->now + 300));
	assert_true(world_cmd(0, CMD_SEND, &r, offsetof(struct cmd_send, payload) + 20));
	hosts_run();
	assert_int_equal(h->received, 20);
	assert_memory_equal(h->last, r.payload, 8);
	world_mark();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop();
	return 0;
}

static void from_peer(uint16_t len)
{
	struct frame f;

	frame_udp(&f, CORE, &peer, &relayed, data, len, NULL);
	world_in(CORE, 0, &f);
}

/* The allocation is gone, and the control process was told why. */
static void over(enum tcp_end why)
{
	const struct evt_conn_gone *e = world_evt(0);

	assert_non_null(e);
	assert_int_equal(e->hdr.type, EVT_CONN_GONE);
	assert_int_equal(e->sid.slot, 1);
	assert_int_equal(e->sid.gen, 7);
	assert_int_equal(e->conn.idx, leg.conn);
	assert_int_equal(e->conn.gen, leg.conn_gen);
	assert_int_equal(e->role, CONN_CLIENT);
	assert_int_equal(e->why, why);
	assert_int_equal(world.w->session[1].gen, 0);
	assert_int_equal(tcp_held(world.w), 0);
}

static void both_ways(void **state)
{
	uint16_t n = (uint16_t)chandata(msg, CHANNEL, data, 40);

	(void)state;
	/* two messages in three segments */
	memcpy(msg + n, msg, n);
	host_say(h, msg, 10);
	host_say(h, msg + 10, n);
	host_say(h, msg + 10 + n, (uint16_t)(n - 10));
	assert_int_equal(world_count(0, CNT_RELAY_TO_PEER), 2);
	assert_int_equal(world_count(0, CNT_RELAY_TO_PEER_BYTES), 80);
	from_peer(37);
	from_peer(41);
	hosts_run();
	assert_int_equal(world_count(0, CNT_RELAY_TO_CLIENT), 2);
	assert_int_equal(h->received, 20 + 44 + 48);
	world_drops(DROP_NONE, 0);
	host_rst(h);
	over(TCP_END_RESET);
}

/* The window closes, datagrams wait and go; it opens, and what is still young arrives whole. */
static void slow_client(void **state)
{
	const uint64_t message = 4 + DATA;
	uint64_t before, sent = 0;

	(void)state;
	h->stop = true;
	while (world_count(0, CNT_RELAY_TO_CLIENT) == sent && sent < 200) {
		sent++;
		from_peer(DATA);
		hosts_run();
		hosts_pass_ms(1);
	}
	assert_int_equal(sent, 200);
	assert_true(world.w->counters->drop[DROP_MEDIA_FULL] > 0);
	assert_true(tcp_held(world.w) < 150);
	hosts_pass_ms(world.conf.tcp.media_age_ms + 10);
	assert_true(world.w->counters->drop[DROP_MEDIA_OLD] > 0);
	assert_true(h->received < 100 * message);
	before = world.w->counters->drop[DROP_MEDIA_FULL] + world.w->counters->drop[DROP_MEDIA_OLD];
	host_go(h);
	hosts_pass_ms(2000);
	from_peer(DATA);
	hosts_pass_ms(100);
	/* nothing but whole messages, and all that were not dropped */
	assert_int_equal(h->received, 20 + (201 - before) * message);
	assert_int_equal(world.w->counters->drop[DROP_MEDIA_FULL] +
			     world.w->counters->drop[DROP_MEDIA_OLD],
			 before);
	host_rst(h);
	over(TCP_END_RESET);
}

/* ---- a stream loses nothing (RFC 8489 6.2.2, RFC 9293 3.8.6) ---- */

enum { REQUESTS = 6000, REQUEST_LEN = STUN_HDR_LEN + 8 };

static uint8_t asked[65536 + REQUESTS * REQUEST_LEN], got[REQUESTS * 64];
static uint32_t n_got;

static void keep(struct host *from, const uint8_t *p, uint32_t n)
{
	(void)from;
	assert_true(n_got + n <= sizeof(got));
	memcpy(got + n_got, p, n);
	n_got += n;
}

/* So many requests of a kind, numbered in their transaction IDs, from now on. */
static void ask(uint16_t method)
{
	uint8_t *at = asked + h->sent;
	uint32_t i;

	for (i = 0; i < REQUESTS; i++) {
		struct stun_builder b;
		uint8_t tid[STUN_TID_LEN] = { (uint8_t)(i >> 8), (uint8_t)i };

		stun_begin(&b, at, REQUEST_LEN, stun_type((enum stun_method)method, STUN_REQUEST),
			   tid);
		stun_put_u32(&b, STUN_ATTR_LIFETIME, 600);
		at += stun_end(&b);
	}
	h->source = asked;
	h->to_send += (uint64_t)REQUESTS * REQUEST_LEN;
	h->got = keep;
	n_got = 0;
	hosts_run();
}

/* Every request has its answer, in order. */
static void all_answered(void)
{
	uint32_t at = 0, i;

	for (i = 0; i < REQUESTS; i++) {
		assert_true(at + STUN_HDR_LEN <= n_got);
		assert_int_equal(got[at + 8] << 8 | got[at + 9], i);
		at += STUN_HDR_LEN + (uint32_t)(got[at + 2] << 8 | got[at + 3]);
	}
	assert_int_equal(at, n_got);
	world_drops(DROP_NONE, 0);
}

/* What the control process has to read, answered. */
static uint32_t answer(void)
{
	struct cmd_send r = { .leg = leg, .payload_len = STUN_HDR_LEN };
	const struct evt_punt *e;
	uint32_t n = 0;

	while ((e = world_evt(0))) {
		memcpy(r.payload, e->payload, STUN_HDR_LEN);
		memcpy(r.payload, (const uint8_t[]){ 1, STUN_REFRESH, 0, 0 }, 4);
		assert_true(
		    world_cmd(0, CMD_SEND, &r, offsetof(struct cmd_send, payload) + STUN_HDR_LEN));
		n++;
	}
	hosts_run();
	return n;
}

static void requests_while_nobody_answers(void **state)
{
	uint32_t n = 0, turns;

	(void)state;
	ask(STUN_REFRESH);
	for (turns = 0; turns < 11; turns++) {
		world_clock_ms(world.w->now_ms + 980);
		hosts_pass_ms(20);
	}
	assert_true(h->open && !h->rst);
	for (turns = 0; n < REQUESTS && turns < 2 * REQUESTS; turns++)
		n += answer();
	hosts_pass_ms(100);
	assert_int_equal(n, REQUESTS);
	all_answered();
	host_rst(h);
	over(TCP_END_RESET);
}

/* A request that waits for its turn, and media for the window: neither keeps the worker busy. */
static void both_wait(void **state)
{
	uint32_t i;

	(void)state;
	world.w->turn->own_request = meter_rate_make(1, 0, 1000);
	hosts_pass_ms(1); /* what was asked before is paid for */
	h->stop = true;
	for (i = 0; i < 100; i++) {
		from_peer(DATA);
		hosts_run();
	}
	host_say(h, msg, (uint16_t)(allocate(msg, sizeof(msg))));
	host_say(h, msg, (uint16_t)(allocate(msg, sizeof(msg))));
	assert_int_equal(world_count(0, CNT_PUNT), 1);
	world_run(); /* comes to rest */
	host_go(h);
	hosts_pass_ms(1100);
	assert_int_equal(world_count(0, CNT_PUNT), 2);
	while (world_evt(0))
		;
	host_rst(h);
	over(TCP_END_RESET);
}

/* Who takes no answers is not read, and has all of them when he does. */
static void answers_that_nobody_reads(void **state)
{
	(void)state;
	h->stop = true;
	ask(STUN_BINDING);
	hosts_pass_ms(500);
	assert_true(n_got < sizeof(got) / 2);
	assert_true(world_count(0, CNT_BINDING) < REQUESTS);
	host_go(h);
	hosts_pass_ms(500);
	assert_int_equal(world_count(0, CNT_BINDING), REQUESTS);
	all_answered();
	host_rst(h);
	over(TCP_END_RESET);
}

/*
 * R4: four bytes of a stream are a datagram, and a window holds thousands. A turn takes some of
 * them only, and ports and other connections have theirs before it goes on.
 */
static void a_turn_is_shared(void **state)
{
	enum { SENT = 7500 }; /* as many as the first window holds */
	struct tcp_conn *c = tcp_find(world.w, (struct ctl_conn){ leg.conn, leg.conn_gen });
	uint16_t n = (uint16_t)chandata(msg, CHANNEL, data, 0);
	uint64_t before, most = 0;
	uint32_t turns;

	(void)state;
	assert_int_equal(n, 4);
	for (uint32_t i = 0; i < SENT; i++)
		memcpy(asked + h->sent + (size_t)i * n, msg, n);
	tcp_recv_pause(world.w, c, true);
	h->source = asked;
	h->to_send += (uint32_t)SENT * n;
	hosts_run();
	assert_int_equal(tcp_readable(c), SENT * n);
	tcp_recv_pause(world.w, c, false);
	for (turns = 0; tcp_readable(c) && turns < SENT; turns++) {
		before = world.w->counters->cnt[CNT_RELAY_TO_PEER];
		worker_turn(world.w);
		world_forget();
		most = RTE_MAX(most, world.w->counters->cnt[CNT_RELAY_TO_PEER] - before);
	}
	assert_in_range(most, 1, 64);
	assert_int_equal(world_count(0, CNT_RELAY_TO_PEER), SENT);
	hosts_run();
	host_rst(h);
	over(TCP_END_RESET);
}

/* There is no buffer for it: it waits, with all that the control process said behind it. */
static void an_answer_without_a_buffer(void **state)
{
	struct cmd_send r = { .leg = leg,
			      .payload_len = 20,
			      .payload = { 1, 4, 0, 0, 0x21, 0x12, 0xa4, 0x42 } };
	struct cmd_session_del del = { .sid = { 1, 7 } };
	const uint32_t before = h->received;
	const uint64_t bad = world_count(0, CNT_CMD_BAD);

	(void)state;
	world_pool_take();
	world_cmd_put(0, CMD_SEND, &r, offsetof(struct cmd_send, payload) + 20);
	world_cmd_put(0, CMD_SESSION_DEL, &del, sizeof(del));
	world_run();
	world_run();
	assert_int_equal(ring_count(&world.w->boundary.cmd, 3), 2);
	assert_int_equal(world.w->session[1].gen, 7);
	world_pool_give();
	hosts_run();
	assert_int_equal(ring_count(&world.w->boundary.cmd, 3), 0);
	assert_int_equal(h->received, before + 20);
	assert_int_equal(world.w->session[1].gen, 0);
	assert_int_equal(world_count(0, CNT_CMD_BAD), bad);
}

static void garbage(void **state)
{
	(void)state;
	host_say(h, "\x80 is no message", 15);
	assert_true(h->rst);
	over(TCP_END_FRAME_BAD);
}

static void unfinished(void **state)
{
	(void)state;
	host_say(h, "\x40\x01\x00\x08", 4);
	hosts_pass_ms(world.conf.tcp.frame_ms - 10);
	assert_false(h->rst);
	hosts_pass_ms(20);
	assert_true(h->rst);
	over(TCP_END_FRAME_TIMEOUT);
}

/* What its connection holds is the user's while there is an allocation. */
static void user_charged(void **state)
{
	const struct ctl_conn name = { leg.conn, leg.conn_gen };
	const struct account *a = account_of(world.w->tcp, tcp_find(world.w, name));
	struct cmd_session_del del = { .sid = { 1, 7 } };

	(void)state;
	assert_true(tcp_find(world.w, name)->charged);
	assert_true(a->user);
	assert_int_equal(a->key, USER);
	assert_true(world_cmd(0, CMD_SESSION_DEL, &del, sizeof(del)));
	a = account_of(world.w->tcp, tcp_find(world.w, name));
	assert_false(a->user);
	assert_int_equal(a->key, ip_source(&client.ip));
	host_rst(h);
	assert_int_equal(world.w->tcp->accounts.holders, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(both_ways),
		T(slow_client),
		T(requests_while_nobody_answers),
		T(answers_that_nobody_reads),
		T(both_wait),
		T(a_turn_is_shared),
		T(an_answer_without_a_buffer),
		T(garbage),
		T(unfinished),
		T(user_charged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

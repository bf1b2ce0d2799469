/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The worker's end of the boundary: commands that lie about length, type or value are counted and
 * refused, and change nothing; a ring whose cursors or messages cannot be is left alone until the
 * service thread has asked for a fresh one; what requests of clients look like as events.
 */
#include "tests/world/unit.h"
#include "tests/world/control.h"

#include "dp/boundary.h"
#include "lib/chandata.h"

#include <stddef.h>

#include <sys/eventfd.h>
#include <unistd.h>

static struct sock_addr client, listener, peer;
static struct frame f;

static int setup(void **state)
{
	client = at("10.1.0.2", 5000);
	listener = at("10.1.0.1", 3478);
	peer = at("10.2.0.2", 4000);
	return world_setup(state);
}

static struct cmd_session_set good_session(void)
{
	return (struct cmd_session_set){
		.sid = { 1, 1 },
		.leg = { .client = client },
		.expiry = WORLD_START_S + 60,
		.relay = { { 0, be16_make(RELAY_PORT) }, { CTL_RELAY_NONE, { { 0 } } } },
	};
}

static void expect_synced(void)
{
	const struct ctl_hdr *e = world_evt(0);

	assert_non_null(e);
	assert_int_equal(e->type, EVT_SYNCED);
	assert_int_equal(e->len, sizeof(*e));
	assert_int_equal(e->seq, 7);
}

static const struct evt_result *expect_event(uint16_t type, uint32_t slot, uint32_t gen)
{
	const struct evt_result *e = world_evt(0);

	assert_non_null(e);
	assert_int_equal(e->hdr.type, type);
	assert_int_equal(e->hdr.len, sizeof(*e));
	assert_int_equal(e->hdr.seq, 7);
	assert_int_equal(e->sid.slot, slot);
	assert_int_equal(e->sid.gen, gen);
	return e;
}

static void commands_do_what_they_say(void **state)
{
	struct cmd_session_set s = good_session();
	struct cmd_perm_set p = { .sid = { 1, 1 }, .peer = peer.ip, .expiry = WORLD_START_S + 60 };
	struct cmd_chan_set c = { .sid = { 1, 1 },
				  .peer = peer,
				  .channel = 0x4000,
				  .expiry = WORLD_START_S + 60,
				  .perm_expiry = WORLD_START_S + 60 };
	struct cmd_session_del d = { .sid = { 1, 1 } };
	struct ctl_hdr y = { 0 };

	(void)state;
	assert_true(world_cmd(0, CMD_SESSION_SET, &s, sizeof(s)));
	assert_true(world_cmd(0, CMD_PERM_SET, &p, sizeof(p)));
	assert_true(world_cmd(0, CMD_CHAN_SET, &c, sizeof(c)));
	assert_non_null(session_channel(world.w, 1, 0x4000));
	assert_null(world_evt(0));
	assert_true(world_cmd(0, CMD_SYNC_BEGIN, &y, sizeof(y)));
	assert_true(world_cmd(0, CMD_SYNC_END, &y, sizeof(y)));
	expect_synced();
	assert_int_equal(world.w->session[1].gen, 0);
	assert_false(world_cmd(0, CMD_SESSION_DEL, &d, sizeof(d)));
	assert_true(world_cmd(0, CMD_SESSION_SET, &s, sizeof(s)));
	assert_true(world_cmd(0, CMD_SESSION_DEL, &d, sizeof(d)));
	assert_int_equal(world_count(0, CNT_CMD), 7);
	assert_int_equal(world_count(0, CNT_CMD_BAD), 1);
	assert_null(world_evt(0));
}

/* Impossible values: refused, told to the control process, and the ring stays in use. */
static void values_that_cannot_be(void **state)
{
	struct cmd_session_set s = good_session();
	struct cmd_perm_set p = { .sid = { 9, 9 }, .peer = peer.ip, .expiry = UINT32_MAX };
	struct cmd_chan_set c = { .sid = { 1, 1 }, .peer = peer, .channel = 0x3fff };
	const struct evt_result *e;

	(void)state;
	s.relay[0].relay = 200;
	assert_false(world_cmd(0, CMD_SESSION_SET, &s, sizeof(s)));
	expect_event(EVT_SESSION_REFUSED, 1, 1);
	assert_false(world_cmd(0, CMD_PERM_SET, &p, sizeof(p)));
	e = expect_event(EVT_PEER_REFUSED, 9, 9);
	assert_true(ip_eq(&e->peer.ip, &peer.ip));
	assert_int_equal(be16_get(e->peer.port), 0);
	assert_int_equal(e->channel, 0);
	s = good_session();
	assert_true(world_cmd(0, CMD_SESSION_SET, &s, sizeof(s)));
	assert_false(world_cmd(0, CMD_CHAN_SET, &c, sizeof(c)));
	e = expect_event(EVT_PEER_REFUSED, 1, 1);
	assert_true(sock_addr_eq(&e->peer, &peer));
	assert_int_equal(e->channel, 0x3fff);
	assert_int_equal(world_count(0, CNT_CMD_BAD), 3);
	assert_true(world.w->boundary.rings_ok);
	assert_false(atomic_load(&world.w->boundary.rings_broken));
}

/* Broken rings carry nothing either way until they are made anew, and then they work. */
static void expect_broken_then_reset(void)
{
	struct cmd_session_set s = good_session();
	uint32_t i;

	world_run();
	assert_false(world.w->boundary.rings_ok);
	assert_true(atomic_load(&world.w->boundary.rings_broken));
	world_run();
	assert_false(world.w->boundary.rings_ok);
	atomic_store(&world.w->boundary.rings_reset, true);
	world_run();
	assert_true(world.w->boundary.rings_ok);
	assert_false(atomic_load(&world.w->boundary.rings_broken));
	assert_false(atomic_load(&world.w->boundary.rings_reset));
	for (i = 0; i < 2; i++) {
		world.cmd[0].own = world.cmd[0].cached = 0;
		world.evt[0].own = world.evt[0].cached = 0;
	}
	assert_true(world_cmd(0, CMD_SESSION_SET, &s, sizeof(s)));
	assert_int_equal(world.w->session[1].gen, 1);
	s.sid.slot = UINT32_MAX;
	assert_false(world_cmd(0, CMD_SESSION_SET, &s, sizeof(s)));
	expect_event(EVT_SESSION_REFUSED, UINT32_MAX, 1);
}

static void raw_cmd(uint16_t type, uint16_t len)
{
	struct ctl_hdr h = { .type = type, .len = len };
	uint8_t *slot = ring_slot(&world.cmd[0], 0);
	struct cmd_session_set s = good_session();

	memcpy(slot, &s, sizeof(s));
	memcpy(slot, &h, sizeof(h));
	ring_publish(&world.cmd[0], 1);
}

static void lengths_and_types_that_are_invalid(void **state)
{
	static const struct ctl_hdr bad[] = {
		{ CMD_SESSION_SET, sizeof(struct cmd_session_set) - 1, 0 },
		{ CMD_SESSION_SET, sizeof(struct cmd_session_set) + 1, 0 },
		{ CMD_SESSION_SET, 0, 0 },
		{ CMD_SESSION_SET, 0xffff, 0 },
		{ CMD_SESSION_DEL, sizeof(struct cmd_session_set), 0 },
		{ CMD_PERM_SET, sizeof(struct ctl_hdr), 0 },
		{ CMD_CHAN_SET, sizeof(struct cmd_perm_set), 0 },
		{ CMD_SYNC_BEGIN, sizeof(struct ctl_hdr) + 4, 0 },
		{ CMD_SYNC_END, sizeof(struct ctl_hdr) - 1, 0 },
		{ CMD_SEND, offsetof(struct cmd_send, payload) - 1, 0 },
		{ CMD_SEND, RING_MSG_SIZE + 1, 0 },
		{ 0, sizeof(struct ctl_hdr), 0 },
		{ CMD_SYNC_END + 1, sizeof(struct ctl_hdr), 0 },
		{ 0xffff, sizeof(struct ctl_hdr), 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(bad); i++) {
		struct ctl_sid sid = { 1, 1 };

		world_mark();
		raw_cmd(bad[i].type, bad[i].len);
		world_run();
		assert_int_equal(world_count(0, CNT_CMD_BAD), 1);
		assert_int_equal(world_count(0, CNT_CMD), 0);
		assert_int_equal(world.w->session[1].gen, 0);
		expect_broken_then_reset();
		assert_true(session_del(world.w, &sid));
	}
}

static void cursors_that_are_invalid(void **state)
{
	static const uint32_t ahead[] = { 17, 1000, 0x80000000, 0xffffffff };
	static const uint32_t taken[] = { 17, 1000, 0x80000000, 0xffffffef };
	struct ctl_sid sid = { 1, 1 };
	struct cmd_session_set s;
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(ahead); i++) {
		/* commands announced that the ring cannot hold */
		atomic_store(&world.cmd[0].shm->head, world.w->boundary.cmd.own + ahead[i]);
		expect_broken_then_reset();
		session_del(world.w, &sid);
		/* events taken that were never sent, found out when the ring looks full */
		atomic_store(&world.evt[0].shm->tail, world.w->boundary.evt.own + taken[i]);
		while (world.w->boundary.rings_ok) {
			s = good_session();
			s.sid.gen = 0;
			world_cmd(0, CMD_SESSION_SET, &s, sizeof(s));
			assert_true(world_count(0, CNT_CMD_BAD) < 1000);
		}
		expect_broken_then_reset();
		session_del(world.w, &sid);
	}
}

/* A request for a reset that answers an earlier breach does not hide the next one. */
static void a_stale_reset_is_forgotten(void **state)
{
	(void)state;
	atomic_store(&world.w->boundary.rings_reset, true);
	atomic_store(&world.cmd[0].shm->head, 99);
	world_run();
	world_run();
	assert_false(world.w->boundary.rings_ok);
	assert_true(atomic_load(&world.w->boundary.rings_broken));
	expect_broken_then_reset();
}

static void commands_round_the_ring(void **state)
{
	struct cmd_session_set s = good_session();
	int i;

	(void)state;
	for (i = 0; i < 100; i++) {
		s.expiry = (uint32_t)(5000 + i);
		assert_true(world_cmd(0, CMD_SESSION_SET, &s, sizeof(s)));
		assert_int_equal(world.w->session[1].expiry, 5000 + i);
	}
}

/* ---- replies ---- */

static void replies_go_out(void **state)
{
	static const char text[] = "any bytes will do";
	struct sock_addr v6 = at("fd00:1::2", 7), from6 = at("fd00:1::1", 3478);
	struct cmd_send c = { .leg = { .client = client }, .payload_len = sizeof(text) };
	const uint16_t len = offsetof(struct cmd_send, payload) + sizeof(text);
	struct udp_view v;

	(void)state;
	memcpy(c.payload, text, sizeof(text));
	assert_true(world_cmd(0, CMD_SEND, &c, len));
	expect_udp_is(ACCESS, &listener, &client, text, sizeof(text), &v);
	c.leg = (struct ctl_leg){ .client = v6, .listener = 1 };
	assert_true(world_cmd(0, CMD_SEND, &c, len));
	expect_udp_is(ACCESS, &from6, &v6, text, sizeof(text), &v);
	c.payload_len = CTL_PAYLOAD_MAX; /* longer than the link takes */
	assert_true(
	    world_cmd(0, CMD_SEND, &c, offsetof(struct cmd_send, payload) + CTL_PAYLOAD_MAX));
	assert_int_equal(world_count(0, CNT_FRAG_OUT), 2);
	assert_int_equal(world_count(0, CNT_REPLY), 3);
}

static void impossible_replies(void **state)
{
	const struct cmd_send good = { .leg = { .client = client }, .payload_len = 20 };
	const uint16_t head = offsetof(struct cmd_send, payload);
	struct cmd_send c;

	(void)state;
#define REFUSED(change, len)                                               \
	do {                                                               \
		c = good;                                                  \
		change;                                                    \
		assert_false(world_cmd(0, CMD_SEND, &c, (uint16_t)(len))); \
		world_no_out();                                            \
	} while (0)
	REFUSED(c.payload_len = 0, head);
	REFUSED(c.payload_len = 21, head + 20);
	REFUSED(c.payload_len = 19, head + 20);
	REFUSED(c.payload_len = CTL_PAYLOAD_MAX + 1, sizeof(c));
	REFUSED(c.payload_len = 0xffff, head + 20);
	REFUSED(c.leg.listener = 2, head + 20);
	REFUSED(c.leg.conn = 1, head + 20);
	REFUSED(c.leg.client.port = be16_make(0), head + 20);
	REFUSED(c.leg.client = at("fd00:1::2", 7), head + 20);
	assert_int_equal(world_count(0, CNT_CMD_BAD), 9);
	assert_int_equal(world_count(0, CNT_REPLY), 0);
	assert_true(world.w->boundary.rings_ok);
}

/* ---- punts ---- */

static size_t request(uint8_t *buf, size_t cap, enum stun_method m, size_t padding)
{
	static const uint8_t tid[STUN_TID_LEN] = "abcdefghijk", zero[2000];
	struct stun_builder b;

	stun_begin(&b, buf, cap, stun_type(m, STUN_REQUEST), tid);
	stun_put_u32(&b, STUN_ATTR_REQUESTED_TRANSPORT, 17u << 24);
	if (padding)
		stun_put(&b, STUN_ATTR_SOFTWARE, zero, padding);
	return stun_end(&b);
}

static void punted_requests(void **state)
{
	static const enum stun_method served[] = { STUN_ALLOCATE,	   STUN_REFRESH,
						   STUN_CREATE_PERMISSION, STUN_CHANNEL_BIND,
						   STUN_CONNECT,	   STUN_CONNECTION_BIND };
	struct sock_addr client6 = at("fd00:1::2", 6), listener6 = at("fd00:1::1", 3478);
	uint8_t msg[2100];
	size_t i, len;

	(void)state;
	for (i = 0; i < 2 * RTE_DIM(served); i++) {
		const bool v6 = i & 1;
		const struct evt_punt *e;

		len = request(msg, sizeof(msg), served[i / 2], 4 * i);
		frame_udp(&f, ACCESS, v6 ? &client6 : &client, v6 ? &listener6 : &listener, msg,
			  len, NULL);
		world_feed(ACCESS, &f);
		e = world_evt(0);
		assert_non_null(e);
		assert_int_equal(e->hdr.type, EVT_PUNT);
		assert_int_equal(e->hdr.len, offsetof(struct evt_punt, payload) + len);
		assert_int_equal(e->hdr.seq, 0);
		assert_memory_equal(&e->leg.client, v6 ? &client6 : &client, sizeof(client));
		assert_int_equal(e->leg.listener, v6);
		assert_int_equal(e->leg.conn | e->leg.conn_gen, 0);
		assert_true(ip_eq(&e->local, v6 ? &listener6.ip : &listener.ip));
		assert_int_equal(e->rx_us, WORLD_START_S * UINT64_C(1000000));
		assert_int_equal(e->payload_len, len);
		assert_memory_equal(e->payload, msg, len);
	}
	assert_int_equal(world_count(0, CNT_PUNT), 2 * RTE_DIM(served));
	assert_int_equal(world_count(0, CNT_CONSUMED), 2 * RTE_DIM(served));
	world_drops(DROP_NONE, 0);
	/* methods nobody serves, and what no slot holds */
	frame_udp(&f, ACCESS, &client, &listener, msg,
		  request(msg, sizeof(msg), STUN_CONNECTION_ATTEMPT, 0), NULL);
	world_feed(ACCESS, &f);
	world_drops(DROP_STUN_METHOD, 1);
	world_mark();
	len = request(msg, sizeof(msg), STUN_ALLOCATE, CTL_PAYLOAD_MAX - 32);
	assert_int_equal(len, CTL_PAYLOAD_MAX);
	frame_udp(&f, ACCESS, &client, &listener, msg, len, NULL);
	world_feed(ACCESS, &f);
	world_drops(DROP_NONE, 0);
	assert_non_null(world_evt(0));
	len = request(msg, sizeof(msg), STUN_ALLOCATE, CTL_PAYLOAD_MAX - 28);
	frame_udp(&f, ACCESS, &client, &listener, msg, len, NULL);
	world_feed(ACCESS, &f);
	world_drops(DROP_STUN_LONG, 1);
	assert_null(world_evt(0));
}

static void event_ring_full(void **state)
{
	uint8_t msg[100];
	size_t len = request(msg, sizeof(msg), STUN_ALLOCATE, 0);
	uint32_t i, n = world.conf.dataplane.ring_slots - evt_stranger_reserve(world.w);

	(void)state;
	frame_udp(&f, ACCESS, &client, &listener, msg, len, NULL);
	for (i = 0; i < n; i++)
		world_feed(ACCESS, &f);
	world_drops(DROP_NONE, 0);
	world_feed(ACCESS, &f);
	world_drops(DROP_PUNT_FULL, 1);
	assert_true(world.w->boundary.rings_ok);
	assert_non_null(world_evt(0));
	world_feed(ACCESS, &f);
	world_drops(DROP_PUNT_FULL, 1);
	/* a consumer that takes back what it took */
	atomic_store(&world.evt[0].shm->tail, 0u - world.conf.dataplane.ring_slots);
	world_feed(ACCESS, &f);
	world_drops(DROP_PUNT_FULL, 2);
	assert_false(world.w->boundary.rings_ok);
	expect_broken_then_reset();
}

/* ---- answers ---- */

/* Answers fill the ring but for n slots. */
static void leave_room(uint32_t n)
{
	struct cmd_session_set s = good_session();

	while (world_evt(0))
		;
	s.sid.gen = 0;
	while (ring_room(&world.w->boundary.evt, UINT32_MAX) > (int)n)
		assert_false(world_cmd(0, CMD_SESSION_SET, &s, sizeof(s)));
	world_mark();
}

static uint16_t last_event(void)
{
	const struct ctl_hdr *h;
	uint16_t type = 0;

	while ((h = world_evt(0)) != NULL)
		type = h->type;
	return type;
}

/* One slot holds the answer of any command, and without it no command is taken. */
static void one_answer_each(void **state)
{
	static union ctl_cmd c;
	static const struct {
		uint16_t type, len, answer;
	} rows[] = {
		{ CMD_SESSION_SET, sizeof(c.session_set), EVT_SESSION_REFUSED },
		{ CMD_PERM_SET, sizeof(c.perm_set), EVT_PEER_REFUSED },
		{ CMD_CHAN_SET, sizeof(c.chan_set), EVT_PEER_REFUSED },
		{ CMD_CONNECT, sizeof(c.connect), EVT_CONNECT_FAILED },
		{ CMD_CONTEXT_SET, sizeof(c.context_set), EVT_CONTEXT_REFUSED },
		{ CMD_CONTEXT_MOVE, sizeof(c.context_move), EVT_CONTEXT_REFUSED },
		{ CMD_SYNC_END, sizeof(c.sync_end), EVT_SYNCED },
	};
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(rows); i++) {
		memset(&c, 0, sizeof(c));
		if (rows[i].type == CMD_CONNECT)
			c.connect.peer = peer;
		leave_room(1);
		world_cmd(0, rows[i].type, &c, rows[i].len);
		assert_int_equal(world_count(0, CNT_CMD) + world_count(0, CNT_CMD_BAD), 1);
		assert_int_equal(last_event(), rows[i].answer);
		leave_room(0);
		world_cmd(0, rows[i].type, &c, rows[i].len);
		assert_int_equal(world_count(0, CNT_CMD) + world_count(0, CNT_CMD_BAD), 0);
		assert_non_null(world_evt(0));
		world_run();
		assert_int_equal(world_count(0, CNT_CMD) + world_count(0, CNT_CMD_BAD), 1);
		assert_int_equal(last_event(), rows[i].answer);
	}
}

/* What anybody may fill leaves room to those that have a session (R4), and both to other news. */
static void room_for_sessions(void **state)
{
	const struct sock_addr mine = at("10.1.0.3", 5000);
	uint32_t i, n = evt_stranger_reserve(world.w) - evt_request_reserve(world.w);
	uint8_t msg[100];
	size_t len = request(msg, sizeof(msg), STUN_REFRESH, 0);

	(void)state;
	assert_true(session_add(0, 1, 1, &mine, 0, RELAY_PORT, 0, 0));
	world_mark();
	frame_udp(&f, ACCESS, &client, &listener, msg, len, NULL);
	for (i = 0; i < 3 * world.conf.dataplane.ring_slots; i++)
		world_feed(ACCESS, &f);
	assert_int_equal(world_count(0, CNT_PUNT),
			 world.conf.dataplane.ring_slots - evt_stranger_reserve(world.w));
	world_mark();
	frame_udp(&f, ACCESS, &mine, &listener, msg, len, NULL);
	for (i = 0; i < n; i++)
		world_feed(ACCESS, &f);
	world_drops(DROP_NONE, 0);
	world_feed(ACCESS, &f);
	world_drops(DROP_PUNT_FULL, 1);
	assert_non_null(evt_slot(world.w));
}

static void rate_is(uint32_t rate)
{
	world_stop();
	world_config();
	world.conf.dataplane.request_rate = rate;
	world.conf.dataplane.ring_slots = 64;
	world_start();
}

static void request_rate(void **state)
{
	uint8_t msg[100];
	size_t len = request(msg, sizeof(msg), STUN_ALLOCATE, 0);

	(void)state;
	rate_is(2);
	frame_udp(&f, ACCESS, &client, &listener, msg, len, NULL);
	world_feed(ACCESS, &f);
	world_feed(ACCESS, &f);
	world_drops(DROP_NONE, 0);
	world_feed(ACCESS, &f);
	world_drops(DROP_PUNT_RATE, 1);
	world_clock_ms(WORLD_START_S * 1000ull + 500);
	world_feed(ACCESS, &f);
	world_drops(DROP_PUNT_RATE, 1);
}

/* Without a limit of prefixes one who has a session still has a bound of his own. */
static void no_limit_of_prefixes(void **state)
{
	enum { ASKED = 1000, OWN = 500 };
	struct sock_addr stranger = at("10.1.0.3", 5000);
	uint8_t msg[100];
	size_t len = request(msg, sizeof(msg), STUN_REFRESH, 0);

	(void)state;
	rate_is(0);
	assert_true(session_add(0, 1, 1, &client, 0, RELAY_PORT, 0, 0));
	world_mark();
	for (uint32_t i = 0; i < 2 * ASKED; i++) {
		frame_udp(&f, ACCESS, i & 1 ? &stranger : &client, &listener, msg, len, NULL);
		world_feed(ACCESS, &f);
		while (world_evt(0))
			;
	}
	assert_int_equal(world_count(0, CNT_PUNT), ASKED + OWN);
	world_drops(DROP_PUNT_RATE, ASKED - OWN);
}

/*
 * R4: who has a session has a rate of his own. Neither a neighbour of the same prefix who empties
 * his, nor who forges requests in the prefix's name, keeps him from refreshing what he has.
 */
static void rate_of_a_session(void **state)
{
	struct sock_addr loud = at("10.1.0.3", 5000);
	uint8_t msg[100];
	size_t len = request(msg, sizeof(msg), STUN_REFRESH, 0);
	uint32_t passed[2] = { 0, 0 }, i, k;

	(void)state;
	rate_is(200);
	assert_true(session_add(0, 1, 1, &client, 0, RELAY_PORT, 0, 0));
	assert_true(session_add(0, 2, 1, &loud, 0, RELAY_PORT + 2, 0, 0));
	for (i = 0; i < 1000; i++) {
		uint64_t before = world.w->counters->cnt[CNT_PUNT];

		world_clock_ms(world.w->now_ms + 10);
		for (k = 0; k < 20; k++) {
			struct sock_addr forged = at("10.1.0.9", (uint16_t)(1024 + k));

			frame_udp(&f, ACCESS, k & 1 ? &loud : &forged, &listener, msg, len, NULL);
			world_in(ACCESS, 0, &f);
		}
		world_run();
		passed[1] += (uint32_t)(world.w->counters->cnt[CNT_PUNT] - before);
		while (world_evt(0))
			;
		before = world.w->counters->cnt[CNT_PUNT];
		if (i % 10 == 0) {
			frame_udp(&f, ACCESS, &client, &listener, msg, len, NULL);
			world_feed(ACCESS, &f);
			passed[0] += (uint32_t)(world.w->counters->cnt[CNT_PUNT] - before);
		}
	}
	assert_int_equal(passed[0], 100);
	/* a tenth of 200 a second, and 200 of all that have none */
	assert_in_range(passed[1], 10 * 220, 10 * 220 + 220);
}

/* Whether a request that comes now wakes the control process, which sleeps. */
static bool wakes(uint64_t us)
{
	uint8_t msg[64];
	uint64_t n = 0;

	world_clock_us(WORLD_START_S * UINT64_C(1000000) + us);
	ring_sleep(&world.evt[0]);
	frame_udp(&f, ACCESS, &client, &listener, msg, request(msg, sizeof(msg), STUN_ALLOCATE, 0),
		  NULL);
	world_feed(ACCESS, &f);
	return read(world.dp.wake_cp, &n, sizeof(n)) == sizeof(n);
}

/* The first of them at once, and those behind it together, a little later: none is forgotten. */
static void requests_wake_a_sleeper(void **state)
{
	uint64_t n;

	(void)state;
	world.dp.wake_cp = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(wakes(0));
	assert_false(wakes(1));
	assert_false(wakes(199));
	world_clock_us(WORLD_START_S * UINT64_C(1000000) + 200);
	world_run(); /* nothing new comes */
	assert_int_equal(read(world.dp.wake_cp, &n, sizeof(n)), sizeof(n));
	assert_int_equal(n, 1);
	assert_false(wakes(399));
	assert_true(wakes(1000));
	while (world_evt(0))
		;
	ring_awake(&world.evt[0]);
	assert_true(read(world.dp.wake_cp, &n, sizeof(n)) < 0);
	close(world.dp.wake_cp);
	world.dp.wake_cp = -1;
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(commands_do_what_they_say),
		T(values_that_cannot_be),
		T(lengths_and_types_that_are_invalid),
		T(cursors_that_are_invalid),
		T(a_stale_reset_is_forgotten),
		T(commands_round_the_ring),
		T(replies_go_out),
		T(impossible_replies),
		T(punted_requests),
		T(requests_wake_a_sleeper),
		T(event_ring_full),
		T(room_for_sessions),
		T(one_answer_each),
		T(request_rate),
		T(no_limit_of_prefixes),
		T(rate_of_a_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

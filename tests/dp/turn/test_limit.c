/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an allocation, and a user, may relay (R4) over UDP: bytes and packets a second, each way for
 * itself, by channels and indications; nobody else's packets use it up, and no neighbour feels it.
 * Every packet that is beyond it is dropped by its name.
 */
#include "tests/world/unit.h"
#include "tests/world/control.h"

#include "dp/snapshot.h"
#include "dp/turn/limit.h"
#include "dp/relay/path.h"

enum { CHANNEL = 0x4001, LEN = 172, SIZE = IPV4_HDR + UDP_HDR + LEN /* of IP, at the peer's */ };

static struct sock_addr client[2], listener, peer, relayed[2];
static uint8_t data[LEN];

static bool share_both(uint32_t i, uint32_t bytes, uint32_t packets)
{
	struct cmd_session_set c = { .sid = { i, 1 },
				     .leg = { client[i], 0, 0, 0 },
				     .relay = { { 0, relayed[i].port },
						{ .relay = CTL_RELAY_NONE } },
				     .expiry = world.w->now + 600,
				     .share = bytes,
				     .share_packets = packets };

	return session_set(world.w, &c);
}

static bool share(uint32_t i, uint32_t bytes)
{
	return share_both(i, bytes, 0);
}

/* Two clients with the same peer, each on a channel. */
static void start_as_configured(void)
{
	uint32_t i;

	world_start();
	listener = at("10.1.0.1", 3478);
	peer = at("10.2.0.2", 4000);
	fill(data, sizeof(data), 9);
	for (i = 0; i < 2; i++) {
		client[i] = at("10.1.0.2", (uint16_t)(5000 + i));
		relayed[i] = at("10.2.0.1", (uint16_t)(RELAY_PORT + i));
		assert_true(share(i, 0));
		assert_true(chan_add(0, i, &peer, CHANNEL, world.w->now + 300));
	}
	world_mark();
}

static void start(uint32_t rate, uint32_t packets, uint32_t user_rate)
{
	world_config();
	world.conf.turn.session_rate = rate;
	world.conf.turn.session_packets = packets;
	world.conf.turn.user_rate = user_rate;
	start_as_configured();
}

/* Both return how many of n packets went on. */
static uint32_t up(int i, uint32_t n, bool indication)
{
	uint64_t before = world.w->counters->cnt[CNT_RELAY_TO_PEER];
	uint8_t msg[LEN + 100];
	struct frame f;
	size_t len;

	len = indication ? send_ind(msg, sizeof(msg), &peer, data, LEN, false, false)
			 : chandata(msg, CHANNEL, data, LEN);
	frame_udp(&f, ACCESS, &client[i], &listener, msg, len, NULL);
	while (n--)
		world_feed(ACCESS, &f);
	world_forget();
	return (uint32_t)(world.w->counters->cnt[CNT_RELAY_TO_PEER] - before);
}

static uint32_t down(int i, uint32_t n, const struct sock_addr *from)
{
	uint64_t before = world.w->counters->cnt[CNT_RELAY_TO_CLIENT];
	struct frame f;

	frame_udp(&f, CORE, from, &relayed[i], data, LEN, NULL);
	while (n--)
		world_feed(CORE, &f);
	world_forget();
	return (uint32_t)(world.w->counters->cnt[CNT_RELAY_TO_CLIENT] - before);
}

static void no_limit(void **state)
{
	(void)state;
	start(0, 0, 0);
	assert_null(world.w->turn->limit);
	assert_int_equal(world.w->path[0].channel, CHANNEL);
	assert_int_equal(up(0, 1000, false), 1000);
	assert_int_equal(down(0, 1000, &peer), 1000);
	world_drops(DROP_NONE, 0);
}

/* A reload's is in force from the next refresh on, and none does not come back by itself. */
static void another_rate(void **state)
{
	struct config *next = malloc(sizeof(*next));

	(void)state;
	start(0, 50, 0);
	assert_int_equal(up(0, 60, false), 50);
	assert_non_null(next);
	*next = world.conf;
	next->turn.session_packets = 100;
	world_reload(next);
	assert_int_equal(world.w->turn->limit[0].packets_second, 50);
	assert_true(share(0, 0));
	assert_int_equal(world.w->turn->limit[0].packets_second, 100);
	assert_int_equal(world.w->turn->limit[1].packets_second, 50);
	world_drops(DROP_SESSION_RATE, 10);
	snapshot_close(&world.dp);
}

/* While packets go on: it is an allocation's from its next refresh on, and only as long as there is
 * one. */
static void the_first_limit(void **state)
{
	struct config *next = malloc(sizeof(*next)), *none = malloc(sizeof(*none));
	char err[256] = "";

	(void)state;
	start(0, 0, 0);
	assert_non_null(next);
	assert_non_null(none);
	*next = *none = world.conf;
	assert_true(limit_add(&world.dp, next, err, sizeof(err)));
	assert_null(world.w->turn->limit);
	next->turn.session_packets = 50;
	assert_true(limit_add(&world.dp, next, err, sizeof(err)));
	assert_non_null(world.w->turn->limit);
	world_reload(next);
	assert_int_equal(up(0, 1000, false), 1000);
	assert_int_equal(up(0, 1000, true), 1000);
	assert_int_equal(world.w->path[0].channel, CHANNEL);
	assert_true(share(0, 0));
	assert_int_equal(world.w->path[0].channel, 0);
	assert_int_equal(up(0, 60, false), 50);
	assert_int_equal(down(0, 60, &peer), 50);
	assert_int_equal(up(1, 1000, false), 1000);
	assert_int_equal(world.w->path[1].channel, CHANNEL);
	/* It is made once, and limits nothing any more once there is none. */
	assert_true(limit_add(&world.dp, next, err, sizeof(err)));
	assert_int_equal(up(0, 10, false), 0);
	world_drops(DROP_SESSION_RATE, 30);
	world_reload(none);
	assert_true(share(0, 0));
	assert_int_equal(world.w->path[0].channel, CHANNEL);
	assert_int_equal(up(0, 1000, false), 1000);
	/* One that comes again owes nothing of then. */
	assert_true(share_both(0, 0, 50));
	assert_int_equal(up(0, 60, false), 50);
	world_drops(DROP_SESSION_RATE, 40);
	snapshot_close(&world.dp);
}

static void packets(void **state)
{
	(void)state;
	start(0, 50, 0);
	assert_int_equal(world.w->path[0].channel, 0);
	assert_int_equal(up(0, 40, false), 40);
	assert_int_equal(up(0, 40, true), 10);
	world_drops(DROP_SESSION_RATE, 30);
	assert_int_equal(down(0, 60, &peer), 50);
	world_drops(DROP_SESSION_RATE, 40);
	assert_int_equal(up(1, 50, false), 50);
	world_clock_ms(world.w->now_ms + 100);
	assert_int_equal(up(0, 10, false), 5);
	world_clock_ms(world.w->now_ms + 10000);
	assert_int_equal(up(0, 100, false), 50);
}

/* The datagram's size on the peer's side, in channel and indication alike. */
static void bytes(void **state)
{
	(void)state;
	start(100000, 0, 0);
	assert_int_equal(up(0, 300, false), 300);
	assert_int_equal(up(0, 300, true), 100000 / SIZE - 300);
	assert_int_equal(down(0, 1000, &peer), 100000 / SIZE);
	world_clock_ms(world.w->now_ms + 200);
	assert_int_equal(up(0, 1000, false), 20000 / SIZE);
	assert_int_equal(up(1, 1000, false), 100000 / SIZE);
}

/* The one is not used up by what the other keeps back. */
static void both(void **state)
{
	(void)state;
	start(100000, 400, 0);
	assert_int_equal(up(0, 1000, false), 400);
	world_clock_ms(world.w->now_ms + 1000);
	assert_int_equal(up(0, 1000, false), 400);
}

static void both_the_other_way(void **state)
{
	(void)state;
	start(65536, 400, 0);
	assert_int_equal(up(0, 2000, false), 65536 / SIZE);
	world_clock_ms(world.w->now_ms + 500);
	assert_int_equal(up(0, 1000, false), (65536 + 32768) / SIZE - 65536 / SIZE);
}

static void strangers_use_nothing_up(void **state)
{
	struct sock_addr stranger = at("10.2.0.3", 4000);

	(void)state;
	start(0, 10, 0);
	assert_int_equal(down(0, 100, &stranger), 0);
	world_drops(DROP_NO_PERMISSION, 100);
	assert_int_equal(down(0, 10, &peer), 10);
}

/* Given with the session, changed at any time; session-rate stays the most there is. */
static void share_of_a_user(void **state)
{
	(void)state;
	start(200000, 0, 300000);
	assert_int_equal(up(0, 2000, false), 200000 / SIZE);
	world_clock_ms(world.w->now_ms + 1000);
	assert_true(share(0, 100000));
	assert_int_equal(up(0, 2000, false), 100000 / SIZE);
	assert_true(share(0, 100000)); /* a refresh gives nothing back */
	assert_int_equal(up(0, 10, false), 0);
	assert_true(share(0, 300000));
	world_clock_ms(world.w->now_ms + 2000);
	assert_int_equal(up(0, 2000, false), 200000 / SIZE);
}

/* The same of packets; session-packets stays the most there is, and bytes have their own. */
static void packets_of_a_user(void **state)
{
	(void)state;
	world_config();
	world.conf.turn.user_packets = 300;
	start_as_configured();
	assert_non_null(world.w->turn->limit);
	assert_true(share_both(0, 0, 100));
	assert_int_equal(up(0, 300, false), 100);
	world_drops(DROP_SESSION_RATE, 200);
	assert_int_equal(down(0, 300, &peer), 100);
	assert_true(share_both(0, 0, 100)); /* a refresh gives nothing back */
	assert_int_equal(up(0, 10, false), 0);
	assert_true(share_both(0, 0, 300));
	world_clock_ms(world.w->now_ms + 2000);
	assert_int_equal(up(0, 400, false), 300);
	assert_true(share_both(1, 100000, 300));
	assert_int_equal(up(1, 400, false), 300);
	world_clock_ms(world.w->now_ms + 2000);
	assert_true(share_both(1, 100000, 3000));
	assert_int_equal(up(1, 1000, false), 100000 / SIZE);
}

static void packets_of_a_user_and_of_a_session(void **state)
{
	(void)state;
	world_config();
	world.conf.turn.user_packets = 300;
	world.conf.turn.session_packets = 200;
	start_as_configured();
	assert_int_equal(up(0, 400, false), 200);
	assert_true(share_both(1, 0, 300));
	assert_int_equal(up(1, 400, false), 200);
	world_clock_ms(world.w->now_ms + 2000);
	assert_true(share_both(1, 0, 50));
	assert_int_equal(up(1, 400, false), 50);
}

/* Another's session in the slot begins with nothing used up. */
static void slot_is_anothers(void **state)
{
	struct ctl_sid sid = { 0, 1 };

	(void)state;
	start(0, 10, 0);
	assert_int_equal(up(0, 20, false), 10);
	assert_true(session_del(world.w, &sid));
	assert_true(share(0, 0));
	assert_true(chan_add(0, 0, &peer, CHANNEL, world.w->now + 300));
	assert_int_equal(up(0, 20, false), 10);
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, world_teardown)
	const struct CMUnitTest tests[] = {
		T(no_limit),
		T(another_rate),
		T(the_first_limit),
		T(packets),
		T(bytes),
		T(both),
		T(both_the_other_way),
		T(strangers_use_nothing_up),
		T(share_of_a_user),
		T(packets_of_a_user),
		T(packets_of_a_user_and_of_a_session),
		T(slot_is_anothers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

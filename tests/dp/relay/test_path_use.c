/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What sessions relay by their paths is told within a second, and at once when a session changes or
 * ends: each packet and byte, once, of IPv4 and IPv6, of few large packets and of many small ones.
 * The next session of a slot has nothing of what the one before relayed.
 */
#include "tests/world/unit.h"
#include "tests/world/control.h"

#include "dp/relay/path.h"
#include "dp/turn/session.h"
#include "lib/chandata.h"

enum {
	CHANNEL = 0x4001,
	SMALL = 20,
	LARGE = 1300,
	PERIOD_MS = 1000, /* in which all is told */
};

/* Sessions 0 to 3: bit 0 is that the client's address is IPv6, bit 1 that the peer's is. */
enum { SESSIONS = 4, CLIENT6 = 1, PEER6 = 2 };

static struct sock_addr client_of(uint32_t i)
{
	return at(i & CLIENT6 ? "fd00:1::2" : "10.1.0.2", (uint16_t)(5000 + i));
}

static struct sock_addr peer_of(uint32_t i)
{
	return at(i & PEER6 ? "fd00:2::2" : "10.2.0.2", (uint16_t)(4000 + i));
}

static uint16_t port_of(uint32_t i)
{
	return (uint16_t)(RELAY_PORT + 2 * i);
}

static void session_begin(uint32_t i, uint32_t gen)
{
	struct sock_addr c = client_of(i), p = peer_of(i);

	assert_true(session_add(0, i, gen, &c, i & CLIENT6, port_of(i), port_of(i), 0));
	assert_true(chan_add(0, i, &p, CHANNEL, WORLD_START_S + 300));
}

static int setup(void **state)
{
	world_setup(state);
	for (uint32_t i = 0; i < SESSIONS; i++)
		session_begin(i, i + 1);
	world_pass_ms(PERIOD_MS);
	return 0;
}

/* n packets of so many bytes, all by the path. */
static void relay(uint32_t i, enum ctl_way way, uint32_t n, uint16_t len)
{
	const struct sock_addr listener = at(i & CLIENT6 ? "fd00:1::1" : "10.1.0.1", 3478);
	const struct sock_addr relayed = at(i & PEER6 ? "fd00:2::1" : "10.2.0.1", port_of(i));
	const struct sock_addr from = way == CTL_TO_PEER ? client_of(i) : peer_of(i);
	uint8_t data[LARGE], msg[LARGE + CHANDATA_HDR_LEN];
	struct frame f;

	fill(data, len, 7);
	if (way == CTL_TO_PEER)
		frame_udp(&f, ACCESS, &from, &listener, msg, chandata(msg, CHANNEL, data, len),
			  NULL);
	else
		frame_udp(&f, CORE, &from, &relayed, data, len, NULL);
	for (; n; n--) {
		world_in(way == CTL_TO_PEER ? ACCESS : CORE, 0, &f);
		worker_turn(world.w);
		world_forget();
	}
}

static void told(uint32_t i, enum ctl_way way, uint64_t packets, uint64_t bytes)
{
	const struct ctl_use *u = &world.w->boundary.use[i];

	assert_int_equal(u->packets[way] >> CTL_USE_SECOND, packets);
	assert_int_equal(u->bytes[way] >> CTL_USE_GEN, bytes);
}

static uint64_t packets_told(uint32_t i, enum ctl_way way)
{
	return world.w->boundary.use[i].packets[way] >> CTL_USE_SECOND;
}

/* Whatever fills its place in the path first. */
static void each_packet_within_a_second(void **state)
{
	static const uint32_t many = 1000;

	(void)state;
	for (uint32_t i = 0; i < SESSIONS; i++) {
		relay(i, CTL_TO_PEER, many, SMALL);
		relay(i, CTL_TO_CLIENT, many, LARGE);
		assert_in_range(packets_told(i, CTL_TO_PEER), 0, many);
		world_pass_ms(PERIOD_MS);
		told(i, CTL_TO_PEER, many, many * SMALL);
		told(i, CTL_TO_CLIENT, many, many * LARGE);
		assert_in_range(world.w->boundary.use[i].packets[CTL_TO_CLIENT] &
				    ((1u << CTL_USE_SECOND) - 1),
				world.w->now - 1, world.w->now);
	}
	for (uint32_t i = 0; i < SESSIONS; i++)
		told(i, CTL_TO_PEER, many, many * SMALL);
}

/* It was silent since: the second stays. */
static void the_second_is_of_the_last_packet(void **state)
{
	uint32_t second;

	(void)state;
	relay(0, CTL_TO_PEER, 3, SMALL);
	second = world.w->now;
	world_pass_ms(10 * PERIOD_MS);
	assert_in_range(world.w->boundary.use[0].packets[CTL_TO_PEER] &
			    ((1u << CTL_USE_SECOND) - 1),
			second, second + 1);
}

static void a_change_and_an_end_tell(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < SESSIONS; i++) {
		const struct ctl_sid sid = { i, i + 1 };
		const struct sock_addr peer = peer_of(i);

		relay(i, CTL_TO_PEER, 3, LARGE);
		relay(i, CTL_TO_CLIENT, 4, SMALL);
		assert_true(chan_add(0, i, &peer, CHANNEL, WORLD_START_S + 310));
		told(i, CTL_TO_PEER, 3, 3 * LARGE);
		told(i, CTL_TO_CLIENT, 4, 4 * SMALL);
		relay(i, CTL_TO_PEER, 1, LARGE);
		assert_true(session_del(world.w, &sid));
		told(i, CTL_TO_PEER, 4, 4 * LARGE);
		told(i, CTL_TO_CLIENT, 4, 4 * SMALL);
		assert_int_equal(world.w->boundary.use[i].bytes[CTL_TO_PEER] & 0xffff, i + 1);
		session_begin(i, 77);
		told(i, CTL_TO_PEER, 0, 0);
		world_pass_ms(PERIOD_MS);
		told(i, CTL_TO_PEER, 0, 0);
		told(i, CTL_TO_CLIENT, 0, 0);
	}
}

/* A permission's end is that of the path, and the client's way goes on by its channel. */
static void beside_the_path(void **state)
{
	(void)state;
	relay(0, CTL_TO_PEER, 2, SMALL);
	assert_true(perm_add(0, 0, "10.2.0.2", world.w->now));
	relay(0, CTL_TO_PEER, 3, SMALL);
	told(0, CTL_TO_PEER, 5, 5 * SMALL);
	relay(0, CTL_TO_CLIENT, 1, SMALL);
	world_pass_ms(PERIOD_MS);
	told(0, CTL_TO_CLIENT, 0, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_packet_within_a_second),
		T(the_second_is_of_the_last_packet),
		T(a_change_and_an_end_tell),
		T(beside_the_path),
	};

	world_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

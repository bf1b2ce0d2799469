/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Segments of somebody who guesses (RFC 5961): a SYN on an open connection, wherever it stands
 * (4.2), and an ACK of what was never sent or long ago (5.2) get a challenge ACK and do nothing;
 * how many of those are sent a second is bounded (7), of one connection and of all. Keep-alives
 * (RFC 9293 3.8.4) are answered whatever guesses cost.
 */
#include "tests/world/tcp_world.h"

static void a_syn_in_the_window(void **state)
{
	(void)state;
	open_passive();
	world_mark();
	seg_in(SYN, 1, 0, 0);
	seg_expect(ACK, 1, 1, 0);
	seg_in(SYN, 1000, 0, 0);
	seg_expect(ACK, 1, 1, 0);
	seg_in(SYN | ACK, 1, 1, 0);
	seg_expect(ACK, 1, 1, 0);
	world_drops(DROP_TCP_SYN, 3);
	assert_int_equal(tcp_state(app.c), TCP_ESTABLISHED);
	/* And outside of it. */
	seg_in(SYN, -5000u, 0, 0);
	seg_expect(ACK, 1, 1, 0);
	assert_int_equal(tcp_state(app.c), TCP_ESTABLISHED);
	assert_int_equal(app.closed, 0);
	peer_reset();
}

static void an_ack_of_the_future(void **state)
{
	(void)state;
	open_passive();
	app_send(100);
	seg_expect(ACK, 1, 1, 100);
	world_mark();
	seg_in(ACK, 1, 102, 50);
	seg_expect(ACK, 101, 1, 0);
	seg_in(ACK, 1, 0x70000000, 50);
	seg_expect(ACK, 101, 1, 0);
	world_drops(DROP_TCP_ACK, 2);
	assert_int_equal(app.received, 0);
	seg_in(ACK, 1, 101, 50);
	seg_expect(ACK, 101, 51, 0);
	assert_int_equal(app.received, 50);
	peer_reset();
}

static void an_ack_of_long_ago(void **state)
{
	(void)state;
	peer.ws = 1; /* so that the largest window is 64 KB */
	open_passive();
	app_send(100);
	seg_expect(ACK, 1, 1, 100);
	seg_in(ACK, 1, 101, 0);
	world_mark();
	seg_in(ACK, 1, 101 - UINT16_MAX - 1, 50);
	seg_expect(ACK, 101, 1, 0);
	world_drops(DROP_TCP_ACK, 1);
	assert_int_equal(app.received, 0);
	/* Within one window it is a duplicate, and what it carries counts. */
	seg_in(ACK, 1, 101 - UINT16_MAX, 50);
	seg_expect(ACK, 101, 51, 0);
	seg_in(ACK, 51, 1, 50);
	seg_expect(ACK, 101, 101, 0);
	assert_int_equal(app.received, 100);
	peer_reset();
}

static uint32_t guess(uint32_t n)
{
	uint32_t answers = 0;

	while (n--) {
		seg_in(RST, 2, 0, 0);
		answers += seg_skip();
	}
	return answers;
}

/* Guesses at one connection use up what is its own, and nothing of what others have. */
static void they_are_bounded(void **state)
{
	uint32_t i, n = 0;

	(void)state;
	open_passive();
	world_pass_ms(2000);
	assert_int_equal(guess(1000), 5);
	for (i = 0; i < 100; i++) {
		world_pass_ms(50);
		n += guess(10);
	}
	assert_int_equal(n, 5000 / 1000 * TCP_CHALLENGE_OWN);
	assert_true(world.w->tcp->challenge_left > TCP_CHALLENGE_PER_S / 2 - 5 - n);
	peer_reset();
}

/* How many of all connections are allowed now. */
static uint32_t budget(void)
{
	uint32_t n = 0;

	while (tcp_challenge_allow(world.w))
		n++;
	return n;
}

static void all_together_are_bounded(void **state)
{
	uint32_t n[3], i;

	(void)state;
	open_passive();
	world_pass_ms(2000);
	for (i = 0; i < 3; i++) {
		n[i] = budget();
		assert_in_range(n[i], TCP_CHALLENGE_PER_S / 2, TCP_CHALLENGE_PER_S * 3 / 2 - 1);
		world_pass_ms(i < 2 ? 1100 : 0);
	}
	/* How many it is nobody can count on (CVE-2016-5696). */
	assert_false(n[0] == n[1] && n[1] == n[2]);
	world_pass_ms(500);
	assert_int_equal(guess(10), 0);
	world_pass_ms(600);
	assert_int_equal(guess(10), 5);
	peer_reset();
}

/* Neither others' guesses nor those at itself keep a connection from being asked whether it lives.
 */
static void keep_alives_are_answered(void **state)
{
	uint32_t i;

	(void)state;
	open_passive();
	for (i = 0; i < 20; i++) {
		world_pass_ms(1000);
		budget();
		guess(20);
		seg_in(ACK, 0, 1, 0);
		seg_expect(ACK, 1, 1, 0);
		/* two ends must not go on for ever */
		seg_in(ACK, 0, 1, 0);
		seg_none();
	}
	peer_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(a_syn_in_the_window),	    tcp_test(an_ack_of_the_future),
		tcp_test(an_ack_of_long_ago),	    tcp_test(they_are_bounded),
		tcp_test(all_together_are_bounded), tcp_test(keep_alives_are_answered),
	};

	return tcp_run(tests);
}

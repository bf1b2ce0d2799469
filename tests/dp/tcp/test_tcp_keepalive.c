/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keep-alive (RFC 9293 3.8.4): after tcp.keepalive seconds without a segment the peer is asked by
 * one below the window; an answer is enough, and only silence to several ends the connection.
 */
#include "tests/world/tcp_world.h"

enum { KEEPALIVE_S = 20 };

static int setup(void **state)
{
	(void)state;
	tcp_config();
	world.conf.tcp.keepalive = KEEPALIVE_S;
	tcp_start();
	open_passive();
	return 0;
}

static void who_answers_lives(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 5; i++) {
		assert_in_range(seg_wait(KEEPALIVE_S * 1100), KEEPALIVE_S * 1000 - 60,
				KEEPALIVE_S * 1000 + 2);
		/* Below the window: it must be answered, and carries nothing new. */
		seg_expect(ACK, 0, 1, 0);
		seg_in(ACK, 1, 1, 0);
		seg_none();
	}
	assert_int_equal(world_count(0, CNT_TCP_KEEPALIVE), 5);
	peer_reset();
}

static void who_talks_is_not_asked(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < 5; i++) {
		world_pass_ms(KEEPALIVE_S * 900);
		seg_in(ACK, 1 + i, 1, 1);
		seg_expect(ACK, 1, 2 + i, 0);
	}
	assert_int_equal(world_count(0, CNT_TCP_KEEPALIVE), 0);
	peer_reset();
}

/* Five questions, ten seconds apart; then as long again, and it is over. */
static void silence_ends_it(void **state)
{
	uint32_t i;

	(void)state;
	seg_wait(KEEPALIVE_S * 1000 + 1);
	seg_expect(ACK, 0, 1, 0);
	for (i = 1; i < 5; i++) {
		assert_in_range(seg_wait(20000), 9998, 10002);
		seg_expect(ACK, 0, 1, 0);
	}
	assert_in_range(seg_wait(20000), 9998, 10002);
	seg_expect(RST | ACK, 1, 1, 0);
	app_gone(TCP_END_KEEPALIVE);
	assert_int_equal(world_count(0, CNT_TCP_KEEPALIVE), 5);
}

/* It rebooted: our question is answered with RST, at the number we asked for. */
static void who_forgot_resets(void **state)
{
	(void)state;
	seg_wait(KEEPALIVE_S * 1000 + 1);
	seg_expect(ACK, 0, 1, 0);
	seg_in(RST, 1, 0, 0);
	app_gone(TCP_END_RESET);
}

#define alive(f) cmocka_unit_test_setup_teardown(f, setup, tcp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		alive(who_answers_lives),
		alive(who_talks_is_not_asked),
		alive(silence_ends_it),
		alive(who_forgot_resets),
	};

	return tcp_run(tests);
}

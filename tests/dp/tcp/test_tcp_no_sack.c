/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A peer without SACK: three duplicate ACKs are a loss (RFC 5681 3.2), a partial ACK shows the
 * next (RFC 6582 3.2), and each of the first two duplicates lets a new segment go (RFC 3042).
 */
#include "tests/world/tcp_world.h"

enum { LEN = MSS_TS, OUT = 10 };

#define S(i) (1 + (i)*LEN)

static int setup(void **state)
{
	tcp_setup(state);
	peer.sack = false;
	open_passive();
	return 0;
}

static void out(uint32_t give)
{
	app_send(give * LEN);
	assert_int_equal(seg_skip(), OUT);
	world_pass_ms(RTT_MS);
}

static void three_duplicates(void **state)
{
	(void)state;
	out(OUT);
	seg_in(ACK, 1, S(0), 0);
	seg_in(ACK, 1, S(0), 0);
	seg_none();
	seg_in(ACK, 1, S(0), 0);
	seg_expect(ACK, S(0), 1, LEN);
	seg_none();
	assert_int_equal(world_count(0, CNT_TCP_RECOVERY), 1);
	world_pass_ms(RTT_MS);
	seg_in(ACK, 1, S(OUT), 0);
	seg_quiet(1000);
	assert_int_equal(app.c->cwnd, 5 * LEN);
	peer_reset();
}

/* RFC 5681 2: what changes the window, or carries data, is no duplicate. */
static void what_is_none(void **state)
{
	int i;

	(void)state;
	out(OUT);
	for (i = 0; i < 5; i++) {
		peer.wnd--;
		seg_in(ACK, 1, S(0), 0);
	}
	seg_none();
	for (i = 0; i < 5; i++) {
		seg_in(ACK, 1 + 10 * (uint32_t)i, S(0), 10);
		assert_int_equal(seg_next()->len, 0);
	}
	seg_none();
	assert_int_equal(world_count(0, CNT_TCP_RECOVERY), 0);
	peer_reset();
}

static void a_partial_ack_shows_the_next(void **state)
{
	int i;

	(void)state;
	out(OUT);
	for (i = 0; i < 6; i++)
		seg_in(ACK, 1, S(0), 0);
	seg_expect(ACK, S(0), 1, LEN);
	seg_none();
	world_pass_ms(RTT_MS);
	seg_in(ACK, 1, S(4), 0);
	seg_expect(ACK, S(4), 1, LEN);
	seg_none();
	world_pass_ms(RTT_MS);
	seg_in(ACK, 1, S(7), 0);
	seg_expect(ACK, S(7), 1, LEN);
	seg_none();
	world_pass_ms(RTT_MS);
	seg_in(ACK, 1, S(OUT), 0);
	seg_none();
	assert_int_equal(app.c->ca, CA_OPEN);
	assert_int_equal(world_count(0, CNT_TCP_RECOVERY), 1);
	assert_int_equal(world_count(0, CNT_TCP_RTO), 0);
	peer_reset();
}

static void limited_transmit(void **state)
{
	(void)state;
	out(OUT + 5);
	seg_in(ACK, 1, S(0), 0);
	seg_expect(ACK, S(OUT), 1, LEN);
	seg_none();
	seg_in(ACK, 1, S(0), 0);
	seg_expect(ACK, S(OUT + 1), 1, LEN);
	seg_none();
	seg_in(ACK, 1, S(0), 0);
	seg_expect(ACK, S(0), 1, LEN);
	peer_reset();
}

/* A window of two has no third duplicate: the timeout is left. */
static void too_few_for_duplicates(void **state)
{
	(void)state;
	app_send(2 * LEN);
	assert_int_equal(seg_skip(), 2);
	world_pass_ms(RTT_MS);
	seg_in(ACK, 1, S(0), 0);
	seg_none();
	seg_wait(1000);
	seg_expect(ACK, S(0), 1, LEN);
	seg_in(ACK, 1, S(2), 0);
	seg_quiet(1000);
	peer_reset();
}

#define reno(f) cmocka_unit_test_setup_teardown(f, setup, tcp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		reno(three_duplicates),
		reno(what_is_none),
		reno(a_partial_ack_shows_the_next),
		reno(limited_transmit),
		reno(too_few_for_duplicates),
	};

	return tcp_run(tests);
}

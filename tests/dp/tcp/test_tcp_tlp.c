/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tail loss probe (RFC 8985 7): when the last segments of a flight go unanswered for two round
 * trips, the last is sent again, or new data, so that SACK can tell what is missing before a
 * timeout; a loss that the probe itself repaired reduces the window (7.4), a DSACK says there was
 * none.
 */
#include "tests/world/tcp_world.h"

enum { LEN = MSS_TS };

#define S(i) (1 + (i)*LEN)
#define B(from, to)            \
	{                      \
		S(from), S(to) \
	}

/* So that the timeout is far away. */
static void open_slow(void)
{
	peer.rtt_ms = 200;
	open_passive();
}

static void the_last_goes_again(void **state)
{
	uint32_t ms;

	(void)state;
	open_slow();
	app_send(4 * LEN);
	assert_int_equal(seg_skip(), 4);
	ms = seg_wait(600);
	assert_in_range(ms, 399, 403); /* 2 * SRTT */
	seg_expect(ACK, S(3), 1, LEN);
	seg_none();
	assert_int_equal(world_count(0, CNT_TCP_REXMIT_PROBE), 1);
	assert_int_equal(world_count(0, CNT_TCP_RTO), 0);
	/* Two were lost: the answer shows the hole, which is filled without a timeout. */
	world_pass_ms(200);
	seg_in(ACK, 1, S(2), 0, .n_sack = 1, .sack = { B(3, 4) });
	seg_wait(100);
	seg_expect(ACK, S(2), 1, LEN);
	world_pass_ms(200);
	seg_in(ACK, 1, S(4), 0);
	seg_quiet(3000);
	assert_int_equal(world_count(0, CNT_TCP_RTO), 0);
	peer_reset();
}

/* One alone: its ACK may be delayed for 200 ms more (7.2). */
static void one_alone_waits_longer(void **state)
{
	uint32_t ms;

	(void)state;
	open_slow();
	app_send(100);
	seg_expect(ACK, 1, 1, 100);
	ms = seg_wait(1000);
	assert_in_range(ms, 598, 603); /* 2 * SRTT + 200; and before the RTO */
	seg_expect(ACK, 1, 1, 100);
	assert_int_equal(world_count(0, CNT_TCP_REXMIT_PROBE), 1);
	seg_in(ACK, 1, 101, 0);
	peer_reset();
}

static void new_data_is_preferred(void **state)
{
	(void)state;
	peer.ws = 1;
	peer.wnd = 3 * LEN;
	open_slow();
	app_send(6 * LEN);
	assert_int_equal(seg_skip(), 3);
	/* The window opens, but congestion control's stays used: the probe is the fourth. */
	app.c->cwnd = 3 * LEN;
	peer.wnd = 6 * LEN;
	seg_in(ACK, 1, 1, 0);
	seg_none();
	seg_wait(600);
	seg_expect(ACK, S(3), 1, LEN);
	assert_int_equal(world_count(0, CNT_TCP_REXMIT_PROBE), 1);
	peer_reset();
}

static void one_probe_then_a_timeout(void **state)
{
	(void)state;
	open_slow();
	app_send(4 * LEN);
	seg_skip();
	seg_wait(600);
	seg_expect(ACK, S(3), 1, LEN);
	seg_wait(2000);
	/* From the first on (RFC 6298 5.4). */
	seg_expect(ACK, S(0), 1, LEN);
	assert_int_equal(world_count(0, CNT_TCP_RTO), 1);
	assert_int_equal(world_count(0, CNT_TCP_REXMIT_PROBE), 1);
	peer_reset();
}

/* 7.4.2: the probe replaced what was lost: that was congestion, too. */
static void what_the_probe_repaired_counts(void **state)
{
	uint32_t cwnd;

	(void)state;
	open_slow();
	app_send(4 * LEN);
	seg_skip();
	cwnd = app.c->cwnd;
	seg_wait(600);
	seg_expect(ACK, S(3), 1, LEN);
	world_pass_ms(200);
	seg_in(ACK, 1, S(4), 0);
	seg_none();
	/* One ACK may be for both; when more is acknowledged there was but one. */
	app_send(LEN);
	seg_expect(ACK, S(4), 1, LEN);
	world_pass_ms(200);
	seg_in(ACK, 1, S(5), 0);
	assert_true(app.c->cwnd <= cwnd * 3 / 4);
	seg_quiet(3000);
	peer_reset();
}

/* It was there: a DSACK of the probe says so. */
static void nothing_was_lost(void **state)
{
	uint32_t cwnd;

	(void)state;
	open_slow();
	app_send(4 * LEN);
	seg_skip();
	cwnd = app.c->cwnd;
	seg_wait(600);
	seg_expect(ACK, S(3), 1, LEN);
	/* Answers were slow: first to the flight, then to the probe. */
	seg_in(ACK, 1, S(3), 0);
	seg_in(ACK, 1, S(4), 0, .tsecr = peer.ts_last - 400);
	world_pass_ms(200);
	seg_in(ACK, 1, S(4), 0, .n_sack = 1, .sack = { B(3, 4) });
	assert_true(app.c->cwnd >= cwnd);
	seg_quiet(3000);
	peer_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(the_last_goes_again),
		tcp_test(one_alone_waits_longer),
		tcp_test(new_data_is_preferred),
		tcp_test(one_probe_then_a_timeout),
		tcp_test(what_the_probe_repaired_counts),
		tcp_test(nothing_was_lost),
	};

	return tcp_run(tests);
}

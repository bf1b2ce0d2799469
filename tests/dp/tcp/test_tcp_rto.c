/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The retransmission timeout (RFC 6298): from samples of the round-trip time (2), never of what
 * was sent twice unless timestamps tell (3, Karn), twice as long each time (5.5), started again by
 * new ACKs (5.3); one segment goes, and the window opens from there (RFC 5681 3.1). Unanswered for
 * tcp.stall-timeout it ends the connection.
 */
#include "tests/world/tcp_world.h"

/* Without SACK no probe and no RACK is in the way. */
static int setup(void **state)
{
	tcp_setup(state);
	peer.sack = false;
	return 0;
}

static int setup_plain(void **state)
{
	tcp_setup(state);
	peer_plain();
	return 0;
}

static void twice_as_long_each_time(void **state)
{
	uint32_t want = TCP_RTO_MIN_MS;
	int i;

	(void)state;
	open_passive();
	app_send(1000);
	seg_expect(ACK, 1, 1, 1000);
	for (i = 0; i < 6; i++, want *= 2) {
		assert_in_range(seg_wait(2 * want), want - 1, want + 2);
		seg_expect(ACK, 1, 1, 1000);
		seg_none();
	}
	assert_int_equal(world_count(0, CNT_TCP_RTO), 6);
	assert_int_equal(world_count(0, CNT_TCP_REXMIT_RTO), 6);
	seg_in(ACK, 1, 1001, 0);
	seg_quiet(60000);
	peer_reset();
}

/* 2.2, 2.3: RTO = SRTT + 4 * RTTVAR. */
static void it_follows_the_round_trip(void **state)
{
	uint32_t i;

	(void)state;
	peer.rtt_ms = 400;
	open_passive();
	assert_in_range(app.c->rto_ms, 1200 - 5, 1200 + 5); /* 400 + 4 * 200 */
	for (i = 0; i < 40; i++) {
		app_send(100);
		seg_expect(ACK, 1 + 100 * i, 1, 100);
		world_pass_ms(400);
		seg_in(ACK, 1, 101 + 100 * i, 0);
	}
	/* The variation is gone: 400 and a little. */
	assert_in_range(app.c->srtt_us >> 3, 399000, 401000);
	assert_in_range(app.c->rto_ms, 400, 620);
	peer_reset();
}

/* 3: nothing is learnt from an ACK that may be of either transmission. */
static void karn(void **state)
{
	uint32_t srtt;

	(void)state;
	open_passive();
	srtt = app.c->srtt_us;
	app_send(1000);
	seg_expect(ACK, 1, 1, 1000);
	seg_wait(300);
	seg_expect(ACK, 1, 1, 1000);
	world_pass_ms(10);
	seg_in(ACK, 1, 1001, 0);
	assert_int_equal(app.c->srtt_us, srtt);
	peer_reset();
}

/* Nor from what waited behind a hole that was filled by the second. */
static void karn_behind_a_hole(void **state)
{
	uint32_t srtt;

	(void)state;
	open_passive();
	srtt = app.c->srtt_us;
	app_send(2 * PEER_MSS);
	assert_int_equal(seg_skip(), 2);
	seg_wait(1000);
	seg_expect(ACK, 1, 1, PEER_MSS);
	world_pass_ms(10);
	seg_in(ACK, 1, 1 + 2 * PEER_MSS, 0);
	assert_int_equal(app.c->srtt_us, srtt);
	peer_reset();
}

/* 5.3: an ACK of a part starts it again. */
static void progress_starts_it_again(void **state)
{
	(void)state;
	open_passive();
	app_send(3 * MSS_TS);
	seg_skip();
	world_pass_ms(150);
	seg_in(ACK, 1, 1 + MSS_TS, 0);
	seg_quiet(150);
	seg_wait(1000);
	seg_expect(ACK, 1 + MSS_TS, 1, MSS_TS);
	seg_in(ACK, 1, 1 + 3 * MSS_TS, 0);
	/* 5.2: nothing out, no timer. */
	seg_quiet(5000);
	peer_reset();
}

/* RFC 5681 3.1: the window is one segment, and grows by what is acknowledged. */
static void slow_start_from_one(void **state)
{
	uint32_t out;

	(void)state;
	open_passive();
	app_send(10 * MSS_TS);
	assert_int_equal(seg_skip(), 10);
	seg_wait(300);
	seg_expect(ACK, 1, 1, MSS_TS);
	seg_none();
	assert_in_range(app.c->cwnd, MSS_TS, MSS_TS);
	assert_in_range(app.c->ssthresh, 5 * MSS_TS, 5 * MSS_TS);
	world_pass_ms(RTT_MS);
	seg_in(ACK, 1, 1 + MSS_TS, 0);
	out = seg_skip();
	assert_in_range(out, 1, 2);
	peer_reset();
}

static void not_for_ever(void **state)
{
	uint32_t ms;

	(void)state;
	open_passive();
	app_send(1000);
	for (ms = 0; !app.closed && ms < 200000; ms++) {
		world_pass_ms(1);
		seg_skip();
	}
	assert_in_range(ms, 60000, 130000);
	app_gone(TCP_END_TIMEOUT);
}

/* An ACK in the middle of a segment: what is behind it goes again, and no more. */
static void a_part_of_a_segment(void **state)
{
	(void)state;
	open_passive();
	app_send(1000);
	seg_expect(ACK, 1, 1, 1000);
	seg_in(ACK, 1, 401, 0);
	seg_wait(1000);
	seg_expect(ACK, 401, 1, 600);
	seg_in(ACK, 1, 1001, 0);
	seg_quiet(1000);
	peer_reset();
}

/* The first, before any sample, is a second (2.1); and it is a minute at most (2.5). */
static void at_most_a_minute(void **state)
{
	(void)state;
	peer.rtt_ms = 900;
	open_passive();
	app.c->rto_ms = 59000;
	app_send(1000);
	seg_expect(ACK, 1, 1, 1000);
	assert_in_range(seg_wait(60000), 58999, 59002);
	seg_expect(ACK, 1, 1, 1000);
	assert_true(app.c->rto_ms <= TCP_RTO_MAX_MS);
	peer_reset();
}

#define plain(f) cmocka_unit_test_setup_teardown(f, setup_plain, tcp_teardown)
#define no_sack(f) cmocka_unit_test_setup_teardown(f, setup, tcp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		no_sack(twice_as_long_each_time),
		no_sack(it_follows_the_round_trip),
		plain(karn),
		plain(karn_behind_a_hole),
		no_sack(progress_starts_it_again),
		no_sack(slow_start_from_one),
		no_sack(not_for_ever),
		no_sack(a_part_of_a_segment),
		no_sack(at_most_a_minute),
	};

	return tcp_run(tests);
}

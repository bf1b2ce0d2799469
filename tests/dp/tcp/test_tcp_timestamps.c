/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Timestamps (RFC 7323 3, 4): which one is echoed when ACKs are delayed or segments are missing,
 * ours go on by the millisecond, also across their wrap, and give the round-trip time.
 */
#include "tests/world/tcp_world.h"

static uint32_t peer_ts(void)
{
	return (uint32_t)world.w->now_ms + peer.ts_base;
}

/* 4.2 (A): a delayed ACK echoes the first segment it is for. */
static void a_delayed_ack_echoes_the_first(void **state)
{
	uint32_t first;

	(void)state;
	open_passive();
	app.c->quick_acks = 0;
	first = peer_ts();
	seg_in(ACK, 1, 1, MSS_TS);
	seg_none();
	world_pass_ms(10);
	seg_in(ACK, 1 + MSS_TS, 1, MSS_TS);
	assert_int_equal(seg_expect(ACK, 1, 1 + 2 * MSS_TS, 0)->tsecr, first);
	peer_reset();
}

/* 4.2 (B), (C): beyond a hole the one before it is echoed; what fills it is then. */
static void a_hole_keeps_the_echo(void **state)
{
	uint32_t before, fill;

	(void)state;
	open_passive();
	seg_in(ACK, 1, 1, 100);
	before = peer_ts();
	assert_int_equal(seg_expect(ACK, 1, 101, 0)->tsecr, before);
	world_pass_ms(10);
	seg_in(ACK, 201, 1, 100);
	assert_int_equal(seg_expect(ACK, 1, 101, 0, .n_sack = 1, .sack = { { 201, 301 } })->tsecr,
			 before);
	world_pass_ms(10);
	fill = peer_ts();
	seg_in(ACK, 101, 1, 100);
	assert_int_equal(seg_expect(ACK, 1, 301, 0)->tsecr, fill);
	/* One that is partly old is echoed, too; one that is all old is not (4.3 (1)). */
	world_pass_ms(10);
	seg_in(ACK, 201, 1, 200);
	fill = peer_ts();
	assert_int_equal(seg_next()->tsecr, fill);
	world_pass_ms(10);
	seg_in(ACK, 201, 1, 200);
	assert_int_equal(seg_next()->tsecr, fill);
	peer_reset();
}

static void ours_count_milliseconds(void **state)
{
	uint32_t first;

	(void)state;
	open_passive();
	seg_in(ACK, 1, 1, 1);
	first = seg_expect(ACK, 1, 2, 0)->tsval;
	world_pass_ms(1234);
	seg_in(ACK, 2, 1, 1);
	assert_int_equal(seg_expect(ACK, 1, 3, 0)->tsval - first, 1234);
	peer_reset();
}

static void ours_wrap(void **state)
{
	uint32_t i;

	(void)state;
	open_passive();
	/* 100 ms before it. */
	app.c->ts_offset = (uint32_t)(-100 - (int32_t)(uint32_t)world.w->now_ms);
	for (i = 0; i < 10; i++) {
		const struct seg *s;

		app_send(100);
		s = seg_expect(ACK, 1 + 100 * i, 1, 100);
		assert_int_equal(s->tsval, i * RTT_MS - 100);
		world_pass_ms(RTT_MS);
		seg_in(ACK, 1, 101 + 100 * i, 0);
		assert_in_range(app.c->srtt_us >> 3, RTT_MS * 1000 - 1000, RTT_MS * 1000 + 1000);
	}
	assert_int_equal(world_count(0, CNT_TCP_RTO), 0);
	peer_reset();
}

/* Agreed by both, it is in every segment but RST (3.2). */
static void in_every_segment(void **state)
{
	(void)state;
	open_passive();
	app_send(100);
	assert_true(seg_expect(ACK, 1, 1, 100)->ts);
	seg_in(ACK, 1, 101, 100);
	assert_true(seg_expect(ACK, 101, 101, 0)->ts);
	app_close();
	assert_true(seg_expect(FIN | ACK, 101, 101, 0)->ts);
	seg_in(FIN | ACK, 101, 102, 0);
	assert_true(seg_expect(ACK, 102, 102, 0)->ts);
	/* TIME-WAIT's as well. */
	seg_in(FIN | ACK, 101, 102, 0);
	assert_true(seg_expect(ACK, 102, 102, 0)->ts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(a_delayed_ack_echoes_the_first),
		tcp_test(a_hole_keeps_the_echo),
		tcp_test(ours_count_milliseconds),
		tcp_test(ours_wrap),
		tcp_test(in_every_segment),
	};

	return tcp_run(tests);
}

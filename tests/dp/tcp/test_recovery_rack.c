/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RACK (RFC 8985 6): what was sent before something delivered is lost once the reordering window
 * has passed; how that window comes, grows with DSACKs and goes; that a lost retransmission is
 * found; and that round trips shorter than the clock's tick make no loss. R37.
 */
#include "tests/world/recovery_bench.h"

enum { RTT = 40 * MS };

/* A round trip, so that RTTs are known: position 0 to MSS. */
static void warm_up(void)
{
	bench_send(1);
	bench_wait(RTT);
	bench_ack(MSS, 0);
	assert_int_equal(b.c.min_rtt_us, RTT);
}

/* 6.2 step 4: no reordering seen, three segments SACKed: no window. */
static void three_sacked(void **state)
{
	(void)state;
	warm_up();
	bench_send(5);
	bench_wait(RTT);
	bench_ack(MSS, 1, 2 * MSS, 3 * MSS);
	bench_ack(MSS, 1, 2 * MSS, 4 * MSS);
	assert_int_equal(b.c.lost_bytes, 0);
	bench_ack(MSS, 1, 2 * MSS, 5 * MSS);
	assert_int_equal(b.a.lost, MSS);
	assert_int_equal(b.c.ca, CA_RECOVERY);
	assert_int_equal(bench_count(CNT_TCP_RACK_LOST), 1);
	assert_int_equal(bench_count(CNT_TCP_RECOVERY), 1);
	assert_int_equal(bench_resend(), 1);
	assert_int_equal(b.resent[0], MSS);
	assert_int_equal(bench_count(CNT_TCP_REXMIT_FAST), 1);
}

/* One SACK that covers three segments says as much. */
static void three_at_once(void **state)
{
	(void)state;
	warm_up();
	bench_send(5);
	bench_wait(RTT);
	bench_ack(MSS, 1, 3 * MSS, 6 * MSS);
	assert_int_equal(b.a.lost, 2 * MSS);
}

/* Three ACKs that SACK something are three segments, be they small. */
static void three_small(void **state)
{
	uint32_t i;

	(void)state;
	warm_up();
	for (i = 0; i < 5; i++)
		bench_send_bytes(10);
	bench_wait(RTT);
	for (i = 1; i <= 3; i++) {
		assert_int_equal(b.c.lost_bytes, 0);
		bench_ack(MSS, 1, MSS + 10, MSS + 10 + i * 10);
	}
	assert_int_equal(b.c.lost_bytes, 10);
	bench_resend();
	bench_ack(MSS + 20, 0);
	assert_int_equal(rack_window(&b.c), 0); /* in recovery none, whatever is SACKed */
}

/* Fewer: a quarter of the smallest RTT later, by the timer. */
static void timer(void **state)
{
	(void)state;
	warm_up();
	bench_send(2);
	bench_wait(RTT);
	bench_ack(MSS, 1, 2 * MSS, 3 * MSS);
	assert_int_equal(b.c.lost_bytes, 0);
	recovery_arm(&b.w, &b.c);
	assert_int_equal(b.c.rexmit_mode, REXMIT_REORDER);
	assert_int_equal(b.timer_ms, RTT / 4 / MS);
	bench_wait(b.timer_ms * MS);
	assert_int_equal(recovery_reorder_timeout(&b.w, &b.c), MSS);
	assert_int_equal(b.c.ca, CA_RECOVERY);
	assert_int_equal(bench_resend(), 1);
	recovery_arm(&b.w, &b.c);
	assert_int_equal(b.c.rexmit_mode, REXMIT_RTO);
}

/* What was sent later than what was delivered is not suspect. */
static void order(void **state)
{
	(void)state;
	warm_up();
	bench_send(4);
	bench_wait(5 * MS);
	bench_send(4);
	bench_wait(RTT);
	bench_ack(MSS, 1, 2 * MSS, 5 * MSS);
	assert_int_equal(b.c.lost_bytes, MSS);
	bench_ack(MSS, 2, 6 * MSS, 7 * MSS, 2 * MSS, 5 * MSS);
	assert_int_equal(b.c.lost_bytes, 2 * MSS); /* and 5, but not 7 or 8 */
	assert_false(bench_flags(7 * MSS) & SENT_LOST);
}

/* Two transmissions within a microsecond: what went first is known all the same. */
static void same_time(void **state)
{
	(void)state;
	warm_up();
	bench_send(4);
	bench_wait(RTT);
	bench_send(1); /* 5 goes before the retransmission of 1 */
	bench_ack(MSS, 1, 2 * MSS, 5 * MSS);
	assert_int_equal(bench_resend(), 1);
	bench_wait(RTT);
	bench_ack(MSS, 1, 2 * MSS, 6 * MSS);
	assert_int_equal(b.a.lost, 0);
}

/* A retransmission that is lost is found by what was sent after it, without the timer. */
static void rexmit_lost(void **state)
{
	(void)state;
	warm_up();
	bench_send(6);
	bench_wait(RTT);
	bench_ack(MSS, 1, 2 * MSS, 7 * MSS);
	assert_int_equal(bench_resend(), 1);
	bench_wait(MS);
	bench_send(1);
	bench_wait(RTT);
	bench_ack(MSS, 1, 2 * MSS, 8 * MSS);
	assert_int_equal(b.a.lost, MSS);
	assert_int_equal(bench_resend(), 1);
	assert_int_equal(bench_at(MSS)->rexmits, 2);
	assert_int_equal(bench_count(CNT_TCP_RECOVERY), 1);
}

/* Step 3: what arrives late and was sent once shows reordering; from then on there is a window. */
static void reordering(void **state)
{
	(void)state;
	warm_up();
	bench_send(6);
	bench_wait(RTT);
	bench_ack(MSS, 1, 2 * MSS, 3 * MSS);
	assert_false(b.c.reordering_seen);
	bench_ack(3 * MSS, 0);
	assert_true(b.c.reordering_seen);
	bench_ack(3 * MSS, 1, 4 * MSS, 7 * MSS); /* three, and yet */
	assert_int_equal(b.c.lost_bytes, 0);
	bench_wait(RTT / 4);
	assert_int_equal(recovery_reorder_timeout(&b.w, &b.c), MSS);
}

/* A block further down in the same ACK is not late: the ACKs between were lost. */
static void blocks_in_order(void **state)
{
	(void)state;
	warm_up();
	bench_send(9);
	bench_wait(RTT);
	bench_ack(MSS, 2, 6 * MSS, 7 * MSS, 3 * MSS, 4 * MSS);
	assert_false(b.c.reordering_seen);
}

/* Step 4: a round with a DSACK widens it by a quarter, 16 recoveries without narrow it again. */
static void adapts(void **state)
{
	uint32_t at = 8 * MSS, i;

	(void)state;
	warm_up();
	b.c.reordering_seen = 1;
	bench_send(7);
	bench_wait(RTT);
	assert_int_equal(rack_window(&b.c), RTT / 4);
	bench_ack(2 * MSS, 1, 0, MSS);
	assert_int_equal(rack_window(&b.c), RTT / 2);
	bench_ack(2 * MSS, 1, 0, MSS); /* the same round */
	assert_int_equal(rack_window(&b.c), RTT / 2);
	bench_ack(8 * MSS, 1, 0, MSS);
	assert_int_equal(rack_window(&b.c), RTT * 3 / 4);
	for (i = 0; i < 4; i++) {
		bench_send(1);
		bench_wait(RTT);
		at += MSS;
		bench_ack(at, 1, 0, MSS);
	}
	assert_int_equal(rack_window(&b.c), b.c.srtt_us >> 3); /* never more */
	for (i = 0; i < 16; i++) {
		assert_true(rack_window(&b.c) > RTT / 4);
		bench_send(4);
		bench_wait(RTT);
		bench_ack(at, 1, at + MSS, at + 4 * MSS);
		bench_wait(RTT);
		assert_true(recovery_reorder_timeout(&b.w, &b.c) > 0);
		bench_resend();
		bench_wait(RTT);
		at += 4 * MSS;
		bench_ack(at, 0);
		assert_int_equal(b.c.ca, CA_OPEN);
	}
	assert_int_equal(rack_window(&b.c), RTT / 4);
}

/* An ACK of what was sent twice, faster than light, is for the first time: RACK learns nothing. */
static void too_fast(void **state)
{
	uint32_t us;

	(void)state;
	warm_up();
	bench_send(5);
	bench_wait(RTT);
	bench_ack(MSS, 1, 3 * MSS, 6 * MSS);
	assert_int_equal(bench_resend(), 2);
	us = b.c.rack_xmit_us;
	bench_wait(RTT / 2);
	bench_ack(2 * MSS, 1, 3 * MSS, 6 * MSS);
	assert_int_equal(b.c.rack_xmit_us, us);
	bench_wait(RTT / 2);
	bench_ack(3 * MSS, 1, 3 * MSS, 6 * MSS);
	assert_int_equal(b.c.rack_xmit_us, us + RTT);
}

/* Timestamps tell more exactly: this ACK answers the first transmission. */
static void echo(void **state)
{
	uint32_t us;

	(void)state;
	b.c.flags |= CONN_TS;
	b.seg.has_ts = true;
	b.seg.tsecr = conn_tsval(&b.w, &b.c);
	warm_up();
	bench_send(5);
	b.seg.tsecr = conn_tsval(&b.w, &b.c);
	bench_wait(RTT);
	bench_ack(MSS, 1, 3 * MSS, 6 * MSS);
	assert_int_equal(bench_resend(), 2);
	us = b.c.rack_xmit_us;
	bench_wait(2 * RTT);
	bench_ack(2 * MSS, 1, 3 * MSS, 6 * MSS);
	assert_int_equal(b.c.rack_xmit_us, us);
	b.seg.tsecr = conn_tsval(&b.w, &b.c) - 2 * RTT / MS;
	bench_ack(3 * MSS, 1, 3 * MSS, 6 * MSS);
	assert_int_equal(b.c.rack_xmit_us, us + RTT);
}

/* A round trip of a microsecond, ACKs in any order: no loss before a tick of the clock. */
static void tiny_rtt(void **state)
{
	(void)state;
	bench_send(1);
	bench_ack(MSS, 0);
	assert_int_equal(b.c.min_rtt_us, 1);
	bench_send(3);
	bench_ack(MSS, 1, 3 * MSS, 4 * MSS);
	bench_wait(1);
	assert_int_equal(recovery_reorder_timeout(&b.w, &b.c), 0);
	recovery_arm(&b.w, &b.c);
	assert_int_equal(b.c.rexmit_mode, REXMIT_REORDER);
	assert_int_equal(b.timer_ms, 1);
	bench_wait(1 * MS);
	assert_int_equal(recovery_reorder_timeout(&b.w, &b.c), 2 * MSS);
}

/* Hours of silence: times from before are not compared with those of now. */
static void old_times(void **state)
{
	(void)state;
	warm_up();
	bench_wait(0x90000000u);
	bench_send(5);
	bench_wait(RTT);
	bench_ack(2 * MSS, 0);
	assert_int_equal(b.c.lost_bytes, 0);
	bench_ack(2 * MSS, 1, 3 * MSS, 6 * MSS);
	assert_int_equal(b.c.lost_bytes, MSS);
}

/* 6.3: the timer takes the first, and what had the time; what has just been sent stays. */
static void timeout(void **state)
{
	(void)state;
	warm_up();
	bench_send(3);
	bench_wait(290 * MS);
	bench_send(2);
	bench_wait(10 * MS);
	recovery_timeout(&b.w, &b.c);
	bench_check();
	assert_int_equal(b.c.lost_bytes, 3 * MSS);
	assert_int_equal(b.c.cwnd, MSS);
	assert_int_equal(bench_resend(), 1); /* in flight or not, the first goes */
	assert_int_equal(b.resent[0], MSS);
	assert_int_equal(bench_count(CNT_TCP_REXMIT_RTO), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(three_sacked, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(three_at_once, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(three_small, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(timer, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(order, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(same_time, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(rexmit_lost, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(reordering, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(blocks_in_order, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(adapts, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(too_fast, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(echo, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(tiny_rtt, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(old_times, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(timeout, bench_setup, bench_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Proportional rate reduction (RFC 6937, bounds chosen as in RFC 9937): in recovery what goes out
 * follows what was delivered, down to ssthresh and not below; a first retransmission at once;
 * ssthresh at the end, and one reduction a window. R36.
 */
#include "tests/world/recovery_bench.h"

enum { RTT = 40 * MS, FLIGHT = 20 };

/* FLIGHT segments out, the window full, ssthresh would be half (Reno). */
static void start(void)
{
	b.c.cwnd = FLIGHT * MSS;
	b.c.reordering_seen = 0;
	assert_int_equal(bench_output(), FLIGHT);
	bench_wait(RTT);
}

/* One of 20 is lost: for each two delivered one goes out, and half is in flight at the end. */
static void proportional(void **state)
{
	uint32_t i, out, share;

	(void)state;
	start();
	for (i = 2; i <= 4; i++) {
		bench_ack(0, 1, MSS, i * MSS);
		bench_output();
	}
	assert_int_equal(b.c.ca, CA_RECOVERY);
	assert_int_equal(b.c.ssthresh, FLIGHT / 2 * MSS); /* limited transmit does not count */
	assert_int_equal(b.n_resent, 1);
	for (; i <= FLIGHT + 2; i++) {
		bench_ack(0, 1, MSS, i * MSS);
		out = b.c.prr_out;
		assert_true(b.c.cwnd >= recovery_pipe(&b.c));
		assert_true(b.c.cwnd <= recovery_pipe(&b.c) + 2 * MSS);
		bench_output();
		assert_true(b.c.prr_out - out <= MSS);
		share = b.c.prr_delivered * (FLIGHT / 2) / (FLIGHT + 2);
		assert_true(b.c.prr_out <= share + 2 * MSS);
		assert_true(b.c.prr_out + 2 * MSS >= share);
	}
	assert_true(recovery_pipe(&b.c) + MSS > b.c.ssthresh);
	assert_true(recovery_pipe(&b.c) <= b.c.ssthresh);
	bench_wait(RTT);
	bench_ack((FLIGHT + 2) * MSS, 0);
	assert_int_equal(b.c.ca, CA_OPEN);
	assert_int_equal(b.c.cwnd, b.c.ssthresh);
	assert_int_equal(bench_count(CNT_TCP_RECOVERY), 1);
}

/* Most is lost, so that little is in flight: one for each delivered, no burst. */
static void conservative(void **state)
{
	uint32_t before, i;

	(void)state;
	start();
	bench_ack(0, 1, 15 * MSS, 18 * MSS);
	assert_int_equal(b.a.lost, 15 * MSS);
	assert_int_equal(bench_output(), 0);
	assert_int_equal(b.n_resent, 3); /* three were delivered */
	for (i = 19; i <= 20; i++) {
		before = b.n_resent;
		bench_ack(0, 1, 15 * MSS, i * MSS);
		bench_output();
		assert_int_equal(b.n_resent - before, 1);
	}
}

/* An ACK that moves on and tells of more loss is no reason for more. */
static void not_safe(void **state)
{
	(void)state;
	start();
	bench_ack(0, 1, 15 * MSS, 18 * MSS);
	bench_output();
	bench_wait(RTT);
	b.n_resent = 0;
	bench_ack(MSS, 1, 15 * MSS, 18 * MSS);
	assert_int_equal(b.a.lost, 2 * MSS);
	bench_output();
	assert_int_equal(b.n_resent, 1);
}

/* What was sent again arrives: slow start up to ssthresh. */
static void slow_start(void **state)
{
	uint32_t before, i;

	(void)state;
	start();
	bench_ack(0, 1, 15 * MSS, 20 * MSS);
	bench_output();
	assert_int_equal(b.n_resent, 5);
	bench_wait(RTT);
	for (i = 1; i <= 3; i++) {
		before = b.n_resent;
		bench_ack(i * MSS, 1, 15 * MSS, 20 * MSS);
		bench_output();
		assert_int_equal(b.n_resent - before, 2);
		assert_true(recovery_pipe(&b.c) <= b.c.ssthresh);
	}
}

/* The first retransmission does not wait, even if proportion says so. */
static void first_at_once(void **state)
{
	(void)state;
	b.c.cwnd = 4 * MSS;
	bench_output();
	bench_wait(RTT);
	bench_ack(0, 1, MSS, 4 * MSS);
	assert_int_equal(bench_resend(), 1);
}

/* Never below a segment, and something goes even when all in flight was lost. */
static void something(void **state)
{
	(void)state;
	start();
	bench_ack(0, 1, 17 * MSS, 20 * MSS);
	bench_resend();
	assert_int_equal(b.n_resent, 3);
	bench_wait(RTT);
	bench_send(1); /* RACK's measure of what went before it */
	bench_wait(RTT);
	b.c.cwnd = 0x7fffffff;
	bench_ack(0, 1, 17 * MSS, 21 * MSS);
	assert_int_equal(b.a.lost, 3 * MSS);
	assert_int_equal(recovery_pipe(&b.c), 0);
	assert_true(b.c.cwnd >= MSS && b.c.cwnd <= 2 * MSS);
	assert_true(bench_resend() >= 1);
}

/* More is lost in the same window: no second reduction. In the next: one more. */
static void once_a_window(void **state)
{
	uint32_t ssthresh;

	(void)state;
	start();
	bench_ack(0, 1, MSS, 4 * MSS);
	ssthresh = b.c.ssthresh;
	bench_resend();
	bench_ack(0, 2, 5 * MSS, 8 * MSS, MSS, 4 * MSS);
	assert_int_equal(b.a.lost, MSS);
	assert_int_equal(b.c.ssthresh, ssthresh);
	bench_resend();
	bench_wait(RTT);
	bench_ack(FLIGHT * MSS, 0);
	assert_int_equal(b.c.ca, CA_OPEN);
	bench_output();
	bench_wait(RTT);
	bench_ack(FLIGHT * MSS, 1, (FLIGHT + 1) * MSS, (FLIGHT + 4) * MSS);
	assert_int_equal(b.c.ca, CA_RECOVERY);
	assert_int_equal(b.c.ssthresh, ssthresh / 2 > 2 * MSS ? ssthresh / 2 : 2 * MSS);
	assert_int_equal(bench_count(CNT_TCP_RECOVERY), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(proportional, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(conservative, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(not_safe, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(slow_start, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(first_at_once, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(something, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(once_a_window, bench_setup, bench_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

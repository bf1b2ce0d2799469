/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receivers without SACK: what a duplicate ACK is (RFC 5681 2), limited transmit (RFC 3042), fast
 * retransmit on the third, partial ACKs (RFC 6582), and duplicates that mean nothing. R36.
 */
#include "tests/world/recovery_bench.h"

enum { RTT = 40 * MS };

static int setup(void **state)
{
	if (bench_setup(state) != 0)
		return -1;
	b.c.flags = 0;
	bench_output();
	bench_wait(RTT);
	return 0;
}

static void fast_retransmit(void **state)
{
	(void)state;
	bench_ack(0, 0);
	assert_int_equal(bench_output(), 1); /* limited transmit, twice */
	bench_ack(0, 0);
	assert_int_equal(bench_output(), 1);
	assert_int_equal(b.c.cwnd, 10 * MSS);
	assert_int_equal(b.n_resent, 0);
	bench_ack(0, 0);
	assert_int_equal(b.c.ca, CA_RECOVERY);
	assert_int_equal(b.c.ssthresh, 5 * MSS);
	bench_output();
	assert_int_equal(b.n_resent, 1);
	assert_int_equal(b.resent[0], 0);
	bench_ack(0, 0);
	bench_output();
	assert_int_equal(b.n_resent, 1); /* once */
	bench_wait(RTT);
	bench_ack(12 * MSS, 0);
	assert_int_equal(b.c.ca, CA_OPEN);
	assert_int_equal(b.c.sacked_bytes, 0);
	assert_int_equal(b.c.cwnd, 5 * MSS);
}

/* Each says that a segment left the network, never that more did than was sent. */
static void pipe(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 1; i <= 8; i++) {
		bench_ack(0, 0);
		assert_int_equal(b.a.delivered, MSS);
	}
	assert_int_equal(b.c.sacked_bytes, 8 * MSS);
	for (i = 0; i < 50; i++)
		bench_ack(0, 0);
	assert_int_equal(b.c.sacked_bytes, 9 * MSS);
	assert_int_equal(b.a.delivered, 0);
}

static void not_duplicates(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < 5; i++) {
		b.seg.len = 10;
		bench_ack(0, 0);
		b.seg.len = 0;
		b.seg.flags = TCP_ACK | TCP_FIN;
		bench_ack(0, 0);
		b.seg.flags = TCP_ACK;
		b.seg.wnd--;
		bench_ack(0, 0);
		b.seg.wnd++;
	}
	assert_int_equal(b.c.sacked_bytes, 0);
	assert_int_equal(b.c.ca, CA_OPEN);
}

/* RFC 6582 3.2 step 3: each ACK that stops short asks for the next. */
static void partial(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < 7; i++)
		bench_ack(0, 0);
	bench_resend();
	bench_wait(RTT);
	bench_ack(3 * MSS, 0);
	assert_int_equal(b.a.delivered, MSS); /* duplicates told of two */
	assert_int_equal(b.c.ca, CA_RECOVERY);
	assert_true(bench_flags(3 * MSS) & SENT_LOST);
	bench_resend();
	bench_wait(RTT);
	bench_ack(6 * MSS, 0);
	bench_resend();
	assert_int_equal(b.n_resent, 3);
	assert_int_equal(b.resent[1], 3 * MSS);
	assert_int_equal(b.resent[2], 6 * MSS);
	assert_int_equal(bench_count(CNT_TCP_RECOVERY), 1);
	bench_ack(10 * MSS, 0);
	assert_int_equal(b.c.ca, CA_OPEN);
}

/* What was sent twice makes duplicates after the end: no new recovery until the ACK moves. */
static void afterwards(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < 3; i++)
		bench_ack(0, 0);
	bench_resend();
	bench_ack(10 * MSS, 0);
	assert_int_equal(b.c.ca, CA_OPEN);
	bench_output();
	for (i = 0; i < 5; i++)
		bench_ack(10 * MSS, 0);
	assert_int_equal(b.c.ca, CA_OPEN);
	assert_int_equal(b.c.sacked_bytes, 0);
	bench_ack(11 * MSS, 0);
	bench_output();
	for (i = 0; i < 3; i++)
		bench_ack(11 * MSS, 0);
	assert_int_equal(b.c.ca, CA_RECOVERY);
}

/* Of a burst, the first segment. */
static void burst(void **state)
{
	uint32_t i;

	(void)state;
	bench_ack(10 * MSS, 0);
	bench_send_bytes(8 * MSS);
	for (i = 0; i < 3; i++)
		bench_ack(10 * MSS, 0);
	assert_int_equal(b.c.lost_bytes, MSS);
	assert_int_equal(bench_resend(), 1);
}

/* Segments smaller than the segment size: still three. */
static void small(void **state)
{
	uint32_t i;

	(void)state;
	bench_ack(10 * MSS, 0);
	for (i = 0; i < 6; i++)
		bench_send_bytes(10);
	for (i = 0; i < 3; i++) {
		assert_int_equal(b.c.ca, CA_OPEN);
		bench_ack(10 * MSS, 0);
	}
	assert_int_equal(b.c.ca, CA_RECOVERY);
	assert_int_equal(bench_resend(), 1);
}

/* The timer: all of it again, one segment first; duplicates say nothing (RFC 5681 3.1). */
static void timeout(void **state)
{
	uint32_t i;

	(void)state;
	bench_ack(0, 0);
	bench_wait(1000 * MS);
	recovery_timeout(&b.w, &b.c);
	bench_check();
	assert_int_equal(b.c.lost_bytes, 10 * MSS);
	assert_int_equal(bench_resend(), 1);
	for (i = 0; i < 4; i++)
		bench_ack(0, 0);
	assert_int_equal(b.c.sacked_bytes, 0);
	assert_int_equal(bench_resend(), 0);
	bench_wait(RTT);
	bench_ack(MSS, 0);
	assert_int_equal(bench_resend(), 2);
	bench_ack(10 * MSS, 0);
	assert_int_equal(b.c.ca, CA_OPEN);
	assert_int_equal(bench_count(CNT_TCP_REXMIT_RTO), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(fast_retransmit, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(pipe, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(not_duplicates, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(partial, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(afterwards, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(burst, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(small, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(timeout, setup, bench_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

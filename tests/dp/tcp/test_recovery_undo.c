/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reductions that were needless are undone: when DSACKs account for all that was sent again (RFC
 * 3708), or a timestamp shows that the original had arrived (RFC 3522, 4015). What was not needless
 * stays reduced. R36.
 */
#include "tests/world/recovery_bench.h"

enum { RTT = 40 * MS };

/* Ten out, the first two are late, and taken for lost. */
static void fall_into_recovery(void)
{
	bench_output();
	b.seg.tsecr = conn_tsval(&b.w, &b.c);
	bench_wait(RTT);
	bench_ack(0, 1, 2 * MSS, 7 * MSS);
	assert_int_equal(b.c.ca, CA_RECOVERY);
	assert_int_equal(b.c.ssthresh, 5 * MSS);
	assert_int_equal(bench_resend(), 2);
}

static void assert_undone(void)
{
	assert_int_equal(b.c.ca, CA_OPEN);
	assert_true(b.c.cwnd >= 10 * MSS);
	assert_int_equal(b.c.ssthresh, UINT32_MAX);
	assert_int_equal(bench_count(CNT_TCP_UNDO), 1);
}

static void dsack(void **state)
{
	(void)state;
	fall_into_recovery();
	bench_ack(7 * MSS, 0);
	bench_wait(RTT);
	bench_ack(7 * MSS, 1, 0, MSS);
	assert_int_equal(b.c.ca, CA_RECOVERY);
	assert_int_equal(bench_count(CNT_TCP_UNDO), 0);
	bench_ack(7 * MSS, 1, MSS, 2 * MSS);
	assert_undone();
	assert_true(b.c.reordering_seen);
	bench_ack(7 * MSS, 1, MSS, 2 * MSS); /* once */
	assert_int_equal(bench_count(CNT_TCP_UNDO), 1);
}

/* The last of them comes when recovery is over. */
static void dsack_late(void **state)
{
	(void)state;
	fall_into_recovery();
	bench_ack(10 * MSS, 0);
	assert_int_equal(b.c.ca, CA_OPEN);
	assert_int_equal(b.c.cwnd, 5 * MSS);
	bench_ack(10 * MSS, 1, 0, MSS);
	assert_int_equal(b.c.cwnd, 5 * MSS);
	bench_ack(10 * MSS, 1, MSS, 2 * MSS);
	assert_undone();
}

/* Something from before the reduction was repeated by the path: no evidence. */
static void dsack_of_before(void **state)
{
	(void)state;
	bench_send(2);
	bench_wait(RTT);
	bench_ack(2 * MSS, 0);
	bench_output();
	bench_wait(RTT);
	bench_ack(2 * MSS, 1, 3 * MSS, 6 * MSS);
	assert_int_equal(bench_resend(), 1);
	bench_ack(2 * MSS, 2, 0, MSS, 3 * MSS, 6 * MSS);
	bench_ack(2 * MSS, 2, MSS, 2 * MSS, 3 * MSS, 6 * MSS);
	assert_int_equal(b.c.ca, CA_RECOVERY);
	assert_int_equal(bench_count(CNT_TCP_UNDO), 0);
}

static void timestamp(void **state)
{
	(void)state;
	b.c.flags |= CONN_TS;
	b.seg.has_ts = true;
	fall_into_recovery();
	bench_wait(MS);
	bench_ack(7 * MSS, 0); /* echoes what the originals carried */
	assert_undone();
	assert_true(b.c.reordering_seen);
}

/* The ACK echoes the retransmission: it was lost indeed. */
static void timestamp_of_rexmit(void **state)
{
	(void)state;
	b.c.flags |= CONN_TS;
	b.seg.has_ts = true;
	fall_into_recovery();
	b.seg.tsecr = conn_tsval(&b.w, &b.c);
	bench_wait(RTT);
	bench_ack(10 * MSS, 0);
	assert_int_equal(bench_count(CNT_TCP_UNDO), 0);
	assert_int_equal(b.c.cwnd, 5 * MSS);
}

/* Sent three times, and the ACK is for the second: something was lost. */
static void timestamp_between(void **state)
{
	(void)state;
	b.c.flags |= CONN_TS;
	b.seg.has_ts = true;
	fall_into_recovery();
	b.seg.tsecr = conn_tsval(&b.w, &b.c);
	bench_wait(1000 * MS);
	recovery_timeout(&b.w, &b.c);
	assert_int_equal(bench_resend(), 1);
	bench_wait(MS);
	bench_ack(7 * MSS, 0);
	assert_int_equal(bench_count(CNT_TCP_UNDO), 0);
}

/* Two that were sent again one after the other share a record, whose time is the second's. */
static void timestamp_of_folded(void **state)
{
	(void)state;
	b.c.flags |= CONN_TS;
	b.c.min_rtt_us = RTT;
	b.tcp.records_pool = 0;
	bench_send(5);
	bench_wait(RTT);
	b.seg.has_ts = true;
	b.seg.tsecr = conn_tsval(&b.w, &b.c) - RTT / MS;
	bench_ack(0, 1, 2 * MSS, 5 * MSS);
	assert_int_equal(b.c.lost_bytes, 2 * MSS);
	b.c.cwnd = MSS;
	assert_int_equal(bench_resend(), 1);
	b.seg.tsecr = conn_tsval(&b.w, &b.c);
	bench_wait(2 * MS);
	b.c.cwnd = 10 * MSS;
	assert_int_equal(bench_resend(), 1);
	bench_send(1);
	assert_true(bench_flags(0) & SENT_FOLDED);
	bench_wait(RTT);
	bench_ack(MSS, 1, 2 * MSS, 5 * MSS);
	assert_int_equal(b.c.ca, CA_RECOVERY);
	assert_int_equal(bench_count(CNT_TCP_UNDO), 0);
}

/* A delay, longer than the timer: nothing but the first goes twice (Eifel). */
static void spurious_timeout(void **state)
{
	(void)state;
	b.c.flags |= CONN_TS;
	b.seg.has_ts = true;
	bench_output();
	b.seg.tsecr = conn_tsval(&b.w, &b.c);
	bench_wait(1000 * MS);
	recovery_timeout(&b.w, &b.c);
	assert_int_equal(b.c.lost_bytes, 10 * MSS);
	assert_int_equal(bench_resend(), 1);
	bench_wait(10 * MS);
	bench_ack(MSS, 0);
	assert_undone();
	assert_int_equal(b.c.lost_bytes, 0);
	assert_int_equal(bench_resend(), 0);
	assert_int_equal(recovery_pipe(&b.c), 9 * MSS);
	assert_int_equal(b.c.sent_oldest->seq, b.base + MSS);
	bench_ack(10 * MSS, 0);
	assert_int_equal(b.c.retransmits, 1);
}

/* Records go back to where they were in time, whatever was sent since. */
static void order_restored(void **state)
{
	(void)state;
	b.c.flags |= CONN_TS;
	b.seg.has_ts = true;
	bench_send(3);
	bench_wait(MS);
	bench_send(3);
	b.seg.tsecr = conn_tsval(&b.w, &b.c);
	bench_wait(1000 * MS);
	recovery_timeout(&b.w, &b.c);
	bench_resend();
	bench_wait(MS);
	b.c.cwnd = 3 * MSS;
	assert_int_equal(bench_resend(), 2);
	bench_wait(MS);
	bench_ack(MSS, 0); /* bench_check() looks at the order */
	assert_int_equal(bench_count(CNT_TCP_UNDO), 1);
	assert_int_equal(b.c.sent_oldest->seq, b.base + 3 * MSS);
	assert_int_equal(b.c.sent_newest->seq, b.base + 2 * MSS);
}

/* The timer was right: everything goes again, and ssthresh is what it was cut to, once. */
static void true_timeout(void **state)
{
	(void)state;
	bench_output();
	bench_wait(1000 * MS);
	recovery_timeout(&b.w, &b.c);
	assert_int_equal(b.c.ssthresh, 5 * MSS);
	bench_resend();
	bench_wait(2000 * MS);
	recovery_timeout(&b.w, &b.c);
	assert_int_equal(b.c.ssthresh, 5 * MSS);
	assert_int_equal(b.c.rto_count, 2);
	bench_resend();
	bench_wait(RTT);
	bench_ack(MSS, 0);
	assert_int_equal(b.c.rto_count, 0);
	assert_int_equal(bench_resend(), 2); /* slow start */
	assert_int_equal(bench_count(CNT_TCP_RTO), 2);
	assert_int_equal(bench_count(CNT_TCP_UNDO), 0);
	bench_ack(10 * MSS, 0);
	assert_int_equal(b.c.ca, CA_OPEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(dsack, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(dsack_late, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(dsack_of_before, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(timestamp, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(timestamp_of_rexmit, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(timestamp_between, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(timestamp_of_folded, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(spurious_timeout, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(order_restored, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(true_timeout, bench_setup, bench_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

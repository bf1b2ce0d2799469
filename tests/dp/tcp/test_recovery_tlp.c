/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tail loss probes (RFC 8985 7): when one is due and when none may be sent, what it carries, and
 * what its ACK says: nothing was lost, one segment was and the probe repaired it (the window is
 * reduced), or more was and RACK takes over. R37.
 */
#include "tests/world/recovery_bench.h"

enum { RTT = 40 * MS };

/* Position 0 to MSS is acknowledged; then n segments go out. */
static void start(uint32_t n)
{
	bench_send(1);
	bench_wait(RTT);
	bench_ack(MSS, 0);
	bench_send(n);
	b.c.snd.bytes = n * MSS;
	recovery_arm(&b.w, &b.c);
}

static void probe(void)
{
	recovery_arm(&b.w, &b.c);
	assert_int_equal(b.c.rexmit_mode, REXMIT_PROBE);
	bench_wait(b.timer_ms * MS);
	bench_timer();
	recovery_arm(&b.w, &b.c);
}

/* 7.2: two round trips, and the other side's delayed ACK when one segment is out. */
static void due(void **state)
{
	(void)state;
	start(3);
	assert_int_equal(b.c.rexmit_mode, REXMIT_PROBE);
	assert_int_equal(b.timer_ms, 2 * RTT / MS);
	bench_wait(RTT);
	bench_ack(3 * MSS, 0);
	recovery_arm(&b.w, &b.c);
	assert_int_equal(b.c.rexmit_mode, REXMIT_PROBE);
	/* Never later than the timeout would come. */
	assert_int_equal(b.timer_ms, RTE_MIN(b.c.rto_ms, 2u * RTT / MS + 200u));
	bench_wait(RTT);
	bench_ack(4 * MSS, 0);
	recovery_arm(&b.w, &b.c);
	assert_false(b.timer_on);
}

/* It counts from the last thing sent; the RTO it must not pass does not move. */
static void counts_from(void **state)
{
	(void)state;
	start(3);
	bench_wait(50 * MS);
	bench_send(1);
	recovery_arm(&b.w, &b.c);
	assert_int_equal(b.timer_ms, 2 * RTT / MS);
	bench_wait(50 * MS);
	bench_send(1);
	bench_wait(50 * MS);
	bench_send(1);
	recovery_arm(&b.w, &b.c);
	assert_int_equal(b.timer_ms, b.c.rto_ms - 150);
}

static void tiny_rtt(void **state)
{
	(void)state;
	bench_send(1);
	bench_wait(20);
	bench_ack(MSS, 0);
	bench_send(3);
	recovery_arm(&b.w, &b.c);
	assert_int_equal(b.timer_ms, TLP_MIN_MS);
}

static void not_allowed(void **state)
{
	(void)state;
	bench_send(1);
	recovery_arm(&b.w, &b.c);
	assert_int_equal(b.c.rexmit_mode, REXMIT_RTO); /* no RTT known */
	bench_wait(RTT);
	bench_ack(MSS, 0);
	bench_send(6);
	b.c.flags &= ~(uint32_t)CONN_SACK;
	recovery_arm(&b.w, &b.c);
	assert_int_equal(b.c.rexmit_mode, REXMIT_RTO);
	b.c.flags |= CONN_SACK;
	bench_wait(RTT);
	bench_ack(MSS, 1, 2 * MSS, 6 * MSS);
	assert_int_equal(bench_resend(), 1);
	recovery_arm(&b.w, &b.c);
	assert_int_equal(b.c.rexmit_mode, REXMIT_RTO); /* recovery */
}

/* 7.3: the last segment again, one at most, and the RTO behind it. */
static void last_again(void **state)
{
	(void)state;
	start(3);
	probe();
	assert_int_equal(b.n_resent, 1);
	assert_int_equal(b.resent[0], 3 * MSS);
	assert_int_equal(bench_count(CNT_TCP_REXMIT_PROBE), 1);
	assert_int_equal(bench_count(CNT_TCP_REXMIT_FAST), 0);
	assert_int_equal(b.c.rexmit_mode, REXMIT_RTO);
	assert_int_equal(b.timer_ms, b.c.rto_ms);
}

/* Of a burst, its last segment. */
static void of_burst(void **state)
{
	(void)state;
	start(1);
	bench_send_bytes(3 * MSS + 10);
	b.c.snd.bytes += 3 * MSS + 10;
	probe();
	assert_int_equal(b.resent[0], 5 * MSS);
	assert_int_equal(b.c.sent_last->end - b.c.sent_last->seq, 10);
}

/* New data rather, where there is some that the other side has room for. */
static void new_data(void **state)
{
	(void)state;
	start(3);
	b.c.snd.bytes = 3 * MSS + 300;
	b.c.snd_wnd = 3 * MSS + 299;
	assert_non_null(recovery_probe(&b.w, &b.c));
	b.c.snd_wnd = 3 * MSS + 300;
	b.c.cwnd = 3 * MSS;
	probe();
	assert_int_equal(b.n_resent, 0);
	assert_int_equal(b.c.snd_max - b.base, 4 * MSS + 300);
	assert_int_equal(bench_count(CNT_TCP_REXMIT_PROBE), 1);
	bench_wait(RTT);
	b.c.snd_wnd = 1 << 30;
	bench_ack(4 * MSS + 300, 0);
	assert_int_equal(b.c.flags & CONN_PROBING, 0);
	assert_int_equal(b.c.ssthresh, UINT32_MAX);
}

/* 7.4: original and probe arrived, which the receiver tells by DSACK. */
static void needless(void **state)
{
	(void)state;
	start(3);
	probe();
	bench_ack(4 * MSS, 0);
	assert_true(b.c.flags & CONN_PROBING); /* both, or one? */
	bench_ack(4 * MSS, 1, MSS, 2 * MSS);   /* of something else */
	assert_true(b.c.flags & CONN_PROBING);
	bench_ack(4 * MSS, 1, 3 * MSS, 4 * MSS);
	assert_int_equal(b.c.flags & CONN_PROBING, 0);
	assert_int_equal(b.c.ssthresh, UINT32_MAX);
	assert_int_equal(b.c.cwnd, 10 * MSS);
}

/* Or by a second ACK, without DSACK. */
static void needless_plain(void **state)
{
	(void)state;
	start(3);
	probe();
	bench_ack(4 * MSS, 0);
	b.seg.len = 100; /* no ACK for the probe */
	bench_ack(4 * MSS, 0);
	assert_true(b.c.flags & CONN_PROBING);
	b.seg.len = 0;
	bench_ack(4 * MSS, 0);
	assert_int_equal(b.c.flags & CONN_PROBING, 0);
	assert_int_equal(b.c.ssthresh, UINT32_MAX);
}

/* The probe repaired the loss of the last one: that was congestion. */
static void repaired(void **state)
{
	(void)state;
	start(4);
	probe();
	bench_ack(5 * MSS, 0);
	assert_int_equal(b.c.ssthresh, UINT32_MAX);
	bench_send(1);
	bench_wait(RTT);
	bench_ack(6 * MSS, 0);
	assert_int_equal(b.c.flags & CONN_PROBING, 0);
	assert_true(b.c.ssthresh < 10 * MSS);
	assert_true(b.c.cwnd <= b.c.ssthresh);
	assert_int_equal(b.c.ca, CA_OPEN);
}

/* More was lost: the probe's SACK has RACK find it at once. */
static void many_lost(void **state)
{
	(void)state;
	start(5);
	probe();
	bench_wait(RTT);
	bench_ack(MSS, 1, 5 * MSS, 6 * MSS);
	assert_int_equal(b.a.lost, 4 * MSS);
	assert_int_equal(b.c.ca, CA_RECOVERY);
	assert_int_equal(b.c.flags & CONN_PROBING, 0);
	assert_int_equal(bench_count(CNT_TCP_RTO), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(due, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(counts_from, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(tiny_rtt, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(not_allowed, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(last_again, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(of_burst, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(new_data, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(needless, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(needless_plain, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(repaired, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(many_lost, bench_setup, bench_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The retransmission timeout: its computation (RFC 6298 2), Karn's rule and what timestamps add to
 * it (RFC 7323 4), backing off, when the timer starts, starts again and stops (RFC 6298 5). R36.
 */
#include "tests/world/recovery_bench.h"

enum { RTT = 100 * MS };

static void computed(void **state)
{
	uint32_t i;

	(void)state;
	recovery_rtt(&b.c, 100 * MS); /* 2.2 */
	assert_int_equal(b.c.srtt_us >> 3, 100 * MS);
	assert_int_equal(b.c.rttvar_us >> 2, 50 * MS);
	assert_int_equal(b.c.rto_ms, 300);
	recovery_rtt(&b.c, 180 * MS); /* 2.3: 100 + 80/8; 50 * 3/4 + 80/4 */
	assert_int_equal(b.c.srtt_us >> 3, 110 * MS);
	assert_int_equal(b.c.rttvar_us, 4 * 57500);
	assert_int_equal(b.c.rto_ms, 340);
	for (i = 0; i < 100; i++)
		recovery_rtt(&b.c, 10);
	assert_int_equal(b.c.rto_ms, TCP_RTO_MIN_MS);
	assert_true(b.c.srtt_us > 0);
	for (i = 0; i < 100; i++)
		recovery_rtt(&b.c, UINT32_MAX);
	assert_int_equal(b.c.rto_ms, TCP_RTO_MAX_MS);
	for (i = 0; i < 400; i++)
		recovery_rtt(&b.c, 300 * MS);
	assert_int_equal(b.c.rto_ms, 301); /* 2.3: no less than the clock's grain above it */
	recovery_rtt(&b.c, 0);
	assert_int_equal(b.c.min_rtt_us, 1);
}

static void sampled(void **state)
{
	(void)state;
	bench_send(1);
	bench_wait(MS);
	bench_send(1);
	bench_wait(RTT - MS);
	bench_ack(2 * MSS, 0); /* the older, delay of the ACK and all */
	assert_int_equal(b.a.rtt_us, RTT);
	assert_int_equal(b.c.srtt_us >> 3, RTT);
	bench_ack(2 * MSS, 0);
	assert_int_equal(b.a.rtt_us, -1);
	bench_send(4);
	bench_wait(RTT / 2);
	bench_ack(2 * MSS, 1, 3 * MSS, 4 * MSS);
	assert_int_equal(b.a.rtt_us, RTT / 2);
	bench_wait(RTT);
	bench_ack(4 * MSS, 0); /* 2 alone is news */
	assert_int_equal(b.a.rtt_us, RTT + RTT / 2);
}

/* Karn: nothing is learned from what was sent twice, and the back-off stays. */
static void karn(void **state)
{
	(void)state;
	bench_send(2);
	bench_wait(1000 * MS);
	recovery_timeout(&b.w, &b.c);
	assert_int_equal(b.c.rto_ms, 2 * TCP_RTO_INIT_MS);
	assert_int_equal(bench_resend(), 1);
	bench_wait(RTT);
	bench_ack(MSS, 0);
	assert_true(b.a.rexmitted);
	assert_int_equal(b.a.rtt_us, -1);
	assert_int_equal(b.c.rto_ms, 2 * TCP_RTO_INIT_MS);
	assert_int_equal(bench_resend(), 1);
	bench_send(1);
	bench_wait(RTT);
	bench_ack(3 * MSS, 0);
	assert_int_equal(b.a.rtt_us, -1);
	bench_send(1);
	bench_wait(RTT);
	bench_ack(4 * MSS, 0);
	assert_int_equal(b.a.rtt_us, RTT);
	assert_int_equal(b.c.rto_ms, 300);
}

/* With timestamps it is known which transmission was answered. */
static void timestamps(void **state)
{
	(void)state;
	b.c.flags |= CONN_TS;
	bench_send(2);
	bench_wait(1000 * MS);
	recovery_timeout(&b.w, &b.c);
	bench_resend();
	b.seg.has_ts = true;
	b.seg.tsecr = conn_tsval(&b.w, &b.c);
	bench_wait(RTT);
	bench_ack(MSS, 0);
	assert_int_equal(b.a.rtt_us, RTT);
	assert_int_equal(b.c.rto_ms, 300);
	bench_resend();
	b.seg.tsecr = 0xdeadbeef; /* a lie is no sample */
	bench_wait(RTT);
	bench_ack(2 * MSS, 0);
	assert_int_equal(b.a.rtt_us, -1);
}

static void backs_off(void **state)
{
	uint32_t i, ms = TCP_RTO_INIT_MS;

	(void)state;
	bench_send(1);
	recovery_arm(&b.w, &b.c);
	for (i = 0; i < 8; i++) {
		assert_int_equal(b.c.rexmit_mode, REXMIT_RTO);
		assert_int_equal(b.timer_ms, ms);
		bench_wait(ms * MS);
		bench_timer();
		assert_int_equal(bench_resend(), 1);
		recovery_arm(&b.w, &b.c);
		ms = RTE_MIN(2 * ms, (uint32_t)TCP_RTO_MAX_MS);
	}
	assert_int_equal(b.c.rto_count, 8);
	assert_int_equal(b.c.rto_ms, TCP_RTO_MAX_MS);
	assert_int_equal(bench_count(CNT_TCP_REXMIT_RTO), 8);
}

/* RFC 6298 5.1 to 5.3: from the first byte out; not moved by more; anew with each ACK of news. */
static void runs(void **state)
{
	(void)state;
	recovery_arm(&b.w, &b.c);
	assert_false(b.timer_on);
	bench_send(1);
	recovery_arm(&b.w, &b.c);
	assert_int_equal(b.timer_ms, TCP_RTO_INIT_MS);
	bench_wait(300 * MS);
	bench_send(3);
	recovery_arm(&b.w, &b.c);
	assert_int_equal(b.timer_ms, TCP_RTO_INIT_MS - 300);
	b.c.flags &= ~(uint32_t)CONN_SACK; /* no probes */
	bench_ack(MSS, 0);
	recovery_arm(&b.w, &b.c);
	assert_int_equal(b.timer_ms, b.c.rto_ms);
	bench_wait(200 * MS);
	bench_ack(MSS, 0);
	recovery_arm(&b.w, &b.c);
	assert_int_equal(b.timer_ms, b.c.rto_ms - 200);
	bench_ack(4 * MSS, 0);
	recovery_arm(&b.w, &b.c);
	assert_false(b.timer_on);
}

/* The first piece goes again: the timer starts with it, or it would fire before an ACK can come. */
static void with_rexmit(void **state)
{
	(void)state;
	bench_send(1);
	bench_wait(RTT);
	bench_ack(MSS, 0);
	bench_send(5);
	bench_wait(RTT);
	bench_ack(MSS, 1, 2 * MSS, 6 * MSS);
	assert_int_equal(bench_resend(), 1);
	recovery_arm(&b.w, &b.c);
	assert_int_equal(b.c.rexmit_mode, REXMIT_RTO);
	assert_int_equal(b.timer_ms, b.c.rto_ms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(computed, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(sampled, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(karn, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(timestamps, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(backs_off, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(runs, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(with_rexmit, bench_setup, bench_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

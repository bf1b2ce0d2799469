/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Growth (RFC 5681 3.1) by bytes (RFC 3465), only of a window that is used (RFC 5681 3.1, 7661),
 * and the restart after silence (RFC 5681 4.1). R36.
 */
#include "tests/world/recovery_bench.h"

enum { RTT = 40 * MS };

/* A window out, and acknowledged segment by segment, or by twos. */
static void round_trip(uint32_t by)
{
	uint32_t at = b.c.snd_una - b.base, end;

	bench_output();
	end = b.c.snd_max - b.base;
	bench_wait(RTT);
	while (at < end) {
		at = RTE_MIN(at + by * MSS, end);
		bench_ack(at, 0);
	}
}

static void slow_start(void **state)
{
	(void)state;
	round_trip(1);
	assert_int_equal(b.c.cwnd, 20 * MSS);
	round_trip(2); /* delayed ACKs take nothing away */
	assert_int_equal(b.c.cwnd, 40 * MSS);
	round_trip(8); /* L: two segments for an ACK */
	assert_int_equal(b.c.cwnd, 50 * MSS);
}

static void avoidance(void **state)
{
	(void)state;
	b.c.ssthresh = 10 * MSS;
	round_trip(1);
	assert_int_equal(b.c.cwnd, 11 * MSS);
	round_trip(2);
	assert_int_equal(b.c.cwnd, 12 * MSS);
	round_trip(12);
	assert_int_equal(b.c.cwnd, 13 * MSS);
}

/* A trickle proves nothing. */
static void not_used(void **state)
{
	uint32_t i, at;

	(void)state;
	for (i = 1; i <= 30; i++) {
		bench_send(1);
		bench_wait(RTT);
		bench_ack(i * MSS, 0);
	}
	assert_int_equal(b.c.cwnd, 10 * MSS);
	b.c.ssthresh = 5 * MSS;
	for (; i <= 60; i += 3) {
		bench_send(3);
		bench_wait(RTT);
		bench_ack((i + 2) * MSS, 0);
	}
	assert_int_equal(b.c.cwnd, 10 * MSS);
	/* What was used before the last reduction is forgotten after a round trip. */
	b.c.ssthresh = 10 * MSS;
	round_trip(1);
	b.c.cwnd = 5 * MSS;
	for (i = b.c.snd_una - b.base, at = i + 60 * MSS; i < at;) {
		bench_send(1);
		bench_wait(RTT);
		bench_ack(i += MSS, 0);
	}
	assert_int_equal(b.c.cwnd, 5 * MSS);
}

/* ACKs that come together leave less and less in flight: the window was used all the same. */
static void used_in_burst(void **state)
{
	uint32_t i;

	(void)state;
	b.c.ssthresh = 10 * MSS;
	bench_output();
	bench_wait(RTT);
	for (i = 1; i <= 10; i++)
		bench_ack(i * MSS, 0);
	assert_int_equal(b.c.cwnd, 11 * MSS);
}

static void idle(void **state)
{
	(void)state;
	round_trip(1);
	round_trip(1);
	assert_int_equal(b.c.cwnd, 40 * MSS);
	bench_wait(b.c.rto_ms * MS);
	assert_int_equal(recovery_room(&b.w, &b.c), 40 * MSS);
	bench_wait(MS);
	assert_int_equal(recovery_room(&b.w, &b.c), 10 * MSS);
	assert_int_equal(bench_output(), 10);
	assert_int_equal(b.c.cwnd, 10 * MSS);
}

static void reduction(void **state)
{
	(void)state;
	bench_send(8);
	assert_int_equal(b.c.cc->ssthresh(&b.w, &b.c), 4 * MSS); /* of what is in flight */
	bench_ack(6 * MSS, 0);
	assert_int_equal(b.c.cc->ssthresh(&b.w, &b.c), 2 * MSS);
}

/* RFC 3465 2.3: one segment for an ACK after a timeout. */
static void after_timeout(void **state)
{
	(void)state;
	bench_output();
	bench_wait(1000 * MS);
	recovery_timeout(&b.w, &b.c);
	assert_int_equal(b.c.cwnd, MSS);
	assert_int_equal(b.c.ssthresh, 5 * MSS);
	bench_resend();
	bench_wait(RTT);
	bench_ack(4 * MSS, 0);
	assert_int_equal(b.c.cwnd, 2 * MSS);
}

/* A gigabyte in flight, and nothing overflows. */
static void largest(void **state)
{
	uint32_t i;

	(void)state;
	b.c.cwnd = TCP_CWND_MAX - MSS;
	b.c.used_pipe = TCP_CWND_MAX;
	bench_send_bytes(1 << 30);
	bench_wait(RTT);
	for (i = 1; i <= 10; i++)
		bench_ack(i * MSS, 0);
	assert_int_equal(b.c.cwnd, TCP_CWND_MAX);
	bench_ack(10 * MSS, 1, 11 * MSS, 500000 * MSS);
	assert_int_equal(b.c.ca, CA_RECOVERY);
	assert_true(b.c.ssthresh > TCP_CWND_MAX / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(slow_start, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(avoidance, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(not_used, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(used_in_burst, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(idle, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(reduction, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(after_timeout, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(largest, bench_setup, bench_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

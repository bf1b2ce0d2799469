/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CUBIC (RFC 9438): the integers follow the RFC's formulas in floating point, through the concave
 * and the convex region and the Reno-friendly one; reduction, fast convergence, undo, silence; and
 * the largest and smallest windows and segments. R36.
 */
#include "tests/world/recovery_bench.h"

#include <math.h>

static int setup(void **state)
{
	if (bench_setup(state) != 0)
		return -1;
	b.c.cc = &tcp_cubic;
	b.c.cc->init(&b.w, &b.c);
	return 0;
}

/* A reduction from cwnd segments. */
static void reduce(uint32_t cwnd)
{
	b.c.cwnd = cwnd * b.c.mss;
	b.c.ssthresh = b.c.cc->ssthresh(&b.w, &b.c);
	b.c.cwnd = b.c.ssthresh;
}

/* One round trip: the window is acknowledged two segments at a time. */
static void round_trip(uint32_t rtt_us)
{
	uint32_t n = (b.c.cwnd / b.c.mss + 1) / 2, i;

	b.c.srtt_us = rtt_us << 3;
	for (i = 0; i < n; i++) {
		bench_wait(rtt_us / n);
		b.c.cc->acked(&b.w, &b.c, 2 * b.c.mss);
	}
}

static void near(double is, double should, double part)
{
	if (fabs(is - should) > part * should)
		fail_msg("%f, not %f", is, should);
}

/* 4.2 to 4.5: at each time the window is about W_cubic: RTT of 100 ms, 1000 segments. */
static void follows(void **state)
{
	double w_max = 1000, k = cbrt(w_max * 0.3 / 0.4), t = 0;
	uint64_t start;

	(void)state;
	reduce(1000);
	assert_int_equal(b.c.cwnd, 700 * MSS);
	start = b.w.now_ms;
	while (t < 2 * k) {
		round_trip(100 * MS);
		t = (double)(b.w.now_ms - start) / 1000;
		near(b.c.cwnd / (double)MSS, 0.4 * pow(t - k, 3) + w_max, 0.02);
	}
}

/* 4.3: short round trips and small windows: no worse than Reno's average. */
static void reno_friendly(void **state)
{
	uint32_t i, start;

	(void)state;
	reduce(20);
	start = b.c.cwnd;
	for (i = 0; i < 8; i++)
		round_trip(10 * MS);
	/* alpha 9/17 a round trip up to where it was, then 1 */
	near(b.c.cwnd - start, 8 * MSS * 9 / 17., 0.15);
	for (i = 0; b.c.cwnd < 20 * MSS; i++)
		round_trip(10 * MS);
	start = b.c.cwnd;
	for (i = 0; i < 10; i++)
		round_trip(10 * MS);
	near(b.c.cwnd - start, 10 * MSS, 0.15);
}

/* 4.6, 4.7 */
static void reduction(void **state)
{
	uint32_t k;

	(void)state;
	reduce(1000);
	assert_int_equal(b.c.ssthresh, 700 * MSS);
	reduce(800);		 /* did not come back to 1000: aims at 0.85 * 800 */
	for (k = 0; k < 67; k++) /* K is 6.7 s */
		round_trip(100 * MS);
	near(b.c.cwnd / (double)MSS, 680, 0.01);
	reduce(2);
	assert_int_equal(b.c.ssthresh, 2 * MSS); /* no less */
}

/* 4.9: what W_max was before is what is aimed at again. */
static void undo(void **state)
{
	uint32_t i;

	(void)state;
	reduce(1000);
	for (i = 0; i < 20; i++)
		round_trip(100 * MS);
	i = b.c.cwnd;
	reduce(i / MSS);
	b.c.cwnd = i;
	b.c.cc->undo(&b.w, &b.c);
	for (i = 0; i < 200 && b.c.cwnd < 995 * MSS; i++)
		round_trip(100 * MS);
	for (i = 0; i < 5; i++)
		round_trip(100 * MS);
	near(b.c.cwnd / (double)MSS, 1000, 0.01);
}

/* 5.8: silence is no growth. */
static void silence(void **state)
{
	uint32_t cwnd, i;

	(void)state;
	reduce(1000);
	for (i = 0; i < 10; i++)
		round_trip(100 * MS);
	cwnd = b.c.cwnd;
	for (i = 0; i < 600; i++)
		bench_wait(1000 * MS);
	round_trip(100 * MS);
	assert_true(b.c.cwnd < cwnd + cwnd / 20);
}

/* Never by more than half a window a round trip (4.2), even long after. */
static void no_leap(void **state)
{
	uint32_t cwnd;

	(void)state;
	reduce(10);
	for (cwnd = b.c.cwnd; b.c.cwnd < TCP_CWND_MAX / 2; cwnd = b.c.cwnd) {
		round_trip(8000 * MS);
		assert_true(b.c.cwnd >= cwnd);
		assert_true(b.c.cwnd <= cwnd + cwnd / 2 + cwnd / 4 + 2 * MSS);
	}
}

/* The ends of every range: no overflow, which would show as a window that shrinks or leaps. */
static void extremes(void **state)
{
	static const uint16_t mss[] = { TCP_MSS_MIN, 1460, 65495 };
	uint32_t i, n, cwnd;

	(void)state;
	for (i = 0; i < N_OF(mss); i++) {
		b.c.mss = mss[i];
		b.c.cwnd = TCP_CWND_MAX;
		b.c.cc->init(&b.w, &b.c);
		b.c.ssthresh = b.c.cc->ssthresh(&b.w, &b.c);
		assert_int_equal(b.c.ssthresh, (uint32_t)(TCP_CWND_MAX * 7ull / 10));
		b.c.cwnd = b.c.ssthresh;
		for (n = 0; n < 1000; n++) {
			cwnd = b.c.cwnd;
			bench_wait(500 * MS);
			b.c.cc->acked(&b.w, &b.c, RTE_MIN(cwnd, 1u << 30));
			assert_true(b.c.cwnd >= cwnd);
			assert_true(b.c.cwnd <= TCP_CWND_MAX + (TCP_CWND_MAX >> 1));
			b.c.cwnd = RTE_MIN(b.c.cwnd, (uint32_t)TCP_CWND_MAX);
		}
		assert_int_equal(b.c.cwnd, TCP_CWND_MAX);
	}
}

/* After a timeout slow start, then from where it ends as if there had been nothing (4.8). */
static void timeout(void **state)
{
	(void)state;
	bench_output();
	bench_wait(2000 * MS);
	recovery_timeout(&b.w, &b.c);
	assert_int_equal(b.c.cwnd, MSS);
	assert_int_equal(b.c.ssthresh, 7 * MSS);
	bench_resend();
	bench_wait(40 * MS);
	bench_ack(MSS, 0);
	assert_int_equal(b.c.cwnd, 2 * MSS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(follows, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(reno_friendly, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(reduction, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(undo, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(silence, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(no_leap, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(extremes, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(timeout, setup, bench_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

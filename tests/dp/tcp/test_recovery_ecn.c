/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ECN, the sender's part (RFC 3168 6.1.2): one reduction a window, CWR on whatever reduces, and
 * nothing where ECN was not agreed. R36.
 */
#include "tests/world/recovery_bench.h"

enum { RTT = 40 * MS };

static int setup(void **state)
{
	if (bench_setup(state) != 0)
		return -1;
	b.c.flags |= CONN_ECN;
	bench_output();
	bench_wait(RTT);
	return 0;
}

static void once_a_window(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 1; i <= 10; i++) {
		bench_ack_ece(i * MSS);
		bench_output();
		assert_int_equal(b.c.ca, CA_CWR);
		assert_int_equal(b.c.ssthresh, 5 * MSS);
		assert_int_equal(bench_count(CNT_TCP_ECN_CUT), 1);
	}
	assert_true(b.c.flags & CONN_CWR_OUT);
	assert_true(recovery_pipe(&b.c) <= 5 * MSS);
	assert_true(recovery_pipe(&b.c) >= 4 * MSS);
	bench_ack(11 * MSS, 0);
	assert_int_equal(b.c.ca, CA_OPEN);
	assert_int_equal(b.c.cwnd, 5 * MSS);
	assert_int_equal(b.n_resent, 0);
	assert_int_equal(bench_count(CNT_TCP_RECOVERY), 0);
	bench_output();
	bench_ack_ece(12 * MSS); /* the next window */
	assert_int_equal(bench_count(CNT_TCP_ECN_CUT), 2);
}

/* The other side echoes until CWR reaches it, also on data of its own. */
static void held_until_seen(void **state)
{
	(void)state;
	bench_ack_ece(10 * MSS);
	assert_int_equal(b.c.ca, CA_CWR);
	bench_ack_ece(10 * MSS);
	bench_ack_ece(10 * MSS);
	assert_int_equal(bench_count(CNT_TCP_ECN_CUT), 1);
	bench_send(1);
	bench_ack(11 * MSS, 0);
	assert_int_equal(b.c.ca, CA_OPEN);
	assert_int_equal(b.c.cwnd, b.c.ssthresh);
}

static void not_agreed(void **state)
{
	(void)state;
	b.c.flags &= ~(uint32_t)CONN_ECN;
	bench_ack_ece(2 * MSS);
	assert_int_equal(b.c.ca, CA_OPEN);
	assert_int_equal(b.c.flags & CONN_CWR_OUT, 0);
}

/* Loss in the same window reduces no further, and cannot be undone: congestion was real. */
static void loss_after(void **state)
{
	(void)state;
	bench_ack_ece(2 * MSS);
	bench_ack(2 * MSS, 1, 3 * MSS, 6 * MSS);
	assert_int_equal(b.c.ca, CA_RECOVERY);
	assert_int_equal(b.c.ssthresh, 5 * MSS);
	assert_int_equal(bench_resend(), 1);
	bench_ack(6 * MSS, 1, 2 * MSS, 3 * MSS);
	assert_int_equal(bench_count(CNT_TCP_UNDO), 0);
	assert_int_equal(b.c.ssthresh, 5 * MSS);
}

/* DSACKs for an earlier recovery do not undo what ECN asked for. */
static void no_undo(void **state)
{
	(void)state;
	bench_ack(0, 1, MSS, 4 * MSS);
	assert_int_equal(bench_resend(), 1);
	bench_ack(10 * MSS, 0);
	assert_int_equal(b.c.ca, CA_OPEN);
	bench_output();
	bench_ack_ece(11 * MSS);
	assert_int_equal(b.c.ca, CA_CWR);
	bench_ack(11 * MSS, 1, 0, MSS);
	assert_int_equal(b.c.ca, CA_CWR);
	assert_int_equal(bench_count(CNT_TCP_UNDO), 0);
}

/* CWR tells of loss, too. */
static void loss_first(void **state)
{
	(void)state;
	bench_ack(0, 1, MSS, 4 * MSS);
	assert_int_equal(b.c.ca, CA_RECOVERY);
	assert_true(b.c.flags & CONN_CWR_OUT);
	bench_ack_ece(0);
	assert_int_equal(bench_count(CNT_TCP_ECN_CUT), 0);
}

static void timeout_first(void **state)
{
	(void)state;
	bench_wait(1000 * MS);
	recovery_timeout(&b.w, &b.c);
	assert_true(b.c.flags & CONN_CWR_OUT);
	bench_ack_ece(MSS);
	assert_int_equal(bench_count(CNT_TCP_ECN_CUT), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(once_a_window, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(held_until_seen, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(not_agreed, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(loss_after, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(no_undo, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(loss_first, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(timeout_first, setup, bench_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

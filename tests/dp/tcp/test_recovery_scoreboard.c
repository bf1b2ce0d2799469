/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The scoreboard: cumulative and selective acknowledgement of whole and partial records (RFC 2018,
 * 6675 5.1), blocks that cannot be believed, DSACK (RFC 2883), receivers that take SACKs back (RFC
 * 2018 8), receivers that SACK crumbs, and a pool without records. R36.
 */
#include "tests/world/recovery_bench.h"

#include <rte_mempool.h>

static void cumulative(void **state)
{
	(void)state;
	bench_send(3);
	bench_send_bytes(4 * MSS);
	bench_ack(2 * MSS, 0);
	assert_int_equal(b.a.acked, 2 * MSS);
	assert_int_equal(b.a.delivered, 2 * MSS);
	assert_int_equal(b.c.sent_first->seq, b.base + 2 * MSS);
	bench_ack(5 * MSS, 0); /* inside the burst */
	assert_int_equal(b.a.delivered, 3 * MSS);
	assert_int_equal(b.c.sent_first->seq, b.base + 5 * MSS);
	bench_ack(7 * MSS, 0);
	assert_null(b.c.sent_first);
	assert_int_equal(b.delivered, 7 * MSS);
}

/* What is acknowledged after it was SACKed is delivered once. */
static void selective(void **state)
{
	(void)state;
	bench_send(8);
	bench_ack(0, 2, 6 * MSS, 7 * MSS, 2 * MSS, 4 * MSS);
	assert_int_equal(b.a.acked, 0);
	assert_int_equal(b.a.delivered, 3 * MSS);
	assert_int_equal(b.c.sacked_bytes, 3 * MSS);
	bench_ack(0, 2, 6 * MSS, 7 * MSS, 2 * MSS, 4 * MSS);
	assert_int_equal(b.a.delivered, 0);
	bench_ack(5 * MSS, 1, 6 * MSS, 7 * MSS);
	assert_int_equal(b.a.acked, 5 * MSS);
	assert_int_equal(b.a.delivered, 3 * MSS);
	assert_int_equal(b.c.sacked_bytes, MSS);
	bench_ack(8 * MSS, 0);
	assert_int_equal(b.delivered, 8 * MSS);
}

/* Neighbours join, whatever came first: the list is as long as there are holes. */
static void joins(void **state)
{
	(void)state;
	bench_send(10);
	bench_ack(0, 1, 3 * MSS, 4 * MSS);
	bench_ack(0, 1, 5 * MSS, 6 * MSS);
	assert_int_equal(b.tcp.records, 10);
	bench_ack(0, 1, 3 * MSS, 6 * MSS);
	assert_int_equal(b.tcp.records, 8);
	assert_int_equal(bench_at(3 * MSS)->end, b.base + 6 * MSS);
	bench_ack(4 * MSS, 1, 5 * MSS, 6 * MSS); /* inside what was SACKed */
	assert_int_equal(b.c.sacked_bytes, 2 * MSS);
}

/* A burst is one record; its segments are lost and SACKed one by one. */
static void splits(void **state)
{
	(void)state;
	bench_send_bytes(8 * MSS);
	bench_ack(0, 2, 6 * MSS, 7 * MSS, 2 * MSS, 4 * MSS);
	assert_int_equal(b.c.sacked_bytes, 3 * MSS);
	assert_int_equal(bench_flags(4 * MSS) & SENT_SACKED, 0);
	assert_true(bench_flags(6 * MSS) & SENT_SACKED);
	assert_int_equal(bench_at(7 * MSS)->seq, b.base + 7 * MSS);
	bench_ack(MSS + MSS / 2, 0); /* a boundary of the receiver's own */
	assert_int_equal(b.c.sent_first->seq, b.base + MSS + MSS / 2);
}

/* RFC 6675 5.1: nothing below the ACK, nothing that was never sent, nothing inside out. */
static void beyond_belief(void **state)
{
	(void)state;
	bench_send(6);
	bench_ack(2 * MSS, 0);
	bench_ack(2 * MSS, 4, 5 * MSS, 7 * MSS, 2 * MSS, 4 * MSS, 4 * MSS, 4 * MSS, 5 * MSS,
		  4 * MSS);
	assert_int_equal(b.c.sacked_bytes, 0);
	bench_ack(2 * MSS, 3, 0x80000000u, 0x80001000u, MSS, 3 * MSS, 878212782u, 2813950809u);
	assert_int_equal(b.c.sacked_bytes, 0);
	assert_int_equal(b.c.lost_bytes, 0);
	bench_ack(2 * MSS, 1, 3 * MSS, 4 * MSS);
	assert_int_equal(b.c.sacked_bytes, MSS);
}

/* The first block below the ACK, or inside the second. */
static void dsack(void **state)
{
	(void)state;
	bench_send(10);
	bench_ack(4 * MSS, 1, 2 * MSS, 3 * MSS);
	assert_true(b.a.dsack);
	bench_ack(4 * MSS, 2, 6 * MSS, 7 * MSS, 6 * MSS, 8 * MSS);
	assert_true(b.a.dsack);
	assert_int_equal(b.c.sacked_bytes, 2 * MSS);
	assert_int_equal(bench_count(CNT_TCP_DSACK_RX), 2);
	bench_ack(4 * MSS, 1, 6 * MSS, 8 * MSS); /* what was second before is not there */
	assert_false(b.a.dsack);
	bench_ack(4 * MSS, 2, 6 * MSS, 8 * MSS, 9 * MSS, 10 * MSS);
	assert_false(b.a.dsack);
	bench_ack(4 * MSS, 2, 5 * MSS, 6 * MSS, 9 * MSS, 10 * MSS);
	assert_false(b.a.dsack);
	bench_ack(4 * MSS, 1, 3 * MSS, 2 * MSS);
	assert_false(b.a.dsack);
}

/* An ACK that was overtaken: its SACK is news of what lies above, and no DSACK. */
static void old_ack(void **state)
{
	(void)state;
	bench_send(6);
	bench_ack(3 * MSS, 0);
	bench_ack(MSS, 2, 2 * MSS, 3 * MSS, 4 * MSS, 5 * MSS);
	assert_int_equal(b.a.acked, 0);
	assert_false(b.a.dsack);
	assert_int_equal(b.c.sacked_bytes, MSS);
}

/* The hole is filled and the ACK stops where a SACK began: only the timer may believe that. */
static void reneging(void **state)
{
	(void)state;
	bench_send(6);
	bench_ack(0, 1, 2 * MSS, 6 * MSS);
	bench_ack(2 * MSS, 0);
	assert_int_equal(b.c.sacked_bytes, 4 * MSS);
	assert_int_equal(bench_resend(), 0);
	bench_wait(2000 * MS);
	recovery_timeout(&b.w, &b.c);
	bench_check();
	assert_int_equal(b.c.sacked_bytes, 0);
	assert_int_equal(b.c.lost_bytes, 4 * MSS);
	b.n_resent = 0;
	assert_int_equal(bench_resend(), 1);
	assert_int_equal(b.resent[0], 2 * MSS);
}

/* SACKs of odd bytes make no more records than there are segments. */
static void crumbs(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < 20; i++)
		bench_send_bytes(8 * MSS);
	for (i = 1; i + 7 < 160 * MSS; i += 7)
		bench_ack(0, 1, i, i + 3);
	assert_int_equal(b.tcp.records, 20);
	assert_int_equal(b.c.sacked_bytes, 0);
	bench_ack(0, 1, MSS + 1, 4 * MSS - 1); /* one whole segment is in it */
	assert_int_equal(b.c.sacked_bytes, MSS);
}

/* Every second segment of a large window, block after block: a bounded walk each. */
static void bounded(void **state)
{
	struct ack_walk k = { .steps = 16 };
	uint32_t i;

	(void)state;
	bench_send(300);
	for (i = 299; i > 2; i -= 2)
		bench_ack(0, 1, i * MSS, (i + 1) * MSS);
	b.c.sack_hint = b.c.sent_last;
	assert_null(sent_find(&b.c, b.base + 150 * MSS, &k.steps));
	assert_int_equal(k.steps, 0);
	k.steps = 16;
	assert_non_null(sent_find(&b.c, b.base + 7 * MSS, &k.steps)); /* from the other end */
}

static void no_records(void **state)
{
	(void)state;
	bench_send_bytes(8 * MSS);
	b.tcp.records_max = 1;
	b.seg.ack = b.base;
	b.seg.n_sack = 1;
	b.seg.sack[0] = (struct tcp_sack_block){ b.base + MSS, b.base + 2 * MSS };
	recovery_ack(&b.w, &b.c, &b.seg, false, &b.a);
	assert_int_equal(b.c.sacked_bytes, 0);
	assert_int_equal(b.a.delivered, 0);
	b.tcp.records_max = BENCH_RECORDS;
	bench_ack(0, 1, MSS, 2 * MSS);
	assert_int_equal(b.c.sacked_bytes, MSS);
}

/* With as many as it may have, neighbours in one condition make room; their time is the later's. */
static void room(void **state)
{
	struct tcp_sent *r;

	(void)state;
	b.tcp.records_pool = 0;
	bench_send(2);
	bench_wait(MS);
	bench_send(8);
	assert_int_equal(b.tcp.records, 3);
	assert_int_equal(bench_flags(0) & SENT_FOLDED, 0);
	assert_true(bench_flags(MSS) & SENT_FOLDED);
	assert_int_equal(bench_at(MSS)->xmit_us, tcp_us(&b.w));
	assert_int_equal(b.c.sent_last->seq - b.base, 9 * MSS);
	bench_wait(20 * MS);
	/* A hole, what came, the rest. */
	bench_ack(2 * MSS, 1, 4 * MSS, 5 * MSS);
	assert_int_equal(b.c.sacked_bytes, MSS);
	assert_int_equal(b.a.delivered, 3 * MSS);
	assert_int_equal(b.tcp.records, 3);
	/* More than that has no place until the hole is gone. */
	bench_ack(2 * MSS, 2, 8 * MSS, 9 * MSS, 4 * MSS, 7 * MSS);
	assert_int_equal(b.c.sacked_bytes, MSS);
	assert_false(bench_try(MSS));
	bench_ack(7 * MSS, 1, 8 * MSS, 9 * MSS);
	assert_int_equal(b.c.sacked_bytes, MSS);
	r = bench_at(7 * MSS);
	assert_int_equal(r->end - r->seq, MSS);
	bench_ack(10 * MSS, 0);
	assert_true(bench_try(MSS));
	bench_ack(11 * MSS, 0);
}

/* And of what it was joined with, should the receiver take that back. */
static void fin_joined(void **state)
{
	struct tcp_sent *r;

	(void)state;
	bench_send(2);
	r = recovery_sent(&b.w, &b.c, b.base + 2 * MSS, b.base + 3 * MSS, SENT_FIN);
	b.c.snd_max = r->end;
	bench_ack(0, 1, MSS, 2 * MSS);
	bench_ack(0, 1, MSS, 3 * MSS);
	assert_int_equal(b.tcp.records, 2);
	bench_ack(MSS, 0);
	bench_wait(2000 * MS);
	recovery_timeout(&b.w, &b.c);
	bench_resend();
	assert_int_equal(bench_flags(MSS) & SENT_FIN, 0);
	assert_true(bench_flags(2 * MSS) & SENT_FIN);
}

/* FIN is of the last piece, however it is cut. */
static void fin(void **state)
{
	struct tcp_sent *r;

	(void)state;
	r = recovery_sent(&b.w, &b.c, b.base, b.base + 2 * MSS + 1, SENT_FIN);
	b.c.snd_max = r->end;
	bench_check();
	assert_non_null(recovery_split(&b.w, &b.c, r, b.base + MSS));
	bench_check();
	assert_int_equal(bench_flags(0) & SENT_FIN, 0);
	assert_true(bench_flags(MSS) & SENT_FIN);
	bench_ack(0, 1, MSS, 2 * MSS + 1);
	assert_int_equal(b.c.sacked_bytes, MSS + 1);
	bench_ack(2 * MSS + 1, 0);
	assert_null(b.c.sent_first);
}

/* The segment size goes down: what is larger is lost, without a reduction. */
static void resegment(void **state)
{
	(void)state;
	bench_send(2);
	bench_send_bytes(500);
	bench_send_bytes(3 * MSS);
	b.c.mss = 700;
	recovery_resegment(&b.w, &b.c);
	bench_check();
	assert_int_equal(b.c.lost_bytes, 5 * MSS);
	assert_int_equal(bench_resend(), 2 + 2 + 5); /* 700 and 300 each; 3000 in five */
	assert_int_equal(b.c.ca, CA_OPEN);
	assert_int_equal(b.c.cwnd, 10 * MSS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(cumulative, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(selective, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(joins, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(splits, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(beyond_belief, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(dsack, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(old_ack, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(reneging, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(crumbs, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(bounded, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(room, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(no_records, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(fin, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(fin_joined, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(resegment, bench_setup, bench_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

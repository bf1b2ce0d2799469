/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Explicit congestion notification (RFC 3168 6.1): agreed in the handshake; marks of the path are
 * echoed until the peer says it has reduced its window; echoes of the peer reduce ours once a
 * window and are answered with CWR; only new data is marked as able.
 */
#include "tests/world/tcp_world.h"

enum { LEN = MSS_TS };

static void open_ecn(void)
{
	peer_near_wrap();
	seg_in(SYN | ECE | CWR, 0, 0, 0);
	seg_expect(SYN | ACK | ECE, 0, 1, 0);
	world_pass_ms(RTT_MS);
	seg_in(ACK, 1, 1, 0);
	assert_int_equal(app.opened, 1);
}

/* 6.1.1 */
static void agreed_from_outside(void **state)
{
	const struct seg *s;

	(void)state;
	open_ecn();
	app_send(100);
	s = seg_expect(ACK, 1, 1, 100);
	assert_int_equal(s->tos & CE, ECT0);
	/* 6.1.4: a bare ACK is not able. */
	seg_in(ACK, 1, 101, 100);
	s = seg_expect(ACK, 101, 101, 0);
	assert_int_equal(s->tos & CE, 0);
	peer_reset();
}

static void agreed_from_here(void **state)
{
	const struct seg *s;

	(void)state;
	peer_core();
	app_connect();
	s = seg_expect(SYN | ECE | CWR, 0, 0, 0);
	assert_int_equal(s->tos & CE, 0);
	seg_in(SYN | ACK | ECE, 0, 1, 0);
	seg_expect(ACK, 1, 1, 0);
	app_send(100);
	assert_int_equal(seg_expect(ACK, 1, 1, 100)->tos & CE, ECT0);
	peer_reset();
}

/* Both flags in the answer are a reflection of a host that knows neither. */
static void not_agreed(void **state)
{
	static const uint8_t answer[] = { 0, ECE | CWR, CWR };
	size_t i;

	(void)state;
	peer_core();
	for (i = 0; i < RTE_DIM(answer); i++) {
		app_connect();
		seg_expect(SYN | ECE | CWR, 0, 0, 0);
		seg_in(SYN | ACK | answer[i], 0, 1, 0);
		seg_expect(ACK, 1, 1, 0);
		app_send(100);
		assert_int_equal(seg_expect(ACK, 1, 1, 100)->tos & CE, 0);
		/* Marks mean nothing then. */
		seg_in(ACK, 1, 101, 100, .tos = CE);
		seg_expect(ACK, 101, 101, 0);
		peer_reset();
	}
}

static void a_mark_is_echoed_until_cwr(void **state)
{
	uint32_t i;

	(void)state;
	open_ecn();
	seg_in(ACK, 1, 1, 100, .tos = ECT0);
	seg_expect(ACK, 1, 101, 0);
	seg_in(ACK, 101, 1, 100, .tos = CE);
	seg_expect(ACK | ECE, 1, 201, 0);
	for (i = 2; i < 5; i++) {
		seg_in(ACK, 1 + 100 * i, 1, 100, .tos = ECT0);
		seg_expect(ACK | ECE, 1, 101 + 100 * i, 0);
	}
	/* Data carries it, too. */
	app_send(10);
	seg_expect(ACK | ECE, 1, 501, 10);
	seg_in(ACK | CWR, 501, 11, 100, .tos = ECT0);
	seg_expect(ACK, 11, 601, 0);
	/* CWR of a segment that is marked itself starts anew. */
	seg_in(ACK | CWR, 601, 11, 100, .tos = CE);
	seg_expect(ACK | ECE, 11, 701, 0);
	assert_int_equal(world_count(0, CNT_TCP_ECN_CE), 2);
	peer_reset();
}

static void an_echo_reduces_once_a_window(void **state)
{
	uint32_t cwnd, i;

	(void)state;
	open_ecn();
	cwnd = app.c->cwnd;
	app_send(40 * LEN);
	assert_int_equal(seg_skip(), 10);
	world_pass_ms(RTT_MS);
	for (i = 1; i <= 10; i++)
		seg_in(ACK | ECE, 1, 1 + i * LEN, 0);
	assert_int_equal(world_count(0, CNT_TCP_ECN_CUT), 1);
	assert_in_range(app.c->cwnd, cwnd / 2 - LEN, cwnd / 2 + LEN);
	/* 6.1.2: CWR on the first new data, once; nothing is sent again. */
	assert_int_equal(seg_next()->flags & CWR, CWR);
	for (i = 0; i < 4; i++) {
		const struct seg *s = seg_next();

		if (s)
			assert_int_equal(s->flags & CWR, 0);
	}
	seg_skip();
	assert_int_equal(world_count(0, CNT_TCP_REXMIT_FAST), 0);
	peer_reset();
}

/* 6.1.5: not on what is sent again. */
static void a_retransmission_is_not_able(void **state)
{
	(void)state;
	open_ecn();
	app_send(100);
	assert_int_equal(seg_expect(ACK, 1, 1, 100)->tos & CE, ECT0);
	seg_wait(2000);
	assert_int_equal(seg_expect(ACK, 1, 1, 100)->tos & CE, 0);
	peer_reset();
}

static int setup_off(void **state)
{
	(void)state;
	tcp_config();
	world.conf.tcp.ecn = false;
	tcp_start();
	return 0;
}

static void switched_off(void **state)
{
	(void)state;
	peer_near_wrap();
	seg_in(SYN | ECE | CWR, 0, 0, 0);
	seg_expect(SYN | ACK, 0, 1, 0);
	seg_in(ACK, 1, 1, 0);
	app_send(10);
	assert_int_equal(seg_expect(ACK, 1, 1, 10)->tos & CE, 0);
	peer_reset();
	peer_core();
	open_active();
	peer_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(agreed_from_outside),
		tcp_test(agreed_from_here),
		tcp_test(not_agreed),
		tcp_test(a_mark_is_echoed_until_cwr),
		tcp_test(an_echo_reduces_once_a_window),
		tcp_test(a_retransmission_is_not_able),
		cmocka_unit_test_setup_teardown(switched_off, setup_off, tcp_teardown),
	};

	return tcp_run(tests);
}

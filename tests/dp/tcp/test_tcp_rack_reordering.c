/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RACK (RFC 8985 6.2): a segment is lost when one sent later was delivered and the reordering
 * window has passed since; what merely comes late is left alone. The window is there once
 * reordering was seen, and DSACKs make it wider.
 */
#include "tests/world/tcp_world.h"

enum { LEN = MSS_TS };

#define S(i) (1 + (i)*LEN)
#define B(from, to)            \
	{                      \
		S(from), S(to) \
	}

static void out(uint32_t n)
{
	app_send(n * LEN);
	assert_int_equal(seg_skip(), n);
	world_pass_ms(RTT_MS);
}

/* Fewer than three: a quarter of the round trip is waited for. */
static void a_little_late(void **state)
{
	(void)state;
	open_passive();
	out(5);
	seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { B(1, 2) });
	seg_quiet(RTT_MS / 4 - 4);
	seg_in(ACK, 1, S(2), 0);
	seg_quiet(50);
	assert_int_equal(world_count(0, CNT_TCP_RACK_LOST), 0);
	seg_in(ACK, 1, S(5), 0);
	peer_reset();
}

static void too_late(void **state)
{
	uint32_t ms;

	(void)state;
	open_passive();
	out(5);
	seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { B(1, 2) });
	ms = seg_wait(RTT_MS);
	assert_in_range(ms, RTT_MS / 4 - 2, RTT_MS / 4 + 3);
	seg_expect(ACK, S(0), 1, LEN);
	assert_int_equal(world_count(0, CNT_TCP_REXMIT_FAST), 1);
	seg_in(ACK, 1, S(5), 0);
	seg_quiet(1000);
	peer_reset();
}

/* Once reordering was seen, three later ones are no proof. */
static void a_path_that_reorders(void **state)
{
	(void)state;
	open_passive();
	out(5);
	seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { B(1, 2) });
	seg_in(ACK, 1, S(5), 0);
	seg_none();
	assert_true(app.c->reordering_seen);
	out(8);
	seg_in(ACK, 1, S(5), 0, .n_sack = 1, .sack = { B(6, 12) });
	seg_quiet(RTT_MS / 4 - 4);
	/* It was only late. */
	seg_in(ACK, 1, S(13), 0);
	seg_quiet(100);
	assert_int_equal(world_count(0, CNT_TCP_RACK_LOST), 0);
	assert_int_equal(world_count(0, CNT_TCP_RECOVERY), 0);
	peer_reset();
}

/* However often DSACKs made it wider, nobody waits for longer than a round trip. */
static void no_wider_than_a_round_trip(void **state)
{
	uint32_t i, ms;

	(void)state;
	open_passive();
	for (i = 0; i < 16; i++) {
		out(1);
		seg_in(ACK, 1, S(i + 1), 0);
	}
	app.c->reordering_seen = 1;
	app.c->reo_wnd_mult = 40;
	app.c->reo_wnd_persist = 16;
	out(5);
	seg_in(ACK, 1, S(16), 0, .n_sack = 1, .sack = { B(17, 18) });
	ms = seg_wait(1000);
	assert_in_range(ms, RTT_MS - 3, RTT_MS + 3);
	seg_expect(ACK, S(16), 1, LEN);
	assert_int_equal(world_count(0, CNT_TCP_RACK_LOST), 1);
	seg_in(ACK, 1, S(21), 0);
	seg_quiet(100);
	peer_reset();
}

/* Sent again needlessly: the DSACK tells, the window of congestion is put back. */
static void a_dsack_undoes(void **state)
{
	uint32_t cwnd;

	(void)state;
	open_passive();
	cwnd = app.c->cwnd;
	out(8);
	seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { B(1, 5) });
	seg_expect(ACK, S(0), 1, LEN);
	assert_true(app.c->ssthresh < cwnd);
	/* The original arrives, then the copy. */
	world_pass_ms(20);
	seg_in(ACK, 1, S(8), 0);
	world_pass_ms(RTT_MS - 20);
	seg_in(ACK, 1, S(8), 0, .n_sack = 1, .sack = { B(0, 1) });
	assert_int_equal(world_count(0, CNT_TCP_DSACK_RX), 1);
	assert_int_equal(world_count(0, CNT_TCP_UNDO), 1);
	assert_true(app.c->cwnd >= cwnd);
	peer_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(a_little_late),
		tcp_test(too_late),
		tcp_test(a_path_that_reorders),
		tcp_test(no_wider_than_a_round_trip),
		tcp_test(a_dsack_undoes),
	};

	return tcp_run(tests);
}

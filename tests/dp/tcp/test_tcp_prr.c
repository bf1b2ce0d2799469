/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Proportional rate reduction (RFC 6937): during recovery about half a segment goes for each that
 * is delivered (Reno), never a burst, and the window ends at ssthresh.
 */
#include "tests/world/tcp_world.h"

enum { LEN = MSS_TS, OUT = 10 };

#define S(i) (1 + (i)*LEN)
#define B(from, to)            \
	{                      \
		S(from), S(to) \
	}

static void half_a_segment_each(void **state)
{
	uint32_t sent, i, n;

	(void)state;
	open_passive();
	app_send(40 * LEN);
	assert_int_equal(seg_skip(), OUT);
	world_pass_ms(RTT_MS);
	/* The first is lost: limited transmit lets two more go (RFC 3042). */
	seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { B(1, 2) });
	seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { B(1, 3) });
	n = seg_skip();
	assert_in_range(n, 0, 2);
	seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { B(1, 4) });
	seg_expect(ACK, S(0), 1, LEN);
	assert_int_equal(app.c->ca, CA_RECOVERY);
	sent = seg_skip();
	for (i = 5; i <= OUT + n; i++) {
		uint32_t now;

		seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { B(1, i) });
		now = seg_skip();
		assert_in_range(now, 0, 2);
		sent += now;
		/* In proportion: ssthresh / what was out, rounded up, and one for the start. */
		assert_true(sent <= (i - 1) / 2 + 1);
	}
	assert_in_range(sent, 3, 6);
	seg_in(ACK, 1, S(OUT + n), 0);
	assert_int_equal(app.c->ca, CA_OPEN);
	assert_true(app.c->cwnd <= app.c->ssthresh + LEN);
	assert_in_range(app.c->ssthresh, 5 * LEN, 6 * LEN);
	/* No burst at the end either. */
	assert_in_range(seg_skip(), 0, 3);
	peer_reset();
}

/* Most of a flight is lost: slow start up to ssthresh, by what is delivered (SSRB). */
static void after_heavy_loss(void **state)
{
	uint32_t now;

	(void)state;
	open_passive();
	app_send(40 * LEN);
	assert_int_equal(seg_skip(), OUT);
	world_pass_ms(RTT_MS);
	seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { B(7, 10) });
	now = seg_skip();
	/* Three were delivered: three may go, and one more. */
	assert_in_range(now, 1, 4);
	assert_int_equal(app.c->ca, CA_RECOVERY);
	peer_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = { tcp_test(half_a_segment_each),
					    tcp_test(after_heavy_loss) };

	return tcp_run(tests);
}

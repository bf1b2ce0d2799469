/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who takes what waits a byte at a time makes progress, and holds buffers (R73): below
 * tcp.slow-rate over twice tcp.stall-timeout the connection ends, `slow`. One that is fast enough
 * stays, and so does one that always has something on its way but little that waits.
 */
#include "tests/world/tcp_world.h"

enum { RATE = 64, STALL_S = 60, WINDOW_MS = 2 * STALL_S * 1000 };

static int setup(void **state)
{
	(void)state;
	tcp_config();
	world.conf.tcp.slow_rate = RATE;
	world.conf.tcp.stall_timeout = STALL_S;
	tcp_start();
	return 0;
}

/*
 * Acknowledges n bytes more each second of what has come, so long as the connection is there; how
 * many ms.
 */
static uint32_t take_slowly(uint32_t n, uint32_t ms_max)
{
	uint32_t ms, ack = 1, end = 1;
	const struct seg *s;

	for (ms = 0; !app.closed && ms < ms_max; ms++) {
		world_pass_ms(1);
		while ((s = seg_next()))
			end = RTE_MAX(end, s->seq + s->len);
		if (ms % 1000 == 999 && !app.closed)
			seg_in(ACK, 1, ack = RTE_MIN(ack + n, end), 0);
	}
	return ms;
}

static void a_byte_at_a_time(void **state)
{
	(void)state;
	open_passive();
	app_send(100000);
	/* Looked at from the first ACK on. */
	assert_in_range(take_slowly(1, 2 * WINDOW_MS), WINDOW_MS + 1000, WINDOW_MS + 2000);
	app_gone(TCP_END_SLOW);
}

/* Fast at first, which does not help for ever. */
static void fast_then_slow(void **state)
{
	(void)state;
	open_passive();
	app_send(100000);
	seg_skip();
	seg_in(ACK, 1, 1 + MSS_TS, 0);
	take_slowly(RATE / 2, 3 * WINDOW_MS);
	app_gone(TCP_END_SLOW);
}

static void fast_enough(void **state)
{
	(void)state;
	open_passive();
	app_send(100000);
	assert_int_equal(take_slowly(RATE * 5 / 4, 3 * WINDOW_MS), 3 * WINDOW_MS);
	assert_false(app.closed);
	peer_reset();
}

/* Far slower than the rate, and nothing is ever kept for long. */
static void a_trickle(void **state)
{
	uint32_t ms, ack = 1, sent = 1;

	(void)state;
	open_passive();
	for (ms = 0; ms < 3 * WINDOW_MS; ms++) {
		world_pass_ms(1);
		seg_skip();
		if (ms % 1000 == 0) {
			app_send(2);
			sent += 2;
		}
		if (ms % 1000 == 500 && ms > 1000) {
			seg_in(ACK, 1, ack += 2, 0);
			assert_true(ack < sent);
		}
	}
	assert_false(app.closed);
	peer_reset();
}

static void off(void **state)
{
	(void)state;
	open_passive();
	app_send(100000);
	assert_int_equal(take_slowly(1, 2 * WINDOW_MS), 2 * WINDOW_MS);
	assert_false(app.closed);
	peer_reset();
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, tcp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_byte_at_a_time), T(fast_then_slow), T(fast_enough), T(a_trickle), tcp_test(off),
	};

	return tcp_run(tests);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The window we offer (RFC 9293 3.8.6, 3.8.6.2.2): it shrinks as the owner reads nothing, never
 * goes back, grows by a segment or half the buffer and not by less, and that it opens again is
 * said at once.
 */
#include "tests/world/tcp_world.h"

enum { BUFFER = 16384 };

static int setup(void **state)
{
	(void)state;
	tcp_config();
	world.conf.tcp.receive_buffer = BUFFER;
	tcp_start();
	peer.ws = 1;
	app.hold = true;
	open_passive();
	return 0;
}

/* Sends what the window lets go in segments; returns the next sequence number. */
static uint32_t fill_window(uint32_t seq)
{
	uint32_t edge = seq + BUFFER, end = seq;
	const struct seg *s;

	while (end < edge) {
		uint32_t n = RTE_MIN((uint32_t)MSS_TS, edge - end);

		seg_in(ACK, end, 1, n);
		end += n;
		while ((s = seg_next()) != NULL) {
			assert_true(s->ack <= end);
			/* The edge stays where it was. */
			assert_int_equal(s->ack + seg_window(s), edge);
		}
		world_pass_ms(TCP_DELACK_MS + 1);
	}
	return end;
}

static void it_closes_and_opens(void **state)
{
	uint32_t next = fill_window(1);
	const struct seg *s;

	(void)state;
	assert_int_equal(next, 1 + BUFFER);
	seg_skip();
	assert_int_equal(world_count(0, CNT_TCP_ZERO_WINDOW_TX), 1);
	/* Too little to be worth a segment: nothing is said, nor offered when asked. */
	app_take(500);
	seg_none();
	seg_in(ACK, next - 1, 1, 0);
	s = seg_expect(ACK, 1, next, 0);
	assert_int_equal(s->wnd, 0);
	app_take(MSS_TS);
	s = seg_expect(ACK, 1, next, 0);
	assert_int_equal(seg_window(s), 500 + MSS_TS);
	seg_none();
	seg_in(ACK, next, 1, 1000);
	seg_wait(100);
	seg_skip();
	app_take(BUFFER - 500 - MSS_TS + 1000);
	s = seg_expect(ACK, 1, next + 1000, 0);
	assert_int_equal(seg_window(s), BUFFER);
	peer_reset();
}

static void small_takes_say_nothing(void **state)
{
	uint32_t next = fill_window(1), i;

	(void)state;
	seg_skip();
	for (i = 0; i < 14; i++) {
		app_take(100);
		seg_none();
	}
	app_take(100);
	assert_true(seg_window(seg_expect(ACK, 1, next, 0)) >= MSS_TS);
	peer_reset();
}

/* It was said when it opened, and by every ACK: a lost update is made up for by a probe's answer.
 */
static void a_lost_update(void **state)
{
	uint32_t next = fill_window(1);
	const struct seg *s;

	(void)state;
	seg_skip();
	app_take(BUFFER);
	seg_expect(ACK, 1, next, 0);
	world_pass_ms(1000);
	/* Linux' probe: the byte before. */
	seg_in(ACK, next - 1, 1, 0);
	s = seg_expect(ACK, 1, next, 0);
	assert_int_equal(seg_window(s), BUFFER);
	peer_reset();
}

#define small(f) cmocka_unit_test_setup_teardown(f, setup, tcp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		small(it_closes_and_opens),
		small(small_takes_say_nothing),
		small(a_lost_update),
	};

	return tcp_run(tests);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which segments are in the window (RFC 9293 3.10.7.4 first): data beyond its right edge is cut
 * off, a segment wholly outside is answered with an ACK and dropped, RST is not answered.
 */
#include "tests/world/tcp_world.h"

enum { BUFFER = 4096 };

static int setup(void **state)
{
	(void)state;
	tcp_config();
	world.conf.tcp.receive_buffer = BUFFER;
	tcp_start();
	app.hold = true;
	open_passive();
	world_mark();
	return 0;
}

static void wholly_beyond(void **state)
{
	(void)state;
	seg_in(ACK, 1 + BUFFER, 1, 100);
	seg_expect(ACK, 1, 1, 0);
	seg_in(FIN | ACK, 1 + BUFFER, 1, 0);
	seg_expect(ACK, 1, 1, 0);
	seg_in(ACK, 1 + 0x70000000, 1, 100);
	seg_expect(ACK, 1, 1, 0);
	world_drops(DROP_TCP_SEQ, 3);
	peer_reset();
}

static void wholly_before(void **state)
{
	(void)state;
	seg_in(ACK, 1, 1, 1000);
	seg_expect(ACK, 1, 1001, 0);
	world_mark();
	seg_in(ACK, -99u, 1, 100);
	assert_int_equal(seg_next()->ack, 1001);
	seg_in(ACK, 1 - 0x70000000u, 1, 100);
	assert_int_equal(seg_next()->ack, 1001);
	world_drops(DROP_TCP_SEQ, 2);
	peer_reset();
}

/* What is inside counts, the FIN behind what is cut off does not. */
static void partly_beyond(void **state)
{
	const struct seg *s;

	(void)state;
	seg_in(ACK, 1, 1, 1400);
	seg_in(ACK, 1401, 1, 1400);
	seg_in(FIN | ACK, 2801, 1, 1400);
	world_pass_ms(100);
	seg_skip();
	assert_int_equal(tcp_readable(app.c), BUFFER);
	assert_int_equal(app.fins, 0);
	app_take(BUFFER);
	s = seg_expect(ACK, 1, 1 + BUFFER, 0);
	assert_int_equal(seg_window(s), BUFFER);
	app.hold = false;
	seg_in(FIN | ACK, 1 + BUFFER, 1, 4200 - BUFFER);
	seg_expect(ACK, 1, 4202, 0);
	assert_int_equal(app.fins, 1);
	assert_int_equal(app.received, 4200);
	peer_reset();
}

static void partly_beyond_out_of_order(void **state)
{
	(void)state;
	seg_in(ACK, 3001, 1, 1400);
	seg_expect(ACK, 1, 1, 0, .n_sack = 1, .sack = { { 3001, 1 + BUFFER } });
	seg_in(ACK, 1, 1, 1400);
	seg_in(ACK, 1401, 1, 1400);
	seg_in(ACK, 2801, 1, 200);
	seg_skip();
	assert_int_equal(tcp_readable(app.c), BUFFER);
	peer_reset();
}

/* A packet whose last piece lies beyond the window, and more: what is in it is taken. */
static void beyond_by_more_than_a_piece(void **state)
{
	(void)state;
	seg_in(ACK, 1, 1, 1400);
	seg_in(ACK, 1401, 1, 1400);
	seg_skip();
	world_mark();
	world.seg_first = 1400;
	world.seg_rest = 50;
	seg_in(ACK, 2801, 1, 1400);
	world.seg_first = world.seg_rest = 0;
	seg_skip();
	assert_int_equal(tcp_readable(app.c), BUFFER);
	peer_reset();
}

/* And one whose first pieces came before, and more. */
static void before_by_more_than_a_piece(void **state)
{
	(void)state;
	seg_in(ACK, 1, 1, 1400);
	seg_skip();
	world.seg_first = 100;
	world.seg_rest = 100;
	seg_in(ACK, 1, 1, 1425);
	world.seg_first = world.seg_rest = 0;
	seg_skip();
	assert_int_equal(tcp_readable(app.c), 1425);
	seg_in(ACK, 1426, 1, 75);
	assert_int_equal(tcp_readable(app.c), 1500);
	peer_reset();
}

#define small(f) cmocka_unit_test_setup_teardown(f, setup, tcp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		small(wholly_beyond),
		small(wholly_before),
		small(partly_beyond),
		small(partly_beyond_out_of_order),
		small(beyond_by_more_than_a_piece),
		small(before_by_more_than_a_piece),
	};

	return tcp_run(tests);
}

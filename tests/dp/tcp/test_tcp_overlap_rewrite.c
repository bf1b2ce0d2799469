/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes of a stream never change: when what came comes again with other bytes, the first stays,
 * be it delivered, waiting for its owner, or out of order.
 */
#include "tests/world/tcp_world.h"

static uint8_t ones[1000], twos[1000];

static void open_reader(void)
{
	memset(ones, 1, sizeof(ones));
	memset(twos, 2, sizeof(twos));
	open_passive();
	app.any_data = true;
	app.hold = true;
}

/* The stream so far, n bytes, must be ones, but twos from a to b. */
static void expect_bytes(uint32_t n, uint32_t a, uint32_t b)
{
	uint8_t got[4000];
	uint32_t i;

	assert_int_equal(tcp_readable(app.c), n);
	tcp_recv_copy(app.c, 0, got, n);
	for (i = 0; i < n; i++)
		assert_int_equal(got[i], i >= a && i < b ? 2 : 1);
	peer_reset();
}

static void out_of_order_the_first_stays(void **state)
{
	(void)state;
	open_reader();
	seg_in(ACK, 301, 1, 100, .data = twos);
	seg_in(ACK, 201, 1, 400, .data = ones);
	seg_in(ACK, 1, 1, 700, .data = ones);
	expect_bytes(700, 300, 400);
}

static void a_piece_inside_of_one(void **state)
{
	(void)state;
	open_reader();
	seg_in(ACK, 201, 1, 400, .data = ones);
	seg_in(ACK, 301, 1, 100, .data = twos);
	seg_in(ACK, 1, 1, 200, .data = ones);
	expect_bytes(600, 0, 0);
}

static void in_order_the_first_stays(void **state)
{
	(void)state;
	open_reader();
	seg_in(ACK, 1, 1, 500, .data = ones);
	seg_in(ACK, 1, 1, 500, .data = twos);
	seg_in(ACK, 101, 1, 500, .data = twos);
	expect_bytes(600, 500, 600);
}

/* In order, over something that waits out of order. */
static void what_fills_a_hole_and_more(void **state)
{
	(void)state;
	open_reader();
	seg_in(ACK, 501, 1, 200, .data = twos);
	seg_in(ACK, 1, 1, 1000, .data = ones);
	expect_bytes(1000, 500, 700);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(out_of_order_the_first_stays),
		tcp_test(a_piece_inside_of_one),
		tcp_test(in_order_the_first_stays),
		tcp_test(what_fills_a_hole_and_more),
	};

	return tcp_run(tests);
}

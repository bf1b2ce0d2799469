/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Duplicates are reported (RFC 2883 4): the first block says what came twice, once; the second
 * what holds it, if that is not acknowledged yet.
 */
#include "tests/world/tcp_world.h"

enum { LEN = 100 };

static void part(uint32_t i, uint32_t n)
{
	seg_in(ACK, 1 + i * LEN, 1, n * LEN);
}

#define B(from, to)                          \
	{                                    \
		1 + (from)*LEN, 1 + (to)*LEN \
	}

/* 4.1: below the acknowledgement. */
static void all_of_a_segment(void **state)
{
	(void)state;
	open_passive();
	part(0, 2);
	seg_expect(ACK, 1, 1 + 2 * LEN, 0);
	part(1, 1);
	seg_expect(ACK, 1, 1 + 2 * LEN, 0, .n_sack = 1, .sack = { B(1, 2) });
	assert_int_equal(world_count(0, CNT_TCP_DSACK_TX), 1);
	assert_int_equal(world_count(0, CNT_TCP_DUP), 1);
	/* Once. */
	part(2, 1);
	seg_expect(ACK, 1, 1 + 3 * LEN, 0);
	close_peer_first(1 + 3 * LEN, 1);
}

static void the_front_of_a_segment(void **state)
{
	(void)state;
	open_passive();
	part(0, 2);
	seg_expect(ACK, 1, 1 + 2 * LEN, 0);
	part(1, 3);
	seg_expect(ACK, 1, 1 + 4 * LEN, 0, .n_sack = 1, .sack = { B(1, 2) });
	assert_int_equal(app.received, 4 * LEN);
	peer_reset();
}

/* 4.2: within what is held out of order. */
static void of_what_is_out_of_order(void **state)
{
	(void)state;
	open_passive();
	part(2, 3);
	seg_expect(ACK, 1, 1, 0, .n_sack = 1, .sack = { B(2, 5) });
	part(3, 1);
	seg_expect(ACK, 1, 1, 0, .n_sack = 2, .sack = { B(3, 4), B(2, 5) });
	peer_reset();
}

/* 4.1.2: with a hole beyond. */
static void below_a_hole(void **state)
{
	(void)state;
	open_passive();
	part(0, 1);
	seg_expect(ACK, 1, 1 + LEN, 0);
	part(2, 1);
	seg_expect(ACK, 1, 1 + LEN, 0, .n_sack = 1, .sack = { B(2, 3) });
	part(0, 1);
	seg_expect(ACK, 1, 1 + LEN, 0, .n_sack = 2, .sack = { B(0, 1), B(2, 3) });
	peer_reset();
}

static void none_without_sack(void **state)
{
	(void)state;
	peer.sack = false;
	open_passive();
	part(0, 1);
	seg_expect(ACK, 1, 1 + LEN, 0);
	part(0, 1);
	seg_expect(ACK, 1, 1 + LEN, 0);
	peer_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(all_of_a_segment),	   tcp_test(the_front_of_a_segment),
		tcp_test(of_what_is_out_of_order), tcp_test(below_a_hole),
		tcp_test(none_without_sack),
	};

	return tcp_run(tests);
}

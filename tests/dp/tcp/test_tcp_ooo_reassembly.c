/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Segments out of order (RFC 9293 3.10.7.4 seventh, SHLD-31): kept, put in order, each byte
 * delivered once; every one is acknowledged at once (RFC 5681 4.2); bounded by tcp.reorder-buffer.
 */
#include "tests/world/tcp_world.h"

enum { LEN = 500, PARTS = 5 };

static void part(uint32_t i)
{
	seg_in(ACK, 1 + i * LEN, 1, LEN);
}

/* Every order of five segments. */
static void permute(uint32_t *base, uint32_t used, uint32_t depth)
{
	uint32_t i;
	static uint32_t order[PARTS];

	if (depth == PARTS) {
		for (i = 0; i < PARTS; i++)
			part(*base + order[i]);
		*base += PARTS;
		seg_skip();
		assert_int_equal(app.received, *base * LEN);
		return;
	}
	for (i = 0; i < PARTS; i++) {
		if (used & 1u << i)
			continue;
		order[depth] = i;
		permute(base, used | 1u << i, depth + 1);
	}
}

static void in_every_order(void **state)
{
	uint32_t base = 0;

	(void)state;
	open_passive();
	permute(&base, 0, 0);
	assert_int_equal(base, 120 * PARTS);
	close_peer_first(1 + base * LEN, 1);
}

static void each_is_acknowledged(void **state)
{
	uint32_t i;

	(void)state;
	peer.sack = false;
	open_passive();
	app.c->quick_acks = 0;
	for (i = 4; i > 0; i--) {
		part(i);
		seg_expect(ACK, 1, 1, 0);
		seg_none();
	}
	/* So is what fills the hole. */
	part(0);
	seg_expect(ACK, 1, 1 + 5 * LEN, 0);
	assert_int_equal(app.received, 5 * LEN);
	assert_int_equal(world_count(0, CNT_TCP_OOO), 4);
	close_peer_first(1 + 5 * LEN, 1);
}

/* In pieces that overlap each other. */
static void overlaps(void **state)
{
	(void)state;
	open_passive();
	seg_in(ACK, 301, 1, 200);
	seg_in(ACK, 401, 1, 300);
	seg_in(ACK, 201, 1, 600);
	seg_in(ACK, 101, 1, 150);
	seg_in(ACK, 1, 1, 120);
	seg_skip();
	assert_int_equal(app.received, 800);
	close_peer_first(801, 1);
}

static int setup_small(void **state)
{
	(void)state;
	tcp_config();
	world.conf.tcp.reorder_buffer = 4 * LEN;
	tcp_start();
	return 0;
}

static void it_is_bounded(void **state)
{
	uint32_t i;

	(void)state;
	open_passive();
	world_mark();
	for (i = 1; i < 10; i++)
		part(i);
	world_drops(DROP_TCP_OOO_FULL, 5);
	seg_skip();
	/* What was kept need not come again. */
	part(0);
	seg_expect(ACK, 1, 1 + 5 * LEN, 0);
	for (i = 5; i < 10; i++)
		part(i);
	seg_skip();
	assert_int_equal(app.received, 10 * LEN);
	close_peer_first(1 + 10 * LEN, 1);
}

/* A connection that ends with a hole gives all back. */
static void a_hole_for_ever(void **state)
{
	(void)state;
	open_passive();
	part(1);
	part(3);
	seg_skip();
	assert_true(tcp_held(world.w) > 0);
	peer_reset();
	assert_int_equal(tcp_held(world.w), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(in_every_order),
		tcp_test(each_is_acknowledged),
		tcp_test(overlaps),
		cmocka_unit_test_setup_teardown(it_is_bounded, setup_small, tcp_teardown),
		tcp_test(a_hole_for_ever),
	};

	return tcp_run(tests);
}

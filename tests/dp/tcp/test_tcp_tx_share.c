/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device takes as many packets as its ring has places: TCP puts half of that into it in a turn,
 * so that many first windows at once (RFC 6928) are not lost on the way and media finds room; the
 * rest goes in the turns that follow.
 */
#include "tests/world/crowd.h"

enum { RING = 64, CONNS = 20, BYTES = 14000, SEGMENTS = CONNS * 10 };

static int setup(void **state)
{
	(void)state;
	tcp_config();
	tcp_start();
	world.dp.port[ACCESS].tx_ring = RING;
	return 0;
}

static void first_windows_at_once(void **state)
{
	static uint8_t bytes[BYTES];
	uint64_t sent = 0, now;
	uint32_t i, turns;

	(void)state;
	for (i = 0; i < CONNS; i++)
		assert_true(crowd_open(i));
	for (i = 0; i < CONNS; i++) {
		pattern_fill(bytes, 0, BYTES);
		assert_true(tcp_send_bytes(world.w, crowd[i].c, bytes, BYTES));
	}
	world_mark();
	for (turns = 0; sent < SEGMENTS; turns++) {
		assert_true(turns <= SEGMENTS / (RING / 2));
		world.tx_room = RING;
		worker_turn(world.w);
		now = world_count(0, CNT_TCP_TX);
		assert_in_range(now - sent, 1, RING / 2);
		assert_true(world.tx_room >= RING / 2);
		sent = now;
	}
	world.tx_room = UINT16_MAX;
	assert_int_equal(sent, SEGMENTS);
	assert_int_equal(world.w->counters->drop[DROP_TX_FULL], 0);
	crowd_run();
	for (i = 0; i < CONNS; i++)
		assert_int_equal(crowd[i].seen, 1 + BYTES);
	crowd_end();
}

#define share(f) cmocka_unit_test_setup_teardown(f, setup, tcp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		share(first_windows_at_once),
	};

	return tcp_run(tests);
}

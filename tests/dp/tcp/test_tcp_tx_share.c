/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device takes as many packets as its ring has places: TCP puts half of that into it in a turn,
 * so that many first windows at once (RFC 6928) are not lost on the way and media finds room; the
 * rest goes in the turns that follow. What is sent again has no more, and where the ring was full all
 * the same it is less. A turn has an end in time as well.
 */
#include "tests/world/crowd.h"

enum { RING = 64, CONNS = 20, BYTES = 14000, SEGMENTS = CONNS * 10 };
enum { SMALL_RING = 16, TIMEOUT_MS = 5000 };

static int setup(void **state)
{
	(void)state;
	tcp_config();
	tcp_start();
	world.dp.port[ACCESS].tx_ring = RING;
	return 0;
}

static void all_have(uint32_t bytes)
{
	static uint8_t data[BYTES];
	uint32_t i;

	for (i = 0; i < CONNS; i++)
		assert_true(crowd_open(i));
	pattern_fill(data, 0, BYTES);
	for (i = 0; i < CONNS; i++)
		assert_true(tcp_send_bytes(world.w, crowd[i].c, data, bytes));
	world_mark();
}

/* One turn: how many more of these it sent. */
static uint64_t turn(enum counter c)
{
	uint64_t before = world_count(0, c);

	worker_turn(world.w);
	return world_count(0, c) - before;
}

static void first_windows_at_once(void **state)
{
	uint64_t sent = 0, n;
	uint32_t i, turns;

	(void)state;
	all_have(BYTES);
	for (turns = 0; sent < SEGMENTS; turns++) {
		assert_true(turns <= SEGMENTS / (RING / 2));
		world.tx_room = RING;
		n = turn(CNT_TCP_TX);
		assert_in_range(n, 1, RING / 2);
		assert_true(world.tx_room >= RING / 2);
		sent += n;
	}
	world.tx_room = UINT16_MAX;
	assert_int_equal(sent, SEGMENTS);
	assert_int_equal(world.w->counters->drop[DROP_TX_FULL], 0);
	crowd_run();
	for (i = 0; i < CONNS; i++)
		assert_int_equal(crowd[i].seen, 1 + BYTES);
	crowd_end();
}

/* All of one millisecond are lost, and the timers of all fire at once. */
static void timeouts_at_once(void **state)
{
	uint64_t again = 0, n;
	uint32_t ms, turns;

	(void)state;
	crowd_lose = 1;
	all_have(MSS_TS);
	crowd_run();
	world.dp.port[ACCESS].tx_ring = SMALL_RING;
	for (ms = 0; again == 0; ms++) {
		assert_true(ms < TIMEOUT_MS);
		world_clock_ms(world.w->now_ms + 1);
		for (turns = 0; turns < CONNS; turns++) {
			n = turn(CNT_TCP_REXMIT_RTO);
			assert_true(n <= SMALL_RING / 2);
			again += n;
		}
	}
	assert_int_equal(again, CONNS);
	crowd_lose = 0;
	crowd_run();
	crowd_end();
}

/* Half as much after each turn in which packets found no place; a step back each millisecond. */
static void less_where_the_ring_was_full(void **state)
{
	(void)state;
	all_have(BYTES);
	world.tx_room = RING / 2 - 1;
	assert_int_equal(turn(CNT_TCP_TX), RING / 2);
	world_drops(DROP_TX_FULL, 1);
	world.tx_room = RING / 4 - 1;
	assert_int_equal(turn(CNT_TCP_TX), RING / 4);
	world_drops(DROP_TX_FULL, 2);
	world.tx_room = UINT16_MAX;
	assert_int_equal(turn(CNT_TCP_TX), RING / 8);
	world_clock_ms(world.w->now_ms + 1);
	assert_int_equal(turn(CNT_TCP_TX), RING / 4);
	world_clock_ms(world.w->now_ms + 1);
	assert_int_equal(turn(CNT_TCP_TX), RING / 2);
	crowd_end();
}

/* Where the clock says that the turn's time is over as it begins, it looks after the first few. */
static void a_turn_ends_in_time(void **state)
{
	(void)state;
	all_have(MSS_TS);
	world.dp.tsc_per_us = 0;
	assert_int_equal(turn(CNT_TCP_TX), TCP_TURN_LOOK);
	assert_int_equal(turn(CNT_TCP_TX), CONNS - TCP_TURN_LOOK);
	crowd_end();
	/* And where it has all the time there is it looks after all. */
	world.dp.tsc_per_us = 1e12;
	all_have(MSS_TS);
	assert_int_equal(turn(CNT_TCP_TX), CONNS);
	crowd_end();
}

#define share(f) cmocka_unit_test_setup_teardown(f, setup, tcp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		share(first_windows_at_once),
		share(timeouts_at_once),
		share(less_where_the_ring_was_full),
		share(a_turn_ends_in_time),
	};

	return tcp_run(tests);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pins what the service manager learns of the workers (dp/heartbeat.h): that all have begun, once
 * each has turned; then that all turn, as often as its watchdog wants, and never while one of them
 * does not; that the log is told of that one once; and that a worker which turns, idle or not, is
 * seen to.
 */
#include "tests/world/unit.h"
#include "tests/world/worker.h"
#include "dp/heartbeat.h"
#include "dp/stage.h"

enum { WORKERS = 3, WATCHDOG_US = 4000000, QUARTER_MS = 1000, START_MS = 7000 };

static struct worker worker[WORKERS];
static struct dplane dp;
static struct heartbeat h;
static uint64_t now_ms;
static uint16_t late;

static int setup(void **state)
{
	(void)state;
	memset(worker, 0, sizeof(worker));
	memset(&dp, 0, sizeof(dp));
	dp.n_workers = WORKERS;
	for (uint16_t i = 0; i < dp.n_workers; i++)
		dp.worker[i] = &worker[i];
	now_ms = START_MS;
	heartbeat_start(&h, WATCHDOG_US, now_ms);
	return 0;
}

static void turns(uint16_t i)
{
	stat_add(&worker[i].clock.beat, 1);
}

static void all_turn(void)
{
	for (uint16_t i = 0; i < dp.n_workers; i++)
		turns(i);
}

static enum heartbeat_verdict look(void)
{
	return heartbeat_look(&h, &dp, now_ms, &late);
}

static void ready_when_each_has_turned(void **state)
{
	(void)state;
	assert_int_equal(look(), HEARTBEAT_SILENT);
	turns(0);
	turns(2);
	now_ms += 100;
	assert_int_equal(look(), HEARTBEAT_SILENT);
	turns(0);
	assert_int_equal(look(), HEARTBEAT_SILENT);
	turns(1);
	assert_int_equal(look(), HEARTBEAT_FIRST);
	assert_int_equal(look(), HEARTBEAT_SILENT);
}

static void as_often_as_the_watchdog_wants(void **state)
{
	(void)state;
	all_turn();
	assert_int_equal(look(), HEARTBEAT_FIRST);
	for (int i = 0; i < 5; i++) {
		all_turn();
		now_ms += QUARTER_MS - 1;
		assert_int_equal(look(), HEARTBEAT_SILENT);
		now_ms += 1;
		assert_int_equal(look(), HEARTBEAT_ALL);
	}
}

/* One that hangs counts for all: the others do not make up for it. */
static void never_while_one_hangs(void **state)
{
	unsigned int told = 0;

	(void)state;
	all_turn();
	assert_int_equal(look(), HEARTBEAT_FIRST);
	for (int i = 0; i < 300; i++) {
		enum heartbeat_verdict verdict;

		turns(0);
		turns(1);
		now_ms += 100;
		verdict = look();
		if (verdict == HEARTBEAT_LATE) {
			assert_int_equal(late, 2);
			assert_true(now_ms - START_MS >= HEARTBEAT_LATE_MS);
			told++;
		} else {
			assert_int_equal(verdict, HEARTBEAT_SILENT);
		}
	}
	assert_int_equal(told, 1);
	turns(2);
	assert_int_equal(look(), HEARTBEAT_ALL);
	now_ms += 2 * HEARTBEAT_LATE_MS;
	assert_int_equal(look(), HEARTBEAT_LATE);
}

/* Without a watchdog as often as the log wants; a short one is served in time. */
static void periods(void **state)
{
	(void)state;
	heartbeat_start(&h, 0, now_ms);
	assert_int_equal(h.every_ms, HEARTBEAT_MS);
	heartbeat_start(&h, UINT64_C(60000000), now_ms);
	assert_int_equal(h.every_ms, HEARTBEAT_MS);
	heartbeat_start(&h, 200000, now_ms);
	assert_int_equal(h.every_ms, 50);
	heartbeat_start(&h, 1, now_ms);
	assert_int_equal(h.every_ms, 1);
}

static void a_worker_that_turns_is_seen(void **state)
{
	uint64_t before;

	(void)state;
	world_config();
	world_start();
	stage_start(world.w);
	before = atomic_load(&world.w->clock.beat);
	world.w->clock.tsc_next = 0; /* half a millisecond has passed */
	worker_turn(world.w);
	assert_int_equal(atomic_load(&world.w->clock.beat), before + 1);
	world_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(ready_when_each_has_turned, setup),
		cmocka_unit_test_setup(as_often_as_the_watchdog_wants, setup),
		cmocka_unit_test_setup(never_while_one_hangs, setup),
		cmocka_unit_test_setup(periods, setup),
		cmocka_unit_test(a_worker_that_turns_is_seen),
	};

	world_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

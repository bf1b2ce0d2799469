/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pins the accounting of cycles: each cycle of a worker is charged to one stage, none twice and
 * none to nobody; items are what went through; a turn without work, and a nap, are idle; a mark
 * never goes back; batches are counted by size, turns that had work by how long they took.
 */
#include "tests/world/unit.h"
#include "tests/world/control.h"
#include "dp/stage.h"
#include "dp/tx.h"
#include "lib/chandata.h"

#include <signal.h>
#include <time.h>
#include <sys/time.h>

enum { CHANNEL = 0x4001 };

static struct sock_addr client, listener, peer, relayed;
static struct frame f;
static uint8_t msg[64];

static int setup(void **state)
{
	int r = world_setup(state);

	client = at("10.1.0.2", 5000);
	listener = at("10.1.0.1", 3478);
	peer = at("10.2.0.2", 4000);
	relayed = at("10.2.0.1", RELAY_PORT);
	assert_true(session_add(0, 0, 1, &client, 0, RELAY_PORT, 0, 0));
	assert_true(chan_add(0, 0, &peer, CHANNEL, WORLD_START_S + 300));
	memset(&world.w->counters->stage, 0, sizeof(world.w->counters->stage));
	memset(&world.w->counters->rx_burst, 0, sizeof(world.w->counters->rx_burst));
	memset(&world.w->counters->tx_batch, 0, sizeof(world.w->counters->tx_batch));
	memset(&world.w->counters->turn, 0, sizeof(world.w->counters->turn));
	stage_start(world.w);
	return r;
}

static uint64_t items(enum stage s)
{
	return world.w->counters->stage[s].items;
}

static uint64_t calls(enum stage s)
{
	return world.w->counters->stage[s].calls;
}

static uint64_t cycles_of_all(void)
{
	uint64_t sum = 0;

	for (int s = 0; s < STAGE_MAX; s++)
		sum += world.w->counters->stage[s].cycles;
	return sum;
}

/* n datagrams of the session wait at a port. */
static void datagrams_in(uint16_t n, bool to_peer)
{
	if (to_peer)
		frame_udp(&f, ACCESS, &client, &listener, msg, chandata(msg, CHANNEL, "abcd", 4),
			  NULL);
	else
		frame_udp(&f, CORE, &peer, &relayed, "abcd", 4, NULL);
	while (n--)
		world_in(to_peer ? ACCESS : CORE, 0, &f);
}

static void relayed_packets(void **state)
{
	uint64_t start = world.w->clock.tsc;

	(void)state;
	datagrams_in(5, true);
	datagrams_in(2, false);
	world_run();
	assert_int_equal(items(STAGE_RX), 7);
	assert_int_equal(items(STAGE_TX), 7);
	/* Either the stages of a burst relayed them or, one by one, the general path. */
	assert_int_equal(items(STAGE_RELAY) + items(STAGE_GENERAL), 7);
	assert_int_equal(items(STAGE_TCP_INPUT) + items(STAGE_COMMANDS) + items(STAGE_HANDOVER), 0);
	assert_int_equal(world.w->counters->rx_burst[ctl_batch(5)], 1);
	assert_int_equal(world.w->counters->rx_burst[ctl_batch(2)], 1);
	assert_int_equal(world.w->counters->tx_batch[ctl_batch(5)], 1);
	assert_int_equal(world.w->counters->tx_batch[ctl_batch(2)], 1);
	/* world_run() ends with a turn that found nothing. */
	assert_int_equal(world.w->counters->rx_burst[0], WORLD_PORTS);
	assert_int_equal(items(STAGE_IDLE), 1);
	assert_true(world.w->clock.tsc > start);
	assert_int_equal(cycles_of_all(), world.w->clock.tsc - start);
}

/* What is not for the relay leaves during the parse. */
static void other_packets(void **state)
{
	struct sock_addr nobody = at("10.1.0.1", 9);

	(void)state;
	frame_udp(&f, ACCESS, &client, &nobody, "x", 1, NULL);
	world_feed(ACCESS, &f);
	assert_int_equal(items(STAGE_RX), 1);
	assert_int_equal(items(STAGE_PARSE), 1);
	assert_int_equal(items(STAGE_GENERAL), 1);
	assert_int_equal(items(STAGE_LOOKUP) + items(STAGE_RELAY), 0);
	assert_int_equal(items(STAGE_TX), 1); /* port unreachable */
	world_drops(DROP_UDP_PORT, 1);
}

/* A batch that fills up goes at once: the driver's cycles are not those of the stage around it. */
static void full_batch(void **state)
{
	uint64_t start = world.w->clock.tsc, mark;
	uint16_t i;

	(void)state;
	for (i = 0; i < TX_BATCH + 1; i++) {
		struct rte_mbuf *m = pkt_make(world.w);

		assert_non_null(m);
		assert_non_null(rte_pktmbuf_append(m, 64));
		tx_frame(world.w, CORE, m);
	}
	assert_int_equal(calls(STAGE_TX), 1);
	assert_int_equal(items(STAGE_TX), TX_BATCH);
	assert_int_equal(world.w->clock.tsc - start, world.w->counters->stage[STAGE_TX].cycles);
	mark = world.w->clock.tsc;
	stage_end(world.w, STAGE_RELAY, TX_BATCH);
	assert_int_equal(world.w->counters->stage[STAGE_RELAY].cycles, world.w->clock.tsc - mark);
	world_run();
	assert_int_equal(items(STAGE_TX), TX_BATCH + 1);
	assert_int_equal(world.w->counters->tx_batch[ctl_batch(TX_BATCH)], 1);
	assert_int_equal(world.w->counters->tx_batch[1], 1);
	assert_int_equal(cycles_of_all(), world.w->clock.tsc - start);
}

/* A counter that stands still, or goes back, charges nothing. */
static void mark_stays(void **state)
{
	/* By less than what two readings change places by. */
	const uint64_t ahead = rte_rdtsc() + TSC_BACK / 2;

	(void)state;
	world.w->clock.tsc = ahead;
	stage_end(world.w, STAGE_RELAY, 3);
	stage_inner(world.w, STAGE_TX, ahead, 2);
	/* However long that took: the counter may have reached it meanwhile. */
	assert_true(world.w->clock.tsc >= ahead);
	assert_int_equal(items(STAGE_RELAY), 3);
	assert_int_equal(items(STAGE_TX), 2);
}

/*
 * A counter that went back, as of a machine that is restored or moved: the mark follows it, nothing
 * is charged, and the next turn asks the system's clock instead of waiting for what was.
 */
static void counter_goes_back(void **state)
{
	struct timespec t;
	uint64_t us;

	(void)state;
	world.dp.tsc_per_us = 1000;
	world.w->clock.tsc = rte_rdtsc() + (UINT64_C(1) << 50);
	world.w->clock.tsc_base = world.w->clock.tsc;
	world.w->clock.tsc_next = world.w->clock.tsc + (1 << 20);
	stage_end(world.w, STAGE_RELAY, 3);
	assert_int_equal(cycles_of_all(), 0);
	assert_true(world.w->clock.tsc <= rte_rdtsc());
	worker_turn(world.w);
	clock_gettime(CLOCK_MONOTONIC, &t);
	us = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
	assert_true(world.w->clock.us_base > 0 && world.w->clock.us_base <= us);
	assert_true(world.w->clock.tsc_base <= rte_rdtsc());
	assert_true(world.w->clock.tsc_next > world.w->clock.tsc_base);
}

/* Ends the loop once it has done what the test is about. */
static void loop_stop(int sig)
{
	const bool naps = world.conf.dataplane.idle == IDLE_SLEEP;

	(void)sig;
	if (world_count(0, naps ? CNT_SLEEPS : CNT_LOOPS_IDLE))
		atomic_store(&world.dp.stop, true);
}

static uint64_t turns_counted(void)
{
	uint64_t n = 0;

	for (int i = 0; i < HISTOGRAM_CLASSES; i++)
		n += world.w->counters->turn.n[i];
	return n;
}

/* Of a turn with work, from mark to mark; one without, and one whose clock went back, are none. */
static void turn_length(void **state)
{
	struct ctl_times *t = &world.w->counters->turn;
	uint64_t before;

	(void)state;
	world.dp.us_per_tsc = 0;
	worker_turn(world.w);
	assert_int_equal(turns_counted(), 0);
	assert_int_equal(t->sum, 0);
	datagrams_in(3, true);
	world_run();
	assert_int_equal(turns_counted(), 1);
	assert_int_equal(t->n[0], 1);
	assert_int_equal(t->sum, cycles_of_all() - world.w->counters->stage[STAGE_IDLE].cycles);
	/* As if a cycle were a microsecond. */
	world.dp.us_per_tsc = UINT64_C(1) << 32;
	before = t->sum;
	datagrams_in(1, true);
	world_run();
	assert_int_equal(turns_counted(), 2);
	assert_int_equal(t->n[histogram_class(t->sum - before)], 1 + (t->sum - before <= 20));
}

/* The loop itself, in both modes: each turn is idle, and so are the naps between them. */
static void idle_loop(void **state)
{
	const struct itimerval often = { { 0, 2000 }, { 0, 2000 } }, never = { 0 };

	(void)state;
	for (int mode = 0; mode < 2; mode++) {
		uint64_t turns = items(STAGE_IDLE), marks = calls(STAGE_IDLE), first, sum;

		world_mark();
		sum = cycles_of_all();
		world.conf.dataplane.idle = mode ? IDLE_POLL : IDLE_SLEEP;
		world.conf.dataplane.idle_max_us = 1000;
		atomic_store(&world.dp.stop, false);
		signal(SIGALRM, loop_stop);
		setitimer(ITIMER_REAL, &often, NULL);
		first = rte_rdtsc();
		worker_run(world.w);
		setitimer(ITIMER_REAL, &never, NULL);
		assert_int_equal(items(STAGE_IDLE) - turns, world_count(0, CNT_LOOPS_IDLE));
		assert_int_equal(calls(STAGE_IDLE) - marks,
				 world_count(0, CNT_LOOPS_IDLE) + world_count(0, CNT_SLEEPS));
		assert_true(cycles_of_all() - sum <= world.w->clock.tsc - first);
		assert_int_equal(items(STAGE_RX) + items(STAGE_TX), 0);
	}
}

static void batches(void **state)
{
	(void)state;
	assert_int_equal(ctl_batch(0), 0);
	assert_int_equal(ctl_batch(1), 1);
	assert_int_equal(ctl_batch(2), 2);
	assert_int_equal(ctl_batch(3), 2);
	assert_int_equal(ctl_batch(31), 5);
	assert_int_equal(ctl_batch(32), 6);
	assert_int_equal(ctl_batch(63), 6);
	assert_int_equal(ctl_batch(64), CTL_BATCHES - 1);
	assert_int_equal(ctl_batch(UINT32_MAX), CTL_BATCHES - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(relayed_packets, setup, world_teardown),
		cmocka_unit_test_setup_teardown(other_packets, setup, world_teardown),
		cmocka_unit_test_setup_teardown(full_batch, setup, world_teardown),
		cmocka_unit_test_setup_teardown(mark_stays, setup, world_teardown),
		cmocka_unit_test_setup_teardown(counter_goes_back, setup, world_teardown),
		cmocka_unit_test_setup_teardown(turn_length, setup, world_teardown),
		cmocka_unit_test_setup_teardown(idle_loop, setup, world_teardown),
		cmocka_unit_test(batches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * R4, R71: windows of many senders before a worker that cannot keep up (dp/tcp/credit.h). While a
 * queue stands they open a piece at a time, one after another; credit that is not used expires, who
 * is slow does not wait for those that are not, and without a queue nobody is bounded.
 */
#include "tests/world/crowd.h"
#include "dp/tcp/credit.h"

/* The bound is that of 16 whole pieces; what was left of a window is no part of one. */
enum { CONNS = 320, SAYS = 1400, AT_ONCE = 16, MORE = 3, FAST = 64, FIRST = TCP_FIRST_WINDOW };

static int setup(void **state)
{
	(void)state;
	crowd_config(CONNS);
	tcp_start();
	app.any_data = true;
	return 0;
}

static struct credit *credit(void)
{
	return &world.w->tcp->credit;
}

/* The period ends, in which somebody sent and a port was never found empty, or was. */
static void period(bool stands)
{
	credit()->until_ms = 0;
	credit()->bytes++;
	world.w->polls = (struct polls){ .times = 10000, .some = 1u << ACCESS };
	if (!stands) /* it is busy, and takes all there is */
		world.w->polls.part = 1u << ACCESS;
	tcp_turn(world.w);
	crowd_run();
	/* It does not end by itself until it is told to. */
	credit()->until_ms = UINT64_MAX;
}

static uint32_t offered(uint32_t i)
{
	return crowd[i].c->rcv_adv - crowd[i].c->rcv_nxt;
}

static void all_open(uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		peer_new();
		assert_true(crowd_open(i));
		tcp_trust(world.w, crowd[i].c, true);
	}
	credit()->until_ms = UINT64_MAX;
}

/* Sends what its window lets it, all but what makes it ask for more. */
static void use(uint32_t i)
{
	while (offered(i) >= CREDIT_PIECE / 8) {
		uint32_t was = offered(i);

		crowd_say(i, SAYS);
		if (offered(i) > was)
			return;
	}
}

/* How many of the first n have a window that a piece has opened. */
static uint32_t opened(uint32_t n)
{
	uint32_t i, k = 0;

	for (i = 0; i < n; i++)
		k += offered(i) > CREDIT_PIECE / 8;
	return k;
}

static void a_handshake_offers_little_and_data_more(void **state)
{
	uint32_t said = 0;

	(void)state;
	all_open(1);
	assert_int_equal(offered(0), FIRST);
	while (said < 2 * world.conf.tcp.receive_buffer) {
		const uint32_t was = offered(0);

		crowd_say(0, SAYS);
		said += SAYS;
		/* Never less than a congestion window that began with ten segments would use. */
		assert_true(offered(0) + SAYS >= was);
		assert_true(offered(0) + world.conf.tcp.receive_buffer / 4 >=
			    RTE_MIN(FIRST + said, world.conf.tcp.receive_buffer));
		assert_true(offered(0) <= world.conf.tcp.receive_buffer / 8 * 9);
	}
	assert_true(offered(0) > world.conf.tcp.receive_buffer / 2);
	crowd_end();
}

static void without_a_queue_nobody_is_bounded(void **state)
{
	uint32_t i;

	(void)state;
	all_open(FAST);
	for (i = 0; i < FAST; i++)
		crowd_say(i, SAYS);
	period(false);
	assert_int_equal(credit()->room, 0);
	for (i = 0; i < FAST; i++)
		crowd_say(i, SAYS);
	assert_int_equal(opened(FAST), FAST);
	crowd_end();
}

static void bounded(void)
{
	uint32_t i;

	all_open(FAST);
	for (i = 0; i < FAST; i++)
		crowd_say(i, SAYS);
	period(true);
	assert_int_equal(credit()->room, AT_ONCE * CREDIT_PIECE);
	for (i = 0; i < FAST; i++)
		use(i);
	crowd_run();
}

static void before_a_queue_they_take_turns(void **state)
{
	uint32_t i, first, used = 0;

	(void)state;
	bounded();
	first = opened(FAST);
	assert_in_range(first, AT_ONCE, AT_ONCE + MORE);
	assert_int_equal(opened(first), first); /* in order of asking */
	for (i = 0; i < first; i++)
		assert_in_range(offered(i), CREDIT_PIECE / 4 * 3, CREDIT_PIECE + 8);
	/* Each that has used its piece makes room for about one more, and stands behind all others.
	 */
	for (i = first; i < FAST; i++) {
		while (offered(i) < CREDIT_PIECE / 8) {
			assert_true(used < i - first + 2 * MORE);
			use(used++);
			crowd_run();
		}
		assert_in_range(opened(FAST), AT_ONCE - 1, AT_ONCE + 2 * MORE);
	}
	assert_true(offered(0) < CREDIT_PIECE / 8);
	while (offered(0) < CREDIT_PIECE / 8 && used < FAST)
		use(used++);
	assert_true(offered(0) > CREDIT_PIECE / 8);
	crowd_end();
}

static void credit_expires(void **state)
{
	uint32_t first;

	(void)state;
	bounded();
	first = opened(FAST);
	/* Nobody uses his. */
	period(true);
	assert_int_equal(opened(FAST), first);
	period(true);
	assert_in_range(opened(FAST), first + AT_ONCE, first + AT_ONCE + MORE);
	crowd_end();
}

/* Who takes two periods for a piece fills no queue: sixteen of these are counted as one. */
static void the_slow_do_not_wait(void **state)
{
	uint32_t i;

	(void)state;
	bounded();
	for (i = 0; i < 4; i++) {
		period(true);
		period(true);
		crowd_run();
	}
	assert_int_equal(opened(FAST), FAST);
	period(true);
	period(true);
	for (i = 0; i < FAST; i++)
		use(i);
	crowd_run();
	assert_int_equal(credit()->room, AT_ONCE * CREDIT_PIECE);
	assert_int_equal(opened(FAST), FAST);
	crowd_end();
}

/* Places in the row of who waits are of slots: another connection may be there when it is their
 * turn. */
static void one_that_waits_and_ends_holds_nobody_up(void **state)
{
	uint32_t i;

	(void)state;
	bounded();
	for (i = AT_ONCE; i < 2 * AT_ONCE; i++) {
		peer = crowd[i].p;
		seg_queue(RST, crowd[i].nxt, 0, 0);
		crowd_run();
		crowd[i].c = NULL;
	}
	peer_new();
	assert_true(crowd_open(FAST));
	for (i = 0; i < AT_ONCE; i++)
		use(i);
	crowd_run();
	for (i = 2 * AT_ONCE; i < 3 * AT_ONCE - 1; i++)
		assert_true(offered(i) > CREDIT_PIECE / 8);
	crowd_end();
	period(true);
	period(true);
	assert_int_equal(credit()->row[0].first, SLOT_NONE);
}

/* A worker whose turns are long has them wait, though it takes all there is; where none was found
 * once it has not. */
static void long_turns_are_a_queue(void **state)
{
	(void)state;
	all_open(1);
	for (uint32_t none = 0; none < 2; none++) {
		crowd_say(0, SAYS);
		credit()->until_ms = 0;
		world.w->polls = (struct polls){ .times = 100, .some = 1, .part = 1, .none = none };
		tcp_turn(world.w);
		assert_int_equal(credit()->room > 0, none == 0);
		credit()->room = 0;
		credit()->until_ms = UINT64_MAX;
	}
	crowd_end();
}

/* Strangers have every fourth piece, and nobody waits behind them. */
static void strangers_wait_by_themselves(void **state)
{
	uint32_t i, first;

	(void)state;
	bounded();
	first = opened(FAST);
	for (i = FAST; i < FAST + 8; i++) {
		peer_new();
		assert_true(crowd_open(i));
		tcp_trust(world.w, crowd[i].c, false);
		crowd[i].c->rcv_adv = crowd[i].c->rcv_nxt;
		conn_dirty(world.w, crowd[i].c);
	}
	crowd_run();
	assert_true(credit()->row[1].first != SLOT_NONE);
	for (i = 0; i < first; i++)
		use(i);
	crowd_run();
	assert_in_range(opened(FAST), first * 3 / 4 - 2, first + MORE);
	crowd_end();
}

/* It has nothing to use it for. */
static void after_a_fin_nothing_is_asked_for(void **state)
{
	(void)state;
	bounded();
	peer = crowd[FAST - 1].p;
	seg_queue(FIN | ACK, crowd[FAST - 1].nxt, crowd[FAST - 1].seen, 0);
	crowd_run();
	for (uint32_t i = 0; i < FAST - 1; i++)
		use(i);
	crowd_run();
	assert_int_equal(crowd[FAST - 1].c->credit, CREDIT_NONE);
	crowd_end();
}

static void when_the_queue_is_gone_so_is_the_bound(void **state)
{
	uint32_t i;

	(void)state;
	bounded();
	for (i = 0; i < 100 && credit()->room; i++)
		period(false);
	assert_int_equal(credit()->room, 0);
	crowd_run();
	assert_int_equal(opened(FAST), FAST);
	crowd_end();
}

#define credit_test(f) cmocka_unit_test_setup_teardown(f, setup, tcp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		credit_test(a_handshake_offers_little_and_data_more),
		credit_test(without_a_queue_nobody_is_bounded),
		credit_test(before_a_queue_they_take_turns),
		credit_test(credit_expires),
		credit_test(the_slow_do_not_wait),
		credit_test(one_that_waits_and_ends_holds_nobody_up),
		credit_test(long_turns_are_a_queue),
		credit_test(strangers_wait_by_themselves),
		credit_test(after_a_fin_nothing_is_asked_for),
		credit_test(when_the_queue_is_gone_so_is_the_bound),
	};

	return tcp_run(tests);
}

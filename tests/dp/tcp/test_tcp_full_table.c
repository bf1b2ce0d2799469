/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A full table of connections makes room: for a handshake that a SYN cookie proves (RFC 4987 3.6)
 * the connection goes that nobody vouches for and that has been silent for the longest. SYNs alone,
 * which may be forged, end nobody.
 */
#include "tests/world/crowd.h"
#include "dp/tcp/ledger.h"

enum { CONNS = 64, KEPT = 4 };

static int setup(void **state)
{
	(void)state;
	crowd_config(CONNS);
	tcp_start();
	app.any_data = true;
	return 0;
}

/* The first is somebody's; the rest are strangers. */
static void fill_table(void)
{
	uint32_t i;

	assert_true(crowd_open(0));
	app.stranger = true;
	for (i = 1; i < CONNS - KEPT; i++)
		assert_true(crowd_open(i));
	assert_int_equal(world.w->counters->cnt[CNT_TCP_COOKIE_TX], 0);
}

static void strangers_make_room(void **state)
{
	uint32_t i;

	(void)state;
	fill_table();
	/* The second speaks; the third is the one that has been silent for longest then. */
	crowd_pass_ms(1000);
	crowd_say(1, 100);
	for (i = 0; i < 20; i++)
		assert_true(crowd_open(CONNS + i));
	assert_int_equal(world.w->counters->cnt[CNT_TCP_COOKIE_OK], 20);
	assert_int_equal(world.w->counters->end[TCP_END_ROOM], 20);
	assert_false(crowd[0].rst);
	assert_false(crowd[1].rst);
	for (i = 2; i < CONNS - KEPT; i++)
		assert_int_equal(crowd[i].rst, i < 22);
	assert_true(world.w->tcp->conns <= CONNS - KEPT);
	/* And those that came are served. */
	crowd_say(CONNS + 19, 1000);
	assert_int_equal(crowd[CONNS + 19].c->rcv_nxt - peer.iss, 1001);
	crowd_end();
}

/* Who holds something and is silent goes before who has come just now and holds nothing yet. */
static void those_who_hold_make_room(void **state)
{
	uint32_t i, k;

	(void)state;
	fill_table();
	for (i = 1; i < CONNS - KEPT; i++) {
		crowd_say_at(i, crowd[i].nxt + 3000, 1000);
		assert_int_equal(ledger_sum(crowd[i].c), 1);
	}
	crowd_pass_ms(1000);
	for (i = 0; i < 20; i++) {
		crowd_pass_ms(10);
		assert_true(crowd_open(CONNS + i));
		for (k = 0; k <= i; k++)
			assert_false(crowd[CONNS + k].rst);
	}
	assert_int_equal(world.w->counters->end[TCP_END_ROOM], 20);
	crowd_end();
}

static void forged_syns_end_nobody(void **state)
{
	uint32_t i;

	(void)state;
	fill_table();
	for (i = 0; i < 200; i++) {
		crowd[CONNS + i].p = peer;
		peer.addr.port = be16_make((uint16_t)(PEER_PORT + CONNS + i));
		seg_queue(SYN, 0, 0, 0);
		crowd_run();
	}
	assert_int_equal(world.w->counters->cnt[CNT_TCP_COOKIE_TX], 200);
	assert_int_equal(world.w->counters->end[TCP_END_ROOM], 0);
	assert_int_equal(world.w->tcp->conns, CONNS - KEPT);
	crowd_end();
}

#define full(f) cmocka_unit_test_setup_teardown(f, setup, tcp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		full(strangers_make_room),
		full(those_who_hold_make_room),
		full(forged_syns_end_nobody),
	};

	return tcp_run(tests);
}

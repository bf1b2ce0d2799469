/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What came out of order, where packet buffers are scarce (RFC 2018 8, dp/tcp/ledger.h): it goes
 * before anybody pays by his connection, in an order, and it leaves room for what is missing.
 */
#include "tests/world/crowd.h"
#include "dp/tcp/ledger.h"

enum { BUFFERS = 1024, CONNS = 256, WHOLE = 1200, MANY = 12, OWNER_A = 300, OWNER_B = 301 };

static int setup(void **state)
{
	(void)state;
	crowd_config(CONNS);
	world.conf.tcp.buffers = BUFFERS;
	world.conf.tcp.reorder_buffer = world.conf.tcp.receive_buffer;
	tcp_start();
	app.any_data = true;
	return 0;
}

/* Segment k, of those behind a missing one. */
static void early(uint32_t i, uint32_t k)
{
	crowd_say_at(i, 1 + (k + 1) * WHOLE, WHOLE);
}

/* Two owners keep so many, which nobody takes from them. */
static void owners_keep(uint32_t a, uint32_t b)
{
	assert_true(crowd_open(OWNER_A));
	assert_true(crowd_open(OWNER_B));
	assert_true(tcp_hold(world.w, crowd[OWNER_A].c, a));
	assert_true(tcp_hold(world.w, crowd[OWNER_B].c, b));
	crowd_run();
	assert_int_equal(tcp_held(world.w), a + b);
}

static void owners_end(uint32_t a, uint32_t b)
{
	tcp_unhold(world.w, crowd[OWNER_A].c, a);
	tcp_unhold(world.w, crowd[OWNER_B].c, b);
	crowd_end();
}

/* Beyond five eighths it goes at once: single bytes, and then whoever has had it for the longest.
 */
static void early_goes_first(void **state)
{
	enum { A = 380, B = 220, MORE = BUFFERS / 8 * 5 - A - B - 3 * MANY - 3 };
	uint32_t i, k;

	(void)state;
	owners_keep(A, B);
	for (i = 0; i < 6; i++)
		assert_true(crowd_open(i));
	for (i = 0; i < 3; i++)
		for (k = 0; k < MANY; k++)
			early(i, k);
	for (k = 0; k < 3; k++)
		crowd_say_at(3, 8001 + 2 * k, 1);
	for (k = 0; k < MORE; k++)
		early(4, k);
	assert_int_equal(tcp_held(world.w), BUFFERS / 8 * 5);
	assert_int_equal(crowd[3].c->ooo.n, 3);
	early(4, k++);
	crowd_run();
	assert_int_equal(crowd[3].c->ooo.n, 0);
	assert_int_equal(crowd[0].c->ooo.n, MANY);
	for (i = 0; i < 3; i++)
		early(4, k++);
	crowd_run();
	assert_int_equal(crowd[0].c->ooo.n, 0);
	assert_int_equal(crowd[1].c->ooo.n, MANY);
	assert_int_equal(crowd[2].c->ooo.n, MANY);
	assert_int_equal(crowd[4].c->ooo.n, k);
	assert_int_equal(world.w->counters->end[TCP_END_HOARD], 0);
	owners_end(A, B);
}

/* It leaves room for what is missing, or all of it would have to go for that. */
static void early_leaves_room(void **state)
{
	enum { A = 300, B = 200, SENT = 150 };
	uint32_t k, kept_n;

	(void)state;
	owners_keep(A, B);
	assert_true(crowd_open(0));
	assert_true(crowd_open(1));
	crowd[0].c->rcv_adv = crowd[0].c->rcv_nxt + (SENT + 1) * WHOLE; /* as after much data */
	world_mark();
	for (k = 0; k < SENT; k++)
		early(0, k);
	kept_n = crowd[0].c->ooo.n;
	assert_in_range(kept_n, LEDGER_SMALL, SENT - 1);
	world_drops(DROP_TCP_OOO_FULL, SENT - kept_n);
	crowd_say_at(0, 1, WHOLE);
	assert_int_equal(crowd[0].c->rcv_nxt, crowd[0].p.iss + 1 + (kept_n + 1) * WHOLE);
	world_drops(DROP_TCP_OOO_FULL, SENT - kept_n);
	/* And of single bytes nobody has many. */
	for (k = 0; k < MANY; k++)
		crowd_say_at(1, 8001 + 2 * k, 1);
	assert_int_equal(crowd[1].c->ooo.n, LEDGER_CRUMBS);
	owners_end(A, B);
}

#define early_test(f) cmocka_unit_test_setup_teardown(f, setup, tcp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		early_test(early_goes_first),
		early_test(early_leaves_room),
	};

	return tcp_run(tests);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What comes by contexts, as the control process reads it in the region without asking: packets,
 * bytes, rates and when something last came, by side, RTCP included; a slot's next context begins
 * at nothing, and a termination that moves takes what it counted along, which is no rate.
 */
#include "tests/world/unit.h"
#include "tests/world/media_world.h"
#include "dp/gateway/gateway.h"

enum { RTP_LEN = 17, RTCP_LEN = 8 /* as media_passes() sends them */ };

static const struct ctl_context_use *use_of(uint32_t slot)
{
	const uint8_t *base = (const uint8_t *)world.dp.region;

	return (const struct ctl_context_use *)(base + world.dp.region->worker[0].gate_use) + slot;
}

static void counts_and_rates(void **state)
{
	struct cmd_context_set c = media_call(TERM_RTP);
	const struct ctl_context_use *u = use_of(c.cid.slot);
	uint32_t heard_s;

	(void)state;
	assert_int_equal(u->gen, c.cid.gen);
	media_later(2000);
	assert_int_equal(u->side[0].packets | u->side[1].packets, 0);
	assert_int_equal(u->heard_s[0] | u->heard_s[1], 0);
	for (int i = 0; i < 50; i++)
		media_passes(&c, SIDE_A, 0);
	media_passes(&c, SIDE_A, 1);
	media_passes(&c, SIDE_B, 0);
	heard_s = world.w->now;
	media_later(0); /* once round, in a second */
	assert_int_equal(u->side[0].packets, 51);
	assert_int_equal(u->side[0].bytes, 50 * RTP_LEN + RTCP_LEN);
	assert_int_equal(u->side[1].packets, 1);
	assert_int_equal(u->side[1].bytes, RTP_LEN);
	assert_in_range(u->side[0].packets_per_s, 40, 60);
	assert_in_range(u->side[0].bytes_per_s, 40 * RTP_LEN, 60 * RTP_LEN);
	assert_in_range(u->heard_s[0], heard_s, heard_s + 1);
	media_later(5000);
	assert_int_equal(u->side[0].packets, 51);
	assert_int_equal(u->side[0].packets_per_s | u->side[0].bytes_per_s, 0);
	assert_in_range(u->heard_s[0], heard_s, heard_s + 1);
	assert_int_equal(use_of(c.cid.slot + 1)->gen, 0);
}

static void what_is_dropped_came(void **state)
{
	struct cmd_context_set c = media_call(TERM_RTP);

	(void)state;
	c.term[SIDE_A].flags &= (uint16_t)~TERM_IN;
	assert_true(media_put(&c));
	media_drops(&c, SIDE_A, 0, DROP_GATE_CLOSED);
	media_later(1100);
	assert_int_equal(use_of(c.cid.slot)->side[0].packets, 1);
}

static void the_next_begins_at_nothing(void **state)
{
	struct cmd_context_set c = media_call(TERM_RTP);
	const struct ctl_context_use *u = use_of(c.cid.slot);
	struct cmd_context del = { .cid = c.cid };

	(void)state;
	media_passes(&c, SIDE_A, 0);
	media_later(1100);
	assert_int_equal(u->side[0].packets, 1);
	c.cid.gen++;
	assert_true(media_put(&c));
	assert_int_equal(u->gen, c.cid.gen);
	assert_int_equal(u->side[0].packets | u->side[0].bytes, 0);
	assert_int_equal(u->heard_s[0], 0);
	media_passes(&c, SIDE_A, 0);
	media_later(1100);
	assert_int_equal(u->side[0].packets, 1);
	del.cid.gen++;
	assert_true(world_cmd(0, CMD_CONTEXT_DEL, &del, sizeof(del)));
	assert_int_equal(u->gen, 0);
	while (world_evt(0))
		;
}

static void a_move_is_no_rate(void **state)
{
	struct cmd_context_set a = media_call(TERM_RTP), b = media_cmd(a.cid.slot + 1, 9, TERM_RTP);
	struct cmd_context_move m = {
		.cid = a.cid, .to = b.cid, .side = SIDE_A, .to_side = SIDE_A
	};

	(void)state;
	b.term[SIDE_A].transport = TERM_NONE;
	b.term[SIDE_B].local.port = be16_make(MEDIA_B + 100);
	assert_true(media_put(&b));
	for (int i = 0; i < 50; i++)
		media_passes(&a, SIDE_A, 0);
	media_later(5000);
	assert_true(world_cmd(0, CMD_CONTEXT_MOVE, &m, sizeof(m)));
	assert_int_equal(use_of(a.cid.slot)->side[0].packets, 0);
	assert_int_equal(use_of(b.cid.slot)->side[0].packets, 50);
	assert_int_equal(use_of(b.cid.slot)->side[0].packets_per_s, 0);
	for (int i = 0; i < 4; i++) {
		media_later(500);
		assert_int_equal(use_of(b.cid.slot)->side[0].packets_per_s, 0);
		assert_int_equal(use_of(a.cid.slot)->side[0].packets_per_s, 0);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, media_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(counts_and_rates),
		T(what_is_dropped_came),
		T(the_next_begins_at_nothing),
		T(a_move_is_no_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

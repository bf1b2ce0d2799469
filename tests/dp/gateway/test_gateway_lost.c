/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Terminations of TCP and a control process that is quick, or was killed: a SYN right behind the
 * command that it comes for; and a replay after the command of a move was lost (R70).
 */
#include "tests/world/stream_world.h"

static void syn_behind_its_command(void **state)
{
	uint32_t i;

	(void)state;
	gate_want(0, TERM_TCP, 0);
	gate_want(1, TERM_TLS, 0);
	world_cmd_put(0, CMD_CONTEXT_SET, &gate.want, sizeof(gate.want));
	for (i = 0; i < SIDES; i++) {
		far_connect(i);
		gate_event(i, TERM_UP);
	}
	gate_passes();
}

static void sync_cmd(enum ctl_cmd_type type)
{
	struct ctl_hdr c;

	assert_true(world_cmd(0, (uint16_t)type, &c, sizeof(c)));
}

/* The replay names the context first that side 0 was to move to: it ends, and listens there. */
static struct cmd_context move_lost(void)
{
	struct cmd_context_set to = gate.want;

	to.cid = (struct ctl_cid){ 2, 9 };
	to.term[1].transport = TERM_NONE;
	sync_cmd(CMD_SYNC_BEGIN);
	assert_true(world_cmd(0, CMD_CONTEXT_SET, &to, sizeof(to)));
	gate_run();
	far_closed(0);
	assert_int_equal(world.w->counters->cnt[CNT_GATE_CONTEXTS], 2);
	return (struct cmd_context){ .cid = to.cid };
}

static void replay_ends(struct cmd_context to)
{
	gate_term(0)->transport = TERM_NONE;
	gate_set();
	sync_cmd(CMD_SYNC_END);
	assert_true(world_cmd(0, CMD_CONTEXT_DEL, &to, sizeof(to)));
	gate_run();
}

static void the_other_side_stays(void **state)
{
	struct cmd_context to;

	(void)state;
	gate.want.flags = CONTEXT_HOLD;
	gate_up(TERM_TLS, 0, TERM_TLS, TERM_TLS_CLIENT);
	to = move_lost();
	far_close(0);
	assert_false(gate.far[1].host->rst || gate.far[1].host->fin_rcvd);
	replay_ends(to);
	gate_event(1, TERM_UP); /* said again */
	gate_no_event();
	assert_false(gate.far[1].host->rst || gate.far[1].host->fin_rcvd);
	gate_want(0, TERM_TCP, 0);
	gate_set();
	far_connect(0);
	gate_event(0, TERM_UP);
	gate_passes();
}

/* Nobody holds it: it ends as its partner did. */
static void the_other_side_ends_in_order(void **state)
{
	(void)state;
	gate_up(TERM_TCP, 0, TERM_TCP, 0);
	replay_ends(move_lost());
	gate_ended(1, TCP_END_RELEASED);
	far_closed(1);
	gate_ended(1, TCP_END_RELEASED);
	gate_no_event();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		gate_test(syn_behind_its_command),
		gate_test(the_other_side_stays),
		gate_test(the_other_side_ends_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Timers that end contexts which nobody answers, connects or deletes, or to which nothing comes,
 * each with its name.
 */
#include "tests/world/gate_env.h"

/* ---- timers ---- */

/* The context is there after so many seconds, and gone a second or two later, with that reason. */
static void expect_end(struct env *e, struct context *c, uint32_t seconds, enum context_end end)
{
	const uint64_t id = c->id;
	const uint32_t worker = c->worker;
	const struct ctl_cid cid = c->cid;
	union ctl_cmd cmd;

	gate_pass(e, seconds - 1);
	assert_non_null(gate_find(e->s.gateway, id));
	env_advance(e, 2000);
	assert_null(gate_find(e->s.gateway, id));
	assert_true(gate_last_event(e)->ended);
	assert_int_equal(gate_last_event(e)->end, end);
	assert_int_equal(gate_stats(e->s.gateway)->ended[end], 1);
	assert_true(env_take(e, worker, CMD_CONTEXT_DEL, &cmd));
	assert_memory_equal(&cmd.context_del.cid, &cid, sizeof(cid));
}

static void one_termination_waits_for_the_answer(void **state)
{
	struct env *e = *state;
	struct term_spec a = spec_udp(0);

	expect_end(e, gate_added(e, &a, NULL), 180, CONTEXT_END_ANSWER);
}

static void no_remote_address_waits_for_the_answer(void **state)
{
	struct env *e = *state;
	struct term_spec a = spec_udp(0), b = spec_udp(1);

	b.term.remote[0] = (struct sock_addr){ 0 };
	expect_end(e, gate_added(e, &a, &b), 180, CONTEXT_END_ANSWER);
}

static void connections_that_never_begin_wait_for_the_answer(void **state)
{
	struct env *e = *state;
	struct term_spec a = spec_tls(0), b = spec_tcp(1);

	expect_end(e, gate_added(e, &a, &b), 180, CONTEXT_END_ANSWER);
}

/* An answer that came, and one that comes with every change: the time runs from the last. */
static void an_answer_ends_the_wait_and_its_loss_starts_another(void **state)
{
	struct env *e = *state;
	struct term_spec a = spec_udp(0), b = spec_udp(1);
	struct context *c = gate_added(e, &a, NULL);
	struct gate_fail f;

	gate_pass(e, 170);
	gate_set_ok(e, c, 1, &b);
	gate_pass(e, 100);
	assert_true(gate_subtract(e->s.gateway, c, 0, &f));
	expect_end(e, c, 180, CONTEXT_END_ANSWER);
}

/* Who is to be learnt is not known yet: somebody must come in the time of an answer. */
static void what_latches_or_has_ice_waits_until_it_is_learnt(void **state)
{
	struct env *e = *state;
	struct term_spec a = spec_udp(0), b = spec_udp(1);
	struct context *c;

	a.term.remote[0] = b.term.remote[0] = (struct sock_addr){ 0 };
	a.term.flags |= TERM_LATCH;
	b.term.flags |= TERM_ICE;
	expect_end(e, gate_added(e, &a, &b), 180, CONTEXT_END_ANSWER);
	c = gate_added(e, &a, &b);
	gate_pass(e, 100);
	gate_term_event(e, c, 0, term_latched("203.0.113.50", 1234, 0));
	gate_term_event(e, c, 1, term_latched("203.0.113.51", 1234, 0));
	gate_pass(e, 1000);
	assert_int_equal(c->end, CONTEXT_END_NONE);
	assert_int_equal(gate_stats(e->s.gateway)->contexts, 1);
}

static void connections_are_up_in_time(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_stream(e);

	gate_term_event(e, c, 0, term_up());
	expect_end(e, c, 30, CONTEXT_END_CONNECT);
}

/* R51: the dataplane ends what was not judged; this is for when it does not. */
static void connections_are_judged_in_time(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_stream(e);
	struct evt_term ev = term_up();

	gate_term_event(e, c, 1, term_up());
	ev.what = TERM_UNJUDGED;
	gate_term_event(e, c, 0, ev);
	expect_end(e, c, 41, CONTEXT_END_CONNECT);
}

/* Others that come and go meanwhile, after whom it is told again who is there, buy it no time. */
static void others_that_are_refused_buy_no_time(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_stream(e);
	const struct evt_term there = { .what = TERM_UNJUDGED, .remote = addr("203.0.113.9", 1) },
			      other = { .what = TERM_REFUSED, .remote = addr("203.0.113.8", 2) };

	gate_term_event(e, c, 1, term_up());
	gate_term_event(e, c, 0, there);
	for (int i = 0; i < 40; i++) {
		gate_pass(e, 1);
		gate_term_event(e, c, 0, other);
		assert_int_equal(c->term[0].state, TERM_STATE_OPENING);
		gate_term_event(e, c, 0, there);
		assert_int_equal(c->term[0].state, TERM_STATE_UNJUDGED);
	}
	gate_pass(e, 2);
	assert_int_equal(gate_stats(e->s.gateway)->ended[CONTEXT_END_CONNECT], 1);
}

/* Somebody who listens since the offer is not late before the answer came. */
static void the_time_to_connect_begins_with_both(void **state)
{
	struct env *e = *state;
	struct term_spec a = spec_tls(0), b = spec_tcp(1);
	struct context *c;

	a.begin = true;
	c = gate_added(e, &a, &b);
	gate_pass(e, 100);
	term_spec(e->s.gateway, c, 1, &b);
	b.begin = true;
	gate_set_ok(e, c, 1, &b);
	expect_end(e, c, 30, CONTEXT_END_CONNECT);
}

static void lifetime_is_the_plans(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e);
	struct gate_plan plan;

	gate_plan(e->s.gateway, c, &plan);
	plan.lifetime = 400;
	gate_plan_set(e->s.gateway, c, &plan);
	expect_end(e, c, 400, CONTEXT_END_LIFETIME);
}

/* ---- silence ---- */

/* Lets the timer ask, and answers with seconds of silence. */
static void answer_silence(struct env *e, struct context *c, uint32_t a, uint32_t b)
{
	const struct ctl_term_stats stats[2] = { { .silent_s = a }, { .silent_s = b } };
	union ctl_cmd cmd;

	env_advance(e, 1000);
	assert_true(env_take(e, c->worker, CMD_CONTEXT_AUDIT, &cmd));
	assert_memory_equal(&cmd.context_del.cid, &c->cid, sizeof(c->cid));
	fake_dp_stats(&e->dp, c->worker, &cmd.context_del, stats);
	env_poll(e);
}

static bool asked(struct env *e, const struct context *c)
{
	union ctl_cmd cmd;

	env_advance(e, 1000);
	return env_take(e, c->worker, CMD_CONTEXT_AUDIT, &cmd);
}

static void silence_of_both_ends(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e);
	uint64_t id = c->id;

	gate_pass(e, 60);
	gate_term_event(e, c, 0, term_inactive());
	assert_false(asked(e, c));
	gate_term_event(e, c, 1, term_inactive());
	answer_silence(e, c, 61, UINT32_MAX);
	assert_null(gate_find(e->s.gateway, id));
	assert_int_equal(gate_last_event(e)->end, CONTEXT_END_INACTIVE);
}

/* A call may ring longer than it may be silent. */
static void silence_counts_from_the_answer(void **state)
{
	struct env *e = *state;
	struct term_spec a = spec_udp(0), b = spec_udp(1);
	struct sock_addr remote = b.term.remote[0];
	struct context *c;
	uint64_t id;

	b.term.flags |= TERM_LATCH;
	b.term.remote[0] = (struct sock_addr){ 0 };
	c = gate_added(e, &a, &b);
	id = c->id;
	gate_pass(e, 60);
	gate_term_event(e, c, 0, term_inactive());
	gate_term_event(e, c, 1, term_inactive());
	for (int i = 0; i < 100; i++)
		assert_false(asked(e, c));
	b.term.remote[0] = remote;
	gate_set_ok(e, c, 1, &b);
	for (int i = 0; i < 59; i++)
		assert_false(asked(e, c));
	answer_silence(e, c, UINT32_MAX, UINT32_MAX);
	assert_null(gate_find(e->s.gateway, id));
	assert_int_equal(gate_last_event(e)->end, CONTEXT_END_INACTIVE);
}

/* The dataplane says when silence begins, not when it ends: what it counts decides. */
static void silence_that_is_over_ends_nothing(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e);
	uint64_t id = c->id;

	gate_pass(e, 60);
	gate_term_event(e, c, 0, term_inactive());
	gate_term_event(e, c, 1, term_inactive());
	answer_silence(e, c, 2, 61);
	assert_non_null(gate_find(e->s.gateway, id));
	assert_false(c->term[0].silent);
	assert_true(c->term[1].silent);
	for (int i = 0; i < 100; i++)
		assert_false(asked(e, c));
	gate_term_event(e, c, 0, term_inactive()); /* it says so again */
	answer_silence(e, c, 60, 160);
	assert_null(gate_find(e->s.gateway, id));
}

/* A termination may be told to say so sooner than the context ends. */
static void silence_is_looked_into_until_it_is_long_enough(void **state)
{
	struct env *e = *state;
	struct term_spec a = spec_udp(0), b = spec_udp(1);
	struct context *c;
	uint64_t id;

	a.term.inactivity = b.term.inactivity = 10;
	a.notify = 1 << TERM_INACTIVE;
	c = gate_added(e, &a, &b);
	id = c->id;
	gate_pass(e, 60);
	gate_term_event(e, c, 0, term_inactive());
	assert_int_equal(gate_last_event(e)->what, TERM_INACTIVE);
	gate_term_event(e, c, 1, term_inactive());
	answer_silence(e, c, 15, 11);
	gate_pass(e, 48);
	assert_non_null(gate_find(e->s.gateway, id));
	answer_silence(e, c, 64, 60);
	assert_null(gate_find(e->s.gateway, id));
}

static void an_answer_about_silence_that_is_lost_is_asked_for_again(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e);
	uint64_t id = c->id;

	gate_pass(e, 60);
	gate_term_event(e, c, 0, term_inactive());
	gate_term_event(e, c, 1, term_inactive());
	assert_true(asked(e, c));
	gate_pass(e, 59);
	answer_silence(e, c, 120, 120);
	assert_null(gate_find(e->s.gateway, id));
}

/*
 * A browser that does not renew its consent has gone, whatever its partner sends (RFC 7675), also
 * where silence is of no interest, as on hold; but not where nothing ends for it at all.
 */
static void consent_that_is_over_ends_a_call(void **state)
{
	const struct evt_term gone = { .what = TERM_INACTIVE, .why = INACTIVE_CONSENT };
	struct env *e = *state;
	struct context *c = gate_added_udp(e), *d = gate_added_udp(e);
	const uint64_t id = c->id, held = d->id;
	struct gate_plan plan;

	gate_term_event(e, c, 0, gone);
	assert_null(gate_find(e->s.gateway, id));
	assert_true(gate_last_event(e)->ended);
	assert_int_equal(gate_last_event(e)->end, CONTEXT_END_INACTIVE);
	gate_plan(e->s.gateway, d, &plan);
	plan.inactivity = 0;
	gate_plan_set(e->s.gateway, d, &plan);
	e->conf.gateway.inactivity = 0;
	gate_term_event(e, d, 0, gone);
	assert_non_null(gate_find(e->s.gateway, held));
	e->conf.gateway.inactivity = 60;
	gate_term_event(e, d, 0, gone);
	assert_null(gate_find(e->s.gateway, held));
	assert_int_equal(gate_last_event(e)->end, CONTEXT_END_INACTIVE);
}

static void silence_of_no_interest_ends_nothing(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e), *s = gate_connected(e);
	struct gate_plan plan;

	gate_plan(e->s.gateway, c, &plan);
	plan.inactivity = 0;
	gate_plan_set(e->s.gateway, c, &plan);
	assert_int_equal(c->term[0].term.inactivity, 0);
	for (uint32_t side = 0; side < 2; side++) {
		gate_term_event(e, c, side, term_inactive());
		gate_term_event(e, s, side, term_inactive());
	}
	assert_false(asked(e, c));
	assert_false(asked(e, s));
}

/* Who was on hold for longer has the same time to speak again; it is over in the dataplane. */
static void silence_counts_from_the_end_of_a_hold(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e);
	struct gate_plan plan;
	uint64_t id = c->id;

	gate_plan(e->s.gateway, c, &plan);
	plan.inactivity = 0;
	gate_plan_set(e->s.gateway, c, &plan);
	gate_pass(e, 600);
	plan.inactivity = 60;
	gate_plan_set(e->s.gateway, c, &plan);
	gate_term_event(e, c, 0, term_inactive());
	gate_term_event(e, c, 1, term_inactive());
	for (int i = 0; i < 59; i++)
		assert_false(asked(e, c));
	answer_silence(e, c, 660, 660);
	assert_null(gate_find(e->s.gateway, id));
	assert_int_equal(gate_last_event(e)->end, CONTEXT_END_INACTIVE);
}

/* Timers go on as if nothing had been. */
static void timers_go_on_after_a_restart(void **state)
{
	struct env *e = *state;
	struct term_spec a = spec_udp(0);
	struct context *c = gate_added_udp(e);
	uint64_t quiet = c->id, alone, opening;

	gate_pass(e, 60);
	alone = gate_added(e, &a, NULL)->id;
	opening = gate_added_stream(e)->id;
	gate_term_event(e, c, 0, term_inactive());
	gate_term_event(e, c, 1, term_inactive());
	gate_pass(e, 20);
	gate_restart(e);
	env_poll(e);
	gate_drain(e);
	c = gate_find(e->s.gateway, quiet);
	gate_pass(e, 12);
	assert_null(gate_find(e->s.gateway, opening));
	gate_pass(e, 48);
	answer_silence(e, c, 100, 100);
	assert_null(gate_find(e->s.gateway, quiet));
	assert_non_null(gate_find(e->s.gateway, alone));
	gate_pass(e, 100);
	assert_null(gate_find(e->s.gateway, alone));
}

/* ---- answers ---- */

static uint32_t without_answer;

static void answered_without(void *arg, const struct context *c,
			     const struct ctl_term_stats stats[2])
{
	(void)arg;
	(void)c;
	without_answer += stats == NULL;
}

/* One that hangs and leaves its commands in the ring, until that is full. */
static void a_dataplane_that_takes_no_command_is_not_waited_for(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e);
	uint32_t asked = 0;

	without_answer = 0;
	while (dplink_room(e->s.link, c->worker)) {
		gate_audit(e->s.gateway, c, answered_without, NULL);
		asked++;
	}
	assert_int_equal(without_answer, 0);
	env_advance(e, 3000);
	assert_int_equal(without_answer, asked);
}

#define T(f) cmocka_unit_test_setup_teardown(f, gate_setup, env_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_termination_waits_for_the_answer),
		T(no_remote_address_waits_for_the_answer),
		T(connections_that_never_begin_wait_for_the_answer),
		T(an_answer_ends_the_wait_and_its_loss_starts_another),
		T(what_latches_or_has_ice_waits_until_it_is_learnt),
		T(connections_are_up_in_time),
		T(connections_are_judged_in_time),
		T(others_that_are_refused_buy_no_time),
		T(the_time_to_connect_begins_with_both),
		T(lifetime_is_the_plans),
		T(silence_of_both_ends),
		T(silence_counts_from_the_answer),
		T(silence_that_is_over_ends_nothing),
		T(silence_is_looked_into_until_it_is_long_enough),
		T(an_answer_about_silence_that_is_lost_is_asked_for_again),
		T(silence_of_no_interest_ends_nothing),
		T(consent_that_is_over_ends_a_call),
		T(silence_counts_from_the_end_of_a_hold),
		T(timers_go_on_after_a_restart),
		T(a_dataplane_that_takes_no_command_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

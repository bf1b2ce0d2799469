/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What happens to contexts: events of the dataplane and news of them (R53, R54), timers that end
 * what nobody answers, connects or deletes, and processes that are killed and come back (R70).
 */
#include "gate_env.h"

#include <stdio.h>
#include <unistd.h>

/* ---- events ---- */

static const struct gate_news *last_news(struct env *e)
{
	return gate_news(e->s.gateway, gate_news_last(e->s.gateway));
}

static struct evt_term up(void)
{
	return (struct evt_term){ .what = TERM_UP,
				  .tls_version = 0x0304,
				  .tls_suite = 0x1301,
				  .remote = addr("203.0.113.5", 5555),
				  .sha256 = { 0xab } };
}

static struct evt_term ended(enum tcp_end why)
{
	return (struct evt_term){ .what = TERM_ENDED, .why = (uint16_t)why };
}

/* Both connections of a context are up. */
static struct context *connected(struct env *e)
{
	struct context *c = gate_added_stream(e);

	gate_term_event(e, c, 0, up());
	gate_term_event(e, c, 1, up());
	gate_drain(e);
	return c;
}

static void a_handshake_is_told_and_kept(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_stream(e);
	struct evt_term ev = up();
	const struct gate_news *n;

	ev.what = TERM_UNJUDGED;
	gate_term_event(e, c, 0, ev);
	assert_int_equal(c->term[0].state, TERM_STATE_UNJUDGED);
	assert_int_equal(last_news(e)->what, TERM_UNJUDGED);
	e->s.wall = 1700000000;
	gate_term_event(e, c, 0, up());
	assert_int_equal(c->term[0].state, TERM_STATE_UP);
	assert_int_equal(c->term[0].tls_version, 0x0304);
	assert_int_equal(c->term[0].sha256[0], 0xab);
	assert_int_equal(be16_get(c->term[0].peer.port), 5555);
	n = last_news(e);
	assert_int_equal(n->seq, 2);
	assert_int_equal(n->context, c->id);
	assert_string_equal(n->call, "call");
	assert_int_equal(n->side, 0);
	assert_int_equal(n->what, TERM_UP);
	assert_int_equal(n->transport, TERM_TLS);
	assert_int_equal(n->tls_suite, 0x1301);
	assert_int_equal(n->sha256[0], 0xab);
	gate_term_event(e, c, 1, up());
	assert_int_equal(last_news(e)->side, 1);
	/* Said twice, it is no news. */
	gate_term_event(e, c, 1, up());
	assert_int_equal(gate_news_last(e->s.gateway), 3);
	assert_int_equal(dplink_stats(e->s.link)->events_stale, 1);
}

static void only_what_is_asked_for_is_told(void **state)
{
	struct env *e = *state;
	struct gate_wish a = wish_tcp(0), b = wish_tcp(1);
	struct context *c;

	a.begin = b.begin = true;
	c = gate_added(e, &a, &b);
	gate_term_event(e, c, 0, up());
	gate_term_event(e, c, 1, up());
	gate_term_event(e, c, 0, ended(TCP_END_RESET));
	assert_int_equal(gate_news_last(e->s.gateway), 0);
	gate_term_event(e, c, 1, ended(TCP_END_PARTNER));
	assert_int_equal(gate_news_last(e->s.gateway), 1); /* the end is always told */
	assert_int_equal(last_news(e)->what, TERM_NEWS);
	assert_int_equal(last_news(e)->side, 2);
	assert_int_equal(last_news(e)->end, CONTEXT_END_CONNECTION);
}

/* What the dataplane says of what was, is not of what is. */
static void events_of_the_past_are_stale(void **state)
{
	struct env *e = *state;
	struct context *c = connected(e);
	struct evt_term ev = ended(TCP_END_RESET);
	struct ctl_cid cid = c->cid;
	uint32_t worker = c->worker;
	struct gate_wish w;

	ev.attempt = 1;
	gate_wish(e->s.gateway, c, 0, &w);
	w.begin = true;
	gate_set_ok(e, c, 0, &w);
	fake_dp_term(&e->dp, worker, cid, &ev);
	env_poll(e);
	assert_int_equal(c->term[0].state, TERM_STATE_OPENING);
	ev.attempt = 2;
	cid.gen++;
	fake_dp_term(&e->dp, worker, cid, &ev);
	cid.gen--;
	fake_dp_term(&e->dp, 1 - worker, cid, &ev);
	env_poll(e);
	assert_int_equal(c->term[0].state, TERM_STATE_OPENING);
	gate_delete(e->s.gateway, c, NULL, NULL);
	fake_dp_term(&e->dp, worker, cid, &ev);
	fake_dp_context_refused(&e->dp, worker, cid, REFUSED_FULL);
	env_poll(e);
	assert_int_equal(dplink_stats(e->s.link)->events_stale, 5);
	c = gate_added_udp(e);
	gate_term_event(e, c, 0, up()); /* not of UDP */
	gate_term_event(e, c, 0, ended(TCP_END_DONE));
	assert_int_equal(dplink_stats(e->s.link)->events_stale, 7);
	assert_int_equal(c->term[0].state, TERM_STATE_UP);
}

/* Kept for its controller, which may order another attempt; deleted when it does nothing. */
static void ended_connections_are_kept_for_a_while(void **state)
{
	struct env *e = *state;
	struct gateway *g = e->s.gateway;
	struct context *c = connected(e);
	uint64_t id = c->id, news;
	struct gate_wish w;

	gate_term_event(e, c, 0, ended(TCP_END_TLS_FINGERPRINT));
	assert_int_equal(c->end, CONTEXT_END_NONE);
	assert_int_equal(last_news(e)->why, TCP_END_TLS_FINGERPRINT);
	gate_term_event(e, c, 1, ended(TCP_END_PARTNER));
	assert_int_equal(c->end, CONTEXT_END_CONNECTION);
	assert_int_equal(c->term[0].why, TCP_END_TLS_FINGERPRINT);
	assert_int_equal(gate_stats(g)->ended[CONTEXT_END_CONNECTION], 1);
	gate_wish(g, c, 0, &w);
	w.begin = true;
	gate_set_ok(e, c, 0, &w);
	assert_int_equal(c->end, CONTEXT_END_NONE);
	assert_int_equal(c->term[0].why, 0);
	gate_term_event(e, c, 0, ended(TCP_END_REFUSED));
	assert_int_equal(c->end, CONTEXT_END_CONNECTION);
	news = gate_news_last(g);
	gate_pass(e, 19);
	assert_ptr_equal(gate_find(g, id), c);
	gate_pass(e, 2);
	assert_null(gate_find(g, id));
	assert_int_equal(gate_news_last(g), news); /* that was told */
}

/* CONTEXT_HOLD: the end of one is not that of the other, the controller decides. */
static void held_contexts_wait_for_a_decision(void **state)
{
	struct env *e = *state;
	struct context *c = connected(e);
	struct gate_plan plan;

	gate_plan(e->s.gateway, c, &plan);
	plan.flags = CONTEXT_HOLD;
	gate_plan_set(e->s.gateway, c, &plan);
	gate_term_event(e, c, 0, ended(TCP_END_DONE));
	assert_int_equal(c->end, CONTEXT_END_NONE);
	gate_pass(e, 600);
	assert_int_equal(c->term[1].state, TERM_STATE_UP);
	gate_term_event(e, c, 1, ended(TCP_END_DONE));
	assert_int_equal(c->end, CONTEXT_END_CONNECTION);
}

static struct context *latching(struct env *e)
{
	struct gate_wish a = wish_udp(0), b = wish_udp(1);

	a.term.flags |= TERM_LATCH;
	a.notify = 1 << TERM_LATCHED;
	return gate_added(e, &a, &b);
}

static struct evt_term latched(const char *ip, uint16_t port, uint8_t rtcp)
{
	return (struct evt_term){ .what = TERM_LATCHED, .rtcp = rtcp, .remote = addr(ip, port) };
}

/* R14: kept, so that a dataplane that starts anew knows; forgotten when who is meant changes. */
static void what_was_learnt_is_kept(void **state)
{
	struct env *e = *state;
	struct context *c = latching(e);
	struct cmd_context_set set;
	struct gate_wish w;

	gate_term_event(e, c, 0, latched("203.0.113.50", 1234, 0));
	gate_term_event(e, c, 0, latched("203.0.113.50", 1235, 1));
	assert_int_equal(last_news(e)->what, TERM_LATCHED);
	assert_int_equal(last_news(e)->rtcp, 1);
	gate_wish(e->s.gateway, c, 0, &w);
	w.term.dscp = 46;
	gate_drain(e);
	gate_set_ok(e, c, 0, &w);
	assert_true(gate_taken(e, c, &set));
	assert_int_equal(be16_get(set.term[0].latched[0].port), 1234);
	assert_int_equal(be16_get(set.term[0].latched[1].port), 1235);
	w.term.remote[0] = addr("203.0.113.60", 4000); /* RTP comes from elsewhere now */
	gate_set_ok(e, c, 0, &w);
	assert_true(gate_taken(e, c, &set));
	assert_int_equal(be16_get(set.term[0].latched[0].port), 0);
	assert_int_equal(be16_get(set.term[0].latched[1].port), 1235);
	assert_int_equal(set.term[0].attempt, 0);
	w.begin = true; /* all anew */
	gate_set_ok(e, c, 0, &w);
	assert_true(gate_taken(e, c, &set));
	assert_int_equal(be16_get(set.term[0].latched[1].port), 0);
	assert_int_equal(set.term[0].attempt, 1);
}

/* RFC 8445 9: media goes where it went until there is another nomination. */
static void a_nomination_is_kept_while_ice_starts_again(void **state)
{
	struct env *e = *state;
	struct gate_wish a = wish_udp(0), b = wish_udp(1);
	struct context *c;

	a.term.flags |= TERM_ICE;
	c = gate_added(e, &a, &b);
	gate_term_event(e, c, 0, latched("203.0.113.50", 1234, 0));
	gate_wish(e->s.gateway, c, 0, &a);
	a.term.remote[0] = addr("203.0.113.61", 1);
	a.restart = true;
	gate_set_ok(e, c, 0, &a);
	assert_int_equal(be16_get(c->term[0].term.latched[0].port), 1234);
}

/* R77: whoever sends first may be anybody. */
static void what_policy_denies_is_not_learnt(void **state)
{
	struct env *e = *state;
	struct context *c = latching(e);
	uint64_t id = c->id;

	gate_term_event(e, c, 0, latched("10.0.0.1", 1234, 0));
	assert_null(gate_find(e->s.gateway, id));
	assert_int_equal(last_news(e)->end, CONTEXT_END_POLICY);
	assert_int_equal(gate_stats(e->s.gateway)->ended[CONTEXT_END_POLICY], 1);
	c = gate_added_udp(e); /* does not learn: nothing to be denied */
	gate_term_event(e, c, 0, latched("10.0.0.1", 1234, 0));
	assert_int_equal(be16_get(c->term[0].term.latched[0].port), 0);
}

static void what_the_dataplane_refuses_ends(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e);
	uint64_t id = c->id;

	fake_dp_context_refused(&e->dp, c->worker, c->cid, REFUSED_FULL);
	env_poll(e);
	assert_null(gate_find(e->s.gateway, id));
	assert_int_equal(last_news(e)->end, CONTEXT_END_REFUSED);
	assert_int_equal(last_news(e)->context, id);
}

/* ---- news ---- */

static void count(void *arg)
{
	(*(uint32_t *)arg)++;
}

/* 64 are kept (gateway.events). */
static void news_are_numbered_and_bounded(void **state)
{
	struct env *e = *state;
	struct gateway *g = e->s.gateway;
	uint32_t heard = 0;

	gate_news_listen(g, count, &heard);
	assert_int_equal(gate_news_last(g), 0);
	assert_null(gate_news(g, 1));
	for (int i = 0; i < 10; i++) {
		gate_delete(g, gate_added_udp(e), NULL, NULL);
		gate_drain(e);
	}
	assert_int_equal(heard, 10);
	assert_int_equal(gate_news(g, 0)->seq, 1);
	assert_int_equal(gate_news(g, 10)->seq, 10);
	assert_null(gate_news(g, 11));
	assert_int_equal(gate_news(g, 10)->end, CONTEXT_END_REQUEST);
	for (int i = 0; i < 74; i++) { /* the 10 that were fetched go, then 10 that were not */
		gate_delete(g, gate_added_udp(e), NULL, NULL);
		gate_drain(e);
	}
	assert_int_equal(gate_news_last(g), 84);
	assert_int_equal(gate_news(g, 1)->seq, 21);
	assert_int_equal(gate_stats(g)->news, 84);
	assert_int_equal(gate_stats(g)->news_lost, 10);
	gate_news_listen(g, NULL, NULL);
}

/* ---- timers ---- */

/* The context is there after so many seconds, and gone a second or two later, with that reason. */
static void expect_end(struct env *e, struct context *c, uint32_t seconds, enum context_end end)
{
	const uint64_t id = c->id;
	const uint32_t worker = c->worker;
	const struct ctl_cid cid = c->cid;
	union fake_cmd cmd;

	gate_pass(e, seconds - 1);
	assert_non_null(gate_find(e->s.gateway, id));
	env_advance(e, 2000);
	assert_null(gate_find(e->s.gateway, id));
	assert_int_equal(last_news(e)->what, TERM_NEWS);
	assert_int_equal(last_news(e)->end, end);
	assert_int_equal(gate_stats(e->s.gateway)->ended[end], 1);
	assert_true(env_take(e, worker, CMD_CONTEXT_DEL, &cmd));
	assert_memory_equal(&cmd.context.cid, &cid, sizeof(cid));
}

static void one_termination_waits_for_the_answer(void **state)
{
	struct env *e = *state;
	struct gate_wish a = wish_udp(0);

	expect_end(e, gate_added(e, &a, NULL), 180, CONTEXT_END_ANSWER);
}

static void no_remote_address_waits_for_the_answer(void **state)
{
	struct env *e = *state;
	struct gate_wish a = wish_udp(0), b = wish_udp(1);

	b.term.remote[0] = (struct sock_addr){ 0 };
	expect_end(e, gate_added(e, &a, &b), 180, CONTEXT_END_ANSWER);
}

static void connections_that_never_begin_wait_for_the_answer(void **state)
{
	struct env *e = *state;
	struct gate_wish a = wish_tls(0), b = wish_tcp(1);

	expect_end(e, gate_added(e, &a, &b), 180, CONTEXT_END_ANSWER);
}

/* An answer that came, and one that comes with every change: the time runs from the last. */
static void an_answer_ends_the_wait_and_its_loss_starts_another(void **state)
{
	struct env *e = *state;
	struct gate_wish a = wish_udp(0), b = wish_udp(1);
	struct context *c = gate_added(e, &a, NULL);
	struct gate_fail f;

	gate_pass(e, 170);
	gate_set_ok(e, c, 1, &b);
	gate_pass(e, 100);
	assert_true(gate_subtract(e->s.gateway, c, 0, &f));
	expect_end(e, c, 180, CONTEXT_END_ANSWER);
}

static void what_latches_or_has_ice_waits_for_no_answer(void **state)
{
	struct env *e = *state;
	struct gate_wish a = wish_udp(0), b = wish_udp(1);
	struct context *c;

	a.term.remote[0] = b.term.remote[0] = (struct sock_addr){ 0 };
	a.term.flags |= TERM_LATCH;
	b.term.flags |= TERM_ICE;
	c = gate_added(e, &a, &b);
	gate_pass(e, 1000);
	assert_int_equal(c->end, CONTEXT_END_NONE);
	assert_int_equal(gate_stats(e->s.gateway)->contexts, 1);
}

static void connections_are_up_in_time(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_stream(e);

	gate_term_event(e, c, 0, up());
	expect_end(e, c, 30, CONTEXT_END_CONNECT);
}

/* R51: the dataplane ends what was not judged; this is for when it does not. */
static void connections_are_judged_in_time(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_stream(e);
	struct evt_term ev = up();

	gate_term_event(e, c, 1, up());
	ev.what = TERM_UNJUDGED;
	gate_term_event(e, c, 0, ev);
	expect_end(e, c, 41, CONTEXT_END_CONNECT);
}

/* Somebody who listens since the offer is not late before the answer came. */
static void the_time_to_connect_begins_with_both(void **state)
{
	struct env *e = *state;
	struct gate_wish a = wish_tls(0), b = wish_tcp(1);
	struct context *c;

	a.begin = true;
	c = gate_added(e, &a, &b);
	gate_pass(e, 100);
	gate_wish(e->s.gateway, c, 1, &b);
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

static struct evt_term inactive(void)
{
	return (struct evt_term){ .what = TERM_INACTIVE };
}

/* Lets the timer ask, and answers with seconds of silence. */
static void answer_silence(struct env *e, struct context *c, uint32_t a, uint32_t b)
{
	const struct ctl_term_stats stats[2] = { { .silent_s = a }, { .silent_s = b } };
	union fake_cmd cmd;

	env_advance(e, 1000);
	assert_true(env_take(e, c->worker, CMD_CONTEXT_AUDIT, &cmd));
	assert_memory_equal(&cmd.context.cid, &c->cid, sizeof(c->cid));
	fake_dp_stats(&e->dp, c->worker, &cmd.context, stats);
	env_poll(e);
}

static bool asked(struct env *e, const struct context *c)
{
	union fake_cmd cmd;

	env_advance(e, 1000);
	return env_take(e, c->worker, CMD_CONTEXT_AUDIT, &cmd);
}

static void silence_of_both_ends(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e);
	uint64_t id = c->id;

	gate_term_event(e, c, 0, inactive());
	assert_false(asked(e, c));
	gate_term_event(e, c, 1, inactive());
	answer_silence(e, c, 61, UINT32_MAX);
	assert_null(gate_find(e->s.gateway, id));
	assert_int_equal(last_news(e)->end, CONTEXT_END_INACTIVE);
}

/* The dataplane says when silence begins, not when it ends: what it counts decides. */
static void silence_that_is_over_ends_nothing(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e);
	uint64_t id = c->id;

	gate_term_event(e, c, 0, inactive());
	gate_term_event(e, c, 1, inactive());
	answer_silence(e, c, 2, 61);
	assert_non_null(gate_find(e->s.gateway, id));
	assert_false(c->term[0].silent);
	assert_true(c->term[1].silent);
	for (int i = 0; i < 100; i++)
		assert_false(asked(e, c));
	gate_term_event(e, c, 0, inactive()); /* it says so again */
	answer_silence(e, c, 60, 160);
	assert_null(gate_find(e->s.gateway, id));
}

/* A termination may be told to say so sooner than the context ends. */
static void silence_is_looked_into_until_it_is_long_enough(void **state)
{
	struct env *e = *state;
	struct gate_wish a = wish_udp(0), b = wish_udp(1);
	struct context *c;
	uint64_t id;

	a.term.inactivity = b.term.inactivity = 10;
	a.notify = 1 << TERM_INACTIVE;
	c = gate_added(e, &a, &b);
	id = c->id;
	gate_term_event(e, c, 0, inactive());
	assert_int_equal(last_news(e)->what, TERM_INACTIVE);
	gate_term_event(e, c, 1, inactive());
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

	gate_term_event(e, c, 0, inactive());
	gate_term_event(e, c, 1, inactive());
	assert_true(asked(e, c));
	gate_pass(e, 59);
	answer_silence(e, c, 120, 120);
	assert_null(gate_find(e->s.gateway, id));
}

static void silence_of_no_interest_ends_nothing(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e), *s = connected(e);
	struct gate_plan plan;

	gate_plan(e->s.gateway, c, &plan);
	plan.inactivity = 0;
	gate_plan_set(e->s.gateway, c, &plan);
	assert_int_equal(c->term[0].term.inactivity, 0);
	for (uint32_t side = 0; side < 2; side++) {
		gate_term_event(e, c, side, inactive());
		gate_term_event(e, s, side, inactive());
	}
	assert_false(asked(e, c));
	assert_false(asked(e, s));
}

/* ---- survival (R70) ---- */

/* The control process is killed and comes back; the dataplane stays. */
static void restart(struct env *e)
{
	char err[256] = "";

	gate_close(e->s.gateway);
	server_close(&e->s);
	assert_true(server_open(&e->s, &e->conf, NULL, e->now_ms, 0, err, sizeof(err)));
	e->s.gateway = gate_open(&e->s, err, sizeof(err));
	assert_non_null(e->s.gateway);
	if (!fake_dp_attach(&e->dp, e->s.link, err, sizeof(err)))
		fail_msg("%s", err);
}

static void another_dataplane(struct env *e, uint64_t generation)
{
	char err[256] = "";

	dplink_detach(e->s.link);
	fake_dp_close(&e->dp);
	fake_dp_open(&e->dp, &e->conf, 256);
	e->dp.region->generation = generation;
	if (!fake_dp_attach(&e->dp, e->s.link, err, sizeof(err)))
		fail_msg("%s", err);
}

/* What a worker was last told of a context. */
static struct cmd_context_set told(struct env *e, const struct context *c)
{
	struct cmd_context_set set = { 0 }, next;

	while (gate_taken(e, c, &next))
		set = next;
	memset(&set.hdr, 0, sizeof(set.hdr));
	return set;
}

static void every_state_is_found_and_replayed(void **state)
{
	struct env *e = *state;
	struct context *c[6];
	struct cmd_context_set before[6];
	struct context saved[6];
	struct gate_wish a = wish_tls(0), b = wish_tcp(1);
	const uint32_t used = 3;

	c[0] = latching(e);
	gate_term_event(e, c[0], 0, latched("203.0.113.50", 1234, 0));
	c[1] = gate_added(e, &a, &b); /* idle */
	c[2] = gate_added_stream(e);  /* opening */
	c[3] = connected(e);	      /* up */
	c[4] = gate_added_stream(e);  /* not judged */
	gate_term_event(e, c[4], 0, (struct evt_term){ .what = TERM_UNJUDGED });
	c[5] = connected(e); /* ended */
	gate_term_event(e, c[5], 0, ended(TCP_END_DONE));
	gate_term_event(e, c[5], 1, ended(TCP_END_PARTNER));
	for (int i = 0; i < 6; i++) {
		struct gate_plan plan;

		gate_plan(e->s.gateway, c[i], &plan);
		gate_drain(e);
		gate_plan_set(e->s.gateway, c[i], &plan);
		before[i] = told(e, c[i]);
		saved[i] = *c[i];
	}
	assert_true(ports_used(e->s.ports, 0) >= used);
	gate_drain(e);
	restart(e);
	assert_int_equal(gate_stats(e->s.gateway)->kept, 6);
	assert_int_equal(gate_stats(e->s.gateway)->contexts, 6);
	assert_int_equal(gate_stats(e->s.gateway)->damaged, 0);
	for (int i = 0; i < 6; i++) {
		struct context *now = gate_find(e->s.gateway, saved[i].id);
		union fake_cmd cmd;
		bool found = false;

		assert_non_null(now);
		assert_memory_equal(now, &saved[i], sizeof(saved[i]));
		assert_int_equal(ports_claim(e->s.ports, now->term[0].term.local.relay,
					     be16_get(now->term[0].term.local.port)),
				 false);
		env_poll(e);
		for (uint32_t w = 0; w < 2; w++) {
			int n = ring_count(&e->dp.cmd[w]);

			for (int k = 0; k < n && !found; k++) {
				memcpy(&cmd, ring_peek(&e->dp.cmd[w], (uint32_t)k), sizeof(cmd));
				found = cmd.hdr.type == CMD_CONTEXT_SET && w == now->worker &&
					cmd.context_set.cid.slot == now->cid.slot;
			}
		}
		assert_true(found);
		memset(&cmd.context_set.hdr, 0, sizeof(cmd.hdr));
		assert_memory_equal(&cmd.context_set, &before[i], sizeof(before[i]));
	}
}

/* Timers go on as if nothing had been. */
static void timers_go_on_after_a_restart(void **state)
{
	struct env *e = *state;
	struct gate_wish a = wish_udp(0);
	uint64_t alone = gate_added(e, &a, NULL)->id, opening = gate_added_stream(e)->id;
	struct context *c = gate_added_udp(e);
	uint64_t quiet = c->id;

	gate_term_event(e, c, 0, inactive());
	gate_term_event(e, c, 1, inactive());
	gate_pass(e, 20);
	restart(e);
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

/* Its connections are gone; UDP goes on with what was learnt. */
static void another_dataplane_has_no_connections(void **state)
{
	struct env *e = *state;
	struct gateway *g = e->s.gateway;
	struct gate_wish a = wish_tls(0), b = wish_tcp(1);
	struct context *udp = latching(e), *idle = gate_added(e, &a, &b);
	uint64_t up_id = connected(e)->id, opening = gate_added_stream(e)->id;
	struct cmd_context_set set;

	gate_term_event(e, udp, 0, latched("203.0.113.50", 1234, 0));
	gate_term_event(e, udp, 0, inactive());
	another_dataplane(e, 77);
	assert_null(gate_find(g, up_id));
	assert_null(gate_find(g, opening));
	assert_int_equal(gate_stats(g)->ended[CONTEXT_END_DATAPLANE], 2);
	assert_int_equal(gate_stats(g)->contexts, 2);
	assert_false(udp->term[0].silent); /* it knows of none */
	assert_true(gate_taken(e, udp, &set));
	assert_int_equal(be16_get(set.term[0].latched[0].port), 1234);
	gate_drain(e);
	another_dataplane(e, 77); /* the same, attached anew */
	assert_true(gate_taken(e, idle, &set));
	assert_int_equal(gate_stats(g)->contexts, 2);
}

/* Both are new: the state file knows which dataplane its connections were of. */
static void both_processes_are_new(void **state)
{
	struct env *e = *state;
	uint64_t gone = connected(e)->id, stays = gate_added_udp(e)->id;

	fake_dp_close(&e->dp);
	fake_dp_open(&e->dp, &e->conf, 256);
	e->dp.region->generation = 78;
	restart(e);
	assert_null(gate_find(e->s.gateway, gone));
	assert_non_null(gate_find(e->s.gateway, stays));
}

/* A port that an allocation has is no context's: the record goes. */
static void a_port_that_is_anothers_is_not_taken_up(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e);
	struct ctl_relay r = c->term[1].term.local, first = c->term[0].term.local;
	uint64_t id = c->id;
	char err[256];

	gate_close(e->s.gateway);
	server_close(&e->s);
	assert_true(server_open(&e->s, &e->conf, NULL, e->now_ms, 0, err, sizeof(err)));
	assert_true(ports_claim(e->s.ports, r.relay, be16_get(r.port)));
	e->s.gateway = gate_open(&e->s, err, sizeof(err));
	assert_null(gate_find(e->s.gateway, id));
	assert_int_equal(gate_stats(e->s.gateway)->kept, 0);
	assert_int_equal(gate_stats(e->s.gateway)->damaged, 1);
	assert_int_equal(gate_stats(e->s.gateway)->contexts, 0);
	gate_pass(e, PORTS_REST_S + 1);
	assert_true(ports_is_free(e->s.ports, first.relay, be16_get(first.port), 2000));
}

/* All contexts come behind the sessions, through a ring that holds but a few commands. */
static void a_replay_is_whole_through_a_small_ring(void **state)
{
	struct env *e = *state;
	uint32_t sets = 0, begins = 0, ends = 0, sessions_late = 0;
	struct sock_addr relayed;
	char err[256] = "";

	for (int i = 0; i < 40; i++) {
		gate_added_udp(e);
		gate_drain(e);
	}
	for (uint16_t i = 0; i < 5; i++)
		ask_allocate(e, (uint16_t)(1000 + i), &relayed);
	dplink_detach(e->s.link);
	fake_dp_close(&e->dp);
	fake_dp_open(&e->dp, &e->conf, 8);
	e->dp.region->generation = 79;
	if (!fake_dp_attach(&e->dp, e->s.link, err, sizeof(err)))
		fail_msg("%s", err);
	for (int turn = 0; turn < 100; turn++) {
		union fake_cmd cmd;

		env_poll(e);
		for (uint32_t w = 0; w < 2; w++) {
			while (fake_dp_take(&e->dp, w, &cmd)) {
				begins += cmd.hdr.type == CMD_SYNC_BEGIN;
				ends += cmd.hdr.type == CMD_SYNC_END;
				sets += cmd.hdr.type == CMD_CONTEXT_SET;
				sessions_late += cmd.hdr.type == CMD_SESSION_SET && ends == 2;
				if (cmd.hdr.type == CMD_SYNC_END)
					fake_dp_result(&e->dp, w, EVT_SYNCED, cmd.hdr.seq,
						       (struct ctl_sid){ 0 });
			}
		}
	}
	assert_int_equal(begins, 2);
	assert_int_equal(ends, 2);
	assert_int_equal(sets, 40);
	assert_int_equal(sessions_late, 0);
	assert_false(dplink_replaying(e->s.link));
}

/* A change that met a full ring is made up for by a replay. */
static void a_change_that_met_a_full_ring_is_not_lost(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e);
	struct cmd_context_set set = { 0 };
	struct gate_wish w;

	while (dplink_room(e->s.link, c->worker)) {
		gate_wish(e->s.gateway, c, 0, &w);
		gate_set_ok(e, c, 0, &w);
	}
	w.term.dscp = 34;
	gate_set_ok(e, c, 0, &w);
	assert_true(dplink_replaying(e->s.link));
	gate_drain(e);
	set = told(e, c);
	assert_int_equal(set.term[0].dscp, 34);
}

#define T(f) cmocka_unit_test_setup_teardown(f, gate_setup, env_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_handshake_is_told_and_kept),
		T(only_what_is_asked_for_is_told),
		T(events_of_the_past_are_stale),
		T(ended_connections_are_kept_for_a_while),
		T(held_contexts_wait_for_a_decision),
		T(what_was_learnt_is_kept),
		T(a_nomination_is_kept_while_ice_starts_again),
		T(what_policy_denies_is_not_learnt),
		T(what_the_dataplane_refuses_ends),
		T(news_are_numbered_and_bounded),
		T(one_termination_waits_for_the_answer),
		T(no_remote_address_waits_for_the_answer),
		T(connections_that_never_begin_wait_for_the_answer),
		T(an_answer_ends_the_wait_and_its_loss_starts_another),
		T(what_latches_or_has_ice_waits_for_no_answer),
		T(connections_are_up_in_time),
		T(connections_are_judged_in_time),
		T(the_time_to_connect_begins_with_both),
		T(lifetime_is_the_plans),
		T(silence_of_both_ends),
		T(silence_that_is_over_ends_nothing),
		T(silence_is_looked_into_until_it_is_long_enough),
		T(an_answer_about_silence_that_is_lost_is_asked_for_again),
		T(silence_of_no_interest_ends_nothing),
		T(every_state_is_found_and_replayed),
		T(timers_go_on_after_a_restart),
		T(another_dataplane_has_no_connections),
		T(both_processes_are_new),
		T(a_port_that_is_anothers_is_not_taken_up),
		T(a_replay_is_whole_through_a_small_ring),
		T(a_change_that_met_a_full_ring_is_not_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

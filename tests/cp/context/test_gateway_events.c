/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What happens to contexts: events of the dataplane and news of them (R14, R53, R54), and processes
 * that are killed and come back (R70).
 */
#include "tests/world/gate_env.h"

#include "cp/context/gateway_priv.h"

#include <stdio.h>
#include <unistd.h>

/* ---- events ---- */

static void a_handshake_is_told_and_kept(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_stream(e);
	struct evt_term ev = term_up();
	const struct gate_event *n;

	ev.what = TERM_UNJUDGED;
	gate_term_event(e, c, 0, ev);
	assert_int_equal(c->term[0].state, TERM_STATE_UNJUDGED);
	assert_int_equal(gate_last_event(e)->what, TERM_UNJUDGED);
	e->wall_ms = UINT64_C(1700000000123);
	gate_term_event(e, c, 0, term_up());
	assert_int_equal(c->term[0].state, TERM_STATE_UP);
	assert_int_equal(c->term[0].tls_version, 0x0304);
	assert_int_equal(c->term[0].sha256[0], 0xab);
	assert_int_equal(be16_get(c->term[0].peer.port), 5555);
	n = gate_last_event(e);
	assert_int_equal(n->seq, 2);
	assert_int_equal(n->wall_ms, UINT64_C(1700000000123));
	assert_int_equal(n->context, c->id);
	assert_string_equal(n->call, "call");
	assert_int_equal(n->side, 0);
	assert_int_equal(n->what, TERM_UP);
	assert_int_equal(n->transport, TERM_TLS);
	assert_int_equal(n->tls_suite, 0x1301);
	assert_int_equal(n->sha256[0], 0xab);
	gate_term_event(e, c, 1, term_up());
	assert_int_equal(gate_last_event(e)->side, 1);
	/* Said twice, it is no news. */
	gate_term_event(e, c, 1, term_up());
	gate_term_event(e, c, 1, (struct evt_term){ .what = TERM_UNJUDGED });
	assert_int_equal(gate_events_last(e->s.gateway), 3);
	assert_int_equal(c->term[1].state, TERM_STATE_UP);
}

static void only_what_is_asked_for_is_told(void **state)
{
	struct env *e = *state;
	struct term_spec a = spec_tcp(0), b = spec_tcp(1);
	struct context *c;

	a.begin = b.begin = true;
	c = gate_added(e, &a, &b);
	gate_term_event(e, c, 0, term_up());
	gate_term_event(e, c, 1, term_up());
	gate_term_event(e, c, 0, term_ended(TCP_END_RESET));
	assert_int_equal(gate_events_last(e->s.gateway), 0);
	gate_term_event(e, c, 1, term_ended(TCP_END_PARTNER));
	assert_int_equal(gate_events_last(e->s.gateway), 1); /* the end is always told */
	assert_true(gate_last_event(e)->ended);
	assert_int_equal(gate_last_event(e)->end, CONTEXT_END_CONNECTION);
}

/* What the dataplane says of what was, is not of what is. */
static void events_of_the_past_are_stale(void **state)
{
	struct env *e = *state;
	struct context *c = gate_connected(e);
	struct evt_term ev = term_ended(TCP_END_RESET);
	struct ctl_cid cid = c->cid;
	uint32_t worker = c->worker;
	struct term_spec w;

	ev.attempt = 1;
	term_spec(e->s.gateway, c, 0, &w);
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
	gate_term_event(e, c, 0, term_up()); /* not of UDP */
	gate_term_event(e, c, 0, term_ended(TCP_END_DONE));
	assert_int_equal(c->term[0].state, TERM_STATE_UP);
}

/* Kept for its controller, which may order another attempt; deleted when it does nothing. */
static void ended_connections_are_kept_for_a_while(void **state)
{
	struct env *e = *state;
	struct gateway *g = e->s.gateway;
	struct context *c = gate_connected(e);
	uint64_t id = c->id, last;
	struct gate_fail f;
	struct term_spec w;

	gate_term_event(e, c, 0, term_ended(TCP_END_TLS_FINGERPRINT));
	assert_int_equal(c->end, CONTEXT_END_NONE);
	assert_int_equal(gate_last_event(e)->why, TCP_END_TLS_FINGERPRINT);
	gate_term_event(e, c, 1, term_ended(TCP_END_PARTNER));
	assert_int_equal(c->end, CONTEXT_END_CONNECTION);
	assert_int_equal(c->term[0].why, TCP_END_TLS_FINGERPRINT);
	assert_int_equal(gate_stats(g)->ended[CONTEXT_END_CONNECTION], 1);
	term_spec(g, c, 0, &w);
	assert_false(gate_set(g, c, 0, &w, &f));
	assert_int_equal(f.error, GATE_BAD);
	w.begin = true;
	gate_set_ok(e, c, 0, &w);
	assert_int_equal(c->end, CONTEXT_END_NONE);
	assert_int_equal(c->term[0].why, 0);
	gate_term_event(e, c, 0, term_ended(TCP_END_REFUSED));
	assert_int_equal(c->end, CONTEXT_END_CONNECTION);
	last = gate_events_last(g);
	gate_pass(e, 19);
	assert_ptr_equal(gate_find(g, id), c);
	gate_pass(e, 2);
	assert_null(gate_find(g, id));
	assert_int_equal(gate_events_last(g), last); /* that was told */
}

/* CONTEXT_HOLD: the end of one is not that of the other, the controller decides. */
static void held_contexts_wait_for_a_decision(void **state)
{
	struct env *e = *state;
	struct context *c = gate_connected(e);
	struct gate_plan plan;

	gate_plan(e->s.gateway, c, &plan);
	plan.flags = CONTEXT_HOLD;
	gate_plan_set(e->s.gateway, c, &plan);
	gate_term_event(e, c, 0, term_ended(TCP_END_DONE));
	assert_int_equal(c->end, CONTEXT_END_NONE);
	gate_pass(e, 600);
	assert_int_equal(c->term[1].state, TERM_STATE_UP);
	assert_int_equal(gate_stats(e->s.gateway)->phase[GATE_ENDING], 1);
	gate_term_event(e, c, 1, term_ended(TCP_END_DONE));
	assert_int_equal(c->end, CONTEXT_END_CONNECTION);
}

/* R14: kept, so that a dataplane that starts anew knows; forgotten when who is meant changes. */
static void what_was_learnt_is_kept(void **state)
{
	struct env *e = *state;
	struct context *c = gate_latching(e);
	struct cmd_context_set set;
	struct term_spec w;

	gate_term_event(e, c, 0, term_latched("203.0.113.50", 1234, 0));
	gate_term_event(e, c, 0, term_latched("203.0.113.50", 1235, 1));
	assert_int_equal(gate_last_event(e)->what, TERM_LATCHED);
	assert_int_equal(gate_last_event(e)->rtcp, 1);
	term_spec(e->s.gateway, c, 0, &w);
	w.term.dscp = 46;
	gate_drain(e);
	gate_set_ok(e, c, 0, &w);
	assert_true(gate_taken(e, c, &set));
	assert_int_equal(be16_get(set.term[0].latched[0].port), 1234);
	assert_int_equal(be16_get(set.term[0].latched[1].port), 1235);
	/* Said twice, as in a replay, it is no news. */
	gate_term_event(e, c, 0, term_latched("203.0.113.50", 1234, 0));
	assert_int_equal(gate_events_last(e->s.gateway), 2);
	w.term.remote[0] = addr("203.0.113.60", 4000); /* RTP comes from elsewhere now */
	gate_set_ok(e, c, 0, &w);
	assert_true(gate_taken(e, c, &set));
	assert_int_equal(be16_get(set.term[0].latched[0].port), 0);
	assert_int_equal(be16_get(set.term[0].latched[1].port), 1235);
	assert_int_equal(set.term[0].attempt, 0);
	w.begin = true; /* all anew */
	gate_set_ok(e, c, 0, &w);
	assert_true(gate_taken(e, c, &set));
	assert_int_equal(be16_get(set.term[0].latched[1].port), 1235);
	assert_int_equal(set.term[0].flags & (TERM_RELEARN | TERM_RELEARN_RTCP), TERM_RELEARN_RTCP);
	assert_int_equal(set.term[0].attempt, 1);
}

/* RFC 8445 9: media goes where it went until there is another nomination. */
static void a_nomination_is_kept_while_ice_starts_again(void **state)
{
	struct env *e = *state;
	struct term_spec a = spec_udp(0), b = spec_udp(1);
	struct context *c;

	a.term.flags |= TERM_ICE;
	c = gate_added(e, &a, &b);
	gate_term_event(e, c, 0, term_latched("203.0.113.50", 1234, 0));
	term_spec(e->s.gateway, c, 0, &a);
	a.term.remote[0] = addr("203.0.113.61", 1);
	a.restart = true;
	gate_set_ok(e, c, 0, &a);
	assert_int_equal(be16_get(c->term[0].term.latched[0].port), 1234);
}

/*
 * R77: whoever sends first may be anybody. It is not learnt, and the call goes on: what was denied
 * comes with an attempt of its own, so that the dataplane forgets it and learns anew.
 */
static void what_policy_denies_is_forgotten(void **state)
{
	struct env *e = *state;
	struct context *c = gate_latching(e);
	struct cmd_context_set set;
	uint64_t id = c->id;

	gate_term_event(e, c, 0, term_latched("203.0.113.50", 1234, 0));
	gate_drain(e);
	for (uint8_t i = 1; i <= 3; i++) {
		gate_term_event(e, c, 0, term_latched("10.0.0.1", 1234, i % 2));
		assert_ptr_equal(gate_find(e->s.gateway, id), c);
		assert_true(gate_taken(e, c, &set));
		assert_int_equal(set.term[0].attempt, i);
		assert_int_equal(be16_get(set.term[0].latched[i % 2].port), 0);
	}
	assert_int_equal(be16_get(set.term[0].latched[0].port), 0);
	assert_int_equal(gate_last_event(e)->what, TERM_LATCHED); /* the denied ones are none */
	assert_int_equal(be16_get(gate_last_event(e)->remote.port), 1234);
	assert_int_equal(gate_stats(e->s.gateway)->contexts, 1);
	c = gate_added_udp(e); /* does not learn: nothing to be denied */
	gate_term_event(e, c, 0, term_latched("10.0.0.1", 1234, 0));
	assert_int_equal(be16_get(c->term[0].term.latched[0].port), 0);
}

/* With ICE nobody is learnt anew: the other leg keeps who was nominated, and nothing else is said.
 */
static void a_nomination_that_is_denied_is_forgotten(void **state)
{
	struct env *e = *state;
	struct term_spec a = spec_udp(0), b = spec_udp(1);
	struct cmd_context_set set;
	struct context *c;

	a.term.flags |= TERM_ICE;
	c = gate_added(e, &a, &b);
	gate_term_event(e, c, 0, term_latched("203.0.113.50", 1234, 0));
	gate_drain(e);
	gate_term_event(e, c, 0, term_latched("10.0.0.1", 1235, 1));
	assert_true(gate_taken(e, c, &set));
	assert_int_equal(be16_get(set.term[0].latched[0].port), 1234);
	assert_int_equal(be16_get(set.term[0].latched[1].port), 0);
	assert_int_equal(set.term[0].flags, a.term.flags);
}

/* The same of who connects: the termination waits for another, its partner stays. */
static void who_connects_and_is_denied_is_waited_for_no_more(void **state)
{
	struct env *e = *state;
	struct term_spec a = spec_tcp(0), b = spec_tcp(1);
	struct cmd_context_set set;
	struct context *c;

	a.term.flags = TERM_IN | TERM_OUT | TERM_LATCH;
	a.begin = b.begin = true;
	c = gate_added(e, &a, &b);
	gate_drain(e);
	gate_term_event(e, c, 0,
			(struct evt_term){ .what = TERM_UP, .remote = addr("10.0.0.1", 1234) });
	assert_int_equal(c->term[0].state, TERM_STATE_OPENING);
	assert_true(gate_taken(e, c, &set));
	assert_int_equal(set.term[0].attempt, 2);
	assert_int_equal(set.term[1].attempt, 1);
	gate_term_event(e, c, 0,
			(struct evt_term){ .what = TERM_UP, .remote = addr("203.0.113.9", 1) });
	assert_int_equal(c->term[0].state, TERM_STATE_UP);
}

/* Learnt anew: sent to is who was learnt before, until somebody is heard; also after a replay. */
static void who_was_learnt_before_is_kept_until_another_is(void **state)
{
	struct env *e = *state;
	struct context *c = gate_latching(e);
	struct cmd_context_set set;
	struct term_spec w;

	gate_term_event(e, c, 0, term_latched("203.0.113.50", 1234, 0));
	gate_drain(e);
	term_spec(e->s.gateway, c, 0, &w);
	w.begin = true;
	gate_set_ok(e, c, 0, &w);
	assert_true(gate_taken(e, c, &set));
	assert_int_equal(be16_get(set.term[0].latched[0].port), 1234);
	assert_int_equal(set.term[0].flags & (TERM_RELEARN | TERM_RELEARN_RTCP), TERM_RELEARN);
	/* A change in between leaves it as it is. */
	term_spec(e->s.gateway, c, 0, &w);
	w.term.dscp = 46;
	gate_set_ok(e, c, 0, &w);
	assert_true(gate_taken(e, c, &set));
	assert_int_equal(set.term[0].flags & (TERM_RELEARN | TERM_RELEARN_RTCP), TERM_RELEARN);
	assert_int_equal(set.term[0].attempt, 1);
	/* The same one is heard again: it is told, for it is known to be there now. */
	gate_term_event(e, c, 0, term_latched("203.0.113.50", 1234, 0));
	assert_int_equal(c->term[0].term.flags & TERM_RELEARN, 0);
	gate_term_event(e, c, 0, term_latched("203.0.113.50", 1235, 1));
	/* RTP from another host: RTCP of the old one is void. */
	w.begin = true;
	gate_set_ok(e, c, 0, &w);
	gate_term_event(e, c, 0, term_latched("203.0.113.51", 1236, 0));
	assert_int_equal(be16_get(c->term[0].term.latched[1].port), 0);
	assert_int_equal(c->term[0].term.flags & (TERM_RELEARN | TERM_RELEARN_RTCP), 0);
}

/* R50: told, and the termination waits for the right one; its time to connect goes on. */
static void a_refused_connection_is_told(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_stream(e);
	uint32_t since;

	c->term[0].since -= 3;
	since = c->term[0].since;
	gate_term_event(e, c, 0,
			(struct evt_term){ .what = TERM_REFUSED, .why = TCP_END_TLS_FINGERPRINT });
	assert_int_equal(c->term[0].state, TERM_STATE_OPENING);
	assert_int_equal(c->term[0].since, since);
	assert_int_equal(c->end, CONTEXT_END_NONE);
	gate_term_event(e, c, 0, (struct evt_term){ .what = TERM_UNJUDGED });
	gate_term_event(e, c, 0,
			(struct evt_term){ .what = TERM_REFUSED, .why = TCP_END_NO_FINGERPRINT });
	assert_int_equal(c->term[0].state, TERM_STATE_OPENING);
	gate_term_event(e, c, 0, (struct evt_term){ .what = TERM_UP });
	assert_int_equal(c->term[0].state, TERM_STATE_UP);
	/* Without TLS who is up may turn out not to be the remote. */
	gate_term_event(e, c, 0,
			(struct evt_term){ .what = TERM_REFUSED, .why = TCP_END_STRANGER });
	assert_int_equal(c->term[0].state, TERM_STATE_OPENING);
}

static void what_the_dataplane_refuses_ends(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e);
	uint64_t id = c->id;

	fake_dp_context_refused(&e->dp, c->worker, c->cid, REFUSED_FULL);
	env_poll(e);
	assert_null(gate_find(e->s.gateway, id));
	assert_int_equal(gate_last_event(e)->end, CONTEXT_END_REFUSED);
	assert_int_equal(gate_last_event(e)->context, id);
}

/* ---- events ---- */

static void count(void *arg)
{
	(*(uint32_t *)arg)++;
}

/* 64 are kept (gateway.events). */
static void events_are_numbered_and_bounded(void **state)
{
	struct env *e = *state;
	struct gateway *g = e->s.gateway;
	uint32_t heard = 0;

	gate_events_listen(g, count, &heard);
	assert_int_equal(gate_events_last(g), 0);
	assert_null(gate_event(g, 1));
	for (int i = 0; i < 10; i++) {
		gate_delete(g, gate_added_udp(e), NULL, NULL);
		gate_drain(e);
	}
	assert_int_equal(heard, 10);
	assert_int_equal(gate_event(g, 0)->seq, 1);
	assert_int_equal(gate_event(g, 10)->seq, 10);
	assert_null(gate_event(g, 11));
	assert_int_equal(gate_event(g, 10)->end, CONTEXT_END_REQUEST);
	for (int i = 0; i < 74; i++) { /* the 10 that were fetched go, then 10 that were not */
		gate_delete(g, gate_added_udp(e), NULL, NULL);
		gate_drain(e);
	}
	assert_int_equal(gate_events_last(g), 84);
	assert_int_equal(gate_event(g, 1)->seq, 21);
	assert_int_equal(gate_stats(g)->events, 84);
	assert_int_equal(gate_stats(g)->events_lost, 10);
	gate_events_listen(g, NULL, NULL);
}

/* ---- survival (R70) ---- */

static void another_dataplane(struct env *e, uint64_t generation)
{
	char err[256] = "";

	dplink_detach(e->s.link);
	fake_dp_close(&e->dp);
	fake_dp_open(&e->dp, &e->conf, 256);
	e->dp.region->generation = generation;
	if (!fake_dp_attach(&e->dp, &e->s, err, sizeof(err)))
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
	struct term_spec a = spec_tls(0), b = spec_tcp(1);
	const uint32_t used = 3;
	const uint64_t phases[GATE_PHASES] = {
		[GATE_WAITING] = 1, [GATE_CONNECTING] = 1, [GATE_UNJUDGED] = 1,
		[GATE_UP] = 2,	    [GATE_ENDED] = 1,
	};

	c[0] = gate_latching(e);
	gate_term_event(e, c[0], 0, term_latched("203.0.113.50", 1234, 0));
	c[1] = gate_added(e, &a, &b); /* idle */
	c[2] = gate_added_stream(e);  /* opening */
	c[3] = gate_connected(e);     /* up */
	c[4] = gate_added_stream(e);  /* not judged */
	gate_term_event(e, c[4], 0, (struct evt_term){ .what = TERM_UNJUDGED });
	c[5] = gate_connected(e); /* ended */
	gate_term_event(e, c[5], 0, term_ended(TCP_END_DONE));
	gate_term_event(e, c[5], 1, term_ended(TCP_END_PARTNER));
	for (int i = 0; i < 6; i++) {
		struct gate_plan plan;

		gate_plan(e->s.gateway, c[i], &plan);
		gate_drain(e);
		gate_plan_set(e->s.gateway, c[i], &plan);
		before[i] = told(e, c[i]);
		saved[i] = *c[i];
	}
	assert_true(ports_used(e->s.ports, 0) >= used);
	assert_memory_equal(gate_stats(e->s.gateway)->phase, phases, sizeof(phases));
	gate_drain(e);
	gate_restart(e);
	assert_memory_equal(gate_stats(e->s.gateway)->phase, phases, sizeof(phases));
	assert_int_equal(gate_stats(e->s.gateway)->kept, 6);
	assert_int_equal(gate_stats(e->s.gateway)->contexts, 6);
	assert_int_equal(gate_stats(e->s.gateway)->damaged, 0);
	for (int i = 0; i < 6; i++) {
		struct context *now = gate_find(e->s.gateway, saved[i].id);
		union ctl_cmd cmd;
		bool found = false;

		assert_non_null(now);
		assert_memory_equal(now, &saved[i], sizeof(saved[i]));
		assert_int_equal(ports_claim(e->s.ports, now->term[0].term.local.relay,
					     be16_get(now->term[0].term.local.port), PORTS_TURN),
				 false);
		env_poll(e);
		for (uint32_t w = 0; w < 2; w++) {
			int n = ring_count(&e->dp.cmd[w], 1);

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

/* Its connections are gone; UDP goes on with what was learnt. */
static void another_dataplane_has_no_connections(void **state)
{
	struct env *e = *state;
	struct gateway *g = e->s.gateway;
	struct term_spec a = spec_tls(0), b = spec_tcp(1);
	struct context *udp = gate_latching(e), *idle = gate_added(e, &a, &b);
	uint64_t up_id = gate_connected(e)->id, opening = gate_added_stream(e)->id;
	struct cmd_context_set set;

	gate_term_event(e, udp, 0, term_latched("203.0.113.50", 1234, 0));
	gate_term_event(e, udp, 0, term_inactive());
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
	uint64_t gone = gate_connected(e)->id, stays = gate_added_udp(e)->id;

	fake_dp_close(&e->dp);
	fake_dp_open(&e->dp, &e->conf, 256);
	e->dp.region->generation = 78;
	gate_restart(e);
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
	assert_true(ports_claim(e->s.ports, r.relay, be16_get(r.port), PORTS_TURN));
	e->s.gateway = gate_open(&e->s, err, sizeof(err));
	assert_null(gate_find(e->s.gateway, id));
	assert_int_equal(gate_stats(e->s.gateway)->kept, 0);
	assert_int_equal(gate_stats(e->s.gateway)->damaged, 1);
	assert_int_equal(gate_stats(e->s.gateway)->contexts, 0);
	gate_pass(e, PORTS_QUARANTINE_S + 1);
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
	if (!fake_dp_attach(&e->dp, &e->s, err, sizeof(err)))
		fail_msg("%s", err);
	for (int turn = 0; turn < 100; turn++) {
		union ctl_cmd cmd;

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
	struct term_spec w;

	while (dplink_room(e->s.link, c->worker)) {
		term_spec(e->s.gateway, c, 0, &w);
		gate_set_ok(e, c, 0, &w);
	}
	w.term.dscp = 34;
	gate_set_ok(e, c, 0, &w);
	assert_true(dplink_replaying(e->s.link));
	gate_drain(e);
	set = told(e, c);
	assert_int_equal(set.term[0].dscp, 34);
}

/* Tells n events of a context, numbered by `why`, after the `from` that there were. */
static void tell(struct env *e, const struct context *c, uint32_t from, uint32_t n)
{
	for (uint32_t i = 1; i <= n; i++)
		gate_tell(e->s.gateway, c, &(struct gate_event){ .why = (uint16_t)(from + i) });
}

static void resize(struct env *e, uint32_t events, bool apply)
{
	static struct config c;
	char err[256];

	c = e->conf;
	c.gateway.events = events;
	assert_true(gate_prepare(e->s.gateway, &c, err, sizeof(err)));
	gate_finish(e->s.gateway, apply);
}

/* All from first to last are there, and each is itself. */
static void kept(const struct env *e, uint64_t first, uint64_t last)
{
	const struct gateway *g = e->s.gateway;

	assert_int_equal(gate_events_last(g), last);
	for (uint64_t seq = first; seq <= last; seq++) {
		assert_int_equal(gate_event(g, seq)->seq, seq);
		assert_int_equal(gate_event(g, seq)->why, seq);
	}
	assert_null(gate_event(g, last + 1));
	assert_int_equal(gate_event(g, 0)->seq, first);
}

/* gateway.events may change: what there is room for stays, under its number. */
static void a_reload_changes_how_many_are_kept(void **state)
{
	struct env *e = *state;
	const struct gate_stats *st = gate_stats(e->s.gateway);
	const struct context *c = gate_added_udp(e);

	tell(e, c, 0, 100);
	kept(e, 37, 100);
	assert_int_equal(st->events_lost, 36);
	resize(e, 128, true);
	kept(e, 37, 100);
	tell(e, c, 100, 60);
	kept(e, 37, 160);
	tell(e, c, 160, 10);
	kept(e, 43, 170);
	assert_int_equal(st->events_lost, 36); /* all that went had been fetched */
	tell(e, c, 170, 20);
	resize(e, 16, false);
	assert_int_equal(gate_event(e->s.gateway, 0)->seq, 63);
	assert_int_equal(st->events_lost, 36);
	resize(e, 16, true); /* of the 20 new ones 16 are kept */
	assert_int_equal(st->events_lost, 40);
	kept(e, 175, 190);
	tell(e, c, 190, 5);
	kept(e, 180, 195);
	assert_int_equal(st->events_lost, 40);
	resize(e, 16, true); /* nothing changes */
	kept(e, 180, 195);
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
		T(what_policy_denies_is_forgotten),
		T(a_nomination_that_is_denied_is_forgotten),
		T(who_connects_and_is_denied_is_waited_for_no_more),
		T(who_was_learnt_before_is_kept_until_another_is),
		T(a_refused_connection_is_told),
		T(what_the_dataplane_refuses_ends),
		T(events_are_numbered_and_bounded),
		T(a_reload_changes_how_many_are_kept),
		T(every_state_is_found_and_replayed),
		T(another_dataplane_has_no_connections),
		T(both_processes_are_new),
		T(a_port_that_is_anothers_is_not_taken_up),
		T(a_replay_is_whole_through_a_small_ring),
		T(a_change_that_met_a_full_ring_is_not_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

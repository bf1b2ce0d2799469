/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Contexts that controllers change, move, audit and delete (R32, R43, R44, R49 to R51, R58), and
 * what the dataplane is told.
 */
#include "tests/world/gate_env.h"

#include <stdio.h>

/* ---- changing ---- */

static void a_change_keeps_the_local_address(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e);
	struct cmd_context_set before, after;
	struct term_spec w;

	assert_true(gate_taken(e, c, &before));
	term_spec(e->s.gateway, c, 1, &w);
	assert_int_equal(w.realm, 1);
	assert_int_equal(w.port, be16_get(before.term[1].local.port));
	w.term.remote[0] = addr("203.0.113.77", 7777);
	w.term.flags &= (uint16_t)~TERM_OUT;
	w.port = 0;
	gate_set_ok(e, c, 1, &w);
	assert_true(gate_taken(e, c, &after));
	assert_memory_equal(&before.cid, &after.cid, sizeof(before.cid));
	assert_memory_equal(&before.term[0], &after.term[0], sizeof(before.term[0]));
	assert_memory_equal(&before.term[1].local, &after.term[1].local, sizeof(struct ctl_relay));
	assert_int_equal(be16_get(after.term[1].remote[0].port), 7777);
	assert_int_equal(after.term[1].flags, TERM_IN | TERM_RTP);
}

static bool ice_text(const char *s, size_t n)
{
	return strlen(s) == n && strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					   "0123456789+/") == n;
}

/* RFC 8445 5.3: 24 bits and 128 at least, of ice-chars; 9: new ones when ICE starts again. */
static void ice_credentials_are_drawn_kept_and_drawn_again(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e), *d;
	struct ctl_term *t = &c->term[0].term;
	struct term_spec w;
	char ufrag[CTL_UFRAG_MAX], pwd[CTL_PWD_MAX];

	assert_string_equal(t->ufrag, "");
	term_spec(e->s.gateway, c, 0, &w);
	w.term.flags |= TERM_ICE;
	gate_set_ok(e, c, 0, &w);
	assert_true(ice_text(t->ufrag, 8));
	assert_true(ice_text(t->pwd, 24));
	memcpy(ufrag, t->ufrag, sizeof(ufrag));
	memcpy(pwd, t->pwd, sizeof(pwd));
	w.term.dscp = 46;
	gate_set_ok(e, c, 0, &w);
	assert_string_equal(t->ufrag, ufrag);
	assert_string_equal(t->pwd, pwd);
	w.restart = true;
	gate_set_ok(e, c, 0, &w);
	assert_string_not_equal(t->ufrag, ufrag);
	assert_string_not_equal(t->pwd, pwd);
	w.restart = false;
	w.port = 0;
	d = gate_added(e, &w, NULL);
	assert_string_not_equal(d->term[0].term.pwd, t->pwd);
	/* Off, and on again: another branch of a call may have been told the same. */
	memcpy(pwd, t->pwd, sizeof(pwd));
	w.term.flags &= (uint16_t)~TERM_ICE;
	gate_set_ok(e, c, 0, &w);
	assert_false(t->flags & TERM_ICE);
	w.term.flags |= TERM_ICE;
	gate_set_ok(e, c, 0, &w);
	assert_string_equal(t->pwd, pwd);
}

/* R43, R44, R58: nothing happens before the order, each order is another attempt. */
static void connections_begin_by_order_and_again(void **state)
{
	struct env *e = *state;
	struct term_spec a = spec_tls(0), b = spec_tcp(1);
	struct cmd_context_set set;
	struct context *c;

	b.term.flags = TERM_IN | TERM_OUT | TERM_CONNECT;
	a.term.flags |= TERM_TLS_CLIENT; /* independent of the role in TCP */
	snprintf(a.term.host, sizeof(a.term.host), "ue.example");
	c = gate_added(e, &a, &b);
	assert_true(gate_taken(e, c, &set));
	assert_int_equal(set.term[0].attempt, 0);
	assert_int_equal(set.term[0].domain, 0);
	assert_string_equal(set.term[0].host, "ue.example");
	assert_int_equal(c->term[0].state, TERM_STATE_IDLE);
	term_spec(e->s.gateway, c, 1, &b);
	b.term.remote[0] = addr("203.0.113.5", 2855);
	b.begin = true;
	gate_set_ok(e, c, 1, &b);
	assert_true(gate_taken(e, c, &set));
	assert_int_equal(set.term[0].attempt, 0);
	assert_int_equal(set.term[1].attempt, 1);
	assert_int_equal(c->term[1].state, TERM_STATE_OPENING);
	term_spec(e->s.gateway, c, 1, &b);
	assert_false(b.begin);
	gate_set_ok(e, c, 1, &b); /* no order */
	assert_true(gate_taken(e, c, &set));
	assert_int_equal(set.term[1].attempt, 1);
	b.begin = true;
	for (int i = 0; i < 254; i++) {
		gate_set_ok(e, c, 1, &b);
		gate_drain(e);
	}
	assert_int_equal(c->term[1].term.attempt, 255);
	gate_set_ok(e, c, 1, &b);
	assert_int_equal(c->term[1].term.attempt, 1); /* never 0 again */
}

static void a_connection_keeps_what_it_is(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_stream(e);
	struct term_spec w;
	struct gate_fail f;

	term_spec(e->s.gateway, c, 0, &w);
	w.term.transport = TERM_TCP;
	assert_false(gate_set(e->s.gateway, c, 0, &w, &f));
	assert_non_null(strstr(f.text, "transport and local address of a connection"));
	term_spec(e->s.gateway, c, 0, &w);
	w.realm = 1;
	assert_false(gate_set(e->s.gateway, c, 0, &w, &f));
	/* What its handshake was made with (R43, R44, R48). */
	term_spec(e->s.gateway, c, 0, &w);
	strcpy(w.term.host, "other.example");
	assert_false(gate_set(e->s.gateway, c, 0, &w, &f));
	assert_non_null(strstr(f.text, "TLS domain and host name of a connection"));
	e->conf.n_domain++;
	term_spec(e->s.gateway, c, 0, &w);
	w.term.domain = (uint16_t)(e->conf.n_domain - 1);
	assert_false(gate_set(e->s.gateway, c, 0, &w, &f));
	assert_non_null(strstr(f.text, "TLS domain and host name of a connection"));
	term_spec(e->s.gateway, c, 0, &w);
	w.term.domain = CONFIG_DOMAINS_MAX; /* the realm's, as it is */
	gate_set_ok(e, c, 0, &w);
	term_spec(e->s.gateway, c, 0, &w);
	w.term.flags |= TERM_TLS_CLIENT;
	assert_false(gate_set(e->s.gateway, c, 0, &w, &f));
	assert_non_null(strstr(f.text, "roles"));
	w.begin = true;
	gate_set_ok(e, c, 0, &w);
	term_spec(e->s.gateway, c, 0, &w);
	w.term.transport = TERM_TCP;
	w.term.flags &= (uint16_t)~TERM_TLS_CLIENT;
	w.begin = true; /* another one */
	gate_set_ok(e, c, 0, &w);
	w = spec_udp(0);
	assert_false(gate_set(e->s.gateway, c, 0, &w, &f));
	assert_non_null(strstr(f.text, "both terminations are UDP, or neither"));
}

/* R50, R51: they may come after the handshake, and are no new attempt. */
static void fingerprints_may_come_late(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_stream(e);
	struct cmd_context_set set;
	struct term_spec w;

	term_spec(e->s.gateway, c, 0, &w);
	w.term.n_fingerprint = 2;
	w.term.fingerprint[0] = (struct fingerprint){ .hash = FP_SHA1, .digest = { 1 } };
	w.term.fingerprint[1] = (struct fingerprint){ .hash = FP_SHA512, .digest = { 2 } };
	gate_drain(e);
	gate_set_ok(e, c, 0, &w);
	assert_true(gate_taken(e, c, &set));
	assert_int_equal(set.term[0].attempt, 1);
	assert_int_equal(set.term[0].n_fingerprint, 2);
	assert_memory_equal(set.term[0].fingerprint, w.term.fingerprint,
			    sizeof(w.term.fingerprint));
}

static void a_subtracted_termination_gives_its_port_back(void **state)
{
	struct env *e = *state;
	struct gateway *g = e->s.gateway;
	struct context *c = gate_added_stream(e);
	struct term_spec w = spec_tls(0);
	struct cmd_context_set set;
	struct gate_fail f;
	struct sock_addr a;

	gate_drain(e);
	assert_true(gate_subtract(g, c, 0, &f));
	assert_true(gate_taken(e, c, &set));
	assert_int_equal(set.term[0].transport, TERM_NONE);
	assert_int_equal(set.term[0].attempt, 0);
	assert_int_equal(set.term[1].transport, TERM_TCP);
	assert_false(gate_local(g, c, 0, false, &a));
	assert_false(gate_subtract(g, c, 0, &f));
	assert_int_equal(f.error, GATE_BAD);
	term_spec(g, c, 0, &(struct term_spec){ 0 });
	w.begin = true;
	gate_set_ok(e, c, 0, &w);
	/* Were the subtraction's command lost, the dataplane would still see that it is another. */
	assert_int_equal(c->term[0].term.attempt, 2);
	gate_delete(g, c, NULL, NULL);
	gate_pass(e, PORTS_QUARANTINE_S + 1);
	ports_take(e->s.ports, 0, 0, PORTS_ANY, 2000); /* ends what rests */
	ports_take(e->s.ports, 0, 1, PORTS_ANY, 2000);
	assert_int_equal(ports_used(e->s.ports, 0), 2);
}

/* The port that was left is given back, and rests; the one that stays is not. */
static void another_realm_gives_the_old_port_back(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e);
	struct ctl_relay old = c->term[0].term.local;
	struct term_spec w;

	term_spec(e->s.gateway, c, 0, &w);
	gate_set_ok(e, c, 0, &w);
	gate_pass(e, PORTS_QUARANTINE_S + 1);
	assert_false(ports_is_free(e->s.ports, old.relay, be16_get(old.port), server_now(&e->s)));
	w.realm = 1;
	w.port = 0;
	gate_set_ok(e, c, 0, &w);
	assert_int_not_equal(c->term[0].term.local.relay, old.relay);
	for (uint16_t i = 0; i < 2; i++)
		assert_false(ports_is_free(e->s.ports, old.relay,
					   (uint16_t)(be16_get(old.port) + i), server_now(&e->s)));
	e->s.now_ms += 1000 * (PORTS_QUARANTINE_S + 1);
	for (uint16_t i = 0; i < 2; i++)
		assert_true(ports_is_free(e->s.ports, old.relay, (uint16_t)(be16_get(old.port) + i),
					  server_now(&e->s)));
}

static void plans_change(void **state)
{
	struct env *e = *state;
	struct gateway *g = e->s.gateway;
	struct context *c = gate_added_udp(e);
	struct gate_plan plan;
	struct term_spec w;
	struct cmd_context_set set;

	term_spec(g, c, 1, &w);
	w.term.inactivity = 10; /* of its own */
	gate_set_ok(e, c, 1, &w);
	gate_pass(e, 100);
	gate_plan(g, c, &plan);
	assert_string_equal(plan.call, "call");
	assert_int_equal(plan.lifetime, 3500);
	assert_int_equal(plan.inactivity, 60);
	plan.lifetime = 50;
	plan.inactivity = 30;
	plan.flags = CONTEXT_HOLD;
	plan.note = UINT64_C(0x123456789abcdef);
	gate_plan_set(g, c, &plan);
	assert_true(gate_taken(e, c, &set));
	assert_int_equal(set.expiry, e->now_ms / 1000 + 50);
	assert_int_equal(set.flags, CONTEXT_HOLD);
	assert_int_equal(set.term[0].inactivity, 30);
	assert_int_equal(set.term[1].inactivity, 10);
	assert_int_equal(c->note, UINT64_C(0x123456789abcdef));
	plan.inactivity = 5;
	gate_plan_set(g, c, &plan);
	assert_int_equal(c->term[1].term.inactivity, 5);
}

/* ---- moving ---- */

static void a_termination_moves_with_all_it_has(void **state)
{
	struct env *e = *state;
	struct gateway *g = e->s.gateway;
	struct context *c = gate_added_stream(e), *to;
	struct gate_plan plan = { .call = "other", .near = c, .inactivity = UINT32_MAX };
	struct term_spec a = spec_tcp(0);
	struct context_term moved = c->term[1];
	struct cmd_context_set set;
	struct gate_fail f;
	union ctl_cmd cmd;

	to = gate_add(g, &plan, &a, NULL, &f);
	assert_non_null(to);
	gate_drain(e);
	assert_true(gate_move(g, c, 1, to, 1, &f));
	assert_memory_equal(&to->term[1], &moved, sizeof(moved));
	assert_int_equal(c->term[1].term.transport, TERM_NONE);
	assert_true(fake_dp_take(&e->dp, c->worker, &cmd));
	assert_int_equal(cmd.hdr.type, CMD_CONTEXT_MOVE);
	assert_memory_equal(&cmd.context_move.cid, &c->cid, sizeof(c->cid));
	assert_memory_equal(&cmd.context_move.to, &to->cid, sizeof(to->cid));
	assert_int_equal(cmd.context_move.side, 1);
	assert_int_equal(cmd.context_move.to_side, 1);
	assert_true(gate_taken(e, c, &set));
	assert_int_equal(set.term[1].transport, TERM_NONE);
	assert_true(gate_taken(e, to, &set));
	assert_int_equal(set.term[1].attempt, 1);
	assert_memory_equal(&set.term[1].local, &moved.term.local, sizeof(struct ctl_relay));
	assert_int_equal(gate_stats(g)->moved, 1);
}

static void what_cannot_move_stays(void **state)
{
	struct env *e = *state;
	struct gateway *g = e->s.gateway;
	struct context *c = gate_added_udp(e), *far = gate_added_udp(e), *near, *stream;
	struct gate_plan plan = { .near = c };
	struct term_spec a = spec_udp(0), t = spec_tcp(0), now;
	struct gate_fail f;

	near = gate_add(g, &plan, &a, NULL, &f);
	stream = gate_add(g, &plan, &t, NULL, &f);
	assert_false(gate_move(g, c, 0, near, 0, &f));
	assert_non_null(strstr(f.text, "there is a termination where"));
	assert_false(gate_move(g, c, 0, stream, 1, &f));
	assert_non_null(strstr(f.text, "of UDP"));
	assert_false(gate_move(g, near, 1, c, 0, &f));
	assert_non_null(strstr(f.text, "no such termination"));
	assert_true(gate_subtract(g, far, 1, &f));
	assert_false(gate_move(g, c, 0, far, 1, &f));
	assert_non_null(strstr(f.text, "of workers"));
	while (dplink_room(e->s.link, c->worker) > 2) {
		term_spec(g, c, 0, &now);
		gate_set_ok(e, c, 0, &now);
	}
	assert_false(
	    gate_move(g, c, 0, near, 1, &f)); /* one command may not be without the others */
	assert_int_equal(f.error, GATE_FULL);
	assert_int_equal(c->term[0].term.transport, TERM_UDP);
	assert_int_equal(gate_stats(g)->moved, 0);
}

/* ---- counters ---- */

struct told {
	uint32_t n;
	bool here, stats;
	struct ctl_term_stats of[2];
};

static void told(void *arg, const struct context *c, const struct ctl_term_stats stats[2])
{
	struct told *t = arg;

	t->n++;
	t->here = c != NULL;
	t->stats = stats != NULL;
	if (stats)
		memcpy(t->of, stats, sizeof(t->of));
}

static const struct ctl_term_stats some[2] = { { .packets = 7, .bytes = 70 }, { .packets = 9 } };

static void audits_and_deletions_bring_counters(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e);
	uint32_t worker = c->worker;
	struct told t = { 0 };
	union ctl_cmd cmd;

	gate_audit(e->s.gateway, c, told, &t);
	assert_int_equal(t.n, 0);
	assert_true(env_take(e, worker, CMD_CONTEXT_AUDIT, &cmd));
	fake_dp_stats(&e->dp, worker, &cmd.context_del, some);
	env_poll(e);
	assert_int_equal(t.n, 1);
	assert_true(t.here && t.stats);
	assert_memory_equal(t.of, some, sizeof(some));
	gate_delete(e->s.gateway, c, told, &t);
	assert_null(gate_call_next(e->s.gateway, "call", NULL));
	assert_true(env_take(e, worker, CMD_CONTEXT_DEL, &cmd));
	fake_dp_stats(&e->dp, worker, &cmd.context_del, some);
	fake_dp_stats(&e->dp, worker, &cmd.context_del, some); /* of which one is too many */
	env_poll(e);
	assert_int_equal(t.n, 2);
	assert_true(!t.here && t.stats);
	assert_int_equal(dplink_stats(e->s.link)->events_stale, 1);
}

static void answers_that_do_not_come_are_not_waited_for(void **state)
{
	struct env *e = *state;
	struct gateway *g = e->s.gateway;
	struct context *c = gate_added_udp(e);
	struct told t = { 0 }, gone = { 0 };
	union ctl_cmd cmd, other;
	uint32_t worker = c->worker;

	gate_audit(g, c, told, &t);
	assert_true(env_take(e, worker, CMD_CONTEXT_AUDIT, &cmd));
	gate_audit(g, c, told, &gone);
	assert_true(env_take(e, worker, CMD_CONTEXT_AUDIT, &other));
	gate_forget(g, &gone);
	env_advance(e, 1000);
	assert_int_equal(t.n, 0);
	env_advance(e, 1100);
	assert_int_equal(t.n, 1);
	assert_true(t.here && !t.stats);
	fake_dp_stats(&e->dp, worker, &cmd.context_del, some); /* too late */
	fake_dp_stats(&e->dp, worker, &other.context_del, some);
	env_poll(e);
	assert_int_equal(t.n, 1);
	assert_int_equal(gone.n, 0);
	/* Those in the middle are answered while the oldest still waits. */
	gate_audit(g, c, told, &t);
	gate_audit(g, c, told, &gone);
	assert_true(env_take(e, worker, CMD_CONTEXT_AUDIT, &cmd));
	assert_true(env_take(e, worker, CMD_CONTEXT_AUDIT, &cmd));
	fake_dp_stats(&e->dp, worker, &cmd.context_del, some);
	env_poll(e);
	assert_int_equal(gone.n, 1);
	assert_int_equal(t.n, 1);
	gate_delete(g, c, NULL, NULL);
	env_advance(e, 2100);
	assert_int_equal(t.n, 2);
	assert_true(!t.here && !t.stats);
}

static void counters_of_nobody(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e);
	struct told t = { 0 };

	dplink_detach(e->s.link);
	gate_audit(e->s.gateway, c, told, &t);
	assert_int_equal(t.n, 1);
	assert_true(t.here && !t.stats);
	gate_delete(e->s.gateway, c, told, &t);
	assert_int_equal(t.n, 2);
	assert_true(!t.here && !t.stats);
}

/* Whoever still waits is told, so that nothing of theirs stays behind. */
static void the_gateway_ends(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e);
	struct told t = { 0 }, gone = { 0 };

	gate_audit(e->s.gateway, c, told, &t);
	gate_audit(e->s.gateway, c, told, &gone);
	gate_forget(e->s.gateway, &gone);
	gate_close(e->s.gateway);
	e->s.gateway = NULL;
	assert_int_equal(t.n, 1);
	assert_true(!t.here && !t.stats);
	assert_int_equal(gone.n, 0);
}

/* An audit that finds the ring full is answered at once, and nothing is replayed for it. */
static void an_audit_is_no_state(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e);
	struct told t = { 0 };

	while (dplink_room(e->s.link, c->worker))
		gate_audit(e->s.gateway, c, told, &t);
	assert_int_equal(t.n, 0);
	gate_audit(e->s.gateway, c, told, &t);
	assert_int_equal(t.n, 1);
	assert_false(t.stats);
	assert_false(dplink_replaying(e->s.link));
	assert_int_equal(dplink_stats(e->s.link)->commands_full, 0);
	gate_forget(e->s.gateway, &t);
}

/* ---- other ---- */

static int setup_certs(void **state)
{
	static struct env e;

	env_open(&e);
	env_config_gateway(&e.conf);
	e.conf.n_certificate = 3;
	e.conf.certificate[1].domain_index = 1;
	env_start(&e, 256);
	*state = &e;
	return 0;
}

/* R49: of the certificates in force in the termination's domain. */
static void fingerprints_of_our_own(void **state)
{
	struct env *e = *state;
	struct ctl_cert_info *info = (struct ctl_cert_info *)(e->dp.base + e->dp.region->cert_info);
	struct context *c = gate_added_stream(e);
	struct fingerprint fp[4];

	assert_int_equal(gate_fingerprints(e->s.gateway, c, 0, fp, 4), 0); /* none loaded yet */
	for (int i = 0; i < 3; i++) {
		info[i].loaded = 1;
		memset(info[i].sha256, 0x10 + i, sizeof(info[i].sha256));
	}
	assert_int_equal(gate_fingerprints(e->s.gateway, c, 0, fp, 4), 2);
	assert_int_equal(fp[0].hash, FP_SHA256);
	assert_memory_equal(fp[0].digest, info[0].sha256, sizeof(info[0].sha256));
	assert_memory_equal(fp[1].digest, info[2].sha256, sizeof(info[2].sha256));
	assert_int_equal(gate_fingerprints(e->s.gateway, c, 0, fp, 1), 1);
	assert_int_equal(gate_fingerprints(e->s.gateway, c, 1, fp, 4), 0); /* TCP */
	dplink_detach(e->s.link);
	assert_int_equal(gate_fingerprints(e->s.gateway, c, 0, fp, 4), 0);
}

static void words_for_how_a_connection_ended(void **state)
{
	(void)state;
	assert_string_equal(gate_why(TERM_TLS, TCP_END_DONE), "close-notify");
	assert_string_equal(gate_why(TERM_TCP, TCP_END_DONE), "fin");
	assert_string_equal(gate_why(TERM_TCP, TCP_END_RESET), "reset");
	assert_string_equal(gate_why(TERM_TLS, TCP_END_TLS_FINGERPRINT), "tls_fingerprint");
	assert_string_equal(gate_why(TERM_TLS, UINT16_MAX), "unknown");
	for (int i = 0; i < CONTEXT_ENDS; i++)
		assert_non_null(context_end_name[i]);
}

#define T(f) cmocka_unit_test_setup_teardown(f, gate_setup, env_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_change_keeps_the_local_address),
		T(ice_credentials_are_drawn_kept_and_drawn_again),
		T(connections_begin_by_order_and_again),
		T(a_connection_keeps_what_it_is),
		T(fingerprints_may_come_late),
		T(a_subtracted_termination_gives_its_port_back),
		T(another_realm_gives_the_old_port_back),
		T(plans_change),
		T(a_termination_moves_with_all_it_has),
		T(what_cannot_move_stays),
		T(audits_and_deletions_bring_counters),
		T(answers_that_do_not_come_are_not_waited_for),
		T(counters_of_nobody),
		T(the_gateway_ends),
		T(an_audit_is_no_state),
		cmocka_unit_test_setup_teardown(fingerprints_of_our_own, setup_certs, env_teardown),
		cmocka_unit_test(words_for_how_a_connection_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

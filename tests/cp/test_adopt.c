/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A state file that was lost (R70): what the dataplane has is asked for before the first replay,
 * and records are made of it, with their slots, ports, permissions and channels. So nothing is
 * swept away, nothing is given out twice, and the client that authenticates on its five-tuple goes
 * on.
 */
#include "tests/world/cp_env.h"

#include "cp/adopt.h"
#include "cp/context/gateway_link.h"

#include <stdio.h>
#include <unistd.h>

enum { SLOT = 5, GEN = 77 };

static const struct ip_addr peer = { { [10] = 0xff, [11] = 0xff, 203, 0, 113, 1 } };

/* A client over UDP of port 1000, with a relayed port of this worker, a permission and a channel.
 */
static struct evt_session session(uint32_t worker, uint16_t relayed)
{
	struct evt_session e = {
		.hdr = { EVT_SESSION, sizeof(e), 0 },
		.sid = { SLOT, GEN },
		.leg.client = addr("198.51.100.7", 1000),
		.relay = { { 0, be16_make(relayed) }, { .relay = CTL_RELAY_NONE } },
		.expiry = 1300,
		.n_peer = 1,
		.peer = { { .addr = { peer, be16_make(9) },
			    .channel = 0x4001,
			    .perm_expiry = 1200,
			    .chan_expiry = 1250 } },
	};

	assert_int_equal(relay_port_worker(relayed, 2), worker);
	return e;
}

/* What is told of worker 0, and of worker 1. */
struct told {
	const void *msg[2];
	size_t len[2];
};

/* Opens an env whose dataplane has more than the files say. Counts commands of the replay. */
static struct env *start(struct env *e, const struct told *t, uint32_t sets[2])
{
	char err[256] = "";
	union ctl_cmd c;

	sets[0] = sets[1] = 0;
	if (!server_open(&e->s, &e->conf, NULL, e->now_ms, 0, err, sizeof(err)))
		fail_msg("%s", err);
	if (e->conf.gateway.contexts && !(e->s.gateway = gate_open(&e->s, err, sizeof(err))))
		fail_msg("%s", err);
	fake_dp_open(&e->dp, &e->conf, 64);
	assert_true(fake_dp_attach(&e->dp, &e->s, err, sizeof(err)));
	env_poll(e);
	for (uint32_t w = 0; w < 2; w++) {
		uint32_t seq = 0;

		while (fake_dp_take(&e->dp, w, &c)) {
			assert_int_equal(c.hdr.type, CMD_AUDIT); /* and no replay yet */
			seq = c.hdr.seq;
		}
		assert_int_not_equal(seq, 0);
		if (t->msg[w])
			fake_dp_event(&e->dp, w, t->msg[w], t->len[w]);
		env_poll(e);
		assert_true(adopt_due(&e->s));
		env_audited(e, w, seq);
		env_poll(e);
	}
	assert_false(adopt_due(&e->s));
	env_poll(e);
	for (uint32_t w = 0; w < 2; w++) {
		while (fake_dp_take(&e->dp, w, &c)) {
			sets[w] += c.hdr.type == CMD_SESSION_SET || c.hdr.type == CMD_CONTEXT_SET;
			if (c.hdr.type == CMD_SYNC_END)
				fake_dp_result(&e->dp, w, EVT_SYNCED, c.hdr.seq,
					       (struct ctl_sid){ 0 });
		}
	}
	env_poll(e);
	return e;
}

static void a_session_is_taken_over(void **state)
{
	struct env *e = *state;
	struct evt_session s = session(0, 49152);
	struct told t = { { &s }, { sizeof(s) } };
	struct sock_addr relayed;
	struct table_alloc *a;
	struct answer ans;
	uint32_t sets[2];
	struct ask q;

	start(e, &t, sets);
	assert_int_equal(sets[0], 1);
	a = table_find(e->s.table, &s.leg);
	assert_non_null(a);
	assert_int_equal(a->sid.slot, SLOT);
	assert_int_equal(a->sid.gen, GEN);
	assert_int_equal(table_alloc_expiry(a), 1300);
	assert_int_equal(table_perm_find(e->s.table, a, &peer)->expiry, 1200);
	assert_int_equal(table_chan_find(e->s.table, a, 0x4001)->expiry, 1250);
	assert_true(table_unowned(a));
	assert_false(ports_claim(e->s.ports, 0, 49152, PORTS_TURN));
	/* who authenticates there goes on */
	ask_begin(&q, STUN_REFRESH, 1000);
	ask_expect(e, &q, &ans, 0);
	assert_false(table_unowned(a));
	assert_int_equal(table_user_held(e->s.table, a->user_id), 1);
	/* and nobody else, nor does anybody get its slot */
	ask_begin_as(&q, STUN_REFRESH, 1000, "bob");
	ask_expect(e, &q, &ans, 441);
	for (uint16_t i = 1; i < 10; i++) {
		struct ctl_leg leg = { .client = addr("198.51.100.7", (uint16_t)(1000 + i)) };

		ask_allocate(e, (uint16_t)(1000 + i), &relayed);
		a = table_find(e->s.table, &leg);
		assert_true(a->worker != 0 || a->sid.slot != SLOT);
		assert_int_not_equal(be16_get(relayed.port), 49152);
	}
}

static void what_is_over_or_cannot_be_is_not(void **state)
{
	struct env *e = *state;
	struct evt_session s = session(0, 49152);
	struct told t = { { &s }, { sizeof(s) } };
	uint32_t sets[2];

	s.expiry = 1000; /* now */
	start(e, &t, sets);
	assert_int_equal(sets[0], 0);
	assert_int_equal(table_stats(e->s.table)->allocs, 0);
	assert_true(ports_claim(e->s.ports, 0, 49152, PORTS_TURN));
}

/* Its client's packets come to worker 1, which tells of the redirect before the session is told. */
static void a_redirect_is_joined_with_its_session(void **state)
{
	struct env *e = *state;
	struct evt_session s = session(1, 49154), r = s;
	struct told t = { { &r, &s }, { sizeof(r), sizeof(s) } };
	struct table_alloc *a;
	uint32_t sets[2];

	r.sid.slot = 3;
	r.flags = SESSION_REDIRECT;
	r.redirect = 1;
	r.n_peer = 0;
	r.relay[0].relay = CTL_RELAY_NONE;
	start(e, &t, sets);
	assert_int_equal(sets[0], 1);
	assert_int_equal(sets[1], 1);
	a = table_find(e->s.table, &s.leg);
	assert_int_equal(a->worker, 1);
	assert_int_equal(a->leg_worker, 0);
	assert_int_equal(a->leg_slot, 3);
	assert_ptr_equal(table_at_slot(e->s.table, 0, 3), a);
}

/* There are as many redirects as slots, whatever is told, and those of one dataplane. */
static void redirects_are_bounded(void **state)
{
	struct env *e = *state;
	struct evt_session r = session(1, 49154);
	char err[256] = "";

	r.flags = SESSION_REDIRECT;
	r.redirect = 1;
	r.n_peer = 0;
	r.relay[0].relay = CTL_RELAY_NONE;
	assert_true(server_open(&e->s, &e->conf, NULL, e->now_ms, 0, err, sizeof(err)));
	fake_dp_open(&e->dp, &e->conf, 64);
	assert_true(fake_dp_attach(&e->dp, &e->s, err, sizeof(err)));
	for (uint32_t i = 0; i < 200; i++) {
		fake_dp_event(&e->dp, 0, &r, sizeof(r));
		env_poll(e);
		assert_int_equal(e->s.n_redirects, i < 128 ? i + 1 : 128);
	}
	assert_int_equal(dplink_stats(e->s.link)->events_stale, 200 - 128);
	assert_true(fake_dp_attach(&e->dp, &e->s, err, sizeof(err)));
	assert_int_equal(e->s.n_redirects, 0);
}

/* Opens an env with nothing but the dataplane, and takes CMD_AUDIT of each worker. */
static void start_untold(struct env *e, uint32_t seq[2])
{
	char err[256] = "";
	union ctl_cmd c;

	if (!server_open(&e->s, &e->conf, NULL, e->now_ms, 0, err, sizeof(err)))
		fail_msg("%s", err);
	if (e->conf.gateway.contexts && !(e->s.gateway = gate_open(&e->s, err, sizeof(err))))
		fail_msg("%s", err);
	fake_dp_open(&e->dp, &e->conf, 256);
	assert_true(fake_dp_attach(&e->dp, &e->s, err, sizeof(err)));
	for (uint32_t w = 0; w < 2; w++) {
		assert_true(env_take(e, w, CMD_AUDIT, &c));
		seq[w] = c.hdr.seq;
	}
}

/* All that is told to a worker; what ends a replay is answered. */
static uint32_t take_sets(struct env *e, uint32_t worker)
{
	union ctl_cmd c;
	uint32_t n = 0;

	env_poll(e);
	while (fake_dp_take(&e->dp, worker, &c)) {
		n += c.hdr.type == CMD_SESSION_SET;
		if (c.hdr.type == CMD_SYNC_END)
			fake_dp_result(&e->dp, worker, EVT_SYNCED, c.hdr.seq,
				       (struct ctl_sid){ 0 });
	}
	env_poll(e);
	return n;
}

static void punt(struct env *e, struct ask *q)
{
	size_t len = stun_end(&q->b);

	fake_dp_punt_leg(&e->dp, q->worker, &q->leg, q->buf, len, e->now_ms * 1000);
	env_poll(e);
}

/*
 * Worker 1 hangs. Worker 0, which has told, serves its clients, but for the one whose session is
 * worker 1's: nobody knows it yet, and its redirect keeps its slot.
 */
static void a_worker_that_hangs_keeps_only_its_own(void **state)
{
	struct env *e = *state;
	struct evt_session s = session(1, 49154), r = s;
	struct sock_addr relayed;
	struct answer ans;
	uint32_t seq[2];
	union ctl_cmd c;
	struct ask q;

	r.sid.slot = 3;
	r.flags = SESSION_REDIRECT;
	r.redirect = 1;
	r.n_peer = 0;
	r.relay[0].relay = CTL_RELAY_NONE;
	start_untold(e, seq);
	fake_dp_event(&e->dp, 0, &r, sizeof(r));
	env_audited(e, 0, seq[0]);
	env_poll(e);
	assert_true(adopt_due(&e->s));
	for (uint16_t i = 0; i < 20; i++) {
		struct ctl_leg leg = { .client = addr("198.51.100.7", (uint16_t)(2000 + i)) };
		const struct table_alloc *a;

		ask_allocate(e, (uint16_t)(2000 + i), &relayed);
		a = table_find(e->s.table, &leg);
		assert_int_equal(a->worker, 0);
		assert_int_not_equal(a->sid.slot, 3);
	}
	ask_begin(&q, STUN_REFRESH, 1000);
	punt(e, &q);
	assert_false(fake_dp_take(&e->dp, 0, &c));
	assert_int_equal(e->s.stats.untold, 1);
	ask_begin(&q, STUN_REFRESH, 3000);
	q.worker = 1;
	punt(e, &q);
	assert_false(fake_dp_take(&e->dp, 1, &c));
	/* It goes on: all is as if it had not hung. */
	fake_dp_event(&e->dp, 1, &s, sizeof(s));
	env_audited(e, 1, seq[1]);
	assert_int_equal(take_sets(e, 0), 21);
	assert_int_equal(take_sets(e, 1), 1);
	assert_false(adopt_due(&e->s));
	assert_int_equal(table_find(e->s.table, &s.leg)->leg_slot, 3);
	ask_begin(&q, STUN_REFRESH, 2000);
	ask_expect(e, &q, &ans, 0);
	while (table_stats(e->s.table)->allocs < 60)
		ask_allocate(e, (uint16_t)(4000 + table_stats(e->s.table)->allocs), &relayed);
}

/* Redirects whose session is never told hold no slot once all is told. */
static void a_redirect_to_nowhere(void **state)
{
	struct env *e = *state;
	struct evt_session r = session(1, 49154);
	struct sock_addr relayed;
	uint32_t seq[2];

	r.flags = SESSION_REDIRECT;
	r.redirect = 1;
	r.n_peer = 0;
	r.relay[0].relay = CTL_RELAY_NONE;
	start_untold(e, seq);
	for (r.sid.slot = 0; r.sid.slot < 63; r.sid.slot++) {
		r.leg.client.port = be16_make((uint16_t)(1000 + r.sid.slot));
		fake_dp_event(&e->dp, 0, &r, sizeof(r));
	}
	env_audited(e, 0, seq[0]);
	env_poll(e);
	ask_allocate(e, 2000, &relayed); /* the only one that is left */
	env_audited(e, 1, seq[1]);
	assert_int_equal(take_sets(e, 0), 1);
	take_sets(e, 1);
	for (uint16_t i = 0; i < 63; i++)
		ask_allocate(e, (uint16_t)(1000 + i), &relayed);
}

/* They came before the worker was asked: a stream's is answered once all is known of the worker. */
static void requests_before_the_audit(void **state)
{
	struct env *e = *state;
	struct ctl_conn conn = { 17, 3 };
	struct ask q[3];
	struct stun_msg m;
	uint32_t seq[2];
	union ctl_cmd c;

	start_untold(e, seq);
	for (int i = 0; i < 3; i++) {
		ask_begin(&q[i], STUN_REFRESH, 1000); /* 437 */
		if (i != 1)
			ask_over_tcp(&q[i], conn);
		punt(e, &q[i]);
	}
	assert_int_equal(e->s.stats.requests[SERVER_REFRESH], 0);
	assert_int_equal(dplink_stats(e->s.link)->events_stale, 1);
	env_audited(e, 0, seq[0]);
	env_poll(e);
	for (int i = 0; i < 3; i += 2) {
		assert_true(fake_dp_take(&e->dp, 0, &c));
		assert_int_equal(c.hdr.type, CMD_SEND);
		assert_int_equal(stun_parse(&m, c.send.payload, c.send.payload_len), STUN_OK);
		assert_memory_equal(m.tid, q[i].tid, STUN_TID_LEN);
	}
	assert_false(fake_dp_take(&e->dp, 0, &c));
}

/* A process that dies meanwhile has the next one ask again. */
static void a_death_meanwhile_begins_anew(void **state)
{
	struct env *e = *state;
	struct evt_session s = session(0, 49152);
	struct told t = { { &s }, { sizeof(s) } };
	char err[256] = "";
	uint32_t sets[2];

	assert_true(server_open(&e->s, &e->conf, NULL, e->now_ms, 0, err, sizeof(err)));
	fake_dp_open(&e->dp, &e->conf, 64);
	assert_true(fake_dp_attach(&e->dp, &e->s, err, sizeof(err)));
	fake_dp_event(&e->dp, 0, &s, sizeof(s));
	env_poll(e);
	assert_int_equal(table_stats(e->s.table)->allocs, 1);
	env_stop(e);
	start(e, &t, sets);
	assert_int_equal(table_stats(e->s.table)->kept, 1);
	assert_int_equal(sets[0], 1);
}

static void a_context_is_taken_over(void **state)
{
	struct env *e = *state;
	struct evt_context c = {
		.hdr = { EVT_CONTEXT, sizeof(c), 0 },
		.cid = { SLOT, GEN },
		.expiry = 2000,
		.term = { { .transport = TERM_UDP,
			    .flags = TERM_IN | TERM_OUT,
			    .local = { 0, be16_make(49152) },
			    .remote = { addr("203.0.113.1", 9) } },
			  { .transport = TERM_UDP,
			    .flags = TERM_IN | TERM_OUT,
			    .local = { 1, be16_make(49156) },
			    .remote = { addr("203.0.113.2", 9) } } },
	};
	struct told t = { { &c }, { sizeof(c) } };
	uint32_t sets[2], cursor = 0, look = UINT32_MAX;
	const struct context *x;

	start(e, &t, sets);
	assert_int_equal(sets[0], 1);
	x = gate_next(e->s.gateway, &cursor, &look);
	assert_non_null(x);
	assert_int_equal(x->cid.slot, SLOT);
	assert_int_equal(x->cid.gen, GEN);
	assert_int_equal(x->term[1].realm, 1);
	assert_int_equal(x->term[0].state, TERM_STATE_UP);
	assert_false(ports_claim(e->s.ports, 1, 49156, PORTS_TERM));
	assert_int_equal(gate_stats(e->s.gateway)->contexts, 1);
}

/* It counts as nobody's, and no more when it has gone: others get what is left. */
static void a_context_taken_over_is_counted(void **state)
{
	struct env *e = *state;
	struct evt_context c = {
		.hdr = { EVT_CONTEXT, sizeof(c), 0 },
		.cid = { SLOT, GEN },
		.expiry = 2000,
		.term = { { .transport = TERM_UDP,
			    .flags = TERM_IN | TERM_OUT,
			    .local = { 0, be16_make(49152) },
			    .remote = { addr("203.0.113.1", 9) } } },
	};
	struct told t = { { &c }, { sizeof(c) } };
	uint32_t sets[2], cursor = 0, look = UINT32_MAX;
	struct gate_plan plan = { .inactivity = UINT32_MAX };
	struct term_spec w = { .term = { .transport = TERM_UDP,
					 .flags = TERM_IN | TERM_OUT,
					 .dscp = CTL_DSCP_KEEP } };
	struct gate_fail f = { 0 };
	struct context *x;

	start(e, &t, sets);
	plan.owner = gate_owner(e->s.gateway, "a", 1);
	x = gate_next(e->s.gateway, &cursor, &look);
	assert_non_null(x);
	gate_delete(e->s.gateway, x, NULL, NULL);
	assert_non_null(gate_add(e->s.gateway, &plan, &w, NULL, &f));
}

/*
 * The file of allocations is lost, that of contexts is not: no context gets a port that may be an
 * allocation's, nor one whose rest is not known yet.
 */
static void no_port_is_given_before_all_is_told(void **state)
{
	struct env *e = *state;
	struct gate_plan plan = { .call = "call" };
	struct term_spec w = { .realm = 1,
			       .term = { .transport = TERM_UDP, .flags = TERM_IN | TERM_OUT },
			       .port = 49152 };
	char err[256] = "";
	struct gate_fail f;
	union ctl_cmd c;

	env_start(e, 64);
	env_stop(e);
	assert_int_equal(unlink(e->conf.control.state), 0);
	assert_true(server_open(&e->s, &e->conf, NULL, e->now_ms, 0, err, sizeof(err)));
	e->s.gateway = gate_open(&e->s, err, sizeof(err));
	assert_non_null(e->s.gateway);
	assert_false(gate_partial(e->s.gateway));
	fake_dp_open(&e->dp, &e->conf, 64);
	assert_true(fake_dp_attach(&e->dp, &e->s, err, sizeof(err)));
	env_poll(e);
	assert_int_equal(relay_port_worker(w.port, 2), 0);
	for (uint32_t wk = 2; wk-- > 0;) {
		assert_null(gate_add(e->s.gateway, &plan, &w, NULL, &f));
		assert_int_equal(f.error, GATE_FULL);
		assert_true(env_take(e, wk, CMD_AUDIT, &c));
		env_audited(e, wk, c.hdr.seq);
		env_poll(e);
		if (wk == 1) { /* which has its own */
			const struct context *x;

			assert_true(adopt_due(&e->s));
			w.port = 0;
			x = gate_add(e->s.gateway, &plan, &w, NULL, &f);
			assert_non_null(x);
			assert_int_equal(x->worker, 1);
			w.port = 49152;
		}
	}
	assert_non_null(gate_add(e->s.gateway, &plan, &w, NULL, &f));
}

static int setup_gateway(void **state)
{
	int rc = env_setup(state);
	struct env *e = *state;

	env_config_gateway(&e->conf);
	return rc;
}

#define T(f) cmocka_unit_test_setup_teardown(f, env_setup, env_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_session_is_taken_over),
		T(what_is_over_or_cannot_be_is_not),
		T(a_redirect_is_joined_with_its_session),
		T(redirects_are_bounded),
		T(a_worker_that_hangs_keeps_only_its_own),
		T(a_redirect_to_nowhere),
		T(requests_before_the_audit),
		T(a_death_meanwhile_begins_anew),
		cmocka_unit_test_setup_teardown(a_context_is_taken_over, setup_gateway,
						env_teardown),
		cmocka_unit_test_setup_teardown(no_port_is_given_before_all_is_told, setup_gateway,
						env_teardown),
		cmocka_unit_test_setup_teardown(a_context_taken_over_is_counted, setup_gateway,
						env_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

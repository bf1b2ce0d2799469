/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What controllers ask of contexts (R28, R32, R42): what is granted, with which ports on which
 * worker, and what is refused. Changes are in test_gateway_change.c.
 */
#include "tests/world/gate_env.h"

#include <stdio.h>

/* ---- adding ---- */

static void the_dataplane_is_told_what_a_context_is(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e);
	struct cmd_context_set set;
	struct sock_addr local;

	assert_true(gate_taken(e, c, &set));
	assert_int_equal(set.cid.gen, c->cid.gen);
	assert_int_equal(set.expiry, e->now_ms / 1000 + 3600);
	for (uint16_t i = 0; i < 2; i++) {
		const struct ctl_term *t = &set.term[i];

		assert_int_equal(t->transport, TERM_UDP);
		assert_int_equal(t->local.relay, i);
		assert_int_equal(be16_get(t->local.port) & 1, 0);
		assert_int_equal(relay_port_worker(be16_get(t->local.port), 2), c->worker);
		assert_int_equal(t->inactivity, 60);
		assert_int_equal(t->attempt, 0);
	}
	assert_true(gate_local(e->s.gateway, c, 1, false, &local));
	assert_int_equal(be16_get(local.port), be16_get(set.term[1].local.port));
	assert_true(ip_eq(&local.ip, &e->conf.relay[1].addr));
	assert_true(gate_local(e->s.gateway, c, 1, true, &local));
	assert_int_equal(be16_get(local.port), be16_get(set.term[1].local.port) + 1);
}

static void it_is_found_by_id_by_call_and_in_the_list(void **state)
{
	struct env *e = *state;
	struct gateway *g = e->s.gateway;
	struct context *c = gate_added_udp(e), *other;
	struct gate_plan plan = plan_default;
	struct term_spec a = spec_udp(0);
	uint32_t cursor = 0, look = 2, n = 0;
	struct gate_fail f;

	plan.media = 1;
	other = gate_add(g, &plan, &a, NULL, &f);
	assert_ptr_equal(gate_find(g, c->id), c);
	assert_null(gate_find(g, c->id + 1));
	assert_ptr_equal(gate_call_next(g, "call", NULL), c);
	assert_ptr_equal(gate_call_next(g, "call", c), other);
	assert_null(gate_call_next(g, "call", other));
	assert_null(gate_call_next(g, "", NULL));
	while ((c = gate_next(g, &cursor, &look)) != NULL) {
		gate_delete(g, c, NULL, NULL);
		n++;
	}
	assert_int_equal(n, 2);
	assert_int_equal(look, 0);
	/* With none left to be looked at it is not said whether that was all. */
	look = 1;
	assert_null(gate_next(g, &cursor, &look));
	assert_int_equal(look, 1);
	/* Free records count, too. */
	cursor = 0;
	assert_null(gate_next(g, &cursor, &look));
	assert_int_equal(look, 0);
	assert_int_equal(cursor, 1);
	assert_int_equal(gate_stats(g)->contexts, 0);
	assert_int_equal(gate_stats(g)->added, 2);
	assert_int_equal(gate_stats(g)->deleted, 2);
	assert_null(gate_call_next(g, "call", NULL));
}

/* A termination in tests of what cannot be, and what is said of it. */
struct refusal {
	void (*spoil)(struct term_spec *w);
	struct term_spec (*of)(uint16_t realm);
	enum gate_error error;
	const char *says;
};

#define SPOIL(name, statement)                \
	static void name(struct term_spec *w) \
	{                                     \
		statement;                    \
	}
SPOIL(no_transport, w->term.transport = TERM_NONE)
SPOIL(far_transport, w->term.transport = 9)
SPOIL(rtp, w->term.flags |= TERM_RTP)
SPOIL(client, w->term.flags |= TERM_CONNECT)
SPOIL(tls_client, w->term.flags |= TERM_TLS_CLIENT)
SPOIL(mux_only, w->term.flags = TERM_RTCP_MUX)
SPOIL(any_port_of_ice, w->term.flags |= TERM_LATCH_ADDR | TERM_ICE)
SPOIL(any_port_of_tcp, w->term.flags = TERM_LATCH_ADDR)
SPOIL(latch_addr, w->term.flags |= TERM_LATCH_ADDR)
SPOIL(begins, w->begin = true)
SPOIL(begins_client, (w->begin = true, w->term.flags = TERM_CONNECT))
SPOIL(dscp, w->term.dscp = 64)
SPOIL(rate, w->term.rate = 1000)
SPOIL(burst, w->term.burst = 1000)
SPOIL(event, w->notify = 1 << TERM_EVENTS)
SPOIL(tag, memset(w->tag, 'x', sizeof(w->tag)))
SPOIL(odd, w->port = 50001)
SPOIL(realm, w->realm = 2)
SPOIL(domain, w->term.domain = 1)
SPOIL(no_domain, w->realm = 1)
SPOIL(fingerprint, w->term.n_fingerprint = 1)
SPOIL(fingerprints, w->term.n_fingerprint = CTL_FINGERPRINTS_MAX + 1)
SPOIL(hash, (w->term.n_fingerprint = 1, w->term.fingerprint[0].hash = FP_HASHES))
SPOIL(host, memset(w->term.host, 'x', sizeof(w->term.host)))
SPOIL(no_v6, (w->v6 = true, w->term.remote[0] = (struct sock_addr){ 0 }))
SPOIL(family, w->term.remote[0] = addr("2001:db8::9", 1))
SPOIL(port_only, w->term.remote[0] = (struct sock_addr){ .port = be16_make(9) })
SPOIL(rtcp_of_none, (w->term.flags = TERM_IN, w->term.remote[1] = addr("203.0.113.9", 1)))
SPOIL(loopback, w->term.remote[0] = addr("127.0.0.1", 1))
SPOIL(own, w->term.remote[0] = addr("192.0.2.1", 3478))
SPOIL(rtcp_denied, w->term.remote[1] = addr("10.0.0.1", 1))
SPOIL(outside, w->port = 1000)

static const struct refusal refusals[] = {
	{ no_transport, spec_udp, GATE_BAD, "needs a transport" },
	{ far_transport, spec_udp, GATE_BAD, "needs a transport" },
	{ rtp, spec_tcp, GATE_BAD, "are for UDP" },
	{ client, spec_udp, GATE_BAD, "only TCP, TLS" },
	{ client, spec_tcp, GATE_BAD, "learns no remote address" },
	{ tls_client, spec_tcp, GATE_BAD, "needs the transport TLS" },
	{ mux_only, spec_udp, GATE_BAD, "needs RTP" },
	{ any_port_of_ice, spec_udp, GATE_BAD, "only UDP without ICE" },
	{ any_port_of_tcp, spec_tcp, GATE_BAD, "only UDP without ICE" },
	{ latch_addr, spec_tcp, GATE_BAD, "needs that address" },
	{ begins, spec_udp, GATE_BAD, "with latching only" },
	{ begins_client, spec_tcp, GATE_BAD, "port to connect to" },
	{ dscp, spec_udp, GATE_BAD, "DSCP" },
	{ rate, spec_udp, GATE_BAD, "go together" },
	{ burst, spec_udp, GATE_BAD, "go together" },
	{ event, spec_udp, GATE_BAD, "event" },
	{ tag, spec_udp, GATE_BAD, "tag" },
	{ odd, spec_udp, GATE_BAD, "even" },
	{ realm, spec_udp, GATE_BAD, "no such realm" },
	{ domain, spec_tls, GATE_BAD, "no such TLS domain" },
	{ no_domain, spec_tls, GATE_BAD, "no TLS domain" },
	{ fingerprint, spec_tcp, GATE_BAD, "only TLS and DTLS have fingerprints" },
	{ fingerprints, spec_tls, GATE_BAD, "too many fingerprints" },
	{ hash, spec_tls, GATE_BAD, "unknown hash" },
	{ host, spec_tls, GATE_BAD, "host name" },
	{ family, spec_udp, GATE_BAD, "[2001:db8::9]:1 is not of the local one's family" },
	{ port_only, spec_udp, GATE_BAD, "without an address" },
	{ rtcp_of_none, spec_udp, GATE_BAD, "only RTP" },
	{ loopback, spec_udp, GATE_DENIED, "127.0.0.1:1 is denied: loopback" },
	{ own, spec_udp, GATE_DENIED, "192.0.2.1:3478 is denied: own address" },
	{ rtcp_denied, spec_udp, GATE_DENIED, "10.0.0.1:1 is denied: private-use" },
	{ outside, spec_udp, GATE_BAD, "port 1000 is outside of the ports of realm access" },
};

/* Nothing is left behind by what is refused, be it the first or the second termination. */
static void what_cannot_be_is_refused_in_one_sentence(void **state)
{
	struct env *e = *state;
	struct gateway *g = e->s.gateway;
	const size_t n = sizeof(refusals) / sizeof(refusals[0]);
	struct gate_fail f;

	for (size_t i = 0; i < n; i++) {
		const struct refusal *r = &refusals[i];
		struct term_spec good = r->of(0), bad = r->of(0);

		r->spoil(&bad);
		assert_null(gate_add(g, &plan_default, &bad, NULL, &f));
		assert_int_equal(f.error, r->error);
		if (!strstr(f.text, r->says))
			fail_msg("%s: does not say %s", f.text, r->says);
		assert_null(gate_add(g, &plan_default, &good, &bad, &f));
		assert_int_equal(f.error, r->error);
	}
	assert_int_equal(gate_stats(g)->contexts, 0);
	assert_int_equal(gate_stats(g)->refused[GATE_BAD] + gate_stats(g)->refused[GATE_DENIED],
			 2 * n);
}

static void both_sides_are_of_one_kind_and_family_is_the_realms(void **state)
{
	struct env *e = *state;
	struct term_spec a = spec_udp(0), b = spec_tcp(1);
	struct sock_addr relayed, other;
	const struct context *c;
	struct gate_fail f;

	assert_null(gate_add(e->s.gateway, &plan_default, &a, &b, &f));
	assert_non_null(strstr(f.text, "both terminations are UDP, or neither is"));
	a = spec_udp(1);
	no_v6(&a);
	assert_null(gate_add(e->s.gateway, &plan_default, &a, NULL, &f));
	assert_non_null(strstr(f.text, "realm core has no IPv6 relay"));
	a.realm = 0;
	c = gate_add(e->s.gateway, &plan_default, &a, NULL, &f);
	assert_non_null(c);
	/* Two terminations may meet; one and a client of TURN may not, also on a shared address. */
	a = spec_udp(0);
	other.ip = e->conf.relay[c->term[0].term.local.relay].addr;
	other.port = c->term[0].term.local.port;
	a.v6 = !ip_is_v4(&other.ip);
	a.term.remote[0] = other;
	assert_non_null(gate_add(e->s.gateway, &plan_default, &a, NULL, &f));
	ask_allocate(e, 1000, &relayed);
	a = spec_udp(0);
	a.term.remote[0] = relayed;
	assert_null(gate_add(e->s.gateway, &plan_default, &a, NULL, &f));
	assert_non_null(strstr(f.text, "own address"));
}

static void calls_and_plans_are_bounded(void **state)
{
	struct env *e = *state;
	struct term_spec a = spec_udp(0);
	struct gate_plan plan = plan_default;
	struct gate_fail f;

	memset(plan.call, 'x', sizeof(plan.call));
	assert_null(gate_add(e->s.gateway, &plan, &a, NULL, &f));
	assert_non_null(strstr(f.text, "name of the call"));
	plan = plan_default;
	plan.flags = 1 << 7;
	assert_null(gate_add(e->s.gateway, &plan, &a, NULL, &f));
	assert_int_equal(f.error, GATE_BAD);
}

/* 32 contexts a worker, 16 of them of TCP and TLS. */
static void contexts_and_streams_are_bounded(void **state)
{
	struct env *e = *state;
	struct term_spec a = spec_tcp(0), u = spec_udp(0);
	struct gate_plan plan = plan_default;
	struct gate_fail f;
	uint32_t n = 0;

	plan.call[0] = '\0';
	while (gate_add(e->s.gateway, &plan, &a, NULL, &f))
		n++;
	assert_int_equal(n, 32);
	assert_int_equal(f.error, GATE_FULL);
	assert_non_null(strstr(f.text, "no context of TCP or TLS left"));
	while (gate_add(e->s.gateway, &plan, &u, NULL, &f))
		n++;
	assert_int_equal(n, 64);
	assert_non_null(strstr(f.text, "no context left"));
	assert_int_equal(gate_stats(e->s.gateway)->refused[GATE_FULL], 2);
}

static void without_a_dataplane_none_is_added(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e), *d = gate_added_udp(e);
	struct term_spec a = spec_udp(0);
	struct gate_fail f;

	dplink_detach(e->s.link);
	assert_null(gate_add(e->s.gateway, &plan_default, &a, NULL, &f));
	assert_int_equal(f.error, GATE_BUSY);
	assert_false(gate_move(e->s.gateway, c, 0, d, 0, &f));
	assert_int_equal(f.error, GATE_BUSY);
	/* What is there may be changed: the replay will tell. */
	term_spec(e->s.gateway, c, 0, &a);
	a.term.dscp = 46;
	gate_set_ok(e, c, 0, &a);
	assert_int_equal(c->term[0].term.dscp, 46);
}

static void a_full_ring_adds_none(void **state)
{
	struct env *e = *state;
	struct gate_plan plan = { .near = gate_added_udp(e), .inactivity = UINT32_MAX };
	struct term_spec a = spec_udp(0), now;
	struct gate_fail f;

	while (dplink_room(e->s.link, plan.near->worker)) {
		term_spec(e->s.gateway, plan.near, 0, &now);
		gate_set_ok(e, plan.near, 0, &now);
	}
	assert_null(gate_add(e->s.gateway, &plan, &a, NULL, &f));
	assert_int_equal(f.error, GATE_FULL);
	assert_non_null(strstr(f.text, "more commands than it can take"));
}

/* ---- ports and workers ---- */

static void ports_are_handed_out_once_and_rest(void **state)
{
	struct env *e = *state;
	struct gateway *g = e->s.gateway;
	struct term_spec a = spec_udp(0);
	struct gate_fail f;
	struct context *c;
	struct sock_addr local;

	a.port = 50000; /* pair 25000: worker 0 */
	c = gate_added(e, &a, NULL);
	assert_int_equal(c->worker, 0);
	assert_true(gate_local(g, c, 0, false, &local));
	assert_int_equal(be16_get(local.port), 50000);
	assert_null(gate_add(g, &plan_default, &a, NULL, &f));
	assert_int_equal(f.error, GATE_FULL);
	assert_non_null(strstr(f.text, "port 50000 of realm access is in use"));
	a.term.flags &= (uint16_t)~TERM_RTP;
	a.port = 50001; /* RTCP's */
	assert_null(gate_add(g, &plan_default, &a, NULL, &f));
	gate_delete(g, c, NULL, NULL);
	assert_null(gate_add(g, &plan_default, &a, NULL, &f)); /* it rests */
	gate_pass(e, PORTS_QUARANTINE_S + 1);
	c = gate_added(e, &a, NULL);
	assert_int_equal(be16_get(c->term[0].term.local.port), 50001);
}

static void a_change_that_is_refused_keeps_its_port(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e);
	struct term_spec w;
	struct gate_fail f;
	uint32_t used[2] = { ports_used(e->s.ports, 0), ports_used(e->s.ports, 1) };

	term_spec(e->s.gateway, c, 0, &w);
	w.port = (uint16_t)(w.port + 2); /* the other worker's */
	assert_false(gate_set(e->s.gateway, c, 0, &w, &f));
	assert_non_null(strstr(f.text, "the context of worker"));
	w.port = (uint16_t)(w.port + 2);
	if (w.port > 65000)
		w.port = (uint16_t)(49152 + 2 * c->worker);
	w.term.remote[0] = addr("127.0.0.1", 1);
	assert_false(gate_set(e->s.gateway, c, 0, &w, &f));
	assert_int_equal(ports_used(e->s.ports, 0), used[0]);
	w.term.remote[0] = addr("203.0.113.9", 1);
	gate_set_ok(e, c, 0, &w);
	assert_int_equal(be16_get(c->term[0].term.local.port), w.port);
	assert_int_equal(ports_used(e->s.ports, 0), used[0] + 2); /* those that rest */
	assert_int_equal(ports_used(e->s.ports, 1), used[1]);
}

static void another_realm_has_another_port(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e);
	struct term_spec w;

	term_spec(e->s.gateway, c, 0, &w);
	w.realm = 1;
	gate_set_ok(e, c, 0, &w);
	assert_int_equal(c->term[0].term.local.relay, 1);
	assert_int_equal(relay_port_worker(be16_get(c->term[0].term.local.port), 2), c->worker);
	term_spec(e->s.gateway, c, 0, &w);
	w.term.flags = TERM_IN | TERM_OUT; /* no RTP: one port is enough */
	gate_set_ok(e, c, 0, &w);
	term_spec(e->s.gateway, c, 0, &w);
	assert_int_equal(w.term.flags, TERM_IN | TERM_OUT);
}

static void the_worker_is_the_ports_the_neighbours_or_the_idlest(void **state)
{
	struct env *e = *state;
	struct gateway *g = e->s.gateway;
	struct gate_plan plan = plan_default;
	struct term_spec a = spec_udp(0), b = spec_udp(1);
	struct gate_fail f;
	struct context *c;

	assert_int_not_equal(gate_added_udp(e)->worker, gate_added_udp(e)->worker);
	a.port = 50002; /* worker 1 */
	c = gate_added(e, &a, &b);
	assert_int_equal(c->worker, 1);
	plan.near = c;
	a.port = 0;
	for (int i = 0; i < 4; i++)
		assert_int_equal(gate_add(g, &plan, &a, &b, &f)->worker, 1);
	a.port = 50000;
	assert_null(gate_add(g, &plan, &a, &b, &f));
	assert_non_null(strstr(f.text, "port 50000 is of worker 0"));
	plan.near = NULL;
	b.port = 50002;
	assert_null(gate_add(g, &plan, &a, &b, &f));
	assert_int_equal(f.error, GATE_BAD);
	assert_int_equal(gate_added_udp(e)->worker, 0);
}

/* The share of one worker is used up: the other has ports left. */
static void a_worker_without_ports_is_passed_over(void **state)
{
	struct env *e = *state;
	struct term_spec a = spec_udp(0);
	struct gate_fail f;
	struct context *c;

	while (ports_take(e->s.ports, 0, 0, PORTS_ANY, 1000))
		;
	c = gate_added(e, &a, NULL);
	assert_int_equal(c->worker, 1);
	assert_int_equal(gate_added(e, &a, NULL)->worker, 1);
	while (ports_take(e->s.ports, 0, 1, PORTS_ANY, 1000))
		;
	assert_null(gate_add(e->s.gateway, &plan_default, &a, NULL, &f));
	assert_int_equal(f.error, GATE_FULL);
	assert_non_null(strstr(f.text, "realm access has no IPv4 port left"));
	assert_int_equal(gate_stats(e->s.gateway)->contexts, 2);
}

/* Realm access has one more relay; each of its relays is one worker's, the first worker 0's. */
static int setup_owned(void **state)
{
	static struct env e;
	struct config_relay *r;

	env_open(&e);
	env_config_gateway(&e.conf);
	r = &e.conf.relay[e.conf.n_relay++];
	*r = e.conf.relay[0];
	assert_true(ip_parse("192.0.2.13", &r->addr));
	e.conf.relay[0].owner = 1;
	r->owner = 2;
	env_start(&e, 256);
	*state = &e;
	return 0;
}

/* A port of a relay of one worker is that worker's, whichever pair it is of; both relays have it.
 */
static void a_fixed_port_is_on_the_relay_of_its_worker(void **state)
{
	struct env *e = *state;
	const uint16_t owned[2] = { 0, (uint16_t)(e->conf.n_relay - 1) };
	struct term_spec a = spec_udp(0), b = spec_udp(1);
	struct gate_plan plan = plan_default;
	struct gate_fail f;
	struct context *c;

	for (uint16_t w = 0; w < 2; w++) {
		b.port = (uint16_t)(50100 + 2 * w); /* of the relay that is dealt out: worker w */
		for (uint16_t i = 0; i < 2; i++) {
			a.port = (uint16_t)(50000 + 2 * i);
			b.port = (uint16_t)(b.port + 4);
			c = gate_added(e, &a, &b);
			assert_int_equal(c->worker, w);
			assert_int_equal(c->term[0].term.local.relay, owned[w]);
			assert_int_equal(be16_get(c->term[0].term.local.port), a.port);
		}
	}
	plan.near = c; /* on worker 1, where the port is used up */
	assert_null(gate_add(e->s.gateway, &plan, &a, NULL, &f));
	assert_int_equal(f.error, GATE_FULL);
	assert_non_null(strstr(f.text, "port 50002 of realm access is in use"));
}

/* The range of worker 0's relay ends before that of worker 1's. */
static void a_fixed_port_of_one_workers_relay_alone_chooses_the_worker(void **state)
{
	struct env *e = *state;
	struct term_spec a = spec_udp(0), b = spec_udp(1);
	struct gate_plan plan = plan_default;
	struct gate_fail f;
	struct context *c;

	e->conf.relay[0].port_max = 49999;
	a.port = 50000;
	for (uint16_t i = 0; i < 4; i++, a.port = (uint16_t)(a.port + 2)) {
		c = gate_added(e, &a, NULL);
		assert_int_equal(c->worker, 1);
		assert_int_equal(c->term[0].term.local.relay, e->conf.n_relay - 1);
	}
	b.port = 50100; /* worker 0 */
	assert_null(gate_add(e->s.gateway, &plan, &a, &b, &f));
	assert_int_equal(f.error, GATE_BAD);
	plan.near = gate_added(e, &b, NULL);
	assert_int_equal(plan.near->worker, 0);
	assert_null(gate_add(e->s.gateway, &plan, &a, NULL, &f));
	assert_non_null(strstr(f.text, "port 50008 is of worker 1"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, gate_setup, env_teardown)
#define OWNED(f) cmocka_unit_test_setup_teardown(f, setup_owned, env_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_dataplane_is_told_what_a_context_is),
		T(it_is_found_by_id_by_call_and_in_the_list),
		T(what_cannot_be_is_refused_in_one_sentence),
		T(both_sides_are_of_one_kind_and_family_is_the_realms),
		T(calls_and_plans_are_bounded),
		T(contexts_and_streams_are_bounded),
		T(without_a_dataplane_none_is_added),
		T(a_full_ring_adds_none),
		T(ports_are_handed_out_once_and_rest),
		T(a_change_that_is_refused_keeps_its_port),
		T(another_realm_has_another_port),
		T(the_worker_is_the_ports_the_neighbours_or_the_idlest),
		T(a_worker_without_ports_is_passed_over),
		OWNED(a_fixed_port_is_on_the_relay_of_its_worker),
		OWNED(a_fixed_port_of_one_workers_relay_alone_chooses_the_worker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

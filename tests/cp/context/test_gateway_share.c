/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * R27: of what controllers share none gets all: contexts, those of TCP and TLS, terminations of
 * SRTP, and what is kept of each, and of ports, for urgent calls (cp/share.h, gateway_room.c).
 */
#include "tests/world/gate_env.h"

/* As many of them as that owner gets, of urgent calls or others; on that one's worker, if any. */
static uint32_t takes_of(struct env *e, uint32_t owner, bool stream, bool urgent,
			 struct context *near)
{
	struct term_spec a = stream ? spec_tcp(0) : spec_udp(0);
	struct gate_plan plan = {
		.inactivity = UINT32_MAX, .owner = owner, .urgent = urgent, .near = near
	};
	struct gate_fail f = { 0 };
	uint32_t n = 0;

	a.urgent = urgent;
	while (gate_add(e->s.gateway, &plan, &a, NULL, &f))
		n++;
	assert_int_equal(f.error, GATE_FULL);
	gate_drain(e);
	return n;
}

static uint32_t takes(struct env *e, uint32_t owner, bool stream)
{
	return takes_of(e, owner, stream, false, NULL);
}

static uint32_t takes_urgent(struct env *e, uint32_t owner, bool stream)
{
	return takes_of(e, owner, stream, true, NULL);
}

/* One of that owner goes. */
static void gives(struct env *e, uint32_t owner)
{
	uint32_t cursor = 0, look = UINT32_MAX;
	struct context *c;

	do
		c = gate_next(e->s.gateway, &cursor, &look);
	while (c && c->owner != owner);
	assert_non_null(c);
	gate_delete(e->s.gateway, c, NULL, NULL);
	gate_drain(e);
}

/* R27: the last sixteenth is not for who has more than the others would have. */
static void one_controller_does_not_get_all_contexts(void **state)
{
	struct env *e = *state;
	const uint32_t all = gate_stats(e->s.gateway)->contexts_max;
	const uint32_t a = gate_owner(e->s.gateway, "a", 1), b = gate_owner(e->s.gateway, "b", 1);

	assert_int_equal(all, 32 * e->conf.dataplane.n_workers);
	assert_true(a && b && a != b);
	assert_int_equal(takes(e, a, false), all - all / 16);
	assert_int_equal(takes(e, b, false), all / 16);
	/* What becomes free is not for who has most, also in another life of this process. */
	gives(e, a);
	assert_int_equal(takes(e, a, false), 0);
	gate_restart(e);
	assert_int_equal(gate_owner(e->s.gateway, "a", 1), a);
	assert_int_equal(takes(e, a, false), 0);
	assert_int_equal(takes(e, b, false), 1);
	/* Until who had most has no more than its part. */
	for (uint32_t i = 0; i < all / 2; i++)
		gives(e, a);
	assert_int_not_equal(takes(e, b, false), 0);
	while (gate_stats(e->s.gateway)->contexts)
		gives(e, gate_next(e->s.gateway, &(uint32_t){ 0 }, &(uint32_t){ all })->owner);
	/* Those of TCP and TLS are less, and parted alike. */
	assert_int_equal(takes(e, a, true), all / 2 - all / 32);
	assert_int_equal(takes(e, b, true), all / 32);
	/* The gateway's own, as tests make them, are not counted. */
	assert_int_equal(takes(e, 0, false), all / 2);
}

/* Nor all that are not kept for urgent calls, however many those are (R27). */
static void one_controller_does_not_get_all_ordinary_contexts(void **state)
{
	struct env *e = *state;
	const uint32_t all = gate_stats(e->s.gateway)->contexts_max;
	const uint32_t workers = e->conf.dataplane.n_workers;
	const uint32_t a = gate_owner(e->s.gateway, "a", 1), b = gate_owner(e->s.gateway, "b", 1);

	/* More than the last sixteenth of all. */
	e->conf.gateway.urgent = 8;
	assert_int_equal(takes(e, a, false), all - 8 * workers - 3);
	assert_int_equal(takes(e, b, false), 3);
	assert_int_equal(takes(e, a, false), 0);
}

/* All of them go. */
static void gives_all(struct env *e)
{
	uint32_t cursor = 0, look = UINT32_MAX;
	struct context *c;

	while ((c = gate_next(e->s.gateway, &cursor, &look))) {
		gate_delete(e->s.gateway, c, NULL, NULL);
		gate_drain(e);
	}
	assert_int_equal(gate_stats(e->s.gateway)->contexts, 0);
}

/*
 * Nor all that are kept for urgent calls, in this life or the next: who calls all of its calls
 * urgent leaves others of both (R27).
 */
static void one_controller_does_not_get_all_urgent_contexts(void **state)
{
	struct env *e = *state;
	const uint32_t a = gate_owner(e->s.gateway, "a", 1), b = gate_owner(e->s.gateway, "b", 1);

	assert_int_equal(e->conf.dataplane.n_workers, 2);
	e->conf.gateway.urgent = 16; /* of 32 a worker */
	e->conf.gateway.streams = 32;
	for (int stream = 0; stream < 2; stream++) {
		/* Of 32 that are not kept, and of 32 that are, two each are others'. */
		assert_int_equal(takes_urgent(e, a, stream), 30 + 30);
		assert_int_equal(takes(e, b, stream), 2);
		assert_int_equal(takes_urgent(e, b, stream), 2);
		assert_int_equal(gate_stats(e->s.gateway)->contexts, 64);
		gives_all(e);
		/* Ordinary ones of whoever has its share leave it what is kept. */
		assert_int_equal(takes(e, a, stream), 30);
		assert_int_equal(takes(e, b, stream), 2);
		assert_int_equal(takes_urgent(e, a, stream), 30);
		if (!stream)
			gate_restart(e);
		assert_int_equal(takes_urgent(e, a, stream), 0);
		assert_int_equal(takes_urgent(e, b, stream), 2);
		gives_all(e);
	}
	/* Where nothing is kept an urgent call is as any other. */
	e->conf.gateway.urgent = 0;
	assert_int_equal(takes_urgent(e, a, false), 60);
	assert_int_equal(takes_urgent(e, b, false), 4);
}

/* What is left is what workers have left: one that is full of urgent calls is none of it. */
static void what_a_full_worker_lacks_is_nobodys_share(void **state)
{
	struct env *e = *state;
	const uint32_t a = gate_owner(e->s.gateway, "a", 1), b = gate_owner(e->s.gateway, "b", 1);
	struct gate_plan plan = { .inactivity = UINT32_MAX, .owner = a, .urgent = true };
	struct term_spec t = spec_udp(0);
	struct gate_fail f;
	struct context *c;

	e->conf.gateway.urgent = 8;
	t.urgent = true;
	c = gate_add(e->s.gateway, &plan, &t, NULL, &f);
	assert_non_null(c);
	assert_int_equal(takes_of(e, a, false, true, c), 31);
	/* Of 24 that the other worker has the last three, a sixteenth of both workers', are
	 * others'. */
	assert_int_equal(takes(e, a, false), 21);
	assert_int_equal(takes(e, b, false), 3);
	assert_int_equal(takes(e, a, false), 0);
}

static int setup_urgent_ports(void **state)
{
	static struct env e;

	env_open(&e);
	env_config_gateway(&e.conf);
	e.conf.gateway.contexts = 64;
	e.conf.gateway.urgent = 32;
	e.conf.gateway.urgent_ports = 32;
	e.conf.relay[0].port_min = 50000;
	e.conf.relay[0].port_max = 50127; /* 32 pairs a worker, which are all kept */
	env_start(&e, 256);
	*state = &e;
	return 0;
}

/* Nor the last ports that are kept for urgent calls. */
static void one_controller_does_not_get_all_urgent_ports(void **state)
{
	struct env *e = *state;
	const uint32_t a = gate_owner(e->s.gateway, "a", 1), b = gate_owner(e->s.gateway, "b", 1);

	assert_int_equal(takes(e, a, false), 0);
	assert_int_equal(takes_urgent(e, a, false), 60);
	gate_restart(e);
	assert_int_equal(takes_urgent(e, a, false), 0);
	assert_int_equal(takes_urgent(e, b, false), 4);
}

/* Also by calls that it says later are urgent. */
static void calls_that_become_urgent_count(void **state)
{
	struct env *e = *state;
	const uint32_t a = gate_owner(e->s.gateway, "a", 1), b = gate_owner(e->s.gateway, "b", 1);
	struct gate_plan plan = { .inactivity = UINT32_MAX, .owner = a };
	struct term_spec t = spec_udp(1), later = spec_udp(0);
	uint32_t cursor = 0, look = UINT32_MAX, n = 0;
	struct gate_fail f = { 0 };
	struct context *c;

	e->conf.gateway.urgent = 8;
	while (gate_add(e->s.gateway, &plan, &t, NULL, &f))
		gate_drain(e);
	later.urgent = true;
	while ((c = gate_next(e->s.gateway, &cursor, &look))) {
		n += gate_set(e->s.gateway, c, 1, &later, &f);
		gate_drain(e);
	}
	assert_int_equal(n, 60);
	assert_int_equal(f.error, GATE_FULL);
	assert_non_null(strstr(f.text, "for urgent calls of others"));
	assert_int_equal(takes_urgent(e, b, false), 4);
}

/* As many contexts of SRTP on both sides as that owner gets. */
static uint32_t takes_srtp_of(struct env *e, uint32_t owner, bool urgent)
{
	struct term_spec a = spec_udp(0), b = spec_udp(1);
	struct gate_plan plan = { .inactivity = UINT32_MAX, .owner = owner, .urgent = urgent };
	struct gate_fail f = { 0 };
	uint32_t n = 0;

	a.urgent = b.urgent = urgent;
	a.term.flags |= TERM_SRTP;
	b.term.flags |= TERM_SRTP;
	while (gate_add(e->s.gateway, &plan, &a, &b, &f))
		n++;
	assert_int_equal(f.error, GATE_FULL);
	gate_drain(e);
	return n;
}

static uint32_t takes_srtp(struct env *e, uint32_t owner)
{
	return takes_srtp_of(e, owner, false);
}

static int setup_srtp(void **state)
{
	static struct env e;

	env_open(&e);
	env_config_gateway(&e.conf);
	e.conf.gateway.srtp = 32;
	env_start(&e, 256);
	*state = &e;
	return 0;
}

/* Nor the last sixteenth of a worker's terminations of SRTP, in this life or the next. */
static void one_controller_does_not_get_all_srtp(void **state)
{
	struct env *e = *state;
	const uint32_t workers = e->conf.dataplane.n_workers;
	const uint32_t a = gate_owner(e->s.gateway, "a", 1), b = gate_owner(e->s.gateway, "b", 1);

	assert_int_equal(takes_srtp(e, a), 15 * workers);
	gate_restart(e);
	assert_int_equal(gate_srtp_count(e->s.gateway), 30 * workers);
	assert_int_equal(takes_srtp(e, a), 0);
	assert_int_equal(takes_srtp(e, b), workers);
	gives(e, b);
	assert_int_equal(takes_srtp(e, a), 0);
	assert_int_equal(takes_srtp(e, b), 1);
}

/* Nor what is kept of them for urgent calls. */
static void one_controller_does_not_get_all_urgent_srtp(void **state)
{
	struct env *e = *state;
	const uint32_t workers = e->conf.dataplane.n_workers;
	const uint32_t a = gate_owner(e->s.gateway, "a", 1), b = gate_owner(e->s.gateway, "b", 1);

	assert_int_equal(takes_srtp(e, a), 15 * workers);
	assert_int_equal(takes_srtp_of(e, a, true), 15 * workers);
	gate_restart(e);
	assert_int_equal(takes_srtp_of(e, a, true), 0);
	assert_int_equal(takes_srtp(e, b), workers);
	assert_int_equal(takes_srtp_of(e, b, true), workers);
}

static int setup_urgent_srtp(void **state)
{
	static struct env e;

	env_open(&e);
	env_config_gateway(&e.conf);
	e.conf.gateway.contexts = 64;
	e.conf.gateway.urgent = 32;
	e.conf.gateway.srtp = 64;
	env_start(&e, 256);
	*state = &e;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, gate_setup, env_teardown)
#define IN(f, setup) cmocka_unit_test_setup_teardown(f, setup, env_teardown)
		T(one_controller_does_not_get_all_contexts),
		T(one_controller_does_not_get_all_ordinary_contexts),
		T(one_controller_does_not_get_all_urgent_contexts),
		T(what_a_full_worker_lacks_is_nobodys_share),
		IN(one_controller_does_not_get_all_urgent_ports, setup_urgent_ports),
		IN(calls_that_become_urgent_count, setup_urgent_ports),
		IN(one_controller_does_not_get_all_srtp, setup_srtp),
		IN(one_controller_does_not_get_all_urgent_srtp, setup_urgent_srtp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

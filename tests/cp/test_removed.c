/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Relays, realms and TLS domains that come, go and change by a reload (conf/kept.h): each keeps its
 * place here, the dataplane has places of its own, and the boundary is crossed by what each is. Of
 * what is gone allocations and contexts end with a reason, and others do not notice; ports that
 * stay in a range stay taken, and no port of a relay that is gone is given out.
 */
#include "tests/world/cp_env.h"

#include "conf/kept.h"
#include "cp/removed.h"

#include <string.h>

enum { CLIENTS = 60, MORE = 30 };

static void reload(struct env *e, const struct config *file)
{
	static struct config next;
	char err[256] = "";

	next = *file;
	if (!config_places_keep(&e->conf, &next, err, sizeof(err)) ||
	    !ports_prepare(e->s.ports, &next, err, sizeof(err)))
		fail_msg("%s", err);
	e->conf = next;
	ports_finish(e->s.ports, true, server_now(&e->s));
	removed_finish(&e->s, true);
	table_world_add(e->s.table);
}

static uint32_t allocs(const struct env *e)
{
	return (uint32_t)table_stats(e->s.table)->allocs;
}

static void allocate(struct env *e, uint16_t client)
{
	struct answer ans;
	struct ask a;

	ask_begin(&a, STUN_ALLOCATE, client);
	ask_transport(&a);
	a.worker = client & 1;
	ask_expect(e, &a, &ans, 0);
}

static void turns(struct env *e)
{
	for (int i = 0; i < 6; i++)
		env_poll(e);
}

static uint16_t relay_of(struct env *e, uint16_t client)
{
	return env_alloc(e, client)->relay[RELAY_V4].relay;
}

/* One relay of IPv4 more, in front of the others. */
static struct config with_another(const struct config *c)
{
	static struct config file;

	file = *c;
	memmove(&file.relay[1], &file.relay[0], file.n_relay * sizeof(file.relay[0]));
	file.n_relay++;
	file.relay[0].addr = addr("192.0.2.77", 0).ip;
	return file;
}

static void a_relay_comes_and_goes(void **state)
{
	struct env *e = *state;
	const struct config start = e->conf, more = with_another(&start);
	const uint16_t added = start.n_relay;
	uint32_t there = 0, n;

	reload(e, &more);
	assert_int_equal(e->conf.n_relay, added + 1);
	assert_true(ip_eq(&e->conf.relay[0].addr, &start.relay[0].addr)); /* where it was */
	for (uint16_t i = 0; i < CLIENTS; i++) {
		allocate(e, (uint16_t)(100 + i));
		there += relay_of(e, (uint16_t)(100 + i)) == added;
	}
	assert_in_range(there, 1, CLIENTS - 1);
	turns(e);
	assert_int_equal(allocs(e), CLIENTS); /* nobody lost anything by it */
	n = ports_used(e->s.ports, added);
	assert_int_equal(n, there);
	reload(e, &start);
	turns(e);
	assert_int_equal(allocs(e), CLIENTS - there);
	assert_int_equal(e->s.stats.allocs_relay, there);
	assert_false(e->s.removed.on);
	for (uint16_t i = 0; i < CLIENTS; i++)
		assert_true(!env_alloc(e, (uint16_t)(100 + i)) ||
			    relay_of(e, (uint16_t)(100 + i)) != added);
	for (uint16_t i = 0; i < MORE; i++) {
		allocate(e, (uint16_t)(1000 + i));
		assert_int_not_equal(relay_of(e, (uint16_t)(1000 + i)), added);
	}
	reload(e, &more); /* back, at its place; what was given back is in quarantine still */
	assert_int_equal(e->conf.n_relay, added + 1);
	assert_int_equal(ports_quarantined(e->s.ports, added), there);
}

/* A range that has others: what it keeps is taken as it was. */
static void other_ports(void **state)
{
	struct env *e = *state;
	struct config file = e->conf;
	uint16_t low = UINT16_MAX, high = 0;
	uint32_t inside = 0;

	for (uint16_t i = 0; i < CLIENTS; i++) {
		const struct table_alloc *a;
		uint16_t port;

		allocate(e, (uint16_t)(100 + i));
		a = env_alloc(e, (uint16_t)(100 + i));
		port = be16_get(a->relay[RELAY_V4].port);
		low = port < low ? port : low;
		high = port > high ? port : high;
	}
	for (uint16_t r = 0; r < file.n_relay; r++)
		file.relay[r].port_max = (uint16_t)((low + high) / 2);
	for (uint16_t i = 0; i < CLIENTS; i++)
		inside +=
		    config_relay_has(&file, &env_alloc(e, (uint16_t)(100 + i))->relay[RELAY_V4]);
	assert_in_range(inside, 1, CLIENTS - 1);
	reload(e, &file);
	turns(e);
	assert_int_equal(allocs(e), inside);
	assert_int_equal(e->s.stats.allocs_relay, CLIENTS - inside);
	for (uint16_t i = 0; i < CLIENTS; i++) {
		const struct table_alloc *a = env_alloc(e, (uint16_t)(100 + i));

		if (a)
			assert_int_equal(ports_owner(e->s.ports, a->relay[RELAY_V4].relay,
						     be16_get(a->relay[RELAY_V4].port)),
					 PORTS_TURN);
	}
	allocate(e, 5000);
	assert_true(config_relay_has(&e->conf, &env_alloc(e, 5000)->relay[RELAY_V4]));
}

/* A reload that fails after it was prepared leaves ports as they are. */
static void one_that_fails(void **state)
{
	struct env *e = *state;
	const struct config more = with_another(&e->conf);
	static struct config next;
	const uint16_t had = e->conf.n_relay;
	char err[256];

	next = more;
	assert_true(config_places_keep(&e->conf, &next, err, sizeof(err)));
	assert_true(ports_prepare(e->s.ports, &next, err, sizeof(err)));
	ports_finish(e->s.ports, false, server_now(&e->s));
	assert_false(ports_claim(e->s.ports, had, 50000, PORTS_TURN));
	allocate(e, 100);
	assert_int_equal(e->conf.n_relay, had);
}

/* Another file's order: what a command names is the dataplane's place, and its word becomes ours.
 */
static void the_dataplane_counts_otherwise(void **state)
{
	struct env *e = *state;
	struct region *r = e->dp.region;
	const struct ctl_relay_place zero = r->relay[0], one = r->relay[1];
	union ctl_cmd c;
	const char *why;
	char err[256];
	struct ask a;

	dplink_detach(e->s.link);
	r->relay[0] = one;
	r->relay[1] = zero;
	assert_true(fake_dp_attach(&e->dp, &e->s, err, sizeof(err)));
	env_poll(e);
	ask_begin(&a, STUN_ALLOCATE, 100);
	ask_transport(&a);
	fake_dp_punt_leg(&e->dp, 0, &a.leg, a.buf, stun_end(&a.b), e->now_ms * 1000);
	env_poll(e);
	assert_true(env_take(e, 0, CMD_SESSION_SET, &c));
	assert_int_equal(c.session_set.relay[RELAY_V4].relay, 1 - relay_of(e, 100));
	/* What it has not it refuses. */
	c.session_set.relay[RELAY_V4].relay = 200;
	assert_true(dplink_cmd(e->s.link, 0, CMD_SESSION_SET, &c, sizeof(c.session_set)));
	assert_true(env_take(e, 0, CMD_SESSION_SET, &c));
	assert_int_equal(c.session_set.relay[RELAY_V4].relay, CTL_RELAY_NONE);
	assert_false(dplink_fault(e->s.link, &why));
}

#define T(f) cmocka_unit_test_setup_teardown(f, env_setup_started, env_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_relay_comes_and_goes),
		T(other_ports),
		T(one_that_fails),
		T(the_dataplane_counts_otherwise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

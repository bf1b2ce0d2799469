/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What controllers ask of contexts: terminations with their ports, checks, changes, moves, audits
 * (R28, R32, R42, R43, R44, R48, R49, R58), and what the dataplane is told.
 */
#include "cp_env.h"

#include <stdio.h>

static int setup(void **state)
{
	static struct env e;

	env_open(&e);
	env_config_gateway(&e.conf);
	env_start(&e, 256);
	*state = &e;
	return 0;
}

static struct gate_wish udp(uint16_t realm)
{
	return (struct gate_wish){ .term = { .transport = TERM_UDP,
					     .flags = TERM_IN | TERM_OUT | TERM_RTP,
					     .dscp = CTL_DSCP_KEEP,
					     .remote = { addr("203.0.113.9", 4000) } },
				   .realm = realm };
}

static struct gate_wish tls(uint16_t realm)
{
	return (struct gate_wish){ .term = { .transport = TERM_TLS,
					     .flags = TERM_IN | TERM_OUT | TERM_LATCH,
					     .domain = CONFIG_DOMAINS_MAX,
					     .dscp = CTL_DSCP_KEEP },
				   .realm = realm };
}

static const struct gate_plan plan = { .call = "call-1", .inactivity = UINT32_MAX };

static struct context *add(struct env *e, const struct gate_wish *a, const struct gate_wish *b)
{
	struct gate_fail f = { 0 };
	struct context *c = gate_add(e->s.gateway, &plan, a, b, &f);

	if (!c)
		fail_msg("%s", f.text);
	return c;
}

static void the_dataplane_is_told_what_a_context_is(void **state)
{
	struct env *e = *state;
	struct gate_wish a = udp(0), b = udp(1);
	struct context *c = add(e, &a, &b);
	const struct ctl_term *t;
	struct sock_addr local;
	union fake_cmd cmd;

	assert_true(env_take(e, c->worker, CMD_CONTEXT_SET, &cmd));
	assert_memory_equal(&cmd.context_set.cid, &c->cid, sizeof(c->cid));
	assert_int_equal(cmd.context_set.expiry, e->now_ms / 1000 + 3600);
	t = cmd.context_set.term;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(t[i].transport, TERM_UDP);
		assert_int_equal(t[i].local.relay, i);
		assert_int_equal(be16_get(t[i].local.port) & 1, 0);
		assert_int_equal(relay_port_worker(be16_get(t[i].local.port), 2), c->worker);
		assert_int_equal(t[i].inactivity, 60);
	}
	assert_true(gate_local(e->s.gateway, c, 1, true, &local));
	assert_int_equal(be16_get(local.port), be16_get(t[1].local.port) + 1);
	assert_true(ip_eq(&local.ip, &e->conf.relay[1].addr));
}

static void tls_is_of_the_realms_domain(void **state)
{
	struct env *e = *state;
	struct gate_wish a = tls(0), b = tls(1);
	struct gate_fail f;
	struct context *c;

	assert_null(gate_add(e->s.gateway, &plan, &a, &b, &f));
	assert_int_equal(f.error, GATE_BAD);
	assert_non_null(strstr(f.text, "no TLS domain"));
	b.term.transport = TERM_TCP;
	c = add(e, &a, &b);
	assert_int_equal(c->term[0].state, TERM_STATE_IDLE);
	gate_delete(e->s.gateway, c, NULL, NULL);
	assert_int_equal(gate_stats(e->s.gateway)->contexts, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, env_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_dataplane_is_told_what_a_context_is),
		T(tls_is_of_the_realms_domain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `neighbours` and `routes` of the control socket. Pins: what a worker is asked, every field under
 * its name, pages that go on with the next worker or end with one; a worker that does not answer,
 * answers what cannot be or what nobody asked for; no dataplane; and the ways of the configuration,
 * subnets without their hosts' bits.
 */
#include "tests/world/cp_env.h"
#include "tests/world/rpc_ask.h"

#include "cp/admin/rpc.h"

#include <stdlib.h>

enum { NEIGHBOURS_TIMEOUT_MS = 2000 };

static struct env env;

static int setup(void **state)
{
	union ctl_cmd c;

	(void)state;
	env_open(&env);
	env.conf.n_port = 1;
	env.conf.port[0] = (struct config_port){ .name = "access", .n_addr = 1, .n_route = 1 };
	assert_true(ip_prefix_parse("10.1.0.1/24", &env.conf.port[0].addr[0]));
	assert_true(ip_prefix_parse("::/0", &env.conf.port[0].route[0].to));
	assert_true(ip_parse("fd00:1::9", &env.conf.port[0].route[0].via));
	env_start(&env, 64);
	for (uint32_t w = 0; w < 2; w++)
		while (fake_dp_take(&env.dp, w, &c))
			;
	answer = NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	env_stop(&env); /* tells those that still wait */
	json_decref(answer);
	env_close(&env);
	return 0;
}

static struct rpc_later *ask(const char *method, const char *params)
{
	return ask_server(&env.s, method, params);
}

static void expect_error(int code)
{
	assert_int_equal(
	    json_integer_value(json_object_get(json_object_get(answer, "error"), "code")), code);
}

static struct cmd_neighbours asked(uint32_t worker)
{
	union ctl_cmd c;

	assert_true(fake_dp_take(&env.dp, worker, &c));
	assert_int_equal(c.hdr.type, CMD_NEIGHBOURS);
	return c.neighbours;
}

/* One neighbour is told, of a state; seq is the command's. */
static void tell(uint32_t worker, uint32_t seq, uint32_t next, enum neigh_state state)
{
	struct evt_neighbours e = { .hdr = { EVT_NEIGHBOURS, sizeof(e), seq },
				    .next = next,
				    .n = 1,
				    .neighbour = { { .ip = addr("10.1.0.7", 0).ip,
						     .mac = { 2, 0, 0, 0, 0, 7 },
						     .state = (uint8_t)state,
						     .gateway = 1,
						     .waiting = 3,
						     .age_ms = 1500 } } };

	fake_dp_event(&env.dp, worker, &e, sizeof(e));
	env_poll(&env);
}

#define REACHABLE                                                                \
	"\"port\":\"access\",\"address\":\"10.1.0.7\","                          \
	"\"mac\":\"02:00:00:00:00:07\",\"state\":\"reachable\",\"age_ms\":1500," \
	"\"gateway\":true,\"waiting\":3"

static void pages(void **state)
{
	struct cmd_neighbours c;
	char params[64];
	json_int_t cursor;

	(void)state;
	ask("neighbours", "{\"limit\":7,\"gateways\":true}");
	assert_null(answer);
	c = asked(0);
	assert_int_equal(c.from, 0);
	assert_int_equal(c.max, 7);
	assert_int_equal(c.gateways, 1);
	tell(0, c.hdr.seq, 70, NEIGH_REACHABLE);
	expect("{\"attached\":true,\"cursor\":70,\"neighbours\":[{\"worker\":0," REACHABLE "}]}");
	ask("neighbours", "{\"cursor\":70,\"limit\":10000}");
	c = asked(0);
	assert_int_equal(c.from, 70);
	assert_int_equal(c.max, CTL_NEIGHBOURS);
	tell(0, c.hdr.seq, CTL_NEIGHBOURS_END, NEIGH_FAILED); /* without a MAC then */
	assert_true(json_is_null(json_object_get(
	    json_array_get(json_object_get(json_object_get(answer, "result"), "neighbours"), 0),
	    "mac")));
	cursor = json_integer_value(json_object_get(json_object_get(answer, "result"), "cursor"));
	snprintf(params, sizeof(params), "{\"cursor\":%lld}", (long long)cursor);
	ask("neighbours", params);
	c = asked(1);
	assert_int_equal(c.from, 0);
	tell(1, c.hdr.seq, CTL_NEIGHBOURS_END, NEIGH_REACHABLE);
	expect("{\"attached\":true,\"cursor\":null,\"neighbours\":[{\"worker\":1," REACHABLE "}]}");
}

static void one_worker(void **state)
{
	(void)state;
	ask("neighbours", "{\"worker\":0}");
	tell(0, asked(0).hdr.seq, CTL_NEIGHBOURS_END, NEIGH_REACHABLE);
	expect("{\"attached\":true,\"cursor\":null,\"neighbours\":[{\"worker\":0," REACHABLE "}]}");
	ask("neighbours", "{\"worker\":9}");
	expect_error(RPC_BAD_PARAMS);
	ask("neighbours", "{\"cursor\":4294967295}");
	expect_error(RPC_BAD_PARAMS);
	ask("neighbours", "{\"what\":1}");
	expect_error(RPC_BAD_PARAMS);
}

/* Who asked has gone, or hears that there is no answer; a late one is nobody's. */
static void silence(void **state)
{
	struct cmd_neighbours c;

	(void)state;
	ask("neighbours", "{}");
	c = asked(0);
	rpc_later_wait(ask("neighbours", "{}"), NULL, NULL);
	env_advance(&env, NEIGHBOURS_TIMEOUT_MS - 100);
	assert_null(answer);
	env_advance(&env, 200);
	expect_error(RPC_AWAY);
	tell(0, c.hdr.seq, CTL_NEIGHBOURS_END, NEIGH_REACHABLE);
	assert_false(dplink_fault(env.s.link, &(const char *){ NULL }));
	for (int i = 0; i < ASKS_MAX; i++)
		assert_non_null(ask("neighbours", "{}"));
	ask("neighbours", "{}");
	expect_error(RPC_FULL);
	env_advance(&env, NEIGHBOURS_TIMEOUT_MS); /* all hear so */
}

static void impossible(void **state)
{
	const char *why;

	(void)state;
	ask("neighbours", "{}");
	tell(0, asked(0).hdr.seq, 0, NEIGH_FREE);
	assert_true(dplink_fault(env.s.link, &why));
	assert_string_equal(why, "a neighbour that cannot be");
	dplink_detach(env.s.link);
	ask("neighbours", "{\"worker\":1}");
	expect_error(RPC_AWAY);
}

static void routes(void **state)
{
	struct ctl_port_info *p = (struct ctl_port_info *)(env.dp.base + env.dp.region->port_info);

	(void)state;
	p->link_up = 1;
	ask("routes", "{}");
	expect("{\"attached\":true,\"routes\":[{\"to\":\"10.1.0.0/24\",\"port\":\"access\","
	       "\"via\":null,\"link_up\":true},{\"to\":\"::/0\",\"port\":\"access\","
	       "\"via\":\"fd00:1::9\",\"link_up\":true}]}");
	dplink_detach(env.s.link);
	ask("routes", "{}");
	assert_true(json_is_false(json_object_get(json_object_get(answer, "result"), "attached")));
	ask("routes", "{\"x\":1}");
	expect_error(RPC_BAD_PARAMS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pages, setup, teardown),
		cmocka_unit_test_setup_teardown(one_worker, setup, teardown),
		cmocka_unit_test_setup_teardown(silence, setup, teardown),
		cmocka_unit_test_setup_teardown(impossible, setup, teardown),
		cmocka_unit_test_setup_teardown(routes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

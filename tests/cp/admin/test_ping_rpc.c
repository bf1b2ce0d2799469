/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `ping` and `arping` of the control socket. Pins: what a worker is asked; every field of each
 * outcome under its name; what cannot be sent as a sentence; parameters; a worker that does not
 * answer, or answers what cannot be; no more at once than there are places.
 */
#include "tests/world/cp_env.h"
#include "tests/world/rpc_ask.h"

#include "cp/admin/rpc.h"

#include <stdlib.h>

static struct env env;

static int setup(void **state)
{
	union ctl_cmd c;

	(void)state;
	env_open(&env);
	env.conf.n_port = 2;
	env.conf.port[0] = (struct config_port){ .name = "access" };
	env.conf.port[1] = (struct config_port){ .name = "core" };
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

static void expect_error(int code, const char *text)
{
	const json_t *e = json_object_get(answer, "error");

	assert_int_equal(json_integer_value(json_object_get(e, "code")), code);
	assert_non_null(strstr(json_string_value(json_object_get(e, "message")), text));
}

static struct cmd_ping asked(uint32_t worker)
{
	union ctl_cmd c;

	assert_true(fake_dp_take(&env.dp, worker, &c));
	assert_int_equal(c.hdr.type, CMD_PING);
	return c.ping;
}

static struct evt_ping event(const struct cmd_ping *c, enum ping_result result)
{
	return (struct evt_ping){ .hdr = { EVT_PING, sizeof(struct evt_ping), c->hdr.seq },
				  .rtt_us = 83,
				  .from = c->to,
				  .source = addr("10.2.0.1", 0).ip,
				  .via = c->to,
				  .port = 1,
				  .result = (uint8_t)result,
				  .ttl = 63 };
}

static void tell(uint32_t worker, const struct evt_ping *e)
{
	fake_dp_event(&env.dp, worker, e, sizeof(*e));
	env_poll(&env);
}

static void reply(void **state)
{
	struct cmd_ping c;
	struct evt_ping e;

	(void)state;
	ask("ping", "{\"address\":\"10.2.0.7\"}");
	assert_null(answer);
	c = asked(0);
	assert_int_equal(c.what, PING_ECHO);
	assert_int_equal(c.size, 56);
	assert_int_equal(c.timeout_ms, 1000);
	assert_int_equal(c.port, CTL_PING_ANY);
	assert_int_equal(c.whole, 0);
	assert_true(ip_is_unspecified(&c.from));
	e = event(&c, PING_REPLY);
	tell(0, &e);
	expect("{\"result\":\"reply\",\"to\":\"10.2.0.7\",\"source\":\"10.2.0.1\","
	       "\"port\":\"core\",\"via\":\"10.2.0.7\",\"worker\":0,\"size\":56,"
	       "\"rtt_us\":83,\"from\":\"10.2.0.7\",\"ttl\":63}");
	ask("arping", "{\"address\":\"10.2.0.7\",\"worker\":1}");
	c = asked(1);
	assert_int_equal(c.what, PING_LINK);
	e = event(&c, PING_REPLY);
	memcpy(e.mac, "\2\0\0\0\0\7", 6);
	tell(1, &e);
	expect("{\"result\":\"reply\",\"to\":\"10.2.0.7\",\"source\":\"10.2.0.1\","
	       "\"port\":\"core\",\"via\":\"10.2.0.7\",\"worker\":1,"
	       "\"rtt_us\":83,\"from\":\"10.2.0.7\",\"mac\":\"02:00:00:00:00:07\"}");
}

static void options(void **state)
{
	struct cmd_ping c;
	struct ip_addr own = addr("fd00:1::1", 0).ip;

	(void)state;
	ask("ping", "{\"address\":\"fd00:1::7\",\"source\":\"fd00:1::1\",\"port\":\"access\","
		    "\"worker\":1,\"size\":1452,\"whole\":true,\"timeout_ms\":5000}");
	c = asked(1);
	assert_true(ip_eq(&c.from, &own));
	assert_int_equal(c.port, 0);
	assert_int_equal(c.size, 1452);
	assert_int_equal(c.whole, 1);
	assert_int_equal(c.timeout_ms, 5000);
}

static void no_reply(void **state)
{
	struct cmd_ping c;
	struct evt_ping e;

	(void)state;
	ask("ping", "{\"address\":\"192.0.2.1\",\"size\":1472}");
	c = asked(0);
	e = event(&c, PING_ERROR);
	e.via = e.from = addr("10.2.0.9", 0).ip;
	e.type = 3;
	e.code = 4;
	e.mtu = 1400;
	tell(0, &e);
	expect("{\"result\":\"error\",\"to\":\"192.0.2.1\",\"source\":\"10.2.0.1\","
	       "\"port\":\"core\",\"via\":\"10.2.0.9\",\"worker\":0,\"size\":1472,"
	       "\"rtt_us\":83,\"from\":\"10.2.0.9\","
	       "\"error\":{\"type\":3,\"code\":4,\"text\":\"packet too big\",\"mtu\":1400}}");
	ask("ping", "{\"address\":\"192.0.2.1\"}");
	c = asked(0);
	e = event(&c, PING_SILENT);
	e.hop = NEIGH_FAILED;
	tell(0, &e);
	expect("{\"result\":\"silent\",\"to\":\"192.0.2.1\",\"source\":\"10.2.0.1\","
	       "\"port\":\"core\",\"via\":\"192.0.2.1\",\"worker\":0,\"size\":56,"
	       "\"hop_answers\":false}");
	ask("ping", "{\"address\":\"2001:db8::1\"}");
	c = asked(0);
	e = event(&c, PING_ERROR);
	e.type = 1;
	e.code = 77;
	tell(0, &e);
	assert_string_equal(
	    json_string_value(json_object_get(
		json_object_get(json_object_get(answer, "result"), "error"), "text")),
	    "unreachable");
}

static void refused(void **state)
{
	static const struct {
		enum ping_result r;
		int code;
		const char *text;
	} rows[] = {
		{ PING_NO_ROUTE, RPC_UNKNOWN,
		  "no subnet or gateway leads to 10.2.0.7 by port core" },
		{ PING_OWN, RPC_BAD_PARAMS, "10.2.0.7 is an address of this relay" },
		{ PING_SOURCE, RPC_BAD_PARAMS, "\"source\"" },
		{ PING_OFF_LINK, RPC_BAD_PARAMS, "behind 10.2.0.7 by port core" },
		{ PING_TOO_BIG, RPC_BAD_PARAMS, "56 bytes in one packet exceed the MTU 1280" },
		{ PING_FULL, RPC_FULL, "no room" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cmd_ping c;
		struct evt_ping e;

		ask("ping", "{\"address\":\"10.2.0.7\",\"port\":\"core\"}");
		c = asked(0);
		e = event(&c, rows[i].r);
		e.mtu = 1280;
		tell(0, &e);
		expect_error(rows[i].code, rows[i].text);
	}
}

static void mistakes(void **state)
{
	static const char *const rows[][2] = {
		{ "{}", "\"address\"" },
		{ "{\"address\":\"host\"}", "must be an IP address, not \"host\"" },
		{ "{\"address\":\"::\"}", "must be an IP address" },
		{ "{\"address\":\"10.2.0.7\",\"source\":\"x\"}", "\"source\"" },
		{ "{\"address\":\"10.2.0.7\",\"port\":\"dmz\"}", "no port \"dmz\"" },
		{ "{\"address\":\"10.2.0.7\",\"port\":3}", "\"port\" must be a string" },
		{ "{\"address\":\"10.2.0.7\",\"worker\":9}", "\"worker\"" },
		{ "{\"address\":\"10.2.0.7\",\"size\":9601}", "0 to 9600" },
		{ "{\"address\":\"10.2.0.7\",\"timeout_ms\":5001}", "10 to 5000" },
		{ "{\"address\":\"10.2.0.7\",\"whole\":1}", "\"whole\"" },
		{ "{\"address\":\"10.2.0.7\",\"count\":1}", "\"count\"" },
	};
	union ctl_cmd c;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		ask("ping", rows[i][0]);
		expect_error(RPC_BAD_PARAMS, rows[i][1]);
	}
	ask("arping", "{\"address\":\"10.2.0.7\",\"size\":1}");
	expect_error(RPC_BAD_PARAMS, "\"size\"");
	assert_false(fake_dp_take(&env.dp, 0, &c));
}

static void silence(void **state)
{
	struct cmd_ping c;
	struct evt_ping e;

	(void)state;
	ask("ping", "{\"address\":\"10.2.0.7\"}");
	c = asked(0);
	env_advance(&env, 1900);
	assert_null(answer);
	env_advance(&env, 200);
	expect_error(RPC_AWAY, "worker 0 does not answer");
	e = event(&c, PING_REPLY); /* late: nobody's */
	tell(0, &e);
	assert_false(dplink_fault(env.s.link, &(const char *){ NULL }));
	for (int i = 0; i < ASKS_MAX; i++) {
		ask("ping", "{\"address\":\"10.2.0.7\"}");
		assert_null(answer);
	}
	ask("ping", "{\"address\":\"10.2.0.7\"}");
	expect_error(RPC_FULL, "too many questions");
	env_advance(&env, 2100); /* all hear so */
}

/* Asked for by somebody whom the kernel named; what comes later is let go. */
static bool asked_by(uint32_t user, int process)
{
	static const char line[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\","
				   "\"params\":{\"address\":\"10.2.0.7\"}}";
	const struct rpc_caller who = {
		.local = true, .user = user, .process = process, .may = CONFIG_MAY_OPERATE
	};
	struct rpc_later *l = NULL;
	char *text = rpc_answer_to(&who, rpc_methods, RPC_METHODS, &env.s, line, strlen(line), &l);

	if (l)
		rpc_later_wait(l, NULL, NULL);
	free(text);
	return l != NULL;
}

/* One user's processes ask all the time: another one still has his part, and so has a third. */
static void one_user_does_not_get_all_places(void **state)
{
	int n = 0;

	(void)state;
	while (asked_by(1000, n))
		n++;
	assert_int_equal(n, ASKS_MAX - ASKS_MAX / SHARE_PART);
	assert_true(asked_by(1001, 7));
	assert_false(asked_by(1000, 8));
	assert_true(asked_by(1002, 9));
	assert_false(asked_by(1003, 10));
	env_advance(&env, 2100);
	assert_true(asked_by(1000, 8));
}

static void impossible(void **state)
{
	struct cmd_ping c;
	struct evt_ping e;
	const char *why;

	(void)state;
	ask("ping", "{\"address\":\"10.2.0.7\"}");
	c = asked(0);
	e = event(&c, PING_REPLY);
	e.port = 2;
	tell(0, &e);
	assert_true(dplink_fault(env.s.link, &why));
	assert_string_equal(why, "something of a listener, a port, a relay or a TLS domain that "
				 "does not exist");
	dplink_detach(env.s.link);
	ask("ping", "{\"address\":\"10.2.0.7\"}");
	expect_error(RPC_AWAY, "no dataplane");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reply, setup, teardown),
		cmocka_unit_test_setup_teardown(options, setup, teardown),
		cmocka_unit_test_setup_teardown(no_reply, setup, teardown),
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
		cmocka_unit_test_setup_teardown(mistakes, setup, teardown),
		cmocka_unit_test_setup_teardown(silence, setup, teardown),
		cmocka_unit_test_setup_teardown(one_user_does_not_get_all_places, setup, teardown),
		cmocka_unit_test_setup_teardown(impossible, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control process's side of `fairlead trace` (cp/admin/trace.h): what workers are asked, whose
 * records are told in which order, one trace at a time, and all the ways in which it ends. The
 * dataplane is a fake one.
 */
#include "tests/world/cp_env.h"

#include "cp/admin/rpc.h"
#include "cp/admin/trace.h"

static struct env env;
static struct event_base *base;
static struct ring ring[2];
static uint32_t id;

static int setup(void **state)
{
	union ctl_cmd c;

	(void)state;
	env_open(&env);
	env_start(&env, 64);
	for (uint32_t w = 0; w < 2; w++) {
		while (fake_dp_take(&env.dp, w, &c))
			;
		assert_true(ring_attach_writer(
		    &ring[w], (struct ring_shm *)(env.dp.base + env.dp.region->worker[w].trace),
		    CTL_TRACE_SLOTS));
	}
	base = event_base_new();
	assert_true(trace_open(&env.s, base));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	trace_close(&env.s);
	event_base_free(base);
	env_stop(&env);
	env_close(&env);
	return 0;
}

/* A line that comes later stands here once it has. */
static json_t *answer;

static void done(void *arg, char *line)
{
	(void)arg;
	answer = json_loads(line, 0, NULL);
	free(line);
}

/* The answer if it is here, else NULL; *later is who waits. */
static json_t *ask(const char *method, const char *params, struct rpc_later **later)
{
	struct rpc_later *l = NULL;
	char line[512], *text;

	snprintf(line, sizeof(line),
		 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}", method, params);
	text = rpc_answer(rpc_methods, RPC_METHODS, &env.s, line, strlen(line), &l);
	answer = NULL;
	if (l)
		rpc_later_wait(l, done, NULL);
	else
		done(NULL, text);
	*later = answer ? NULL : l;
	return answer;
}

static int code(json_t *reply)
{
	int n = (int)json_integer_value(json_object_get(json_object_get(reply, "error"), "code"));

	json_decref(reply);
	return n;
}

static struct cmd_trace told(uint32_t w)
{
	union ctl_cmd c;

	assert_true(fake_dp_take(&env.dp, w, &c));
	assert_int_equal(c.hdr.type, CMD_TRACE);
	return c.trace;
}

static void begin(const char *params)
{
	struct rpc_later *l;
	json_t *reply = ask("trace", params, &l);

	id = (uint32_t)json_integer_value(json_object_get(json_object_get(reply, "result"), "id"));
	assert_int_not_equal(id, 0);
	json_decref(reply);
}

static json_t *next(struct rpc_later **l)
{
	char params[32];

	snprintf(params, sizeof(params), "{\"id\":%u}", id);
	return ask("trace.next", params, l);
}

static void put(uint32_t w, uint64_t us, uint32_t of)
{
	struct ctl_trace r = { .us = us,
			       .id = of,
			       .session = 3,
			       .len = 60,
			       .event = TRACE_DROPPED,
			       .reason = DROP_NO_PERMISSION,
			       .src = addr("203.0.113.1", 9),
			       .dst = addr("192.0.2.1", 50000),
			       .proto = 17,
			       .lost = 2 };

	memcpy(ring_slot(&ring[w], 0), &r, sizeof(r));
	ring_publish(&ring[w], 1);
}

/* n tenths of a second pass. */
static void ticks(int n)
{
	for (int i = 0; i < n; i++)
		trace_tick(env.s.trace);
}

static void filter_is_told(void **state)
{
	struct cmd_trace c;

	(void)state;
	begin("{\"client\":\"198.51.100.7:5000\",\"peer\":\"2001:db8::1\",\"session\":3,"
	      "\"worker\":1,\"reason\":\"no_permission\",\"bytes\":true}");
	c = told(1);
	assert_int_equal(c.id, id);
	assert_int_equal(c.filter.session, 3);
	assert_int_equal(c.filter.reason, DROP_NO_PERMISSION);
	assert_true(c.filter.drops && c.filter.bytes);
	assert_int_equal(be16_get(c.filter.client.port), 5000);
	assert_int_equal(be16_get(c.filter.peer.port), 0);
	assert_false(fake_dp_take(&env.dp, 0, &(union ctl_cmd){ 0 }));
}

/* Workers' records in the order of time; those of another trace are not shown. */
static void records_in_order(void **state)
{
	struct rpc_later *l;
	json_t *reply, *r;

	(void)state;
	begin("{\"count\":2}");
	told(0);
	told(1);
	put(0, 10, id - 1);
	put(0, 30, id);
	put(1, 20, id);
	reply = next(&l);
	assert_non_null(reply);
	r = json_object_get(json_object_get(reply, "result"), "records");
	assert_int_equal(json_array_size(r), 2);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(r, 0), "time_us")), 20);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(r, 1), "time_us")), 30);
	assert_string_equal(json_string_value(json_object_get(json_array_get(r, 0), "reason")),
			    "no_permission");
	r = json_object_get(reply, "result");
	assert_int_equal(json_integer_value(json_object_get(r, "lost")), 4);
	assert_string_equal(json_string_value(json_object_get(r, "end")), "count");
	json_decref(reply);
	assert_int_equal(told(0).id, 0); /* it ended with its count */
	assert_int_equal(code(next(&l)), RPC_UNKNOWN);
}

/* Each event by its name; a reason with a drop only. */
static void events_have_names(void **state)
{
	static const char *const name[TRACE_EVENTS] = {
		[TRACE_RECEIVED] = "received", [TRACE_HANDED] = "handed",
		[TRACE_PUNTED] = "punted",     [TRACE_RELAYED] = "relayed",
		[TRACE_WAITING] = "waiting",   [TRACE_STREAMED] = "streamed",
		[TRACE_SENT] = "sent",	       [TRACE_DROPPED] = "dropped",
		[TRACE_OPENED] = "opened",     [TRACE_SEALED] = "sealed",
	};
	struct rpc_later *l;
	json_t *reply, *r;

	(void)state;
	begin("{}");
	for (uint16_t e = 0; e < TRACE_EVENTS; e++) {
		struct ctl_trace rec = { .us = e, .id = id, .event = e };

		memcpy(ring_slot(&ring[0], 0), &rec, sizeof(rec));
		ring_publish(&ring[0], 1);
	}
	reply = next(&l);
	assert_non_null(reply);
	r = json_object_get(json_object_get(reply, "result"), "records");
	assert_int_equal(json_array_size(r), TRACE_EVENTS);
	for (uint16_t e = 0; e < TRACE_EVENTS; e++) {
		const json_t *o = json_array_get(r, e);

		assert_string_equal(json_string_value(json_object_get(o, "event")), name[e]);
		assert_int_equal(json_object_get(o, "reason") != NULL, e == TRACE_DROPPED);
	}
	json_decref(reply);
}

static void one_at_a_time(void **state)
{
	struct rpc_later *l;

	(void)state;
	begin("{}");
	assert_int_equal(code(ask("trace", "{}", &l)), RPC_BUSY);
	ticks(29);
	assert_int_equal(code(ask("trace", "{}", &l)), RPC_BUSY);
	ticks(1); /* nobody asked for its records for three seconds */
	begin("{}");
}

/* Who has seen enough gives it back: another may begin at once. Nobody ends what he has not begun,
 * nor what somebody waits for. */
static void is_given_back(void **state)
{
	char params[32];
	struct rpc_later *l, *waits;

	(void)state;
	begin("{}");
	told(0);
	snprintf(params, sizeof(params), "{\"id\":%u}", id + 1);
	assert_int_equal(code(ask("trace.end", params, &l)), RPC_UNKNOWN);
	assert_null(next(&waits));
	snprintf(params, sizeof(params), "{\"id\":%u}", id);
	assert_int_equal(code(ask("trace.end", params, &l)), RPC_UNKNOWN);
	put(0, 1, id);
	answer = NULL;
	ticks(1);
	assert_non_null(answer);
	json_decref(answer);
	assert_int_equal(code(ask("trace.end", params, &l)), 0);
	assert_int_equal(told(0).id, 0);
	assert_int_equal(code(ask("trace.end", params, &l)), RPC_UNKNOWN);
	begin("{}");
}

/* Who will not wait as long as others is told that there is nothing. */
static void waits_as_long(void **state)
{
	struct rpc_later *l;
	char params[48];

	(void)state;
	begin("{}");
	snprintf(params, sizeof(params), "{\"id\":%u,\"wait_ms\":300}", id);
	assert_null(ask("trace.next", params, &l));
	ticks(2);
	assert_null(answer);
	ticks(1);
	assert_non_null(answer);
	assert_null(json_object_get(answer, "error"));
	json_decref(answer);
	assert_null(next(&l));
	ticks(19);
	assert_null(answer);
	ticks(1);
	assert_non_null(answer);
	json_decref(answer);
}

/* Who may administer ends what another has, who hears so; a trace whose controller went while it
 * waited is nobody's at once, without a tick. */
static void is_taken_over(void **state)
{
	struct rpc_later *l;
	json_t *r;

	(void)state;
	r = ask("trace.release", "{}", &l);
	assert_true(json_is_null(json_object_get(json_object_get(r, "result"), "held_by")));
	json_decref(r);
	begin("{}");
	told(0);
	assert_null(next(&l));
	answer = NULL;
	for (int i = 0; i < 2; i++) { /* the second time nobody has it */
		struct rpc_later *none = NULL;
		static const char line[] =
		    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"trace.release\"}";
		char *text =
		    rpc_answer(rpc_methods, RPC_METHODS, &env.s, line, strlen(line), &none);

		r = json_loads(text, 0, NULL);
		free(text);
		assert_int_equal(
		    json_is_string(json_object_get(json_object_get(r, "result"), "held_by")),
		    i == 0);
		json_decref(r);
	}
	assert_non_null(answer);
	assert_non_null(
	    strstr(json_string_value(json_object_get(json_object_get(answer, "result"), "end")),
		   "administer"));
	json_decref(answer);
	assert_int_equal(told(0).id, 0);
	begin("{}");
	assert_null(next(&l));
	rpc_later_wait(l, NULL, NULL);
	begin("{}");
}

/* The refusal names who has it. */
static void holder_is_named(void **state)
{
	static const char line[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"trace\"}";
	const struct rpc_caller ops = {
		.local = true, .user = 7, .process = 4711, .may = CONFIG_MAY_OPERATE
	};
	const struct rpc_caller far = { .certificate = "noc",
					.address = "192.0.2.9",
					.may = CONFIG_MAY_ADMINISTER };
	const struct rpc_caller *const holders[] = { &ops, &far };
	static const char *const named[] = { "of user 7 (process 4711);",
					     "of certificate \"noc\" at 192.0.2.9;" };
	struct rpc_later *l = NULL;
	json_t *r;

	(void)state;
	for (int i = 0; i < 2; i++) {
		free(rpc_answer_to(holders[i], rpc_methods, RPC_METHODS, &env.s, line, strlen(line),
				   &l));
		r = ask("trace", "{}", &l);
		assert_non_null(strstr(
		    json_string_value(json_object_get(json_object_get(r, "error"), "message")),
		    named[i]));
		json_decref(r);
		json_decref(ask("trace.release", "{}", &l));
	}
}

static void wrong_parameters(void **state)
{
	struct rpc_later *l;

	(void)state;
	assert_int_equal(code(ask("trace", "{\"client\":\"x\"}", &l)), RPC_BAD_PARAMS);
	assert_int_equal(code(ask("trace", "{\"reason\":\"x\"}", &l)), RPC_BAD_PARAMS);
	assert_int_equal(code(ask("trace", "{\"count\":0}", &l)), RPC_BAD_PARAMS);
	assert_int_equal(code(ask("trace", "{\"what\":0}", &l)), RPC_BAD_PARAMS);
	assert_int_equal(code(ask("trace.next", "{\"id\":1}", &l)), RPC_UNKNOWN);
	assert_int_equal(code(ask("trace.next", "{\"id\":1,\"wait_ms\":2001}", &l)),
			 RPC_BAD_PARAMS);
	assert_int_equal(code(ask("trace.end", "{}", &l)), RPC_UNKNOWN);
}

/* Who waits is told what comes; it is renewed meanwhile, and ends when the client goes. */
static void waits_and_goes(void **state)
{
	struct rpc_later *l;

	(void)state;
	begin("{}");
	told(0);
	assert_null(next(&l));
	ticks(10);
	assert_int_equal(told(0).id, id);
	put(0, 1, id);
	ticks(1);
	assert_non_null(answer);
	json_decref(answer);
	assert_null(next(&l));
	rpc_later_wait(l, NULL, NULL);
	ticks(1);
	assert_int_equal(told(0).id, 0);
	begin("{}");
}

/* A record that cannot be breaks the link. */
static void impossible_record(void **state)
{
	struct ctl_trace r = { .event = TRACE_EVENTS };
	struct rpc_later *l;
	const char *why;

	(void)state;
	begin("{}");
	r.id = id;
	memcpy(ring_slot(&ring[0], 0), &r, sizeof(r));
	ring_publish(&ring[0], 1);
	assert_null(next(&l));
	assert_true(dplink_fault(env.s.link, &why));
	dplink_detach(env.s.link);
	ticks(1);
	assert_non_null(answer);
	json_decref(answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(filter_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(records_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(events_have_names, setup, teardown),
		cmocka_unit_test_setup_teardown(one_at_a_time, setup, teardown),
		cmocka_unit_test_setup_teardown(is_given_back, setup, teardown),
		cmocka_unit_test_setup_teardown(waits_as_long, setup, teardown),
		cmocka_unit_test_setup_teardown(is_taken_over, setup, teardown),
		cmocka_unit_test_setup_teardown(holder_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_parameters, setup, teardown),
		cmocka_unit_test_setup_teardown(waits_and_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(impossible_record, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

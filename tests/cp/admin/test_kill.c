/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Filters, and what they end. Pins: what each filter has and has not; that a kill without a filter
 * is refused and a dry run ends nothing; that the dataplane is told, a client's connection ends
 * with its session and a session with its client's connection, with a reason of its own; that a
 * call ends a bounded number, and none where the dataplane takes no command; what parameters are
 * refused.
 */
#include "cp/admin/conns.h"
#include "cp/admin/kill.h"
#include "cp/admin/rpc.h"
#include "cp/session_rate.h"
#include "tests/world/gate_env.h"

#include <stdlib.h>
#include <string.h>

enum { MANY = 300, KILL_CALL = 256 };

static json_t *last;

/* The reply to a request with parameters in JSON that may use ' for ". Valid until the next. */
static const json_t *reply(struct env *e, const char *method, const char *params)
{
	char line[1024], *answer;
	int n = snprintf(line, sizeof(line),
			 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}", method,
			 params);

	assert_in_range(n, 1, sizeof(line) - 1);
	for (char *p = line; *p; p++)
		if (*p == '\'')
			*p = '"';
	answer = rpc_answer(rpc_methods, RPC_METHODS, &e->s, line, (size_t)n, NULL);
	json_decref(last);
	last = json_loads(answer, 0, NULL);
	free(answer);
	assert_non_null(last);
	return last;
}

static const json_t *result(struct env *e, const char *method, const char *params)
{
	const json_t *r = json_object_get(reply(e, method, params), "result");

	if (!r)
		fail_msg(
		    "%s %s: %s", method, params,
		    json_string_value(json_object_get(json_object_get(last, "error"), "message")));
	return r;
}

static json_int_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void refused(struct env *e, const char *method, const char *params, const char *why)
{
	const json_t *err = json_object_get(reply(e, method, params), "error");
	const char *text = json_string_value(json_object_get(err, "message"));

	assert_non_null(text);
	assert_int_equal(number(err, "code"), RPC_BAD_PARAMS);
	if (!strstr(text, why))
		fail_msg("%s %s: %s", method, params, text);
}

/* How many a filter would end, of how many. */
static void matches(struct env *e, const char *method, const char *filter, json_int_t n,
		    json_int_t of)
{
	char params[512];
	const json_t *r;

	snprintf(params, sizeof(params), "{'dry_run':true%s%s}", *filter ? "," : "", filter);
	r = result(e, method, params);
	if (number(r, "killed") != n)
		fail_msg("%s: %d, not %d", filter, (int)number(r, "killed"), (int)n);
	assert_int_equal(number(r, "seen"), of);
	assert_true(json_is_null(json_object_get(r, "cursor")));
}

/* Takes the commands of a worker; how many were of a type. */
static uint32_t commands(struct env *e, uint32_t worker, uint16_t type, union ctl_cmd *one)
{
	union ctl_cmd c;
	uint32_t n = 0;

	while (fake_dp_take(&e->dp, worker, &c)) {
		if (c.hdr.type != type)
			continue;
		n++;
		*one = c;
	}
	return n;
}

/* ---- sessions ---- */

/* Of alice over UDP (1, with a peer and a channel; an old one, 2), of bob over TCP (3). */
static void three_sessions(struct env *e)
{
	struct sock_addr relayed;
	struct answer ans;
	struct ask a;

	ask_allocate(e, 2, &relayed);
	env_advance(e, 100000);
	ask_allocate(e, 1, &relayed);
	ask_begin(&a, STUN_CHANNEL_BIND, 1);
	ask_channel(&a, 0x4000);
	ask_peer(&a, "203.0.113.5", 9);
	ask_expect(e, &a, &ans, 0);
	ask_begin_as(&a, STUN_ALLOCATE, 3, "bob");
	ask_over_tcp(&a, (struct ctl_conn){ 7, 70 });
	ask_transport(&a);
	ask_expect(e, &a, &ans, 0);
	gate_drain(e);
}

static void filters_of_sessions(void **state)
{
	struct env *e = *state;
	static const struct {
		const char *filter;
		json_int_t n;
	} of[] = {
		{ "", 3 },
		{ "'user':'alice'", 2 },
		{ "'user':'bob'", 1 },
		{ "'user':'nobody'", 0 },
		{ "'client':'198.51.100.7'", 3 },
		{ "'client':'198.51.100.7:1'", 1 },
		{ "'client':'198.51.100.0/24'", 3 },
		{ "'client':'198.51.101.0/24'", 0 },
		{ "'client':'::/0'", 0 },
		{ "'transport':'tcp'", 1 },
		{ "'transport':'udp'", 2 },
		{ "'transport':'tls'", 0 },
		{ "'peer':'203.0.113.5'", 1 },
		{ "'peer':'203.0.113.5:9'", 1 },
		{ "'peer':'203.0.113.5:10'", 0 },
		{ "'peer':'203.0.113.6'", 0 },
		{ "'older_s':100", 1 },
		{ "'younger_s':50", 2 },
		{ "'older_s':50,'younger_s':99", 0 },
		{ "'user':'alice','younger_s':50", 1 },
		{ "'user':null,'transport':'tcp'", 1 },
	};

	three_sessions(e);
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++)
		matches(e, "sessions.kill", of[i].filter, of[i].n, 3);
	assert_int_equal(json_array_size(json_object_get(
			     result(e, "sessions", "{'user':'alice','older_s':50}"), "sessions")),
			 1);
}

static void by_relayed_address_and_slot(void **state)
{
	struct env *e = *state;
	const struct table_alloc *a;
	char filter[128], params[160], text[ADDR_STR_MAX];
	struct sock_addr relayed;

	three_sessions(e);
	a = env_alloc(e, 1);
	relayed = (struct sock_addr){ e->conf.relay[a->relay[RELAY_V4].relay].addr,
				      a->relay[RELAY_V4].port };
	snprintf(filter, sizeof(filter), "'relayed':'%s'",
		 sock_addr_format(&relayed, text, sizeof(text)));
	matches(e, "sessions.kill", filter, 1, 3);
	relayed.port = be16_make((uint16_t)(be16_get(relayed.port) ^ 0x4000));
	snprintf(filter, sizeof(filter), "'relayed':'%s'",
		 sock_addr_format(&relayed, text, sizeof(text)));
	matches(e, "sessions.kill", filter, 0, 3);
	snprintf(filter, sizeof(filter), "'worker':%u,'session':%u", a->worker, a->sid.slot);
	matches(e, "sessions.kill", filter, 1, 3);
	snprintf(filter, sizeof(filter), "'worker':%u,'session':%u,'client':'198.51.100.7:3'",
		 a->worker, a->sid.slot); /* another has come to the slot since */
	matches(e, "sessions.kill", filter, 0, 3);
	snprintf(filter, sizeof(filter), "'worker':%u,'session':%u,'client':'198.51.100.7:1'",
		 a->worker, a->sid.slot);
	matches(e, "sessions.kill", filter, 1, 3);
	snprintf(params, sizeof(params), "{%s}", filter);
	assert_int_equal(number(result(e, "sessions.kill", params), "killed"), 1);
	assert_null(env_alloc(e, 1));
	assert_int_equal(table_stats(e->s.table)->allocs, 2);
	matches(e, "sessions.kill", filter, 0, 2); /* and nobody now */
}

static struct ctl_use *use_of(struct env *e, const struct table_alloc *a)
{
	return (struct ctl_use *)(e->dp.base + e->dp.region->worker[a->worker].use) + a->sid.slot;
}

/* As a worker begins it, and relays. */
static void relays(struct env *e, const struct table_alloc *a, uint32_t ago)
{
	struct ctl_use *u = use_of(e, a);
	const uint64_t second = (uint32_t)(e->now_ms / 1000) - ago;

	u->bytes[CTL_TO_PEER] = UINT64_C(7000000000) << CTL_USE_GEN | (a->sid.gen & 0xffff);
	u->bytes[CTL_TO_CLIENT] = a->sid.gen >> 16;
	u->packets[CTL_TO_PEER] =
	    UINT64_C(6000000) << CTL_USE_SECOND | (second & ((1u << CTL_USE_SECOND) - 1));
	u->packets[CTL_TO_CLIENT] = 0;
}

/* Of a slot's tenant before nothing is told; who never relayed is silent since it was made. */
static void what_they_relayed(void **state)
{
	struct env *e = *state;
	const struct table_alloc *a;
	struct session_use u;
	struct ctl_sid other;

	three_sessions(e);
	a = env_alloc(e, 2);
	relays(e, a, 20);
	assert_true(dplink_use(e->s.link, a->worker, a->sid, server_now(&e->s), &u));
	assert_int_equal(u.bytes[CTL_TO_PEER], UINT64_C(7000000000));
	assert_int_equal(u.packets[CTL_TO_PEER], 6000000);
	assert_int_equal(u.silent_s[CTL_TO_PEER], 20);
	assert_int_equal(u.silent_s[CTL_TO_CLIENT], UINT32_MAX);
	other = a->sid;
	other.gen += 1u << 16;
	assert_true(dplink_use(e->s.link, a->worker, other, server_now(&e->s), &u));
	assert_int_equal(u.packets[CTL_TO_PEER] | u.bytes[CTL_TO_PEER], 0);
	other.slot = UINT32_MAX;
	assert_false(dplink_use(e->s.link, a->worker, other, 0, &u));
	assert_false(dplink_use(e->s.link, 64, a->sid, 0, &u));
	matches(e, "sessions.kill", "'silent_s':20", 1, 3);
	matches(e, "sessions.kill", "'silent_s':21", 0, 3);
	a = env_alloc(e, 1);
	env_advance(e, 25000);
	matches(e, "sessions.kill", "'silent_s':25", 3, 3);
	dplink_detach(e->s.link);
	assert_false(dplink_use(e->s.link, a->worker, a->sid, 0, &u));
}

/* What it has relayed by now, to peers and to the client. */
static void has_relayed(struct env *e, const struct table_alloc *a, uint64_t packets,
			uint64_t bytes)
{
	struct ctl_use *u = use_of(e, a);

	u->bytes[CTL_TO_PEER] = bytes << CTL_USE_GEN | (a->sid.gen & 0xffff);
	u->bytes[CTL_TO_CLIENT] = 2 * bytes << CTL_USE_GEN | a->sid.gen >> 16;
	u->packets[CTL_TO_PEER] = packets << CTL_USE_SECOND;
	u->packets[CTL_TO_CLIENT] = 0;
}

static const json_t *rate_json(struct env *e, const char *way, const char *key)
{
	const json_t *list =
	    json_object_get(result(e, "sessions", "{'client':'198.51.100.7:1'}"), "sessions");

	assert_int_equal(json_array_size(list), 1);
	return json_object_get(json_object_get(json_array_get(list, 0), way), key);
}

/*
 * Between the last two looks, across the end of a counter's lower half; what is new is unknown.
 */
static void sessions_by_rate(void **state)
{
	struct env *e = *state;
	const struct table_alloc *a;
	struct session_rate r;

	three_sessions(e);
	a = env_alloc(e, 1);
	has_relayed(e, a, 100, UINT64_C(0xffffff00));
	matches(e, "sessions.kill", "'rate_over':1", 0, 3);
	assert_true(json_is_null(rate_json(e, "to_peer", "bytes_per_s")));
	assert_true(json_is_null(rate_json(e, "to_client", "packets_per_s")));
	env_advance(e, SESSION_RATE_ROUND_MS);
	has_relayed(e, a, 150, UINT64_C(0xffffff00) + 4000);
	env_advance(e, 2 * SESSION_RATE_ROUND_MS);
	assert_int_equal(json_integer_value(rate_json(e, "to_peer", "packets_per_s")), 25);
	assert_int_equal(json_integer_value(rate_json(e, "to_peer", "bytes_per_s")), 2000);
	assert_int_equal(json_integer_value(rate_json(e, "to_client", "bytes_per_s")), 4000);
	assert_true(json_is_integer(rate_json(e, "to_client", "packets_per_s")));
	matches(e, "sessions.kill", "'rate_over':6000", 1, 3);
	matches(e, "sessions.kill", "'rate_over':6001", 0, 3);
	matches(e, "sessions.kill", "'rate_over':6000,'user':'bob'", 0, 3);
	refused(e, "sessions", "{'rate_over':-1}", "rate_over");
	/* Not before its time. */
	has_relayed(e, a, 150, UINT64_C(0xffffff00) + 4000 + 11000);
	env_advance(e, SESSION_RATE_EVERY_MS);
	matches(e, "sessions.kill", "'rate_over':6000", 1, 3);
	matches(e, "sessions.kill", "'rate_over':6001", 0, 3);
	env_advance(e, SESSION_RATE_ROUND_MS);
	matches(e, "sessions.kill", "'rate_over':30000", 1, 3);
	matches(e, "sessions.kill", "'rate_over':30001", 0, 3);
	env_advance(e, SESSION_RATE_ROUND_MS);
	matches(e, "sessions.kill", "'rate_over':1", 0, 3);
	assert_int_equal(json_integer_value(rate_json(e, "to_peer", "bytes_per_s")), 0);
	assert_true(session_rate_of(e->s.rates, e->s.table, e->s.link, a, &r));
	dplink_detach(e->s.link);
	assert_false(session_rate_of(e->s.rates, e->s.table, e->s.link, a, &r));
}

/* A listener has what its clients relayed, in whatever turns it was seen, and after their end. */
static void relayed_by_listener(void **state)
{
	struct env *e = *state;
	const struct table_alloc *a;
	const struct session_sum *sum;

	three_sessions(e);
	a = env_alloc(e, 1);
	sum = session_rates_sum(e->s.rates, a->leg.listener);
	assert_int_equal(sum->packets[CTL_TO_PEER] | sum->bytes[CTL_TO_PEER], 0);
	has_relayed(e, a, 100, 1000);
	env_advance(e, SESSION_RATE_ROUND_MS);
	has_relayed(e, a, 120, UINT64_C(2000000000));
	env_advance(e, SESSION_RATE_ROUND_MS);
	has_relayed(e, a, 130, UINT64_C(5000000000));
	env_advance(e, SESSION_RATE_ROUND_MS);
	env_advance(e, SESSION_RATE_ROUND_MS);
	assert_int_equal(sum->packets[CTL_TO_PEER], 130);
	assert_int_equal(sum->bytes[CTL_TO_PEER], UINT64_C(5000000000));
	has_relayed(e, a, 150, UINT64_C(5000000500));
	assert_int_equal(
	    number(result(e, "sessions.kill", "{'client':'198.51.100.7:1'}"), "killed"), 1);
	assert_int_equal(sum->packets[CTL_TO_PEER], 150);
	assert_int_equal(sum->bytes[CTL_TO_PEER], UINT64_C(5000000500));
	assert_int_equal(sum->packets[CTL_TO_CLIENT], 0);
	/* One that came and went between two looks. */
	a = env_alloc_tcp(e, 3);
	sum = session_rates_sum(e->s.rates, a->leg.listener);
	has_relayed(e, a, 7, 700);
	assert_int_equal(number(result(e, "sessions.kill", "{'transport':'tcp'}"), "killed"), 1);
	assert_int_equal(sum->packets[CTL_TO_PEER], 7);
	assert_int_equal(sum->bytes[CTL_TO_PEER], 700);
	assert_int_equal(sum->bytes[CTL_TO_CLIENT], 1400);
}

/* The dataplane has been there for weeks: a second look is no first one. What it had is not new. */
static void relayed_after_weeks(void **state)
{
	struct env *e = *state;
	const struct table_alloc *a;
	const struct session_sum *sum;

	env_advance(e, (UINT64_C(1) << 31) + 2000);
	three_sessions(e);
	a = env_alloc(e, 1);
	sum = session_rates_sum(e->s.rates, a->leg.listener);
	has_relayed(e, a, 100, 1000);
	for (int looks = 0; looks < 3; looks++)
		env_advance(e, SESSION_RATE_ROUND_MS);
	assert_int_equal(sum->bytes[CTL_TO_PEER], 1000);
	a = env_alloc(e, 2);
	has_relayed(e, a, 50, 500);
	session_rates_adopt(e->s.rates, e->s.table, e->s.link, a, e->now_ms);
	env_advance(e, SESSION_RATE_ROUND_MS);
	assert_int_equal(sum->bytes[CTL_TO_PEER], 1000);
	has_relayed(e, a, 60, 600);
	env_advance(e, SESSION_RATE_ROUND_MS);
	assert_int_equal(sum->bytes[CTL_TO_PEER], 1100);
}

/* The session goes from the worker; whose client is connected loses that connection at once. */
static void killed_sessions(void **state)
{
	struct env *e = *state;
	const struct table_alloc *a;
	struct ctl_sid sid;
	uint32_t worker, leg_worker;
	union ctl_cmd c = { 0 };
	struct answer ans;
	struct ask ask;

	three_sessions(e);
	refused(e, "sessions.kill", "{}", "this would end all sessions");
	refused(e, "sessions.kill", "{'all':false}", "this would end all sessions");
	assert_int_equal(table_stats(e->s.table)->allocs, 3);
	a = env_alloc(e, 1);
	sid = a->sid;
	worker = a->worker;
	assert_int_equal(
	    number(result(e, "sessions.kill", "{'client':'198.51.100.7:1'}"), "killed"), 1);
	assert_null(env_alloc(e, 1));
	assert_int_equal(e->s.stats.allocs_killed, 1);
	assert_true(env_take(e, worker, CMD_SESSION_DEL, &c));
	assert_memory_equal(&c.session_del.sid, &sid, sizeof(sid));
	gate_drain(e);
	ask_begin(&ask, STUN_REFRESH, 1);
	ask_expect(e, &ask, &ans, 437);

	leg_worker = env_alloc_tcp(e, 3)->leg_worker;
	assert_int_equal(number(result(e, "sessions.kill", "{'transport':'tcp'}"), "killed"), 1);
	assert_int_equal(commands(e, leg_worker, CMD_CONN_CLOSE, &c), 1);
	assert_int_equal(c.conn_close.conn.idx, 7);
	assert_int_equal(c.conn_close.conn.gen, 70);
	assert_int_equal(c.conn_close.killed, 1);
	assert_int_equal(number(result(e, "sessions.kill", "{'all':true}"), "killed"), 1);
	assert_int_equal(table_stats(e->s.table)->allocs, 0);
}

/* Page after page, also where the dataplane takes nothing for a while. */
static void many_sessions(void **state)
{
	struct env *e = *state;
	struct answer ans;
	char params[64];
	const json_t *r;
	json_int_t n = 0;
	uint32_t turns = 0;
	struct ask a;

	for (uint16_t i = 0; i < MANY; i++) {
		ask_begin(&a, STUN_ALLOCATE, (uint16_t)(100 + i));
		ask_transport(&a);
		a.worker = i & 1;
		ask_expect(e, &a, &ans, 0);
	}
	gate_drain(e);
	snprintf(params, sizeof(params), "{'all':true}");
	do {
		json_int_t ended;

		r = result(e, "sessions.kill", params);
		ended = number(r, "killed");
		assert_in_range(ended, 0, KILL_CALL);
		assert_int_equal(ended, number(r, "seen"));
		n += ended;
		snprintf(params, sizeof(params), "{'all':true,'cursor':%d}",
			 (int)number(r, "cursor"));
		gate_drain(e);
		assert_in_range(++turns, 1, 100);
	} while (!json_is_null(json_object_get(r, "cursor")));
	assert_int_equal(n, MANY);
	assert_int_equal(table_stats(e->s.table)->allocs, 0);
	assert_false(dplink_replaying(e->s.link)); /* no command was one too many */
}

/* ---- connections ---- */

static void connection_put(struct env *e, uint32_t worker, uint32_t idx, const struct ctl_leg *leg)
{
	struct ctl_conn_info *c =
	    (struct ctl_conn_info *)(e->dp.base + e->dp.region->worker[worker].conns) + idx;

	c->seq = 2;
	c->gen = leg->conn_gen;
	c->role = CONN_CLIENT;
	c->age_s = 30;
	c->rx.bytes_per_s = 70;
	c->tx.bytes_per_s = 30;
	c->remote = leg->client;
	c->local = e->conf.listener[leg->listener].addr;
	fake_dp_conn_shown(&e->dp, worker, idx);
}

static void killed_connections(void **state)
{
	struct env *e = *state;
	const struct table_alloc *a;
	struct ctl_leg other;
	uint32_t worker;
	union ctl_cmd c = { 0 };

	three_sessions(e);
	a = env_alloc_tcp(e, 3);
	worker = a->leg_worker;
	other = a->leg;
	connection_put(e, worker, 7, &other);
	other.client.port = be16_make(99);
	other.conn_gen = 80;
	connection_put(e, worker, 8, &other);
	matches(e, "connections.kill", "", 2, 2);
	matches(e, "connections.kill", "'remote':'198.51.100.7:99'", 1, 1);
	matches(e, "connections.kill", "'role':'data'", 0, 2);
	matches(e, "connections.kill", "'role':'client','transport':'tcp'", 2, 2);
	matches(e, "connections.kill", "'transport':'tls'", 0, 2);
	matches(e, "connections.kill", "'older_s':31", 0, 2);
	matches(e, "connections.kill", "'rate_over':100", 2, 2);
	matches(e, "connections.kill", "'rate_over':101", 0, 2);
	refused(e, "connections.kill", "{}", "this would end all connections");
	assert_int_equal(
	    number(result(e, "connections.kill", "{'remote':'198.51.100.7:99'}"), "killed"), 1);
	assert_int_equal(commands(e, worker, CMD_CONN_CLOSE, &c), 1);
	assert_int_equal(c.conn_close.conn.idx, 8);
	assert_int_equal(c.conn_close.conn.gen, 80);
	assert_int_equal(c.conn_close.killed, 1);
	assert_int_equal(e->s.stats.allocs_killed, 0);
	/* With the client's connection its session, which has its reason. */
	assert_int_equal(
	    number(result(e, "connections.kill", "{'remote':'198.51.100.7:3'}"), "killed"), 1);
	assert_int_equal(e->s.stats.allocs_killed, 1);
	assert_int_equal(commands(e, worker, CMD_CONN_CLOSE, &c), 1);
	assert_int_equal(c.conn_close.conn.gen, 70);
}

/* ---- contexts ---- */

/* What a worker wrote of a context, `ago` seconds after something came from a. */
static void comes(struct env *e, const struct context *c, uint32_t ago, uint32_t bytes_per_s)
{
	struct ctl_context_use *u =
	    (struct ctl_context_use *)(e->dp.base + e->dp.region->worker[c->worker].gate_use) +
	    c->cid.slot;

	u->side[0].packets = 6000000;
	u->side[0].bytes = UINT64_C(7000000000);
	u->side[0].packets_per_s = bytes_per_s / 100;
	u->side[0].bytes_per_s = bytes_per_s;
	u->heard_s[0] = (uint32_t)(e->now_ms / 1000) - ago;
	u->gen = c->cid.gen;
}

static const json_t *use_json(struct env *e, const char *params, size_t side)
{
	const json_t *list = json_object_get(result(e, "contexts", params), "contexts");

	assert_int_equal(json_array_size(list), 1);
	return json_object_get(
	    json_array_get(json_object_get(json_array_get(list, 0), "terminations"), side), "use");
}

/* Those that are silent, or by which much comes; and each is told of. */
static void contexts_by_what_comes(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e);
	struct context_use u;
	struct ctl_cid other = c->cid;
	const json_t *o;

	gate_added_stream(e);
	matches(e, "contexts.kill", "'rate_over':1", 0, 2);
	matches(e, "contexts.kill", "'silent_s':1", 0, 2); /* the worker has not begun them yet */
	assert_true(json_is_null(use_json(e, "{'transport':'udp'}", 0)));
	env_advance(e, 5000);
	comes(e, c, 3, 500000);
	assert_true(dplink_context_use(e->s.link, c->worker, c->cid, server_now(&e->s), &u));
	assert_int_equal(u.packets[0], 6000000);
	assert_int_equal(u.bytes[0], UINT64_C(7000000000));
	assert_int_equal(u.silent_s[0], 3);
	assert_int_equal(u.silent_s[1], UINT32_MAX);
	matches(e, "contexts.kill", "'rate_over':500000", 1, 2);
	matches(e, "contexts.kill", "'rate_over':500001", 0, 2);
	matches(e, "contexts.kill", "'silent_s':3", 1, 2);
	matches(e, "contexts.kill", "'silent_s':4", 0, 2);
	o = use_json(e, "{'rate_over':1}", 0);
	assert_int_equal(number(o, "packets"), 6000000);
	assert_int_equal(number(o, "bytes"), 7000000000);
	assert_int_equal(number(o, "packets_per_s"), 5000);
	assert_int_equal(number(o, "bytes_per_s"), 500000);
	assert_int_equal(number(o, "silent_s"), 3);
	o = use_json(e, "{'rate_over':1}", 1);
	assert_int_equal(number(o, "packets"), 0);
	assert_true(json_is_null(json_object_get(o, "silent_s")));
	/* Nothing ever came: it is silent since it was made. */
	comes(e, c, 0, 0);
	((struct ctl_context_use *)(e->dp.base + e->dp.region->worker[c->worker].gate_use) +
	 c->cid.slot)
	    ->heard_s[0] = 0;
	matches(e, "contexts.kill", "'silent_s':5", 1, 2);
	matches(e, "contexts.kill", "'silent_s':6", 0, 2);
	/* Another's slot by now; no slot; no worker. */
	other.gen++;
	assert_false(dplink_context_use(e->s.link, c->worker, other, 0, &u));
	assert_int_equal(u.packets[0] | u.bytes[0], 0);
	other.slot = UINT32_MAX;
	assert_false(dplink_context_use(e->s.link, c->worker, other, 0, &u));
	assert_false(dplink_context_use(e->s.link, 64, c->cid, 0, &u));
	dplink_detach(e->s.link);
	assert_false(dplink_context_use(e->s.link, c->worker, c->cid, 0, &u));
}

static void killed_contexts(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e);
	union ctl_cmd cmd = { 0 };
	const uint32_t worker = c->worker;

	gate_added_stream(e);
	gate_drain(e);
	matches(e, "contexts.kill", "", 2, 2);
	matches(e, "contexts.kill", "'transport':'udp'", 1, 2);
	matches(e, "contexts.kill", "'transport':'tls'", 1, 2);
	matches(e, "contexts.kill", "'call':'call'", 2, 2);
	matches(e, "contexts.kill", "'call':'another'", 0, 2);
	matches(e, "contexts.kill", "'remote':'203.0.113.9:4000','transport':'udp'", 1, 2);
	matches(e, "contexts.kill", "'remote':'203.0.113.10'", 0, 2);
	matches(e, "contexts.kill", "'local':'192.0.2.200'", 0, 2);
	refused(e, "contexts.kill", "{}", "this would end all contexts");
	assert_int_equal(number(result(e, "contexts.kill", "{'transport':'udp'}"), "killed"), 1);
	assert_int_equal(commands(e, worker, CMD_CONTEXT_DEL, &cmd), 1);
	assert_int_equal(gate_stats(e->s.gateway)->ended[CONTEXT_END_KILLED], 1);
	assert_int_equal(gate_last_event(e)->end, CONTEXT_END_KILLED);
	matches(e, "contexts.kill", "", 1, 1);
	assert_int_equal(json_array_size(json_object_get(
			     result(e, "contexts", "{'transport':'udp'}"), "contexts")),
			 0);
}

/* ---- what is refused ---- */

static void bad_parameters(void **state)
{
	struct env *e = *state;

	refused(e, "sessions.kill", "{'client':'somewhere'}", "\"client\" must be an address");
	refused(e, "sessions.kill", "{'client':'10.0.0.1:0'}", "\"client\" must be an address");
	refused(e, "sessions.kill", "{'client':'10.0.0.0/33'}", "\"client\" must be an address");
	refused(e, "sessions.kill", "{'peer':7}", "\"peer\" must be a string");
	refused(e, "sessions.kill", "{'transport':'sctp'}", "\"transport\" cannot be \"sctp\"");
	refused(e, "sessions.kill", "{'older_s':-1}", "\"older_s\" must be an integer");
	refused(e, "sessions.kill", "{'all':1}", "\"all\" must be true or false");
	refused(e, "sessions.kill", "{'usr':'alice'}", "no parameter is named \"usr\"");
	refused(e, "sessions.kill", "{'worker':64}", "\"worker\" must be an integer");
	refused(e, "connections.kill", "{'role':'boss'}", "\"role\" cannot be \"boss\"");
	refused(e, "connections.kill", "{'transport':'udp'}", "\"transport\" cannot be \"udp\"");
	refused(e, "connections.kill", "{'user':'alice'}", "no parameter is named \"user\"");
	refused(e, "contexts.kill", "{'client':'10.0.0.1'}", "no parameter is named \"client\"");
	refused(e, "sessions", "{'older':1}", "no parameter is named \"older\"");
}

static int setup(void **state)
{
	static struct env e;

	env_open(&e);
	env_config_gateway(&e.conf);
	e.conf.dataplane.sessions = 512;
	e.conf.turn.allocations_max = MANY + 1;
	e.conf.tcp.connections = 16;
	env_start(&e, 256);
	*state = &e;
	return 0;
}

static int teardown(void **state)
{
	json_decref(last);
	last = NULL;
	return env_teardown(state);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(filters_of_sessions), T(by_relayed_address_and_slot),
		T(killed_sessions),	T(what_they_relayed),
		T(sessions_by_rate),	T(relayed_by_listener),
		T(relayed_after_weeks), T(many_sessions),
		T(killed_connections),	T(contexts_by_what_comes),
		T(killed_contexts),	T(bad_parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The methods `status` and `sessions` over a real allocation table without a dataplane. Pins: what
 * a session tells (addresses, seconds left, permissions, channels); that pages add up to every
 * allocation once, whatever their size, and of one user only if asked; what is refused.
 */
#include "tests/world/json_check.h"
#include "cp/admin/rpc.h"
#include "cp/session.h"
#include "cp/session_rate.h"
#include "cp/tls/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NOW = 1000, MANY = 700 };

struct fixture {
	struct config conf;
	struct server server;
	char dir[32];
};

/* ---- an agent that answers when told to ---- */

static struct {
	dpsock_answer *done;
	void *ctx;
} asked;

void tls_agent_reload(struct tls_agent *a, dpsock_answer *done, void *ctx)
{
	(void)a;
	asked.done = done;
	asked.ctx = ctx;
}

void tls_agent_log(bool ok, const char *text)
{
	(void)ok;
	(void)text;
}

/* ---- draining, asked for ---- */

static uint32_t drain_asked;
static bool drain_fails;

bool drain_begin(struct server *s, uint32_t seconds, char *err, size_t errlen)
{
	snprintf(err, errlen, "the disk is full");
	drain_asked = seconds;
	s->drain.on = !drain_fails;
	s->drain.deadline_ms = seconds ? s->now_ms + seconds * 1000ULL : 0;
	return !drain_fails;
}

bool drain_end(struct server *s, char *err, size_t errlen)
{
	snprintf(err, errlen, "the disk is gone");
	s->drain.on = false;
	return !drain_fails;
}

/* ---- ending of sessions, which tests/cp/admin/test_kill.c is about ---- */

void session_kill(struct server *s, struct table_alloc *a)
{
	(void)s;
	(void)a;
}

/* What the dataplane counted, if it is known. */
static const struct session_use *used;

bool dplink_context_use(const struct dplink *l, uint32_t worker, struct ctl_cid cid, uint32_t now_s,
			struct context_use *out)
{
	(void)l;
	(void)worker;
	(void)cid;
	(void)now_s;
	(void)out;
	return false;
}

bool dplink_use(const struct dplink *l, uint32_t worker, struct ctl_sid sid, uint32_t now_s,
		struct session_use *out)
{
	(void)l;
	(void)worker;
	(void)sid;
	(void)now_s;
	if (used)
		*out = *used;
	return used != NULL;
}

/* What it relays a second, if that is known. */
static const struct session_rate *rate;

bool session_rate_of(const struct session_rates *r, const struct table *t, const struct dplink *l,
		     const struct table_alloc *a, struct session_rate *out)
{
	(void)r;
	(void)t;
	(void)l;
	(void)a;
	if (rate)
		*out = *rate;
	return rate != NULL;
}

uint32_t dplink_room(struct dplink *l, uint32_t worker)
{
	(void)l;
	(void)worker;
	return 0;
}

/* ---- a link that is not attached ---- */

static const struct dplink_stats link_stats = { .commands_full = 4 };
const char *const server_method_name[SERVER_METHODS] = { "allocate",	      "refresh",
							 "create_permission", "channel_bind",
							 "connect",	      "connection_bind" };

const struct dplink_stats *dplink_stats(const struct dplink *l)
{
	(void)l;
	return &link_stats;
}

bool dplink_attached(const struct dplink *l)
{
	(void)l;
	return false;
}

bool dplink_replaying(const struct dplink *l)
{
	(void)l;
	return false;
}

const struct region *dplink_region(const struct dplink *l)
{
	(void)l;
	return NULL;
}

uint32_t dplink_n_workers(const struct dplink *l)
{
	(void)l;
	return 0;
}

uint32_t dplink_port(struct dplink *l, uint16_t ours)
{
	(void)l;
	return ours;
}

uint32_t dplink_n_ports(const struct dplink *l)
{
	(void)l;
	return 0;
}

const struct ctl_counters *dplink_counters(const struct dplink *l, uint32_t worker)
{
	(void)l;
	(void)worker;
	return NULL;
}

const struct ctl_port_counters *dplink_port_counters(const struct dplink *l, uint32_t worker,
						     uint32_t port)
{
	(void)l;
	(void)worker;
	(void)port;
	return NULL;
}

const struct ctl_port_info *dplink_port_info(const struct dplink *l, uint32_t port)
{
	(void)l;
	(void)port;
	return NULL;
}

const struct ctl_xstats *dplink_xstats(const struct dplink *l, uint32_t port)
{
	(void)l;
	(void)port;
	return NULL;
}

uint16_t dplink_domain(const struct dplink *l, uint16_t theirs)
{
	(void)l;
	return theirs;
}

const struct ctl_cert_info *dplink_cert_info(const struct dplink *l, uint32_t cert)
{
	(void)l;
	(void)cert;
	return NULL;
}

bool dplink_cmd(struct dplink *l, uint32_t worker, uint16_t type, void *cmd, uint16_t len)
{
	(void)l;
	(void)worker;
	(void)type;
	(void)cmd;
	(void)len;
	return false;
}

bool dplink_trace(struct dplink *l, uint32_t worker, struct ctl_trace *out)
{
	(void)l;
	(void)worker;
	(void)out;
	return false;
}

struct dplink_progress dplink_progress(struct dplink *l, uint32_t worker)
{
	(void)l;
	(void)worker;
	return (struct dplink_progress){ 0 };
}

bool dplink_told(const struct dplink *l, uint32_t worker)
{
	(void)l;
	(void)worker;
	return true;
}

uint32_t dplink_replay_room(struct dplink *l, uint32_t worker)
{
	(void)l;
	(void)worker;
	return 0;
}

const struct ctl_conn_bucket *dplink_by_addr(const struct dplink *l, uint32_t worker,
					     const struct sock_addr *remote)
{
	(void)l;
	(void)worker;
	(void)remote;
	return NULL;
}

const struct ctl_conn_info *dplink_conns(const struct dplink *l, uint32_t worker, uint32_t *n)
{
	(void)l;
	(void)worker;
	*n = 0;
	return NULL;
}

/* ---- the table ---- */

static void configure(struct config *c, const char *dir)
{
	c->dataplane.n_workers = 2;
	c->dataplane.sessions = 1024;
	c->n_listener = 1;
	assert_true(ip_parse("10.1.0.1", &c->listener[0].addr.ip));
	c->listener[0].addr.port = be16_make(3478);
	c->n_relay = 2;
	assert_true(ip_parse("10.2.0.1", &c->relay[0].addr));
	assert_true(ip_parse("fd00:2::1", &c->relay[1].addr));
	for (int i = 0; i < 2; i++) {
		c->relay[i].port_min = 1024;
		c->relay[i].port_max = 65535;
		c->relay[i].turn = true;
	}
	c->dataplane.peers = 1024;
	c->turn.allocations_max = 2048;
	c->turn.allocations_per_user = 5;
	c->turn.permissions_per_allocation = c->turn.channels_per_allocation = 8;
	snprintf(c->control.state, sizeof(c->control.state), "%s/state", dir);
	strcpy(c->file, "/etc/fairlead/fairlead.yaml");
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char err[512] = "";

	strcpy(f->dir, "/tmp/fl-methods-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	configure(&f->conf, f->dir);
	f->server.conf = &f->conf;
	f->server.start_ms = 1000;
	f->server.now_ms = NOW * 1000;
	f->server.table = table_open(&f->conf, NOW, "boot", err, sizeof(err));
	if (!f->server.table)
		fail_msg("%s", err);
	f->server.pending = pending_create(&f->conf, &f->server.rand, &f->server.wheel);
	assert_non_null(f->server.pending);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	pending_free(f->server.pending);
	table_close(f->server.table);
	unlink(f->conf.control.state);
	rmdir(f->dir);
	free(f);
	return 0;
}

/* The n-th client's allocation: IPv4 and IPv6, 600 and 500 seconds left. */
static struct table_alloc *allocate(struct fixture *f, unsigned int n, const char *user)
{
	struct table_alloc p = { .families = FAMILY_V4 | FAMILY_V6,
				 .expiry = { NOW + 600, NOW + 500 },
				 .worker = n % 2,
				 .created = NOW - 7 };

	assert_true(ip_parse("10.1.0.2", &p.leg.client.ip));
	p.leg.client.port = be16_make((uint16_t)(10000 + n));
	p.relay[RELAY_V4] = (struct ctl_relay){ 0, be16_make((uint16_t)(20000 + 2 * n)) };
	p.relay[RELAY_V6] = (struct ctl_relay){ 1, be16_make((uint16_t)(20000 + 2 * n)) };
	snprintf(p.user, sizeof(p.user), "%s", user);
	table_user_id(f->server.table, user, false, p.user_id);
	return table_add(f->server.table, &p);
}

/* Runs a method; its result, or NULL and the error's code. */
static json_t *call(struct fixture *f, const char *method, json_t *params, int *code)
{
	json_t *req = json_pack("{s:s, s:i, s:s, s:o*}", "jsonrpc", "2.0", "id", 1, "method",
				method, "params", params);
	char *line = json_dumps(req, 0);
	char *text = rpc_answer(rpc_methods, RPC_METHODS, &f->server, line, strlen(line), NULL);
	json_t *reply = json_loads(text, 0, NULL);
	json_t *result = json_incref(json_object_get(reply, "result"));

	if (code)
		*code = (int)json_integer_value(
		    json_object_get(json_object_get(reply, "error"), "code"));
	json_decref(reply);
	json_decref(req);
	free(text);
	free(line);
	return result;
}

/* Takes over got. */
static void expect_result(json_t *got, const char *want)
{
	expect_json(got, want);
	json_decref(got);
}

static void test_session(void **state)
{
	struct fixture *f = *state;
	struct table_alloc *a = allocate(f, 0, "demo");
	struct sock_addr peer = { .port = be16_make(9) };
	char want[1024];

	assert_non_null(a);
	assert_true(ip_parse("10.2.0.2", &peer.ip));
	assert_true(table_perm_set(f->server.table, a, &peer.ip, NOW + 300));
	assert_true(table_chan_set(f->server.table, a, &peer, 0x4001, NOW + 599));
	snprintf(want, sizeof(want),
		 "{\"cursor\":null,\"sessions\":[{\"user\":\"demo\",\"client\":\"10.1.0.2:10000\","
		 "\"listener\":\"10.1.0.1:3478\",\"transport\":\"udp\",\"relay_transport\":\"udp\","
		 "\"relayed\":[\"10.2.0.1:20000\",\"[fd00:2::1]:20000\"],\"worker\":0,\"slot\":%u,"
		 "\"age_s\":7,\"expires_s\":600,"
		 "\"permissions\":[{\"peer\":\"10.2.0.2\",\"expires_s\":300}],\"channels\":"
		 "[{\"channel\":\"0x4001\",\"peer\":\"10.2.0.2:9\",\"expires_s\":599}],"
		 "\"to_peer\":null,\"to_client\":null}]}",
		 a->sid.slot);
	expect_result(call(f, "sessions", NULL, NULL), want);
}

static void what_a_session_relayed(void **state)
{
	static const struct session_use use = { .packets = { 3, 0 },
						.bytes = { UINT64_C(5000000000), 0 },
						.silent_s = { 4, UINT32_MAX } };
	static const struct session_rate now = { .packets_per_s = { 5, 6 },
						 .bytes_per_s = { 600, 100 } };
	struct fixture *f = *state;
	json_t *r, *s, *want;

	assert_non_null(allocate(f, 0, "demo"));
	used = &use;
	r = call(f, "sessions", json_pack("{s:i}", "silent_s", 4), NULL);
	s = json_array_get(json_object_get(r, "sessions"), 0);
	want = json_loads("{\"packets\":3,\"bytes\":5000000000,\"silent_s\":4,"
			  "\"packets_per_s\":null,\"bytes_per_s\":null}",
			  0, NULL);
	assert_true(json_equal(json_object_get(s, "to_peer"), want));
	json_decref(want);
	want = json_loads("{\"packets\":0,\"bytes\":0,\"silent_s\":null,"
			  "\"packets_per_s\":null,\"bytes_per_s\":null}",
			  0, NULL);
	assert_true(json_equal(json_object_get(s, "to_client"), want));
	json_decref(want);
	json_decref(r);
	rate = &now;
	r = call(f, "sessions", json_pack("{s:i}", "rate_over", 700), NULL);
	s = json_array_get(json_object_get(r, "sessions"), 0);
	want = json_loads("{\"packets\":3,\"bytes\":5000000000,\"silent_s\":4,"
			  "\"packets_per_s\":5,\"bytes_per_s\":600}",
			  0, NULL);
	assert_true(json_equal(json_object_get(s, "to_peer"), want));
	json_decref(want);
	json_decref(r);
	r = call(f, "sessions", json_pack("{s:i}", "rate_over", 701), NULL);
	assert_int_equal(json_array_size(json_object_get(r, "sessions")), 0);
	json_decref(r);
	rate = NULL;
	r = call(f, "sessions", json_pack("{s:i}", "silent_s", 5), NULL);
	assert_int_equal(json_array_size(json_object_get(r, "sessions")), 0);
	json_decref(r);
	used = NULL;
}

/* Free records cost time, too: a call looks at so many, however few of them are anybody's. */
static void a_large_table_takes_several_calls(void **state)
{
	struct fixture *f = *state;
	uint32_t calls = 0, found = 0;
	json_int_t cursor = 0;
	char err[512] = "";
	json_t *r, *next;

	table_close(f->server.table);
	f->conf.turn.allocations_max = 40000;
	f->conf.dataplane.sessions = 20000;
	f->server.table = table_open(&f->conf, NOW, "boot", err, sizeof(err));
	assert_non_null(f->server.table);
	assert_non_null(allocate(f, 0, "demo"));
	do {
		r = call(f, "sessions", json_pack("{s:I}", "cursor", cursor), NULL);
		found += (uint32_t)json_array_size(json_object_get(r, "sessions"));
		next = json_object_get(r, "cursor");
		assert_true(json_is_null(next) || json_integer_value(next) <= cursor + 16384);
		cursor = json_integer_value(next);
		json_decref(r);
		calls++;
	} while (cursor);
	assert_int_equal(calls, 3);
	assert_int_equal(found, 1);
}

/* What is over but not yet deleted has 0 seconds left; a family that went is not shown. */
static void test_session_over(void **state)
{
	struct fixture *f = *state;
	struct table_alloc *a = allocate(f, 0, "demo");
	json_t *r, *s;

	table_del_family(f->server.table, a, FAMILY_V4);
	f->server.now_ms = (NOW + 10000) * 1000ull;
	r = call(f, "sessions", NULL, NULL);
	s = json_array_get(json_object_get(r, "sessions"), 0);
	assert_int_equal(json_integer_value(json_object_get(s, "expires_s")), 0);
	assert_int_equal(json_array_size(json_object_get(s, "relayed")), 1);
	json_decref(r);
}

/* Reads every page of `limit` and marks the clients seen. */
static unsigned int read_pages(struct fixture *f, const char *user, int limit, unsigned char *seen)
{
	json_t *cursor = json_integer(0);
	unsigned int n = 0;

	while (json_is_integer(cursor)) {
		json_t *page = call(
		    f, "sessions",
		    json_pack("{s:o, s:i, s:s*}", "cursor", cursor, "limit", limit, "user", user),
		    NULL);
		json_t *list = json_object_get(page, "sessions"), *s;
		size_t i;

		assert_non_null(page);
		assert_in_range(json_array_size(list), 0, limit);
		json_array_foreach(list, i, s)
		{
			const char *client = json_string_value(json_object_get(s, "client"));

			seen[atoi(strchr(client, ':') + 1) - 10000]++;
			n++;
		}
		cursor = json_incref(json_object_get(page, "cursor"));
		json_decref(page);
	}
	assert_true(json_is_null(cursor));
	return n;
}

static void test_pages(void **state)
{
	static const int limits[] = { 1, 7, 100, 256 };
	struct fixture *f = *state;

	for (unsigned int i = 0; i < MANY; i++)
		assert_non_null(allocate(f, i, i % 10 ? "many" : "few"));
	for (size_t l = 0; l < sizeof(limits) / sizeof(limits[0]); l++) {
		unsigned char seen[MANY] = { 0 }, few[MANY] = { 0 };

		assert_int_equal(read_pages(f, NULL, limits[l], seen), MANY);
		assert_int_equal(read_pages(f, "few", limits[l], few), MANY / 10);
		for (unsigned int i = 0; i < MANY; i++) {
			assert_int_equal(seen[i], 1);
			assert_int_equal(few[i], i % 10 == 0);
		}
	}
}

static void test_unknown_user(void **state)
{
	struct fixture *f = *state;

	assert_non_null(allocate(f, 0, "demo"));
	expect_result(call(f, "sessions", json_pack("{s:s}", "user", "dem"), NULL),
		      "{\"sessions\":[],\"cursor\":null}");
}

static void test_bad_params(void **state)
{
	static const char *const bad[] = {
		"{\"limit\":0}",	 "{\"limit\":257}", "{\"limit\":\"5\"}",
		"{\"limit\":1.5}",	 "{\"cursor\":-1}", "{\"cursor\":4294967296}",
		"{\"cursor\":\"next\"}", "{\"user\":5}",    "{\"usr\":\"a\"}",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int code = 0;

		assert_null(call(f, "sessions", json_loads(bad[i], 0, NULL), &code));
		assert_int_equal(code, RPC_BAD_PARAMS);
	}
	/* A cursor past the end is the end. */
	expect_result(
	    call(f, "sessions", json_pack("{s:I}", "cursor", (json_int_t)UINT32_MAX), NULL),
	    "{\"sessions\":[],\"cursor\":null}");
}

static void test_status(void **state)
{
	struct fixture *f = *state;
	json_t *r;

	assert_non_null(allocate(f, 0, "one"));
	assert_non_null(allocate(f, 1, "two"));
	assert_non_null(allocate(f, 2, "two"));
	f->server.stats.requests[SERVER_ALLOCATE] = 9;
	f->server.stats.success[SERVER_ALLOCATE] = 2;
	f->server.stats.success[SERVER_REFRESH] = 1;
	f->server.stats.error[STUN_ERROR_401] = 6;
	f->server.stats.too_old = 3;
	r = call(f, "status", NULL, NULL);
	assert_string_equal(json_string_value(json_object_get(r, "version")), FAIRLEAD_VERSION);
	assert_int_equal(json_integer_value(json_object_get(r, "pid")), getpid());
	assert_int_equal(json_integer_value(json_object_get(r, "uptime_s")), NOW - 1);
	expect_json(json_object_get(r, "dataplane"), "{\"attached\":false}");
	expect_json(json_object_get(r, "users"), "{\"active\":2,\"allocations_max\":5}");
	expect_json(json_object_get(r, "requests"),
		    "{\"allocate\":9,\"refresh\":0,\"create_permission\":0,\"channel_bind\":0,"
		    "\"connect\":0,\"connection_bind\":0}");
	expect_json(json_object_get(r, "replies"),
		    "{\"success\":3,\"300\":0,\"400\":0,\"401\":6,\"403\":0,\"405\":0,\"420\":0,"
		    "\"437\":0,\"438\":0,\"440\":0,\"441\":0,\"442\":0,\"443\":0,\"446\":0,"
		    "\"447\":0,\"486\":0,\"487\":0,\"500\":0,\"508\":0}");
	expect_json(json_object_get(r, "lost"),
		    "{\"requests_malformed\":0,\"requests_too_old\":3,\"requests_untold\":0,"
		    "\"events_stale\":0,"
		    "\"events_ring_full\":0,\"commands_ring_full\":4,\"replies_ring_full\":0,"
		    "\"records_queue_full\":0,\"records_unwritten\":0,\"records_unlogged\":0,"
		    "\"radius_queue_full\":0}");
	assert_int_equal(
	    json_integer_value(json_object_get(json_object_get(r, "allocations"), "count")), 3);
	json_decref(r);
}

static void test_drain(void **state)
{
	struct fixture *f = *state;
	int code;

	drain_fails = false;
	assert_non_null(allocate(f, 0, "one"));
	f->server.now_ms += 1; /* between two whole seconds: 60 is told all the same */
	expect_result(call(f, "drain", json_pack("{s:i}", "deadline_s", 60), NULL),
		      "{\"on\":true,\"deadline_s\":60,\"allocations\":1,\"contexts\":0}");
	assert_int_equal(drain_asked, 60);
	expect_result(call(f, "drain", NULL, NULL),
		      "{\"on\":true,\"deadline_s\":null,\"allocations\":1,\"contexts\":0}");
	expect_result(call(f, "undrain", NULL, NULL),
		      "{\"on\":false,\"deadline_s\":null,\"allocations\":1,\"contexts\":0}");
	assert_null(call(f, "drain", json_pack("{s:i}", "deadline_s", 0), &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	assert_null(call(f, "drain", json_pack("{s:i}", "seconds", 5), &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	assert_null(call(f, "undrain", json_pack("{s:b}", "all", 1), &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	drain_fails = true;
	assert_null(call(f, "drain", NULL, &code));
	assert_int_equal(code, RPC_INTERNAL);
	assert_null(call(f, "undrain", NULL, &code));
	assert_int_equal(code, RPC_INTERNAL);
}

/* Each method is described, and says what it takes. */
static void test_describe(void **state)
{
	json_t *result = call(*state, "rpc.describe", NULL, NULL), *m;
	size_t i;

	assert_int_equal(json_array_size(json_object_get(result, "methods")), RPC_METHODS);
	json_array_foreach(json_object_get(result, "methods"), i, m)
	{
		const char *name = json_string_value(json_object_get(m, "name"));
		const char *help = json_string_value(json_object_get(m, "help"));
		const char *may = json_string_value(json_object_get(m, "may"));

		if (!name || !help || !*help || !may)
			fail_msg("method %zu, %s, is not described", i, name ? name : "?");
		if (strcmp(name, "xstats") == 0)
			expect_json(json_object_get(m, "params"),
				    "[{\"name\":\"port\",\"optional\":false}]");
		if (strcmp(name, "user.add") == 0) {
			assert_string_equal(may, "administer");
			assert_true(json_is_true(json_object_get(m, "audited")));
		}
		if (json_is_true(json_object_get(m, "audited")))
			assert_string_not_equal(may, "look");
	}
	json_decref(result);
}

/* ---- what is written down ---- */

static char written[1024];
static enum rpc_audited written_as;

static void audit(const struct rpc_caller *who, enum rpc_audited as, bool done, const char *what)
{
	(void)who;
	assert_false(done);
	written_as = as;
	snprintf(written, sizeof(written), "%s", what);
}

/* Those that change nothing; and capture, whose own line e2e:live_capture looks for. */
static bool changes_nothing(const char *method)
{
	static const char *const names[] = {
		"status",	  "workers",	  "ports",	     "xstats",	   "sessions",
		"drops",	  "accounting",	  "connections",     "tcp",	   "tls",
		"user.list",	  "config.show",  "config.diff",     "contexts",   "context.show",
		"context.events", "neighbours",	  "routes",	     "ping",	   "arping",
		"records",	  "trace.next",	  "rpc.describe",    "capture",	   "aka.challenge",
		"aka.judge",	  "aka.token",	  "aka.token_judge", "ipsec.show", "ipsec.list",
		"ipsec.agree",	  "ipsec.verify", "ipsec.events",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(method, names[i]) == 0)
			return true;
	return false;
}

/* A method is one of those above, or there is a line of who asked for it, even in vain. */
static void test_audit(void **state)
{
	const struct rpc_caller who = { .nobody = true, .audit = audit };

	(void)state;
	for (const struct rpc_method *m = rpc_methods; m < rpc_methods + RPC_METHODS; m++) {
		char request[128];

		snprintf(request, sizeof(request),
			 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":{\"x\":1}}",
			 m->name);
		written[0] = '\0';
		free(rpc_answer_to(&who, rpc_methods, RPC_METHODS, NULL, request, strlen(request),
				   NULL));
		if (changes_nothing(m->name)) {
			assert_string_equal(written, "");
			continue;
		}
		snprintf(request, sizeof(request), "%s {\"x\":1}: failed: this takes ", m->name);
		if (strncmp(written, request, strlen(request)) != 0)
			fail_msg("%s leaves \"%s\" in the audit log", m->name, written);
		assert_int_equal(written_as, strncmp(m->name, "context.", 8) == 0 ||
						     strncmp(m->name, "ipsec.", 6) == 0
						 ? RPC_AUDITED_CALL
						 : RPC_AUDITED);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* ---- a reload, whose answer comes later ---- */

static void take_line(void *arg, char *line)
{
	*(char **)arg = line;
}

static void test_tls_reload(void **state)
{
	static const char request[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tls.reload\"}";
	struct fixture *f = *state;
	struct rpc_later *later;
	char *line;

	for (int ok = 0; ok <= 1; ok++) {
		f->server.tls = (struct tls_agent *)f; /* there is one */
		later = NULL;
		line = NULL;
		assert_null(rpc_answer(rpc_methods, RPC_METHODS, &f->server, request,
				       sizeof(request) - 1, &later));
		assert_non_null(later);
		rpc_later_wait(later, take_line, &line);
		assert_null(line);
		asked.done(asked.ctx, ok, "x.yaml:7: certificates[0].key: it is gone");
		assert_non_null(line);
		assert_non_null(strstr(line, ok ? "\"certificates\":[]"
						: "{\"code\":-32603,\"message\":\"x.yaml:7: "
						  "certificates[0].key: it is gone\"}"));
		free(line);
	}
	f->server.tls = NULL;
	line =
	    rpc_answer(rpc_methods, RPC_METHODS, &f->server, request, sizeof(request) - 1, &later);
	assert_non_null(strstr(line, "neither a listener nor a realm has TLS"));
	free(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_session),
		TEST(what_a_session_relayed),
		TEST(a_large_table_takes_several_calls),
		TEST(test_session_over),
		TEST(test_pages),
		TEST(test_unknown_user),
		TEST(test_bad_params),
		TEST(test_status),
		TEST(test_drain),
		TEST(test_tls_reload),
		TEST(test_describe),
		TEST(test_audit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

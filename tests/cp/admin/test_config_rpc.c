/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration while it runs: every key says how a change of it is applied; a difference is
 * told key by key, with secrets hidden; a reload puts live keys in force and no others; a file with
 * a mistake, or one that a part of the process cannot have, changes nothing.
 */
#include "tests/world/json_check.h"

#include "cp/admin/config_rpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char base[] = "ports:\n"							     /* 1 */
			   "  - {name: access, device: net_null0, addresses: [10.1.0.1/24]," /* 2 */
			   " routes: [{to: 192.0.2.0/24, via: 10.1.0.8}]}\n"
			   "listeners:\n"			    /* 3 */
			   "  - {address: 10.1.0.1}\n"		    /* 4 */
			   "relays:\n"				    /* 5 */
			   "  - {address: 10.1.0.1}\n"		    /* 6 */
			   "turn:\n"				    /* 7 */
			   "  realm: example.org\n"		    /* 8 */
			   "  lifetime-max: 3600\n"		    /* 9 */
			   "auth:\n"				    /* 10 */
			   "  rest-secrets: [hush-one, hush-two]\n" /* 11 */
			   "dataplane:\n"			    /* 12 */
			   "  eal: [--vfio-vf-token=hush-token]\n"  /* 13 */
			   "  sessions: 32768\n";		    /* 14 */

static struct server s;
static struct config *running;
/* The dataplane, as it is asked. */
static struct fake_dp {
	bool attached;
	int asked;
	uint64_t digest;
	void (*answer)(void *ctx, bool ok, const char *text);
	void *ctx;
} fake;

static char dir[] = "/tmp/fairlead-test-XXXXXX";
static char path[64];

static void file_write(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* The file is base with the first `find` replaced. */
static void file_edit(const char *find, const char *replace)
{
	const char *at = strstr(base, find);
	char text[4096];

	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - base), base, replace,
		 at + strlen(find));
	file_write(text);
}

static int setup(void **state)
{
	char err[512];

	(void)state;
	strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/fairlead.yaml", dir);
	file_write(base);
	running = config_load(path, err, sizeof(err));
	if (!running)
		fail_msg("%s", err);
	running->turn.allocations_places = 16384; /* as at the start */
	fake = (struct fake_dp){ 0 };
	s = (struct server){ .conf = running, .reload = { .conf = running } };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	config_free(running);
	remove(path);
	assert_int_equal(rmdir(dir), 0);
	return 0;
}

/* By a signal: whether it is in force at once. */
static void note_done(void *ctx, bool ok, const char *why)
{
	(void)why;
	*(int *)ctx = ok ? 1 : 0;
}

static bool by_signal(void)
{
	int ok = -1;

	reload_by_signal(&s, note_done, &ok);
	assert_in_range(ok, 0, 1);
	assert_false(s.reload.under_way);
	return ok;
}

/* The result; NULL, and *code, for an error. No secret is ever in an answer. */
static json_t *call(const char *method, int *code)
{
	struct rpc_later *later = NULL;
	char line[128], *text;
	json_t *reply, *result;

	snprintf(line, sizeof(line), "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\"}", method);
	text = rpc_answer(rpc_methods, RPC_METHODS, &s, line, strlen(line), &later);
	assert_non_null(text);
	assert_null(strstr(text, "hush"));
	reply = json_loads(text, 0, NULL);
	result = json_incref(json_object_get(reply, "result"));
	if (code)
		*code = (int)json_integer_value(
		    json_object_get(json_object_get(reply, "error"), "code"));
	else if (!result)
		fail_msg("%s", text);
	json_decref(reply);
	free(text);
	return result;
}

/* A file that is right, and cannot be in force: why. */
static void refused(char *why, size_t len)
{
	static const char line[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"reload\"}";
	struct rpc_later *later = NULL;
	char *text = rpc_answer(rpc_methods, RPC_METHODS, &s, line, strlen(line), &later);
	json_t *reply = json_loads(text, 0, NULL);

	snprintf(why, len, "%s",
		 json_string_value(json_object_get(json_object_get(reply, "error"), "message")));
	json_decref(reply);
	free(text);
}

static void expect_changes(const char *method, const char *want)
{
	json_t *r = call(method, NULL);

	assert_int_equal(json_array_size(json_object_get(r, "mistakes")), 0);
	expect_json(json_object_get(r, "changes"), want);
	json_decref(r);
}

static void every_key_says_how(void **state)
{
	char *text = NULL, *line, *end;
	size_t len = 0, n = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	config_applied_list(f);
	fclose(f);
	for (line = text; (end = strchr(line, '\n')) != NULL; line = end + 1, n++) {
		char key[128] = "", how[128] = "", lost[256] = "", why[256] = "";
		bool live;

		/* Why: of what needs a restart, and of nothing else. */
		*end = '\0';
		live = strstr(line, "\tlive\t") != NULL;
		if (sscanf(line, "%127[^\t]\t%127[^\t]\t%255[^\t]\t%255[^\n]", key, how, lost,
			   why) != (live ? 3 : 4))
			fail_msg("%s", line);
		*end = '\n';
		if (strcmp(how, "live") && strncmp(how, "restart of fairlead-", 20))
			fail_msg("%s: %s", key, how);
	}
	assert_true(n > 100);
	assert_non_null(strstr(text, "turn.lifetime-max\tlive\tnothing"));
	assert_non_null(strstr(text, "\nlisteners.address\tlive\tnothing, in whatever order"));
	assert_non_null(strstr(text, "\nports.mtu\trestart of fairlead-dp, then of fairlead-cp; of a "
				     "further VLAN of a device: live\t"));
	free(text);
}

static void what_runs_is_shown(void **state)
{
	json_t *r = call("config.show", NULL), *k;
	const char *value = NULL;
	size_t i, seen = 0;

	(void)state;
	assert_string_equal(json_string_value(json_object_get(r, "file")), path);
	assert_true(json_is_array(json_object_get(r, "parts")));
	json_array_foreach(json_object_get(r, "keys"), i, k)
	{
		const char *key = json_string_value(json_object_get(k, "key"));

		value = json_string_value(json_object_get(k, "value"));
		assert_non_null(value);
		if (strcmp(key, "turn.realm") == 0 && ++seen)
			assert_string_equal(value, "example.org");
		if (strcmp(key, "auth.rest-secrets") == 0 && ++seen)
			assert_string_equal(value, "[(secret), (secret)]");
		if (strcmp(key, "dataplane.eal") == 0 && ++seen)
			assert_string_equal(value, "[--vfio-vf-token=(secret)]");
		if (strcmp(key, "ports[0].routes[0].to") == 0 && ++seen)
			assert_string_equal(value, "192.0.2.0/24");
		if (strcmp(key, "listeners[0].port") == 0 && ++seen)
			assert_string_equal(value, "3478");
		if (strcmp(key, "dataplane.hugepages") == 0 && ++seen)
			assert_string_equal(value, "auto");
	}
	assert_int_equal(seen, 6);
	json_decref(r);
}

#define ROUTE_LOST "nothing; packets to a destination whose way is another go by it within a second"

static void a_difference_is_told(void **state)
{
	(void)state;
	expect_changes("config.diff", "[]");
	file_edit("lifetime-max: 3600", "reservation-lifetime: 31");
	expect_changes("config.diff",
		       "[{\"key\":\"turn.reservation-lifetime\",\"from\":\"30\",\"to\":\"31\","
		       "\"applied\":\"live\",\"lost\":\"nothing\"}]");
	assert_int_equal(running->turn.reservation_lifetime, 30);
	file_edit("[hush-one", "[hush-1");
	expect_changes(
	    "config.diff",
	    "[{\"key\":\"auth.rest-secrets\",\"from\":\"[(secret), (secret)]\","
	    "\"to\":\"[(secret), (secret)]\",\"applied\":\"live\",\"lost\":\"credentials "
	    "of a secret that is taken away: these clients can refresh nothing any "
	    "more\"}]");
	file_edit(", routes: [{to: 192.0.2.0/24, via: 10.1.0.8}]", "");
	expect_changes("config.diff",
		       "[{\"key\":\"ports[0].routes[0].to\",\"from\":\"192.0.2.0/24\",\"to\":null,"
		       "\"applied\":\"live\",\"lost\":\"" ROUTE_LOST "\"},"
		       "{\"key\":\"ports[0].routes[0].via\",\"from\":\"10.1.0.8\",\"to\":null,"
		       "\"applied\":\"live\",\"lost\":\"" ROUTE_LOST "\"}]");
}

/* The live one is in force, the other waits and is told again. */
static void live_keys_and_no_others(void **state)
{
	char waits[512], want[1024];

	(void)state;
	snprintf(waits, sizeof(waits),
		 "{\"key\":\"turn.allocations-max\",\"from\":\"16384\",\"to\":\"20000\","
		 "\"applied\":\"restart-cp\",\"lost\":\"nothing; requests wait meanwhile\","
		 "\"why\":\"the state file has no places for more\",\"at\":\"%s:10\"}",
		 path);
	file_edit("  lifetime-max: 3600\n", "  reservation-lifetime: 31\n  allocations-max: 20000\n"
					    "  alternate-servers: [{address: 192.0.2.7}]\n");
	snprintf(
	    want, sizeof(want),
	    "[{\"key\":\"turn.reservation-lifetime\",\"from\":\"30\",\"to\":\"31\","
	    "\"applied\":\"live\",\"lost\":\"nothing\"},%s,"
	    "{\"key\":\"turn.alternate-servers[0].address\",\"from\":null,\"to\":\"192.0.2.7\","
	    "\"applied\":\"live\",\"lost\":\"nothing\"},"
	    "{\"key\":\"turn.alternate-servers[0].port\",\"from\":null,\"to\":\"3478\","
	    "\"applied\":\"live\",\"lost\":\"nothing\"},"
	    "{\"key\":\"turn.alternate-servers[0].domain\",\"from\":null,\"to\":\"\","
	    "\"applied\":\"live\",\"lost\":\"nothing\"}]",
	    waits);
	expect_changes("reload", want);
	assert_int_equal(running->turn.reservation_lifetime, 31);
	assert_int_equal(running->turn.allocations_max, 16384);
	assert_int_equal(running->turn.n_alternate, 1);
	assert_int_equal(be16_get(running->turn.alternate[0].addr.port), 3478);
	snprintf(want, sizeof(want), "[%s]", waits);
	expect_changes("reload", want);
}

/* Routes of a port that is still the same one; of another they come with it. */
static void routes_of_the_same_port(void **state)
{
	json_t *r;
	size_t i;
	json_t *c;

	(void)state;
	file_edit("via: 10.1.0.8}]", "via: 10.1.0.9}, {to: 198.51.100.0/24, via: 10.1.0.8}]");
	json_decref(call("reload", NULL));
	assert_int_equal(running->port[0].n_route, 2);
	assert_int_equal(running->port[0].route[0].via.b[15], 9);
	file_edit("name: access, device: net_null0", "name: other, device: net_null0");
	r = call("reload", NULL);
	json_array_foreach(json_object_get(r, "changes"), i, c)
	    assert_string_equal(json_string_value(json_object_get(c, "applied")), "restart-dp");
	assert_int_equal(i, 4); /* the name, and what differs of two routes */
	json_decref(r);
	assert_int_equal(running->port[0].n_route, 2);
	assert_string_equal(running->port[0].name, "access");
}

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* A VLAN of a device that has none: each of its keys says that it waits, where it stands, and why.
 */
static void a_vlan_waits_for_a_restart(void **state)
{
	static const char vlan[] = "  - {name: lab, device: net_null0, vlan: 7, "
				   "addresses: [10.7.0.1/24]}\nlisteners:\n";
	char where[128];
	size_t i;
	json_t *r, *c;

	(void)state;
	snprintf(where, sizeof(where), "%s:3", path);
	file_edit("listeners:\n", vlan);
	r = call("reload", NULL);
	json_array_foreach(json_object_get(r, "changes"), i, c)
	{
		const char *key = json_string_value(json_object_get(c, "key"));

		assert_true(starts(key, "ports[1]."));
		assert_string_equal(json_string_value(json_object_get(c, "applied")), "restart-dp");
		assert_string_equal(json_string_value(json_object_get(c, "at")), where);
		assert_true(starts(json_string_value(json_object_get(c, "why")),
				   "the device was opened for frames without a tag"));
	}
	assert_true(i > 5);
	json_decref(r);
	assert_int_equal(running->n_port, 1);
}

/*
 * And so does what is at its address, with its own line and reason, while all else of the file is
 * applied; before the reload it is told the same.
 */
static void at_a_vlan_that_waits(void **state)
{
	static const char vlan[] = "  - {name: lab, device: net_null0, vlan: 7, "
				   "addresses: [10.7.0.1/24]}\nlisteners:\n"
				   "  - {address: 10.7.0.1}\n"
				   "  - {address: 10.1.0.1, port: 3479}\n";
	json_t *before, *r, *c;
	char where[128];
	size_t i, n = 0;

	(void)state;
	snprintf(where, sizeof(where), "%s:5", path);
	file_edit("listeners:\n", vlan);
	before = call("config.diff", NULL);
	assert_int_equal(running->n_listener, 1);
	r = call("reload", NULL);
	assert_true(json_equal(json_object_get(before, "changes"), json_object_get(r, "changes")));
	json_array_foreach(json_object_get(r, "changes"), i, c)
	{
		if (!starts(json_string_value(json_object_get(c, "key")), "listeners[0]."))
			continue;
		n++;
		assert_string_equal(json_string_value(json_object_get(c, "applied")), "restart-dp");
		assert_string_equal(json_string_value(json_object_get(c, "at")), where);
		assert_string_equal(json_string_value(json_object_get(c, "why")),
				    "its address is of a port that waits for a restart");
		assert_true(json_is_null(json_object_get(c, "from")));
	}
	assert_int_equal(n, 5);
	json_decref(before);
	json_decref(r);
	assert_int_equal(running->n_listener, 2);
	assert_int_equal(be16_get(running->listener[0].addr.port), 3479);
}

/* What does not fit what stays is refused, and names the port that would have made it fit. */
static void beside_a_vlan_that_waits(void **state)
{
	static const char vlan[] = "  - {name: lab, device: net_null0, vlan: 7, "
				   "addresses: [10.7.0.1/24]}\nlisteners:\n";
	char want[128], why[1024];
	json_t *r;

	(void)state;
	snprintf(want, sizeof(want),
		 "; besides, %s:3: ports[1].name waits for a restart of fairlead-dp", path);
	file_edit("listeners:\n", vlan);
	running->dataplane.sessions = 7; /* which does not fit turn.allocations-max */
	refused(why, sizeof(why));
	assert_non_null(strstr(why, want));
	r = call("config.diff", NULL);
	assert_non_null(strstr(
	    why, json_string_value(json_object_get(r, "refused")))); /* "nothing has changed: " */
	json_decref(r);
	/* Without such a port nothing is said of one. */
	file_edit("lifetime-max: 3600", "lifetime-max: 3601");
	refused(why, sizeof(why));
	assert_null(strstr(why, "waits for"));
}

static void a_mistake_changes_nothing(void **state)
{
	struct config was = *running;
	char want[512];
	json_t *r;

	(void)state;
	file_edit("  lifetime-max: 3600\n", "  reservation-lifetime: 31\n  lifetime-max: soon\n"
					    "  permission-lifetime: 0\n");
	for (int i = 0; i < 2; i++) {
		r = call(i ? "reload" : "config.diff", NULL);
		snprintf(want, sizeof(want),
			 "[\"%s:10: turn.lifetime-max: soon must be a whole number\","
			 "\"%s:11: turn.permission-lifetime: 0 is out of range 1..86400\"]",
			 path, path);
		expect_json(json_object_get(r, "mistakes"), want);
		assert_int_equal(json_array_size(json_object_get(r, "changes")), 0);
		json_decref(r);
	}
	assert_false(by_signal());
	assert_memory_equal(&was, running, sizeof(was));
	assert_false(s.reload.under_way);
}

/* ---- parts ---- */

struct part {
	bool refuses;
	int prepared, applied, dropped;
	uint32_t seen; /* of the configuration it was shown */
};

static bool prepare(void *arg, const struct config *c, char *err, size_t errlen)
{
	struct part *p = arg;

	p->prepared++;
	p->seen = c->turn.reservation_lifetime;
	assert_int_equal(c->turn.allocations_max, 16384); /* as it will be */
	snprintf(err, errlen, "control.metrics-port: it is taken");
	return !p->refuses;
}

static void finish(void *arg, bool apply)
{
	struct part *p = arg;

	if (!fake.attached)
		assert_int_equal(running->turn.reservation_lifetime, apply ? 31 : 30);
	if (apply)
		p->applied++;
	else
		p->dropped++;
}

static void a_part_that_cannot_changes_nothing(void **state)
{
	struct part first = { 0 }, second = { .refuses = true };
	int code;

	(void)state;
	reload_add(&s, (struct reload_part){ prepare, finish, &first });
	reload_add(&s, (struct reload_part){ prepare, finish, &second });
	file_edit("lifetime-max: 3600", "reservation-lifetime: 31\n  allocations-max: 20000");
	assert_null(call("reload", &code));
	assert_int_equal(code, RPC_INTERNAL);
	assert_int_equal(running->turn.reservation_lifetime, 30);
	assert_int_equal(first.prepared + second.prepared, 2);
	assert_int_equal(first.dropped, 1);
	assert_int_equal(second.dropped, 0);
	assert_int_equal(first.seen, 31);
	assert_false(by_signal());
	second.refuses = false;
	assert_true(by_signal());
	assert_int_equal(running->turn.reservation_lifetime, 31);
	assert_int_equal(first.applied + second.applied, 2);
	assert_int_equal(first.dropped, 2);
}

/* By the same code, which makes all ready and throws it away; nothing is in force. */
static void what_would_be_refused_is_told_before(void **state)
{
	struct part first = { 0 }, second = { .refuses = true };
	json_t *r;

	(void)state;
	reload_add(&s, (struct reload_part){ prepare, finish, &first });
	reload_add(&s, (struct reload_part){ prepare, finish, &second });
	file_edit("lifetime-max: 3600", "reservation-lifetime: 31");
	r = call("config.diff", NULL);
	assert_string_equal(json_string_value(json_object_get(r, "refused")),
			    "control.metrics-port: it is taken");
	assert_int_equal(json_array_size(json_object_get(r, "changes")), 1);
	json_decref(r);
	second.refuses = false;
	r = call("config.diff", NULL);
	assert_true(json_is_null(json_object_get(r, "refused")));
	json_decref(r);
	assert_int_equal(first.prepared + second.prepared, 4);
	assert_int_equal(first.dropped + second.dropped, 3);
	assert_int_equal(running->turn.reservation_lifetime, 30);
	assert_false(s.reload.under_way);
	/* While another one has the parts they are left alone. */
	s.reload.under_way = true;
	r = call("config.diff", NULL);
	assert_true(json_is_null(json_object_get(r, "refused")));
	json_decref(r);
	s.reload.under_way = false;
	assert_int_equal(first.prepared + second.prepared, 4);
}

/* The answer to one that waited. */
static void answered(void *arg, char *line)
{
	assert_non_null(strstr(line, "\"result\""));
	++*(int *)arg;
	free(line);
}

/* Asks for a reload that is answered later; false: it was refused. */
static bool ask_later(int *answers)
{
	static const char line[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"reload\"}";
	struct rpc_later *later = NULL;
	char *text = rpc_answer(rpc_methods, RPC_METHODS, &s, line, strlen(line), &later);
	const bool busy = text && strstr(text, "read") && strstr(text, "again");

	assert_true(later || busy);
	if (later)
		rpc_later_wait(later, answered, answers);
	free(text);
	return later != NULL;
}

/* Those that come meanwhile wait their turn, and find the file as it is then. */
static void one_at_a_time(void **state)
{
	int answers = 0, more = 0;

	(void)state;
	s.reload.under_way = true;
	file_edit("lifetime-max: 3600", "reservation-lifetime: 31");
	assert_true(ask_later(&answers));
	assert_true(ask_later(&answers));
	reload_turn(&s);
	assert_int_equal(answers, 0);
	assert_int_equal(running->turn.reservation_lifetime, 30);
	s.reload.under_way = false;
	/* Who comes now is behind them. */
	assert_true(ask_later(&more));
	assert_int_equal(more, 0);
	reload_turn(&s);
	assert_int_equal(answers, 1);
	assert_int_equal(running->turn.reservation_lifetime, 31);
	file_edit("lifetime-max: 3600", "reservation-lifetime: 32");
	reload_turn(&s);
	assert_int_equal(answers, 2);
	assert_int_equal(running->turn.reservation_lifetime, 32);
	reload_turn(&s);
	reload_turn(&s);
	assert_int_equal(more, 1);
	/* There is an end to it: the last that waits reads what is there for all. */
	s.reload.under_way = true;
	for (int i = 0; i < RELOAD_WAITING_MAX; i++)
		assert_true(ask_later(&more));
	assert_false(ask_later(&more));
	s.reload.under_way = false;
	for (int i = 0; i < RELOAD_WAITING_MAX; i++)
		reload_turn(&s);
	assert_int_equal(more, 1 + RELOAD_WAITING_MAX);
	assert_int_equal(s.reload.n_waiting, 0);
}

/* ---- keys of both ---- */

static bool fake_attached(const struct dpsock *d)
{
	return ((const struct fake_dp *)d)->attached;
}

static bool fake_ask(struct dpsock *d, const void *msg, size_t len, uint32_t patience_ms,
		     void (*answer)(void *ctx, bool ok, const char *text), void *ctx)
{
	struct fake_dp *f = (struct fake_dp *)d;
	const struct msg_config *m = msg;

	assert_int_equal(len, sizeof(*m));
	assert_int_equal(m->hdr.type, MSG_CONFIG);
	assert_true(patience_ms > 0);
	f->asked++;
	f->digest = m->digest;
	f->answer = answer;
	f->ctx = ctx;
	return true;
}

static void dataplane_add(bool attached)
{
	fake = (struct fake_dp){ .attached = attached };
	s.reload.sock = (struct dpsock *)&fake;
	s.reload.attached = fake_attached;
	s.reload.ask = fake_ask;
}

static const char levels[] = "dataplane:\n  log-levels: ['lib.*:debug']\n";

/* Its word decides for both; nothing is in force before, and no other reload comes between. */
static void both_or_neither(void **state)
{
	struct part part = { 0 };
	int ok = -1;

	(void)state;
	dataplane_add(true);
	reload_add(&s, (struct reload_part){ prepare, finish, &part });
	file_edit("  lifetime-max: 3600\n", "  reservation-lifetime: 31\n");
	assert_true(by_signal()); /* nothing of it is the dataplane's */
	assert_int_equal(fake.asked, 0);
	running->turn.reservation_lifetime = 30;
	file_edit("  lifetime-max: 3600\nauth", "  reservation-lifetime: 31\nauth");
	for (int takes = 0; takes < 2; takes++) {
		file_edit("dataplane:\n", levels);
		reload_by_signal(&s, note_done, &ok);
		assert_int_equal(fake.asked, takes + 1);
		assert_int_equal(ok, -1);
		assert_int_equal(running->dataplane.n_log_level, 0);
		assert_true(s.reload.under_way); /* others wait */
		fake.answer(fake.ctx, takes, takes ? "" : "certificates[0].chain: no");
		assert_int_equal(ok, takes);
		assert_int_equal(running->dataplane.n_log_level, takes);
		assert_int_equal(part.dropped, 1);
		assert_false(s.reload.under_way);
		ok = -1;
	}
	assert_int_equal(part.applied, 2);
	assert_int_equal(fake.digest, config_both_digest(running));
	assert_true(s.reload.by_both);
}

/* One that is not there takes it with the hello, which says what the file was like. */
static void a_dataplane_that_comes_later_is_told(void **state)
{
	const uint64_t was = reload_digest(&s);

	(void)state;
	assert_int_equal(was, config_both_digest(running));
	dataplane_add(false);
	file_edit("dataplane:\n", levels);
	assert_true(by_signal());
	assert_int_equal(fake.asked, 0);
	assert_int_not_equal(reload_digest(&s), was);
	assert_int_equal(reload_digest(&s), config_both_digest(running));
}

/* One that said no, or nothing in time, may have taken it all the same: it is asked again. */
static void a_dataplane_that_failed_is_asked_again(void **state)
{
	const uint64_t was = reload_digest(&s);
	int ok = -1;

	(void)state;
	dataplane_add(true);
	file_edit("dataplane:\n", levels);
	reload_by_signal(&s, note_done, &ok);
	fake.answer(fake.ctx, false, "the dataplane does not answer");
	assert_int_equal(ok, 0);
	assert_int_equal(reload_digest(&s), was);
	file_write(base); /* as it was, which is nothing new to us */
	reload_by_signal(&s, note_done, &ok);
	assert_int_equal(fake.asked, 2);
	assert_int_equal(fake.digest, was);
	fake.answer(fake.ctx, true, "");
	reload_by_signal(&s, note_done, &ok);
	assert_int_equal(fake.asked, 2);
}

static void expect_refused(const char *why)
{
	json_t *r = call("reload", NULL);
	const char *text = json_string_value(json_array_get(json_object_get(r, "mistakes"), 0));

	assert_non_null(text);
	assert_non_null(strstr(text, why));
	json_decref(r);
}

/* The loop waits while it is read: there must be an end to it. */
static void no_file_without_an_end(void **state)
{
	(void)state;
	assert_int_equal(truncate(path, RELOAD_FILE_MAX + 1), 0);
	expect_refused("larger than 1 MiB");
	assert_int_equal(remove(path), 0);
	expect_refused("No such file");
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_refused("no ordinary file");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_key_says_how),
		T(what_runs_is_shown),
		T(a_difference_is_told),
		T(a_vlan_waits_for_a_restart),
		T(at_a_vlan_that_waits),
		T(beside_a_vlan_that_waits),
		T(what_would_be_refused_is_told_before),
		T(live_keys_and_no_others),
		T(routes_of_the_same_port),
		T(a_mistake_changes_nothing),
		T(a_part_that_cannot_changes_nothing),
		T(one_at_a_time),
		T(both_or_neither),
		T(a_dataplane_that_comes_later_is_told),
		T(a_dataplane_that_failed_is_asked_again),
		T(no_file_without_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

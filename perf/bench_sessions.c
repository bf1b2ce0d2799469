/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A million sessions in an operator's hand: a control process' table of them, without a network and
 * with a dataplane that is not one, is listed, counted, looked through for a user and for the
 * busiest, and killed, by the methods that the command line calls. A call is a turn of the event
 * loop: the longest one is how long everybody else waits. Between calls the loop turns. Times are
 * of the CPU, and what the command line makes of answers is in cpu_s.
 *
 * Memory: what the heap had more of at its highest while a command was under way, answers and the
 * command line's own part (cli/talkers.c) included, both of which are in this process.
 */
#include "stand_in.h"

#include "../cli/talkers.h"
#include "../cp/admin/rpc.h"
#include "../cp/auth/digest.h"
#include "../cp/loop.h"
#include "../cp/record/records.h"
#include "../cp/server.h"
#include "../cp/session.h"

#include <getopt.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
	PORT_MIN = 1024,
	PORTS_PER_RELAY = 65535 - PORT_MIN + 1,
	USERS = 1000,
	CLIENT_PORTS = 60000,
	HEAP_MB_MAX = 50, /* with -a, however many sessions there are */
	PAUSE_MS_MAX = 100,
};

static struct options {
	uint32_t sessions;
	unsigned int interval; /* of a look for the busiest */
	enum talkers_by by;
	const char *dir;
	bool judge;
} opt = { .sessions = 1000000, .interval = 1, .dir = "/dev/shm" };

static struct config conf;
static struct server server;
static struct stand_in dp;

/* What a command took. */
struct cost {
	double call_ms, turn_ms; /* the longest */
	uint64_t heap;		 /* the most */
	uint32_t calls;
};

static void die(const char *what)
{
	fprintf(stderr, "bench_sessions: %s\n", what);
	exit(1);
}

/* Of this thread's CPU time: what else runs on the machine is not in it. */
static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static struct ip_addr v4(uint32_t a)
{
	return ip_from_v4(be32_make(a));
}

/* ---- set-up ---- */

static void config_fill(const char *dir)
{
	const uint32_t n = opt.sessions, relays = n / PORTS_PER_RELAY + 1;

	conf.dataplane.n_workers = 1;
	conf.dataplane.sessions = n;
	conf.dataplane.ring_slots = 1024;
	conf.tcp.connections = 16;
	conf.n_listener = 1;
	conf.listener[0].addr = (struct sock_addr){ v4(0xc0000201), be16_make(3478) };
	conf.n_relay = (uint16_t)relays;
	for (uint32_t i = 0; i < relays; i++)
		conf.relay[i] =
		    (struct config_relay){ v4(0xc6336400 + i), PORT_MIN, 65535, .turn = true };
	snprintf(conf.turn.realm, sizeof(conf.turn.realm), "example.org");
	conf.turn.lifetime_default = conf.turn.lifetime_max = 3600;
	conf.turn.permission_lifetime = 300;
	conf.turn.channel_lifetime = 600;
	conf.turn.reservation_lifetime = 30;
	conf.turn.allocations_max = n;
	conf.turn.permissions_per_allocation = 64;
	conf.turn.channels_per_allocation = 64;
	conf.records.queue = 4096;
	conf.auth = (struct config_auth){ .sha256 = true, .nonce_lifetime = 3600 };
	snprintf(conf.auth.users_db, sizeof(conf.auth.users_db), "%s/users.db", dir);
	snprintf(conf.control.state, sizeof(conf.control.state), "%s/state", dir);
}

/* Turns of the loop until there is nothing to do. */
static void turns(struct cost *c)
{
	enum dplink_work work;
	const char *why;
	double since, ms;

	do {
		since = now_ms();
		server_clock(&server, loop_now_ms(), loop_wall_ms());
		work = server_poll(&server);
		ms = now_ms() - since;
		if (c && ms > c->turn_ms)
			c->turn_ms = ms;
		stand_in_obey(&dp);
	} while (work != DPLINK_IDLE);
	if (dplink_fault(server.link, &why))
		die(why);
}

/* A session of a slot, in which each thousandth relays much. */
static void session_make(uint32_t i)
{
	const uint16_t relay = (uint16_t)(i / PORTS_PER_RELAY);
	const uint16_t port = (uint16_t)(PORT_MIN + i % PORTS_PER_RELAY);
	struct table_alloc proto = {
		.leg.client = { v4(0x0a000000 + i / CLIENT_PORTS),
				be16_make((uint16_t)(1024 + i % CLIENT_PORTS)) },
		.relay = { { relay, be16_make(port) }, { .relay = CTL_RELAY_NONE } },
		.families = FAMILY_V4,
		.expiry = { UINT32_MAX, UINT32_MAX },
		.lifetime = 3600,
		.created = server_now(&server),
	};

	snprintf(proto.user, sizeof(proto.user), "user%u", i % USERS);
	table_user_id(server.table, proto.user, false, proto.user_id);
	if (!ports_claim(server.ports, relay, port, PORTS_TURN) || !session_add(&server, &proto))
		die("a session is refused");
}

static void sessions_make(struct auth *auth)
{
	char err[512];

	if (!server_open(&server, &conf, auth, loop_now_ms(), loop_wall_ms(), err, sizeof(err)))
		die(err);
	server.records = records_open(&conf.records, err, sizeof(err));
	if (!server.records)
		die(err);
	ports_resume(server.ports, server_now(&server));
	if (!server_attach(&server, dup(dp.memfd), dp.size, dup(dp.wake_cp), err, sizeof(err)))
		die(err);
	do
		turns(NULL);
	while (dplink_replaying(server.link));
	for (uint32_t i = 0; i < opt.sessions; i++) {
		session_make(i);
		if (i % 256 == 255)
			turns(NULL);
	}
	turns(NULL);
}

/* All sessions relay something; a few do much. */
static void relay_on(void)
{
	uint32_t cursor = 0;
	const struct table_alloc *a;

	while ((a = table_next(server.table, &cursor)) != NULL) {
		struct ctl_use *u = &dp.use[a->sid.slot];
		const uint64_t n = a->sid.slot % 1000 == 7 ? 1000 + a->sid.slot : 50;

		for (int way = 0; way < CTL_WAYS; way++) {
			u->packets[way] += n << CTL_USE_SECOND;
			u->bytes[way] = ((u->bytes[way] >> CTL_USE_GEN) + 172 * n) << CTL_USE_GEN |
					(a->sid.gen >> CTL_USE_GEN * way & 0xffff);
		}
	}
}

/* ---- commands ---- */

static void heap_note(struct cost *c)
{
	uint64_t heap, shared;

	stand_in_resident(&heap, &shared);
	if (heap > c->heap)
		c->heap = heap;
}

/* The result of a method. */
static json_t *call(struct cost *c, const char *method, const json_t *params)
{
	json_t *request = json_pack("{s:s, s:i, s:s, s:O}", "jsonrpc", "2.0", "id", 1, "method",
				    method, "params", params),
	       *reply, *result;
	char *line = json_dumps(request, JSON_COMPACT), *answer;
	const double since = now_ms();
	double ms;

	answer = rpc_answer(rpc_methods, RPC_METHODS, &server, line, strlen(line), NULL);
	ms = now_ms() - since;
	if (ms > c->call_ms)
		c->call_ms = ms;
	reply = json_loads(answer, 0, NULL);
	if (c->calls++ % 64 == 0)
		heap_note(c);
	result = json_incref(json_object_get(reply, "result"));
	if (!result)
		die(answer);
	json_decref(reply);
	json_decref(request);
	free(answer);
	free(line);
	turns(c);
	return result;
}

/* Page after page; returns what member `of` comes to: a number, or how many are in an array. */
static uint64_t pages(struct cost *c, const char *method, const char *of, json_t *params)
{
	uint64_t n = 0;
	bool more;

	do {
		json_t *r = call(c, method, params), *v = json_object_get(r, of);

		n += json_is_array(v) ? json_array_size(v) : (uint64_t)json_integer_value(v);
		more = json_is_integer(json_object_get(r, "cursor"));
		json_object_set(params, "cursor", json_object_get(r, "cursor"));
		json_decref(r);
	} while (more);
	json_decref(params);
	return n;
}

static uint64_t heap_begin;
static bool failed;

/* What an operator is promised: nobody waits for his list, and it takes no memory worth a name. */
static void cost_judge(const char *name, const struct cost *c, double heap_mb)
{
	if (!opt.judge ||
	    (heap_mb <= HEAP_MB_MAX && c->call_ms <= PAUSE_MS_MAX && c->turn_ms <= PAUSE_MS_MAX))
		return;
	fprintf(stderr, "bench_sessions: %s: above %d MB, or %d ms for a call or a turn\n", name,
		HEAP_MB_MAX, PAUSE_MS_MAX);
	failed = true;
}

static void cost_print(const char *name, struct cost *c, double since, uint64_t n)
{
	double heap_mb;

	heap_note(c);
	heap_mb = c->heap > heap_begin ? (double)(c->heap - heap_begin) / 1e6 : 0;
	cost_judge(name, c, heap_mb);
	printf(", \"%s\": {\"sessions\": %llu, \"calls\": %u, \"cpu_s\": %.2f, "
	       "\"longest_call_ms\": %.2f, \"longest_turn_ms\": %.2f, \"heap_mb\": %.1f}",
	       name, (unsigned long long)n, c->calls, (now_ms() - since) / 1e3, c->call_ms,
	       c->turn_ms, heap_mb);
}

static void walk(const char *name, const char *method, const char *of, json_t *params)
{
	const double since = now_ms();
	struct cost c = { 0 };
	const uint64_t n = pages(&c, method, of, params);

	cost_print(name, &c, since, n);
}

/* The busiest have what relay_on() gave them in the middle. */
struct look {
	struct cost cost;
	json_int_t at; /* of the last page: behind it, a slice is looked at again */
};

static json_t *look_page(void *arg, const json_t *params)
{
	const json_int_t cursor = json_integer_value(json_object_get(params, "cursor"));
	struct look *l = arg;

	if (cursor <= l->at)
		relay_on();
	l->at = cursor;
	return call(&l->cost, "sessions", params);
}

static void top(enum talkers_by by)
{
	struct talkers *t = talkers_begin(by);
	const double since = now_ms();
	json_t *params = json_object(), *r;
	struct look l = { .at = -1 };
	char name[32];
	double passed;

	if (!talkers_look(t, params, opt.interval, look_page, &l, &passed))
		die("no page");
	r = talkers_result(t, passed, 0, 10);
	snprintf(name, sizeof(name), "top_by_%s", talkers_by_name[by]);
	cost_print(name, &l.cost, since,
		   (uint64_t)json_integer_value(json_object_get(r, "active")));
	json_decref(r);
	json_decref(params);
	talkers_free(t);
}

static void run(void)
{
	uint64_t shared;

	stand_in_resident(&heap_begin, &shared);
	printf("{\"bench\": \"sessions\", \"sessions\": %u, \"table_mb\": %.1f", opt.sessions,
	       (double)heap_begin / 1e6);
	walk("list", "sessions", "sessions", json_pack("{s:i}", "limit", 256));
	walk("count", "sessions.kill", "killed", json_pack("{s:b}", "dry_run", 1));
	walk("by_user", "sessions", "sessions", json_pack("{s:s}", "user", "user7"));
	walk("by_none", "sessions", "sessions", json_pack("{s:s}", "peer", "192.0.2.1"));
	top(opt.by);
	walk("kill", "sessions.kill", "killed", json_pack("{s:b}", "all", 1));
	puts("}");
	if (table_stats(server.table)->allocs)
		die("sessions are left over");
}

static int usage(void)
{
	fputs("Usage: bench_sessions [-n SESSIONS] [-i SECONDS] [-u] [-a] [-d DIR]\n"
	      "  -a  fails where a command takes above 50 MB, or a call or turn 100 ms of CPU\n"
	      "  -i  between two looks for the busiest (1)\n"
	      "  -u  the busiest users, not sessions\n"
	      "  -d  where the state file is (/dev/shm)\n",
	      stderr);
	return 2;
}

static bool options_read(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "n:i:uad:")) != -1) {
		if (c == 'n')
			opt.sessions = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'i')
			opt.interval = (unsigned int)strtoul(optarg, NULL, 10);
		else if (c == 'u')
			opt.by = TALKERS_USER;
		else if (c == 'a')
			opt.judge = true;
		else if (c == 'd')
			opt.dir = optarg;
		else
			return false;
	}
	return opt.sessions && optind == argc;
}

int main(int argc, char **argv)
{
	static const char *const files[] = { "users.db", "users.db-wal", "users.db-shm",
					     "state",	 "state.ports",	 "nonce.key" };
	char dir[128], path[160], err[512];
	struct records *records;
	struct auth *auth;

	if (!options_read(argc, argv))
		return usage();
	snprintf(dir, sizeof(dir), "%s/fl-bench-XXXXXX", opt.dir);
	if (!mkdtemp(dir) || !digest_open(err, sizeof(err)))
		die("cannot make a directory, or OpenSSL lacks something");
	config_fill(dir);
	if (!stand_in_open(&dp, &conf))
		die("no shared memory");
	auth = auth_open(&conf, err, sizeof(err));
	if (!auth)
		die(err);
	sessions_make(auth);
	run();
	records = server.records;
	server_close(&server);
	records_close(records);
	auth_close(auth);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	rmdir(dir);
	return failed;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transactions of H.248 through the control process: a whole server and its gateway, whose
 * controller is a socket of this process. Each call is made (two terminations), changed and ended,
 * while so many others stand. Only the time from a message to what is sent for it counts, the
 * kernel's share of sending with it.
 */
#include "stand_in.h"

#include "../cp/auth/auth.h"
#include "../cp/h248/mg_priv.h"
#include "../cp/loop.h"
#include "../cp/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PORT_MIN = 1024, PAIRS = (65536 - PORT_MIN) / 2, BATCH = 64, VERSION = 3 };

#define TERMINATION(realm)                                                         \
	"A=ip/" realm "/${M{ST=1{O{MO=SR},L{\nc=IN IP4 $\nm=audio $ RTP/AVP -\n}," \
	"R{\nc=IN IP4 11.0.0.9\nm=audio 40000 RTP/AVP -\n}}}}"

enum step { MAKE, CHANGE, END, STEPS };

static struct options {
	uint32_t calls, standing;
	const char *dir;
} opt = { .dir = "/dev/shm", .calls = 20000, .standing = 10000 };

static struct config conf;
static struct server server;
static struct stand_in dp;
static struct event_base *base;
static struct mg *mg;
static struct auth *auth;
static int controller; /* its socket */
static double step_ns[STEPS];

static void die(const char *what)
{
	fprintf(stderr, "bench_h248: %s\n", what);
	exit(1);
}

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static struct ip_addr v4(uint32_t a)
{
	return ip_from_v4(be32_make(a));
}

/* ---- set-up ---- */

static int socket_any(uint16_t *port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&sa, len) || getsockname(fd, (struct sockaddr *)&sa, &len))
		die("no socket");
	*port = ntohs(sa.sin_port);
	return fd;
}

static void config_fill(const char *dir)
{
	/* No controller gets the last of them (cp/share.h). */
	const uint32_t contexts = opt.standing + opt.standing / 8 + 16 * BATCH;
	const uint16_t relays = (uint16_t)(contexts / PAIRS + 1); /* of each realm */
	uint16_t port;

	conf.dataplane.n_workers = 1;
	conf.dataplane.sessions = 64;
	conf.dataplane.ring_slots = 4096;
	conf.tcp.connections = 16;
	conf.n_realm = 2;
	snprintf(conf.realm[0].name, CTL_NAME_MAX, "access");
	snprintf(conf.realm[1].name, CTL_NAME_MAX, "core");
	conf.realm[0].domain_index = conf.realm[1].domain_index = CONFIG_DOMAINS_MAX;
	for (uint16_t i = 0; i < 2 * relays; i++) {
		conf.relay[i] = (struct config_relay){ .addr = v4(0xc6336400 + i),
						       .port_min = PORT_MIN,
						       .port_max = 65535,
						       .realm_index = i % 2 };
	}
	conf.n_relay = (uint16_t)(2 * relays);
	conf.gateway = (struct config_gateway){ .contexts = contexts,
						.lifetime = 86400,
						.answer_timeout = 3600,
						.events = 64,
						.h248_brief = true,
						.h248_overload = 100,
						.n_h248_controller = 1 };
	conf.gateway.h248_addr = conf.gateway.h248_controller[0].addr = v4(INADDR_LOOPBACK);
	close(socket_any(&conf.gateway.h248_port));
	controller = socket_any(&port);
	conf.gateway.h248_controller[0].port = port;
	snprintf(conf.gateway.h248_profile, sizeof(conf.gateway.h248_profile), "threegiq/1");
	conf.auth = (struct config_auth){ .sha256 = true, .nonce_lifetime = 3600 };
	snprintf(conf.auth.users_db, sizeof(conf.auth.users_db), "%s/users.db", dir);
	snprintf(conf.turn.realm, sizeof(conf.turn.realm), "example.org");
	snprintf(conf.control.state, sizeof(conf.control.state), "%s/state", dir);
	snprintf(conf.control.contexts, sizeof(conf.control.contexts), "%s/contexts", dir);
}

static void turns(void)
{
	enum dplink_work work;

	do {
		server_clock(&server, loop_now_ms(), loop_wall_ms());
		work = server_poll(&server);
		stand_in_obey(&dp);
	} while (work != DPLINK_IDLE);
}

/* ---- the controller ---- */

/* What came last; false: nothing. */
static bool hear(char *text, size_t len)
{
	ssize_t n = recv(controller, text, len - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static void say(const char *text)
{
	const struct source_addr from = { .addr = mg->controller[0] };

	mg_take(mg, &from, text, strlen(text));
}

static void begin(void)
{
	char err[512], text[4096], reply[256];
	unsigned id = 0;

	auth = auth_open(&conf, err, sizeof(err));
	if (!auth)
		die(err);
	if (!server_open(&server, &conf, auth, loop_now_ms(), loop_wall_ms(), err, sizeof(err)) ||
	    !(server.gateway = gate_open(&server, err, sizeof(err))))
		die(err);
	ports_resume(server.ports, server_now(&server));
	if (!server_attach(&server, dup(dp.memfd), dp.size, dup(dp.wake_cp), err, sizeof(err)))
		die(err);
	do
		turns();
	while (dplink_replaying(server.link));
	base = event_base_new();
	if (!mg_start(&server, server.gateway, base, &mg, err, sizeof(err)))
		die(err);
	if (!hear(text, sizeof(text)) || sscanf(text, "!/1 %*s T=%u", &id) != 1)
		die("the gateway does not register");
	snprintf(reply, sizeof(reply), "!/%d [127.0.0.1] P=%u{C=-{SC=ROOT{SV{V=%d}}}}", VERSION, id,
		 VERSION);
	say(reply);
	if (mg_state(mg) != MG_SERVED)
		die("the gateway is not registered");
}

/* A transaction; its reply is in text. */
static void ask(enum step step, const char *actions, char *text, size_t len)
{
	static uint32_t id;
	char message[2048];
	double since;

	snprintf(message, sizeof(message), "!/%d [127.0.0.1] T=%u{%s}", VERSION, ++id, actions);
	since = now_ns();
	say(message);
	step_ns[step] += now_ns() - since;
	if (!hear(text, len) || strstr(text, "ER="))
		die(text);
}

static uint32_t call_make(char name[MG_NAME_MAX])
{
	char text[4096];
	unsigned n = 0;

	ask(MAKE, "C=${" TERMINATION("access") "," TERMINATION("core") "}", text, sizeof(text));
	if (sscanf(strstr(text, "C="), "C=%u{A=%64[^ ,{]", &n, name) != 2)
		die(text);
	return n;
}

static void call(void)
{
	char name[MG_NAME_MAX], text[4096], actions[256];
	const uint32_t n = call_make(name);

	snprintf(actions, sizeof(actions), "C=%u{MF=%s{M{O{MO=SO}}}}", n, name);
	ask(CHANGE, actions, text, sizeof(text));
	snprintf(actions, sizeof(actions), "C=%u{W-S=*{AT{}}}", n);
	ask(END, actions, text, sizeof(text));
}

/*
 * The clock goes on by what a controller at half of its rate would take, so that none is refused;
 * what is due then is done.
 */
static void later(uint64_t *passed)
{
	turns();
	*passed += BATCH * STEPS * 2000 / MG_RATE_MAX + 1;
	server_clock(&server, loop_now_ms() + *passed, loop_wall_ms() + *passed);
}

int main(int argc, char **argv)
{
	char dir[128], path[256], name[MG_NAME_MAX];
	static const char *const files[] = { "state",	 "state.ports",	  "state.dataplane",
					     "contexts", "contexts.h248", "users.db",
					     "nonce.key" };
	double all = 0;
	uint64_t passed = 0;
	int o;

	while ((o = getopt(argc, argv, "n:s:d:")) != -1) {
		if (o == 'n')
			opt.calls = (uint32_t)strtoul(optarg, NULL, 10);
		else if (o == 's')
			opt.standing = (uint32_t)strtoul(optarg, NULL, 10);
		else if (o == 'd')
			opt.dir = optarg;
		else
			return 2;
	}
	snprintf(dir, sizeof(dir), "%s/bench-h248-XXXXXX", opt.dir);
	if (!opt.calls || !mkdtemp(dir))
		die("no directory");
	config_fill(dir);
	if (!stand_in_open(&dp, &conf))
		die("no region");
	begin();
	for (uint32_t i = 0; i < opt.standing; i++) {
		call_make(name);
		if (i % BATCH == BATCH - 1)
			later(&passed);
	}
	memset(step_ns, 0, sizeof(step_ns));
	for (uint32_t i = 0; i < opt.calls; i++) {
		call();
		if (i % BATCH == BATCH - 1)
			later(&passed);
	}
	for (int i = 0; i < STEPS; i++)
		all += step_ns[i];
	printf("{\"calls\": %u, \"standing\": %u, \"transactions_per_s\": %.0f, \"ns_make\": %.0f, "
	       "\"ns_change\": %.0f, \"ns_end\": %.0f}\n",
	       opt.calls, opt.standing, opt.calls * STEPS * 1e9 / all, step_ns[MAKE] / opt.calls,
	       step_ns[CHANGE] / opt.calls, step_ns[END] / opt.calls);
	mg_stop(mg);
	gate_close(server.gateway);
	server.gateway = NULL;
	server_close(&server);
	auth_close(auth);
	event_base_free(base);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	return rmdir(dir) == 0 ? 0 : 1;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Allocations through the control process: all of it but its socket, fed through a real region and
 * its rings. What stands in for the dataplane is in this process: it writes requests as dp/turn's
 * punt does and takes commands and replies. Each client lives a whole life: a challenge, Allocate,
 * ChannelBind, Refresh, and Refresh with lifetime 0; a restart of the control process comes in
 * between. Only the time inside the server counts, `batch` requests a turn: what a client spends on
 * signing is its own.
 *
 * Memory: what the process's resident pages grew by while the sessions were made, by what they are
 * mapped from: its heap, and the state file.
 *
 * Records: with -R each session has two, and the thread that writes them costs CPU time beside the
 * server's: sessions_per_second is how many one core can begin and end, of both. -f is
 * its floor. With -a each record must be in the file; clients wait there until the thread has room,
 * so that it does not matter who runs when.
 */
#include "stand_in.h"

#include "../cp/auth/digest.h"
#include "../cp/auth/rest.h"
#include "../cp/auth/users.h"
#include "../cp/loop.h"
#include "../cp/record/records.h"
#include "../cp/server.h"

#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define REALM "example.org"
#define PASSWORD "fairlead"
#define SECRET "0123456789abcdef"

enum {
	PORTS_PER_RELAY = 65535 - 1024 + 1,
	SPARE = 4, /* a fourth more ports than sessions, as an operator plans */
	CLIENT_PORTS = 60000,
	NONCE_CAP = 64,
	ROOM_MIN = 4096,     /* records: of a batch, and of ends that wait (tell.h) */
	BYTES_FROM = 100000, /* sessions; with fewer most of it would be what is taken anyway */
	VERIFY_EVERY = 61,   /* of the replies, one in so many has its signature looked at */
};

/* One step of a client's life. */
enum step { CHALLENGE, ALLOCATE, BIND, REFRESH, DELETE, STEPS };

struct client {
	uint8_t nonce_len;
	char nonce[NONCE_CAP];
};

struct credential {
	char name[48];
	uint8_t key[DIGEST_KEY_MAX];
	uint8_t key_len;
};

static struct options {
	uint32_t sessions, users, batch, floor;
	bool sha256, rest, records, judge;
	const char *dir;
} opt = { .dir = "/dev/shm", .sessions = 100000, .users = 1, .batch = 64 };

static struct config conf;
static struct server server;
static struct stand_in dp;
static struct client *clients;
static struct credential *credentials;
static double server_ns; /* inside the server, so far */
static uint64_t replies, records_lost, records_made;

/* Of this thread's CPU time: what else runs on the machine is not in it. */
static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* Of all other threads: there is one if there are records. */
static double others_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec - now_ns();
}

static void die(const char *what)
{
	fprintf(stderr, "bench_alloc: %s\n", what);
	exit(1);
}

static struct ip_addr v4(uint32_t a)
{
	return ip_from_v4(be32_make(a));
}

/* ---- set-up ---- */

static void config_fill(const char *dir)
{
	uint32_t n = opt.sessions, relays = (n + n / SPARE) / PORTS_PER_RELAY + 1;

	conf.dataplane.n_workers = 1;
	conf.dataplane.sessions = n;
	conf.dataplane.ring_slots = 1024;
	conf.tcp.connections = 16;
	conf.n_listener = 1;
	conf.listener[0].addr = (struct sock_addr){ v4(0xc0000201), be16_make(3478) };
	conf.n_relay = (uint16_t)relays;
	for (uint32_t i = 0; i < relays; i++)
		conf.relay[i] =
		    (struct config_relay){ v4(0xc6336400 + i), 1024, 65535, .turn = true };
	snprintf(conf.turn.realm, sizeof(conf.turn.realm), REALM);
	snprintf(conf.turn.software, sizeof(conf.turn.software), "Fairlead");
	conf.turn.lifetime_default = 600;
	conf.turn.lifetime_max = 3600;
	conf.turn.permission_lifetime = 300;
	conf.turn.channel_lifetime = 600;
	conf.turn.reservation_lifetime = 30;
	conf.turn.allocations_max = n;
	conf.turn.permissions_per_allocation = 64;
	conf.turn.channels_per_allocation = 64;
	conf.auth = (struct config_auth){ .md5 = true, .sha256 = true, .nonce_lifetime = 3600 };
	snprintf(conf.auth.users_db, sizeof(conf.auth.users_db), "%s/users.db", dir);
	conf.records = (struct config_records){ .queue = 16384, .size_mb = 1000, .files = 1 };
	snprintf(conf.records.file, sizeof(conf.records.file), "%s/records", dir);
	snprintf(conf.control.state, sizeof(conf.control.state), "%s/state", dir);
	if (opt.rest) {
		snprintf(conf.auth.rest_secret[0], CONFIG_STR_MAX, SECRET);
		conf.auth.n_rest_secret = 1;
	}
}

static void user_store_fill(void)
{
	char err[512];
	struct user_store *s = user_store_open(conf.auth.users_db, REALM, err, sizeof(err));

	if (!s)
		die(err);
	for (uint32_t i = 0; i < opt.users && !opt.rest; i++) {
		struct user u = { .has_md5 = true, .has_sha256 = true };

		snprintf(u.name, sizeof(u.name), "%s", credentials[i].name);
		digest_key(STUN_PWALG_MD5, u.name, REALM, PASSWORD, u.md5);
		digest_key(STUN_PWALG_SHA256, u.name, REALM, PASSWORD, u.sha256);
		digest_userhash(u.name, REALM, u.userhash);
		if (user_store_add(s, &u) != USER_OK)
			die(user_store_error(s));
	}
	user_store_close(s);
}

static void credentials_make(void)
{
	enum stun_pwalg alg = opt.sha256 ? STUN_PWALG_SHA256 : STUN_PWALG_MD5;
	char rest[REST_PASSWORD_LEN + 1];

	credentials = calloc(opt.users, sizeof(*credentials));
	for (uint32_t i = 0; credentials && i < opt.users; i++) {
		struct credential *c = &credentials[i];

		snprintf(c->name, sizeof(c->name), opt.rest ? "4000000000:user%u" : "user%u", i);
		if (opt.rest && !rest_password(SECRET, c->name, rest))
			die("no HMAC");
		c->key_len =
		    (uint8_t)digest_key(alg, c->name, REALM, opt.rest ? rest : PASSWORD, c->key);
	}
	clients = calloc(opt.sessions, sizeof(*clients));
	if (!credentials || !clients)
		die("out of memory");
	memset(clients, 1, opt.sessions * sizeof(*clients)); /* resident from now on */
}

/* ---- the dataplane's side ---- */

static struct sock_addr client_addr(uint32_t i)
{
	return (struct sock_addr){ v4(0x0a000000 + i / CLIENT_PORTS),
				   be16_make((uint16_t)(1024 + i % CLIENT_PORTS)) };
}

static uint32_t client_of(const struct sock_addr *a)
{
	struct be32 ip;

	memcpy(&ip, a->ip.b + 12, sizeof(ip));
	return (be32_get(ip) - 0x0a000000) * CLIENT_PORTS + be16_get(a->port) - 1024;
}

static const struct credential *credential_of(uint32_t i)
{
	return &credentials[i * 2654435761u % opt.users]; /* in no order */
}

static uint16_t integrity(void)
{
	return opt.sha256 ? STUN_ATTR_MESSAGE_INTEGRITY_SHA256 : STUN_ATTR_MESSAGE_INTEGRITY;
}

static void put_credentials(struct stun_builder *b, uint32_t i)
{
	static const uint8_t offer[8] = { 0, STUN_PWALG_SHA256, 0, 0, 0, STUN_PWALG_MD5 };
	const struct credential *c = credential_of(i);
	struct digest_span in = { .p = b->w.start };
	uint8_t mac[DIGEST_SHA256_LEN], *v;
	size_t n;

	stun_put(b, STUN_ATTR_USERNAME, c->name, strlen(c->name));
	stun_put(b, STUN_ATTR_REALM, REALM, strlen(REALM));
	stun_put(b, STUN_ATTR_NONCE, clients[i].nonce, clients[i].nonce_len);
	if (opt.sha256) {
		stun_put(b, STUN_ATTR_PASSWORD_ALGORITHMS, offer, sizeof(offer));
		stun_put(b, STUN_ATTR_PASSWORD_ALGORITHM, offer, 4);
	}
	v = stun_put_integrity(b, integrity(), &in.len);
	n = v ? digest_hmac(integrity(), c->key, c->key_len, &in, 1, mac) : 0;
	if (!n)
		die("cannot sign");
	memcpy(v, mac, n);
}

/* The request of a step, as a client with one peer makes it. Returns its length. */
static size_t request(uint32_t i, enum step step, uint8_t *buf, size_t cap)
{
	static const uint16_t method[STEPS] = { STUN_ALLOCATE, STUN_ALLOCATE, STUN_CHANNEL_BIND,
						STUN_REFRESH, STUN_REFRESH };
	const struct sock_addr peer = { v4(0x0c000000 + (i & 0xffffff)), be16_make(4000) };
	uint8_t tid[STUN_TID_LEN] = { (uint8_t)step };
	struct stun_builder b;

	memcpy(tid + 4, &i, sizeof(i));
	stun_begin(&b, buf, cap, stun_type((enum stun_method)method[step], STUN_REQUEST), tid);
	if (method[step] == STUN_ALLOCATE)
		stun_put_u32(&b, STUN_ATTR_REQUESTED_TRANSPORT, 17u << 24);
	if (step == BIND) {
		stun_put_u32(&b, STUN_ATTR_CHANNEL_NUMBER, 0x4000u << 16);
		stun_put_xor_addr(&b, STUN_ATTR_XOR_PEER_ADDRESS, &peer);
	}
	if (step == DELETE)
		stun_put_u32(&b, STUN_ATTR_LIFETIME, 0);
	if (step != CHALLENGE)
		put_credentials(&b, i);
	return stun_end(&b);
}

static void punt(uint32_t i, enum step step)
{
	struct evt_punt *e = (struct evt_punt *)ring_slot(&dp.evt, 0);

	memset(e, 0, offsetof(struct evt_punt, payload));
	e->payload_len = (uint16_t)request(i, step, e->payload, sizeof(e->payload));
	e->hdr.type = EVT_PUNT;
	e->hdr.len = (uint16_t)(offsetof(struct evt_punt, payload) + e->payload_len);
	e->leg.client = client_addr(i);
	e->rx_us = loop_now_ms() * 1000;
	ring_publish(&dp.evt, 1);
}

static bool signature_good(const struct stun_msg *m, const struct credential *c)
{
	const struct stun_val *v = opt.sha256 ? &m->integrity256 : &m->integrity;
	uint8_t hdr[STUN_HDR_LEN], mac[DIGEST_SHA256_LEN];
	const uint8_t *body;
	size_t len;

	return stun_integrity_input(m, v, hdr, &body, &len) &&
	       digest_hmac(integrity(), c->key, c->key_len,
			   (struct digest_span[]){ { hdr, sizeof(hdr) }, { body, len } }, 2,
			   mac) == v->len &&
	       memcmp(mac, v->val, v->len) == 0;
}

/* A reply is what the step calls for, or the figures are worth nothing. */
static void reply_take(const struct cmd_send *c, enum step step)
{
	uint32_t i = client_of(&c->leg.client);
	struct stun_msg m;

	if (i >= opt.sessions || stun_parse(&m, c->payload, c->payload_len) != STUN_OK ||
	    m.tid[0] != step)
		die("a reply that nobody waits for");
	if (step == CHALLENGE) {
		if (stun_get_error(&m.error_code) != 401 || m.nonce.len > NONCE_CAP)
			die("no challenge");
		clients[i].nonce_len = (uint8_t)m.nonce.len;
		memcpy(clients[i].nonce, m.nonce.val, m.nonce.len);
	} else if (m.cls != STUN_SUCCESS) {
		fprintf(stderr, "bench_alloc: step %d is answered with %d\n", step,
			stun_get_error(&m.error_code));
		exit(1);
	} else if (i % VERIFY_EVERY == 0 && !signature_good(&m, credential_of(i))) {
		die("a reply with a wrong signature");
	}
	replies++;
}

/* Takes what the server sent. Returns how many commands installed a session. */
static uint32_t commands_take(enum step step)
{
	int n = ring_count(&dp.cmd, 1);
	uint32_t sessions = 0;

	for (int i = 0; i < n; i++) {
		const struct ctl_hdr *h = (const struct ctl_hdr *)ring_peek(&dp.cmd, (uint32_t)i);

		if (h->type == CMD_SEND)
			reply_take((const struct cmd_send *)h, step);
		sessions += h->type == CMD_SESSION_SET;
		stand_in_answer(&dp, h);
	}
	if (n > 0)
		ring_release(&dp.cmd, (uint32_t)n);
	return sessions;
}

/* ---- the server's side ---- */

/* Turns of the loop until there is nothing to do, or a ring is full. */
static void server_turns(void)
{
	double start = now_ns();
	enum dplink_work work;
	const char *why;

	do {
		server_clock(&server, loop_now_ms(), loop_wall_ms());
		work = server_poll(&server);
	} while (work == DPLINK_MORE);
	server_ns += now_ns() - start;
	if (dplink_fault(server.link, &why))
		die(why);
}

static void server_begin(struct auth *auth)
{
	char err[512];

	if (!server_open(&server, &conf, auth, loop_now_ms(), loop_wall_ms(), err, sizeof(err)))
		die(err);
	if (opt.records && !(server.records = records_open(&conf.records, err, sizeof(err))))
		die(err);
	ports_resume(server.ports, server_now(&server));
	if (!server_attach(&server, dup(dp.memfd), dp.size, dup(dp.wake_cp), err, sizeof(err)))
		die(err);
}

/* Counts records that were lost. */
static void server_end(void)
{
	struct records *r = server.records;

	server_close(&server);
	records_lost += records_stats(r).ring_full;
	records_made += records_stats(r).made;
	records_close(r);
	server.records = NULL;
}

/* Returns the sessions replayed. */
static uint32_t server_sync(void)
{
	uint32_t sessions = 0;

	do {
		server_turns();
		sessions += commands_take(STEPS);
	} while (dplink_replaying(server.link));
	return sessions;
}

static void writer_wait(void)
{
	while (opt.judge && records_room(server.records) < ROOM_MIN)
		poll(NULL, 0, 1);
}

/* All clients take a step. Returns nanoseconds of the server for each. */
static double run_step(enum step step)
{
	double before = server_ns;

	replies = 0;
	for (uint32_t i = 0; i < opt.sessions;) {
		writer_wait();
		for (uint32_t j = 0; j < opt.batch && i < opt.sessions; j++)
			punt(i++, step);
		do {
			server_turns();
			commands_take(step);
		} while (replies < i);
	}
	if (replies != opt.sessions)
		die("requests without a reply");
	return (server_ns - before) / opt.sessions;
}

/* ---- records ---- */

static uint64_t lines_of_file(void)
{
	FILE *f = fopen(conf.records.file, "r");
	uint64_t n = 0;
	int c;

	while (f && (c = getc_unlocked(f)) != EOF)
		n += c == '\n';
	if (f)
		fclose(f);
	return n;
}

static void records_print(const double ns[STEPS], double writer_ns)
{
	const double session_ns = ns[CHALLENGE] + ns[ALLOCATE] + ns[DELETE] + 2 * writer_ns;

	printf("\"records\": %" PRIu64 ", \"records_lost\": %" PRIu64
	       ", \"record_ns\": %.0f, \"sessions_per_second\": %.0f, ",
	       records_made, records_lost, writer_ns, 1e9 / session_ns);
	if (!opt.judge)
		return;
	if (records_lost || records_made != 2 * (uint64_t)opt.sessions ||
	    lines_of_file() != records_made)
		die("a record of a session's start or end is not in the file");
	if (1e9 / session_ns < opt.floor)
		die("fewer sessions a second begin and end with records than -f says");
}

static void run(struct auth *auth)
{
	uint64_t heap[2], shared[2];
	double ns[STEPS], open_ms, replay_ns, t, writer_ns = others_ns();

	stand_in_resident(&heap[0], &shared[0]);
	server_begin(auth);
	server_sync();
	for (enum step s = CHALLENGE; s <= BIND; s++)
		ns[s] = run_step(s);
	stand_in_resident(&heap[1], &shared[1]);
	server_end();
	t = now_ns();
	server_begin(auth);
	open_ms = (now_ns() - t) / 1e6;
	t = server_ns;
	if (server_sync() != opt.sessions)
		die("sessions were lost in a restart");
	replay_ns = (server_ns - t) / opt.sessions;
	ns[REFRESH] = run_step(REFRESH);
	ns[DELETE] = run_step(DELETE);
	if (table_stats(server.table)->allocs)
		die("allocations are left over");
	server_end();
	writer_ns = records_made ? (others_ns() - writer_ns) / (double)records_made : 0;
	printf("{\"bench\": \"alloc\", \"sessions\": %u, \"users\": %u, \"credentials\": \"%s\", "
	       "\"integrity\": \"%s\", \"batch\": %u, ",
	       opt.sessions, opt.users, opt.rest ? "rest" : "stored",
	       opt.sha256 ? "sha256" : "sha1", opt.batch);
	printf("\"challenge_ns\": %.0f, \"allocate_ns\": %.0f, \"bind_ns\": %.0f, \"refresh_ns\": "
	       "%.0f, \"delete_ns\": %.0f, ",
	       ns[CHALLENGE], ns[ALLOCATE], ns[BIND], ns[REFRESH], ns[DELETE]);
	printf("\"per_second\": %.0f, \"per_second_challenged\": %.0f, ", 1e9 / ns[ALLOCATE],
	       1e9 / (ns[CHALLENGE] + ns[ALLOCATE]));
	if (opt.records)
		records_print(ns, writer_ns);
	printf("\"restart_ms\": %.1f, \"replay_ns\": %.0f", open_ms, replay_ns);
	if (opt.sessions >= BYTES_FROM)
		printf(", \"heap_bytes\": %.0f, \"state_bytes\": %.0f",
		       ((double)heap[1] - (double)heap[0]) / opt.sessions,
		       ((double)shared[1] - (double)shared[0]) / opt.sessions);
	printf("}\n");
}

static int usage(void)
{
	fputs("Usage: bench_alloc [-n SESSIONS] [-u USERS] [-b BATCH] [-r] [-2] [-R [-a [-f "
	      "FLOOR]]] [-d DIR]\n"
	      "  -u  users that share the sessions (1)\n"
	      "  -b  requests a turn, 1 to 256 (64)\n"
	      "  -r  time-limited credentials instead of stored users\n"
	      "  -2  SHA-256 (RFC 8489) instead of MD5 and SHA-1\n"
	      "  -R  records of all allocations go to a file there as well\n"
	      "  -a  fails if a record is missing, or fewer sessions than FLOOR begin and end a "
	      "second\n"
	      "  -d  where the state file is (/dev/shm)\n",
	      stderr);
	return 2;
}

static bool options_read(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "n:u:b:r2Raf:d:")) != -1) {
		if (c == 'n')
			opt.sessions = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'u')
			opt.users = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'b')
			opt.batch = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'r')
			opt.rest = true;
		else if (c == '2')
			opt.sha256 = true;
		else if (c == 'R')
			opt.records = true;
		else if (c == 'a')
			opt.judge = true;
		else if (c == 'f')
			opt.floor = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'd')
			opt.dir = optarg;
		else
			return false;
	}
	return opt.sessions && opt.users && (opt.records || !opt.judge) &&
	       (opt.judge || !opt.floor) && opt.batch && opt.batch <= 256 && optind == argc;
}

int main(int argc, char **argv)
{
	static const char *const files[] = { "users.db",    "users.db-wal", "users.db-shm", "state",
					     "state.ports", "nonce.key",    "records" };
	char err[512], dir[128], path[160];
	struct auth *auth;

	if (!options_read(argc, argv))
		return usage();
	snprintf(dir, sizeof(dir), "%s/fl-bench-XXXXXX", opt.dir);
	if (!mkdtemp(dir) || !digest_open(err, sizeof(err)))
		die("cannot make a directory, or OpenSSL lacks something");
	config_fill(dir);
	credentials_make();
	user_store_fill();
	if (!stand_in_open(&dp, &conf))
		die("no shared memory");
	auth = auth_open(&conf, err, sizeof(err));
	if (!auth)
		die(err);
	run(auth);
	auth_close(auth);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	rmdir(dir);
	return 0;
}

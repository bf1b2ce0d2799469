/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pins the dataplane's side of the handshake (lib/ctl_abi.h): who is welcomed and with what, who
 * is refused and why, that there is one control process at a time and that a silent or broken one
 * does not keep the place (R70), what it may ask for once it is in (ticket keys, R9; certificates
 * read again, R76: a broken file leaves the old ones in force and says so) and that anything else
 * ends it, that one which writes nonsense into a ring loses it and the next finds rings that work,
 * that a socket is taken over from the dead but not from the living, and that it belongs to whom
 * its directory belongs.
 */
#include "tests/world/unit.h"
#include "tests/world/control.h"
#include "tests/world/make_cert.h"

#include "dp/service.h"
#include "dp/tls/accel.h"
#include "dp/tls/handshake.h"
#include "dp/tls/tickets.h"
#include "lib/process_use.h"

#include <errno.h>
#include <fcntl.h>
#include <rte_log.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { HELLO_MS = 1000 };

static struct service service;
static char dir[] = "/tmp/fl_service.XXXXXX";
static uint64_t now_ms;
static struct tickets tickets;
static int fds[8]; /* as they came with the last welcome */
static size_t n_fds;

static int group_setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	return rmdir(dir);
}

static bool serve(struct service *s, char *err, size_t errlen)
{
	return service_open(s, &world.dp, world.region_fd, err, errlen);
}

/* The world as it is configured, and a service in it. */
static int start(void **state)
{
	char err[512] = "";

	(void)state;
	snprintf(world.conf.dataplane.socket, sizeof(world.conf.dataplane.socket), "%s/dp.sock",
		 dir);
	world_start();
	world.dp.wake_cp = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	world.dp.n_ports = 0; /* no device to ask */
	now_ms = 5000;
	n_fds = 0;
	if (!serve(&service, err, sizeof(err)))
		fail_msg("%s", err);
	return 0;
}

static int setup(void **state)
{
	world_config();
	return start(state);
}

static void fds_close(void)
{
	while (n_fds)
		close(fds[--n_fds]);
}

static int teardown(void **state)
{
	(void)state;
	fds_close();
	service_close(&service);
	close(world.dp.wake_cp);
	world_stop();
	return 0;
}

/* ---- a control process ---- */

static struct sockaddr_un address(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", world.conf.dataplane.socket);
	return a;
}

static void turn(void)
{
	service_turn(&service, now_ms, 0);
}

static int client(void)
{
	struct sockaddr_un a = address();
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	turn();
	return fd;
}

static struct ctl_hello hello(void)
{
	return (struct ctl_hello){ .magic = CTL_ABI_MAGIC,
				   .abi_version = CTL_ABI_VERSION,
				   .pid = 1,
				   .config_digest = config_digest(&world.conf) };
}

static void say(int fd, const void *msg, size_t len)
{
	assert_int_equal(send(fd, msg, len, MSG_NOSIGNAL), len);
	turn();
}

/* Takes one message and its descriptors; what recvmsg() said. */
static ssize_t hear(int fd, struct ctl_welcome *w)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(fds))];
	} ctl;
	struct iovec iov = { w, sizeof(*w) };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = ctl.bytes,
			    .msg_controllen = sizeof(ctl.bytes) };
	ssize_t n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;

	fds_close();
	if (!c)
		return n;
	assert_int_equal(c->cmsg_level, SOL_SOCKET);
	assert_int_equal(c->cmsg_type, SCM_RIGHTS);
	assert_null(CMSG_NXTHDR(&m, c));
	n_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fds, CMSG_DATA(c), n_fds * sizeof(int));
	return n;
}

/* The connection has ended, with nothing more to read. */
static void expect_end(int fd)
{
	struct ctl_welcome w;

	assert_int_equal(hear(fd, &w), 0);
	close(fd);
}

static void expect_silence(int fd)
{
	struct ctl_welcome w;

	assert_int_equal(hear(fd, &w), -1);
	assert_int_equal(errno, EAGAIN);
}

/* A refusal brings no descriptor, and the connection ends. */
static void expect_refusal(int fd, enum ctl_verdict verdict)
{
	struct ctl_welcome w;

	assert_int_equal(hear(fd, &w), sizeof(w));
	assert_int_equal(w.magic, CTL_ABI_MAGIC);
	assert_int_equal(w.abi_version, CTL_ABI_VERSION);
	assert_int_equal(w.verdict, verdict);
	assert_int_equal(n_fds, 0);
	expect_end(fd);
}

static void expect_welcome(int fd)
{
	struct ctl_welcome w;

	assert_int_equal(hear(fd, &w), sizeof(w));
	assert_int_equal(w.magic, CTL_ABI_MAGIC);
	assert_int_equal(w.abi_version, CTL_ABI_VERSION);
	assert_int_equal(w.verdict, CTL_WELCOME);
	assert_int_equal(w.region_size, world.dp.region_size);
	assert_int_equal(w.config_digest, config_digest(&world.conf));
	assert_int_equal(w.live_digest, config_both_digest(&world.conf));
	assert_int_equal(n_fds, 2);
}

/* A client that does all right, welcomed. */
static int attach(void)
{
	struct ctl_hello h = hello();
	int fd = client();

	say(fd, &h, sizeof(h));
	expect_welcome(fd);
	return fd;
}

/* The place is free: the next to come gets it. */
static void expect_free(void)
{
	close(attach());
	turn();
}

/* ---- tests ---- */

static void welcome_brings_region_and_eventfd(void **state)
{
	struct region *r;
	struct stat st;
	uint64_t rings;
	int fd = attach();

	(void)state;
	assert_int_equal(fstat(fds[0], &st), 0);
	assert_int_equal(st.st_size, world.dp.region_size);
	r = mmap(NULL, world.dp.region_size, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
	assert_ptr_not_equal(r, MAP_FAILED);
	assert_int_equal(r->magic, CTL_ABI_MAGIC);
	assert_int_equal(r->generation, world.dp.region->generation);
	munmap(r, world.dp.region_size);
	assert_int_equal(eventfd_write(world.dp.wake_cp, 3), 0);
	assert_int_equal(eventfd_read(fds[1], &rings), 0);
	assert_int_equal(rings, 3);
	close(fd);
}

/* fairlead-cp cannot ask the kernel for all of it. */
static void it_tells_of_its_own_process(void **state)
{
	const struct ctl_process *p = &world.dp.region->process;
	struct process_use now;
	uint32_t turns;
	int fd;

	(void)state;
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	service_turn(&service, 60000, 0);
	process_use(&now);
	assert_int_equal(p->fds, now.fds);
	assert_int_equal(p->fds_max, now.fds_max);
	assert_int_equal(p->threads, now.threads);
	assert_in_range(p->resident_bytes, 1 << 20, p->virtual_bytes);
	assert_in_range(p->cpu_us, 1, (uint64_t)(now.cpu_s * 1e6) + 1);
	/* Another one opens, and the next second tells. */
	close(fd);
	turns = world.dp.region->service_turns;
	service_turn(&service, 61000, 0);
	assert_int_equal(world.dp.region->service_turns, turns + 1);
	assert_int_equal(p->fds, now.fds - 1);
}

/* A shorter region would kill the workers with SIGBUS. */
static void region_keeps_its_size(void **state)
{
	off_t size = (off_t)world.dp.region_size;
	int fd = attach();

	(void)state;
	assert_int_equal(ftruncate(fds[0], size - 4096), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fds[0], size + 4096), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(fcntl(fds[0], F_ADD_SEALS, F_SEAL_WRITE), -1);
	assert_int_equal(errno, EPERM);
	close(fd);
}

static void wrong_abi_is_refused(void **state)
{
	struct ctl_hello h = hello();
	int fd = client();

	(void)state;
	h.abi_version++;
	h.config_digest++; /* means nothing to one who does not know the version */
	say(fd, &h, sizeof(h));
	expect_refusal(fd, CTL_BAD_ABI);
	expect_free();
}

/* Another version's hello may have another length. */
static void wrong_abi_of_any_length_is_refused_as_such(void **state)
{
	static const size_t length[] = { offsetof(struct ctl_hello, config_digest),
					 sizeof(struct ctl_hello) - 1,
					 sizeof(struct ctl_hello) + 8 };
	struct {
		struct ctl_hello h;
		uint64_t more;
	} longer = { .h = hello() };

	(void)state;
	longer.h.abi_version--;
	for (size_t i = 0; i < sizeof(length) / sizeof(length[0]); i++) {
		int fd = client();

		say(fd, &longer, length[i]);
		expect_refusal(fd, CTL_BAD_ABI);
		expect_free();
	}
}

static void wrong_config_is_refused(void **state)
{
	struct ctl_hello h = hello();
	int fd = client();

	(void)state;
	h.config_digest ^= UINT64_C(1) << 63;
	say(fd, &h, sizeof(h));
	expect_refusal(fd, CTL_BAD_CONFIG);
	expect_free();
}

/* What is no hello is not answered at all. */
static void no_hello_is_dropped(void **state)
{
	struct ctl_hello h[2] = { hello(), hello() };
	int fd;

	(void)state;
	fd = client();
	say(fd, h, sizeof(h[0]) - 1);
	expect_end(fd);
	fd = client();
	say(fd, h, sizeof(h[0]) + 1);
	expect_end(fd);
	h[0].magic ^= 1;
	fd = client();
	say(fd, h, sizeof(h[0]));
	expect_end(fd);
	expect_free();
}

static void second_hello_ends_it(void **state)
{
	struct ctl_hello h = hello();
	int fd = attach();

	(void)state;
	say(fd, &h, sizeof(h));
	expect_end(fd);
	expect_free();
}

static void one_at_a_time(void **state)
{
	struct ctl_hello h = hello();
	int first = attach(), second = client();

	(void)state;
	expect_refusal(second, CTL_BUSY);
	/* The first does not notice, */
	expect_silence(first);
	assert_true(service.attached);
	/* however long it is silent once it is in. */
	now_ms += 100 * HELLO_MS;
	turn();
	expect_silence(first);
	close(first);
	turn();
	second = client();
	say(second, &h, sizeof(h));
	expect_welcome(second);
	close(second);
}

static void silent_client_is_dropped(void **state)
{
	int first = client(), second;

	(void)state;
	now_ms += HELLO_MS - 1;
	second = client();
	/* Who comes meanwhile waits and is not sent away: */
	expect_silence(first);
	expect_silence(second);
	now_ms++;
	turn();
	expect_end(first);
	/* its own second starts when it gets the place. */
	now_ms += HELLO_MS;
	turn();
	now_ms += HELLO_MS - 1;
	turn();
	expect_silence(second);
	now_ms++;
	turn();
	expect_end(second);
	expect_free();
}

static const char *said(uint64_t ms);

static void says(uint64_t ms, const char *a, const char *b)
{
	const char *line = said(ms);

	if (!strstr(line, a) || !strstr(line, b))
		fail_msg("it says '%s', not '%s' and '%s'", line, a, b);
}

/* Who is not ours is named, with its pid, once a second at most. */
static void strangers_are_named(void **state)
{
	char who[64];
	int fd;

	(void)state;
	snprintf(who, sizeof(who), "pid %d (user %u) is no fairlead-cp", (int)getpid(), geteuid());
	fd = client();
	assert_int_equal(send(fd, "GET /", 5, MSG_NOSIGNAL), 5);
	says(now_ms, who, "what it says is no hello");
	expect_end(fd);
	fd = client();
	assert_int_equal(send(fd, "GET /", 5, MSG_NOSIGNAL), 5);
	assert_string_equal(said(now_ms), "");
	expect_end(fd);
	fd = client();
	now_ms += HELLO_MS;
	says(now_ms, who, "it says no hello");
	expect_end(fd);
}

/* Of a second control process the log has both pids, however often it tries. */
static void the_second_is_named(void **state)
{
	struct sockaddr_un a = address();
	int first = attach(), second;
	char want[64];

	(void)state;
	snprintf(want, sizeof(want), "the fairlead-cp with pid %d is attached", (int)getpid());
	for (int i = 0; i < 3; i++) {
		second = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		assert_int_equal(connect(second, (struct sockaddr *)&a, sizeof(a)), 0);
		if (i == 0)
			close(second); /* it only looked whether somebody is there */
		if (i == 1)
			says(now_ms, "is turned away", want);
		else
			assert_string_equal(said(now_ms), "");
		if (i)
			expect_refusal(second, CTL_BUSY);
	}
	close(first);
}

/* A hello that has come counts, even if we were too slow to look. */
static void late_look_is_not_silence(void **state)
{
	struct ctl_hello h = hello();
	int fd = client();

	(void)state;
	now_ms += 10 * HELLO_MS;
	say(fd, &h, sizeof(h));
	expect_welcome(fd);
	turn();
	assert_true(service.attached);
	close(fd);
}

static struct ring_shm *cmd_ring(void)
{
	return (struct ring_shm *)((uint8_t *)world.dp.region +
				   world.dp.region->worker[0].cmd_ring);
}

static void broken_rings_detach_and_heal(void **state)
{
	struct cmd_session_set c = { .sid = { 0, 1 },
				     .leg = { at("10.1.0.2", 5000), 0, 0, 0 },
				     .relay = { { 0, be16_make(RELAY_PORT) },
						{ CTL_RELAY_NONE, be16_make(0) } },
				     .expiry = WORLD_START_S + 600 };
	int fd = attach(), next;

	(void)state;
	assert_true(world_cmd(0, CMD_SESSION_SET, &c, sizeof(c)));
	atomic_store(&cmd_ring()->head, 1u << 30);
	world_run();
	turn();
	expect_end(fd);
	/* Until the worker has made them anew nobody gets near them; it relays all the same. */
	next = client();
	turn();
	expect_silence(next);
	assert_int_equal(service.client_fd, -1);
	world_run();
	assert_int_equal(atomic_load(&cmd_ring()->head), 0);
	turn();
	close(next);
	turn();
	fd = attach();
	assert_true(
	    ring_attach_writer(&world.cmd[0], cmd_ring(), world.dp.region->worker[0].cmd_slots));
	c.sid = (struct ctl_sid){ 1, 1 };
	c.leg.client = at("10.1.0.2", 5001);
	c.relay[0].port = be16_make(RELAY_PORT + 2);
	assert_true(world_cmd(0, CMD_SESSION_SET, &c, sizeof(c)));
	assert_int_equal(world.w->session[0].gen, 1);
	turn();
	assert_true(service.attached);
	close(fd);
}

/* ---- requests ---- */

/* Asks, and takes the answer; false: none came, and the connection has ended. */
static bool ask(int fd, const void *msg, size_t len, struct msg_result *r)
{
	ssize_t n;

	say(fd, msg, len);
	n = recv(fd, r, sizeof(*r), MSG_DONTWAIT | MSG_TRUNC);
	if (n == 0)
		return false;
	assert_int_equal(n, sizeof(*r));
	assert_int_equal(r->hdr.type, MSG_RESULT);
	assert_int_equal(r->hdr.seq, ((const struct msg_hdr *)msg)->seq);
	return true;
}

static void ticket_keys_are_taken(void **state)
{
	struct msg_ticket_keys m = { .hdr = { MSG_TICKET_KEYS, 7 } };
	struct ctl_ticket_keys got;
	struct msg_result r;
	int fd = attach();

	(void)state;
	memset(&m.keys, 'k', sizeof(m.keys));
	/* Where there are none to seal nobody waits for them. */
	assert_true(ask(fd, &m, sizeof(m), &r));
	assert_false(r.ok);
	assert_non_null(strstr(r.text, "neither a listener nor a realm has TLS"));
	memset(&tickets, 0, sizeof(tickets));
	world.dp.tickets = &tickets;
	assert_false(tickets_get(&tickets, &got));
	m.hdr.seq++;
	assert_true(ask(fd, &m, sizeof(m), &r));
	assert_true(r.ok);
	assert_string_equal(r.text, "");
	assert_true(tickets_get(&tickets, &got));
	assert_memory_equal(&got, &m.keys, sizeof(got));
	close(fd);
	/* Nobody is there to renew them. */
	world.conf.tls.ticket_lifetime = 100;
	service_turn(&service, now_ms += 100000, 0);
	assert_true(tickets_given(&tickets));
	service_turn(&service, now_ms += TICKETS_LATE_MS, 0);
	assert_false(tickets_given(&tickets));
	assert_true(tickets_get(&tickets, &got));
	service_turn(&service, now_ms += 100000, 0);
	assert_false(tickets_get(&tickets, &got));
	world.dp.tickets = NULL;
}

/* ---- an accelerator that stalls ---- */

static struct {
	bool stalled;
	uint32_t stalls;
} accelerator;

/* The linker puts these in the place of accel_ok() and the like. */
bool __wrap_accel_ok(const struct accel *a);
uint32_t __wrap_accel_stalls(const struct accel *a);
uint32_t __wrap_accel_jobs(const struct accel *a);

bool __wrap_accel_ok(const struct accel *a)
{
	(void)a;
	return !accelerator.stalled;
}

uint32_t __wrap_accel_stalls(const struct accel *a)
{
	(void)a;
	return accelerator.stalls;
}

uint32_t __wrap_accel_jobs(const struct accel *a)
{
	(void)a;
	return accelerator.stalled ? 5 : 0;
}

/* What a turn of the service says; at most one line. */
static const char *said(uint64_t ms)
{
	static char line[512];
	uint32_t level = (uint32_t)rte_log_get_level(RTE_LOGTYPE_USER1);
	FILE *f = tmpfile();

	rte_openlog_stream(f);
	rte_log_set_level(RTE_LOGTYPE_USER1, RTE_LOG_NOTICE);
	service_turn(&service, ms, 0);
	rte_log_set_level(RTE_LOGTYPE_USER1, level);
	rte_openlog_stream(NULL);
	rewind(f);
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	assert_null(fgets(line + strlen(line), 2, f));
	fclose(f);
	return line;
}

static void stalls_are_logged(void **state)
{
	uint64_t ms = now_ms + 1;

	(void)state;
	assert_string_equal(said(ms), "");
	accelerator.stalled = true;
	accelerator.stalls = 1;
	assert_non_null(strstr(said(++ms), "stalled 1 times"));
	assert_string_equal(said(++ms), "");
	accelerator.stalled = false;
	assert_non_null(strstr(said(++ms), "come back"));
	assert_string_equal(said(++ms), "");
	/* It comes and goes: told within the minute, all together. */
	accelerator.stalls = 40;
	assert_string_equal(said(++ms), "");
	accelerator.stalls = 41;
	accelerator.stalled = true;
	assert_string_equal(said(ms + 59000), "");
	assert_non_null(
	    strstr(said(ms + 61000), "stalled 40 times since the last word of it, has 5 jobs"));
	accelerator.stalled = false;
	accelerator.stalls = 0;
}

static void breaches_end_it(void **state)
{
	struct {
		struct msg_ticket_keys m;
		uint8_t more;
	} keys = { .m = { .hdr = { MSG_TICKET_KEYS, 1 } } };
	const struct {
		uint32_t type;
		size_t len;
	} breach[] = {
		{ MSG_TICKET_KEYS, sizeof(struct msg_hdr) },
		{ MSG_TICKET_KEYS, sizeof(struct msg_ticket_keys) - 1 },
		{ MSG_TICKET_KEYS, sizeof(struct msg_ticket_keys) + 1 },
		{ MSG_TLS_RELOAD, sizeof(struct msg_hdr) - 1 },
		{ MSG_TLS_RELOAD, sizeof(struct msg_ticket_keys) },
		{ MSG_TLS_RELOAD, 1 },
		{ MSG_CONFIG, sizeof(struct msg_hdr) },
		{ MSG_CONFIG, sizeof(struct msg_config) + 1 },
		{ MSG_RESULT, sizeof(struct msg_hdr) },
		{ MSG_RESULT + 1, sizeof(struct msg_hdr) },
		{ 0, sizeof(struct msg_hdr) },
	};
	struct ctl_ticket_keys got;
	struct msg_result r;

	(void)state;
	memset(&tickets, 0, sizeof(tickets));
	world.dp.tickets = &tickets;
	for (size_t i = 0; i < sizeof(breach) / sizeof(breach[0]); i++) {
		int fd = attach();

		keys.m.hdr.type = breach[i].type;
		assert_false(ask(fd, &keys, breach[i].len, &r));
		close(fd);
	}
	assert_false(tickets_get(&tickets, &got));
	world.dp.tickets = NULL;
}

/* Nothing is asked for before the hello. */
static void request_without_hello_is_dropped(void **state)
{
	struct msg_ticket_keys m = { .hdr = { MSG_TICKET_KEYS, 1 } };
	struct ctl_ticket_keys got;
	int fd = client();

	(void)state;
	memset(&tickets, 0, sizeof(tickets));
	world.dp.tickets = &tickets;
	say(fd, &m, sizeof(m));
	expect_end(fd);
	assert_false(tickets_get(&tickets, &got));
	world.dp.tickets = NULL;
}

/* ---- certificates ---- */

static EVP_PKEY *cert_key;

static void cert_write(const char *cn)
{
	struct cert_spec s = { .cn = cn };
	X509 *x = make_cert(&s, cert_key, NULL, NULL);

	write_certs(world.conf.certificate[0].chain, &x, 1);
	X509_free(x);
}

/* A world with one certificate, served by TLS. */
static int tls_setup(void **state)
{
	struct config *c = &world.conf;
	char err[512] = "";

	cert_key = make_key("EC:P-256");
	world_config();
	c->domain[0] = (struct config_domain){ .name = "default", .version_max = CONFIG_TLS_1_3 };
	c->n_domain = 1;
	snprintf(c->certificate[0].chain, sizeof(c->certificate[0].chain), "%s/chain", dir);
	snprintf(c->certificate[0].key, sizeof(c->certificate[0].key), "%s/key", dir);
	c->certificate[0].chain_line = 12;
	c->n_certificate = 1;
	c->listener[c->n_listener++] =
	    (struct config_listener){ .addr = at("10.1.0.1", 5349), .transport = TRANSPORT_TLS };
	c->tls = (struct config_tls){ .connections = 16,
				      .handshakes = 2,
				      .waiting = 2,
				      .handshake_ms = 1000,
				      .key_updates = 10,
				      .ticket_lifetime = 600 };
	write_key(c->certificate[0].key, cert_key, NULL);
	cert_write("old");
	if (start(state) != 0)
		return -1;
	if (!cryptos_create(&world.dp, err, sizeof(err)))
		fail_msg("%s", err);
	world_mark();
	return 0;
}

static int tls_teardown(void **state)
{
	cryptos_free(&world.dp);
	unlink(world.conf.certificate[0].chain);
	unlink(world.conf.certificate[0].key);
	EVP_PKEY_free(cert_key);
	return teardown(state);
}

static const struct ctl_cert_info *cert_info(void)
{
	const struct ctl_cert_info *i =
	    (const void *)((const uint8_t *)world.dp.region + world.dp.cert_info);

	assert_int_equal(i->seq % 2, 0);
	return i;
}

static void reload_takes_good_files_and_no_others(void **state)
{
	struct msg_hdr m = { MSG_TLS_RELOAD, 1 };
	struct msg_result r;
	char text[1024];
	int fd = attach();

	(void)state;
	assert_string_equal(cert_info()->subject, "CN=old");
	cert_write("new");
	assert_string_equal(cert_info()->subject, "CN=old");
	assert_true(ask(fd, &m, sizeof(m), &r));
	assert_true(r.ok);
	assert_string_equal(r.text, "");
	assert_string_equal(cert_info()->subject, "CN=new");

	write_text(world.conf.certificate[0].chain, "broken");
	m.seq++;
	assert_true(ask(fd, &m, sizeof(m), &r));
	assert_false(r.ok);
	snprintf(text, sizeof(text),
		 "%s:12: certificates[0].chain: %s: has no certificate in it; PEM is needed",
		 world.conf.file, world.conf.certificate[0].chain);
	assert_string_equal(r.text, text);
	assert_string_equal(cert_info()->subject, "CN=new");
	assert_string_equal(cert_info()->error, text);

	cert_write("newer");
	m.seq++;
	assert_true(ask(fd, &m, sizeof(m), &r));
	assert_true(r.ok);
	assert_string_equal(cert_info()->subject, "CN=newer");
	assert_string_equal(cert_info()->error, "");
	close(fd);
}

/* What SIGHUP sets; nobody need be attached. */
static void signal_reloads_once(void **state)
{
	uint32_t seq;

	(void)state;
	cert_write("new");
	atomic_store(&world.dp.reload, true);
	turn();
	assert_string_equal(cert_info()->subject, "CN=new");
	seq = cert_info()->seq;
	turn();
	assert_int_equal(cert_info()->seq, seq);
}

static void turn_at(uint64_t ms)
{
	now_ms = ms;
	turn();
}

/* Nobody says a word: a second later it is seen, and in the one after that it is over. */
static void files_that_change_are_read(void **state)
{
	(void)state;
	turn_at(5000);
	turn_at(6000);
	cert_write("new");
	turn_at(6500);
	assert_string_equal(cert_info()->subject, "CN=old");
	turn_at(7000);
	assert_string_equal(cert_info()->subject, "CN=old");
	turn_at(8000);
	assert_string_equal(cert_info()->subject, "CN=new");
	write_text(world.conf.certificate[0].chain, "broken");
	turn_at(9000);
	turn_at(10000);
	assert_string_equal(cert_info()->subject, "CN=new");
	assert_non_null(strstr(cert_info()->error, "has no certificate in it"));
	cert_write("newer");
	turn_at(11000);
	turn_at(12000);
	assert_string_equal(cert_info()->subject, "CN=newer");
	assert_string_equal(cert_info()->error, "");
}

static void live_socket_is_refused(void **state)
{
	struct service other;
	char err[512] = "";

	(void)state;
	assert_false(serve(&other, err, sizeof(err)));
	assert_non_null(strstr(err, world.conf.dataplane.socket));
	assert_non_null(strstr(err, "is served by another fairlead-dp"));
	/* Giving up must not take the socket from the other. */
	service_close(&other);
	turn(); /* it looked */
	turn();
	expect_free();
}

static void dead_socket_is_replaced(void **state)
{
	struct stat st;
	char err[512] = "";

	(void)state;
	/* As after a crash: nobody listens, the file is there. */
	close(service.listen_fd);
	assert_int_equal(access(world.conf.dataplane.socket, F_OK), 0);
	if (!serve(&service, err, sizeof(err)))
		fail_msg("%s", err);
	assert_int_equal(stat(world.conf.dataplane.socket, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	expect_free();
	service_close(&service);
	assert_int_equal(access(world.conf.dataplane.socket, F_OK), -1);
	service.listen_fd = service.client_fd = -1;
}

/* The control process runs as the owner of the directory, and alone may connect. */
static void socket_is_the_directory_owners(void **state)
{
	struct stat st;
	char err[512] = "";

	(void)state;
	if (geteuid() != 0)
		skip();
	service_close(&service);
	assert_int_equal(chown(dir, 12345, 0), 0);
	if (!serve(&service, err, sizeof(err)))
		fail_msg("%s", err);
	assert_int_equal(stat(world.conf.dataplane.socket, &st), 0);
	assert_int_equal(st.st_uid, 12345);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(chown(dir, 0, 0), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TLS(name) cmocka_unit_test_setup_teardown(name, tls_setup, tls_teardown)
	const struct CMUnitTest tests[] = {
		T(welcome_brings_region_and_eventfd),
		T(region_keeps_its_size),
		T(it_tells_of_its_own_process),
		T(wrong_abi_is_refused),
		T(wrong_abi_of_any_length_is_refused_as_such),
		T(wrong_config_is_refused),
		T(no_hello_is_dropped),
		T(second_hello_ends_it),
		T(one_at_a_time),
		T(silent_client_is_dropped),
		T(strangers_are_named),
		T(the_second_is_named),
		T(late_look_is_not_silence),
		T(broken_rings_detach_and_heal),
		T(ticket_keys_are_taken),
		T(stalls_are_logged),
		T(breaches_end_it),
		T(request_without_hello_is_dropped),
		TLS(reload_takes_good_files_and_no_others),
		TLS(signal_reloads_once),
		TLS(files_that_change_are_read),
		T(live_socket_is_refused),
		T(dead_socket_is_replaced),
		T(socket_is_the_directory_owners),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a dataplane may say on its socket (cp/dpsock.c): welcomes with any bytes and descriptors,
 * answers to what was asked and to what was not. An input is a list of records: kind (one byte, see
 * enum step), length (one byte), bytes. The control process never crashes, each request has one
 * answer, and no descriptor is left.
 */
#include "tests/world/cp_env.h"
#include "cp/dpsock.h"
#include "must.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum step {
	STEP_WELCOME, /* a right one, but for the bytes, which are put over it */
	STEP_RAW,
	STEP_ANSWER, /* to what was asked last; likewise */
	STEP_ASK,
	STEP_CLOSE,
	STEP_DROP,
	STEPS,
	FDS_SHIFT = 4,	      /* of the kind: how many descriptors, */
	FDS_SWAPPED = 1 << 6, /* and that they are in the wrong order */
};
enum { RECORDS_MAX = 16, TURNS = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct env env;
static struct event_base *base;
static struct dpsock *sock;
static int listener, fd;
static unsigned int asked, answered;
static uint32_t seq;

static void on_change(void *ctx)
{
	(void)ctx;
}

static void on_answer(void *ctx, bool ok, const char *text)
{
	(void)ctx;
	must(ok || text);
	answered++;
}

static void env_once(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (base)
		return;
	signal(SIGPIPE, SIG_IGN); /* as the process does */
	env_open(&env);
	env_start(&env, 64);
	dplink_detach(env.s.link);
	base = event_base_new();
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", env.conf.dataplane.socket);
	unlink(a.sun_path);
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	must(!bind(listener, (struct sockaddr *)&a, sizeof(a)) && !listen(listener, 4));
}

static unsigned int descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void turn(void)
{
	for (int i = 0; i < TURNS; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

/* A fresh one connects at once. */
static void meet(void)
{
	struct ctl_hello h;

	dpsock_free(sock);
	sock = dpsock_create(base, &env.s, on_change, NULL);
	must(sock);
	turn();
	if (fd >= 0)
		close(fd);
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	must(fd >= 0);
	must(recv(fd, &h, sizeof(h), 0) == sizeof(h));
}

static void say(const void *p, size_t len, uint8_t kind)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * 3)];
	} ctl = { .bytes = { 0 } };
	struct iovec iov = { (void *)(uintptr_t)p, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	size_t n = kind >> FDS_SHIFT & 3;
	int fds[3] = { env.dp.memfd, env.dp.wake_cp, env.dp.memfd };
	struct cmsghdr *c;

	if (kind & FDS_SWAPPED) {
		fds[0] = env.dp.wake_cp;
		fds[1] = env.dp.memfd;
	}
	if (n) {
		m.msg_control = ctl.bytes;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n);
	}
	sendmsg(fd, &m, MSG_NOSIGNAL);
	turn();
}

static void ask(void)
{
	struct msg_ticket_keys k = { .hdr = { MSG_TICKET_KEYS, 0 } };
	struct msg_hdr got;

	if (!dpsock_ask(sock, &k, sizeof(k), 60000, on_answer, NULL))
		return;
	asked++;
	turn();
	while (recv(fd, &got, sizeof(got), MSG_DONTWAIT) == sizeof(got))
		seq = got.seq;
}

static void step(uint8_t kind, const uint8_t *p, size_t len)
{
	union {
		struct ctl_welcome welcome;
		struct msg_result answer;
		uint8_t bytes[1024];
	} m = { .bytes = { 0 } };

	switch ((kind & 15) % STEPS) {
	case STEP_WELCOME:
		m.welcome = (struct ctl_welcome){ .magic = CTL_ABI_MAGIC,
						  .abi_version = CTL_ABI_VERSION,
						  .region_size = env.dp.size,
						  .config_digest = config_digest(&env.conf) };
		for (size_t i = 0; i < len && i < sizeof(m.welcome); i++)
			m.bytes[i] ^= p[i];
		say(&m, sizeof(m.welcome), kind);
		break;
	case STEP_RAW:
		say(p, len, kind);
		break;
	case STEP_ANSWER:
		m.answer.hdr = (struct msg_hdr){ MSG_RESULT, seq };
		for (size_t i = 0; i < len && i < sizeof(m.answer); i++)
			m.bytes[i] ^= p[i];
		say(&m, sizeof(m.answer), kind);
		break;
	case STEP_ASK:
		ask();
		break;
	case STEP_CLOSE:
		meet();
		break;
	default:
		dpsock_drop(sock, "it was found lying");
		meet();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned int before;

	env_once();
	asked = answered = 0;
	fd = -1;
	meet();
	for (int i = 0; i < RECORDS_MAX && size >= 2; i++) {
		size_t len = data[1] < size - 2 ? data[1] : size - 2;

		step(data[0], data + 2, len);
		data += 2 + len;
		size -= 2 + len;
	}
	dpsock_free(sock);
	sock = NULL;
	close(fd);
	dplink_detach(env.s.link);
	must(answered == asked);
	must(!before || descriptors() == before);
	before = descriptors();
	return 0;
}

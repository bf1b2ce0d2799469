/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Controllers of H.248 over SCTP (R32; TS 29.334 5.12, RFC 6458): messages whole and in pieces, of
 * any stream; what is too long, a controller that does not read, one that closes, a kernel without
 * SCTP. A pair of sockets of the kernel's that keep messages apart stands for the association, and
 * what SCTP says beside a message is put there by this test: tests/vm/sctp.sh has the real one.
 */
#include "tests/world/mg_world.h"

#include <errno.h>
#include <linux/sctp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TURNS = 2000, STREAMS = 4, LATER_MS = 3000 };

static struct mg_world w;
static struct h248_message m;
static char text[H248_MESSAGE_MAX + 1]; /* the last message */
static int fd = -1, next_fd = -1;	/* the controller's end; that of the gateway */
static struct sctp_sndinfo sent;	/* beside the last message of the gateway */
static struct {
	uint16_t stream;
	bool piece; /* no end of a message follows */
	bool none;  /* the kernel has no SCTP */
	unsigned connected;
} kernel;

int __wrap_mg_sctp_connect(const struct ip_addr *from, const struct sock_addr *to);
uint16_t __wrap_mg_sctp_streams(int socket);
int __real_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol);
ssize_t __real_sendmsg(int socket, const struct msghdr *h, int flags);
ssize_t __wrap_sendmsg(int socket, const struct msghdr *h, int flags);
ssize_t __real_recvmsg(int socket, struct msghdr *h, int flags);
ssize_t __wrap_recvmsg(int socket, struct msghdr *h, int flags);

int __wrap_mg_sctp_connect(const struct ip_addr *from, const struct sock_addr *to)
{
	int pair[2];

	assert_true(ip_eq(from, &w.e.conf.gateway.h248_addr));
	assert_true(be16_get(to->port));
	if (fd >= 0)
		close(fd);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	fd = pair[1];
	kernel.connected++;
	return next_fd = pair[0];
}

uint16_t __wrap_mg_sctp_streams(int socket)
{
	assert_int_equal(socket, next_fd);
	return STREAMS;
}

int __wrap_socket(int family, int type, int protocol)
{
	if (protocol == IPPROTO_SCTP && kernel.none) {
		errno = EPROTONOSUPPORT;
		return -1;
	}
	return __real_socket(family, type, protocol == IPPROTO_SCTP ? 0 : protocol);
}

ssize_t __wrap_sendmsg(int socket, const struct msghdr *h, int flags)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(h);

	if (c && c->cmsg_level == IPPROTO_SCTP && c->cmsg_type == SCTP_SNDINFO)
		memcpy(&sent, CMSG_DATA(c), sizeof(sent));
	return __real_sendmsg(socket, h, flags);
}

ssize_t __wrap_recvmsg(int socket, struct msghdr *h, int flags)
{
	const struct sctp_rcvinfo info = { .rcv_sid = kernel.stream };
	void *control = h->msg_control;
	ssize_t n = __real_recvmsg(socket, h, flags);
	struct cmsghdr *c = control;

	if (socket != next_fd || n <= 0)
		return n;
	assert_true(CMSG_SPACE(sizeof(info)) <= 64);
	c->cmsg_len = CMSG_LEN(sizeof(info));
	c->cmsg_level = IPPROTO_SCTP;
	c->cmsg_type = SCTP_RCVINFO;
	memcpy(CMSG_DATA(c), &info, sizeof(info));
	h->msg_controllen = CMSG_SPACE(sizeof(info));
	h->msg_flags = kernel.piece ? 0 : MSG_EOR;
	return n;
}

/* ---- the controller's end ---- */

static bool hear(void)
{
	for (int i = 0; i < TURNS; i++) {
		const ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

		text[n > 0 ? n : 0] = '\0';
		if (n > 0 && !h248_parse(&m, text, (size_t)n))
			fail_msg("%s: %s", m.wrong, text);
		if (n > 0)
			return true;
		mg_turn(&w);
	}
	return false;
}

static void put(uint16_t stream, const char *p, size_t len, bool piece)
{
	kernel.stream = stream;
	kernel.piece = piece;
	assert_int_equal(send(fd, p, len, MSG_NOSIGNAL), len);
	mg_turn(&w);
}

static void say(uint16_t stream, const char *what)
{
	put(stream, what, strlen(what), false);
}

static void has(const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in: %s", part, text);
}

static void take_charge(const char *method)
{
	char reply[256];

	assert_true(hear());
	has("ServiceChange = ROOT");
	has(method);
	assert_int_equal(sent.snd_sid, 0);
	assert_int_equal(ntohl(sent.snd_ppid), 7);
	snprintf(reply, sizeof(reply),
		 "MEGACO/3 [127.0.0.1] Reply = %.*s { Context = - { ServiceChange = ROOT { "
		 "Services { Version = 3 } } } }",
		 H248_TEXT(h248_child(&m, &m.item[0])->value));
	say(0, reply);
	assert_int_equal(mg_state(w.mg), MG_SERVED);
}

static int served(void **state)
{
	struct config_h248_controller *c = w.e.conf.gateway.h248_controller;
	char err[256];

	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	mg_world_prepare(&w, false);
	c = w.e.conf.gateway.h248_controller;
	c->transport = CONTROLLER_SCTP;
	w.e.conf.gateway.n_h248_controller = 1;
	if (!mg_start(&w.e.s, w.e.s.gateway, w.base, &w.mg, err, sizeof(err)))
		fail_msg("%s", err);
	take_charge("Restart");
	return 0;
}

static int end(void **state)
{
	(void)state;
	mg_world_close(&w);
	close(fd);
	fd = -1;
	return 0;
}

/* The connection ends, and the gateway comes back. */
static void comes_back(void)
{
	const unsigned before = kernel.connected;

	for (int i = 0; i < TURNS && mg_state(w.mg) == MG_SERVED; i++)
		mg_turn(&w);
	assert_int_not_equal(mg_state(w.mg), MG_SERVED);
	mg_pass(&w, LATER_MS);
	assert_int_equal(kernel.connected, before + 1);
	take_charge("Disconnected");
}

/* ---- tests ---- */

#define AUDIT(id)                                \
	"MEGACO/3 [127.0.0.1] Transaction = " id \
	" { Context = - { AuditValue = ROOT { Audit { } } } }"

/* An answer goes by its request's stream, if there is one of that number; all else by the first. */
static void test_streams(void **state)
{
	(void)state;
	for (uint16_t stream = 0; stream < 2 * STREAMS; stream++) {
		char ask[256];

		snprintf(ask, sizeof(ask),
			 "MEGACO/3 [127.0.0.1] Transaction = %u { Context = - { AuditValue = ROOT "
			 "{ Audit { } } } }",
			 100 + stream);
		say(stream, ask);
		assert_true(hear());
		snprintf(ask, sizeof(ask), "Reply = %u {", 100 + stream);
		has(ask);
		assert_int_equal(sent.snd_sid, stream < STREAMS ? stream : 0);
		assert_int_equal(ntohl(sent.snd_ppid), 7);
	}
	say(3, "MEGACO/3 [127.0.0.1] Transaction = 9 { Context = - { Modify = ROOT { Events = 1 { "
	       "it/ito { mit = 100 } } } } }");
	assert_true(hear());
	assert_int_equal(sent.snd_sid, 3);
	mg_pass(&w, 1100);
	assert_true(hear());
	has("Notify = ROOT");
	assert_int_equal(sent.snd_sid, 0);
}

/* So does one that waits for counters, though requests come by others meanwhile. */
static void test_counters(void **state)
{
	char ask[256];

	(void)state;
	say(1, "MEGACO/3 [127.0.0.1] Transaction = 20 { Context = $ { Add = ip/$ { Media { Local { "
	       "\nv=0\nc=IN IP4 $\nm=audio $ RTP/AVP -\n} } } } }");
	assert_true(hear());
	has("Reply = 20 {");
	assert_non_null(strstr(text, "Context = "));
	snprintf(ask, sizeof(ask),
		 "MEGACO/3 [127.0.0.1] Transaction = 21 { Context = %u { AuditValue = * { Audit { "
		 "Statistics } } } }",
		 (unsigned)strtoul(strstr(text, "Context = ") + strlen("Context = "), NULL, 10));
	w.mute = true; /* the dataplane's answer is not there yet */
	say(3, ask);
	say(2, AUDIT("22"));
	assert_true(hear());
	has("Reply = 22 {");
	assert_int_equal(sent.snd_sid, 2);
	mg_pass(&w, 600);
	assert_true(hear());
	has("Pending = 21 {");
	assert_int_equal(sent.snd_sid, 3);
	for (int i = 0; i < 10; i++)
		mg_pass(&w, 1000);
	do {
		assert_true(hear());
		assert_int_equal(sent.snd_sid, 3);
	} while (strstr(text, "Pending = "));
	has("Reply = 21 { Context = "); /* nothing is lost there: it need not be acknowledged */
}

/* Once more, also by another stream, it is the same transaction. */
static void test_once(void **state)
{
	(void)state;
	say(1, AUDIT("7"));
	assert_true(hear());
	say(2, AUDIT("7"));
	assert_true(hear());
	has("Reply = 7 {");
	assert_int_equal(mg_stats(w.mg)->again, 1);
	assert_int_equal(mg_stats(w.mg)->transactions, 1);
}

static void test_pieces(void **state)
{
	static const char ask[] = AUDIT("8");
	const uint64_t before = mg_stats(w.mg)->received;

	(void)state;
	for (size_t at = 0; at < sizeof(ask) - 1; at += 7) {
		const size_t left = sizeof(ask) - 1 - at;

		assert_int_equal(mg_stats(w.mg)->received, before);
		put(2, ask + at, left < 7 ? left : 7, left > 7);
	}
	assert_true(hear());
	has("Reply = 8 {");
	assert_int_equal(sent.snd_sid, 2);
	assert_int_equal(mg_stats(w.mg)->received, before + 1);
}

/* As long as a message may be, and longer. */
static void test_length(void **state)
{
	static char ask[H248_MESSAGE_MAX];
	const uint64_t before = mg_stats(w.mg)->malformed;

	(void)state;
	memset(ask, ' ', sizeof(ask));
	memcpy(ask, AUDIT("9"), strlen(AUDIT("9")));
	put(0, ask, sizeof(ask) / 2, true);
	put(0, ask + sizeof(ask) / 2, sizeof(ask) - sizeof(ask) / 2, false);
	assert_true(hear());
	has("Reply = 9 {");
	put(0, ask, sizeof(ask) - 1, true);
	put(0, "  ", 2, true);
	assert_int_equal(mg_stats(w.mg)->malformed, before + 1);
	comes_back();
}

/* 1 MB waits for a controller that does not read, and no more. */
static void test_does_not_read(void **state)
{
	unsigned n = 0;

	(void)state;
	while (mg_state(w.mg) == MG_SERVED && ++n < 100000) {
		char ask[256];

		snprintf(ask, sizeof(ask),
			 "MEGACO/3 [127.0.0.1] Transaction = %u { Context = - { AuditValue = ROOT "
			 "{ Audit { Packages } } } }",
			 1000 + n);
		say(0, ask);
		mg_pass(&w, 1);
	}
	assert_true(n > 1000 && n < 100000);
	mg_pass(&w, LATER_MS);
	take_charge("Disconnected");
}

/* What does not go at once goes when it is read, in order, and by its stream. */
static void test_waits(void **state)
{
	const unsigned all = 3000;
	char want[32];

	(void)state;
	for (unsigned i = 1; i <= all; i++) {
		char ask[256];

		snprintf(ask, sizeof(ask),
			 "MEGACO/3 [127.0.0.1] Transaction = %u { Context = - { AuditValue = ROOT "
			 "{ Audit { Packages } } } }",
			 i);
		say(1, ask);
	}
	for (unsigned i = 1; i <= all; i++) {
		assert_true(hear());
		snprintf(want, sizeof(want), "Reply = %u {", i);
		has(want);
		assert_int_equal(sent.snd_sid, 1);
	}
	assert_int_equal(mg_state(w.mg), MG_SERVED);
}

static void test_closes(void **state)
{
	(void)state;
	close(fd);
	fd = -1;
	comes_back();
	assert_int_equal(mg_transport(w.mg), CONTROLLER_SCTP);
}

/* A kernel without SCTP is told of in one sentence, and a reload changes nothing. */
static void test_none(void **state)
{
	struct config_gateway to = w.e.conf.gateway;
	char err[256] = "";

	(void)state;
	kernel.none = true;
	to.n_h248_controller = 2; /* another list */
	assert_false(mg_world_reload(&w, &to, err, sizeof(err)));
	assert_string_equal(err, "gateway.h248-controllers: transport sctp is of the kernel, which "
				 "has none for us (modprobe sctp): Protocol not supported");
	assert_int_equal(mg_state(w.mg), MG_SERVED);
	say(0, AUDIT("5"));
	assert_true(hear());
	kernel.none = false;
	assert_true(mg_world_reload(&w, &to, err, sizeof(err)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define SERVED(t) cmocka_unit_test_setup_teardown(t, served, end)
		SERVED(test_streams), SERVED(test_counters), SERVED(test_once),
		SERVED(test_pieces),  SERVED(test_length),   SERVED(test_does_not_read),
		SERVED(test_waits),   SERVED(test_closes),   SERVED(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

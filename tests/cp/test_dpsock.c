/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The handshake on the dataplane's socket (lib/ctl_abi.h): hello, welcome with descriptors,
 * refusals, broken welcomes, and coming back after the dataplane went away (R70); then requests,
 * one at a time, each answered once whatever happens.
 */
#include "tests/world/cp_env.h"
#include "cp/dpsock.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct shore {
	struct env e;
	struct event_base *base;
	struct dpsock *sock;
	int listener;
	int fd; /* the accepted connection */
	uint32_t changes;
	/* Told of another file, and with what digests. */
	uint32_t differs;
	uint64_t agreed, live;
};

static void on_change(void *ctx)
{
	((struct shore *)ctx)->changes++;
}

static void on_differ(void *ctx, uint64_t agreed, uint64_t live)
{
	struct shore *sh = ctx;

	sh->differs++;
	sh->agreed = agreed;
	sh->live = live;
}

static void listen_at(struct shore *sh)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", sh->e.conf.dataplane.socket);
	unlink(a.sun_path);
	sh->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(sh->listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(sh->listener, 4), 0);
}

static int setup(void **state)
{
	static struct shore sh;

	memset(&sh, 0, sizeof(sh));
	env_open(&sh.e);
	env_start(&sh.e, 64);
	dplink_detach(sh.e.s.link);
	sh.base = event_base_new();
	listen_at(&sh);
	sh.fd = -1;
	sh.sock = dpsock_create(sh.base, &sh.e.s, on_change, &sh);
	assert_non_null(sh.sock);
	dpsock_on_differ(sh.sock, on_differ);
	*state = &sh;
	return 0;
}

static int teardown(void **state)
{
	struct shore *sh = *state;

	dpsock_free(sh->sock);
	event_base_free(sh->base);
	if (sh->fd >= 0)
		close(sh->fd);
	close(sh->listener);
	unlink(sh->e.conf.dataplane.socket);
	env_stop(&sh->e);
	env_close(&sh->e);
	return 0;
}

/* A fresh one tries at once, where an old one would wait longer each time. */
static void start_anew(struct shore *sh)
{
	dpsock_free(sh->sock);
	sh->sock = dpsock_create(sh->base, &sh->e.s, on_change, sh);
	assert_non_null(sh->sock);
	dpsock_on_differ(sh->sock, on_differ);
}

/* Turns the loop until the control process has said hello. */
static struct ctl_hello meet(struct shore *sh)
{
	struct ctl_hello h;

	if (sh->fd >= 0)
		close(sh->fd);
	while ((sh->fd = accept(sh->listener, NULL, NULL)) < 0)
		event_base_loop(sh->base, EVLOOP_ONCE);
	assert_int_equal(recv(sh->fd, &h, sizeof(h), 0), sizeof(h));
	return h;
}

static void send_fds(int fd, const void *msg, size_t len, const int *fds, size_t n)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * 4)];
	} ctl = { .bytes = { 0 } };
	struct iovec iov = { (void *)(uintptr_t)msg, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n) {
		struct cmsghdr *c;

		m.msg_control = ctl.bytes;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n);
	}
	assert_int_equal(sendmsg(fd, &m, 0), len);
}

static struct ctl_welcome welcome(const struct shore *sh)
{
	return (struct ctl_welcome){ .magic = CTL_ABI_MAGIC,
				     .abi_version = CTL_ABI_VERSION,
				     .verdict = CTL_WELCOME,
				     .region_size = sh->e.dp.size,
				     .config_digest = config_digest(&sh->e.conf),
				     .live_digest = reload_digest(&sh->e.s) };
}

/* Sends a welcome and turns the loop until it had an effect. */
static void answer(struct shore *sh, const struct ctl_welcome *w, size_t len, size_t n_fds)
{
	int fds[4] = { sh->e.dp.memfd, sh->e.dp.wake_cp, sh->e.dp.wake_cp, sh->e.dp.memfd };
	uint32_t before = sh->changes;

	send_fds(sh->fd, w, len, fds, n_fds);
	while (sh->changes == before)
		event_base_loop(sh->base, EVLOOP_ONCE);
}

static void attaches_and_comes_back(void **state)
{
	struct shore *sh = *state;
	struct ctl_welcome w = welcome(sh);
	struct ctl_hello h = meet(sh);

	assert_int_equal(h.magic, CTL_ABI_MAGIC);
	assert_int_equal(h.abi_version, CTL_ABI_VERSION);
	assert_int_equal(h.pid, getpid());
	assert_int_equal(h.config_digest, config_digest(&sh->e.conf));
	answer(sh, &w, sizeof(w), 2);
	assert_true(dplink_attached(sh->e.s.link));
	assert_true(dplink_wake_fd(sh->e.s.link) >= 0);
	shutdown(sh->fd, SHUT_RDWR); /* it died */
	while (dplink_attached(sh->e.s.link))
		event_base_loop(sh->base, EVLOOP_ONCE);
	assert_int_equal(dplink_wake_fd(sh->e.s.link), -1);
	meet(sh);
	answer(sh, &w, sizeof(w), 2);
	assert_true(dplink_attached(sh->e.s.link));
	assert_int_equal(sh->changes, 3);
}

static void keeps_trying_while_nobody_listens(void **state)
{
	struct shore *sh = *state;
	struct ctl_welcome w = welcome(sh);

	close(sh->listener);
	unlink(sh->e.conf.dataplane.socket);
	while (sh->changes < 3)
		event_base_loop(sh->base, EVLOOP_ONCE);
	assert_false(dplink_attached(sh->e.s.link));
	listen_at(sh);
	meet(sh);
	answer(sh, &w, sizeof(w), 2);
	assert_true(dplink_attached(sh->e.s.link));
}

static void refusals_and_broken_welcomes(void **state)
{
	struct shore *sh = *state;
	struct ctl_welcome good = welcome(sh), w;

	for (uint32_t verdict = CTL_BAD_ABI; verdict <= CTL_BUSY; verdict++) {
		start_anew(sh);
		meet(sh);
		w = good;
		w.verdict = verdict;
		answer(sh, &w, sizeof(w), 0);
		assert_false(dplink_attached(sh->e.s.link));
	}
	start_anew(sh);
	meet(sh);
	answer(sh, &good, sizeof(good), 0); /* no descriptors */
	assert_false(dplink_attached(sh->e.s.link));
	start_anew(sh);
	meet(sh);
	answer(sh, &good, sizeof(good) - 1, 2);
	assert_false(dplink_attached(sh->e.s.link));
	start_anew(sh);
	meet(sh);
	answer(sh, &good, sizeof(good), 1); /* one is missing */
	assert_false(dplink_attached(sh->e.s.link));
	start_anew(sh);
	meet(sh);
	answer(sh, &good, sizeof(good), 3); /* one too many */
	assert_false(dplink_attached(sh->e.s.link));
	start_anew(sh);
	meet(sh);
	answer(sh, &good, 0, 2); /* nothing but descriptors */
	assert_false(dplink_attached(sh->e.s.link));
	start_anew(sh);
	meet(sh);
	w = good;
	w.config_digest++;
	answer(sh, &w, sizeof(w), 2);
	assert_false(dplink_attached(sh->e.s.link));
	start_anew(sh);
	meet(sh);
	w = good;
	w.region_size += 4096;
	answer(sh, &w, sizeof(w), 2);
	assert_false(dplink_attached(sh->e.s.link));
	start_anew(sh);
	meet(sh);
	answer(sh, &good, sizeof(good), 2);
	assert_true(dplink_attached(sh->e.s.link));
}

/* Its digests are told once a welcome or refusal, and only where it is the file. */
static void another_file_is_told(void **state)
{
	struct shore *sh = *state;
	struct ctl_welcome good = welcome(sh), w = good;

	meet(sh);
	answer(sh, &w, sizeof(w), 2);
	assert_true(dplink_attached(sh->e.s.link));
	assert_int_equal(sh->differs, 0);
	/* Other live keys: attached, and told. */
	start_anew(sh);
	dplink_detach(sh->e.s.link);
	meet(sh);
	w.live_digest++;
	answer(sh, &w, sizeof(w), 2);
	assert_true(dplink_attached(sh->e.s.link));
	assert_int_equal(sh->differs, 1);
	assert_true(sh->agreed == good.config_digest && sh->live == good.live_digest + 1);
	/* What both must have alike: refused by either, and told. */
	for (uint32_t verdict = CTL_WELCOME; verdict <= CTL_BAD_CONFIG; verdict += CTL_BAD_CONFIG) {
		start_anew(sh);
		dplink_detach(sh->e.s.link);
		meet(sh);
		w = good;
		w.config_digest++;
		w.verdict = verdict;
		answer(sh, &w, sizeof(w), verdict == CTL_WELCOME ? 2 : 0);
		assert_false(dplink_attached(sh->e.s.link));
		assert_int_equal(sh->differs, verdict == CTL_WELCOME ? 2 : 3);
		assert_true(sh->agreed == good.config_digest + 1 && sh->live == good.live_digest);
	}
	/* A refusal for another reason, and what is no welcome of ours. */
	start_anew(sh);
	meet(sh);
	w = good;
	w.config_digest++;
	w.verdict = CTL_BUSY;
	answer(sh, &w, sizeof(w), 0);
	start_anew(sh);
	meet(sh);
	w.verdict = CTL_BAD_CONFIG;
	w.abi_version++;
	answer(sh, &w, sizeof(w), 0);
	start_anew(sh);
	meet(sh);
	w = good;
	w.config_digest++;
	answer(sh, &w, sizeof(w) - 1, 2);
	assert_int_equal(sh->differs, 3);
}

/* Another version's welcome may have another length: what is said of it names both versions. */
static void a_welcome_of_another_version_is_told_as_such(void **state)
{
	struct shore *sh = *state;
	static const size_t length[] = { offsetof(struct ctl_welcome, verdict),
					 sizeof(struct ctl_welcome),
					 sizeof(struct ctl_welcome) + 8 };
	struct {
		struct ctl_welcome w;
		uint64_t more;
	} longer = { .w = welcome(sh) };
	const int was = dup(STDERR_FILENO);
	char said[1024], expected[64];

	longer.w.abi_version = 99;
	snprintf(expected, sizeof(expected), "version 99 of the boundary, and this fairlead-cp %u;",
		 CTL_ABI_VERSION);
	for (size_t i = 0; i < sizeof(length) / sizeof(length[0]); i++) {
		FILE *f = tmpfile();
		size_t n;

		assert_non_null(f);
		start_anew(sh);
		meet(sh);
		dup2(fileno(f), STDERR_FILENO);
		answer(sh, &longer.w, length[i], 0);
		dup2(was, STDERR_FILENO);
		rewind(f);
		n = fread(said, 1, sizeof(said) - 1, f);
		said[n] = 0;
		fclose(f);
		if (!strstr(said, expected))
			fail_msg("said: %s", said);
		assert_false(dplink_attached(sh->e.s.link));
	}
	close(was);
}

/* Whatever came of the above, no descriptor may stay behind. */
static void no_descriptor_leaks(void **state)
{
	struct shore *sh = *state;
	struct ctl_welcome w = welcome(sh);
	int low, after;

	w.region_size++;
	for (size_t n = 0; n <= 4; n++) {
		start_anew(sh);
		meet(sh);
		answer(sh, &w, sizeof(w), n);
	}
	low = dup(sh->listener);
	close(low);
	for (size_t n = 0; n <= 4; n++) {
		start_anew(sh);
		meet(sh);
		answer(sh, &w, sizeof(w), n);
		start_anew(sh);
		meet(sh);
		answer(sh, &w, 1, n);
		start_anew(sh);
		meet(sh);
		answer(sh, &w, 0, n); /* an empty message may carry descriptors, too */
	}
	after = dup(sh->listener);
	close(after);
	assert_int_equal(low, after);
}

/* ---- requests ---- */

struct heard {
	uint32_t calls;
	bool ok;
	char text[CTL_TEXT_MAX * 2];
};

static void on_answer(void *ctx, bool ok, const char *text)
{
	struct heard *h = ctx;

	h->calls++;
	h->ok = ok;
	snprintf(h->text, sizeof(h->text), "%s", text);
}

static void attach(struct shore *sh)
{
	struct ctl_welcome w = welcome(sh);

	meet(sh);
	answer(sh, &w, sizeof(w), 2);
	assert_true(dplink_attached(sh->e.s.link));
}

static bool ask(struct shore *sh, uint32_t type, uint32_t patience_ms, struct heard *h)
{
	struct msg_ticket_keys m = { .hdr.type = type };

	return dpsock_ask(sh->sock, &m, type == MSG_TICKET_KEYS ? sizeof(m) : sizeof(m.hdr),
			  patience_ms, on_answer, h);
}

/* The next request as the dataplane gets it; type 0: there is none. */
static struct msg_hdr take(struct shore *sh, size_t len)
{
	struct msg_ticket_keys m = { .hdr.type = 0 };
	ssize_t n = recv(sh->fd, &m, sizeof(m), MSG_DONTWAIT);

	if (n >= 0)
		assert_int_equal(n, len);
	return m.hdr;
}

static void say(struct shore *sh, uint32_t seq, bool ok, const char *text)
{
	struct msg_result r = { .hdr = { MSG_RESULT, seq }, .ok = ok };

	snprintf(r.text, sizeof(r.text), "%s", text);
	assert_int_equal(send(sh->fd, &r, sizeof(r), 0), sizeof(r));
}

static void wait_for(struct shore *sh, struct heard *h, uint32_t calls)
{
	while (h->calls < calls)
		event_base_loop(sh->base, EVLOOP_ONCE);
	assert_int_equal(h->calls, calls);
}

static void requests_go_one_at_a_time(void **state)
{
	struct shore *sh = *state;
	struct heard one = { 0 }, two = { 0 };
	struct msg_hdr a, b;

	assert_false(ask(sh, MSG_TLS_RELOAD, 60000, &one)); /* not attached */
	attach(sh);
	assert_true(ask(sh, MSG_TICKET_KEYS, 60000, &one));
	assert_true(ask(sh, MSG_TLS_RELOAD, 60000, &two));
	a = take(sh, sizeof(struct msg_ticket_keys));
	assert_int_equal(a.type, MSG_TICKET_KEYS);
	assert_int_equal(take(sh, 0).type, 0); /* the other waits */
	say(sh, a.seq, true, "");
	wait_for(sh, &one, 1);
	assert_true(one.ok);
	assert_int_equal(two.calls, 0);
	b = take(sh, sizeof(struct msg_hdr));
	assert_int_equal(b.type, MSG_TLS_RELOAD);
	assert_int_not_equal(a.seq, b.seq);
	say(sh, b.seq, false, "the file is gone");
	wait_for(sh, &two, 1);
	assert_false(two.ok);
	assert_string_equal(two.text, "the file is gone");
	assert_int_equal(one.calls, 1);
	assert_true(dplink_attached(sh->e.s.link));
}

static void the_queue_is_bounded(void **state)
{
	struct heard h = { 0 };
	struct shore *sh = *state;

	attach(sh);
	for (int i = 0; i < DPSOCK_ASKS_MAX; i++)
		assert_true(ask(sh, MSG_TLS_RELOAD, 60000, &h));
	assert_false(ask(sh, MSG_TLS_RELOAD, 60000, &h));
	shutdown(sh->fd, SHUT_RDWR);
	wait_for(sh, &h, DPSOCK_ASKS_MAX); /* all are told when the dataplane ends */
	assert_false(h.ok);
	assert_string_equal(h.text, "the dataplane detached");
	assert_false(ask(sh, MSG_TLS_RELOAD, 60000, &h));
}

/* A late answer is that to nobody; the next request is served all the same. */
static void patience_ends(void **state)
{
	struct shore *sh = *state;
	struct heard slow = { 0 }, next = { 0 };
	struct msg_hdr a, b;

	attach(sh);
	assert_true(ask(sh, MSG_TLS_RELOAD, 1, &slow));
	assert_true(ask(sh, MSG_TLS_RELOAD, 60000, &next));
	wait_for(sh, &slow, 1);
	assert_false(slow.ok);
	assert_string_equal(slow.text, "the dataplane does not answer");
	a = take(sh, sizeof(struct msg_hdr));
	b = take(sh, sizeof(struct msg_hdr));
	say(sh, a.seq, false, "late");
	say(sh, b.seq, true, "");
	wait_for(sh, &next, 1);
	assert_true(next.ok);
	assert_int_equal(slow.calls, 1);
}

/* From within an answer one may ask again. */
static struct shore *again_on;
static struct heard again_heard;

static void on_answer_ask(void *ctx, bool ok, const char *text)
{
	on_answer(ctx, ok, text);
	assert_true(ask(again_on, MSG_TLS_RELOAD, 60000, &again_heard));
}

static void an_answer_may_ask(void **state)
{
	struct msg_hdr m = { .type = MSG_TLS_RELOAD }, got;
	struct heard h = { 0 };
	struct shore *sh = *state;

	again_on = sh;
	again_heard = (struct heard){ 0 };
	attach(sh);
	assert_true(dpsock_ask(sh->sock, &m, sizeof(m), 60000, on_answer_ask, &h));
	got = take(sh, sizeof(m));
	say(sh, got.seq, true, "");
	wait_for(sh, &h, 1);
	got = take(sh, sizeof(m));
	assert_int_equal(got.type, MSG_TLS_RELOAD);
	assert_int_equal(take(sh, 0).type, 0); /* it was sent once */
	say(sh, got.seq, true, "");
	wait_for(sh, &again_heard, 1);
}

static void broken_answers_end_the_attachment(void **state)
{
	struct shore *sh = *state;

	for (int i = 0; i < 4; i++) {
		struct msg_result r = { .hdr = { MSG_RESULT, 0 }, .ok = 1 };
		struct heard h = { 0 };
		size_t len = sizeof(r);

		start_anew(sh);
		attach(sh);
		assert_true(ask(sh, MSG_TLS_RELOAD, 60000, &h));
		r.hdr.seq = take(sh, sizeof(struct msg_hdr)).seq;
		if (i == 0)
			r.hdr.type = MSG_TLS_RELOAD;
		else if (i == 1)
			r.hdr.seq++; /* not asked yet */
		else if (i == 2)
			len--;
		memset(r.text, 'x', sizeof(r.text)); /* unterminated: cut, no more */
		assert_int_equal(send(sh->fd, &r, len, 0), len);
		wait_for(sh, &h, 1);
		assert_int_equal(h.ok, i == 3);
		assert_int_equal(strlen(h.text),
				 i == 3 ? sizeof(r.text) - 1 : strlen("the dataplane detached"));
		assert_int_equal(dplink_attached(sh->e.s.link), i == 3);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(attaches_and_comes_back),
		T(keeps_trying_while_nobody_listens),
		T(refusals_and_broken_welcomes),
		T(another_file_is_told),
		T(a_welcome_of_another_version_is_told_as_such),
		T(no_descriptor_leaks),
		T(requests_go_one_at_a_time),
		T(the_queue_is_bounded),
		T(patience_ends),
		T(an_answer_may_ask),
		T(broken_answers_end_the_attachment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

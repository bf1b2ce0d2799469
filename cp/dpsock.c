/* SPDX-License-Identifier: BSD-3-Clause */
#include "dpsock.h"

#include "alike.h"
#include "log.h"
#include "../lib/seq.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Region, our eventfd. */
enum { WELCOME_FDS = 2, FDS_BYTES = WELCOME_FDS * sizeof(int) };

/* Another has to be told to be silent before us, which takes a second each, four of them. */
enum { WELCOME_S = 10 };

enum { DPSOCK_LINE = CONFIG_STR_MAX + ALIKE_TEXT }; /* bytes of a line of the log */

/* A request: under way, or waiting for the one before it. */
struct ask {
	dpsock_answer *answer;
	void *ctx;
	size_t len;
	uint32_t patience_ms;
	uint8_t msg[DPSOCK_ASK_MAX];
};

struct dpsock {
	struct event_base *base;
	struct server *server;
	void (*change)(void *ctx);
	void (*differ)(void *ctx, uint64_t agreed, uint64_t live); /* NULL: nobody asks */
	void *ctx;
	int fd;
	struct event *readable;
	struct event *retry;
	uint32_t retry_ms;
	struct event *patience; /* with the welcome, then with the answer to asks[0] */
	uint32_t seq;		/* of asks[0] once it is sent */
	uint32_t n_asks;
	struct ask asks[DPSOCK_ASKS_MAX];
	char last[DPSOCK_LINE]; /* what was logged last, to say it once */
};

static void say_once(struct dpsock *d, const char *text)
{
	if (strcmp(d->last, text) == 0)
		return;
	snprintf(d->last, sizeof(d->last), "%s", text);
	log_line("%s", text);
}

/* ---- requests ---- */

static void ask_send(struct dpsock *d);

/* Takes the first request out, lets the next go, and tells the owner what came of it. */
static void ask_end(struct dpsock *d, bool ok, const char *text)
{
	struct ask a = d->asks[0];

	event_del(d->patience);
	d->n_asks--;
	memmove(d->asks, d->asks + 1, d->n_asks * sizeof(a));
	OPENSSL_cleanse(&d->asks[d->n_asks], sizeof(a));
	OPENSSL_cleanse(a.msg, sizeof(a.msg));
	if (d->n_asks && d->fd >= 0)
		ask_send(d);
	a.answer(a.ctx, ok, text);
}

/* Only those that wait now: an owner may ask again at once. */
static void asks_fail(struct dpsock *d, const char *text)
{
	for (uint32_t n = d->n_asks; n > 0; n--)
		ask_end(d, false, text);
}

/* Sends the first request. A socket that does not take it is full of what is not read. */
static void ask_send(struct dpsock *d)
{
	struct ask *a = &d->asks[0];
	struct timeval patience = { a->patience_ms / 1000, a->patience_ms % 1000 * 1000 };
	struct msg_hdr hdr;

	memcpy(&hdr, a->msg, sizeof(hdr));
	hdr.seq = ++d->seq;
	memcpy(a->msg, &hdr, sizeof(hdr));
	event_add(d->patience, &patience);
	if (send(d->fd, a->msg, a->len, MSG_NOSIGNAL) != (ssize_t)a->len)
		event_active(d->patience, EV_TIMEOUT, 0);
}

static void dpsock_reset(struct dpsock *d, const char *why);

/* Of a request, and before that of the hello. What is answered later finds its seq gone. */
static void ask_timeout(evutil_socket_t fd, short what, void *ctx)
{
	struct dpsock *d = ctx;

	(void)fd;
	(void)what;
	if (!dplink_attached(d->server->link)) {
		dpsock_reset(d, "it takes the connection and says nothing; is it a fairlead-dp, "
				"and does it run?");
		return;
	}
	ask_end(d, false, "the dataplane does not answer");
}

bool dpsock_ask(struct dpsock *d, const void *msg, size_t len, uint32_t patience_ms,
		dpsock_answer *answer, void *ctx)
{
	struct ask *a = &d->asks[d->n_asks];

	if (d->fd < 0 || !dplink_attached(d->server->link) || d->n_asks == DPSOCK_ASKS_MAX ||
	    len > sizeof(a->msg))
		return false;
	*a = (struct ask){ answer, ctx, len, patience_ms, { 0 } };
	memcpy(a->msg, msg, len);
	if (++d->n_asks == 1)
		ask_send(d);
	return true;
}

bool dpsock_attached(const struct dpsock *d)
{
	return d->fd >= 0 && dplink_attached(d->server->link);
}

/* Closes what is open and sets the clock for the next try. */
static void dpsock_reset(struct dpsock *d, const char *why)
{
	struct timeval tv = { d->retry_ms / 1000, (suseconds_t)(d->retry_ms % 1000) * 1000 };
	bool attached = dplink_attached(d->server->link);
	char text[DPSOCK_LINE];

	event_del(d->patience);
	snprintf(text, sizeof(text), "%s the dataplane at %s: %s",
		 attached ? "detached from" : "not attached to", d->server->conf->dataplane.socket,
		 why);
	say_once(d, text);
	if (d->readable)
		event_free(d->readable);
	d->readable = NULL;
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	dplink_detach(d->server->link);
	asks_fail(d, "the dataplane detached");
	event_add(d->retry, &tv);
	d->retry_ms = d->retry_ms * 2 < DPSOCK_RETRY_MAX_MS ? d->retry_ms * 2 : DPSOCK_RETRY_MAX_MS;
	d->change(d->ctx);
}

void dpsock_drop(struct dpsock *d, const char *why)
{
	if (d->fd >= 0)
		dpsock_reset(d, why);
}

/* ---- welcome ---- */

/* Why a dataplane of our version is none for us, or NULL. */
static const char *verdict_text(const struct dpsock *d, const struct ctl_welcome *w,
				char text[ALIKE_TEXT])
{
	if (w->verdict == CTL_BUSY)
		return "another control process is attached; fairlead-dp's log has its pid";
	if (w->verdict != CTL_WELCOME && w->verdict != CTL_BAD_CONFIG)
		return "it refused";
	if (w->verdict == CTL_WELCOME && w->config_digest == config_digest(d->server->conf))
		return NULL;
	alike_tell(d->server, w->config_digest, text);
	return text;
}

_Static_assert(CMSG_SPACE(FDS_BYTES) == CMSG_LEN(FDS_BYTES),
	       "no padding in which a descriptor could hide");

/*
 * Receives the welcome and the descriptors, -1 for each that is missing. More than there is room
 * for never become ours; *whole is false then, or when the message was longer.
 */
static ssize_t welcome_recv(int fd, struct ctl_welcome *w, int fds[WELCOME_FDS], bool *whole)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(FDS_BYTES)];
	} ctl = { .bytes = { 0 } };
	struct iovec iov = { w, sizeof(*w) };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &ctl, .msg_controllen = sizeof(ctl)
	};
	ssize_t n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	struct cmsghdr *c = n >= 0 ? CMSG_FIRSTHDR(&m) : NULL;

	for (int i = 0; i < WELCOME_FDS; i++)
		fds[i] = -1;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len > CMSG_LEN(0)) {
		size_t len = c->cmsg_len - CMSG_LEN(0);

		memcpy(fds, CMSG_DATA(c), len < FDS_BYTES ? len : FDS_BYTES);
	}
	*whole = n >= 0 && !(m.msg_flags & (MSG_TRUNC | MSG_CTRUNC));
	return n;
}

/*
 * Why not, or NULL. A welcome of any version begins as ours, whatever its length: text is for that.
 */
static const char *welcome_refuse(const struct dpsock *d, ssize_t n, const struct ctl_welcome *w,
				  bool whole, const int fds[WELCOME_FDS], char text[ALIKE_TEXT])
{
	const char *why;

	if (n == 0)
		return "it closed the socket";
	if (n < (ssize_t)offsetof(struct ctl_welcome, verdict) || w->magic != CTL_ABI_MAGIC)
		return "it broke the protocol";
	if (w->abi_version != CTL_ABI_VERSION) {
		snprintf(text, ALIKE_TEXT,
			 "it has version %u of the boundary, and this fairlead-cp %u; install both "
			 "of one version and restart both",
			 w->abi_version, CTL_ABI_VERSION);
		return text;
	}
	if (!whole)
		return "it sent more than a welcome";
	if (n != sizeof(*w))
		return "it broke the protocol";
	why = verdict_text(d, w, text);
	if (why)
		return why;
	return fds[0] < 0 || fds[1] < 0 ? "it sent the wrong descriptors" : NULL;
}

/* Whether what a whole welcome says of its file is not what ours says. */
static bool welcome_differs(const struct dpsock *d, const struct ctl_welcome *w, ssize_t n)
{
	if (n != sizeof(*w) || w->magic != CTL_ABI_MAGIC || w->abi_version != CTL_ABI_VERSION ||
	    (w->verdict != CTL_WELCOME && w->verdict != CTL_BAD_CONFIG))
		return false;
	return w->config_digest != config_digest(d->server->conf) ||
	       w->live_digest != reload_digest(d->server);
}

static void welcome_take(struct dpsock *d)
{
	char err[CONFIG_STR_MAX], text[ALIKE_TEXT];
	struct ctl_welcome w;
	int fds[WELCOME_FDS];
	bool whole, differs;
	ssize_t n = welcome_recv(d->fd, &w, fds, &whole);
	const char *why;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	differs = welcome_differs(d, &w, n);
	why = welcome_refuse(d, n, &w, whole, fds, text);
	if (why) {
		for (int i = 0; i < WELCOME_FDS; i++) {
			if (fds[i] >= 0)
				close(fds[i]);
		}
		dpsock_reset(d, why);
		if (differs && d->differ)
			d->differ(d->ctx, w.config_digest, w.live_digest);
		return;
	}
	if (!server_attach(d->server, fds[0], w.region_size, fds[1], err, sizeof(err))) {
		dpsock_reset(d, err);
		return;
	}
	event_del(d->patience);
	d->retry_ms = DPSOCK_RETRY_MIN_MS;
	snprintf(err, sizeof(err), "attached to the dataplane at %s",
		 d->server->conf->dataplane.socket);
	say_once(d, err);
	d->change(d->ctx);
	if (differs && d->differ)
		d->differ(d->ctx, w.config_digest, w.live_digest);
}

/*
 * An answer to a request, the only thing that comes after the welcome. An older seq is that of a
 * request whose patience was over.
 */
static void answer_take(struct dpsock *d)
{
	struct msg_result r;
	ssize_t n = recv(d->fd, &r, sizeof(r), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		dpsock_reset(d, "it ended");
		return;
	}
	if (n != sizeof(r) || r.hdr.type != MSG_RESULT || seq_lt(d->seq, r.hdr.seq)) {
		dpsock_reset(d, "it broke the protocol");
		return;
	}
	if (d->n_asks == 0 || r.hdr.seq != d->seq)
		return;
	r.text[sizeof(r.text) - 1] = '\0';
	ask_end(d, r.ok != 0, r.text);
}

static void dpsock_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct dpsock *d = ctx;

	(void)fd;
	(void)what;
	if (dplink_attached(d->server->link))
		answer_take(d);
	else
		welcome_take(d);
}

/* ---- connecting ---- */

static bool hello_send(struct dpsock *d)
{
	struct ctl_hello h = {
		.magic = CTL_ABI_MAGIC,
		.abi_version = CTL_ABI_VERSION,
		.pid = (uint32_t)getpid(),
		.config_digest = config_digest(d->server->conf),
		.live_digest = reload_digest(d->server),
	};

	return send(d->fd, &h, sizeof(h), MSG_NOSIGNAL) == (ssize_t)sizeof(h);
}

static const char *connect_text(int error)
{
	switch (error) {
	case ENOENT:
		return "there is no such socket; start fairlead-dp with the same configuration";
	case ECONNREFUSED:
		return "nobody listens there; start fairlead-dp";
	case EPROTOTYPE:
		return "that is another program's socket; see dataplane.socket";
	case EACCES:
		return "its owner does not let this user in; run as the owner of its directory";
	case EAGAIN:
		return "its queue is full; fairlead-dp hangs, or is another program";
	default:
		return strerror(error);
	}
}

/* A Unix socket connects at once or fails. */
static void dpsock_connect(evutil_socket_t fd, short what, void *ctx)
{
	struct dpsock *d = ctx;
	static const struct timeval patience = { WELCOME_S, 0 };
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	(void)fd;
	(void)what;
	memcpy(a.sun_path, d->server->conf->dataplane.socket,
	       strnlen(d->server->conf->dataplane.socket, sizeof(a.sun_path) - 1));
	d->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->fd < 0 || connect(d->fd, (struct sockaddr *)&a, sizeof(a)) || !hello_send(d)) {
		dpsock_reset(d, connect_text(errno));
		return;
	}
	d->readable = event_new(d->base, d->fd, EV_READ | EV_PERSIST, dpsock_readable, d);
	if (!d->readable || event_add(d->readable, NULL) || event_add(d->patience, &patience))
		dpsock_reset(d, "out of memory");
}

struct dpsock *dpsock_create(struct event_base *base, struct server *s, void (*change)(void *ctx),
			     void *ctx)
{
	struct dpsock *d = calloc(1, sizeof(*d));
	struct timeval now = { 0 };

	if (!d)
		return NULL;
	d->base = base;
	d->server = s;
	d->change = change;
	d->ctx = ctx;
	d->fd = -1;
	d->retry_ms = DPSOCK_RETRY_MIN_MS;
	d->retry = evtimer_new(base, dpsock_connect, d);
	d->patience = evtimer_new(base, ask_timeout, d);
	if (!d->retry || !d->patience || event_add(d->retry, &now)) {
		dpsock_free(d);
		return NULL;
	}
	return d;
}

void dpsock_on_differ(struct dpsock *d, void (*differ)(void *ctx, uint64_t agreed, uint64_t live))
{
	d->differ = differ;
}

void dpsock_free(struct dpsock *d)
{
	if (!d)
		return;
	if (d->readable)
		event_free(d->readable);
	if (d->retry)
		event_free(d->retry);
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	if (d->patience) {
		asks_fail(d, "the control process ends");
		event_free(d->patience);
	}
	free(d);
}

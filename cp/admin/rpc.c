/* SPDX-License-Identifier: BSD-3-Clause */
/* The control socket: listens, splits input into lines, holds each client to its limits. */
#include "rpc.h"

#include "../accept.h"
#include "../room.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	BACKLOG = 128,	    /* who connects without waiting is refused beyond it */
	LINES_PER_TURN = 8, /* of one client before others, and TURN, have a turn */
};

struct control_client {
	struct room_place place; /* of the process that connected; 0: it cannot be seen from here */
	struct rpc *rpc;
	struct bufferevent *bev;
	struct rpc_caller who;
	struct rpc_later *later; /* the request in hand is not answered yet */
	bool eof;		 /* it will send no more, but wants its replies */
	bool closing;		 /* no more requests are taken; goes when its output is flushed */
};

struct rpc {
	struct rpc_limits limits;
	const struct rpc_method *methods;
	size_t n_methods;
	void *ctx;
	rpc_identify *identify; /* NULL: nobody is asked */
	void *identify_arg;
	struct evconnlistener *listener;
	struct accept_pause pause;
	struct room clients; /* idle since they asked for something, or read of an answer */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

static void client_free(struct control_client *c)
{
	if (c->later)
		rpc_later_wait(c->later, NULL, NULL);
	room_leave(&c->rpc->clients, &c->place);
	bufferevent_free(c->bev); /* closes the descriptor too */
	free(c);
}

static void client_send(struct control_client *c, char *line)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);

	if (line) {
		evbuffer_add(out, line, strlen(line));
		evbuffer_add(out, "\n", 1);
	}
	free(line);
}

/* Last words: what it still sends is not read. */
static void client_refuse(struct control_client *c, enum rpc_code code, const char *text)
{
	client_send(c, rpc_error_line(code, text));
	c->closing = true;
}

static void client_answered(void *arg, char *line);
static struct bufferevent *client_take(void *arg, char *line);

/* Takes a request. False if its answer has to be waited for. */
static bool client_line(struct control_client *c, const char *line, size_t len)
{
	struct rpc *r = c->rpc;
	char *reply;

	room_used(&r->clients, &c->place);
	if (r->identify)
		r->identify(r->identify_arg, bufferevent_getfd(c->bev), &c->who);
	reply = rpc_answer_to(r->identify ? &c->who : NULL, r->methods, r->n_methods, r->ctx, line,
			      len, &c->later);

	if (c->later) {
		rpc_later_wait(c->later, client_answered, c);
		rpc_later_takeable(c->later, client_take);
		return false;
	}
	client_send(c, reply);
	return true;
}

/*
 * No more is read until it goes on: an input that is full and left enabled is called back for at
 * once, again and again.
 */
static void client_pause(struct control_client *c)
{
	if (evbuffer_get_length(bufferevent_get_input(c->bev)) > c->rpc->limits.line)
		bufferevent_disable(c->bev, EV_READ);
}

static void client_lines(struct control_client *c)
{
	const struct rpc *r = c->rpc;
	struct evbuffer *in = bufferevent_get_input(c->bev);
	struct evbuffer *out = bufferevent_get_output(c->bev);
	size_t len;
	bool more;

	if (!c->eof)
		bufferevent_enable(c->bev, EV_READ);
	for (int n = 0;; n++) {
		char *line;

		if (evbuffer_get_length(out) >= r->limits.output) {
			bufferevent_disable(c->bev, EV_READ); /* until it has read */
			return;
		}
		if (n == LINES_PER_TURN) {
			bufferevent_trigger(c->bev, EV_READ,
					    BEV_TRIG_DEFER_CALLBACKS | BEV_TRIG_IGNORE_WATERMARKS);
			return;
		}
		line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF);
		if (!line) {
			if (evbuffer_get_length(in) > r->limits.line)
				client_refuse(c, RPC_INVALID_REQUEST, "request too long");
			else if (c->eof)
				c->closing = true;
			return;
		}
		more = client_line(c, line, len);
		explicit_bzero(line, len); /* there may be a key in it */
		free(line);
		if (!more)
			return;
	}
}

/* Takes as many requests as the output has room for; frees the client once all is said. */
static void client_serve(struct bufferevent *bev, void *arg)
{
	struct control_client *c = arg;

	if (!c->closing && c->later)
		client_pause(c);
	else if (!c->closing)
		client_lines(c);
	if (!c->closing)
		return;
	bufferevent_disable(bev, EV_READ);
	bufferevent_setwatermark(bev, EV_WRITE, 0, 0);
	if (evbuffer_get_length(bufferevent_get_output(bev)) == 0)
		client_free(c);
}

/* Half of what it was to be told has gone, or all. */
static void client_wrote(struct bufferevent *bev, void *arg)
{
	struct control_client *c = arg;

	room_used(&c->rpc->clients, &c->place);
	client_serve(bev, c);
}

static void client_answered(void *arg, char *line)
{
	struct control_client *c = arg;

	c->later = NULL;
	client_send(c, line);
	bufferevent_trigger(c->bev, EV_READ, BEV_TRIG_DEFER_CALLBACKS | BEV_TRIG_IGNORE_WATERMARKS);
}

/* Its place is free: who takes the connection sees to it that there are not too many of these. */
static struct bufferevent *client_take(void *arg, char *line)
{
	struct control_client *c = arg;
	struct bufferevent *bev = c->bev;

	client_send(c, line);
	bufferevent_setcb(bev, NULL, NULL, NULL, NULL);
	bufferevent_set_timeouts(bev, NULL, NULL);
	bufferevent_setwatermark(bev, EV_WRITE, 0, 0);
	room_leave(&c->rpc->clients, &c->place);
	free(c);
	return bev;
}

static void client_event(struct bufferevent *bev, short what, void *arg)
{
	const short silent = BEV_EVENT_TIMEOUT | BEV_EVENT_READING;
	struct control_client *c = arg;

	if ((what & BEV_EVENT_EOF) && (what & BEV_EVENT_READING)) {
		c->eof = true;
		client_serve(bev, c);
	} else if (what == silent && evbuffer_get_length(bufferevent_get_output(bev)) > 0) {
		bufferevent_enable(bev, EV_READ); /* it still reads; a stall is a write timeout */
	} else {
		client_free(c);
	}
}

/* It has sent what its turn to be read has not come for yet. */
static bool client_asks(const struct control_client *c)
{
	int unread = 0;

	return bufferevent_get_enabled(c->bev) & EV_READ &&
	       ioctl(bufferevent_getfd(c->bev), FIONREAD, &unread) == 0 && unread > 0;
}

/* How little it is idle: 0 is, 1 will be served this turn, 2 waits for its answer. */
static int client_busy(const void *conn)
{
	const struct control_client *c = conn;

	return c->later ? 2 : client_asks(c);
}

/* Processes are as many as a user likes. */
struct client_holder {
	uid_t user;
	pid_t process;
};
_Static_assert(sizeof(struct client_holder) <= ROOM_HOLDER, "it is its name in a room");

/*
 * Makes room for another of that process, or clients that are idle, or that do not read, would take
 * all places. What it was answered goes before it does; where all has gone it hears why.
 */
static void client_displace(struct rpc *r, const struct client_holder *h)
{
	struct control_client *c = room_make(&r->clients, h, sizeof(*h), client_busy);
	struct evbuffer *out = bufferevent_get_output(c->bev);
	int fd = bufferevent_getfd(c->bev);
	char *line;

	evbuffer_unfreeze(out, 1); /* the bufferevent writes no more */
	while (evbuffer_get_length(out) > 0 && evbuffer_write(out, fd) > 0)
		;
	line = rpc_error_line(RPC_BUSY, "too many clients");
	if (line && evbuffer_get_length(out) == 0) {
		send(fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL);
		send(fd, "\n", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	free(line);
	client_free(c);
}

static void client_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
			  int len, void *arg)
{
	struct rpc *r = arg;
	struct timeval idle = { r->limits.idle_ms / 1000, r->limits.idle_ms % 1000 * 1000 };
	struct ucred who = { 0 };
	socklen_t n = sizeof(who);
	struct control_client *c;
	struct client_holder h;

	(void)sa;
	(void)len;
	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n);
	h = (struct client_holder){ who.uid, who.pid };
	if (r->clients.n >= r->limits.clients)
		client_displace(r, &h);
	c = calloc(1, sizeof(*c));
	if (c)
		c->bev =
		    bufferevent_socket_new(evconnlistener_get_base(l), fd, BEV_OPT_CLOSE_ON_FREE);
	if (!c || !c->bev) {
		free(c);
		close(fd);
		return;
	}
	c->rpc = r;
	room_enter(&r->clients, &c->place, c, &h, sizeof(h));
	bufferevent_setcb(c->bev, client_serve, client_wrote, client_event, c);
	/* One byte past the limit tells a long line from one that just fits. */
	bufferevent_setwatermark(c->bev, EV_READ, 0, r->limits.line + 1);
	bufferevent_setwatermark(c->bev, EV_WRITE, r->limits.output / 2, 0);
	bufferevent_set_timeouts(c->bev, &idle, &idle);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

static void accept_failed(struct evconnlistener *l, void *arg)
{
	struct rpc *r = arg;

	accept_pause(&r->pause, l);
}

__attribute__((format(printf, 4, 5))) static int listen_fail(int fd, char *err, size_t errlen,
							     const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, errlen, fmt, ap);
	va_end(ap);
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Removes a socket file that nobody answers at. False, and a sentence, if it must stay. */
static bool socket_clear(const struct sockaddr_un *sa, char *err, size_t errlen)
{
	struct stat st;
	int fd, rc, why;

	if (lstat(sa->sun_path, &st) < 0)
		return true; /* nothing there; bind() tells of anything worse */
	if (!S_ISSOCK(st.st_mode)) {
		listen_fail(-1, err, errlen, "%s is in the way: not a socket", sa->sun_path);
		return false;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	rc = fd < 0 ? -1 : connect(fd, (const struct sockaddr *)sa, sizeof(*sa));
	why = errno;
	if (fd >= 0)
		close(fd);
	if (rc < 0 && why == ECONNREFUSED) {
		unlink(sa->sun_path);
		return true;
	}
	if (rc == 0 || why == EAGAIN)
		listen_fail(-1, err, errlen, "another process already serves %s", sa->sun_path);
	else
		listen_fail(-1, err, errlen, "cannot take over %s: %s", sa->sun_path,
			    strerror(why));
	return false;
}

static int socket_listen(const char *path, char *err, size_t errlen)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(sa.sun_path))
		return listen_fail(-1, err, errlen, "%s: longer than a socket's path may be", path);
	strcpy(sa.sun_path, path);
	if (!socket_clear(&sa, err, errlen))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Nobody can connect before listen(), so the mode holds from the first client on. */
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || chmod(path, 0660) < 0 ||
	    listen(fd, BACKLOG) < 0)
		return listen_fail(fd, err, errlen, "cannot listen at %s: %s", path,
				   strerror(errno));
	return fd;
}

struct rpc *rpc_open(struct event_base *base, const char *path, const struct rpc_limits *limits,
		     const struct rpc_method *methods, size_t n, void *ctx, char *err,
		     size_t errlen)
{
	int fd = socket_listen(path, err, errlen);
	bool ready = false;
	struct rpc *r;

	if (fd < 0)
		return NULL;
	r = calloc(1, sizeof(*r));
	if (r) {
		*r = (struct rpc){
			.limits = *limits, .methods = methods, .n_methods = n, .ctx = ctx
		};
		snprintf(r->path, sizeof(r->path), "%s", path);
		room_init(&r->clients);
		r->clients.above = sizeof(uid_t);
		ready = accept_pause_open(&r->pause, base);
		r->listener = evconnlistener_new(
		    base, client_accept, r, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	}
	if (!ready || !r->listener) {
		if (!r || !r->listener)
			close(fd);
		unlink(path);
		snprintf(err, errlen, "cannot listen at %s: out of memory", path);
		rpc_stop(r);
		return NULL;
	}
	evconnlistener_set_error_cb(r->listener, accept_failed);
	return r;
}

void rpc_guard(struct rpc *r, rpc_identify *identify, void *arg)
{
	r->identify = identify;
	r->identify_arg = arg;
}

void rpc_stop(struct rpc *r)
{
	struct control_client *c;

	if (!r)
		return;
	while ((c = room_first(&r->clients)))
		client_free(c);
	accept_pause_close(&r->pause);
	if (r->listener) {
		evconnlistener_free(r->listener);
		unlink(r->path);
	}
	free(r);
}

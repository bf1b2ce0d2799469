/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ng over WebSocket (RFC 6455), subprotocol ng.rtpengine.com: a message is a command. libwslay does
 * the frames; the handshake before them is here, for libevent's own HTTP keeps its connections.
 */
#include "ng_priv.h"

#include "../accept.h"
#include "../room.h"
#include "../socket.h"
#include "ng_ws_handshake.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wslay/wslay.h>

enum {
	CLIENTS_MAX = 64,
	BACKLOG = 16,
	HEAD_MAX = 8192,      /* bytes of the request that opens it */
	HANDSHAKE_S = 5,      /* and how long it may take */
	IDLE_S = 3600,	      /* without a command */
	CLOSING_S = 5,	      /* for what is still to be written to a client that is closed */
	OUTPUT_MAX = 1 << 20, /* bytes that wait for a client which does not read */
};

struct ng_conn {
	struct room_place place;
	struct ng_ws *ws;
	struct bufferevent *bev;
	wslay_event_context_ptr frames; /* NULL: before the handshake */
	struct source_addr from;
	struct ip_addr self; /* ours that it connected to */
	bool reading;	     /* frames are being taken: what is written goes out afterwards */
	bool gone;	     /* to be freed when nothing of it is under way any more */
};

struct ng_ws {
	struct ng *ng;
	struct evconnlistener *listener;
	struct accept_pause pause;
	struct room clients; /* idle since their last message */
};

static void client_free(struct ng_conn *c)
{
	room_leave(&c->ws->clients, &c->place);
	c->ws->ng->stats.websockets = c->ws->clients.n;
	if (c->frames)
		wslay_event_context_free(c->frames);
	bufferevent_free(c->bev);
	free(c);
}

/* ---- frames ---- */

static ssize_t frames_recv(wslay_event_context_ptr w, uint8_t *buf, size_t len, int flags,
			   void *arg)
{
	struct ng_conn *c = arg;
	size_t n = bufferevent_read(c->bev, buf, len);

	(void)flags;
	if (n > 0)
		return (ssize_t)n;
	wslay_event_set_error(w, WSLAY_ERR_WOULDBLOCK);
	return -1;
}

static ssize_t frames_send(wslay_event_context_ptr w, const uint8_t *p, size_t len, int flags,
			   void *arg)
{
	struct ng_conn *c = arg;

	(void)flags;
	if (bufferevent_write(c->bev, p, len) == 0)
		return (ssize_t)len;
	wslay_event_set_error(w, WSLAY_ERR_CALLBACK_FAILURE);
	return -1;
}

static void message(wslay_event_context_ptr w, const struct wslay_event_on_msg_recv_arg *m,
		    void *arg)
{
	struct ng_conn *c = arg;

	(void)w;
	room_used(&c->ws->clients, &c->place);
	if (!wslay_is_ctrl_frame(m->opcode) && !c->gone)
		ng_take(c->ws->ng, &c->from, m->msg, m->msg_length);
}

static const struct wslay_event_callbacks callbacks = {
	.recv_callback = frames_recv,
	.send_callback = frames_send,
	.on_msg_recv_callback = message,
};

/* Writes what waits, and looks whether the connection has come to its end. */
static void client_flush(struct ng_conn *c)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);

	if (wslay_event_want_write(c->frames) && wslay_event_send(c->frames) != 0)
		c->gone = true;
	if (evbuffer_get_length(out) > OUTPUT_MAX ||
	    (!wslay_event_want_read(c->frames) && !wslay_event_want_write(c->frames)))
		c->gone = true;
}

void ng_ws_send(struct ng_ws *ws, uint64_t number, const void *p, size_t len, bool text)
{
	const struct wslay_event_msg m = { text ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME, p, len };
	struct ng_conn *c = NULL;
	struct room_place *place;

	TAILQ_FOREACH(place, &ws->clients.places, entry)
	{
		c = place->conn;
		if (c->from.stream == number)
			break;
	}
	if (!place || !c->frames || c->gone)
		return;
	/* Of frames that were read together, each may have an answer of 64 kB. */
	if (wslay_event_get_queued_msg_length(c->frames) > OUTPUT_MAX ||
	    wslay_event_queue_msg(c->frames, &m) != 0)
		c->gone = true;
	if (c->reading)
		return;
	client_flush(c);
	if (c->gone)
		/* Whoever is above in the stack may still hold it. */
		bufferevent_trigger(c->bev, EV_READ,
				    BEV_TRIG_DEFER_CALLBACKS | BEV_TRIG_IGNORE_WATERMARKS);
}

/* ---- the connection ---- */

/* The request that opens it. False: not all of it is there yet. */
static bool client_handshake(struct ng_conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
	struct timeval idle = { IDLE_S, 0 };
	char head[HEAD_MAX], answer[NG_WS_ANSWER_MAX];
	size_t len = (size_t)end.pos + 4;

	if (end.pos < 0 && evbuffer_get_length(in) < HEAD_MAX)
		return false;
	if (end.pos < 0 || len > HEAD_MAX) {
		c->gone = true;
		return true;
	}
	evbuffer_remove(in, head, len);
	if (!ng_ws_handshake(head, len, &c->self, answer, sizeof(answer)) ||
	    wslay_event_context_server_init(&c->frames, &callbacks, c) != 0) {
		bufferevent_write(c->bev, NG_WS_REFUSAL, strlen(NG_WS_REFUSAL));
		c->gone = true;
		return true;
	}
	wslay_event_config_set_max_recv_msg_length(c->frames, NG_MESSAGE_MAX);
	bufferevent_write(c->bev, answer, strlen(answer));
	bufferevent_set_timeouts(c->bev, &idle, &idle);
	return true;
}

static void client_read(struct bufferevent *bev, void *arg)
{
	const struct timeval closing = { CLOSING_S, 0 };
	struct ng_conn *c = arg;

	(void)bev;
	if (!c->gone && !c->frames && !client_handshake(c))
		return;
	if (!c->gone) {
		c->reading = true;
		if (wslay_event_recv(c->frames) != 0)
			c->gone = true;
		c->reading = false;
		client_flush(c);
	}
	if (!c->gone)
		return;
	/* A refusal, or a close frame, goes out first, if it is taken. */
	bufferevent_disable(c->bev, EV_READ);
	bufferevent_set_timeouts(c->bev, NULL, &closing);
	if (!evbuffer_get_length(bufferevent_get_output(c->bev)))
		client_free(c);
}

static void client_written(struct bufferevent *bev, void *arg)
{
	struct ng_conn *c = arg;

	(void)bev;
	if (c->gone)
		client_free(c);
}

static void client_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	client_free(arg);
}

static struct ip_addr local_of(int fd)
{
	union socket_addr sa = { 0 };
	socklen_t len = sizeof(sa);

	getsockname(fd, &sa.any, &len);
	return socket_addr_get(&sa).ip;
}

static void client_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
			  int len, void *arg)
{
	struct timeval handshake = { HANDSHAKE_S, 0 };
	struct ng_ws *w = arg;
	const struct sock_addr from = socket_addr_peer(sa, len);
	struct ng_conn *c;

	if (!ng_allowed(w->ng, &from.ip)) {
		w->ng->stats.not_allowed++;
		close(fd);
		return;
	}
	if (w->clients.n == CLIENTS_MAX)
		client_free(room_make(&w->clients, from.ip.b, sizeof(from.ip.b), NULL));
	c = calloc(1, sizeof(*c));
	if (c)
		c->bev =
		    bufferevent_socket_new(evconnlistener_get_base(l), fd, BEV_OPT_CLOSE_ON_FREE);
	if (!c || !c->bev) {
		w->ng->stats.full++;
		free(c);
		close(fd);
		return;
	}
	c->ws = w;
	c->from = (struct source_addr){ .addr = from, .stream = ++w->ng->last_websocket };
	c->self = local_of(fd);
	room_enter(&w->clients, &c->place, c, from.ip.b, sizeof(from.ip.b));
	w->ng->stats.websockets = w->clients.n;
	bufferevent_setcb(c->bev, client_read, client_written, client_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, NG_MESSAGE_MAX + HEAD_MAX);
	bufferevent_set_timeouts(c->bev, &handshake, &handshake);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

static void accept_failed(struct evconnlistener *l, void *arg)
{
	struct ng_ws *w = arg;

	accept_pause(&w->pause, l);
}

struct ng_ws *ng_ws_open(struct ng *n, const struct config_gateway *c, char *err, size_t errlen)
{
	uint16_t port = c->ng_websocket_port;
	struct ng_ws *w = calloc(1, sizeof(*w));
	int fd = socket_open(SOCK_STREAM, &c->ng_addr, port);
	bool ready = false;

	if (w && fd >= 0) {
		w->ng = n;
		n->stats.websockets_max = CLIENTS_MAX;
		room_init(&w->clients);
		ready = accept_pause_open(&w->pause, n->base);
		w->listener = evconnlistener_new(
		    n->base, client_accept, w,
		    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_DISABLED, BACKLOG, fd);
	}
	if (ready && w->listener) {
		evconnlistener_set_error_cb(w->listener, accept_failed);
		return w;
	}
	snprintf(err, errlen,
		 "cannot serve ng over WebSocket at port %u (gateway.ng-websocket-port): %s", port,
		 strerror(errno));
	if (fd >= 0 && !(w && w->listener))
		close(fd);
	ng_ws_close(w);
	return NULL;
}

void ng_ws_enable(struct ng_ws *w)
{
	evconnlistener_enable(w->listener);
}

void ng_ws_close(struct ng_ws *w)
{
	struct ng_conn *c;

	if (!w)
		return;
	while ((c = room_first(&w->clients)))
		client_free(c);
	accept_pause_close(&w->pause);
	if (w->listener)
		evconnlistener_free(w->listener);
	free(w);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "http.h"

#include "../accept.h"
#include "../clock.h"
#include "../room.h"
#include "../socket.h"
#include "../tls_socket.h"
#include "tries.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 16 };

struct conn {
	struct room_place place;
	struct http *http;
	struct bufferevent *bev;
	struct event *late;
	struct ip_addr from;
	bool answered; /* what still comes is not read */
	bool eof;      /* and nothing does */
};

struct http {
	http_handler *handler;
	void *ctx;
	struct event_base *base;
	struct evconnlistener *listener;
	struct accept_pause pause;
	SSL_CTX *tls; /* NULL: plain */
	struct tries handshakes;
	struct room conns; /* idle since they came, whether they have asked yet or do not read */
};

static void conn_free(struct conn *c)
{
	room_leave(&c->http->conns, &c->place);
	bufferevent_free(c->bev); /* and the socket */
	event_free(c->late);
	free(c);
}

/* ---- answers ---- */

static const char *status_text(int code)
{
	static const struct {
		int code;
		const char *text;
	} known[] = {
		{ 200, "OK" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].code == code)
			return known[i].text;
	}
	return "Internal Server Error";
}

/* RFC 9110 5.6.7; the language is C's, for nobody sets another. */
static void put_date(struct evbuffer *out)
{
	char text[64];
	time_t now = time(NULL);
	struct tm tm;

	if (gmtime_r(&now, &tm) && strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm))
		evbuffer_add_printf(out, "Date: %s\r\n", text);
}

/* The answer goes out as a whole. with_body: not to HEAD. */
static void conn_answer(struct conn *c, int code, struct evbuffer *headers, struct evbuffer *body,
			bool with_body)
{
	static const struct timeval patience = { HTTP_REQUEST_S, 0 };
	struct evbuffer *out = bufferevent_get_output(c->bev);

	evbuffer_add_printf(out, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: %zu\r\n",
			    code, status_text(code), evbuffer_get_length(body));
	put_date(out);
	if (code == 405)
		evbuffer_add_printf(out, "Allow: GET, HEAD\r\n");
	evbuffer_add_buffer(out, headers);
	evbuffer_add(out, "\r\n", 2);
	if (with_body)
		evbuffer_add_buffer(out, body);
	c->answered = true;
	event_add(c->late, &patience);
}

/* ---- requests ---- */

/* The request line (RFC 9112 3), cut into its parts. */
struct request_line {
	char *method, *target, *version;
};

static bool line_cut(char *text, struct request_line *l)
{
	char *save = NULL;

	text[strcspn(text, "\r\n")] = '\0';
	l->method = strtok_r(text, " ", &save);
	l->target = strtok_r(NULL, " ", &save);
	l->version = strtok_r(NULL, " ", &save);
	return l->version && !strtok_r(NULL, " ", &save);
}

/* The path of a target in origin form or absolute form (3.2), without its query; NULL: neither. */
static const char *target_path(char *target)
{
	static const char scheme[] = "http://";

	if (strncmp(target, scheme, sizeof(scheme) - 1) == 0) {
		target = strchr(target + sizeof(scheme) - 1, '/');
		if (!target)
			return "/";
	}
	if (*target != '/')
		return NULL;
	target[strcspn(target, "?#")] = '\0';
	return target;
}

/* The value of the first header of that name in what follows the request line; "": none, or too
 * long. */
static void header_get(const char *head, const char *name, char value[HTTP_HEADER_MAX])
{
	const size_t len = strlen(name);

	*value = '\0';
	while ((head = strchr(head, '\n')) && *++head) {
		size_t n;

		if (strncasecmp(head, name, len) != 0 || head[len] != ':')
			continue;
		head += len + 1;
		head += strspn(head, " \t");
		n = strcspn(head, "\r\n");
		while (n && (head[n - 1] == ' ' || head[n - 1] == '\t'))
			n--;
		if (n < HTTP_HEADER_MAX) {
			memcpy(value, head, n);
			value[n] = '\0';
		}
		return;
	}
}

/* The status of a request's head, which is changed; with 200 its answer is filled in. */
static int head_answer(const struct conn *c, char *head, bool *with_body, struct evbuffer *headers,
		       struct evbuffer *body)
{
	struct http_request r = { .from = c->from };
	struct request_line l;

	*with_body = true;
	header_get(head, "Accept", r.accept);
	header_get(head, "Authorization", r.authorization);
	if (!line_cut(head, &l))
		return 400;
	if (strcmp(l.version, "HTTP/1.1") != 0 && strcmp(l.version, "HTTP/1.0") != 0)
		return strncmp(l.version, "HTTP/", 5) == 0 ? 505 : 400;
	*with_body = strcmp(l.method, "HEAD") != 0;
	if (*with_body && strcmp(l.method, "GET") != 0)
		return 405;
	r.path = target_path(l.target);
	return r.path ? c->http->handler(c->http->ctx, &r, headers, body) : 400;
}

/* Length of the head in what has come, its empty line included; 0: not all of it is there. */
static size_t head_length(struct evbuffer *in)
{
	struct evbuffer_ptr crlf = evbuffer_search(in, "\r\n\r\n", 4, NULL);
	struct evbuffer_ptr lf = evbuffer_search(in, "\n\n", 2, NULL);

	if (crlf.pos >= 0 && (lf.pos < 0 || crlf.pos < lf.pos))
		return (size_t)crlf.pos + 4;
	return lf.pos >= 0 ? (size_t)lf.pos + 2 : 0;
}

/* Answers what has come; false if there is no memory. */
static bool conn_request(struct conn *c, size_t head)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	struct evbuffer *headers = evbuffer_new(), *body = evbuffer_new();
	char text[HTTP_HEAD_MAX + 1];
	bool ok = headers && body, with_body = true;
	int code = 431;

	if (ok && head && head <= HTTP_HEAD_MAX) {
		evbuffer_copyout(in, text, head);
		text[head] = '\0';
		code = head_answer(c, text, &with_body, headers, body);
		explicit_bzero(text, head); /* there may be a password in it */
	}
	if (ok)
		conn_answer(c, code, headers, body, with_body);
	if (headers)
		evbuffer_free(headers);
	if (body)
		evbuffer_free(body);
	return ok;
}

static void conn_readable(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct conn *c = arg;
	size_t head;

	if (!c->answered) {
		head = head_length(in);
		if (!head && evbuffer_get_length(in) <= HTTP_HEAD_MAX)
			return;
		if (!conn_request(c, head)) {
			conn_free(c);
			return;
		}
	}
	evbuffer_drain(in, evbuffer_get_length(in));
}

/* All is sent. The other side closes; closed here at once, what it still sends would be a reset. */
static void conn_sent(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	if (!c->answered)
		return;
	if (c->eof)
		conn_free(c);
	else
		tls_socket_finish(bev);
}

/* The end of its requests: whoever has been asked is answered all the same. */
static void conn_event(struct bufferevent *bev, short what, void *arg)
{
	struct conn *c = arg;

	if (what & BEV_EVENT_CONNECTED)
		return; /* the handshake is over */
	c->eof = what & BEV_EVENT_EOF;
	if (!c->eof || !c->answered || evbuffer_get_length(bufferevent_get_output(bev)) == 0)
		conn_free(c);
}

static void conn_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	conn_free(arg);
}

/* ---- connections ---- */

static void accepted(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa, int len,
		     void *arg)
{
	static const struct timeval patience = { HTTP_REQUEST_S, 0 };
	struct http *h = arg;
	const struct ip_addr from = socket_addr_peer(sa, len).ip;
	struct conn *c = NULL;

	(void)l;
	if (!h->tls || tries_take(&h->handshakes, &from, clock_us(CLOCK_MONOTONIC)))
		c = calloc(1, sizeof(*c));
	if (c) {
		c->http = h;
		c->from = from;
		c->late = evtimer_new(h->base, conn_late, c);
		c->bev = h->tls ? tls_socket_accept(h->base, h->tls, fd)
				: bufferevent_socket_new(h->base, fd, BEV_OPT_CLOSE_ON_FREE);
	}
	if (!c || !c->late || !c->bev) {
		if (c && c->late)
			event_free(c->late);
		if (c && c->bev)
			bufferevent_free(c->bev);
		else
			close(fd);
		free(c);
		return;
	}
	if (h->conns.n == HTTP_CONNECTIONS)
		conn_free(room_make(&h->conns, from.b, sizeof(from.b), NULL));
	room_enter(&h->conns, &c->place, c, from.b, sizeof(from.b));
	event_add(c->late, &patience);
	bufferevent_setcb(c->bev, conn_readable, conn_sent, conn_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, HTTP_HEAD_MAX + 1);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

static void accept_failed(struct evconnlistener *l, void *arg)
{
	struct http *h = arg;

	accept_pause(&h->pause, l);
}

/* A socket of our own: none is resolved, which fails where only the loopback has an address. */
static bool http_listen(struct http *h, const struct ip_addr *ip, uint16_t port)
{
	int fd = socket_open(SOCK_STREAM, ip, port), e;

	if (fd < 0)
		return false;
	if (listen(fd, BACKLOG) == 0)
		h->listener = evconnlistener_new(
		    h->base, accepted, h, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (h->listener) {
		evconnlistener_set_error_cb(h->listener, accept_failed);
		return true;
	}
	e = errno ? errno : ENOMEM;
	close(fd);
	errno = e;
	return false;
}

struct http *http_open(struct event_base *base, const struct ip_addr *ip, uint16_t port,
		       http_handler *handler, void *ctx)
{
	struct http *h = calloc(1, sizeof(*h));
	int e;

	if (!h)
		return NULL;
	h->handler = handler;
	h->ctx = ctx;
	h->base = base;
	room_init(&h->conns);
	tries_init(&h->handshakes, HTTP_HANDSHAKES, 2 * HTTP_HANDSHAKES);
	errno = ENOMEM;
	if (accept_pause_open(&h->pause, base) && http_listen(h, ip, port))
		return h;
	e = errno;
	http_close(h);
	errno = e;
	return NULL;
}

void http_secure(struct http *h, SSL_CTX *ctx)
{
	if (ctx)
		SSL_CTX_up_ref(ctx);
	SSL_CTX_free(h->tls);
	h->tls = ctx;
}

void http_close(struct http *h)
{
	struct conn *c;

	if (!h)
		return;
	while ((c = room_first(&h->conns)))
		conn_free(c);
	accept_pause_close(&h->pause);
	if (h->listener)
		evconnlistener_free(h->listener);
	SSL_CTX_free(h->tls);
	free(h);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "manage.h"

#include "../accept.h"
#include "../clock.h"
#include "../log.h"
#include "../room.h"
#include "../socket.h"
#include "audit.h"
#include "manage_cert.h"
#include "rpc.h"
#include "../tls_socket.h"
#include "tries.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { BACKLOG = 16 };

/*
 * A connection: libevent's, which tells neither who connects nor that it is gone. So this hangs on
 * its SSL, which goes with it, and ends it by ending its socket.
 */
struct link {
	LIST_ENTRY(link) entry;
	struct room_place place;
	struct manage *m; /* NULL: the port is closed */
	struct bufferevent *bev;
	struct event *timer;
	struct ip_addr from;
	bool entered; /* it has a place */
	bool busy;    /* a request is in hand, or its answer on the way */
	bool last;    /* no request after that one */
};

/* A request that is answered later. */
struct call {
	struct evhttp_request *req;
	struct link *link;
	struct rpc_later *later;
};

struct manage {
	struct server *server;
	struct event_base *base;
	struct evhttp *http;
	struct evhttp_bound_socket *bound; /* NULL: port 0 */
	SSL_CTX *tls;
	struct accept_pause pause;
	struct tries handshakes;
	LIST_HEAD(, link) links;
	struct room room; /* idle since they asked, or connected */
	/* manage_prepare() made them. */
	struct evhttp_bound_socket *next; /* if it moves */
	SSL_CTX *next_tls;
	bool moves;
};

static int link_index = -1; /* of SSL's data */

/* ---- connections ---- */

static void link_timer(struct link *k, int seconds)
{
	const struct timeval tv = { seconds, 0 };

	evtimer_add(k->timer, &tv);
}

/* libevent sees the end of its socket, and frees all of it. */
static void link_end(struct link *k)
{
	if (k->entered)
		room_leave(&k->m->room, &k->place);
	k->entered = false;
	k->last = true;
	evtimer_del(k->timer);
	shutdown(bufferevent_getfd(k->bev), SHUT_RDWR);
}

/* Whoever waits for an answer goes last. */
static int link_busy(const void *conn)
{
	return ((const struct link *)conn)->busy;
}

/* Its socket is known by now. */
static void link_enter(struct link *k)
{
	union socket_addr sa = { 0 };
	socklen_t len = sizeof(sa);

	if (getpeername(bufferevent_getfd(k->bev), &sa.any, &len) != 0) {
		link_end(k);
		return;
	}
	k->from = socket_addr_get(&sa).ip;
	if (k->m->room.n >= MANAGE_CONNECTIONS)
		link_end(room_make(&k->m->room, k->from.b, sizeof(k->from.b), link_busy));
	room_enter(&k->m->room, &k->place, k, k->from.b, sizeof(k->from.b));
	k->entered = true;
	link_timer(k, MANAGE_REQUEST_S);
}

static void link_late(evutil_socket_t fd, short what, void *arg)
{
	struct link *k = arg;

	(void)fd;
	(void)what;
	if (!k->m)
		return;
	if (!k->entered && !k->last)
		link_enter(k);
	else
		link_end(k);
}

/* The SSL goes, and the connection with it. */
static void link_free(void *ssl, void *data, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	struct link *k = data;

	(void)ssl;
	(void)ad;
	(void)idx;
	(void)argl;
	(void)argp;
	if (!k)
		return;
	if (k->m && k->entered)
		room_leave(&k->m->room, &k->place);
	if (k->m)
		LIST_REMOVE(k, entry);
	event_free(k->timer);
	free(k);
}

/*
 * Of each connection that comes, before its socket is known. libevent would take one without TLS
 * instead of none, so there is no going on without memory.
 */
static struct bufferevent *link_make(struct event_base *base, void *arg)
{
	struct manage *m = arg;
	struct link *k = calloc(1, sizeof(*k));
	SSL *ssl;

	if (!k || !(k->timer = evtimer_new(base, link_late, k)) || !(ssl = SSL_new(m->tls)) ||
	    SSL_set_ex_data(ssl, link_index, k) != 1 ||
	    !(k->bev = bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
						      BEV_OPT_CLOSE_ON_FREE)))
		abort();
	k->m = m;
	LIST_INSERT_HEAD(&m->links, k, entry);
	link_timer(k, 0);
	return k->bev;
}

/* ---- handshakes ---- */

static struct ip_addr ssl_from(const SSL *ssl)
{
	union socket_addr sa = { 0 };
	socklen_t len = sizeof(sa);

	getpeername(SSL_get_fd(ssl), &sa.any, &len);
	return socket_addr_get(&sa).ip;
}

/* Before anything is computed for it. */
static int on_hello(SSL *ssl, int *alert, void *arg)
{
	struct manage *m = arg;
	const struct ip_addr from = ssl_from(ssl);

	if (tries_take(&m->handshakes, &from, clock_us(CLOCK_MONOTONIC)))
		return SSL_CLIENT_HELLO_SUCCESS;
	*alert = SSL_AD_INTERNAL_ERROR;
	return SSL_CLIENT_HELLO_ERROR;
}

/* OpenSSL has no words for the alert of RFC 8446 that is the likeliest here. */
static const char *alert_text(int value)
{
	enum { CERTIFICATE_REQUIRED = 116 };

	return (value & 0xff) == CERTIFICATE_REQUIRED ? "no certificate"
						      : SSL_alert_desc_string_long(value);
}

/* Who is not let in, and why, as he is told himself. */
static void on_alert(const SSL *ssl, int where, int value)
{
	static struct log_bucket bucket;
	const struct link *k = SSL_get_ex_data(ssl, link_index);
	struct ip_addr from;
	char ip[ADDR_STR_MAX];

	if ((where & SSL_CB_WRITE_ALERT) != SSL_CB_WRITE_ALERT || value >> 8 != SSL3_AL_FATAL ||
	    !k || !k->m)
		return;
	from = ssl_from(ssl);
	k->m->server->stats.manage_refused++;
	log_bucket_line(&bucket, "management: address %s is refused: %s",
			ip_format(&from, ip, sizeof(ip)), alert_text(value));
}

static SSL_CTX *tls_load(struct manage *m, const struct config_management *c, char *err,
			 size_t errlen)
{
	SSL_CTX *ctx = manage_cert_load(c, err, errlen);

	if (ctx) {
		SSL_CTX_set_client_hello_cb(ctx, on_hello, m);
		SSL_CTX_set_info_callback(ctx, on_alert);
	}
	return ctx;
}

/* ---- requests ---- */

static void on_complete(struct evhttp_request *req, void *arg)
{
	struct link *k = arg;

	(void)req;
	k->busy = false;
	if (!k->m)
		return;
	if (k->last)
		link_end(k);
	else
		link_timer(k, MANAGE_REQUEST_S);
}

/* Takes over line, which is NULL if no answer is due. */
static void reply(struct link *k, struct evhttp_request *req, char *line)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
	struct evbuffer *body = evhttp_request_get_output_buffer(req);

	if (line) {
		evbuffer_add(body, line, strlen(line));
		evbuffer_add(body, "\n", 1);
		evhttp_add_header(headers, "Content-Type", "application/json");
	}
	evhttp_add_header(headers, "Cache-Control", "no-store");
	if (k->last)
		evhttp_add_header(headers, "Connection", "close");
	evhttp_request_set_on_complete_cb(req, on_complete, k);
	link_timer(k, MANAGE_ANSWER_S);
	evhttp_send_reply(req, line ? HTTP_OK : HTTP_NOCONTENT, line ? "OK" : "No Content", NULL);
	free(line);
}

/* A sentence of what is wrong with it as HTTP. */
static void refuse(struct link *k, struct evhttp_request *req, int code, const char *text)
{
	struct evbuffer *body = evhttp_request_get_output_buffer(req);

	evbuffer_add_printf(body, "%s\n", text);
	evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type",
			  "text/plain; charset=utf-8");
	if (code == HTTP_BADMETHOD)
		evhttp_add_header(evhttp_request_get_output_headers(req), "Allow", "POST");
	evhttp_request_set_on_complete_cb(req, on_complete, k);
	link_timer(k, MANAGE_ANSWER_S);
	evhttp_send_reply(req, code, NULL, NULL);
}

static void call_answered(void *arg, char *line)
{
	struct call *c = arg;
	struct link *k = c->link;
	struct evhttp_request *req = c->req;

	evhttp_connection_set_closecb(evhttp_request_get_connection(req), NULL, NULL);
	free(c);
	reply(k, req, line);
}

/* The connection ends before its answer is there. */
static void call_gone(struct evhttp_connection *conn, void *arg)
{
	struct call *c = arg;

	(void)conn;
	rpc_later_wait(c->later, NULL, NULL);
	/* Of a connection that failed it is ours; where the port is closed, it goes after this. */
	if (!evhttp_request_get_connection(c->req))
		evhttp_request_free(c->req);
	free(c);
}

static void call_wait(struct link *k, struct evhttp_request *req, struct rpc_later *later)
{
	struct call *c = malloc(sizeof(*c));

	if (!c) {
		rpc_later_wait(later, NULL, NULL);
		refuse(k, req, HTTP_INTERNAL, "out of memory");
		return;
	}
	*c = (struct call){ req, k, later };
	evtimer_del(k->timer);
	evhttp_connection_set_closecb(evhttp_request_get_connection(req), call_gone, c);
	rpc_later_wait(later, call_answered, c);
}

/* What a browser would send for any page it shows is refused: a form has another type. */
static bool is_json(struct evhttp_request *req)
{
	static const char json[] = "application/json";
	const char *type =
	    evhttp_find_header(evhttp_request_get_input_headers(req), "Content-Type");

	return type && strncasecmp(type, json, sizeof(json) - 1) == 0 &&
	       strchr("; \t", type[sizeof(json) - 1]);
}

static void call_begin(struct link *k, struct evhttp_request *req, const X509 *cert)
{
	struct server *s = k->m->server;
	struct evbuffer *in = evhttp_request_get_input_buffer(req);
	const size_t len = evbuffer_get_length(in);
	char *body = (char *)evbuffer_pullup(in, -1), *line;
	struct rpc_caller who = { .audit = audit_write };
	struct rpc_later *later = NULL;

	manage_cert_judge(&s->conf->management, cert, &who);
	ip_format(&k->from, who.address, sizeof(who.address));
	line = rpc_answer_to(&who, rpc_methods, RPC_METHODS, s, body ? body : "", len, &later);
	if (body)
		explicit_bzero(body, len); /* there may be a key in it */
	if (later)
		call_wait(k, req, later);
	else
		reply(k, req, line);
}

static void on_request(struct evhttp_request *req, void *arg)
{
	SSL *ssl = bufferevent_openssl_get_ssl(
	    evhttp_connection_get_bufferevent(evhttp_request_get_connection(req)));
	struct link *k = ssl ? SSL_get_ex_data(ssl, link_index) : NULL;
	const X509 *cert = ssl ? SSL_get0_peer_certificate(ssl) : NULL;

	(void)arg;
	if (!k || !k->entered || !cert || SSL_get_verify_result(ssl) != X509_V_OK) {
		evhttp_send_error(req, 403, NULL);
		return;
	}
	room_used(&k->m->room, &k->place);
	k->busy = true;
	if (strcmp(evhttp_request_get_uri(req), "/rpc") != 0)
		refuse(k, req, HTTP_NOTFOUND, "there is nothing here but /rpc");
	else if (evhttp_request_get_command(req) != EVHTTP_REQ_POST)
		refuse(k, req, HTTP_BADMETHOD, "a request is sent by POST");
	else if (!is_json(req))
		refuse(k, req, 415, "a request is application/json");
	else
		call_begin(k, req, cert);
}

/* ---- the port ---- */

static void accept_failed(struct evconnlistener *l, void *arg)
{
	struct manage *m = arg;

	accept_pause(&m->pause, l);
}

/* Whoever connects waits until it is enabled. NULL: errno. */
static struct evhttp_bound_socket *port_open(struct manage *m, const struct config_management *c)
{
	const int fd = socket_open(SOCK_STREAM, &c->addr, c->port);
	struct evhttp_bound_socket *bound = NULL;
	struct evconnlistener *l = NULL;
	int e;

	if (fd < 0)
		return NULL;
	errno = ENOMEM;
	if (listen(fd, BACKLOG) == 0)
		l = evconnlistener_new(
		    m->base, NULL, NULL,
		    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_DISABLED, 0, fd);
	if (l)
		bound = evhttp_bind_listener(m->http, l);
	if (bound) {
		evconnlistener_set_error_cb(l, accept_failed);
		return bound;
	}
	e = errno;
	if (l)
		evconnlistener_free(l);
	else
		close(fd);
	errno = e;
	return NULL;
}

static bool port_listen(struct manage *m, const struct config_management *c,
			struct evhttp_bound_socket **bound, char *err, size_t errlen)
{
	char addr[ADDR_STR_MAX];

	*bound = c->port ? port_open(m, c) : NULL;
	if (*bound || !c->port)
		return true;
	snprintf(err, errlen, "cannot listen at %s port %u (management.address): %s",
		 ip_format(&c->addr, addr, sizeof(addr)), c->port, strerror(errno));
	return false;
}

static void port_enable(struct evhttp_bound_socket *bound)
{
	if (bound)
		evconnlistener_enable(evhttp_bound_socket_get_listener(bound));
}

static void port_close(struct manage *m, struct evhttp_bound_socket *bound)
{
	if (!bound)
		return;
	if (m->pause.listener == evhttp_bound_socket_get_listener(bound)) {
		accept_pause_close(&m->pause);
		accept_pause_open(&m->pause, m->base);
	}
	evhttp_del_accept_socket(m->http, bound);
}

static bool http_open(struct manage *m)
{
	m->http = evhttp_new(m->base);
	if (!m->http)
		return false;
	evhttp_set_bevcb(m->http, link_make, m);
	evhttp_set_gencb(m->http, on_request, m);
	evhttp_set_allowed_methods(m->http, EVHTTP_REQ_POST | EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_max_headers_size(m->http, MANAGE_HEAD_MAX);
	evhttp_set_max_body_size(m->http, MANAGE_BODY_MAX);
	evhttp_set_timeout(m->http, 2 * MANAGE_ANSWER_S); /* after ours */
	return true;
}

bool manage_start(struct server *s, struct event_base *base, struct manage **m, char *err,
		  size_t errlen)
{
	const struct config_management *c = &s->conf->management;

	if (link_index < 0)
		link_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, link_free);
	*m = calloc(1, sizeof(**m));
	snprintf(err, errlen, "out of memory for management");
	if (!*m)
		return false;
	(*m)->server = s;
	(*m)->base = base;
	LIST_INIT(&(*m)->links);
	room_init(&(*m)->room);
	tries_init(&(*m)->handshakes, MANAGE_HANDSHAKES, 2 * MANAGE_HANDSHAKES);
	if (link_index >= 0 && accept_pause_open(&(*m)->pause, base) && http_open(*m) &&
	    (!c->port || ((*m)->tls = tls_load(*m, c, err, errlen))) &&
	    port_listen(*m, c, &(*m)->bound, err, errlen)) {
		port_enable((*m)->bound);
		s->own_cert[OWN_CERT_MANAGEMENT] = tls_socket_life((*m)->tls);
		return true;
	}
	manage_stop(*m);
	*m = NULL;
	return false;
}

bool manage_prepare(struct manage *m, const struct config *c, char *err, size_t errlen)
{
	const struct config_management *was = &m->server->conf->management, *to = &c->management;

	m->next_tls = to->port ? tls_load(m, to, err, errlen) : NULL;
	if (to->port && !m->next_tls)
		return false;
	m->moves = to->port != was->port || !ip_eq(&to->addr, &was->addr);
	if (!m->moves || port_listen(m, to, &m->next, err, errlen))
		return true;
	SSL_CTX_free(m->next_tls);
	m->next_tls = NULL;
	return false;
}

/* Those whose answer is under way, of this very reload perhaps, end after it. */
static void links_renew(struct manage *m)
{
	struct link *k, *next;

	for (k = LIST_FIRST(&m->links); k; k = next) {
		next = LIST_NEXT(k, entry);
		if (k->busy)
			k->last = true;
		else
			link_end(k);
	}
}

void manage_finish(struct manage *m, bool apply)
{
	SSL_CTX *gone = apply ? m->tls : m->next_tls;

	if (m->moves) {
		port_close(m, apply ? m->bound : m->next);
		if (apply)
			m->bound = m->next;
	}
	if (apply) {
		m->tls = m->next_tls;
		m->server->own_cert[OWN_CERT_MANAGEMENT] = tls_socket_life(m->tls);
		port_enable(m->moves ? m->bound : NULL);
		links_renew(m);
	}
	SSL_CTX_free(gone);
	m->next = NULL;
	m->next_tls = NULL;
	m->moves = false;
}

void manage_stop(struct manage *m)
{
	struct link *k;

	if (!m)
		return;
	if (m->http)
		evhttp_free(m->http); /* those who wait are gone; each SSL goes with the base */
	accept_pause_close(&m->pause);
	while ((k = LIST_FIRST(&m->links))) {
		LIST_REMOVE(k, entry);
		k->m = NULL;
		evtimer_del(k->timer);
	}
	SSL_CTX_free(m->tls);
	free(m);
}

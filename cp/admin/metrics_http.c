/* SPDX-License-Identifier: BSD-3-Clause */
/* Metrics and a status page over HTTP. */
#include "metrics.h"

#include "../accept.h"
#include "../socket.h"
#include "page_data.h"
#include "status.h"

#include <errno.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEADERS_MAX = 8192, TIMEOUT_S = 5, BACKLOG = 16 };
enum { DESCRIPTORS_MAX = 256 }; /* the process has, when no more connections are taken */

struct metrics {
	const struct server *server;
	struct evhttp *http;
	struct evconnlistener *listener; /* of evhttp's */
	struct accept_rest rest;
};

/* ---- what is served ---- */

static bool write_status(struct evbuffer *out, const struct server *s)
{
	json_t *page = status_page_json(s);
	char *text = page ? json_dumps(page, JSON_COMPACT) : NULL;
	bool ok = text && evbuffer_add(out, text, strlen(text)) == 0;

	free(text);
	json_decref(page);
	return ok;
}

static bool write_metrics(struct evbuffer *out, const struct server *s)
{
	metrics_write(out, s);
	return true;
}

/* A file that does not change, or what a function writes. */
struct resource {
	const char *path, *type;
	const unsigned char *data;
	size_t len;
	bool (*write)(struct evbuffer *out, const struct server *s);
};

static const struct resource resources[] = {
	{ "/metrics", "text/plain; version=0.0.4; charset=utf-8", NULL, 0, write_metrics },
	{ "/status", "application/json", NULL, 0, write_status },
	{ "/", "text/html; charset=utf-8", page_html, sizeof(page_html), NULL },
	{ "/page.css", "text/css; charset=utf-8", page_css, sizeof(page_css), NULL },
	{ "/page.js", "text/javascript; charset=utf-8", page_js, sizeof(page_js), NULL },
};

static const struct resource *resource_find(const char *path)
{
	for (size_t i = 0; path && i < sizeof(resources) / sizeof(resources[0]); i++)
		if (strcmp(resources[i].path, path) == 0)
			return &resources[i];
	return NULL;
}

/* Nothing but the page's own files is loaded or run, whatever names are shown in it. */
static void add_headers(struct evkeyvalq *h, const char *type)
{
	evhttp_add_header(h, "Content-Type", type);
	evhttp_add_header(h, "Content-Security-Policy",
			  "default-src 'none'; script-src 'self'; style-src 'self'; "
			  "connect-src 'self'; base-uri 'none'; form-action 'none'; "
			  "frame-ancestors 'none'");
	evhttp_add_header(h, "X-Content-Type-Options", "nosniff");
	evhttp_add_header(h, "Referrer-Policy", "no-referrer");
	evhttp_add_header(h, "Cache-Control", "no-store");
}

static void answer(struct evhttp_request *req, void *arg)
{
	const struct metrics *m = arg;
	const struct resource *r =
	    resource_find(evhttp_uri_get_path(evhttp_request_get_evhttp_uri(req)));
	struct evbuffer *body = evbuffer_new();
	bool ok = r && body;

	if (ok)
		ok = r->write ? r->write(body, m->server)
			      : evbuffer_add_reference(body, r->data, r->len, NULL, NULL) == 0;
	if (ok) {
		add_headers(evhttp_request_get_output_headers(req), r->type);
		evhttp_send_reply(req, HTTP_OK, "OK", body);
	} else {
		evhttp_send_error(req, r ? HTTP_INTERNAL : HTTP_NOTFOUND, NULL);
	}
	if (body)
		evbuffer_free(body);
}

/* ---- where ---- */

/* evhttp has no bound for connections, and others need descriptors, too (R27). */
static struct bufferevent *accepted(struct event_base *base, void *arg)
{
	struct metrics *m = arg;
	int lowest = dup(evconnlistener_get_fd(m->listener));

	(void)base;
	if (lowest < 0 || lowest >= DESCRIPTORS_MAX)
		accept_rest(&m->rest, m->listener);
	if (lowest >= 0)
		close(lowest);
	return NULL; /* evhttp makes its own */
}

/*
 * A socket of our own: evhttp would resolve the address, which fails where no interface but the
 * loopback one has one. False and errno on failure.
 */
static bool http_listen(struct metrics *m, const struct ip_addr *ip, uint16_t port)
{
	int fd = socket_open(SOCK_STREAM, ip, port), e;
	struct evhttp_bound_socket *s;

	if (fd < 0)
		return false;
	/* It closes it in the end. */
	s = listen(fd, BACKLOG) == 0 ? evhttp_accept_socket_with_handle(m->http, fd) : NULL;
	if (s) {
		m->listener = evhttp_bound_socket_get_listener(s);
		evhttp_set_bevcb(m->http, accepted, m);
		return true;
	}
	e = errno ? errno : ENOMEM;
	close(fd);
	errno = e;
	return false;
}

bool metrics_start(const struct server *s, struct event_base *base, struct metrics **m, char *err,
		   size_t errlen)
{
	const struct config_control *c = &s->conf->control;
	char addr[ADDR_STR_MAX];

	*m = NULL;
	if (!c->metrics_port)
		return true;
	*m = calloc(1, sizeof(**m));
	if (*m)
		**m = (struct metrics){ .server = s, .http = evhttp_new(base) };
	if (!*m || !(*m)->http || !accept_rest_open(&(*m)->rest, base) ||
	    !http_listen(*m, &c->metrics_addr, c->metrics_port)) {
		ip_format(&c->metrics_addr, addr, sizeof(addr));
		snprintf(err, errlen,
			 "cannot serve metrics at %s port %u (control.metrics-address): %s", addr,
			 c->metrics_port, strerror(errno));
		metrics_stop(*m);
		*m = NULL;
		return false;
	}
	evhttp_set_allowed_methods((*m)->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_max_headers_size((*m)->http, HEADERS_MAX);
	evhttp_set_max_body_size((*m)->http, 0);
	evhttp_set_timeout((*m)->http, TIMEOUT_S);
	evhttp_set_gencb((*m)->http, answer, *m);
	return true;
}

void metrics_stop(struct metrics *m)
{
	if (!m)
		return;
	accept_rest_close(&m->rest);
	if (m->http)
		evhttp_free(m->http);
	free(m);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Metrics and a status page over HTTP. */
#include "metrics.h"

#include "page_data.h"
#include "status.h"

#include <errno.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADERS_MAX = 8192, TIMEOUT_S = 5, BACKLOG = 16 };

struct metrics {
	const struct server *server;
	struct evhttp *http;
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

/* The address as the kernel wants it. */
static socklen_t socket_addr(const struct ip_addr *ip, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;

	memset(out, 0, sizeof(*out));
	if (ip_is_v4(ip)) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		memcpy(&v4->sin_addr, ip->b + 12, sizeof(v4->sin_addr));
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	memcpy(&v6->sin6_addr, ip->b, sizeof(v6->sin6_addr));
	return sizeof(*v6);
}

/*
 * A listening socket of our own: evhttp would resolve the address, which fails where no interface
 * but the loopback one has one. -1 and errno on failure.
 */
static int socket_listen(const struct ip_addr *ip, uint16_t port)
{
	struct sockaddr_storage a;
	socklen_t len = socket_addr(ip, port, &a);
	int on = 1, e;
	int fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    (a.ss_family != AF_INET6 ||
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0) &&
	    bind(fd, (struct sockaddr *)&a, len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	e = errno;
	close(fd);
	errno = e;
	return -1;
}

/* False and errno on failure. */
static bool http_listen(struct evhttp *http, const struct ip_addr *ip, uint16_t port)
{
	int fd = socket_listen(ip, port);

	if (fd < 0)
		return false;
	if (evhttp_accept_socket(http, fd) == 0) /* which closes it in the end */
		return true;
	close(fd);
	errno = ENOMEM;
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
	if (!*m || !(*m)->http || !http_listen((*m)->http, &c->metrics_addr, c->metrics_port)) {
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
	if (m->http)
		evhttp_free(m->http);
	free(m);
}

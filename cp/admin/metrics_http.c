/* SPDX-License-Identifier: BSD-3-Clause */
/* Metrics and a status page over HTTP. */
#include "metrics.h"

#include "../clock.h"
#include "../log.h"
#include "basic_auth.h"
#include "health.h"
#include "history_json.h"
#include "http.h"
#include "page_data.h"
#include "status.h"
#include "../tls_socket.h"
#include "tries.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES_A_SECOND = 1, TRIES_BURST = 10 }; /* of a password, by one source */

/* What is read from files. */
struct lock {
	SSL_CTX *tls; /* NULL: plain */
	struct basic_auth auth;
};

struct metrics {
	struct server *server;
	struct event_base *base;
	struct http *http; /* NULL: port 0 */
	struct lock lock;
	struct tries tries;
	/* metrics_prepare() made them. */
	struct http *next; /* if it moves */
	struct lock next_lock;
	bool moves;
};

/* Takes the object over. */
static bool write_json(struct evbuffer *out, json_t *o)
{
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	bool ok = text && evbuffer_add(out, text, strlen(text)) == 0;

	free(text);
	json_decref(o);
	return ok;
}

static bool write_status(struct evbuffer *out, const struct server *s, const char *accept)
{
	(void)accept;
	return write_json(out, status_page_json(s));
}

static bool write_history(struct evbuffer *out, const struct server *s, const char *accept)
{
	(void)accept;
	return write_json(out, history_json(&s->history));
}

static bool write_metrics(struct evbuffer *out, const struct server *s, const char *accept)
{
	metrics_write(out, s, metrics_format_of(accept));
	return true;
}

/* A line for each reason why not, "ok" without one. Returns the status. */
static int write_health(struct evbuffer *out, const struct server *s, bool ready)
{
	json_t *list = health_json(s), *p;
	int status = 200;
	size_t i;

	json_array_foreach(list, i, p)
	{
		if (strcmp(json_string_value(json_object_get(p, "severity")), "error") != 0)
			continue;
		evbuffer_add_printf(out, "%s\n", json_string_value(json_object_get(p, "what")));
		status = 503;
	}
	json_decref(list);
	if (ready && s->drain.on) {
		evbuffer_add_printf(out, "the node is being drained\n");
		status = 503;
	}
	if (status == 200)
		evbuffer_add_printf(out, "ok\n");
	return status;
}

/* A file that does not change, or what a function writes. */
struct resource {
	const char *path, *type;
	const unsigned char *data;
	size_t len;
	bool (*write)(struct evbuffer *out, const struct server *s, const char *accept);
};

static const struct resource resources[] = {
	{ "/metrics", "text/plain; version=0.0.4; charset=utf-8", NULL, 0, write_metrics },
	{ "/status", "application/json", NULL, 0, write_status },
	{ "/history", "application/json", NULL, 0, write_history },
	{ "/", "text/html; charset=utf-8", page_html, sizeof(page_html), NULL },
	{ "/page.css", "text/css; charset=utf-8", page_css, sizeof(page_css), NULL },
	{ "/chart.js", "text/javascript; charset=utf-8", chart_js, sizeof(chart_js), NULL },
	{ "/page.js", "text/javascript; charset=utf-8", page_js, sizeof(page_js), NULL },
};

static const struct resource *resource_find(const char *path)
{
	for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
		if (strcmp(resources[i].path, path) == 0)
			return &resources[i];
	return NULL;
}

/* Nothing but the page's own files is loaded or run, whatever names are shown in it. */
static const char headers_of_all[] =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cache-Control: no-store\r\n";

/* 200 for who knows the password, or needs none. One source has ten tries, and then one a second.
 */
static int admit(struct metrics *m, const struct http_request *q, struct evbuffer *headers)
{
	static struct log_bucket bucket;
	const uint64_t now_us = clock_us(CLOCK_MONOTONIC);
	char ip[ADDR_STR_MAX];

	if (*q->authorization && tries_over(&m->tries, &q->from, now_us)) {
		evbuffer_add_printf(headers, "Retry-After: 1\r\n");
		return 429;
	}
	switch (basic_auth_judge(&m->lock.auth, q->authorization)) {
	case BASIC_AUTH_RIGHT:
		return 200;
	case BASIC_AUTH_WRONG:
		tries_take(&m->tries, &q->from, now_us);
		m->server->stats.metrics_auth_wrong++;
		log_bucket_line(&bucket, "authentication failed: address %s: metrics port",
				ip_format(&q->from, ip, sizeof(ip)));
		break;
	case BASIC_AUTH_ABSENT:
		break;
	}
	evbuffer_add_printf(headers, "WWW-Authenticate: Basic realm=\"fairlead\", "
				     "charset=\"UTF-8\"\r\n");
	return 401;
}

/* /metrics comes in two formats: a cache keeps them apart. */
static const char *type_of(const struct resource *r, const char *accept)
{
	return r->write == write_metrics && metrics_format_of(accept) == METRICS_OPENMETRICS
		   ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		   : r->type;
}

static int answer(void *ctx, const struct http_request *q, struct evbuffer *headers,
		  struct evbuffer *body)
{
	const char *path = q->path;
	struct metrics *m = ctx;
	const struct resource *r = resource_find(path);
	const int code = admit(m, q, headers);
	bool ok;

	if (code != 200)
		return code;

	if (strcmp(path, "/healthz") == 0 || strcmp(path, "/readyz") == 0) {
		evbuffer_add_printf(headers, "Content-Type: text/plain; charset=utf-8\r\n%s",
				    headers_of_all);
		return write_health(body, m->server, path[1] == 'r');
	}
	if (!r)
		return 404;
	ok = r->write ? r->write(body, m->server, q->accept)
		      : evbuffer_add_reference(body, r->data, r->len, NULL, NULL) == 0;
	if (!ok)
		return 500;
	evbuffer_add_printf(headers, "Content-Type: %s\r\nVary: Accept\r\n%s",
			    type_of(r, q->accept), headers_of_all);
	return 200;
}

static void lock_close(struct lock *l)
{
	SSL_CTX_free(l->tls);
	OPENSSL_cleanse(l, sizeof(*l));
}

static bool lock_open(struct lock *l, const struct config_control *c, char *err, size_t errlen)
{
	char why[2 * CONFIG_STR_MAX];

	*l = (struct lock){ 0 };
	if (!basic_auth_load(&l->auth, c->metrics_user, c->metrics_password, why, sizeof(why))) {
		snprintf(err, errlen, "control.metrics-password-file: %s", why);
		return false;
	}
	if (c->metrics_certificate[0])
		l->tls = tls_socket_load(TLS_server_method(), c->metrics_certificate,
					 c->metrics_key, why, sizeof(why));
	if (l->tls || !c->metrics_certificate[0])
		return true;
	snprintf(err, errlen, "control.metrics-certificate: %s", why);
	return false;
}

/* What the lock is from now on. */
static void lock_take(struct metrics *m)
{
	if (m->http)
		http_secure(m->http, m->lock.tls);
	m->server->own_cert[OWN_CERT_METRICS] = tls_socket_life(m->http ? m->lock.tls : NULL);
}

/* *h is NULL if port is 0. */
static bool listen_at(struct metrics *m, const struct config_control *c, struct http **h, char *err,
		      size_t errlen)
{
	char addr[ADDR_STR_MAX];

	*h = NULL;
	if (!c->metrics_port)
		return true;
	*h = http_open(m->base, &c->metrics_addr, c->metrics_port, answer, m);
	if (*h)
		return true;
	ip_format(&c->metrics_addr, addr, sizeof(addr));
	snprintf(err, errlen, "cannot serve metrics at %s port %u (control.metrics-address): %s",
		 addr, c->metrics_port, strerror(errno));
	return false;
}

bool metrics_start(struct server *s, struct event_base *base, struct metrics **m, char *err,
		   size_t errlen)
{
	*m = calloc(1, sizeof(**m));
	snprintf(err, errlen, "out of memory for metrics");
	if (!*m)
		return false;
	(*m)->server = s;
	(*m)->base = base;
	tries_init(&(*m)->tries, TRIES_A_SECOND, TRIES_BURST);
	if (lock_open(&(*m)->lock, &s->conf->control, err, errlen) &&
	    listen_at(*m, &s->conf->control, &(*m)->http, err, errlen)) {
		lock_take(*m);
		return true;
	}
	metrics_stop(*m);
	*m = NULL;
	return false;
}

bool metrics_prepare(struct metrics *m, const struct config *c, char *err, size_t errlen)
{
	const struct config_control *was = &m->server->conf->control;

	if (!lock_open(&m->next_lock, &c->control, err, errlen))
		return false;
	m->moves = c->control.metrics_port != was->metrics_port ||
		   !ip_eq(&c->control.metrics_addr, &was->metrics_addr);
	if (!m->moves || listen_at(m, &c->control, &m->next, err, errlen))
		return true;
	lock_close(&m->next_lock);
	return false;
}

void metrics_finish(struct metrics *m, bool apply)
{
	if (m->moves) {
		http_close(apply ? m->http : m->next);
		if (apply)
			m->http = m->next;
	}
	lock_close(apply ? &m->lock : &m->next_lock);
	if (apply)
		m->lock = m->next_lock;
	if (apply)
		lock_take(m);
	m->next = NULL;
	m->next_lock = (struct lock){ 0 };
	m->moves = false;
}

void metrics_stop(struct metrics *m)
{
	if (!m)
		return;
	http_close(m->http);
	lock_close(&m->lock);
	free(m);
}

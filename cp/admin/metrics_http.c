/* SPDX-License-Identifier: BSD-3-Clause */
/* Metrics and a status page over HTTP. */
#include "metrics.h"

#include "health.h"
#include "history_json.h"
#include "http.h"
#include "page_data.h"
#include "status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct metrics {
	const struct server *server;
	struct event_base *base;
	struct http *http; /* NULL: port 0 */
	struct http *next; /* metrics_prepare() opened it, if it moves */
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

static bool write_status(struct evbuffer *out, const struct server *s)
{
	return write_json(out, status_page_json(s));
}

static bool write_history(struct evbuffer *out, const struct server *s)
{
	return write_json(out, history_json(&s->history));
}

static bool write_metrics(struct evbuffer *out, const struct server *s)
{
	metrics_write(out, s);
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
	bool (*write)(struct evbuffer *out, const struct server *s);
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

static int answer(void *ctx, const char *path, struct evbuffer *headers, struct evbuffer *body)
{
	const struct metrics *m = ctx;
	const struct resource *r = resource_find(path);
	bool ok;

	if (strcmp(path, "/healthz") == 0 || strcmp(path, "/readyz") == 0) {
		evbuffer_add_printf(headers, "Content-Type: text/plain; charset=utf-8\r\n%s",
				    headers_of_all);
		return write_health(body, m->server, path[1] == 'r');
	}
	if (!r)
		return 404;
	ok = r->write ? r->write(body, m->server)
		      : evbuffer_add_reference(body, r->data, r->len, NULL, NULL) == 0;
	if (!ok)
		return 500;
	evbuffer_add_printf(headers, "Content-Type: %s\r\n%s", r->type, headers_of_all);
	return 200;
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

bool metrics_start(const struct server *s, struct event_base *base, struct metrics **m, char *err,
		   size_t errlen)
{
	*m = calloc(1, sizeof(**m));
	snprintf(err, errlen, "out of memory for metrics");
	if (!*m)
		return false;
	(*m)->server = s;
	(*m)->base = base;
	if (listen_at(*m, &s->conf->control, &(*m)->http, err, errlen))
		return true;
	metrics_stop(*m);
	*m = NULL;
	return false;
}

bool metrics_prepare(struct metrics *m, const struct config *c, char *err, size_t errlen)
{
	const struct config_control *was = &m->server->conf->control;

	m->moves = c->control.metrics_port != was->metrics_port ||
		   !ip_eq(&c->control.metrics_addr, &was->metrics_addr);
	return !m->moves || listen_at(m, &c->control, &m->next, err, errlen);
}

void metrics_finish(struct metrics *m, bool apply)
{
	if (!m->moves)
		return;
	http_close(apply ? m->http : m->next);
	if (apply)
		m->http = m->next;
	m->next = NULL;
	m->moves = false;
}

void metrics_stop(struct metrics *m)
{
	if (!m)
		return;
	http_close(m->http);
	free(m);
}

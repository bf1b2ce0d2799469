/* SPDX-License-Identifier: BSD-3-Clause */
/* GET /metrics over HTTP. */
#include "metrics.h"

#include <errno.h>
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADERS_MAX = 8192, TIMEOUT_S = 5 };

struct metrics {
	const struct server *server;
	struct evhttp *http;
};

static void answer(struct evhttp_request *req, void *arg)
{
	const struct metrics *m = arg;
	struct evbuffer *body = evbuffer_new();

	if (!body) {
		evhttp_send_error(req, HTTP_INTERNAL, NULL);
		return;
	}
	evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type",
			  "text/plain; version=0.0.4; charset=utf-8");
	metrics_write(body, m->server);
	evhttp_send_reply(req, HTTP_OK, "OK", body);
	evbuffer_free(body);
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
	ip_format(&c->metrics_addr, addr, sizeof(addr));
	if (!*m || !(*m)->http || evhttp_bind_socket((*m)->http, addr, c->metrics_port) < 0) {
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
	evhttp_set_cb((*m)->http, "/metrics", answer, *m); /* others get 404 */
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

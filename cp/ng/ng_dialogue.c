/* SPDX-License-Identifier: BSD-3-Clause */
#include "ng_dialogue.h"

#include "../log.h"
#include "../server.h"
#include "../share.h"

#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum {
	BODY_MAX = 8192,     /* bytes of an answer's body, and of its headers */
	PROXY_TEXT_MAX = 80, /* of an address and a port */
};

/* A dialogue to be ended. */
struct dialogue {
	STAILQ_ENTRY(dialogue) next;
	uint32_t asked; /* a bit a proxy */
	bool heard;	/* one of them answered */
	uint32_t owner; /* whose call it was */
	uint64_t since_ms;
	char call[CONTEXT_CALL_MAX], from[CONTEXT_TAG_MAX], to[CONTEXT_TAG_MAX];
};

/* A connection to a proxy, while there is something to tell. */
struct line {
	struct ng_dialogues *d;
	struct dialogue *job; /* NULL: idle */
	bool asks;	      /* an answer is waited for */
	struct evhttp_connection *conn;
	struct config_ng_proxy at; /* whom it is with */
	uint32_t proxy;		   /* the same by number */
};

struct ng_dialogues {
	const struct server *s;
	struct gateway *g;
	struct event_base *base;
	struct ng_stats *stats;
	struct event *kick; /* lines go on, from the event loop: not from within libevent's HTTP */
	STAILQ_HEAD(, dialogue) waiting;
	struct share share;			   /* of those that wait, by owner */
	uint64_t silent_ms[CONFIG_NG_PROXIES_MAX]; /* CLOCK_MONOTONIC: left out until then */
	struct line line[NG_DIALOGUE_LINES];
};

/* ---- what is said ---- */

/* Text in XML. False: it has a character that no document may have (XML 1.0 2.2). */
static bool body_text(struct evbuffer *b, const char *text)
{
	for (; *text; text++) {
		const unsigned char c = (unsigned char)*text;

		if (c < ' ')
			return false;
		if (c == '<' || c == '&')
			evbuffer_add_printf(b, "&#%u;", c);
		else
			evbuffer_add(b, text, 1);
	}
	return true;
}

bool ng_dialogue_body(struct evbuffer *b, const char *call, const char *from, const char *to)
{
	const char *const param[] = { call, from, to };

	evbuffer_add_printf(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<methodCall>"
			       "<methodName>dlg.terminate_dlg</methodName><params>");
	for (size_t i = 0; i < sizeof(param) / sizeof(param[0]); i++) {
		evbuffer_add_printf(b, "<param><value><string>");
		if (!body_text(b, param[i]))
			return false;
		evbuffer_add_printf(b, "</string></value></param>");
	}
	evbuffer_add_printf(b, "</params></methodCall>\n");
	return true;
}

/* ---- whom it is said to ---- */

/*
 * The next one to ask: the first that is not silent; as long as none has answered, also those that
 * are, beginning with the one that has been so for longest. -1: none is left.
 */
static int proxy_next(const struct ng_dialogues *d, const struct dialogue *job)
{
	const struct config_gateway *c = &d->s->conf->gateway;
	int longest = -1;

	for (int i = 0; i < c->n_ng_proxy; i++) {
		if (job->asked & 1u << i)
			continue;
		if (d->silent_ms[i] <= d->s->now_ms)
			return i;
		if (longest < 0 || d->silent_ms[i] < d->silent_ms[longest])
			longest = i;
	}
	return job->heard ? -1 : longest;
}

static const char *proxy_text(const struct config_ng_proxy *p, char out[PROXY_TEXT_MAX])
{
	const struct sock_addr a = { p->addr, be16_make(p->port) };

	return sock_addr_format(&a, out, PROXY_TEXT_MAX);
}

static void proxy_silent(struct ng_dialogues *d, const struct line *l)
{
	uint64_t *silent = &d->silent_ms[l->proxy];
	char at[PROXY_TEXT_MAX];

	if (*silent == 0)
		log_line("SIP proxy %s of gateway.ng-proxies does not answer: it is not told of "
			 "calls that ended",
			 proxy_text(&l->at, at));
	*silent = d->s->now_ms + NG_DIALOGUE_SILENT_S * 1000;
}

static void proxy_heard(struct ng_dialogues *d, const struct line *l)
{
	char at[PROXY_TEXT_MAX];

	if (d->silent_ms[l->proxy])
		log_line("SIP proxy %s of gateway.ng-proxies answers again",
			 proxy_text(&l->at, at));
	d->silent_ms[l->proxy] = 0;
}

/* ---- lines ---- */

static void line_hang_up(struct line *l)
{
	if (l->conn)
		evhttp_connection_free(l->conn);
	l->conn = NULL;
}

static void job_over(struct line *l, uint64_t *counter)
{
	++*counter;
	free(l->job);
	l->job = NULL;
}

static void on_answer(struct evhttp_request *req, void *arg)
{
	struct line *l = arg;
	struct ng_dialogues *d = l->d;
	const int code = req ? evhttp_request_get_response_code(req) : 0;
	struct evbuffer *body = req ? evhttp_request_get_input_buffer(req) : NULL;
	static const char fault[] = "<fault>";

	l->asks = false;
	event_active(d->kick, EV_TIMEOUT, 0);
	if (code == 0) {
		proxy_silent(d, l);
		return;
	}
	proxy_heard(d, l);
	l->job->heard = true;
	if (code == HTTP_OK && evbuffer_search(body, fault, sizeof(fault) - 1, NULL).pos < 0)
		job_over(l, &d->stats->dialogues_ended);
}

static bool line_connect(struct line *l, const struct config_ng_proxy *p)
{
	char ip[PROXY_TEXT_MAX];

	if (l->conn && ip_eq(&l->at.addr, &p->addr) && l->at.port == p->port)
		return true;
	line_hang_up(l);
	l->at = *p;
	l->conn = evhttp_connection_base_new(l->d->base, NULL, ip_format(&p->addr, ip, sizeof(ip)),
					     p->port);
	if (!l->conn)
		return false;
	evhttp_connection_set_timeout(l->conn, NG_DIALOGUE_S);
	evhttp_connection_set_max_headers_size(l->conn, BODY_MAX);
	evhttp_connection_set_max_body_size(l->conn, BODY_MAX);
	return true;
}

/* False: it cannot be asked, and so counts as one that does not answer. */
static bool line_ask(struct line *l)
{
	struct evhttp_request *req;
	struct evkeyvalq *headers;
	char at[PROXY_TEXT_MAX];

	if (!line_connect(l, &l->d->s->conf->gateway.ng_proxy[l->proxy]))
		return false;
	req = evhttp_request_new(on_answer, l);
	if (!req)
		return false;
	headers = evhttp_request_get_output_headers(req);
	if (evhttp_add_header(headers, "Host", proxy_text(&l->at, at)) != 0 ||
	    evhttp_add_header(headers, "Content-Type", "text/xml") != 0 ||
	    !ng_dialogue_body(evhttp_request_get_output_buffer(req), l->job->call, l->job->from,
			      l->job->to)) {
		evhttp_request_free(req);
		return false;
	}
	l->asks = true;
	if (evhttp_make_request(l->conn, req, EVHTTP_REQ_POST, l->at.path) == 0)
		return true;
	l->asks = false; /* the request is gone */
	line_hang_up(l);
	return false;
}

/* What waits longest. NULL: nothing does. What waited for too long is over. */
static struct dialogue *job_take(struct ng_dialogues *d)
{
	struct dialogue *job;

	while ((job = STAILQ_FIRST(&d->waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&d->waiting, next);
		share_give(&d->share, job->owner);
		if (d->s->now_ms - job->since_ms < NG_DIALOGUE_AGE_S * 1000)
			return job;
		d->stats->dialogues_unanswered++;
		free(job);
	}
	return NULL;
}

/* Goes on with what it has, or takes another. */
static void line_turn(struct line *l)
{
	struct ng_dialogues *d = l->d;
	int proxy;

	while (!l->asks && (l->job || (l->job = job_take(d)) != NULL)) {
		proxy = proxy_next(d, l->job);
		if (proxy < 0) {
			job_over(l, l->job->heard ? &d->stats->dialogues_unknown
						  : &d->stats->dialogues_unanswered);
			continue;
		}
		l->proxy = (uint32_t)proxy;
		l->job->asked |= 1u << proxy;
		if (!line_ask(l))
			proxy_silent(d, l);
	}
	if (!l->job)
		line_hang_up(l);
}

static void on_kick(evutil_socket_t fd, short what, void *arg)
{
	struct ng_dialogues *d = arg;

	(void)fd;
	(void)what;
	for (uint32_t i = 0; i < NG_DIALOGUE_LINES; i++)
		line_turn(&d->line[i]);
}

/* ---- what ends ---- */

/* Ends that whoever commands did not order, of calls that began: a call has other reasons, too. */
static bool end_is_told(enum context_end end)
{
	switch (end) {
	case CONTEXT_END_LIFETIME:
	case CONTEXT_END_INACTIVE:
	case CONTEXT_END_REFUSED:
	case CONTEXT_END_DATAPLANE:
	case CONTEXT_END_DRAIN:
	case CONTEXT_END_KILLED:
		return true;
	default:
		return false;
	}
}

/* Whether an m-line of the same dialogue goes on. */
static bool dialogue_lives(struct gateway *g, const struct context *c)
{
	struct context *x = NULL;

	while ((x = gate_call_next(g, c->call, x)) != NULL) {
		if (x != c && x->end == CONTEXT_END_NONE &&
		    strcmp(x->term[0].tag, c->term[0].tag) == 0 &&
		    strcmp(x->term[1].tag, c->term[1].tag) == 0)
			return true;
	}
	return false;
}

static void on_end(void *arg, const struct context *c, enum context_end end)
{
	struct ng_dialogues *d = arg;
	struct dialogue *job;

	if (d->s->conf->gateway.n_ng_proxy == 0 || !end_is_told(end) || !c->call[0] ||
	    !c->term[0].tag[0] || !c->term[1].tag[0] || dialogue_lives(d->g, c))
		return;
	job = d->share.used < d->share.total && share_may(&d->share, c->owner)
		  ? calloc(1, sizeof(*job))
		  : NULL;
	if (!job) {
		d->stats->dialogues_full++;
		return;
	}
	job->owner = c->owner;
	job->since_ms = d->s->now_ms;
	snprintf(job->call, sizeof(job->call), "%s", c->call);
	snprintf(job->from, sizeof(job->from), "%s", c->term[0].tag);
	snprintf(job->to, sizeof(job->to), "%s", c->term[1].tag);
	STAILQ_INSERT_TAIL(&d->waiting, job, next);
	share_take(&d->share, job->owner);
	event_active(d->kick, EV_TIMEOUT, 0);
}

struct ng_dialogues *ng_dialogues_open(const struct server *s, struct gateway *g,
				       struct event_base *base, struct ng_stats *stats)
{
	struct ng_dialogues *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	*d = (struct ng_dialogues){ .s = s, .g = g, .base = base, .stats = stats };
	STAILQ_INIT(&d->waiting);
	d->share.total = NG_DIALOGUES_MAX;
	for (uint32_t i = 0; i < NG_DIALOGUE_LINES; i++)
		d->line[i].d = d;
	d->kick = event_new(base, -1, 0, on_kick, d);
	if (!d->kick) {
		free(d);
		return NULL;
	}
	gate_ends_listen(g, on_end, d);
	return d;
}

void ng_dialogues_close(struct ng_dialogues *d)
{
	struct dialogue *job;

	if (!d)
		return;
	gate_ends_forget(d->g, d);
	for (uint32_t i = 0; i < NG_DIALOGUE_LINES; i++) {
		line_hang_up(&d->line[i]);
		free(d->line[i].job);
	}
	while ((job = STAILQ_FIRST(&d->waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&d->waiting, next);
		free(job);
	}
	event_free(d->kick);
	free(d);
}

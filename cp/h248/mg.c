/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages: who sent them, what is in them, and what is answered to what is none. */
#include "mg_priv.h"

#include "../log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TICK_MS = 100,
	SOURCE_RATE = 20000, /* transactions a second of a controller */
	KEPT_MS = 30000,     /* LONG-TIMER (D.1.5): a reply is kept */
};

const char *const mg_state_name[MG_STATES] = { "registering", "waiting", "served" };

const char *const mg_command_name[MG_COMMANDS] = {
#define NAME(command, name) name,
	MG_COMMAND_LIST(NAME)
#undef NAME
};

static const struct config_gateway *conf(const struct mg *m)
{
	return &m->s->conf->gateway;
}

const struct sock_addr *mg_controller(const struct mg *m)
{
	return &m->controller[m->assoc.controller];
}

void mg_send(struct mg *m, const struct sock_addr *to, const char *p, size_t len)
{
	m->stats.sent++;
	datagram_send(m->udp, to, p, len);
}

void mg_begin(const struct mg *m, struct h248_out *o, char *p, size_t len)
{
	h248_begin(o, p, len, conf(m)->h248_brief, m->assoc.version, m->mid);
}

/* An error of a whole message, or of a transaction (id 0: not even its number could be read). */
static void answer_error(struct mg *m, const struct sock_addr *to, bool message, uint32_t id,
			 unsigned code, const char *text)
{
	struct h248_out o;

	mg_begin(m, &o, m->out, sizeof(m->out));
	if (message) {
		h248_put_error(&o, code, text);
	} else {
		h248_put(&o, H248_REPLY, "%u", id);
		h248_open(&o);
		h248_put_error(&o, code, text);
		h248_close(&o);
	}
	m->stats.errors[MG_OTHER]++;
	mg_send(m, to, m->out, wr_len(&o.w));
}

/* ---- requests ---- */

/* What tells a transaction from others of the same address: who sent it, and its number. */
struct cookie {
	uint64_t mid;
	uint64_t id;
};

static void again(struct mg *m, const struct sock_addr *from, const void *answer, size_t len)
{
	m->stats.again++;
	mg_send(m, from, answer, len);
}

static void take_request(struct mg *m, const struct sock_addr *from, const struct h248_item *t)
{
	struct cookie cookie = { siphash(&m->rand.key, m->in.mid.at, m->in.mid.len), 0 };
	struct ng_from whence = { .addr = *from };
	struct ng_pending *pending;
	const void *answer;
	size_t len;

	if (!h248_number(t->value, UINT32_MAX, &cookie.id) || cookie.id == 0 ||
	    t->kind != H248_WORD) {
		answer_error(m, from, false, 0, MG_BAD_TRANSACTION,
			     "The number of a transaction makes no sense");
		return;
	}
	switch (ng_sources_take(m->sources, &whence, &cookie, sizeof(cookie), m->s->now_ms,
				&pending, &answer, &len)) {
	case NG_NEW:
		mg_run(m, pending, t);
		break;
	case NG_AGAIN:
		again(m, from, answer, len);
		break;
	case NG_UNDER_WAY:
		m->stats.again++;
		break;
	case NG_RATE:
	case NG_FULL:
		m->stats.full++;
		break;
	}
}

/* Requests are of who serves us, and after that has said so (H.248.1 11.2). */
static bool may_ask(struct mg *m, const struct sock_addr *from, const struct h248_item *t)
{
	bool ours = ip_eq(&from->ip, &mg_controller(m)->ip);
	uint64_t id;

	if (ours && m->assoc.state == MG_SERVED)
		return true;
	if (!h248_number(t->value, UINT32_MAX, &id))
		id = 0;
	if (ours)
		answer_error(m, from, false, (uint32_t)id, MG_NOT_REGISTERED,
			     "Its reply to the ServiceChange is missing");
	else
		answer_error(m, from, false, (uint32_t)id, MG_NOT_YOURS,
			     "Another controller is in charge");
	return false;
}

static void take_item(struct mg *m, const struct sock_addr *from, const struct h248_item *i,
		      uint32_t *requests)
{
	switch (i->token) {
	case H248_TRANSACTION:
		if (++*requests > MG_TRANSACTIONS_MAX)
			answer_error(m, from, false, 0, MG_TOO_MANY,
				     "More transactions than are taken of a message");
		else if (may_ask(m, from, i))
			take_request(m, from, i);
		break;
	case H248_REPLY:
		if (ip_eq(&from->ip, &mg_controller(m)->ip))
			mg_assoc_reply(m, i);
		break;
	case H248_PENDING:
		if (ip_eq(&from->ip, &mg_controller(m)->ip))
			mg_assoc_pending(m, i);
		break;
	case H248_ERROR:
		m->stats.told_errors++;
		break;
	case H248_RESPONSE_ACK: /* replies are kept for their time */
	case H248_SEGMENT:	/* none of ours is in pieces */
		break;
	default:
		answer_error(m, from, true, 0, MG_BAD_MESSAGE, "Unknown part of a message");
	}
}

static bool is_controller(const struct mg *m, const struct ip_addr *ip)
{
	for (uint16_t i = 0; i < m->n_controller; i++) {
		if (ip_eq(&m->controller[i].ip, ip))
			return true;
	}
	return false;
}

static void tell_wrong(struct mg *m, const struct sock_addr *from)
{
	static struct log_bucket bucket;
	char text[ADDR_STR_MAX];

	m->stats.malformed++;
	log_bucket_line(&bucket, "h248: a message of %s is wrong in its line %u: %s",
			sock_addr_format(from, text, sizeof(text)), m->in.wrong_line, m->in.wrong);
}

void mg_take(struct mg *m, const struct sock_addr *from, const char *p, size_t len)
{
	uint32_t requests = 0;

	if (!is_controller(m, &from->ip)) {
		m->stats.not_allowed++;
		return; /* not a word to strangers */
	}
	m->stats.received++;
	m->text = p;
	m->len = len;
	if (!h248_parse(&m->in, p, len)) {
		tell_wrong(m, from);
		if (m->in.version == 0 || m->in.n < 2) {
			answer_error(m, from, true, 0, MG_BAD_MESSAGE, "Syntax error in message");
			return;
		}
	}
	if (m->in.version > H248_VERSION_MAX) {
		answer_error(m, from, true, 0, MG_BAD_VERSION, "Version not supported");
		return;
	}
	if (ip_eq(&from->ip, &mg_controller(m)->ip))
		mg_assoc_heard(m);
	for (const struct h248_item *i = h248_child(&m->in, &m->in.item[0]); i;
	     i = h248_next(&m->in, i))
		take_item(m, from, i, &requests);
}

/* ---- life ---- */

static void tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	mg_assoc_tick(arg);
	mg_events(arg);
}

/* The name that others know us by: as configured, or our address. */
static void name_ourselves(struct mg *m)
{
	const struct sock_addr a = { .ip = conf(m)->h248_addr,
				     .port = be16_make(conf(m)->h248_port) };
	char text[ADDR_STR_MAX];

	ip_format(&a.ip, text, sizeof(text));
	if (conf(m)->h248_name[0])
		snprintf(m->mid, sizeof(m->mid), "<%s>:%u", conf(m)->h248_name, conf(m)->h248_port);
	else
		snprintf(m->mid, sizeof(m->mid), "[%s]:%u", text, conf(m)->h248_port);
}

static void received(void *arg, const struct sock_addr *from, const char *p, size_t len)
{
	mg_take(arg, from, p, len);
}

static struct datagram *udp_open(struct mg *m, const struct config_gateway *c, char *err,
				 size_t errlen)
{
	struct datagram *d = datagram_open(m->base, &c->h248_addr, c->h248_port, received, m);

	if (!d)
		snprintf(err, errlen, "cannot use UDP port %u for H.248 (gateway.h248-address): %s",
			 c->h248_port, strerror(errno));
	return d;
}

bool mg_start(const struct server *s, struct gateway *g, struct event_base *base, struct mg **out,
	      char *err, size_t errlen)
{
	const struct timeval each = { 0, TICK_MS * 1000 };
	const struct config_gateway *c = &s->conf->gateway;
	struct mg *m;

	*out = NULL;
	if (!g || !c->n_h248_controller)
		return true;
	m = calloc(1, sizeof(*m));
	*out = m;
	snprintf(err, errlen, "out of memory for H.248");
	if (!m)
		return false;
	m->s = s;
	m->g = g;
	m->base = base;
	rand_init(&m->rand);
	name_ourselves(m);
	for (; m->n_controller < c->n_h248_controller; m->n_controller++)
		m->controller[m->n_controller] =
		    (struct sock_addr){ c->h248_controller[m->n_controller].addr,
					be16_make(c->h248_controller[m->n_controller].port) };
	m->sources = ng_sources_open(SOURCE_RATE, KEPT_MS, &m->rand.key);
	m->timer = event_new(base, -1, EV_PERSIST, tick, m);
	if (!m->sources || !m->timer || !(m->udp = udp_open(m, c, err, errlen))) {
		mg_stop(m);
		*out = NULL;
		return false;
	}
	event_add(m->timer, &each);
	datagram_enable(m->udp);
	m->told = gate_events_last(g);
	gate_ends_listen(g, mg_context_ended, m);
	mg_assoc_start(m);
	return true;
}

void mg_stop(struct mg *m)
{
	if (!m)
		return;
	gate_ends_forget(m->g, m);
	mg_runs_free(m);
	mg_assoc_free(m);
	datagram_close(m->udp);
	if (m->timer)
		event_free(m->timer);
	ng_sources_close(m->sources);
	free(m);
}

const struct mg_stats *mg_stats(const struct mg *m)
{
	return &m->stats;
}

enum mg_state mg_state(const struct mg *m)
{
	return m->assoc.state;
}

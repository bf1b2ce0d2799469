/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages: who sent them, what is in them, and what is answered to what is none. */
#include "mg_priv.h"

#include "../log.h"
#include "../tls_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TICK_MS = 100 };

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
	return m->n_controller ? &m->controller[m->assoc.controller] : NULL;
}

unsigned mg_transport(const struct mg *m)
{
	return m->n_controller ? m->conf[m->assoc.controller].transport : CONTROLLER_UDP;
}

void mg_send(struct mg *m, const struct source_addr *to, const char *p, size_t len)
{
	if (!m->udp) /* at rest: nobody waits for it */
		return;
	m->stats.sent++;
	if (!to->stream)
		datagram_send(m->udp, &to->addr, p, len);
	else if (to->stream && to->stream == mg_stream_number(m))
		mg_stream_send(m, to->sid, p, len);
}

bool mg_by_stream(const struct mg *m)
{
	return mg_transport(m) != CONTROLLER_UDP;
}

void mg_send_controller(struct mg *m, const char *p, size_t len)
{
	struct source_addr to = { .stream = mg_stream_number(m) };

	if (!m->n_controller || (mg_by_stream(m) && !to.stream))
		return;
	to.addr = *mg_controller(m);
	mg_send(m, &to, p, len);
}

void mg_begin(const struct mg *m, struct h248_out *o, char *p, size_t len)
{
	h248_begin(o, p, len, conf(m)->h248_brief, m->assoc.version, m->mid);
}

/* An error of a whole message, or of a transaction (id 0: not even its number could be read). */
static void answer_error(struct mg *m, const struct source_addr *to, bool message, uint32_t id,
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

static void again(struct mg *m, const struct source_addr *from, const void *answer, size_t len)
{
	m->stats.again++;
	mg_send(m, from, answer, len);
}

static void take_request(struct mg *m, const struct source_addr *from, const struct h248_item *t)
{
	struct cookie cookie = { siphash(&m->cookie_key, m->in.mid.at, m->in.mid.len), 0 };
	struct source_command *pending;
	enum source_verdict verdict;
	const void *answer;
	size_t len;

	if (!h248_number(t->value, UINT32_MAX, &cookie.id) || cookie.id == 0 ||
	    t->kind != H248_WORD) {
		answer_error(m, from, false, 0, MG_BAD_TRANSACTION,
			     "The number of a transaction makes no sense");
		return;
	}
	mg_load_count(m);
	verdict = sources_take(m->sources, from, &cookie, sizeof(cookie), m->s->now_ms, &pending,
			       &answer, &len);
	if (verdict == SOURCE_RATE && mg_asks_urgent(m, t)) /* they have a rate of their own */
		verdict = sources_take_urgent(m->sources, from, &cookie, sizeof(cookie),
					      m->s->now_ms, &pending, &answer, &len);
	switch (verdict) {
	case SOURCE_NEW:
		mg_run(m, pending, t);
		break;
	case SOURCE_AGAIN:
		again(m, from, answer, len);
		break;
	case SOURCE_UNDER_WAY:
		m->stats.again++;
		mg_run_again(m, pending);
		break;
	case SOURCE_RATE:
	case SOURCE_FULL:
		m->stats.full++;
		/* It is not sent again there (D.2.2). */
		if (from->stream)
			answer_error(m, from, false, (uint32_t)cookie.id, MG_UNAVAILABLE,
				     "More transactions than can be taken");
		break;
	}
}

/* Whether it is of who is in charge, or is asked, by the way that he is reached. */
static bool is_in_charge(const struct mg *m, const struct source_addr *from)
{
	if (!m->n_controller)
		return false;
	return from->stream ? from->stream == mg_stream_number(m)
			    : !mg_by_stream(m) && ip_eq(&from->addr.ip, &mg_controller(m)->ip);
}

/* Requests are of who serves us, and after that has said so (H.248.1 11.2). */
static bool may_ask(struct mg *m, const struct source_addr *from, const struct h248_item *t)
{
	bool ours = is_in_charge(m, from);
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

static void take_item(struct mg *m, const struct source_addr *from, const struct h248_item *i,
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
		mg_leave_reply(m, from, i);
		if (is_in_charge(m, from))
			mg_assoc_reply(m, i);
		break;
	case H248_PENDING:
		if (is_in_charge(m, from))
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

/* A datagram is of one who is reached by them; a connection is one that we made. */
static bool is_controller(const struct mg *m, const struct source_addr *from)
{
	for (uint16_t i = 0; i < m->n_controller && !from->stream; i++) {
		if (m->conf[i].transport == CONTROLLER_UDP &&
		    ip_eq(&m->controller[i].ip, &from->addr.ip))
			return true;
	}
	return from->stream;
}

/* Who is in charge has one of its transactions; of others little is read. */
static bool has_rate(struct mg *m, const struct source_addr *from)
{
	const bool asked = is_in_charge(m, from);

	return (asked && m->assoc.state == MG_SERVED) ||
	       meter_wide_take(&m->idle[asked], &m->idle_rate, m->s->now_ms * 1000, 0);
}

static void tell_wrong(struct mg *m, const struct source_addr *from)
{
	static struct log_bucket bucket;
	char text[ADDR_STR_MAX];

	m->stats.malformed++;
	log_bucket_line(&bucket, "h248: a message of %s is wrong in its line %u: %s",
			sock_addr_format(&from->addr, text, sizeof(text)), m->in.wrong_line,
			m->in.wrong);
}

void mg_take(struct mg *m, const struct source_addr *from, const char *p, size_t len)
{
	uint32_t requests = 0;

	if (!is_controller(m, from) && !mg_leaving(m, from)) {
		m->stats.not_allowed++;
		return; /* not a word to strangers */
	}
	m->stats.received++;
	if (!has_rate(m, from)) {
		m->stats.full++;
		return;
	}
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
	if (is_in_charge(m, from))
		mg_assoc_heard(m);
	for (const struct h248_item *i = h248_child(&m->in, &m->in.item[0]); i;
	     i = h248_next(&m->in, i))
		take_item(m, from, i, &requests);
	mg_file_save(m);
}

/* ---- life ---- */

static void tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	mg_assoc_tick(arg);
	mg_events(arg);
	mg_runs_tick(arg);
	mg_leave_tick(arg);
}

/* As configured, or our address. */
void mg_mid(const struct config_gateway *c, char mid[MG_MID_MAX])
{
	char text[ADDR_STR_MAX];

	ip_format(&c->h248_addr, text, sizeof(text));
	if (c->h248_name[0])
		snprintf(mid, MG_MID_MAX, "<%s>:%u", c->h248_name, c->h248_port);
	else
		snprintf(mid, MG_MID_MAX, "[%s]:%u", text, c->h248_port);
}

static void received(void *arg, const struct sock_addr *addr, const char *p, size_t len)
{
	const struct source_addr from = { .addr = *addr };

	mg_take(arg, &from, p, len);
}

struct datagram *mg_udp_open(struct mg *m, const struct config_gateway *c, char *err, size_t errlen)
{
	struct datagram *d = datagram_open(m->base, &c->h248_addr, c->h248_port, received, m);

	if (!d)
		snprintf(err, errlen, "cannot use UDP port %u for H.248 (gateway.h248-address): %s",
			 c->h248_port, strerror(errno));
	return d;
}

void mg_udp_hear(struct mg *m)
{
	struct ip_addr from[CONFIG_H248_CONTROLLERS_MAX + 1];
	uint32_t n = 0;

	_Static_assert(sizeof(from) / sizeof(from[0]) <= DATAGRAM_HEARD_MAX, "they are told apart");
	if (!m->udp)
		return;
	for (uint16_t i = 0; i < m->n_controller; i++) {
		if (m->conf[i].transport == CONTROLLER_UDP)
			from[n++] = m->controller[i].ip;
	}
	if (be16_get(m->leave.to.port) && ip_is_v4(&m->leave.to.ip) == ip_is_v4(&m->bound.ip))
		from[n++] = m->leave.to.ip;
	datagram_hear(m->udp, from, n);
}

void mg_udp_close(struct mg *m)
{
	m->dropped += datagram_dropped(m->udp);
	datagram_close(m->udp);
	m->udp = NULL;
}

void mg_take_conf(struct mg *m)
{
	const struct timeval each = { 0, TICK_MS * 1000 };
	const struct config_gateway *c = conf(m);

	mg_mid(c, m->mid);
	m->bound = (struct sock_addr){ c->h248_addr, be16_make(c->h248_port) };
	for (m->n_controller = 0; m->n_controller < c->n_h248_controller; m->n_controller++) {
		const struct config_h248_controller *to = &c->h248_controller[m->n_controller];

		m->conf[m->n_controller] = *to;
		m->controller[m->n_controller] =
		    (struct sock_addr){ to->addr, be16_make(to->port) };
	}
	mg_udp_hear(m);
	if (!event_pending(m->timer, EV_TIMEOUT, NULL)) {
		m->told = gate_events_last(m->g); /* before, it rested */
		event_add(m->timer, &each);
	}
}

struct mg *mg_create(const struct server *s, struct gateway *g, struct event_base *base, char *err,
		     size_t errlen)
{
	struct mg *m = calloc(1, sizeof(*m));

	snprintf(err, errlen, "out of memory for H.248");
	if (!m)
		return NULL;
	m->s = s;
	m->g = g;
	m->base = base;
	rand_init(&m->rand);
	mg_assoc_init(m);
	m->idle_rate = meter_rate_make(MG_IDLE_MAX, 0, 1000);
	mg_mid(&s->conf->gateway, m->mid);
	m->sources = sources_open(MG_RATE_MAX, MG_KEPT_MS, &m->rand.key);
	m->timer = event_new(base, -1, EV_PERSIST, tick, m);
	gate_ends_listen(g, mg_context_ended, m);
	if (m->sources && m->timer && mg_file_open(m, err, errlen))
		return m;
	mg_stop(m);
	return NULL;
}

bool mg_start(const struct server *s, struct gateway *g, struct event_base *base, struct mg **out,
	      char *err, size_t errlen)
{
	const struct config_gateway *c = &s->conf->gateway;
	/* Who was in charge may not know yet that the list has it no more. */
	const bool needed = c->n_h248_controller > 0;
	struct mg *m;

	*out = NULL;
	if (!g || (!needed && !mg_file_is_there(s->conf)))
		return true;
	m = mg_create(s, g, base, err, errlen);
	if (!m || !mg_names_load(&m->names, c->h248_names, err, errlen) ||
	    !mg_sctp_check(c, err, errlen) || !(m->udp = mg_udp_open(m, c, err, errlen)) ||
	    (mg_wants_tls(c) && !(m->tls = mg_stream_load(c, err, errlen)))) {
		mg_stop(m);
		return !needed;
	}
	mg_take_conf(m);
	datagram_enable(m->udp);
	mg_assoc_start(m);
	if (needed || be16_get(m->leave.to.port))
		*out = m;
	else
		mg_stop(m);
	return true;
}

void mg_stop(struct mg *m)
{
	if (!m)
		return;
	gate_ends_forget(m->g, m);
	mg_assoc_stop(m);
	mg_file_save(m);
	mg_file_close(m); /* what is in it stays */
	mg_runs_free(m);
	mg_assoc_free(m);
	datagram_close(m->udp);
	datagram_close(m->next_udp);
	mg_stream_close(m);
	SSL_CTX_free(m->tls);
	SSL_CTX_free(m->next_tls);
	if (m->timer)
		event_free(m->timer);
	sources_close(m->sources);
	free(m);
}

struct cert_life mg_certificate(const struct mg *m)
{
	return tls_socket_life(m ? m->tls : NULL);
}

const struct mg_stats *mg_stats(struct mg *m)
{
	m->stats.dropped = m->dropped + datagram_dropped(m->udp);
	memset(m->stats.served, 0, sizeof(m->stats.served));
	m->stats.served[mg_transport(m)] = m->n_controller && m->assoc.state == MG_SERVED;
	return &m->stats;
}

enum mg_state mg_state(const struct mg *m)
{
	return m->assoc.state;
}

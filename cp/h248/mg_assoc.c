/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The association with a controller (H.248.1 11): registering, going to the next one when it does
 * not answer, and requests of ours, which are sent again until they are answered (D.1).
 */
#include "mg_priv.h"

#include "../log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	AGAIN_MS = 500,	     /* the first repetition; each doubles it */
	AGAIN_MAX_MS = 4000, /* D.1.3 */
	LOST_MS = 25000,     /* T-MAX (D.1.5): who has not answered then is lost */
	PENDING_MS = 120000, /* nor is he waited for any longer, whatever he says */
	ROUND_MS = 3000,     /* MWD (9.2): at most, before another round of all controllers */
};

static const struct config_gateway *conf(const struct mg *m)
{
	return &m->s->conf->gateway;
}

const char *mg_time(uint64_t wall_ms, char text[24])
{
	time_t t = (time_t)(wall_ms / 1000);
	struct tm tm;
	size_t n;

	gmtime_r(&t, &tm);
	n = strftime(text, 24, "%Y%m%dT%H%M%S", &tm);
	snprintf(text + n, 24 - n, "%02u", (unsigned)(wall_ms % 1000 / 10));
	return text;
}

/* ---- requests ---- */

uint32_t mg_request_begin(struct mg *m, struct h248_out *o)
{
	m->assoc.last_id++;
	m->assoc.last_id += m->assoc.last_id == 0;
	mg_begin(m, o, m->request, sizeof(m->request));
	h248_put(o, H248_TRANSACTION, "%u", m->assoc.last_id);
	h248_open(o);
	return m->assoc.last_id;
}

/* Some more time than the last time (D.1.3), not the same for all gateways of a controller. */
static uint64_t again_after(struct mg *m, uint32_t tries)
{
	uint32_t ms = tries < 4 ? AGAIN_MS << tries : AGAIN_MAX_MS;

	return ms / 2 + rand_below(&m->rand, ms / 2 + 1);
}

/* Sends it, or holds it until somebody is in charge; false: it is lost. */
static bool request_put(struct mg *m, struct h248_out *o, uint32_t id, bool registers, bool passes)
{
	struct mg_assoc *a = &m->assoc;
	size_t len = wr_len(&o->w);
	struct mg_request *r = NULL;

	if (!o->w.failed && a->n_request < MG_REQUESTS_MAX)
		r = malloc(sizeof(*r) + len);
	if (!r) {
		m->stats.untold += !registers;
		return false;
	}
	*r = (struct mg_request){ .id = id,
				  .first_ms = m->s->now_ms,
				  .begun_ms = m->s->now_ms,
				  .registers = registers,
				  .held = !registers && a->state != MG_SERVED,
				  .passes = passes,
				  .again_ms = m->s->now_ms + again_after(m, 0),
				  .len = (uint32_t)len };
	memcpy(r->text, o->w.start, len);
	*a->last = r;
	a->last = &r->next;
	a->n_request++;
	if (!r->held)
		mg_send(m, mg_controller(m), r->text, len);
	return true;
}

void mg_request_send(struct mg *m, struct h248_out *o, uint32_t id, bool passes)
{
	h248_close(o);
	request_put(m, o, id, false, passes);
}

static void request_del(struct mg_assoc *a, struct mg_request **at)
{
	struct mg_request *r = *at;

	*at = r->next;
	if (a->last == &r->next)
		a->last = at;
	a->n_request--;
	free(r);
}

static struct mg_request **request_find(struct mg_assoc *a, struct h248_text id_text)
{
	struct mg_request **at = &a->request;
	const char *slash = memchr(id_text.at ? id_text.at : "", '/', id_text.len);
	uint64_t id;

	if (slash)
		id_text.len = (uint32_t)(slash - id_text.at);
	if (!h248_number(id_text, UINT32_MAX, &id))
		return NULL;
	while (*at && (*at)->id != id)
		at = &(*at)->next;
	return *at ? at : NULL;
}

/* The association is over: what is of terminations is for whoever is in charge next. */
static void requests_hold(struct mg *m)
{
	struct mg_request **at = &m->assoc.request;

	while (*at) {
		struct mg_request *r = *at;

		r->held = true;
		if (r->passes)
			request_del(&m->assoc, at);
		else
			at = &r->next;
	}
}

/* Somebody is in charge: what was held goes, one a millisecond, in the version that he speaks. */
static void requests_go(struct mg *m)
{
	uint64_t at_ms = m->s->now_ms;

	for (struct mg_request *r = m->assoc.request; r; r = r->next) {
		char *slash = memchr(r->text, '/', r->len);

		if (slash && slash + 1 < r->text + r->len)
			slash[1] = (char)('0' + m->assoc.version);
		r->held = false;
		r->tries = 0;
		r->first_ms = r->begun_ms = r->again_ms = at_ms++;
	}
}

/* ---- registering ---- */

/* Method and reason by what has happened (3.2 of the profile; 7.2.8). */
static void put_method(struct mg *m, struct h248_out *o)
{
	const struct gate_stats *g = gate_stats(m->g);
	const char *reason = g->contexts ? "902 Warm Boot" : "901 Cold Boot";

	if (m->assoc.handed) {
		h248_put(o, H248_METHOD, "%s", h248_spelt(o, H248_HAND_OFF));
		reason = "903 MGC Directed Change";
	} else if (m->assoc.lost && m->assoc.served == m->assoc.controller + 1) {
		h248_put(o, H248_METHOD, "%s", h248_spelt(o, H248_DISCONNECTED));
		reason = "900 Service Restored";
	} else if (m->assoc.lost) {
		h248_put(o, H248_METHOD, "%s", h248_spelt(o, H248_FAILOVER));
		reason = "909 MGC Impending Failure";
	} else {
		h248_put(o, H248_METHOD, "%s", h248_spelt(o, H248_RESTART));
	}
	h248_put_text(o, H248_REASON, reason);
}

/* All begins anew after a pause that is not the same for all gateways (9.2). */
static void pause_round(struct mg *m)
{
	requests_hold(m);
	m->assoc.state = MG_WAITING;
	m->assoc.next_ms = m->s->now_ms + rand_below(&m->rand, ROUND_MS + 1);
}

static void register_with(struct mg *m, uint16_t controller)
{
	struct mg_assoc *a = &m->assoc;
	struct h248_out o;
	char time[24];
	uint32_t id;

	requests_hold(m);
	a->controller = controller;
	a->state = MG_REGISTERING;
	a->version = 1; /* the first message is, whatever it offers (11.3) */
	a->silence_ms = 0;
	m->stats.registrations++;
	id = mg_request_begin(m, &o);
	h248_put(&o, H248_CONTEXT, "-");
	h248_open(&o);
	h248_put(&o, H248_SERVICE_CHANGE, "ROOT");
	h248_open(&o);
	h248_put(&o, H248_SERVICES, NULL);
	h248_open(&o);
	put_method(m, &o);
	h248_put(&o, H248_VERSION, "%u", H248_VERSION_MAX);
	h248_put(&o, H248_PROFILE, "%s", conf(m)->h248_profile);
	h248_put_name(&o, mg_time(m->s->wall_ms, time), NULL);
	h248_close(&o);
	h248_close(&o);
	h248_close(&o);
	h248_close(&o);
	if (!request_put(m, &o, id, true, true))
		pause_round(m);
}

void mg_assoc_start(struct mg *m)
{
	m->assoc.last = &m->assoc.request;
	m->assoc.last_id = (uint32_t)rand_u64(&m->rand) >> 1;
	register_with(m, 0);
}

void mg_assoc_free(struct mg *m)
{
	while (m->assoc.request)
		request_del(&m->assoc, &m->assoc.request);
}

static void tell_gone(struct mg *m, const char *what)
{
	char text[ADDR_STR_MAX];

	log_line("h248: the controller %s %s",
		 sock_addr_format(mg_controller(m), text, sizeof(text)), what);
}

/* The next of the list; behind the last one after a pause. */
static void next_controller(struct mg *m, const char *why)
{
	struct mg_assoc *a = &m->assoc;

	tell_gone(m, why);
	a->handed = false;
	if (a->controller + 1 < m->n_controller) {
		register_with(m, (uint16_t)(a->controller + 1));
		return;
	}
	pause_round(m);
}

/* Who served us does not answer: the list from its start (11.5). */
static void lost(struct mg *m)
{
	const char *silent = "does not answer";

	if (m->assoc.state != MG_SERVED) {
		next_controller(m, silent);
		return;
	}
	tell_gone(m, silent);
	m->assoc.lost = true;
	register_with(m, m->assoc.controller == 0 && m->n_controller > 1 ? 1 : 0);
}

/* "[2001:DB8::1]:2944"; without a port it is 0. */
static bool read_mid(struct h248_text mid, struct sock_addr *a)
{
	char text[ADDR_STR_MAX];
	const char *end = mid.len ? memchr(mid.at, ']', mid.len) : NULL;
	size_t n = end ? (size_t)(end - mid.at) : 0;
	uint64_t port = 0;

	if (n < 2 || mid.at[0] != '[' || n > sizeof(text))
		return false;
	memcpy(text, mid.at + 1, n - 1);
	text[n - 1] = '\0';
	mid = (struct h248_text){ end + 1, mid.len - (uint32_t)n - 1 };
	if (mid.len && (mid.at[0] != ':' ||
			!h248_number((struct h248_text){ mid.at + 1, mid.len - 1 }, 65535, &port)))
		return false;
	a->port = be16_make((uint16_t)port);
	return ip_parse(text, &a->ip);
}

bool mg_assoc_hand_over(struct mg *m, struct h248_text to)
{
	struct sock_addr want;

	if (!read_mid(to, &want))
		return false;
	for (uint16_t i = 0; i < m->n_controller; i++) {
		const struct sock_addr *a = &m->controller[i];

		if (i == m->assoc.controller || !ip_eq(&a->ip, &want.ip) ||
		    (be16_get(want.port) && be16_get(want.port) != be16_get(a->port)))
			continue;
		m->assoc.handed = true;
		m->assoc.handed_to = i;
		return true;
	}
	return false;
}

/* What the controller says to our ServiceChange. */
static void registered(struct mg *m, const struct h248_item *reply)
{
	const struct h248_message *in = &m->in;
	const struct h248_item *i = h248_find(in, reply, H248_CONTEXT), *to, *version;
	char text[ADDR_STR_MAX];
	uint64_t n = 1;

	i = i ? h248_find(in, i, H248_SERVICE_CHANGE) : NULL;
	if (!i || h248_find(in, i, H248_ERROR)) {
		next_controller(m, "refuses us");
		return;
	}
	i = h248_find(in, i, H248_SERVICES);
	to = i ? h248_find(in, i, H248_MGC_ID_TO_TRY) : NULL;
	/* Not for ever from one to the other. */
	if (to && m->assoc.hops++ < m->n_controller && mg_assoc_hand_over(m, to->value))
		return;
	if (to) {
		next_controller(m, "sends us to none that is left");
		return;
	}
	version = i ? h248_find(in, i, H248_VERSION) : NULL;
	if (version &&
	    (!h248_number(version->value, 99, &n) || n < MG_VERSION_MIN || n > H248_VERSION_MAX)) {
		next_controller(m, "speaks no version that we do");
		return;
	}
	m->assoc.version = version ? (unsigned)n : in->version;
	m->assoc.state = MG_SERVED;
	m->assoc.served = m->assoc.controller + 1;
	m->assoc.lost = m->assoc.handed = false;
	m->assoc.hops = 0;
	m->assoc.heard_ms = m->s->now_ms;
	log_line("h248: the controller %s is in charge, version %u",
		 sock_addr_format(mg_controller(m), text, sizeof(text)), m->assoc.version);
	requests_go(m);
}

/* D.1.4: it had sent Pending, and keeps its reply until this comes. */
static void acknowledge(struct mg *m, const struct h248_item *reply)
{
	struct h248_out o;
	char id[16];

	snprintf(id, sizeof(id), "%.*s", H248_TEXT(reply->value));
	mg_begin(m, &o, m->out, sizeof(m->out));
	h248_put(&o, H248_RESPONSE_ACK, NULL);
	h248_open(&o);
	h248_put_name(&o, id, NULL);
	h248_close(&o);
	mg_send(m, mg_controller(m), m->out, wr_len(&o.w));
}

void mg_assoc_reply(struct mg *m, const struct h248_item *reply)
{
	struct mg_request **at = request_find(&m->assoc, reply->value);
	bool registers;

	if (h248_find(&m->in, reply, H248_IMM_ACK_REQUIRED))
		acknowledge(m, reply);
	if (!at || reply->broken)
		return;
	registers = (*at)->registers;
	request_del(&m->assoc, at);
	if (registers)
		registered(m, reply);
}

void mg_assoc_pending(struct mg *m, const struct h248_item *pending)
{
	struct mg_request **at = request_find(&m->assoc, pending->value);

	if (!at || m->s->now_ms - (*at)->first_ms >= PENDING_MS)
		return;
	/* It is at work on it: the time begins anew (8.2.3). */
	(*at)->tries = 0;
	(*at)->begun_ms = m->s->now_ms;
	(*at)->again_ms = m->s->now_ms + AGAIN_MAX_MS;
}

void mg_assoc_heard(struct mg *m)
{
	m->assoc.heard_ms = m->s->now_ms;
	m->assoc.told_silence = false;
}

/* ---- time ---- */

void mg_assoc_tick(struct mg *m)
{
	struct mg_assoc *a = &m->assoc;

	if (a->handed && a->controller != a->handed_to)
		register_with(m, a->handed_to);
	if (a->state == MG_WAITING && m->s->now_ms >= a->next_ms) {
		a->hops = 0;
		register_with(m, 0);
	}
	for (struct mg_request *r = a->request; r; r = r->next) {
		if (r->held || m->s->now_ms < r->again_ms)
			continue;
		if (m->s->now_ms - r->begun_ms >= LOST_MS) {
			lost(m);
			return; /* they are gone */
		}
		r->again_ms = m->s->now_ms + again_after(m, ++r->tries);
		m->stats.repeated++;
		mg_send(m, mg_controller(m), r->text, r->len);
	}
}

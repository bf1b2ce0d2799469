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

static void request_put(struct mg *m, struct h248_out *o, uint32_t id, bool registers)
{
	struct mg_assoc *a = &m->assoc;
	size_t len = wr_len(&o->w);
	struct mg_request *r = NULL;

	if (!o->w.failed && a->n_request < MG_REQUESTS_MAX)
		r = malloc(sizeof(*r) + len);
	if (!r) {
		m->stats.untold++;
		return;
	}
	*r = (struct mg_request){ .id = id,
				  .begun_ms = m->s->now_ms,
				  .registers = registers,
				  .again_ms = m->s->now_ms + again_after(m, 0),
				  .len = (uint32_t)len };
	memcpy(r->text, o->w.start, len);
	*a->last = r;
	a->last = &r->next;
	a->n_request++;
	mg_send(m, mg_controller(m), r->text, len);
}

void mg_request_send(struct mg *m, struct h248_out *o, uint32_t id)
{
	h248_close(o);
	request_put(m, o, id, false);
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

static void requests_drop(struct mg *m)
{
	struct mg_assoc *a = &m->assoc;

	while (a->request) {
		m->stats.untold += !a->request->registers;
		request_del(a, &a->request);
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
	} else if (m->assoc.lost) {
		h248_put(o, H248_METHOD, "%s", h248_spelt(o, H248_FAILOVER));
		reason = "909 MGC Impending Failure";
	} else {
		h248_put(o, H248_METHOD, "%s", h248_spelt(o, H248_RESTART));
	}
	h248_put_text(o, H248_REASON, reason);
}

static void register_with(struct mg *m, uint16_t controller)
{
	struct mg_assoc *a = &m->assoc;
	struct h248_out o;
	char time[24];
	uint32_t id;

	requests_drop(m);
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
	request_put(m, &o, id, true);
}

void mg_assoc_start(struct mg *m)
{
	m->assoc.last = &m->assoc.request;
	m->assoc.last_id = (uint32_t)rand_u64(&m->rand) >> 1;
	register_with(m, 0);
}

void mg_assoc_free(struct mg *m)
{
	requests_drop(m);
}

static void tell_silent(struct mg *m)
{
	char text[ADDR_STR_MAX];

	log_line("h248: the controller %s does not answer",
		 sock_addr_format(mg_controller(m), text, sizeof(text)));
}

/* The next of the list; behind the last one after a pause that is not the same for all (9.2). */
static void next_controller(struct mg *m)
{
	struct mg_assoc *a = &m->assoc;

	tell_silent(m);
	a->handed = false;
	if (a->controller + 1 < m->n_controller) {
		register_with(m, (uint16_t)(a->controller + 1));
		return;
	}
	requests_drop(m);
	a->state = MG_WAITING;
	a->next_ms = m->s->now_ms + rand_below(&m->rand, ROUND_MS + 1);
}

/* Who served us does not answer: the list from its start (11.5). */
static void lost(struct mg *m)
{
	if (m->assoc.state != MG_SERVED) {
		next_controller(m);
		return;
	}
	tell_silent(m);
	m->assoc.lost = true;
	register_with(m, m->assoc.controller == 0 && m->n_controller > 1 ? 1 : 0);
}

bool mg_assoc_hand_over(struct mg *m, struct h248_text to)
{
	for (uint16_t i = 0; i < m->n_controller; i++) {
		char text[ADDR_STR_MAX], want[MG_MID_MAX];
		const struct sock_addr *a = &m->controller[i];

		if (i == m->assoc.controller)
			continue;

		ip_format(&a->ip, text, sizeof(text));
		snprintf(want, sizeof(want), "[%s]:%u", text, be16_get(a->port));
		if (!h248_is(to, want)) {
			*strrchr(want, ':') = '\0';
			if (!h248_is(to, want))
				continue;
		}
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
		next_controller(m);
		return;
	}
	i = h248_find(in, i, H248_SERVICES);
	to = i ? h248_find(in, i, H248_MGC_ID_TO_TRY) : NULL;
	/* Not for ever from one to the other. */
	if (to && m->assoc.hops++ < m->n_controller && mg_assoc_hand_over(m, to->value))
		return;
	if (to) {
		next_controller(m);
		return;
	}
	version = i ? h248_find(in, i, H248_VERSION) : NULL;
	if (version &&
	    (!h248_number(version->value, 99, &n) || n < MG_VERSION_MIN || n > H248_VERSION_MAX)) {
		next_controller(m);
		return;
	}
	m->assoc.version = version ? (unsigned)n : in->version;
	m->assoc.state = MG_SERVED;
	m->assoc.lost = m->assoc.handed = false;
	m->assoc.hops = 0;
	m->assoc.heard_ms = m->s->now_ms;
	log_line("h248: the controller %s is in charge, version %u",
		 sock_addr_format(mg_controller(m), text, sizeof(text)), m->assoc.version);
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

	if (!at)
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
		if (m->s->now_ms < r->again_ms)
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

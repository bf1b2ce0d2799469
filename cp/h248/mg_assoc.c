/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The association with a controller (H.248.1 11): registering, and going to the next one when it
 * does not answer.
 */
#include "mg_priv.h"

#include "../log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	PENDING_MS = 120000, /* nor is he waited for any longer, whatever he says */
	ROUND_MS = 3000,     /* MWD (9.2): at most, before another round of all controllers */
};

static const struct config_gateway *conf(const struct mg *m)
{
	return &m->s->conf->gateway;
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
	mg_stream_close(m);
	mg_requests_hold(m);
	m->assoc.state = MG_WAITING;
	m->assoc.next_ms = m->s->now_ms + rand_below(&m->rand, ROUND_MS + 1);
}

void mg_service_change_open(struct h248_out *o)
{
	h248_put(o, H248_CONTEXT, "-");
	h248_open(o);
	h248_put(o, H248_SERVICE_CHANGE, "ROOT");
	h248_open(o);
	h248_put(o, H248_SERVICES, NULL);
	h248_open(o);
}

void mg_service_change_close(const struct mg *m, struct h248_out *o)
{
	char time[24];

	h248_put_name(o, mg_time(m->s->wall_ms, time), NULL);
	h248_close(o);
	h248_close(o);
	h248_close(o);
}

void mg_service_change(struct mg *m, struct h248_out *o, enum h248_token method, const char *reason,
		       uint32_t delay)
{
	mg_service_change_open(o);
	h248_put(o, H248_METHOD, "%s", h248_spelt(o, method));
	h248_put_text(o, H248_REASON, reason);
	if (delay)
		h248_put(o, H248_DELAY, "%u", delay);
	mg_service_change_close(m, o);
}

static void register_with(struct mg *m, uint16_t controller)
{
	struct mg_assoc *a = &m->assoc;
	struct h248_out o;
	uint32_t id;

	mg_requests_hold(m);
	a->controller = controller;
	a->state = MG_REGISTERING;
	a->version = 1; /* the first message is, whatever it offers (11.3) */
	a->silence_ms = 0;
	mg_root_init(a);
	a->overload = a->told_drain = false;
	a->told_drain_ms = 0;
	m->stats.registrations++;
	if (mg_by_stream(m))
		mg_stream_open(m);
	else
		mg_stream_close(m);
	id = mg_request_begin(m, &o);
	mg_service_change_open(&o);
	put_method(m, &o);
	h248_put(&o, H248_VERSION, "%u", H248_VERSION_MAX);
	h248_put(&o, H248_PROFILE, "%s", conf(m)->h248_profile);
	mg_service_change_close(m, &o);
	h248_close(&o);
	if (!mg_request_put(m, &o, id, true, true))
		pause_round(m);
}

void mg_assoc_init(struct mg *m)
{
	m->assoc.state = MG_WAITING;
	mg_root_init(&m->assoc);
	m->assoc.last = &m->assoc.request;
	m->assoc.last_id = (uint32_t)rand_u64(&m->rand) >> 1;
	mg_names_init(&m->names);
}

void mg_assoc_start(struct mg *m)
{
	char text[ADDR_STR_MAX];

	if (!mg_file_load(m)) {
		/* Who was in charge is asked first: it has our contexts. */
		if (m->n_controller)
			register_with(m, m->assoc.lost && m->assoc.served
					     ? (uint16_t)(m->assoc.served - 1)
					     : 0);
		mg_file_save(m);
		return;
	}
	log_line("h248: the controller %s is in charge as before",
		 sock_addr_format(mg_controller(m), text, sizeof(text)));
	mg_requests_go(m);
	mg_file_save(m);
}

void mg_assoc_free(struct mg *m)
{
	while (m->assoc.request)
		mg_request_del(m, &m->assoc.request);
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

/* Nobody is asked at once who was just in charge: he may be at the end of all his connections. */
void mg_assoc_broken(struct mg *m, const char *why)
{
	if (m->assoc.state != MG_SERVED) {
		next_controller(m, why);
		return;
	}
	tell_gone(m, why);
	m->assoc.lost = true;
	pause_round(m);
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
	mg_requests_go(m);
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
	mg_send_controller(m, m->out, wr_len(&o.w));
}

void mg_assoc_reply(struct mg *m, const struct h248_item *reply)
{
	struct mg_request **at = mg_request_find(m, reply->value);
	bool registers;

	if (h248_find(&m->in, reply, H248_IMM_ACK_REQUIRED))
		acknowledge(m, reply);
	if (!at || reply->broken)
		return;
	registers = (*at)->registers;
	mg_request_del(m, at);
	if (registers)
		registered(m, reply);
}

void mg_assoc_pending(struct mg *m, const struct h248_item *pending)
{
	struct mg_request **at = mg_request_find(m, pending->value);

	if (!at || m->s->now_ms - (*at)->first_ms >= PENDING_MS)
		return;
	if (++(*at)->pendings > m->assoc.root[MG_ROOT_MGC_LIMIT])
		return; /* as if it had not said so */
	/* It is at work on it: the time begins anew (8.2.3). */
	(*at)->tries = 0;
	(*at)->begun_ms = m->s->now_ms;
	(*at)->again_ms = m->s->now_ms + m->assoc.root[MG_ROOT_MGC_PENDING];
}

void mg_assoc_heard(struct mg *m)
{
	m->assoc.heard_ms = m->s->now_ms;
	m->assoc.told_silence = false;
}

/* ---- another list ---- */

/* Its place in the list that is in force, and 1; 0: it has none. */
static uint16_t place_after(const struct mg *m, const struct sock_addr *a)
{
	for (uint16_t i = 0; i < m->n_controller; i++) {
		if (sock_addr_eq(&m->controller[i], a))
			return (uint16_t)(i + 1);
	}
	return 0;
}

void mg_assoc_relist(struct mg *m, const struct sock_addr *was, uint16_t n_was, bool anew)
{
	struct mg_assoc *a = &m->assoc;
	const uint16_t at = n_was ? place_after(m, &was[a->controller]) : 0;
	const uint16_t to = a->handed ? place_after(m, &was[a->handed_to]) : 0;

	/* The next one hears that there was one before (Failover). */
	a->lost = !anew && (a->lost || (a->state == MG_SERVED && !at));
	a->served = a->served && !anew ? place_after(m, &was[a->served - 1]) : 0;
	a->handed = to && !anew;
	a->handed_to = to ? (uint16_t)(to - 1) : 0;
	a->controller = at ? (uint16_t)(at - 1) : 0;
	a->hops = 0;
	if (!m->n_controller) {
		mg_stream_close(m);
		a->state = MG_WAITING;
		a->lost = false; /* whoever comes then is told of a restart */
		mg_requests_drop(m);
	} else if (!at || anew || a->state == MG_WAITING) {
		register_with(m, a->controller);
	}
	mg_file_save(m);
}

/* ---- out of service ---- */

/* The node is being drained, or is not any more: no new contexts (H.248.1 7.2.8, Graceful). */
static void tell_drain(struct mg *m)
{
	const struct drain *d = &m->s->drain;
	const uint64_t end = d->on ? d->deadline_ms : 0;
	struct mg_assoc *a = &m->assoc;
	struct h248_out o;
	uint32_t id;

	if (a->state != MG_SERVED || (d->on == a->told_drain && end == a->told_drain_ms))
		return;
	id = mg_request_begin(m, &o);
	if (d->on)
		mg_service_change(m, &o, H248_GRACEFUL, "905 Termination taken out of service",
				  end > m->s->now_ms ? (uint32_t)((end - m->s->now_ms + 999) / 1000)
						     : 0);
	else
		mg_service_change(m, &o, H248_RESTART, "918 Cancel Graceful", 0);
	if (!mg_request_send(m, &o, id, true))
		return; /* at the next tick */
	a->told_drain = d->on;
	a->told_drain_ms = end;
}

void mg_assoc_stop(struct mg *m)
{
	struct h248_out o;
	uint32_t id;

	/* With Forced the controller would count as gone what goes on without this process. */
	if (m->assoc.state != MG_SERVED || gate_stats(m->g)->contexts)
		return;
	id = mg_request_begin(m, &o);
	mg_service_change(m, &o, H248_FORCED, "908 MG Impending Failure", 0);
	mg_request_send(m, &o, id, true);
	/* Nothing of it goes on. */
	mg_requests_hold(m);
	m->assoc.state = MG_WAITING;
	m->assoc.served = 0;
}

/* ---- time ---- */

static void tick(struct mg *m)
{
	struct mg_assoc *a = &m->assoc;

	if (!m->n_controller)
		return;
	if (a->handed && a->controller != a->handed_to)
		register_with(m, a->handed_to);
	if (a->state == MG_WAITING && m->s->now_ms >= a->next_ms) {
		a->hops = 0;
		register_with(m, 0);
	}
	if (a->state != MG_WAITING && mg_by_stream(m) && !m->stream) {
		mg_assoc_broken(m, "cannot be reached: no socket for it");
		return; /* they are held */
	}
	tell_drain(m);
	for (struct mg_request *r = a->request; r; r = r->next) {
		if (r->held || m->s->now_ms < r->again_ms)
			continue;
		if (m->s->now_ms - r->begun_ms >= MG_LOST_MS) {
			lost(m);
			return; /* they are gone */
		}
		r->again_ms = m->s->now_ms + mg_again_after(m, ++r->tries);
		if (r->sent && mg_by_stream(m))
			continue; /* it is on its way (D.2.2) */
		m->stats.repeated += r->sent;
		r->sent = true;
		mg_send_controller(m, r->text, r->len);
	}
}

void mg_assoc_tick(struct mg *m)
{
	tick(m);
	mg_file_save(m);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests of ours to controllers: sent again until they are answered (H.248.1 D.1), and held while
 * nobody is in charge.
 */
#include "mg_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { AGAIN_MS = 500 /* the first repetition; each doubles it */ };

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

uint32_t mg_request_begin(struct mg *m, struct h248_out *o)
{
	m->assoc.last_id++;
	m->assoc.last_id += m->assoc.last_id == 0;
	mg_file_number(m);
	mg_begin(m, o, m->request, sizeof(m->request));
	h248_put(o, H248_TRANSACTION, "%u", m->assoc.last_id);
	h248_open(o);
	return m->assoc.last_id;
}

/* Some more time than the last time (D.1.3), not the same for all gateways of a controller. */
uint64_t mg_again_after(struct mg *m, uint32_t tries)
{
	uint32_t ms = tries < 4 ? AGAIN_MS << tries : MG_AGAIN_MAX_MS;

	ms = ms / 2 + rand_below(&m->rand, ms / 2 + 1);
	return ms > m->assoc.root[MG_ROOT_MGC_TIME] ? ms : m->assoc.root[MG_ROOT_MGC_TIME];
}

static void request_append(struct mg_assoc *a, struct mg_request *r)
{
	*a->last = r;
	a->last = &r->next;
	a->n_request++;
}

/* Sends it, or holds it until somebody is in charge; false: it is lost. */
bool mg_request_put(struct mg *m, struct h248_out *o, uint32_t id, bool registers, bool passes)
{
	struct mg_assoc *a = &m->assoc;
	size_t len = wr_len(&o->w);
	struct mg_request *r = NULL;

	if (!o->w.failed && m->n_controller && a->n_request < MG_REQUESTS_MAX)
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
				  .sent = registers || a->state == MG_SERVED,
				  .passes = passes,
				  .again_ms = m->s->now_ms + mg_again_after(m, 0),
				  .len = (uint32_t)len };
	memcpy(r->text, o->w.start, len);
	request_append(a, r);
	r->kept = mg_file_request(m, r);
	if (!r->held)
		mg_send_controller(m, r->text, len);
	return true;
}

bool mg_request_send(struct mg *m, struct h248_out *o, uint32_t id, bool passes)
{
	h248_close(o);
	return mg_request_put(m, o, id, false, passes);
}

bool mg_request_restore(struct mg *m, uint32_t id, bool passes, const char *text, uint32_t len,
			uint16_t kept)
{
	struct mg_request *r = malloc(sizeof(*r) + len);

	if (!r)
		return false;
	*r = (struct mg_request){
		.id = id, .passes = passes, .held = true, .kept = kept, .len = len
	};
	memcpy(r->text, text, len);
	request_append(&m->assoc, r);
	return true;
}

void mg_request_del(struct mg *m, struct mg_request **at)
{
	struct mg_assoc *a = &m->assoc;
	struct mg_request *r = *at;

	mg_file_request_done(m, r->kept);
	*at = r->next;
	if (a->last == &r->next)
		a->last = at;
	a->n_request--;
	free(r);
}

struct mg_request **mg_request_find(struct mg *m, struct h248_text id_text)
{
	struct mg_request **at = &m->assoc.request;
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
void mg_requests_hold(struct mg *m)
{
	struct mg_request **at = &m->assoc.request;

	while (*at) {
		struct mg_request *r = *at;

		r->held = true;
		r->sent = false;
		if (r->passes)
			mg_request_del(m, at);
		else
			at = &r->next;
	}
}

/* Somebody is in charge: what was held goes, one a millisecond, in the version that he speaks. */
void mg_requests_go(struct mg *m)
{
	uint64_t at_ms = m->s->now_ms;

	for (struct mg_request *r = m->assoc.request; r; r = r->next) {
		char *slash = memchr(r->text, '/', r->len);

		if (slash && slash + 1 < r->text + r->len)
			slash[1] = (char)('0' + m->assoc.version);
		r->held = false;
		r->tries = r->pendings = 0;
		r->first_ms = r->begun_ms = r->again_ms = at_ms++;
	}
}

/* Nobody is left to be told. */
void mg_requests_drop(struct mg *m)
{
	while (m->assoc.request) {
		m->stats.untold += !m->assoc.request->registers;
		mg_request_del(m, &m->assoc.request);
	}
}

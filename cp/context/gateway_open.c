/* SPDX-License-Identifier: BSD-3-Clause */
/* Survival: contexts of an earlier process, and dataplanes that come and go (R70). */
#include "gateway_priv.h"

#include "answers.h"
#include "gateway_link.h"
#include "gateway_record.h"
#include "../event_log.h"

#include <stdio.h>
#include <stdlib.h>

/* Claims the ports of a record found at start. False if one of them is another's. */
static bool ports_claim_all(struct gateway *g, const struct context *c)
{
	for (int i = 0; i < 2; i++) {
		if (!term_is(&c->term[i]) || term_ports_claim(g, &c->term[i]))
			continue;
		if (i == 1)
			term_ports_give(g, &c->term[0]);
		return false;
	}
	return true;
}

static void take_up(struct gateway *g)
{
	const struct context_stats *st = context_stats(g->table);
	uint32_t cursor = 0, look = UINT32_MAX;
	struct context *c;

	g->stats.contexts = st->contexts;
	g->stats.contexts_max = st->contexts_max;
	g->stats.kept = st->kept;
	g->stats.damaged = st->damaged;
	g->stats.fresh = st->fresh;
	g->stats.carried = st->carried;
	while ((c = context_next(g->table, &cursor, &look)) != NULL) {
		if (ports_claim_all(g, c)) {
			g->stats.phase[gate_phase(c)]++;
			gate_count(g, c);
			gate_timer(g, c);
			continue;
		}
		context_del(g->table, c);
		g->stats.contexts--;
		g->stats.kept--;
		g->stats.damaged++;
	}
}

struct gateway *gate_open(struct server *s, char *err, size_t errlen)
{
	struct gateway *g = calloc(1, sizeof(*g));

	snprintf(err, errlen, "not enough memory for the gateway");
	if (!g)
		return NULL;
	g->s = s;
	g->conf = s->conf;
	g->log = event_log_create(s->conf->gateway.events, sizeof(struct gate_event));
	g->answers = answers_create();
	if (g->log && g->answers)
		g->table = context_open(s->conf, NULL, err, errlen);
	if (!g->table) {
		gate_close(g);
		return NULL;
	}
	take_up(g);
	return g;
}

void gate_close(struct gateway *g)
{
	uint32_t cursor = 0, look = UINT32_MAX;
	struct context *c;
	struct answer a;

	if (!g)
		return;
	while (g->answers && answers_over(g->answers, UINT32_MAX, &a)) {
		gate_record_told(g, a.ended, NULL);
		if (a.done)
			a.done(a.arg, NULL, NULL);
	}
	while (g->table && (c = context_next(g->table, &cursor, &look)) != NULL) {
		wheel_stop(&g->s->wheel, context_timer(g->table, c));
		srtp_forget(g, c);
	}
	context_close(g->table);
	answers_free(g->answers);
	event_log_free(g->log);
	free(g);
}

/* ---- contexts without a record ---- */

void gate_world_add(struct gateway *g)
{
	context_world_add(g->table);
}

bool gate_partial(const struct gateway *g)
{
	return context_partial(g->table);
}

void gate_told(struct gateway *g, uint32_t worker)
{
	context_told(g->table, worker);
}

void gate_whole(struct gateway *g)
{
	context_whole(g->table);
}

/* Nobody's call: it goes on until a controller ends it, or time does. */
bool gate_adopt(struct gateway *g, uint32_t worker, const struct evt_context *e)
{
	uint32_t now = server_now(g->s);
	struct context *c, p = { .worker = worker,
				 .cid = e->cid,
				 .created = now,
				 .expiry = e->expiry,
				 .since = now,
				 .inactivity = g->conf->gateway.inactivity,
				 .flags = e->flags };

	if (context_find_cid(g->table, worker, e->cid))
		return true;
	if (!context_partial(g->table) || now >= e->expiry)
		return false;
	for (int i = 0; i < 2; i++) {
		struct context_term *m = &p.term[i];

		m->term = e->term[i];
		if (!term_is(m) || m->term.local.relay >= g->conf->n_relay)
			continue;
		m->realm = g->conf->relay[m->term.local.relay].realm_index;
		m->attempts = m->term.attempt;
		m->since = now;
		p.stream |= term_is_stream(m);
		if (!term_is_stream(m))
			m->state = TERM_STATE_UP;
		else
			m->state = m->term.attempt ? TERM_STATE_OPENING : TERM_STATE_IDLE;
	}
	c = context_adopt(g->table, &p);
	if (!c)
		return false;
	if (!ports_claim_all(g, c)) {
		context_del(g->table, c);
		return false;
	}
	gate_count(g, c);
	g->stats.contexts++;
	g->stats.phase[gate_phase(c)]++;
	gate_timer(g, c);
	gate_record(g, c, RECORD_ADOPTED, NULL);
	return true;
}

/* ---- another dataplane ---- */

/*
 * A number of an attempt that the new dataplane does not know would have it connect. Keys of SRTP
 * are not there any more, and ours must not be brought again: another is for an offer to tell.
 */
static bool is_lost(const struct context *c)
{
	return (c->stream && (c->term[0].term.attempt || c->term[1].term.attempt)) ||
	       context_has_srtp(c);
}

/* It knows of no silence yet. */
static void silence_forget(struct gateway *g, struct context *c)
{
	struct context to = *c;

	if (!c->term[0].silent && !c->term[1].silent)
		return;
	to.term[0].silent = to.term[1].silent = false;
	gate_change(g, c, &to);
}

void gate_attached(struct gateway *g, uint64_t generation)
{
	uint32_t cursor = 0, look = UINT32_MAX;
	struct context *c;

	if (context_generation(g->table) == generation)
		return;
	while ((c = context_next(g->table, &cursor, &look)) != NULL) {
		if (is_lost(c))
			gate_end(g, c, CONTEXT_END_DATAPLANE);
		else
			silence_forget(g, c);
	}
	context_generation_set(g->table, generation);
}

enum dplink_work gate_replay(struct gateway *g, uint32_t worker, struct dplink_cursor *cur)
{
	for (uint32_t scan = 0; scan < DPLINK_REPLAY_SCAN; scan++, cur->slot++) {
		const struct context *c;

		if (cur->slot >= g->conf->gateway.contexts)
			return DPLINK_IDLE;
		c = context_at_slot(g->table, worker, cur->slot);
		if (!c)
			continue;
		if (dplink_replay_room(g->s->link, worker) < 1 + srtp_commands(g, c))
			return DPLINK_BLOCKED;
		gate_send(g, c);
		srtp_send(g, c);
	}
	return DPLINK_MORE;
}

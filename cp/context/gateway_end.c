/* SPDX-License-Identifier: BSD-3-Clause */
/* How contexts end: by request, by their timers; and who waits for their counters. */
#include "gateway_priv.h"

#include "answers.h"
#include "gateway_link.h"
#include "gateway_record.h"
#include "../event_log.h"
#include "../../conf/kept.h"
#include "../../lib/bug.h"

/* ---- events ---- */

void gate_tell(struct gateway *g, const struct context *c, struct gate_event *e)
{
	e->wall_ms = g->s->wall_ms;
	e->context = c->id;
	memcpy(e->call, c->call, sizeof(e->call));
	if (!e->ended)
		e->transport = c->term[e->side].term.transport;
	g->stats.events++;
	g->stats.events_lost += event_log_add(g->log, e);
}

static void tell_end(struct gateway *g, const struct context *c, enum context_end end)
{
	struct gate_event e = { .ended = true, .end = (uint8_t)end };

	g->stats.ended[end]++;
	gate_tell(g, c, &e);
	for (int i = 0; i < 2; i++) {
		if (g->listener[i].arg)
			g->listener[i].ended(g->listener[i].arg, c, end);
	}
}

void gate_ends_listen(struct gateway *g,
		      void (*ended)(void *arg, const struct context *c, enum context_end end),
		      void *arg)
{
	struct gate_listener *l = g->listener;

	l += l->arg != NULL;
	if (!BUG_ON(l->arg != NULL))
		*l = (struct gate_listener){ ended, arg };
}

void gate_ends_forget(struct gateway *g, const void *arg)
{
	for (int i = 0; i < 2; i++) {
		if (g->listener[i].arg == arg)
			g->listener[i].arg = NULL;
	}
}

const struct gate_event *gate_event(const struct gateway *g, uint64_t seq)
{
	return event_log_get(g->log, seq);
}

uint64_t gate_events_last(const struct gateway *g)
{
	return event_log_last(g->log);
}

bool gate_prepare(struct gateway *g, const struct config *c, char *err, size_t errlen)
{
	if (event_log_prepare(g->log, c->gateway.events))
		return true;
	snprintf(err, errlen, "gateway.events: not enough memory for %u events", c->gateway.events);
	return false;
}

void gate_finish(struct gateway *g, bool apply)
{
	g->stats.events_lost += event_log_finish(g->log, apply);
}

void gate_events_listen(struct gateway *g, void (*changed)(void *arg), void *arg)
{
	event_log_listen(g->log, changed, arg);
}

/* ---- counters ---- */

void gate_answers_over(struct gateway *g)
{
	struct answer a;

	while (answers_over(g->answers, g->s->now_ms / SERVER_TICK_MS, &a)) {
		gate_record_told(g, a.ended, NULL);
		if (a.done)
			a.done(a.arg, context_find_cid(g->table, a.worker, a.cid), NULL);
	}
}

/* Sends a command that a says who waits for. False if no answer will come; a.ended is told then. */
static bool ask_for(struct gateway *g, const struct context *c, uint16_t type, struct answer a)
{
	struct cmd_context cmd = { .cid = c->cid };
	bool waits = dplink_cmd(g->s->link, c->worker, type, &cmd, sizeof(cmd)) &&
		     (a.done || (a.ended && !answers_half(g->answers)));

	a.worker = c->worker;
	a.cid = c->cid;
	a.seq = cmd.hdr.seq;
	a.deadline = server_tick(g->s, ANSWERS_TIMEOUT_S);
	waits = waits && answers_add(g->answers, &a);
	if (!waits)
		gate_record_told(g, a.ended, NULL);
	return waits;
}

/* Sends an audit or a deletion. False if no answer will come. */
static bool ask(struct gateway *g, const struct context *c, uint16_t type, gate_stats_fn *done,
		void *arg)
{
	return ask_for(g, c, type, (struct answer){ .done = done, .arg = arg });
}

void gate_report(struct gateway *g, const struct context *c)
{
	if (!g->conf->gateway.n_hep || c->stream || c->end || answers_half(g->answers))
		gate_record(g, c, RECORD_UPDATE, NULL);
	else
		ask_for(g, c, CMD_CONTEXT_AUDIT,
			(struct answer){ .ended = gate_record_counted(g, c, RECORD_UPDATE, NULL) });
}

void gate_audit(struct gateway *g, struct context *c, gate_stats_fn *done, void *arg)
{
	if (!ask(g, c, CMD_CONTEXT_AUDIT, done, arg))
		done(arg, c, NULL);
}

bool gate_event_stats(struct gateway *g, uint32_t worker, const struct evt_context_stats *e)
{
	struct answer a;

	if (!answers_take(g->answers, worker, e, &a))
		return false;
	gate_record_told(g, a.ended, e->term);
	if (a.done)
		a.done(a.arg, context_find_cid(g->table, worker, a.cid), e->term);
	return true;
}

void gate_forget(struct gateway *g, void *arg)
{
	answers_forget(g->answers, arg);
}

/* ---- ends ---- */

void gate_end(struct gateway *g, struct context *c, enum context_end end)
{
	struct answer a = { 0 };

	if (c->end == CONTEXT_END_NONE) {
		tell_end(g, c, end);
		a.ended = gate_record_counted(g, c, RECORD_END, context_end_name[end]);
	}
	if (end != CONTEXT_END_DATAPLANE) /* which does not know it */
		ask_for(g, c, CMD_CONTEXT_DEL, a);
	else
		gate_record_told(g, a.ended, NULL);
	gate_drop(g, c);
}

void gate_end_kept(struct gateway *g, struct context *c, struct context *to)
{
	struct answer a = { 0 };

	to->end = CONTEXT_END_CONNECTION;
	to->since = server_deadline(g->s, 0);
	gate_change(g, c, to);
	tell_end(g, c, CONTEXT_END_CONNECTION);
	a.ended = gate_record_counted(g, c, RECORD_END, context_end_name[CONTEXT_END_CONNECTION]);
	if (a.ended)
		ask_for(g, c, CMD_CONTEXT_AUDIT, a);
}

bool gate_end_some(struct gateway *g, uint32_t *cursor, uint32_t n)
{
	uint32_t look = GATE_LOOK;
	struct context *c;

	while (n && (c = gate_next(g, cursor, &look)) != NULL) {
		gate_end(g, c, CONTEXT_END_DRAIN);
		n--;
	}
	return !n || !look;
}

/* A pair is kept together: RTCP has the port above. */
static enum context_end term_removed(const struct config *c, const struct context_term *m)
{
	struct ctl_relay last = m->term.local;

	if (!term_is(m))
		return CONTEXT_END_NONE;
	last.port = be16_make((uint16_t)(be16_get(last.port) + (m->term.flags & TERM_RTP ? 1 : 0)));
	if (!config_relay_has(c, &m->term.local) || !config_relay_has(c, &last) ||
	    c->relay[last.relay].realm_index != m->realm)
		return CONTEXT_END_RELAY;
	return m->term.transport == TERM_TLS && !domain_is_there(c, m->term.domain)
		   ? CONTEXT_END_DOMAIN
		   : CONTEXT_END_NONE;
}

bool gate_end_removed(struct gateway *g, uint32_t *cursor, uint32_t look, uint32_t n)
{
	struct context *c;

	while (n && (c = gate_next(g, cursor, &look)) != NULL) {
		enum context_end why = term_removed(g->conf, &c->term[0]);

		if (why == CONTEXT_END_NONE)
			why = term_removed(g->conf, &c->term[1]);
		if (why == CONTEXT_END_NONE)
			continue;
		gate_end(g, c, why);
		n--;
	}
	return !n || !look;
}

void gate_kill(struct gateway *g, struct context *c)
{
	gate_end(g, c, CONTEXT_END_KILLED);
}

void gate_delete(struct gateway *g, struct context *c, gate_stats_fn *done, void *arg)
{
	struct answer a = { .done = done, .arg = arg };
	bool answer;

	if (c->end == CONTEXT_END_NONE) {
		tell_end(g, c, CONTEXT_END_REQUEST);
		a.ended =
		    gate_record_counted(g, c, RECORD_END, context_end_name[CONTEXT_END_REQUEST]);
	}
	answer = ask_for(g, c, CMD_CONTEXT_DEL, a);
	gate_drop(g, c);
	g->stats.deleted++;
	if (done && !answer)
		done(arg, NULL, NULL);
}

void gate_delete_later(struct gateway *g, struct context *c, uint32_t seconds)
{
	struct context to = *c;

	to.delete_at = server_deadline(g->s, seconds);
	if (!c->delete_at || to.delete_at < c->delete_at)
		gate_change(g, c, &to);
}

void gate_spare(struct gateway *g, struct context *c)
{
	struct context to = *c;

	to.delete_at = 0;
	if (c->delete_at)
		gate_change(g, c, &to);
}

/* ---- silence ---- */

/* Whether all its terminations said that nothing comes. Before the answer that says nothing. */
static bool all_silent(const struct context *c)
{
	bool any = false;

	for (int i = 0; i < 2; i++) {
		any |= term_is(&c->term[i]);
		if (term_is(&c->term[i]) && !c->term[i].silent)
			return false;
	}
	return any && c->inactivity && !c->stream && !gate_waits(c);
}

/* By when something has to come: counted from the answer, if that was later. */
static uint32_t silence_deadline(const struct gateway *g, const struct context *c)
{
	const uint32_t told = *context_silence(g->table, c), answered = c->since + c->inactivity;

	return told > answered ? told : answered;
}

/*
 * The dataplane tells of silence, not of its end: what its counters say decides. A termination that
 * something came to since will be told of again.
 */
static void silence_judge(void *arg, const struct context *found,
			  const struct ctl_term_stats stats[2])
{
	struct gateway *g = arg;
	struct context *c = found ? context_find(g->table, found->id) : NULL;
	struct context to;
	uint32_t least;

	if (!c || !stats || !all_silent(c))
		return;
	to = *c;
	least = server_now(g->s) > c->since ? server_now(g->s) - c->since : 0;
	for (int i = 0; i < 2; i++) {
		if (!term_is(&c->term[i]))
			continue;
		least = stats[i].silent_s < least ? stats[i].silent_s : least;
		to.term[i].silent = stats[i].silent_s >= c->term[i].term.inactivity;
	}
	if (least >= c->inactivity) {
		gate_end(g, c, CONTEXT_END_INACTIVE);
		return;
	}
	*context_silence(g->table, c) = server_deadline(g->s, c->inactivity - least);
	gate_change(g, c, &to);
}

/* If the answer is lost, it is asked again. */
static void silence_ask(struct gateway *g, struct context *c)
{
	*context_silence(g->table, c) = server_deadline(
	    g->s, c->inactivity > ANSWERS_TIMEOUT_S ? c->inactivity : ANSWERS_TIMEOUT_S);
	ask(g, c, CMD_CONTEXT_AUDIT, silence_judge, g);
}

/* ---- timers ---- */

static bool term_waits(const struct context_term *m)
{
	switch (m->term.transport) {
	case TERM_NONE:
		return true;
	case TERM_UDP:
		return be16_get(m->term.remote[0].port) == 0 &&
		       be16_get(m->term.latched[0].port) == 0;
	default:
		return m->state == TERM_STATE_IDLE;
	}
}

bool gate_waits(const struct context *c)
{
	return term_waits(&c->term[0]) || term_waits(&c->term[1]);
}

static void nearer(uint32_t *deadline, enum context_end *why, uint32_t d, enum context_end w)
{
	if (d < *deadline) {
		*deadline = d;
		*why = w;
	}
}

/* By when a termination that was begun is up: counted from when its partner was, too. */
static uint32_t connect_deadline(const struct gateway *g, const struct context *c,
				 const struct context_term *m)
{
	const struct config_gateway *conf = &g->conf->gateway;
	uint32_t from = m->since > c->since ? m->since : c->since;

	/* The dataplane judges without a fingerprint by itself; this is if it does not. */
	if (m->state == TERM_STATE_UNJUDGED)
		from += conf->fingerprint_ms / 1000 + 1;
	return from + conf->connect_timeout;
}

static uint32_t context_deadline(const struct gateway *g, const struct context *c,
				 enum context_end *why)
{
	const struct config_gateway *conf = &g->conf->gateway;
	uint32_t deadline = c->expiry;

	*why = CONTEXT_END_LIFETIME;
	if (c->delete_at)
		nearer(&deadline, why, c->delete_at, CONTEXT_END_REQUEST);
	if (c->end)
		nearer(&deadline, why, c->since + conf->ended_timeout, CONTEXT_END_CONNECTION);
	else if (gate_waits(c))
		nearer(&deadline, why, c->since + conf->answer_timeout, CONTEXT_END_ANSWER);
	for (int i = 0; i < 2 && !c->end && !gate_waits(c); i++) {
		if (c->term[i].state == TERM_STATE_OPENING ||
		    c->term[i].state == TERM_STATE_UNJUDGED)
			nearer(&deadline, why, connect_deadline(g, c, &c->term[i]),
			       CONTEXT_END_CONNECT);
	}
	if (all_silent(c))
		nearer(&deadline, why, silence_deadline(g, c), CONTEXT_END_INACTIVE);
	return deadline;
}

static void context_fire(struct timer *tm, void *ctx)
{
	struct server *s = ctx;
	struct gateway *g = s->gateway;
	struct context *c = context_of_timer(g->table, tm);
	enum context_end why;

	if (server_now(s) < context_deadline(g, c, &why)) {
		gate_timer(g, c);
	} else if (why == CONTEXT_END_INACTIVE) {
		silence_ask(g, c);
		gate_timer(g, c);
	} else {
		g->stats.deleted += why == CONTEXT_END_REQUEST;
		gate_end(g, c, why);
	}
}

void gate_timer(struct gateway *g, struct context *c)
{
	struct timer *tm = context_timer(g->table, c);
	enum context_end why;

	tm->fire = context_fire;
	wheel_start(&g->s->wheel, tm, server_tick_of(context_deadline(g, c, &why)));
}

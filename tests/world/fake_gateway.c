/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_gateway.h"

#include <string.h>

static bool refuses(const struct gateway *g, struct gate_fail *f)
{
	if (g->fail.error != GATE_OK)
		*f = g->fail;
	return g->fail.error != GATE_OK;
}

static void term_set(struct context_term *t, const struct term_spec *w)
{
	t->term = w->term;
	t->realm = w->realm;
	t->notify = w->notify;
	t->state = w->begin ? TERM_STATE_OPENING : TERM_STATE_IDLE;
	if (w->term.transport == TERM_UDP)
		t->state = TERM_STATE_UP;
	t->term.local.port = be16_make(w->port ? w->port : 20000);
	memcpy(t->tag, w->tag, sizeof(t->tag));
}

struct context *gate_add(struct gateway *g, const struct gate_plan *plan, const struct term_spec *a,
			 const struct term_spec *b, struct gate_fail *f)
{
	uint64_t i = 0;

	if (refuses(g, f))
		return NULL;
	while (g->c[i].id)
		i++;
	memset(&g->c[i], 0, sizeof(g->c[i]));
	g->plan = *plan;
	g->spec[0] = *a;
	g->c[i].id = i + 1;
	g->c[i].flags = plan->flags;
	g->c[i].media = plan->media;
	memcpy(g->c[i].call, plan->call, sizeof(plan->call));
	term_set(&g->c[i].term[0], a);
	if (b) {
		g->spec[1] = *b;
		term_set(&g->c[i].term[1], b);
	}
	return &g->c[i];
}

void term_spec(const struct gateway *g, const struct context *c, uint32_t side, struct term_spec *w)
{
	const struct context_term *t = &c->term[side];

	(void)g;
	*w = (struct term_spec){ .term = t->term,
				 .realm = t->realm,
				 .port = be16_get(t->term.local.port),
				 .notify = t->notify };
	memcpy(w->tag, t->tag, sizeof(w->tag));
}

bool gate_set(struct gateway *g, struct context *c, uint32_t side, const struct term_spec *w,
	      struct gate_fail *f)
{
	if (refuses(g, f))
		return false;
	g->spec[side] = *w;
	term_set(&c->term[side], w);
	return true;
}

void gate_plan(const struct gateway *g, const struct context *c, struct gate_plan *plan)
{
	*plan = (struct gate_plan){ .media = c->media,
				    .flags = c->flags,
				    .lifetime = g->plan.lifetime,
				    .inactivity = c->inactivity,
				    .note = c->note };
}

void gate_plan_set(struct gateway *g, struct context *c, const struct gate_plan *plan)
{
	g->plan = *plan;
	c->flags = plan->flags;
}

bool gate_subtract(struct gateway *g, struct context *c, uint32_t side, struct gate_fail *f)
{
	if (refuses(g, f))
		return false;
	memset(&c->term[side], 0, sizeof(c->term[side]));
	return true;
}

bool gate_move(struct gateway *g, struct context *c, uint32_t side, struct context *to,
	       uint32_t to_side, struct gate_fail *f)
{
	if (refuses(g, f))
		return false;
	to->term[to_side] = c->term[side];
	memset(&c->term[side], 0, sizeof(c->term[side]));
	return true;
}

void gate_audit(struct gateway *g, struct context *c, gate_stats_fn *done, void *arg)
{
	(void)c;
	g->done = done;
	g->arg = arg;
}

void gate_delete(struct gateway *g, struct context *c, gate_stats_fn *done, void *arg)
{
	c->id = 0;
	g->done = done;
	g->arg = arg;
}

void gate_kill(struct gateway *g, struct context *c)
{
	(void)g;
	c->id = 0;
}

uint32_t gate_owner(const struct gateway *g, const void *name, size_t len)
{
	(void)g;
	(void)name;
	return (uint32_t)len;
}

struct context *gate_find(struct gateway *g, uint64_t id)
{
	return id && id <= FAKE_CONTEXTS && g->c[id - 1].id ? &g->c[id - 1] : NULL;
}

/* As if a hundred others that are free stood between two. */
struct context *gate_next(struct gateway *g, uint32_t *cursor, uint32_t *look)
{
	while (*cursor < FAKE_CONTEXTS && *look) {
		struct context *c = &g->c[(*cursor)++];

		*look -= *look < FAKE_SPARSE ? *look : FAKE_SPARSE;
		if (c->id)
			return c;
	}
	return NULL;
}

struct context *gate_call_next(struct gateway *g, const char *call, const struct context *c)
{
	uint32_t i = c ? (uint32_t)(c - g->c) + 1 : 0;

	while (i < FAKE_CONTEXTS && (!g->c[i].id || strcmp(g->c[i].call, call) != 0))
		i++;
	return i < FAKE_CONTEXTS ? &g->c[i] : NULL;
}

bool gate_local(const struct gateway *g, const struct context *c, uint32_t side, bool rtcp,
		struct sock_addr *a)
{
	const struct ctl_term *t = &c->term[side].term;

	(void)g;
	if (rtcp && !(t->flags & TERM_RTP))
		return false;
	ip_parse("10.1.0.1", &a->ip);
	a->port = be16_make((uint16_t)(be16_get(t->local.port) + rtcp));
	return true;
}

uint32_t gate_fingerprints(const struct gateway *g, const struct context *c, uint32_t side,
			   struct fingerprint *fp, uint32_t max)
{
	(void)g;
	(void)c;
	(void)side;
	fp[0] = (struct fingerprint){ .hash = FP_SHA256, .digest = { 0xab } };
	return max > 0;
}

/* ---- events ---- */

void fake_gateway_event(struct gateway *g, struct gate_event n)
{
	n.seq = ++g->last;
	g->events[n.seq % FAKE_EVENTS] = n;
	if (g->changed)
		g->changed(g->changed_arg);
}

const struct gate_event *gate_event(const struct gateway *g, uint64_t seq)
{
	const uint64_t first = g->last > FAKE_EVENTS ? g->last - FAKE_EVENTS + 1 : 1;

	if (seq < first)
		seq = first;
	return seq <= g->last ? &g->events[seq % FAKE_EVENTS] : NULL;
}

uint64_t gate_events_last(const struct gateway *g)
{
	return g->last;
}

void gate_events_listen(struct gateway *g, void (*changed)(void *arg), void *arg)
{
	g->changed = changed;
	g->changed_arg = arg;
}

bool gate_srtp_reserve(struct gateway *g, struct context *c)
{
	(void)c;
	return !g->no_keys;
}

bool gate_srtp_set(struct gateway *g, struct context *c, uint32_t side,
		   const struct gate_srtp *keys)
{
	(void)c;
	g->srtp[side] = *keys;
	g->keyed[side] = true;
	g->n_keyed++;
	return true;
}

const struct gate_srtp *gate_srtp(const struct gateway *g, const struct context *c, uint32_t side)
{
	(void)c;
	return g->keyed[side] ? &g->srtp[side] : NULL;
}

uint32_t gate_srtp_count(const struct gateway *g)
{
	return g ? 2 : 0;
}

const struct gate_stats *gate_stats(const struct gateway *g)
{
	return &g->stats;
}

/* ---- ng ---- */

const char *const ng_command_name[NG_COMMANDS] = {
#define NAME(command, name) name,
	NG_COMMAND_LIST(NAME)
#undef NAME
};

bool ng_served(const struct ng *n)
{
	return n != NULL;
}

const struct ng_stats *ng_stats(const struct ng *n)
{
	return &n->stats;
}

/* ---- H.248 ---- */

const char *const mg_command_name[MG_COMMANDS] = {
#define NAME(command, name) name,
	MG_COMMAND_LIST(NAME)
#undef NAME
};

const struct mg_stats *mg_stats(struct mg *m)
{
	return &m->stats;
}

const char *const mg_state_name[MG_STATES] = { "registering", "waiting", "served" };

enum mg_state mg_state(const struct mg *m)
{
	return m->state;
}

unsigned mg_transport(const struct mg *m)
{
	(void)m;
	return CONTROLLER_UDP;
}

const struct sock_addr *mg_controller(const struct mg *m)
{
	return &m->controller;
}

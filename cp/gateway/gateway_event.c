/* SPDX-License-Identifier: BSD-3-Clause */
/* What the dataplane tells of contexts. */
#include "gateway_priv.h"

#include "../log.h"
#include "../policy.h"
#include "gateway_link.h"

static const char *const refusal_text[REFUSALS] = {
	[REFUSED_FULL] = "it is full",
	[REFUSED_PORT] = "another has its port",
	[REFUSED_BAD] = "impossible values",
	[REFUSED_GONE] = "what shall move is gone",
};

bool gate_event_refused(struct gateway *g, uint32_t worker, const struct evt_context_refused *e)
{
	struct context *c = context_find_cid(g->table, worker, e->cid);

	if (!c)
		return false;
	log_line("the dataplane refused a context, which is deleted: %s", refusal_text[e->why]);
	gate_end(g, c, CONTEXT_END_REFUSED);
	return true;
}

/* Whether an event is news: a replay has the dataplane say again what it said. */
static bool event_is_new(const struct context_term *m, const struct evt_term *e)
{
	bool begun = term_is_stream(m) && m->term.attempt;

	switch (e->what) {
	case TERM_UP:
		return begun && (m->state == TERM_STATE_OPENING || m->state == TERM_STATE_UNJUDGED);
	case TERM_UNJUDGED:
		return begun && m->state == TERM_STATE_OPENING;
	case TERM_ENDED:
		return begun && m->state != TERM_STATE_ENDED;
	case TERM_LATCHED:
		return m->term.transport == TERM_UDP && m->term.flags & (TERM_LATCH | TERM_ICE) &&
		       !sock_addr_eq(&m->term.latched[e->rtcp], &e->remote);
	default:
		return e->what == TERM_INACTIVE;
	}
}

/*
 * Why a remote address that was learnt must not be, or NULL. Whoever may be learnt is not known
 * before, so policy comes afterwards (R77).
 */
static const char *event_denied(const struct gateway *g, const struct context_term *m,
				const struct evt_term *e)
{
	const uint16_t learns = TERM_LATCH | TERM_ICE;

	if (!(m->term.flags & learns) || (e->what != TERM_LATCHED && e->what != TERM_UP) ||
	    !addr_given(&e->remote))
		return NULL;
	return policy_remote(g->conf, &e->remote.ip, be16_get(e->remote.port));
}

static void state_set(struct gateway *g, struct context_term *m, enum term_state state)
{
	m->state = (uint8_t)state;
	m->since = server_deadline(g->s, 0);
}

/* What is known of a connection, whatever came of it. */
static void connection_set(struct context_term *m, const struct evt_term *e)
{
	static const uint8_t none[sizeof(e->sha256)];

	if (addr_given(&e->remote))
		m->peer = e->remote;
	if (e->tls_version) {
		m->tls_version = e->tls_version;
		m->tls_suite = e->tls_suite;
	}
	if (memcmp(e->sha256, none, sizeof(none)) != 0)
		memcpy(m->sha256, e->sha256, sizeof(m->sha256));
}

static void event_apply(struct gateway *g, struct context *c, struct context_term *m,
			const struct evt_term *e)
{
	switch (e->what) {
	case TERM_UP:
		state_set(g, m, TERM_STATE_UP);
		connection_set(m, e);
		break;
	case TERM_UNJUDGED:
		state_set(g, m, TERM_STATE_UNJUDGED);
		connection_set(m, e);
		break;
	case TERM_ENDED:
		state_set(g, m, TERM_STATE_ENDED);
		connection_set(m, e);
		m->why = e->why;
		break;
	case TERM_LATCHED:
		m->term.latched[e->rtcp] = e->remote;
		break;
	default:
		m->silent = true;
		*context_silence(g->table, c) = server_now(g->s);
	}
}

static void event_tell(struct gateway *g, const struct context *c, const struct evt_term *e)
{
	struct gate_news n = {
		.side = e->side,
		.what = e->what,
		.why = e->why,
		.rtcp = e->rtcp,
		.tls_version = e->tls_version,
		.tls_suite = e->tls_suite,
		.remote = e->remote,
	};

	memcpy(n.sha256, e->sha256, sizeof(n.sha256));
	if (c->term[e->side].notify & 1u << e->what)
		gate_tell(g, c, &n);
}

/* Whether connections were there, and none is left or to come. */
static bool all_ended(const struct context *c)
{
	bool ended = false;

	for (int i = 0; i < 2; i++) {
		const struct context_term *m = &c->term[i];

		ended |= m->state == TERM_STATE_ENDED;
		if (m->state == TERM_STATE_OPENING || m->state == TERM_STATE_UNJUDGED ||
		    m->state == TERM_STATE_UP ||
		    (m->state == TERM_STATE_IDLE && c->flags & CONTEXT_HOLD))
			return false;
	}
	return ended;
}

bool gate_event_term(struct gateway *g, uint32_t worker, const struct evt_term *e)
{
	struct context *c = context_find_cid(g->table, worker, e->cid);
	const struct context_term *m = c ? &c->term[e->side] : NULL;
	struct context to;
	const char *denied;

	if (!m || !term_is(m) || e->attempt != m->term.attempt)
		return false;
	if (!event_is_new(m, e))
		return true;
	denied = event_denied(g, m, e);
	if (denied) {
		log_line("a context ends: the remote address that was learnt is denied: %s",
			 denied);
		gate_end(g, c, CONTEXT_END_POLICY);
		return true;
	}
	to = *c;
	event_apply(g, c, &to.term[e->side], e);
	if (e->what == TERM_ENDED && all_ended(&to)) {
		event_tell(g, c, e);
		gate_end_kept(g, c, &to);
		return true;
	}
	gate_change(g, c, &to);
	event_tell(g, c, e);
	return true;
}

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

static uint16_t relearn_flag(uint32_t rtcp)
{
	return rtcp ? TERM_RELEARN_RTCP : TERM_RELEARN;
}

/* Whether an event tells something new: in a replay the dataplane repeats what it said. */
static bool event_is_new(const struct context_term *m, const struct evt_term *e)
{
	bool begun = term_is_stream(m) && m->term.attempt;

	switch (e->what) {
	case TERM_UP:
		if (m->term.flags & TERM_DTLS)
			return true;
		return begun && (m->state == TERM_STATE_OPENING || m->state == TERM_STATE_UNJUDGED);
	case TERM_UNJUDGED:
		return begun && m->state == TERM_STATE_OPENING;
	case TERM_REFUSED:
		return m->term.flags & TERM_DTLS || (begun && m->state != TERM_STATE_ENDED);
	case TERM_ENDED:
		return begun && m->state != TERM_STATE_ENDED;
	case TERM_LATCHED:
		return m->term.transport == TERM_UDP && m->term.flags & (TERM_LATCH | TERM_ICE) &&
		       (m->term.flags & relearn_flag(e->rtcp) ||
			!sock_addr_eq(&m->term.latched[e->rtcp], &e->remote));
	default:
		return e->what == TERM_INACTIVE;
	}
}

/*
 * Why a remote address that was learnt must not be, or NULL (R77). The dataplane learns none that
 * its configuration denies, which may be an older one than ours.
 */
static const char *event_denied(const struct gateway *g, const struct context_term *m,
				const struct evt_term *e)
{
	const uint16_t learns = TERM_LATCH | TERM_ICE;

	if (!(m->term.flags & learns) || (e->what != TERM_LATCHED && e->what != TERM_UP) ||
	    !addr_given(&e->remote))
		return NULL;
	return policy_remote(g->conf, g->s->ports, m->realm, &e->remote.ip,
			     be16_get(e->remote.port));
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

/* RTCP comes from RTP's host: what was learnt of another is void. */
static void latched_set(struct ctl_term *t, const struct evt_term *e)
{
	t->latched[e->rtcp] = e->remote;
	t->flags &= (uint16_t)~relearn_flag(e->rtcp);
	if (e->rtcp || t->flags & TERM_ICE || ip_eq(&t->latched[1].ip, &e->remote.ip) ||
	    sock_addr_eq(&t->latched[1], &t->remote[1]))
		return;
	t->latched[1] = (struct sock_addr){ 0 };
	t->flags &= (uint16_t)~TERM_RELEARN_RTCP;
}

/* Of DTLS, which is none of the states that a connection has. */
static void dtls_apply(struct context_term *m, const struct evt_term *e)
{
	m->why = e->what == TERM_UP ? 0 : e->why;
	if (e->what != TERM_UP)
		return;
	m->tls_version = e->tls_version;
	m->tls_suite = e->tls_suite;
	memcpy(m->sha256, e->sha256, sizeof(m->sha256));
}

static void event_apply(struct gateway *g, struct context *c, struct context_term *m,
			const struct evt_term *e)
{
	if (m->term.flags & TERM_DTLS && (e->what == TERM_UP || e->what == TERM_REFUSED)) {
		dtls_apply(m, e);
		return;
	}
	switch (e->what) {
	case TERM_UP:
		state_set(g, m, TERM_STATE_UP);
		connection_set(m, e);
		break;
	case TERM_UNJUDGED:
		/* Said again, after another was refused: its time goes on. */
		if (addr_given(&e->remote) && sock_addr_eq(&m->peer, &e->remote))
			m->state = TERM_STATE_UNJUDGED;
		else
			state_set(g, m, TERM_STATE_UNJUDGED);
		connection_set(m, e);
		break;
	case TERM_ENDED:
		state_set(g, m, TERM_STATE_ENDED);
		connection_set(m, e);
		m->why = e->why;
		break;
	case TERM_LATCHED:
		latched_set(&m->term, e);
		break;
	case TERM_REFUSED:
		/* Since when it began: refusals buy no time. Who is not known to be the remote may
		 * have been up, without TLS. */
		m->state = TERM_STATE_OPENING;
		break;
	default:
		m->silent = true;
		*context_silence(g->table, c) = server_now(g->s);
	}
}

static void event_tell(struct gateway *g, const struct context *c, const struct evt_term *e)
{
	struct gate_event n = {
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
	to = *c;
	denied = event_denied(g, m, e);
	if (denied) {
		log_line("a remote address that was learnt is denied, and forgotten: %s", denied);
		term_again(g, &to.term[e->side], e->rtcp);
		gate_change(g, c, &to);
		gate_send(g, c);
		return true;
	}
	event_apply(g, c, &to.term[e->side], e);
	if (e->what == TERM_ENDED && all_ended(&to)) {
		event_tell(g, c, e);
		gate_end_kept(g, c, &to);
		return true;
	}
	gate_change(g, c, &to);
	event_tell(g, c, e);
	/* A browser that stopped comes back by an offer only; its partner may talk on, or hold. */
	if (e->what == TERM_INACTIVE && e->why == INACTIVE_CONSENT &&
	    (c->inactivity || g->conf->gateway.inactivity))
		gate_end(g, c, CONTEXT_END_INACTIVE);
	return true;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "audit.h"

#include "boundary.h"
#include "gateway/media.h"
#include "gateway/stream.h"
#include "turn/session.h"

void audit_begin(struct worker *w, uint32_t seq)
{
	w->audit = AUDIT_SESSIONS;
	w->audit_at = 0;
	w->audit_peer = 0;
	w->audit_seq = seq;
}

void audit_end(struct worker *w)
{
	w->audit = AUDIT_NONE;
}

/* ---- sessions ---- */

/* The i-th record of a session, the one it holds first. NULL behind the last. */
static const struct peer *peer_at(const struct worker *w, const struct session *s, uint32_t i)
{
	uint32_t at = s->peers;

	if (i == 0)
		return &s->first;
	while (--i && at != SLOT_NONE)
		at = w->peer[at].next;
	return at == SLOT_NONE ? NULL : &w->peer[at];
}

/* Those from w->audit_peer on. Returns the record behind the last, NULL if that was all. */
static const struct peer *peers_tell(struct worker *w, const struct session *s,
				     struct evt_session *e)
{
	const struct peer *p = peer_at(w, s, w->audit_peer);

	for (; p && e->n_peer < CTL_SESSION_PEERS; w->audit_peer++) {
		if (p->perm_expiry > w->now || p->chan_expiry > w->now)
			e->peer[e->n_peer++] = (struct ctl_peer){
				.addr = { p->ip, p->port },
				.channel = p->channel,
				.perm_expiry = p->perm_expiry,
				.chan_expiry = p->chan_expiry,
			};
		p = p == &s->first ? peer_at(w, s, 1)
				   : (p->next == SLOT_NONE ? NULL : &w->peer[p->next]);
	}
	return p;
}

/* False if there is no room for it now. */
static bool session_tell(struct worker *w, uint32_t slot)
{
	const struct session *s = &w->session[slot];
	struct evt_session e = {
		.hdr = { EVT_SESSION, sizeof(e), 0 },
		.sid = { slot, s->gen },
		.leg = { s->client, s->listener, s->conn, s->conn_gen },
		.relay = { s->relay[0], s->relay[1] },
		.flags = s->flags,
		.expiry = s->expiry,
		.redirect = s->redirect,
	};
	bool more = true;

	if (!s->gen || s->expiry <= w->now)
		return true;
	while (more) {
		void *to = evt_slot(w);

		if (!to)
			return false;
		e.n_peer = 0;
		more = peers_tell(w, s, &e) != NULL;
		memcpy(to, &e, sizeof(e));
		evt_publish(w);
	}
	w->audit_peer = 0;
	return true;
}

/* ---- contexts ---- */

static bool context_is_told(struct worker *w, uint32_t slot)
{
	const struct context *x = &w->context[slot];
	struct evt_context e = {
		.hdr = { EVT_CONTEXT, sizeof(e), 0 },
		.cid = { slot, x->gen },
		.expiry = x->expiry,
		.flags = x->flags,
	};
	void *to;

	if (!x->gen || x->expiry <= w->now)
		return true;
	to = evt_slot(w);
	if (!to)
		return false;
	if (x->kind == CONTEXT_MEDIA)
		media_terms(w, slot, e.term);
	else if (x->kind == CONTEXT_STREAM)
		stream_terms(w, slot, e.term);
	memcpy(to, &e, sizeof(e));
	evt_publish(w);
	return true;
}

/* ---- all of it ---- */

static bool audit_is_told(struct worker *w)
{
	return evt_bare(w, evt_slot(w), EVT_AUDITED, w->audit_seq);
}

/* One slot, or the end of a table. False if there is no room to tell it. */
static bool audit_step(struct worker *w)
{
	const bool sessions = w->audit == AUDIT_SESSIONS;

	if (w->audit_at < (sessions ? w->sessions_max : w->contexts_max)) {
		if (!(sessions ? session_tell(w, w->audit_at) : context_is_told(w, w->audit_at)))
			return false;
		w->audit_at++;
		return true;
	}
	if (!sessions && !audit_is_told(w))
		return false;
	w->audit = sessions ? AUDIT_CONTEXTS : AUDIT_TOLD;
	w->audit_at = 0;
	return true;
}

uint32_t audit_tell(struct worker *w, uint32_t budget)
{
	uint32_t n = 0;

	if (likely(w->audit == AUDIT_NONE || w->audit == AUDIT_TOLD))
		return 0;
	while (n < budget && w->audit != AUDIT_TOLD && audit_step(w))
		n++;
	return n;
}

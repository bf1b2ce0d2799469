/* SPDX-License-Identifier: BSD-3-Clause */
/* What an audit tells the control process of a session. */
#include "session.h"
#include "turn.h"
#include "../boundary.h"

uint32_t session_slots(const struct worker *w)
{
	return w->turn->sessions_max;
}

void session_records_stay(struct worker *w, bool stay)
{
	w->turn->records_stay = stay;
}

/* The i-th record of a session, the one it holds first. NULL behind the last. */
static const struct peer *peer_at(const struct worker *w, const struct session *s, uint32_t i)
{
	uint32_t at = s->peers;

	if (i == 0)
		return &s->first;
	while (--i && at != SLOT_NONE)
		at = w->turn->peer[at].next;
	return at == SLOT_NONE ? NULL : &w->turn->peer[at];
}

/* Those from *told on. Returns the record behind the last, NULL if that was all. */
static const struct peer *peers_tell(struct worker *w, const struct session *s, uint32_t *told,
				     struct evt_session *e)
{
	const struct peer *p = peer_at(w, s, *told);

	for (; p && e->n_peer < CTL_SESSION_PEERS; ++*told) {
		if (p->perm_expiry > w->now || p->chan_expiry > w->now)
			e->peer[e->n_peer++] = (struct ctl_peer){
				.addr = { p->ip, p->port },
				.channel = p->channel,
				.perm_expiry = p->perm_expiry,
				.chan_expiry = p->chan_expiry,
			};
		p = p == &s->first ? peer_at(w, s, 1)
				   : (p->next == SLOT_NONE ? NULL : &w->turn->peer[p->next]);
	}
	return p;
}

bool session_tell(struct worker *w, uint32_t slot, uint32_t *told)
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
		more = peers_tell(w, s, told, &e) != NULL;
		memcpy(to, &e, sizeof(e));
		evt_publish(w);
	}
	*told = 0;
	return true;
}

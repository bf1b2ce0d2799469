/* SPDX-License-Identifier: BSD-3-Clause */
#include "dispatch.h"

#include "adopt.h"
#include "context/gateway_link.h"
#include "ipsec/phones.h"
#include "log.h"
#include "record/tell.h"
#include "session.h"
#include "tls/psk_lookup.h"
#include "turn/turn.h"

/* The dataplane could not carry out what it was told. */
static bool refused(struct server *s, uint32_t worker, const struct evt_result *e)
{
	struct table_alloc *a = table_find_sid(s->table, worker, e->sid);
	char text[ADDR_STR_MAX];

	if (!a)
		return false;
	sock_addr_format(&a->leg.client, text, sizeof(text));
	if (e->hdr.type == EVT_SESSION_REFUSED && !listener_is_there(s->conf, a->leg.listener)) {
		session_del(s, a, SESSION_END_LISTENER);
	} else if (e->hdr.type == EVT_SESSION_REFUSED) {
		/* A client may hang up at any time, which is nothing to write home about. */
		if (!leg_has_conn(&a->leg))
			log_line("the dataplane refused the allocation of %s, which is deleted",
				 text);
		session_del(s, a, SESSION_END_REFUSED);
	} else {
		log_line("the dataplane has no room for a peer of %s (dataplane.peers)", text);
		s->stats.peers_refused++;
		session_peer_refused(s, a, &e->peer, e->channel);
	}
	return true;
}

/* A client's connection takes its allocation along: the five-tuple is no more. */
static bool client_gone(struct server *s, uint32_t worker, const struct evt_conn_gone *e)
{
	struct table_alloc *a = table_find_sid(s->table, worker, e->sid);

	if (!a || a->leg.conn != e->conn.idx || a->leg.conn_gen != e->conn.gen)
		return false;
	session_gone(s, a,
		     e->why == TCP_END_LISTENER ? SESSION_END_LISTENER : SESSION_END_CONNECTION);
	return true;
}

static bool peer_gone(struct server *s, uint32_t worker, const struct evt_conn_gone *e)
{
	struct pending_conn *c = pending_find_conn(s->pending, worker, e->sid, e->conn);

	if (!c)
		return false;
	s->stats.peers_gone++;
	pending_del(s->pending, c);
	return true;
}

static bool conn_gone(struct server *s, uint32_t worker, const struct evt_conn_gone *e)
{
	switch (e->role) {
	case CONN_CLIENT:
		return client_gone(s, worker, e);
	case CONN_PEER:
		return peer_gone(s, worker, e);
	default:
		return false; /* of joined ones EVT_JOINED tells */
	}
}

bool dispatch_event(struct server *s, uint32_t worker, const union ctl_evt *e)
{
	switch ((enum ctl_evt_type)e->hdr.type) {
	case EVT_PUNT:
		request_handle(s, worker, &e->punt);
		return true;
	case EVT_SESSION_REFUSED:
	case EVT_PEER_REFUSED:
		return refused(s, worker, &e->session_refused);
	case EVT_CONNECTED:
		return connect_done(s, worker, &e->connected);
	case EVT_CONNECT_FAILED:
		return connect_failed(s, worker, &e->connect_failed);
	case EVT_PEER_ATTEMPT:
		return attempt_handle(s, worker, &e->peer_attempt);
	case EVT_CONN_GONE:
		return conn_gone(s, worker, &e->conn_gone);
	case EVT_JOINED:
		tell_joined(s, worker, &e->joined);
		return true;
	case EVT_PSK:
		psk_handle(s, worker, &e->psk);
		return true;
	case EVT_CONTEXT_REFUSED:
		return s->gateway && gate_event_refused(s->gateway, worker, &e->context_refused);
	case EVT_CONTEXT_STATS:
		return s->gateway && gate_event_stats(s->gateway, worker, &e->context_stats);
	case EVT_TERM:
		return s->gateway && gate_event_term(s->gateway, worker, &e->term);
	case EVT_SESSION:
		return adopt_session(s, worker, &e->session);
	case EVT_CONTEXT:
		return s->gateway && gate_adopt(s->gateway, worker, &e->context);
	case EVT_NEIGHBOURS:
		return asks_event(&s->neighbours, worker, e);
	case EVT_PING:
		return asks_event(&s->pings, worker, e);
	case EVT_IPSEC:
		/* What is asked is also refused where it is gone. */
		return (e->hdr.seq && asks_event(&s->phone_asks, worker, e)) ||
		       (s->phones && phones_event(s->phones, worker, &e->ipsec));
	case EVT_AUDITED: /* the link's own */
	case EVT_END_LOST:
	case EVT_SYNCED:
	case EVT_NONE:
		break;
	}
	return false;
}

static enum dplink_work replay_step(struct server *s, uint32_t worker, struct dplink_cursor *cur)
{
	switch (cur->of) {
	case DPLINK_SESSIONS:
		return session_replay(s, worker, cur);
	case DPLINK_CONTEXTS:
		return s->gateway ? gate_replay(s->gateway, worker, cur) : DPLINK_IDLE;
	case DPLINK_PHONES:
		break;
	}
	return s->phones ? phones_replay(s->phones, worker, cur) : DPLINK_IDLE;
}

enum dplink_work dispatch_replay(struct server *s, uint32_t worker, struct dplink_cursor *cur)
{
	for (;;) {
		const enum dplink_work work = replay_step(s, worker, cur);

		if (work != DPLINK_IDLE || cur->of == DPLINK_PHONES)
			return work;
		*cur = (struct dplink_cursor){ .of = cur->of + 1 };
	}
}

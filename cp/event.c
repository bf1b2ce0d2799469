/* SPDX-License-Identifier: BSD-3-Clause */
#include "event.h"

static const char *punt_lies(const struct config *c, const struct evt_punt *p)
{
	size_t head = offsetof(struct evt_punt, payload);

	if (p->hdr.len < head || p->hdr.len > sizeof(*p) || p->payload_len > p->hdr.len - head)
		return "impossible length of a request";
	if (p->leg.listener >= c->n_listener)
		return "a request from a listener that does not exist";
	if ((c->listener[p->leg.listener].transport == TRANSPORT_UDP) != (p->leg.conn_gen == 0))
		return "a request from a connection of another transport";
	return NULL;
}

static const char *peer_conn_lies(const struct evt_peer_conn *e)
{
	if (e->hdr.type == EVT_CONNECT_FAILED ? e->why >= TCP_END_MAX : e->conn.gen == 0)
		return "impossible news of a peer's connection";
	return NULL;
}

static const char *conn_gone_lies(const struct evt_conn_gone *e)
{
	if (e->conn.gen == 0 || e->role >= CONN_ROLES || e->why >= TCP_END_MAX)
		return "impossible end of a connection";
	return NULL;
}

static const char *psk_lies(const struct config *c, const struct evt_psk *e)
{
	if (e->identity_len > sizeof(e->identity))
		return "impossible length of an identity";
	if (e->conn.gen == 0 || e->domain >= c->n_domain)
		return "an identity of a connection that cannot be";
	return NULL;
}

static const char *term_lies(const struct evt_term *e)
{
	if (e->side > 1 || e->what >= TERM_NEWS || e->rtcp > 1 || e->why >= TCP_END_MAX)
		return "impossible news of a termination";
	return NULL;
}

static const char *session_lies(const struct config *c, const struct evt_session *e)
{
	if (e->n_peer > CTL_SESSION_PEERS || e->leg.listener >= c->n_listener || e->sid.gen == 0 ||
	    e->sid.slot >= c->dataplane.sessions || e->redirect >= c->dataplane.n_workers)
		return "a session that cannot be";
	return NULL;
}

static const char *context_lies(const struct config *c, const struct evt_context *e)
{
	if (e->cid.gen == 0 || e->cid.slot >= c->gateway.contexts)
		return "a context that cannot be";
	return NULL;
}

/* Bytes of an event whose length is constant; 0: of no known type. */
static size_t event_size(uint16_t type)
{
	switch (type) {
	case EVT_SESSION_REFUSED:
	case EVT_PEER_REFUSED:
		return sizeof(struct evt_result);
	case EVT_CONNECTED:
	case EVT_CONNECT_FAILED:
	case EVT_PEER_ATTEMPT:
		return sizeof(struct evt_peer_conn);
	case EVT_CONN_GONE:
		return sizeof(struct evt_conn_gone);
	case EVT_PSK:
		return sizeof(struct evt_psk);
	case EVT_CONTEXT_REFUSED:
		return sizeof(struct evt_context_refused);
	case EVT_CONTEXT_STATS:
		return sizeof(struct evt_context_stats);
	case EVT_TERM:
		return sizeof(struct evt_term);
	case EVT_SESSION:
		return sizeof(struct evt_session);
	case EVT_CONTEXT:
		return sizeof(struct evt_context);
	case EVT_AUDITED:
	case EVT_NEWS_LOST:
		return sizeof(struct ctl_hdr);
	default:
		return 0;
	}
}

const char *event_lies(const struct config *c, const struct ctl_hdr *hdr)
{
	if (hdr->type == EVT_PUNT)
		return punt_lies(c, (const struct evt_punt *)hdr);
	if (hdr->type == EVT_SYNCED) /* the sequence number is all of it */
		return NULL;
	if (event_size(hdr->type) == 0)
		return "an event of no known type";
	if (hdr->len != event_size(hdr->type))
		return "impossible length of an event";
	switch (hdr->type) {
	case EVT_CONNECTED:
	case EVT_CONNECT_FAILED:
	case EVT_PEER_ATTEMPT:
		return peer_conn_lies((const struct evt_peer_conn *)hdr);
	case EVT_CONN_GONE:
		return conn_gone_lies((const struct evt_conn_gone *)hdr);
	case EVT_PSK:
		return psk_lies(c, (const struct evt_psk *)hdr);
	case EVT_CONTEXT_REFUSED:
		return ((const struct evt_context_refused *)hdr)->why < REFUSALS
			   ? NULL
			   : "a context was refused for no known reason";
	case EVT_TERM:
		return term_lies((const struct evt_term *)hdr);
	case EVT_SESSION:
		return session_lies(c, (const struct evt_session *)hdr);
	case EVT_CONTEXT:
		return context_lies(c, (const struct evt_context *)hdr);
	default:
		return NULL;
	}
}

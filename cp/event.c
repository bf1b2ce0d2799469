/* SPDX-License-Identifier: BSD-3-Clause */
#include "event.h"

#include "../conf/listener.h"

/* Whether what a leg names is of its listener's transport. */
static bool leg_fits(struct listener_place l, const struct ctl_leg *leg)
{
	const bool dtls = leg->conn & CTL_CONN_DTLS;

	return (l.transport == TRANSPORT_UDP) == (leg->conn_gen == 0) &&
	       (l.transport == TRANSPORT_DTLS) == dtls;
}

static const char *punt_invalid(const struct config *c, const struct evt_punt *p)
{
	if (p->payload_len > p->hdr.len - offsetof(struct evt_punt, payload))
		return "impossible length of a request";
	if (p->leg.listener >= listener_places(c))
		return "a request from a listener that does not exist";
	if (!leg_fits(listener_place(c, p->leg.listener), &p->leg))
		return "a request from a connection of another transport";
	return NULL;
}

static const char *peer_conn_invalid(const struct evt_peer_conn *e)
{
	if (e->hdr.type == EVT_CONNECT_FAILED ? e->why >= TCP_END_MAX : e->conn.gen == 0)
		return "impossible event of a peer's connection";
	return NULL;
}

static const char *conn_gone_invalid(const struct evt_conn_gone *e)
{
	if (e->conn.gen == 0 || e->role >= CONN_ROLES || e->why >= TCP_END_MAX)
		return "impossible end of a connection";
	return NULL;
}

static const char *psk_invalid(const struct evt_psk *e)
{
	if (e->identity_len > sizeof(e->identity))
		return "impossible length of an identity";
	if (e->conn.gen == 0)
		return "an identity of a connection that cannot be";
	return NULL;
}

static const char *term_invalid(const struct evt_term *e)
{
	if (e->side > 1 || e->what >= TERM_EVENTS || e->rtcp > 1 || e->why >= TCP_END_MAX)
		return "impossible event of a termination";
	return NULL;
}

static const char *session_invalid(const struct config *c, const struct evt_session *e)
{
	if (e->n_peer > CTL_SESSION_PEERS || e->leg.listener >= listener_places(c) ||
	    e->sid.gen == 0 || e->sid.slot >= c->dataplane.sessions ||
	    e->redirect >= c->dataplane.n_workers)
		return "a session that cannot be";
	return NULL;
}

static const char *context_invalid(const struct config *c, const struct evt_context *e)
{
	if (e->cid.gen == 0 || e->cid.slot >= c->gateway.contexts)
		return "a context that cannot be";
	return NULL;
}

/* Ours, or one that we do not have (dplink_place.c). */
static bool port_may_be(const struct config *c, uint16_t port)
{
	return port < c->n_port || port == CTL_PORTS_MAX;
}

static const char *neighbours_invalid(const struct config *c, const struct evt_neighbours *e)
{
	static const char *const why = "a neighbour that cannot be";

	if (e->n > CTL_NEIGHBOURS)
		return why;
	for (uint32_t i = 0; i < e->n; i++) {
		const struct ctl_neighbour *n = &e->neighbour[i];

		if (n->state == NEIGH_FREE || n->state > NEIGH_FAILED || !port_may_be(c, n->port))
			return why;
	}
	return NULL;
}

static const char *ping_invalid(const struct config *c, const struct evt_ping *e)
{
	return e->result < PING_RESULTS && port_may_be(c, e->port) && e->hop <= NEIGH_FAILED
		   ? NULL
		   : "an answer to a ping that cannot be";
}

static const char *ipsec_invalid(const struct config *c, const struct evt_ipsec *e)
{
	return c->ipsec.n_addr && e->what < IPSEC_EVENTS && e->why < REFUSALS && e->s.id.gen &&
		       e->s.id.slot < c->ipsec.phones && e->s.n_lanes <= CTL_IPSEC_LANES
		   ? NULL
		   : "IPsec associations that cannot be";
}

static const char *joined_invalid(const struct evt_joined *e)
{
	return e->what < JOINED_EVENTS && e->why < TCP_END_MAX && e->client.gen
		   ? NULL
		   : "a joined connection that cannot be";
}

const char *event_invalid(const struct config *c, const union ctl_evt *e)
{
	switch ((enum ctl_evt_type)e->hdr.type) {
	case EVT_PUNT:
		return punt_invalid(c, &e->punt);
	case EVT_CONNECTED:
	case EVT_CONNECT_FAILED:
	case EVT_PEER_ATTEMPT:
		return peer_conn_invalid(&e->connected);
	case EVT_CONN_GONE:
		return conn_gone_invalid(&e->conn_gone);
	case EVT_JOINED:
		return joined_invalid(&e->joined);
	case EVT_PSK:
		return psk_invalid(&e->psk);
	case EVT_CONTEXT_REFUSED:
		return e->context_refused.why < REFUSALS
			   ? NULL
			   : "a context was refused for no known reason";
	case EVT_TERM:
		return term_invalid(&e->term);
	case EVT_SESSION:
		return session_invalid(c, &e->session);
	case EVT_CONTEXT:
		return context_invalid(c, &e->context);
	case EVT_NEIGHBOURS:
		return neighbours_invalid(c, &e->neighbours);
	case EVT_PING:
		return ping_invalid(c, &e->ping);
	case EVT_IPSEC:
		return ipsec_invalid(c, &e->ipsec);
	case EVT_SESSION_REFUSED:
	case EVT_PEER_REFUSED:
	case EVT_SYNCED:
	case EVT_CONTEXT_STATS:
	case EVT_AUDITED:
	case EVT_END_LOST:
		return NULL; /* nothing in it could be impossible */
	case EVT_NONE:
		break;
	}
	return "an event of no known type";
}

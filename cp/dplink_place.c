/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Places of listeners, ports, relays and TLS domains on the boundary. The dataplane tells what each
 * of its places means before it uses it, and never gives it another meaning; so what was found once
 * holds until it is another dataplane. Our own places live as long as we do (conf/listener.h,
 * kept.h).
 */
#include "dplink_int.h"

#include "../conf/kept.h"
#include "../conf/listener.h"
#include "../conf/vlan.h"

void dplink_places_forget(struct dplink *l)
{
	memset(&l->listener, 0xff, sizeof(l->listener));
	memset(&l->relay, 0xff, sizeof(l->relay));
	memset(&l->domain, 0xff, sizeof(l->domain));
	memset(&l->port, 0xff, sizeof(l->port));
}

static const struct region *region_of(const struct dplink *l)
{
	return l->base;
}

/* ---- of each kind: how many the dataplane has told, no more than there can be; and ours of one
 * that was told ---- */

static uint16_t told_of(const _Atomic uint32_t *count, uint16_t max)
{
	const uint32_t n = atomic_load_explicit(count, memory_order_acquire);

	return (uint16_t)(n < max ? n : max);
}

static uint16_t listeners_told(const struct dplink *l)
{
	return told_of(&region_of(l)->n_listener, CTL_PLACES_MAX);
}

static uint16_t listener_ours(const struct dplink *l, uint16_t theirs)
{
	const struct ctl_listener at = region_of(l)->listener[theirs];

	return listener_find(l->conf, &at.addr, at.transport);
}

static uint16_t relays_told(const struct dplink *l)
{
	return told_of(&region_of(l)->n_relay, CTL_RELAYS_MAX);
}

static uint16_t relay_ours(const struct dplink *l, uint16_t theirs)
{
	const struct ctl_relay_place at = region_of(l)->relay[theirs];
	const struct config_relay like = { .addr = at.addr, .owner = at.owner };

	for (uint16_t i = 0; i < l->conf->n_relay; i++) {
		if (relay_same(&l->conf->relay[i], &like))
			return i;
	}
	return PLACE_GONE;
}

static uint16_t domains_told(const struct dplink *l)
{
	return told_of(&region_of(l)->n_domain, CTL_DOMAINS_MAX);
}

static uint16_t domain_ours(const struct dplink *l, uint16_t theirs)
{
	const struct ctl_domain_place at = region_of(l)->domain[theirs];

	for (uint16_t i = 0; i < l->conf->n_domain; i++) {
		if (strncmp(l->conf->domain[i].name, at.name, sizeof(at.name)) == 0)
			return i;
	}
	return PLACE_GONE;
}

static uint16_t ports_told(const struct dplink *l)
{
	return told_of(&region_of(l)->n_ports, CTL_PORTS_MAX);
}

uint32_t dplink_n_ports(const struct dplink *l)
{
	return l->base ? ports_told(l) : 0;
}

static uint16_t port_ours(const struct dplink *l, uint16_t theirs)
{
	struct config_port like = { 0 };
	struct ctl_port_place at;

	memcpy(&at, &region_of(l)->port[theirs], sizeof(at));
	memcpy(like.name, at.name, sizeof(like.name) - 1);
	like.vlan = at.vlan;
	like.mtu = at.mtu;
	for (uint16_t i = 0; i < l->conf->n_port; i++) {
		if (port_same(&l->conf->port[i], &like))
			return i;
	}
	return PLACE_GONE;
}

/* ---- both ways ---- */

struct kind {
	uint16_t (*told)(const struct dplink *l);
	uint16_t (*ours)(const struct dplink *l, uint16_t theirs);
};

static const struct kind listeners = { listeners_told, listener_ours };
static const struct kind relays = { relays_told, relay_ours };
static const struct kind domains = { domains_told, domain_ours };
static const struct kind ports = { ports_told, port_ours };

/* Ours of a place that was told. */
static uint16_t ours_find(const struct dplink *l, const struct kind *k, struct dplink_places *p,
			  uint16_t theirs)
{
	if (p->ours[theirs] == PLACE_GONE)
		p->ours[theirs] = k->ours(l, theirs);
	return p->ours[theirs];
}

static uint16_t theirs_find(const struct dplink *l, const struct kind *k, struct dplink_places *p,
			    uint16_t ours)
{
	uint16_t *theirs;

	if (ours >= CTL_PLACES_MAX)
		return PLACE_GONE;
	theirs = &p->theirs[ours];
	for (uint16_t i = 0, n = k->told(l); *theirs == PLACE_GONE && i < n; i++) {
		if (ours_find(l, k, p, i) == ours)
			*theirs = i;
	}
	return *theirs;
}

/* False: the dataplane has told of no such place. */
static bool place_take(const struct dplink *l, const struct kind *k, struct dplink_places *p,
		       uint16_t *place)
{
	if (*place >= k->told(l))
		return false;
	*place = ours_find(l, k, p, *place);
	return true;
}

static bool relay_take(struct dplink *l, struct ctl_relay *r)
{
	return r->relay == CTL_RELAY_NONE || place_take(l, &relays, &l->relay, &r->relay);
}

static bool term_take(struct dplink *l, struct ctl_term *t)
{
	return t->transport == TERM_NONE ||
	       (relay_take(l, &t->local) &&
		(t->transport != TERM_TLS || place_take(l, &domains, &l->domain, &t->domain)));
}

static bool leg_take(struct dplink *l, struct ctl_leg *leg, uint16_t *place)
{
	if (!place_take(l, &listeners, &l->listener, &leg->listener))
		return false;
	*place = listener_is_there(l->conf, leg->listener) ? leg->listener : LISTENER_GONE;
	return true;
}

static bool port_take(struct dplink *l, uint16_t *port)
{
	if (!place_take(l, &ports, &l->port, port))
		return false;
	if (*port == PLACE_GONE)
		*port = CTL_PORTS_MAX;
	return true;
}

static bool neighbours_take(struct dplink *l, struct evt_neighbours *e)
{
	for (uint16_t i = 0; i < e->n && i < CTL_NEIGHBOURS; i++) {
		uint16_t port = e->neighbour[i].port;

		if (!port_take(l, &port))
			return false;
		e->neighbour[i].port = (uint8_t)port;
	}
	return true;
}

bool dplink_trace_place(struct dplink *l, struct ctl_trace *t)
{
	uint16_t port = t->port;

	if (!port_take(l, &port))
		return false;
	t->port = (uint8_t)port;
	return true;
}

uint32_t dplink_port(struct dplink *l, uint16_t ours)
{
	return dplink_usable(l) ? theirs_find(l, &ports, &l->port, ours) : PLACE_GONE;
}

bool dplink_event_places(struct dplink *l, union ctl_evt *e, uint16_t *listener)
{
	*listener = 0;
	switch (e->hdr.type) {
	case EVT_PUNT:
		return leg_take(l, &e->punt.leg, listener);
	case EVT_SESSION:
		return leg_take(l, &e->session.leg, listener) &&
		       relay_take(l, &e->session.relay[RELAY_V4]) &&
		       relay_take(l, &e->session.relay[RELAY_V6]);
	case EVT_CONTEXT:
		return term_take(l, &e->context.term[0]) && term_take(l, &e->context.term[1]);
	case EVT_NEIGHBOURS:
		return neighbours_take(l, &e->neighbours);
	case EVT_PING:
		return port_take(l, &e->ping.port);
	case EVT_PSK:
		return place_take(l, &domains, &l->domain, &e->psk.domain);
	default:
		return true;
	}
}

static void leg_give(struct dplink *l, const struct ctl_leg *leg, struct ctl_leg *to)
{
	to->listener = theirs_find(l, &listeners, &l->listener, leg->listener);
}

static void relay_give(struct dplink *l, const struct ctl_relay *r, struct ctl_relay *to)
{
	if (r->relay != CTL_RELAY_NONE)
		to->relay = theirs_find(l, &relays, &l->relay, r->relay);
}

static void term_give(struct dplink *l, const struct ctl_term *t, struct ctl_term *to)
{
	if (t->transport == TERM_NONE)
		return;
	relay_give(l, &t->local, &to->local);
	if (t->transport == TERM_TLS)
		to->domain = theirs_find(l, &domains, &l->domain, t->domain);
}

static void session_give(struct dplink *l, const struct cmd_session_set *c,
			 struct cmd_session_set *to)
{
	leg_give(l, &c->leg, &to->leg);
	for (int f = RELAY_V4; f <= RELAY_V6; f++)
		relay_give(l, &c->relay[f], &to->relay[f]);
}

static void context_give(struct dplink *l, const struct cmd_context_set *c,
			 struct cmd_context_set *to)
{
	for (int i = 0; i < 2; i++)
		term_give(l, &c->term[i], &to->term[i]);
}

void dplink_cmd_places(struct dplink *l, uint16_t type, const void *cmd, void *slot)
{
	switch (type) {
	case CMD_SESSION_SET:
		session_give(l, cmd, slot);
		break;
	case CMD_SEND:
		leg_give(l, &((const struct cmd_send *)cmd)->leg, &((struct cmd_send *)slot)->leg);
		break;
	case CMD_PING:
		((struct cmd_ping *)slot)->port =
		    theirs_find(l, &ports, &l->port, ((const struct cmd_ping *)cmd)->port);
		break;
	case CMD_CONTEXT_SET:
		context_give(l, cmd, slot);
		break;
	default:
		break;
	}
}

uint16_t dplink_domain(const struct dplink *l, uint16_t theirs)
{
	return dplink_usable(l) && theirs < domains_told(l) ? domain_ours(l, theirs) : PLACE_GONE;
}

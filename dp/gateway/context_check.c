/* SPDX-License-Identifier: BSD-3-Clause */
/* What the control process says a context shall be: whether that can be at all. */
#include "context.h"
#include "../snapshot.h"
#include "../../conf/kept.h"
#include "../../conf/peers.h"
#include "../../lib/term.h"

uint8_t term_ports(const struct ctl_term *t)
{
	if (t->transport == TERM_NONE)
		return 0;
	return t->flags & TERM_RTP ? 2 : 1;
}

/* The pair of RTP and RTCP stays together, see relay_port_worker(). */
static bool local_is_mine(const struct worker *w, const struct ctl_term *t)
{
	const struct config *c = snapshot_conf(w->dp);
	uint16_t port = be16_get(t->local.port);

	return config_relay_has(c, &t->local) &&
	       relay_owner(w->dp, t->local.relay, port) == w->id &&
	       (term_ports(t) == 1 || port < c->relay[t->local.relay].port_max);
}

static bool term_fits(const struct worker *w, const struct ctl_term *t)
{
	const struct config *c = snapshot_conf(w->dp);

	return t->transport == TERM_NONE ||
	       (local_is_mine(w, t) && term_valid(t, !ip_is_v4(&c->relay[t->local.relay].addr)) &&
		(t->transport != TERM_TLS || domain_is_there(c, t->domain)) &&
		(!(t->flags & TERM_DTLS) || w->dtls));
}

/* Whether one side's ports are the other's. */
static bool ports_overlap(const struct ctl_term *a, const struct ctl_term *b)
{
	uint16_t x = be16_get(a->local.port), y = be16_get(b->local.port);

	return a->local.relay == b->local.relay && x < y + term_ports(b) && y < x + term_ports(a);
}

bool context_valid(const struct worker *w, const struct cmd_context_set *c)
{
	const struct ctl_term *a = &c->term[0], *b = &c->term[1];

	if (c->cid.gen == 0 || c->flags & ~(uint32_t)CONTEXT_HOLD || !term_fits(w, a) ||
	    !term_fits(w, b))
		return false;
	if (a->transport == TERM_NONE || b->transport == TERM_NONE)
		return true;
	return (a->transport == TERM_UDP) == (b->transport == TERM_UDP) && !ports_overlap(a, b);
}

bool gate_denied(const struct worker *w, const struct ip_addr *remote)
{
	const struct config_peers *p = &snapshot_conf(w->dp)->peers;

	return dplane_local(w->dp, remote) ? !p->relay_to_relay
					   : peers_denied_whole(p, remote) != NULL;
}

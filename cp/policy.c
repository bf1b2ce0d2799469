/* SPDX-License-Identifier: BSD-3-Clause */
#include "policy.h"

#include "../conf/kept.h"
#include "../conf/peers.h"

/* Who asks, and who has which port: NULL where that is not looked at. */
struct policy_asker {
	const struct ports *ports;
	enum ports_owner kind;
	uint16_t realm;
};

/* Whether a listener of ours is at this address and port. */
static bool listener_at(const struct config *c, const struct ip_addr *a, uint16_t port)
{
	for (uint16_t i = 0; i < c->n_listener; i++) {
		if (ip_eq(&c->listener[i].addr.ip, a) && be16_get(c->listener[i].addr.port) == port)
			return true;
	}
	return false;
}

/*
 * Whether a relay's address, at a port of its range or at any, may be one of those who ask: clients
 * of TURN meet their kind, terminations theirs, both within one realm. Where both share the
 * address, who has the port tells.
 */
static bool relay_at(const struct config *c, const struct policy_asker *who,
		     const struct ip_addr *a, uint16_t port)
{
	const uint16_t i = relay_at_address(c, a);
	const struct config_relay *r = &c->relay[i];
	bool terms;

	if (i == c->n_relay || (who->realm != POLICY_ANY_REALM && who->realm != r->realm_index))
		return false;
	terms = realm_is_there(c, r->realm_index);
	if (who->kind == PORTS_TURN ? !r->turn : !terms)
		return false;
	if (port == POLICY_ANY_PORT)
		return true;
	if (port < r->port_min || port > r->port_max || listener_at(c, a, port))
		return false;
	return !who->ports || !(r->turn && terms) || ports_owner(who->ports, i, port) == who->kind;
}

static bool address_is_own(const struct config *c, const struct ip_addr *a)
{
	for (uint16_t i = 0; i < c->n_relay; i++) {
		if (ip_eq(&c->relay[i].addr, a))
			return true;
	}
	for (uint16_t i = 0; i < c->n_listener; i++) {
		if (ip_eq(&c->listener[i].addr.ip, a))
			return true;
	}
	for (uint16_t i = 0; i < c->n_port; i++) {
		for (uint16_t j = 0; j < c->port[i].n_addr; j++) {
			if (ip_eq(&c->port[i].addr[j].ip, a))
				return true;
		}
	}
	return false;
}

/* The address inside an IPv6 one. Ours is never reached that way, not even as a relay address. */
static const char *embedded_denied(const struct config *c, const struct ip_addr *inner)
{
	if (peers_judge(&c->peers, inner) != PEERS_DENY && address_is_own(c, inner))
		return "own address";
	return peers_denied(&c->peers, inner);
}

static const char *decide(const struct config *c, const struct policy_asker *who,
			  const struct ip_addr *peer, uint16_t port)
{
	struct ip_addr inner;
	const char *why;

	if (peers_judge(&c->peers, peer) == PEERS_DENY)
		return "deny list";
	if (c->peers.relay_to_relay && relay_at(c, who, peer, port))
		return NULL;
	if (address_is_own(c, peer))
		return "own address";
	why = peers_denied(&c->peers, peer);
	if (!why && !ip_is_v4(peer) && ip_embedded_v4(peer, &inner))
		why = embedded_denied(c, &inner);
	return why;
}

const char *policy_peer(const struct config *c, const struct ports *p, uint16_t realm,
			const struct ip_addr *peer, uint16_t port)
{
	return decide(c, &(struct policy_asker){ p, PORTS_TURN, realm }, peer, port);
}

const char *policy_remote(const struct config *c, const struct ports *p, uint16_t realm,
			  const struct ip_addr *remote, uint16_t port)
{
	return decide(c, &(struct policy_asker){ p, PORTS_TERM, realm }, remote, port);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "policy.h"

static bool prefix_list_has(const struct ip_prefix *list, uint16_t n, const struct ip_addr *a)
{
	for (uint16_t i = 0; i < n; i++) {
		if (ip_in_prefix(a, &list[i]))
			return true;
	}
	return false;
}

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
 * Whether a may be another client's relayed address (port any, or one of that relay's), or with
 * terms a termination's.
 */
static bool relay_at(const struct config *c, const struct ip_addr *a, uint16_t port, bool terms)
{
	for (uint16_t i = 0; i < c->n_relay; i++) {
		const struct config_relay *r = &c->relay[i];

		if ((r->turn || (terms && r->realm_index < c->n_realm)) && ip_eq(&r->addr, a) &&
		    (port == POLICY_ANY_PORT || (port >= r->port_min && port <= r->port_max)))
			return port == POLICY_ANY_PORT || !listener_at(c, a, port);
	}
	return false;
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

/* Rules 3 and 4. */
static const char *address_special(const struct config *c, const struct ip_addr *a)
{
	if (prefix_list_has(c->peers.allow, c->peers.n_allow, a))
		return NULL;
	return ip_special(a);
}

/* The address inside an IPv6 one. Ours is never reached that way, not even as a relay address. */
static const char *embedded_denied(const struct config *c, const struct ip_addr *inner)
{
	if (prefix_list_has(c->peers.deny, c->peers.n_deny, inner))
		return "deny list";
	if (address_is_own(c, inner))
		return "own address";
	return address_special(c, inner);
}

static const char *decide(const struct config *c, const struct ip_addr *peer, uint16_t port,
			  bool terms)
{
	struct ip_addr inner;
	const char *why;

	if (prefix_list_has(c->peers.deny, c->peers.n_deny, peer))
		return "deny list";
	if (c->peers.relay_to_relay && relay_at(c, peer, port, terms))
		return NULL;
	if (address_is_own(c, peer))
		return "own address";
	why = address_special(c, peer);
	if (!why && !ip_is_v4(peer) && ip_embedded_v4(peer, &inner))
		why = embedded_denied(c, &inner);
	return why;
}

const char *policy_peer(const struct config *c, const struct ip_addr *peer, uint16_t port)
{
	return decide(c, peer, port, false);
}

const char *policy_remote(const struct config *c, const struct ip_addr *remote, uint16_t port)
{
	return decide(c, remote, port, true);
}

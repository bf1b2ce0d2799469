/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CONF_KEPT_H
#define FL_CONF_KEPT_H

/*
 * Ports, relays, realms and TLS domains are known by their place in the list, by sessions,
 * terminations, connections and state files. So a reload leaves each where it is, whatever its
 * place in the file: one that is taken out stays there, with `gone`, until the process ends, and
 * has its place again when it comes back; others get places behind. Each process has places of its
 * own, since either may have begun with another file; the boundary tells one from the other
 * (region.relay, region.domain).
 */
#include "config.h"

/* Whether two relays have one place: another worker has other ports of it, in other tables. */
static inline bool relay_same(const struct config_relay *a, const struct config_relay *b)
{
	return ip_eq(&a->addr, &b->addr) && a->owner == b->owner;
}

/* The relay at an address; n_relay: none is any more. */
static inline uint16_t relay_at_address(const struct config *c, const struct ip_addr *a)
{
	uint16_t i = 0;

	while (i < c->n_relay && (c->relay[i].gone || !ip_eq(&c->relay[i].addr, a)))
		i++;
	return i;
}

static inline bool realm_is_there(const struct config *c, uint16_t i)
{
	return i < c->n_realm && !c->realm[i].gone;
}

static inline bool domain_is_there(const struct config *c, uint16_t i)
{
	return i < c->n_domain && !c->domain[i].gone;
}

/*
 * Puts the entries of c, a checked file's, at the places they have where `runs` runs, and what is
 * made of their places with them. False, and one sentence in err: there were too many.
 */
bool config_places_keep(const struct config *runs, struct config *c, char *err, size_t errlen);

#endif

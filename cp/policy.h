/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_POLICY_H
#define FL_CP_POLICY_H

/*
 * Which peers a client may reach (RFC 8656 21.1.3 and 21.4, R77), and which remotes a termination.
 * In this order:
 *  1. the deny list of the configuration, unless a narrower prefix of the allow list has the
 *     address: so "these networks only" is a denial of all and some prefixes allowed;
 *  2. the relay's own addresses: never, except a relay's when clients may reach each other. Clients
 *     of TURN reach clients of TURN, terminations reach terminations, both within one realm, and
 *     neither the other: a client that could send to a termination would be learnt as its remote,
 *     and hear the call. The dataplane lets no other pass (dp/loop.h);
 *  3. the allow list;
 *  4. special-purpose addresses: no.
 * An IPv6 address that carries an IPv4 address must pass in both forms.
 *
 * A permission is for an address without a port, and a port changes hands, so where a relay address
 * is both TURN's and a realm's the dataplane judges each packet between two relayed ports again.
 */
#include "../conf/config.h"
#include "ports.h"

/* The peer's port is not part of the question (a permission is for an address). */
enum { POLICY_ANY_PORT = 0 };

/* Whoever asks may have any; CONFIG_REALMS_MAX is that of a relay of no realm. */
enum { POLICY_ANY_REALM = 0xffff };

/*
 * NULL if the peer is allowed, else why not, for the log ("deny list", "own address", "loopback").
 * port is host order, POLICY_ANY_PORT for a permission. p tells who has a port now; NULL: whoever.
 * realm: of the relay (config_relay.realm_index) whose port the peer is sent from.
 */
const char *policy_peer(const struct config *c, const struct ports *p, uint16_t realm,
			const struct ip_addr *peer, uint16_t port);

/* NULL if a termination may have this remote, else why not, as policy_peer(). */
const char *policy_remote(const struct config *c, const struct ports *p, uint16_t realm,
			  const struct ip_addr *remote, uint16_t port);

#endif

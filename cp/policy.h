/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_POLICY_H
#define FL_CP_POLICY_H

/*
 * Which peers a client may reach (RFC 8656 21.1.3 and 21.4, R77). In this order:
 *  1. the deny list of the configuration;
 *  2. the relay's own addresses: never, except a relay address when clients may reach each other
 *     (the dataplane then loops the packet to a relayed port, and to nothing else);
 *  3. the allow list;
 *  4. special-purpose addresses: no.
 * An IPv6 address that carries an IPv4 address must pass in both forms.
 */
#include "../conf/config.h"

/* The peer's port is not part of the question (a permission is for an address). */
enum { POLICY_ANY_PORT = 0 };

/*
 * NULL if the peer is allowed, else why not, for the log ("deny list", "own address", "loopback").
 * port is host order, POLICY_ANY_PORT for a permission.
 */
const char *policy_peer(const struct config *c, const struct ip_addr *peer, uint16_t port);

/*
 * The same of the remote of a termination, which another termination may be: two calls of one
 * gateway meet.
 */
const char *policy_remote(const struct config *c, const struct ip_addr *remote, uint16_t port);

#endif

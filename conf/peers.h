/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CONF_PEERS_H
#define FL_CONF_PEERS_H

/*
 * Addresses that nothing is sent to, whoever asks (R77): what the lists of `peers` and the kinds of
 * addresses say. Both processes judge by it: the control process what it is told (cp/policy.h,
 * where our own addresses come in), the dataplane who it is about to learn.
 */
#include "config.h"

enum peers_verdict { PEERS_SILENT, PEERS_ALLOW, PEERS_DENY };

/* What the lists say: the narrower prefix wins, of equals the denial. */
enum peers_verdict peers_judge(const struct config_peers *p, const struct ip_addr *a);
/* Why not, for the log: "deny list", "loopback"; NULL: it may be sent to. Lists, then RFC 6890. */
const char *peers_denied(const struct config_peers *p, const struct ip_addr *a);
/* The same of an IPv6 address, and of the IPv4 address that it may carry. */
const char *peers_denied_whole(const struct config_peers *p, const struct ip_addr *a);

#endif

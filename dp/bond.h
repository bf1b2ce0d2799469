/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_BOND_H
#define FL_DP_BOND_H

/* A device that is several, by DPDK's net_bonding: LACP (IEEE 802.1AX), or one active at a time. */
#include "dplane.h"

/*
 * Makes the bond of these devices, which are not configured yet, and has its ethdev in *id. False
 * with what DPDK says in *why, and *member: index of the one that it does not take, or n.
 */
bool bond_make(const struct config_port *c, const uint16_t *id_of, uint16_t n, uint16_t *id,
	       uint16_t *member, int *why);

/* Looks which members never tell that their link is lost: port->untold. Once the bond is started.
 */
void bond_links(struct port *port);

/* A member goes, and is no longer the bond's. */
void bond_leave(const struct port *port, uint16_t id);

/*
 * Looks which member carries an active-backup bond, and counts in port->takeovers when it is
 * another than at the last look: switches learn from what is announced then where its addresses
 * are. The service thread.
 */
void bond_look(struct port *port);

/* The members as text: their names, links, and which of them carry traffic. */
void bond_describe(const struct port *port, char *text, size_t len);

#endif

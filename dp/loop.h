/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_LOOP_H
#define FL_DP_LOOP_H

/*
 * Packets from one of our relay addresses to another: they never see a wire. One table says who
 * may talk to whom (HACKING.md, "Threat model"): by whose the ports of both ends are, and by the
 * realms of their addresses.
 */
#include "worker.h"

/*
 * Sends a packet (data at the IP header) from src to a port (host order) of a relay address of
 * ours: it comes in again at the worker that has the port, in the next turn at the earliest. src's
 * port is this worker's. Takes m.
 */
void loop_send(struct worker *w, struct rte_mbuf *m, const struct sock_addr *src, uint16_t dport);

/* Takes one that another worker handed over. */
void loop_take(struct worker *w, struct rte_mbuf *m);

/* Takes what was looped here before this turn; returns packets taken. */
uint32_t loop_input(struct worker *w);

#endif

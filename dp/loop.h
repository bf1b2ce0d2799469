/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_LOOP_H
#define FL_DP_LOOP_H

/*
 * Packets from one of our relay addresses to another: they never see a wire. One table says who
 * may talk to whom (HACKING.md, "Threat model"): by whose the ports of both ends are, and by the
 * realms of their addresses.
 */
#include "worker.h"

/* Takes one that another worker handed over. */
void loop_take(struct worker *w, struct rte_mbuf *m);

/* Takes what was looped here before this turn; returns packets taken. */
uint32_t loop_input(struct worker *w);

#endif

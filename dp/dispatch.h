/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_DISPATCH_H
#define FL_DP_DISPATCH_H

/* Who has what comes: TURN, the gateway or a service. They do not know each other. */
#include "relayed.h"

/* Of each kind but RELAYED_NONE. */
extern const struct relayed_ops *const dispatch_ops[RELAYED_KINDS];

/* A datagram to a relayed port whose entry is p->slot. Takes p->m, unless nobody has the port. */
bool dispatch_relayed(struct worker *w, struct pkt *p);

/*
 * TCP's accept(): a SYN to one of our addresses. A plain listener's is a TURN client's, a TLS
 * listener's is told by what it says later (demux.h), a relayed port's is its owner's.
 */
const struct tcp_app *dispatch_accept(struct worker *w, struct tcp_request *r);

/* ICMP for us (dispatch_icmp.c). copy: another worker's, to learn from. Takes p->m. */
void dispatch_icmp(struct worker *w, struct pkt *p, bool copy);

#endif

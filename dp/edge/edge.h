/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_EDGE_EDGE_H
#define FL_DP_EDGE_EDGE_H

/*
 * SIP in UDP between phones with IPsec associations and the back end of a service
 * (doc/arch/edge.md). A datagram of a phone's to ipsec.server-port goes on from a port of our own
 * that this phone alone has, and what the back end sends to that port goes to the phone, from
 * ipsec.client-port to its server port (TS 33.203 7.1). So who has proved himself has a flow, and
 * nothing is kept for it.
 */
#include "../worker.h"

/*
 * A datagram at a listener, out of an association. Takes p->m, unless it is STUN or the listener
 * has no service: false then.
 */
bool edge_input(struct worker *w, struct pkt *p);

/* Whether that port of ours (host order) is a phone's; whose, by its worker and slot. */
static inline bool edge_port(const struct dplane *dp, uint16_t port, uint32_t *owner,
			     uint32_t *slot)
{
	const struct config_ipsec *i = &dp->conf->ipsec;
	const uint32_t n = (uint32_t)port - i->sip_port;

	if (likely(i->sip_port == 0) || port < i->sip_port || n >= dp->n_workers * i->phones)
		return false;
	*owner = n / i->phones;
	*slot = n % i->phones;
	return true;
}

/* A datagram to the port of the phone in that slot of this worker's. Takes p->m. */
void edge_output(struct worker *w, struct pkt *p, uint32_t slot);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Next hops of what leaves from addresses with ipsec, one a port. They stand behind the entries of
 * neighbours and in no hash: nobody looks through them, and nothing that is heard is about them.
 */
#include "neigh.h"
#include "net.h"

enum { ADDS = 112 }; /* bytes, at most: ESP_OVERHEAD_MAX, UDP and another IP header */

void neigh_gate(struct worker *w, neigh_gate_fn *send)
{
	struct neigh *gate = neigh_gates(w->net->neigh);

	for (uint16_t i = 0; i < CTL_PORTS_MAX; i++) {
		gate[i].port = i;
		gate[i].used = true;
		gate[i].state = NEIGH_GATE;
	}
	w->net->gate_send = send;
}

/* The MTU of a gate is known once its port is open. */
struct neigh *net_gate_of(const struct worker *w, const struct ip_addr *src)
{
	const struct local_addr *l = src ? dplane_local(w->dp, src) : NULL;
	struct neigh *n;

	if (!l || !l->ipsec)
		return NULL;
	n = neigh_gates(w->net->neigh) + l->port;
	n->mtu = (uint16_t)(w->dp->port[n->port].mtu - ADDS);
	return n;
}

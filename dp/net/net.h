/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_NET_NET_H
#define FL_DP_NET_NET_H

/* What this folder alone has on a worker, beside worker.neighbours, which packets are sent by. */
#include "../rate.h"
#include "../worker.h"
#include "neigh.h"
#include "ping.h"

struct net {
	neigh_gate_fn *gate_send; /* where packets by NEIGH_GATE go; NULL: none do */
	struct neigh_table *neigh;
	struct announce *announce; /* worker 0's; all tell it what they hear. Others: NULL */
	struct fragments *frag;	   /* in reassembly */
	/* ICMP, and what answers a segment, by source prefix: one flood must not silence the other.
	 */
	struct rate_table *echo_rate, *error_rate;
	struct pings pings; /* our own questions */
};

/* The gate that packets from src go by; NULL: by none. gate.c. */
struct neigh *net_gate_of(const struct worker *w, const struct ip_addr *src);

#endif

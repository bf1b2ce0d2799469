/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_NET_NET_H
#define FL_DP_NET_NET_H

/* What this folder alone has on a worker, beside worker.neighbours, which packets are sent by. */
#include "../rate.h"
#include "../worker.h"
#include "ping.h"

struct net {
	struct neigh_table *neigh;
	struct announce *announce; /* worker 0's; all tell it what they hear. Others: NULL */
	struct fragments *frag;	   /* in reassembly */
	/* ICMP, and what answers a segment, by source prefix: one flood must not silence the other.
	 */
	struct rate_table *echo_rate, *error_rate;
	struct pings pings; /* our own questions */
};

#endif

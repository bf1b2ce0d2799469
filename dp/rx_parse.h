/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_RX_PARSE_H
#define FL_DP_RX_PARSE_H

/*
 * What a frame is: Ethernet, IP with its options and extension headers, and the ports of UDP and
 * TCP. What is neither for a client, nor for a relayed port, nor TCP ends here: dropped, answered,
 * put to its fragments, or handed to the worker whose it is.
 */
#include "rx.h"

enum pkt_class {
	PKT_TAKEN,    /* gone: consumed, dropped or handed over */
	PKT_LISTENER, /* from a client: p->index is the listener */
	PKT_RELAY,    /* from a peer: p->index is the relay, p->slot the session */
	PKT_TCP,      /* a segment that this worker looks for a connection for */
	PKT_SYN,      /* one that asks for a connection */
	PKT_ESP,      /* ESP, which its associations are here for, in UDP or not */
};

/* Fills p, whose m, in_port, whole and inner are set. Strips nothing: offsets tell. */
enum pkt_class pkt_parse(struct worker *w, struct pkt *p, enum rx_mode mode);

#endif

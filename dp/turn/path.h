/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TURN_PATH_H
#define FL_DP_TURN_PATH_H

/*
 * The way most packets go: IPv4 on both sides, a client over UDP, a channel bound. A path is what a
 * session comes down to for those, made from the session by each command that changes it: one
 * line, which has the new headers nearly as they go out. What a path cannot do is left as it came,
 * untouched, to the general way (rx.c, relay.c), which would do the same to each packet; a test
 * compares the two byte by byte.
 */
#include "../net/ip.h"

/* Addresses and ports as they stand on the wire, and their folded sum. */
struct path_leg {
	struct be32 src, dst;
	struct be16 sport, dport;
	uint16_t sum;
	uint16_t pad;
	uint32_t nh; /* cached next hop towards dst, see neigh_find() */
};

struct path {
	struct path_leg to_peer;		   /* from the relayed address */
	struct path_leg to_client;		   /* from the listener */
	uint32_t expiry, perm_expiry, chan_expiry; /* seconds */
	uint16_t channel;			   /* 0: there is no path */
	uint16_t listener;
	uint8_t pad[8];
} __rte_cache_aligned;
_Static_assert(sizeof(struct path) == 64, "one cache line");

/* Makes the path of a session anew, or takes it away: after every change of the session. */
void path_make(struct worker *w, uint32_t slot);

/*
 * Takes the packets of a burst that have a path, and sends them. Returns how many are left, in
 * their order, at the start of m. n: BURST at most.
 */
uint16_t path_burst(struct worker *w, struct rte_mbuf **m, uint16_t n, const struct port *port);

#endif

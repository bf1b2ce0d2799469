/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_RELAY_PATH_H
#define FL_DP_RELAY_PATH_H

/*
 * The way most packets go: a client over UDP, a channel bound. A path is what a session comes down
 * to for those, made from the session by each command that changes it: one line, which has the new
 * headers nearly as they go out. All zero: there is none, for its time is over. What a path cannot
 * do is left as it came, untouched, to the general way (rx.c, turn/forward.c), which would do the
 * same to each packet; a test compares the two byte by byte.
 */
#include "../net/ip.h"

/*
 * Addresses and ports as they stand on the wire. IPv6 leaves no room for our own address, which is
 * the relay's or the listener's, nor for what a session relayed.
 */
struct path_out {
	union {
		struct {
			struct be32 src, dst;
			uint64_t use; /* of a session: see PATH_OUT_PACKET */
		};
		struct ip_addr dst6;
	};
	struct be16 sport, dport;
	uint32_t nh; /* cached next hop towards dst, see neigh_find() */
};

/*
 * What a way relayed and its session has not told yet (path_tell()): told one by one, each packet
 * would write a cold line. To IPv4 it is packets over bytes in a word that takes what a worker can
 * send for longer than it takes to look at all paths (session_use_turn()).
 */
#define PATH_OUT_PACKET (UINT64_C(1) << 36)

/*
 * To IPv6 it is a word with what is of the way beside it. Whatever comes on top of less than
 * PATH_BYTES_FULL fits.
 */
enum {
	PATH_PACKET = 1 << 17,
	PATH_BYTES_FULL = 1 << 16,
	PATH_PACKETS_FULL = 1 << 22,
	PATH_FULL = PATH_BYTES_FULL | PATH_PACKETS_FULL, /* either bit: told now */
	PATH_USE = (1 << 23) - 1,
	PATH_V6 = 1 << 23, /* the address the way leads to */
	PATH_INDEX = 24,   /* bits above: of the relay or listener that it comes from */
};

struct path {
	struct path_out to_peer;   /* from the relayed address */
	struct path_out to_client; /* from the listener */
	uint32_t use[CTL_WAYS];	   /* PATH_V6, PATH_INDEX and PATH_USE of each */
	uint32_t expiry;	   /* seconds: of all that lets packets pass either way */
	uint16_t sum;		   /* folded: of the way to the peer, less that to the client */
	uint16_t channel;
} __rte_cache_aligned;
_Static_assert(sizeof(struct path) == 64, "one cache line");
_Static_assert(CTL_PLACES_MAX <= 256 && CTL_RELAYS_MAX <= 256, "indexes of a path");

static inline uint32_t path_v6(const struct path *p, enum ctl_way way)
{
	return p->use[way] & PATH_V6;
}

static inline uint32_t path_index(const struct path *p, enum ctl_way way)
{
	return p->use[way] >> PATH_INDEX;
}

/* The session tells what the path relayed (struct ctl_use). */
void path_tell(struct worker *w, struct path *p);

static inline struct ip_addr path_out_dst(const struct path_out *l, bool v6)
{
	struct be32 dst = l->dst;

	return v6 ? l->dst6 : ip_from_v4(dst);
}

/*
 * A way between addresses of one family; v6: what it was. Its next hop stays where it leads to the
 * same address; a caller whose own address is another now has cleared it.
 */
void path_out_make(struct path_out *l, bool v6, const struct sock_addr *src,
		   const struct sock_addr *dst);

/* What its addresses have in the UDP checksum. */
static inline uint64_t path_csum(const struct sock_addr *a, const struct sock_addr *b)
{
	return csum_be16(csum_be16(csum_ip(csum_ip(0, &a->ip), &b->ip), a->port), b->port);
}

/*
 * Takes the packets of a burst that have a path, and sends them. Returns a bit for each that went,
 * by its place in the burst; the others are as they were, those to terminations' ports in *t
 * (path_send.h). n: BURST at most. handed: by another worker, see handover_pkt().
 */
struct path_terms;
uint64_t path_burst(struct worker *w, struct rte_mbuf **m, uint16_t n, const struct port *port,
		    bool handed, struct path_terms *t);

#endif

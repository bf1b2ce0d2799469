/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_NET_FRAG_TABLE_H
#define FL_DP_NET_FRAG_TABLE_H

/*
 * Datagrams in reassembly: dataplane.fragments of them a worker, which hold CONFIG_FRAGMENTS_EACH
 * times as many packet buffers together. Each is charged to its source, a prefix as in rate.h, by
 * both measures. When one runs out, the source that holds most of it loses its oldest datagram.
 */
#include "ip.h"

#include <sys/queue.h>

enum {
	FRAG_PIECES_MAX = 64, /* of a datagram: 64 KB at an MTU of 1,280 are 54 */
};

/* What the fragments of a datagram have in common. */
struct frag_key {
	struct ip_addr src, dst;
	uint32_t id;	/* as on the wire */
	uint32_t proto; /* of IPv4 (RFC 791 3.2); 0 with IPv6 (RFC 8200 4.5) */
};
static_assert(sizeof(struct frag_key) == 40, "compared and hashed as bytes");

/* Payload of a fragment in its datagram: bytes from..to - 1. */
struct frag_span {
	uint16_t from, to;
};

struct datagram {
	/* The table's. */
	struct frag_key key;
	LIST_ENTRY(datagram) same_hash;
	TAILQ_ENTRY(datagram) by_age; /* of all that are in reassembly, or of free records */
	TAILQ_ENTRY(datagram) of_source;
	struct frag_source *source;
	uint64_t began_ms;
	uint32_t charged; /* buffers */
	/* The caller's. */
	uint32_t bytes; /* of payload that are here */
	uint8_t n;	/* fragments that are here */
	bool last;	/* the last one is among them */
	bool broken;	/* cannot be put together: the rest is dropped, too */
	struct frag_span span[FRAG_PIECES_MAX]; /* ascending, disjoint */
	struct rte_mbuf *piece[FRAG_PIECES_MAX];
};

/* Sees to it that n more buffers may be held; n is at most FRAG_PIECES_MAX. */
void frag_table_room(struct worker *w, uint32_t n);
/* The datagram of a key, begun if there is none. What it is given has to be charged. */
struct datagram *frag_table_get(struct worker *w, const struct frag_key *k);
/* A fragment of n buffers has come to d; there is room. */
void frag_table_charge(struct worker *w, struct datagram *d, uint32_t n);
/* Drops the fragments of d, whose record stays for its time, to drop those still to come. */
void frag_table_break(struct worker *w, struct datagram *d);
/* The fragments of d have been taken over: its record is free. */
void frag_table_end(struct worker *w, struct datagram *d);

#endif

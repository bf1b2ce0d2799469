/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TURN_LIMIT_H
#define FL_DP_TURN_LIMIT_H

/*
 * What an allocation may relay (R4): bytes and packets a second, each way for itself. What is
 * counted is the IP datagram on the peer's side, so that a client has the same over UDP and over a
 * stream; from a peer only what has a permission, or strangers could use it up. Until something is
 * limited turn.limit is NULL; it is made at the start, or by the reload that brings the first
 * limit, and stays. A session that is limited has no path.
 */
#include "session.h"
#include "turn.h"

enum limit_way { LIMIT_TO_PEER, LIMIT_TO_CLIENT, LIMIT_WAYS };

struct session_limit {
	struct meter bytes[LIMIT_WAYS], packets[LIMIT_WAYS];
	uint64_t byte, piece; /* what is not 0 of the meters' rates */
	uint32_t byte_burst, piece_burst;
	uint32_t bytes_second, packets_second; /* that they were made of */
} __rte_cache_aligned;
_Static_assert(sizeof(struct session_limit) == 64, "one cache line");

/* Worker's table, if the configuration has a limit; part of session_tables_create(). */
bool limit_create(struct worker *w);
/*
 * Tables of workers that have none, if c has a limit, while they run: what is in a table limits
 * nothing until limit_share(). False, and one sentence in err: no memory. By the service thread.
 */
bool limit_add(struct dplane *dp, const struct config *c, char *err, size_t errlen);

/* NULL: nothing is limited yet. */
static inline struct session_limit *limit_table(const struct worker *w)
{
	return atomic_load_explicit(&w->turn->limit, memory_order_acquire);
}

/* Whether a session has a limit. */
static inline bool limit_is(const struct worker *w, uint32_t slot)
{
	const struct session_limit *l = limit_table(w);

	return unlikely(l) && (l[slot].byte | l[slot].piece);
}

/* A new session: nothing is used up. */
void limit_begin(struct worker *w, uint32_t slot);
/* Share of what the user may relay a second, 0 for any; what is used up stays so. */
void limit_share(struct worker *w, uint32_t slot, uint32_t bytes, uint32_t packets);

/* limit_pass() where there are limits. */
bool limit_take(struct worker *w, uint32_t slot, enum limit_way way, uint32_t bytes);

/* Takes a datagram with so many bytes of payload from or to a peer. False: it is over the limit. */
static inline bool limit_pass(struct worker *w, uint32_t slot, enum limit_way way,
			      const struct ip_addr *peer, uint32_t payload)
{
	return likely(!limit_table(w)) ||
	       limit_take(w, slot, way, ip_hdr_len(peer) + UDP_HDR + payload);
}

/*
 * Bytes of a stream (RFC 6062), where there are limits, are counted without headers and never
 * dropped: limit_stream_wait_ms() says in how many milliseconds so many may be moved on (0: now),
 * limit_stream_take() that they were.
 */
uint32_t limit_stream_wait_ms(const struct worker *w, uint32_t slot, enum limit_way way,
			      uint32_t bytes);
void limit_stream_take(struct worker *w, uint32_t slot, enum limit_way way, uint32_t bytes);

#endif

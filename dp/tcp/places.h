/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TCP_PLACES_H
#define FL_DP_TCP_PLACES_H

/*
 * Places: of each table that a worker has for connections (enum tcp_table), who has how many, as
 * far as nobody here knows them: strangers and guests (tcp_trust(), tcp_guest()). Each open one is
 * charged to its source, an address of IPv4 or a /64 of IPv6, and sources are ranked by what they
 * hold. Who is vouched for has a place that nobody is charged for, and that nobody takes.
 *
 *   who gives way  1. the stranger that has been silent for the longest, if for SETTLED_MS
 *                  2. of the source that holds most, if it holds more than one: the stranger that
 *                     has been silent for the longest while more than one, and more than one in
 *                     STRANGER_PART of its places, are strangers', else such a guest
 *                  3. the stranger that has been silent for the longest
 *
 * So a stranger that is about to prove itself stays while any source holds more than its own, and a
 * source's own strangers cannot take all that its guests have. Where nobody has more than one, who
 * comes last finds no room.
 */
#include "conn.h"

enum place_kind { PLACE_STRANGER, PLACE_GUEST, PLACE_KINDS };

/* A prefix with connections, whose first one's address tells which. */
struct tcp_source {
	uint32_t same_hash; /* the next, also of free records */
	uint32_t strangers;
	struct row conns[PLACE_KINDS]; /* longest silent first, see places_turned() */
	struct rank_holder holds;
	uint32_t buffers; /* that its guests hold together: tcp_share() */
};

/* A connection's place. */
struct tcp_place {
	uint32_t source; /* index of the record it is charged to, and one; 0: none */
	struct row_link of_source, of_all;
};

/* Part of tcp_create(), tcp_destroy(). */
bool places_create(struct worker *w);
void places_destroy(struct worker *w);

/* Whether c has its places. */
bool places_has(const struct worker *w, const struct tcp_conn *c);
/* c, which is open, has its places from now on. Does nothing if it has. */
void places_put(struct worker *w, struct tcp_conn *c);
/* c gives its places back. Does nothing if it has none. */
void places_del(struct worker *w, struct tcp_conn *c);
/*
 * c has moved what it held: the others have been silent for longer. Among strangers with a layer
 * the first that came goes first all the same: one that was let begin its handshake, and says no
 * more, would else stay longer than one that waits for its own.
 */
void places_turned(struct worker *w, const struct tcp_conn *c);
/* Who gives way to the next one; NULL: nobody. */
struct tcp_conn *places_victim(const struct worker *w, enum tcp_table table);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_SESSION_RATE_H
#define FL_CP_SESSION_RATE_H

/*
 * What sessions relay a second, and what those of a listener relayed in all. The packet path counts
 * what each relays and no more, so that no line of memory is written for several; here the counters
 * of all sessions are looked at again and again, some thousands at a time so that nobody waits for
 * it, and once more when one ends. A rate is that of the time between the last two looks at a
 * session: a second, and longer where there are more than SESSION_RATE_LIVE sessions ten times
 * over.
 */
#include "dplink.h"
#include "table.h"

enum {
	SESSION_RATE_EVERY_MS = 100, /* a look at some */
	SESSION_RATE_LIVE = 8192,    /* sessions, at most */
	SESSION_RATE_LOOK = 65536,   /* records, free ones among them */
	SESSION_RATE_ROUND_MS = 1000 /* at all of them, no more often */
};

struct session_rate {
	uint32_t packets_per_s[CTL_WAYS], bytes_per_s[CTL_WAYS];
};

struct session_rates;

/* For a table of so many places, table_places(). NULL: no memory. */
struct session_rates *session_rates_open(uint32_t places);
/* Bytes that it takes. */
uint64_t session_rates_memory_size(uint32_t places);
void session_rates_close(struct session_rates *r);

/* Looks at the next ones, if it is time to. */
void session_rates_turn(struct session_rates *r, struct table *t, const struct dplink *l,
			uint64_t now_ms);

/* By the last look. False: there were no two of it yet, or no dataplane is attached. */
bool session_rate_of(const struct session_rates *r, const struct table *t, const struct dplink *l,
		     const struct table_alloc *a, struct session_rate *out);

/* The dataplane had the session before this process was there: what it relayed is in no sum. */
void session_rates_adopt(struct session_rates *r, const struct table *t, const struct dplink *l,
			 const struct table_alloc *a, uint64_t now_ms);

/*
 * The session ends: what it relayed since the last look is its listener's, too, but for what its
 * worker has not told yet, of a tenth of a second, or of a second where there are a million.
 */
void session_rates_end(struct session_rates *r, const struct table *t, const struct dplink *l,
		       const struct table_alloc *a);

/* What sessions of clients of a listener, by its place, relayed since this process is there. */
struct session_sum {
	uint64_t packets[CTL_WAYS], bytes[CTL_WAYS];
};
const struct session_sum *session_rates_sum(const struct session_rates *r, uint16_t place);

#endif

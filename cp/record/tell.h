/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_RECORD_TELL_H
#define FL_CP_RECORD_TELL_H

/* Makes records of allocations, and from time to time of all that lives. */
#include "record.h"

#include <stdbool.h>

struct server;
struct table_alloc;

/*
 * Ends whose worker has not obeyed yet: what the session relayed last it tells when it does, and a
 * record of the end waits for that, for a second at most. Oldest first.
 */
enum { TELL_ENDS = 2048, TELL_END_MS = 1000 };
struct tell_end;
struct tell_ends {
	struct tell_end *ring; /* [TELL_ENDS] */
	uint32_t head, n;
};

/* Where the walks that make updates are. */
struct tell {
	uint64_t since_ms;		   /* this round began */
	uint64_t allocs_due, contexts_due; /* looked at in it */
	uint32_t alloc_at, context_at;
	bool allocs_over, contexts_over;
	struct tell_ends ends;
	bool silent; /* it was logged that no RADIUS server answers */
};

/* False without memory. tell_close() tells what still waits. */
bool tell_open(struct server *s);
void tell_close(struct server *s);

/* Of an allocation as it is; reason of its end, or NULL. */
void tell_alloc(struct server *s, const struct table_alloc *a, enum record_event event,
		const char *reason);
/* A connection of its with a peer (RFC 6062) begins to carry data. */
void tell_connection(struct server *s, const struct table_alloc *a, const struct sock_addr *peer);

/* Ends that wait no more are told: once a turn. */
void tell_ends(struct server *s);
/* How many more ends there is room for, as records and among those that wait. */
uint64_t tell_room(const struct server *s);

/* Ends, and updates that are due (records.update-minutes), spread evenly. Called in each turn. */
void tell_turn(struct server *s);

/* When what began at `created`, in seconds of server_now(), did by the wall clock, and how long
 * ago that is. */
void tell_age(const struct server *s, struct record *r, uint32_t created);

#endif

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
	uint64_t since_ms;			      /* this round began */
	uint64_t allocs_due, contexts_due, conns_due; /* looked at in it */
	uint32_t alloc_at, context_at, conn_at;
	bool allocs_over, contexts_over, conns_over;
	struct tell_ends ends;
	bool silent; /* it was logged that no RADIUS server answers */
};

/* False without memory. tell_close() tells what still waits. */
bool tell_open(struct server *s);
void tell_close(struct server *s);

/* Of an allocation as it is; reason of its end, or NULL. */
void tell_alloc(struct server *s, const struct table_alloc *a, enum record_event event,
		const char *reason);
/* Its name in records. */
uint64_t tell_alloc_id(const struct server *s, const struct table_alloc *a);
/*
 * Fills in the user, and the allocation's name, of a session that may have ended just now. False:
 * it is not known any more.
 */
bool tell_owner(const struct server *s, uint32_t worker, struct ctl_sid sid, struct record *r);

/*
 * ---- connections that the dataplane has joined (tell_joined.c): a client's with a peer's (RFC
 * 6062), or with the back end of a service ----
 */
void tell_joined(struct server *s, uint32_t worker, const struct evt_joined *e);
/* Updates of those in at most n places of the live table. False: that was its end. */
bool tell_joined_some(struct server *s, uint32_t *place, uint32_t n);
/* Places there are. */
uint64_t tell_joined_places(const struct server *s);

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

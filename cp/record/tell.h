/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_RECORD_TELL_H
#define FL_CP_RECORD_TELL_H

/* Makes records of allocations, and from time to time of all that lives. */
#include "record.h"

#include <stdbool.h>

struct server;
struct table_alloc;

/* Where the walks that make updates are. */
struct tell {
	uint64_t since_ms;		   /* this round began */
	uint64_t allocs_due, contexts_due; /* looked at in it */
	uint32_t alloc_at, context_at;
	bool allocs_over, contexts_over;
	int error; /* errno that was logged last: of the file of records */
};

/* Of an allocation as it is; reason of its end, or NULL. */
void tell_alloc(struct server *s, const struct table_alloc *a, enum record_event event,
		const char *reason);
/* A connection of its with a peer (RFC 6062) begins to carry data. */
void tell_connection(struct server *s, const struct table_alloc *a, const struct sock_addr *peer);

/* Updates that are due (records.update-minutes), spread evenly. Called in each turn. */
void tell_turn(struct server *s);

/* When what began at `created`, in seconds of server_now(), did by the wall clock, and how long
 * ago that is. */
void tell_age(const struct server *s, struct record *r, uint32_t created);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_CONTEXT_ANSWERS_H
#define FL_CP_CONTEXT_ANSWERS_H

/*
 * Who waits for EVT_CONTEXT_STATS: commands of an audit or a deletion, by their number. At most
 * ANSWERS_MAX at a time, none for longer than ANSWERS_TIMEOUT_S.
 */
#include "gateway.h"

struct answers;

enum { ANSWERS_MAX = 4096, ANSWERS_TIMEOUT_S = 2 };

struct answer {
	uint32_t seq; /* of the command; they rise */
	uint32_t worker;
	struct ctl_cid cid;
	uint64_t deadline;   /* tick of the server's wheel */
	gate_stats_fn *done; /* NULL: nobody waits any more */
	void *arg;
	struct record *ended; /* waits as well, to be told; NULL: none */
};

struct answers *answers_create(void);
void answers_free(struct answers *l);

/* Whether half of the places are taken: those of who asks are kept from records. */
bool answers_half(const struct answers *l);
/* False if too many wait already. */
bool answers_add(struct answers *l, const struct answer *a);
/* The one an event is for, which waits no more. False if there is none. */
bool answers_take(struct answers *l, uint32_t worker, const struct evt_context_stats *e,
		  struct answer *a);
/* The oldest, if its time is over. */
bool answers_over(struct answers *l, uint64_t now, struct answer *a);
/* Nobody with this arg waits any more. */
void answers_forget(struct answers *l, const void *arg);

#endif

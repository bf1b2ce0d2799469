/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_WAITERS_H
#define FL_CP_ADMIN_WAITERS_H

/*
 * Methods that tell what happened after a number, {after, wait_ms, limit}, and may wait for
 * something to happen: context.events and records. Nothing is kept for who asks but the request he
 * waits with, so who reads slowly costs nothing; he is told how many are gone.
 */
#include "rpc.h"

struct waiters;

/*
 * What is asked for, the oldest first. The result has these by the name of their list, the number
 * of the last, how many in front of them are gone, and which process has counted them.
 */
struct waiters_of {
	const char *list;
	uint64_t (*last)(const struct server *s); /* number of the newest; 0: there was none */
	/* The first after that number: its own, and in *out what it is; 0: there is none. */
	uint64_t (*next)(const struct server *s, uint64_t after, json_t **out);
	/* Has changed called after each; NULL: not any more. */
	void (*listen)(const struct server *s, void (*changed)(void *arg), void *arg);
};

/* Listens until it is freed. NULL: no memory. */
struct waiters *waiters_create(struct event_base *base, const struct waiters_of *of,
			       const struct server *s);
/* After rpc_stop(): whoever waited is not there any more. NULL is fine. */
void waiters_free(struct waiters *w);

/* Answers now, or later. w NULL: nobody waits, what there is is told. */
void waiters_ask(struct waiters *w, const struct waiters_of *of, const json_t *params,
		 struct rpc_later *l);

#endif

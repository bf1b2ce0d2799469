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

/* What is asked for. ctx is that of the methods. */
struct waiters_of {
	uint64_t (*last)(const void *ctx); /* number of the newest; 0: there was none */
	json_t *(*page)(const void *ctx, uint64_t after, uint32_t limit);
};

/* NULL: no memory. */
struct waiters *waiters_create(struct event_base *base, const struct waiters_of *of,
			       const void *ctx);
/* After rpc_stop(): whoever waited is not there any more. NULL is fine. */
void waiters_free(struct waiters *w);

/* arg: struct waiters. Something happened: all are answered in a turn of its own. */
void waiters_changed(void *arg);

/* Answers now, or later. w NULL: nobody waits, what there is is told. */
void waiters_ask(struct waiters *w, const struct waiters_of *of, const json_t *params,
		 struct rpc_later *l);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_CONTEXT_EVENTS_H
#define FL_CP_ADMIN_CONTEXT_EVENTS_H

/*
 * What happened to contexts and their terminations, for controllers that ask (R53): the method
 * context.events, which may wait for something to happen.
 */
#include "../server.h"
#include "rpc.h"

#include <event2/event.h>

/* Sets s->events. False when out of memory; without a gateway there is nothing to do. */
bool context_events_open(struct server *s, struct event_base *base);

/* After rpc_stop(): whoever waited is not there any more. */
void context_events_close(struct server *s);

/* {after, wait_ms, limit} */
void rpc_context_events(void *ctx, const json_t *params, struct rpc_later *l);

#endif

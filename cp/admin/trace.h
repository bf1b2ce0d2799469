/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_TRACE_H
#define FL_CP_ADMIN_TRACE_H

/*
 * What happens to packets, for `fairlead trace`: one trace at a time. It ends by its count, after
 * ten minutes, with the dataplane, when nobody has asked for three seconds for what comes next,
 * within a tenth of a second when who waits for it has gone, and when an administrator ends it.
 */
#include "../server.h"
#include "rpc.h"

/* Which packets are looked at, in lists of parameters: trace_filter() reads them. */
#define TRACE_FILTER "client? peer? relayed? worker? session? drops? reason? count? "

#include <event2/event.h>

/* Sets s->trace. False when out of memory. */
bool trace_open(struct server *s, struct event_base *base);

/* After rpc_stop(). */
void trace_close(struct server *s);

/* What is done ten times a second while there is a trace. */
struct trace_admin;
void trace_tick(struct trace_admin *t);

/* {client, peer, relayed, worker, session, drops, reason, count, bytes}: begins. Its number is the
 * result. */
void trace_begin(void *ctx, const json_t *params, struct rpc_later *l);

/* {id, wait_ms}: what came, as soon as there is something, and whether that is all. */
void trace_next(void *ctx, const json_t *params, struct rpc_later *l);

/* {id}: it ends, so that another may begin at once. */
json_t *trace_finish(void *ctx, const json_t *params, struct rpc_error *err);

/* The trace or capture under way ends, whoever has it; another may begin at once. */
json_t *trace_release(void *ctx, const json_t *params, struct rpc_error *err);

#endif

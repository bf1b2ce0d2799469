/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_TRACE_INT_H
#define FL_CP_ADMIN_TRACE_INT_H

/* What trace.c and capture.c share: one of either looks at packets at a time. */
#include "trace.h"

struct capture;

enum { TRACE_FLUSHES = 4 }; /* one more, and the oldest is cut */

struct trace_admin {
	struct server *server;
	struct event_base *base;
	struct event *tick;
	struct rpc_later *later; /* who waits; NULL: nobody does just now */
	struct capture *capture; /* that looks, or is about to; NULL: there is none */
	/* Whose files are yet to be read: they look no more. The oldest first; or NULL. */
	struct capture *flushes[TRACE_FLUSHES];
	char holder[RPC_CALLER_TEXT]; /* of the trace or capture */
	struct cmd_trace cmd;	      /* id 0: nobody looks */
	uint32_t id;		      /* of the last one */
	uint32_t worker;	      /* CTL_TRACE_ANY: all */
	uint32_t left;		      /* records until it ends */
	uint32_t ticks, silent;	      /* silent: since the last question or answer */
	uint32_t wait_ticks;	      /* that who waits does so at most */
	uint64_t attaches;	      /* of the link, when it began */
	uint32_t lost[CTL_WORKERS_MAX];
	bool has[CTL_WORKERS_MAX];
	struct ctl_trace head[CTL_WORKERS_MAX]; /* the next of each worker, if it has one */
};

/* The owner of traces, who is l's from now on, if a dataplane is there and nobody looks; else NULL
 * and *err. */
struct trace_admin *trace_hold(const struct server *s, const struct rpc_later *l,
			       struct rpc_error *err);

/* {client, peer, relayed, worker, session, drops, reason, count} into cmd, worker and left. */
bool trace_filter(struct trace_admin *t, const json_t *params, struct rpc_error *err);

/* What cmd says begins, under a number of its own. */
bool trace_start(struct trace_admin *t, struct rpc_error *err);

/* Begins, renews or with id 0 ends it on each worker that is asked. */
bool trace_tell(struct trace_admin *t, uint32_t id);

/* The oldest of what the workers' rings have; what is an earlier trace's is passed over. */
bool trace_take(struct trace_admin *t, uint32_t *worker, struct ctl_trace *out);

#endif

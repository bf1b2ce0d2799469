/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_KILL_H
#define FL_CP_ADMIN_KILL_H

/*
 * Ending what is not wanted: the methods `sessions.kill`, `connections.kill` and `contexts.kill`.
 * Each looks at some records from `cursor` on and ends those that the filter has, a few hundred a
 * call, so that nobody has to wait for it.
 */
#include "rpc.h"
#include "../../lib/ctl_abi.h"

json_t *rpc_sessions_kill(void *ctx, const json_t *params, struct rpc_error *err);
json_t *rpc_connections_kill(void *ctx, const json_t *params, struct rpc_error *err);
json_t *rpc_contexts_kill(void *ctx, const json_t *params, struct rpc_error *err);

/* Ends one that was found, and its session. False: there is no room for the command now. */
bool kill_conn(struct server *s, uint32_t worker, uint32_t idx, const struct ctl_conn_info *c);

#endif

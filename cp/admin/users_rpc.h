/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_USERS_RPC_H
#define FL_CP_ADMIN_USERS_RPC_H

/*
 * Users of TURN: the methods `user.list`, `user.add`, `user.passwd`, `user.del`, `user.enable`,
 * `user.disable`, which work on the file of auth.users-db as `fairlead user` does, and
 * `credentials`, which makes a name and password that are good for a time.
 */
#include "../server.h"
#include "rpc.h"

json_t *rpc_user_list(void *ctx, const json_t *params, struct rpc_error *err);
json_t *rpc_user_add(void *ctx, const json_t *params, struct rpc_error *err);
json_t *rpc_user_passwd(void *ctx, const json_t *params, struct rpc_error *err);
json_t *rpc_user_del(void *ctx, const json_t *params, struct rpc_error *err);
json_t *rpc_user_enable(void *ctx, const json_t *params, struct rpc_error *err);
json_t *rpc_user_disable(void *ctx, const json_t *params, struct rpc_error *err);
json_t *rpc_credentials(void *ctx, const json_t *params, struct rpc_error *err);

#endif

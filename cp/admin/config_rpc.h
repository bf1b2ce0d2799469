/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_CONFIG_RPC_H
#define FL_CP_ADMIN_CONFIG_RPC_H

/* Methods about the configuration: what runs, what the file has, and putting that in force. */
#include "../server.h"
#include "rpc.h"

/* {} -> {file, keys: [{key, value, applied, lost}]}; secrets are hidden */
json_t *rpc_config_show(void *ctx, const json_t *params, struct rpc_error *err);
/*
 * {} -> {file, mistakes: [text], more, changes: [{key, from, to, applied, lost}], refused}: with
 * mistakes there are no changes; more says that there may be more mistakes than are told. refused,
 * or null: why a reload would change nothing, as far as fairlead-cp can tell.
 */
json_t *rpc_config_diff(void *ctx, const json_t *params, struct rpc_error *err);
/*
 * The same, once reloads that came before are over, and certificates: null where there is no TLS or
 * a mistake, else {read, error}. Changes that are applied live are in force.
 */
void rpc_reload(void *ctx, const json_t *params, struct rpc_later *l);

#endif

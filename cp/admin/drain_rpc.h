/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_DRAIN_RPC_H
#define FL_CP_ADMIN_DRAIN_RPC_H

/* Emptying the node: the methods `drain` and `undrain`. */
#include "../server.h"
#include "rpc.h"

json_t *rpc_drain(void *ctx, const json_t *params, struct rpc_error *err);
json_t *rpc_undrain(void *ctx, const json_t *params, struct rpc_error *err);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_CONTEXT_RPC_H
#define FL_CP_ADMIN_CONTEXT_RPC_H

/* Methods for controllers of the access gateway (R32): cp/context/gateway.h as JSON-RPC. */
#include "../server.h"
#include "rpc.h"

enum {
	CONTEXT_PAGE_DEFAULT = 100,
	CONTEXT_PAGE_MAX = 256,
};

json_t *rpc_context_add(void *ctx, const json_t *params, struct rpc_error *err);
json_t *rpc_context_modify(void *ctx, const json_t *params, struct rpc_error *err);
json_t *rpc_context_subtract(void *ctx, const json_t *params, struct rpc_error *err);
json_t *rpc_context_move(void *ctx, const json_t *params, struct rpc_error *err);
json_t *rpc_contexts(void *ctx, const json_t *params, struct rpc_error *err);
void rpc_context_show(void *ctx, const json_t *params, struct rpc_later *l);
void rpc_context_delete(void *ctx, const json_t *params, struct rpc_later *l);

/* False, and *err, without a gateway. */
bool context_gateway(const struct server *s, struct rpc_error *err);

#endif

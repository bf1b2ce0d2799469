/* SPDX-License-Identifier: BSD-3-Clause */
#include "drain_rpc.h"

#include "param.h"
#include "status.h"

enum { WHY_MAX = 2 * CONFIG_STR_MAX };

json_t *rpc_drain(void *ctx, const json_t *params, struct rpc_error *err)
{
	struct server *s = ctx;
	uint32_t seconds = 0;
	char why[WHY_MAX];

	if (!param_only(params, "deadline_s", err) ||
	    !param_uint(params, "deadline_s", 1, DRAIN_MAX_S, &seconds, err))
		return NULL;
	if (!drain_begin(s, seconds, why, sizeof(why)))
		return rpc_fail(err, RPC_INTERNAL, "%s", why);
	return drain_json(s);
}

json_t *rpc_undrain(void *ctx, const json_t *params, struct rpc_error *err)
{
	struct server *s = ctx;
	char why[WHY_MAX];

	if (!param_only(params, "", err))
		return NULL;
	if (!drain_end(s, why, sizeof(why)))
		return rpc_fail(err, RPC_INTERNAL, "%s", why);
	return drain_json(s);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_PARAM_H
#define FL_CP_ADMIN_PARAM_H

/* Parameters of methods. What is null is as if it were not there; *err names what is wrong. */
#include "rpc.h"

#include <stdbool.h>

/* A member that is there, or NULL. */
static inline const json_t *param(const json_t *params, const char *name)
{
	const json_t *v = json_object_get(params, name);

	return json_is_null(v) ? NULL : v;
}

/* False if there is a member of another name; names ends with NULL. */
bool param_only(const json_t *params, const char *const *names, struct rpc_error *err);

/* An optional integer of min to max; *value stays without it. False if it is anything else. */
bool param_uint(const json_t *params, const char *name, uint32_t min, uint32_t max, uint32_t *value,
		struct rpc_error *err);

/* An optional true or false, likewise. */
bool param_bool(const json_t *params, const char *name, bool *value, struct rpc_error *err);

/* Text that must be there. NULL if it is not. */
const char *param_text(const json_t *params, const char *name, struct rpc_error *err);

/* Optional text of less than len bytes, copied. False if it is anything else. */
bool param_copy(const json_t *params, const char *name, char *text, size_t len,
		struct rpc_error *err);

#endif

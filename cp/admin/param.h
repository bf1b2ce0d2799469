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

/* What a list of parameters may end with: those of a page, those of who ends what it finds. */
#define PARAM_PAGE "cursor? limit?"
#define PARAM_KILL "all? dry_run? cursor?"

/* The next of the names in a method's list (rpc.h), from *at on; its length, or 0 at the end. */
size_t param_next(const char **at, const char **name, bool *optional);

/* Whether the list has that name. */
bool param_named(const char *names, const char *key);

/* False if there is a member of a name that is not in the list. */
bool param_only(const json_t *params, const char *names, struct rpc_error *err);

/* An optional integer of min to max; *value stays without it. False if it is anything else. */
bool param_uint(const json_t *params, const char *name, uint32_t min, uint32_t max, uint32_t *value,
		struct rpc_error *err);

/* An optional true or false, likewise. */
bool param_bool(const json_t *params, const char *name, bool *value, struct rpc_error *err);

/* Text that must be there. NULL if it is not. */
const char *param_text(const json_t *params, const char *name, struct rpc_error *err);

/* Pairs of hexadecimal digits for min to max bytes, a secret: the text is wiped. 0: it is anything
 * else. */
uint8_t param_hex(const json_t *params, const char *name, size_t min, size_t max, uint8_t *out,
		  struct rpc_error *err);

/* Optional text of less than len bytes, copied. False if it is anything else. */
bool param_copy(const json_t *params, const char *name, char *text, size_t len,
		struct rpc_error *err);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#include "param.h"

#include <openssl/crypto.h>
#include <string.h>

size_t param_next(const char **at, const char **name, bool *optional)
{
	size_t len;

	*name = *at + strspn(*at, " ");
	len = strcspn(*name, " ");
	*at = *name + len;
	*optional = len && (*name)[len - 1] == '?';
	return *optional ? len - 1 : len;
}

bool param_named(const char *names, const char *key)
{
	const size_t key_len = strlen(key);
	const char *name;
	bool optional;
	size_t len;

	while ((len = param_next(&names, &name, &optional))) {
		if (len == key_len && memcmp(name, key, len) == 0)
			return true;
	}
	return false;
}

bool param_only(const json_t *params, const char *names, struct rpc_error *err)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)params, key, v)
	{
		if (!param_named(names, key)) {
			rpc_fail(err, RPC_BAD_PARAMS, "no parameter is named \"%.64s\"", key);
			return false;
		}
	}
	return true;
}

bool param_uint(const json_t *params, const char *name, uint32_t min, uint32_t max, uint32_t *value,
		struct rpc_error *err)
{
	const json_t *v = param(params, name);

	if (!v)
		return true;
	if (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max) {
		rpc_fail(err, RPC_BAD_PARAMS, "\"%s\" must be an integer of %u to %u", name, min,
			 max);
		return false;
	}
	*value = (uint32_t)json_integer_value(v);
	return true;
}

bool param_bool(const json_t *params, const char *name, bool *value, struct rpc_error *err)
{
	const json_t *v = param(params, name);

	if (!v)
		return true;
	if (!json_is_boolean(v)) {
		rpc_fail(err, RPC_BAD_PARAMS, "\"%s\" must be true or false", name);
		return false;
	}
	*value = json_is_true(v);
	return true;
}

const char *param_text(const json_t *params, const char *name, struct rpc_error *err)
{
	const json_t *v = json_object_get(params, name);

	if (json_is_string(v) && strlen(json_string_value(v)) == json_string_length(v))
		return json_string_value(v);
	rpc_fail(err, RPC_BAD_PARAMS, "\"%s\" must be a string", name);
	return NULL;
}

bool param_copy(const json_t *params, const char *name, char *text, size_t len,
		struct rpc_error *err)
{
	const char *s;

	if (!param(params, name))
		return true;
	s = param_text(params, name, err);
	if (!s)
		return false;
	if (strlen(s) >= len) {
		rpc_fail(err, RPC_BAD_PARAMS, "\"%s\" must have less than %zu bytes", name, len);
		return false;
	}
	strcpy(text, s);
	return true;
}

uint8_t param_hex(const json_t *params, const char *name, size_t min, size_t max, uint8_t *out,
		  struct rpc_error *err)
{
	const char *text = param_text(params, name, err);
	size_t len = 0;
	bool ok;

	if (!text)
		return 0;
	ok = OPENSSL_hexstr2buf_ex(out, max, &len, text, '\0') && len >= min;
	OPENSSL_cleanse((char *)(uintptr_t)text, strlen(text));
	if (ok)
		return (uint8_t)len;
	rpc_fail(err, RPC_BAD_PARAMS, "\"%s\" must be %zu to %zu bytes in hexadecimal", name, min,
		 max);
	return 0;
}

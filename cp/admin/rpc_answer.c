/* SPDX-License-Identifier: BSD-3-Clause */
/* A line in, a line out: JSON-RPC 2.0 without any I/O. */
#include "rpc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *rpc_fail(struct rpc_error *err, enum rpc_code code, const char *fmt, ...)
{
	va_list ap;

	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return NULL;
}

json_t *rpc_text(const char *s)
{
	json_t *text = json_string(s);
	char *plain = text ? NULL : strdup(s);

	if (!plain)
		return text;
	for (char *p = plain; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	text = json_string(plain);
	free(plain);
	return text;
}

/* Takes over id and body. */
static char *reply_dump(json_t *id, const char *key, json_t *body)
{
	json_t *reply = json_pack("{s:s, s:o, s:o}", "jsonrpc", "2.0", "id", id, key, body);
	char *line = reply ? json_dumps(reply, JSON_COMPACT) : NULL;

	json_decref(reply);
	return line;
}

/* Takes over id. */
static char *error_dump(json_t *id, int code, const char *text)
{
	return reply_dump(id, "error", json_pack("{s:i, s:s}", "code", code, "message", text));
}

char *rpc_error_line(enum rpc_code code, const char *text)
{
	return error_dump(json_null(), code, text);
}

static const struct rpc_method *method_find(const struct rpc_method *methods, size_t n,
					    const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(methods[i].name, name) == 0)
			return &methods[i];
	return NULL;
}

/* What is wrong with the request's frame (JSON-RPC 2.0, section 4), or NULL. */
static const char *request_fault(const json_t *req)
{
	const json_t *version = json_object_get(req, "jsonrpc");
	const json_t *id = json_object_get(req, "id");

	if (json_is_array(req))
		return "batches are not served; send one request a line";
	if (!json_is_object(req))
		return "a request is a JSON object";
	if (!json_is_string(version) || strcmp(json_string_value(version), "2.0") != 0)
		return "\"jsonrpc\" must be \"2.0\"";
	if (!json_is_string(json_object_get(req, "method")))
		return "\"method\" must be a string";
	if (id && !json_is_string(id) && !json_is_number(id) && !json_is_null(id))
		return "\"id\" must be a string, a number or null";
	return NULL;
}

static json_t *method_run(const struct rpc_method *methods, size_t n, void *ctx, const json_t *req,
			  struct rpc_error *err)
{
	const char *name = json_string_value(json_object_get(req, "method"));
	const json_t *params = json_object_get(req, "params");
	const struct rpc_method *m = method_find(methods, n, name);

	if (!m)
		return rpc_fail(err, RPC_NO_METHOD, "no method of that name");
	if (params && !json_is_object(params))
		return rpc_fail(err, RPC_BAD_PARAMS, "\"params\" must be an object");
	return m->call(ctx, params, err);
}

char *rpc_answer(const struct rpc_method *methods, size_t n, void *ctx, const char *line,
		 size_t len)
{
	struct rpc_error err = { RPC_INTERNAL, "out of memory" };
	json_t *req = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	char *reply = NULL;
	const char *fault;
	json_t *id, *result;

	if (!req)
		return rpc_error_line(RPC_PARSE, "not JSON");
	fault = request_fault(req);
	if (fault) {
		json_decref(req);
		return rpc_error_line(RPC_INVALID_REQUEST, fault);
	}
	id = json_incref(json_object_get(req, "id"));
	result = method_run(methods, n, ctx, req, &err);
	json_decref(req);
	if (!id)
		json_decref(result);
	else if (result)
		reply = reply_dump(id, "result", result);
	else
		reply = error_dump(id, err.code, err.text);
	return reply;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_WORLD_RPC_ASK_H
#define FL_TESTS_WORLD_RPC_ASK_H

/* A method of the control socket that is answered at once or later. */
#include "json_check.h"
#include "../../cp/admin/rpc.h"
#include "../../cp/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *answer; /* NULL until it is here */

static void ask_done(void *arg, char *line)
{
	(void)arg;
	json_decref(answer);
	answer = json_loads(line, 0, NULL);
	assert_non_null(answer);
	free(line);
}

/* Who waits, if anybody does. */
static struct rpc_later *ask_server(struct server *s, const char *method, const char *params)
{
	struct rpc_later *l = NULL;
	char line[2048], *text;

	json_decref(answer);
	answer = NULL;
	snprintf(line, sizeof(line),
		 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}", method, params);
	text = rpc_answer(rpc_methods, RPC_METHODS, s, line, strlen(line), &l);
	if (l)
		rpc_later_wait(l, ask_done, NULL);
	else
		ask_done(NULL, text);
	return l;
}

/* It is refused at once, with that code and a sentence that has the text. */
static inline void ask_refused(struct server *s, const char *method, const char *params, int code,
			       const char *text)
{
	const json_t *e;

	ask_server(s, method, params);
	e = json_object_get(answer, "error");
	assert_non_null(e);
	assert_int_equal(json_integer_value(json_object_get(e, "code")), code);
	if (!strstr(json_string_value(json_object_get(e, "message")), text))
		fail_msg("%s", json_string_value(json_object_get(e, "message")));
}

/* The result of what was asked. */
static void expect(const char *result)
{
	expect_json(json_object_get(answer, "result"), result);
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#include "describe.h"

#include "param.h"

#include <string.h>

static json_t *params_json(const char *params)
{
	json_t *list = json_array();
	const char *name;
	bool optional;
	size_t len;

	while (params && (len = param_next(&params, &name, &optional)))
		json_array_append_new(
		    list, json_pack("{s:s%, s:b}", "name", name, len, "optional", optional));
	return list;
}

json_t *rpc_describe(void *ctx, const json_t *params, struct rpc_error *err)
{
	json_t *list = json_array();

	(void)ctx;
	(void)params;
	(void)err;
	for (size_t i = 0; i < RPC_METHODS; i++) {
		const struct rpc_method *m = &rpc_methods[i];

		json_array_append_new(
		    list,
		    json_pack("{s:s, s:s, s:o, s:s, s:b, s:b}", "name", m->name, "help", m->help,
			      "params", params_json(m->params), "may", config_may_name[m->may],
			      "audited", m->audited != RPC_UNAUDITED, "waits", m->later != NULL));
	}
	return json_pack("{s:i, s:o}", "version", RPC_VERSION, "methods", list);
}

void rpc_describe_print(FILE *out)
{
	fprintf(
	    out,
	    "# Methods of the control socket\n"
	    "\n"
	    "Made of the table that fairlead-cp serves (cp/admin/methods.c) by `ninja rpc-doc`; "
	    "`rpc.describe` tells a program\nthe same. Version %d: while it stays, a method or "
	    "parameter keeps its meaning, and more of them may come.\n"
	    "fairlead-cp(8) has the frame, the results and limits. A parameter with a question "
	    "mark may be left out.\n"
	    "\n"
	    "| method | parameters | may | audited | what it does |\n"
	    "|---|---|---|---|---|\n",
	    RPC_VERSION);
	for (size_t i = 0; i < RPC_METHODS; i++) {
		const struct rpc_method *m = &rpc_methods[i];

		fprintf(out, "| `%s` | %s | %s | %s | %s |\n", m->name, m->params ? m->params : "",
			config_may_name[m->may], m->audited ? "yes" : "", m->help);
	}
}

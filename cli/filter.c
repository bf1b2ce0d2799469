/* SPDX-License-Identifier: BSD-3-Clause */
#include "filter.h"

#include <stdio.h>

void filter_option(struct cli *cli, int o, const char *value, json_t *params)
{
	static const struct {
		const char *option, *param;
		bool number;
	} of[] = {
		[FILTER_USER - FILTER_USER] = { "--user", "user", false },
		[FILTER_CLIENT - FILTER_USER] = { "--client", "client", false },
		[FILTER_RELAYED - FILTER_USER] = { "--relayed", "relayed", false },
		[FILTER_PEER - FILTER_USER] = { "--peer", "peer", false },
		[FILTER_LOCAL - FILTER_USER] = { "--local", "local", false },
		[FILTER_REMOTE - FILTER_USER] = { "--remote", "remote", false },
		[FILTER_TRANSPORT - FILTER_USER] = { "--transport", "transport", false },
		[FILTER_ROLE - FILTER_USER] = { "--role", "role", false },
		[FILTER_CALL - FILTER_USER] = { "--call", "call", false },
		[FILTER_WORKER - FILTER_USER] = { "--worker", "worker", true },
		[FILTER_SESSION - FILTER_USER] = { "--session", NULL, false },
		[FILTER_OLDER - FILTER_USER] = { "--older", "older_s", true },
		[FILTER_SILENT - FILTER_USER] = { "--silent", "silent_s", true },
		[FILTER_YOUNGER - FILTER_USER] = { "--younger", "younger_s", true },
	};
	const int at = o - FILTER_USER;
	char wants[64];
	long n;

	if (o == FILTER_SESSION) {
		if (!cli_session(value, params))
			cli_usage(cli, "--session takes WORKER/SLOT, not", value);
	} else if (!of[at].number) {
		if (json_object_set_new(params, of[at].param, json_string(value)) != 0)
			cli_usage(cli, "this is no UTF-8:", value);
	} else {
		snprintf(wants, sizeof(wants), "%s takes a number, not", of[at].option);
		if (!cli_number(value, 0, &n) ||
		    json_object_set_new(params, of[at].param, json_integer(n)) != 0)
			cli_usage(cli, wants, value);
	}
}

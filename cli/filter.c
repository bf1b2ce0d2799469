/* SPDX-License-Identifier: BSD-3-Clause */
#include "filter.h"

#include <stdio.h>

bool filter_option(int o, const char *value, json_t *params)
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
		[FILTER_YOUNGER - FILTER_USER] = { "--younger", "younger_s", true },
	};
	const int at = o - FILTER_USER;
	char wants[64];
	long n;

	if (o == FILTER_SESSION) {
		if (cli_session(value, params))
			return true;
		cli_usage("--session takes WORKER/SLOT, not", value);
		return false;
	}
	if (!of[at].number) {
		json_t *text = json_string(value);

		if (!text)
			cli_usage("this is no UTF-8:", value);
		return text && json_object_set_new(params, of[at].param, text) == 0;
	}
	if (cli_number(value, 0, &n))
		return json_object_set_new(params, of[at].param, json_integer(n)) == 0;
	snprintf(wants, sizeof(wants), "%s takes a number, not", of[at].option);
	cli_usage(wants, value);
	return false;
}

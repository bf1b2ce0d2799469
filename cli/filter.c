/* SPDX-License-Identifier: BSD-3-Clause */
#include "filter.h"

#include "units.h"

#include <stdio.h>

void filter_rate(struct cli *cli, const char *text, double *bytes_per_s)
{
	if (!unit_read(text, bytes_per_s))
		cli_usage(cli, "--rate-over takes bytes a second, such as 1M, not", text);
}

void filter_option(struct cli *cli, int o, const char *value, json_t *params)
{
	static const struct {
		const char *option, *param;
		enum { TEXT, NUMBER, SECONDS, RATE } kind;
	} of[] = {
		[FILTER_USER - FILTER_USER] = { "--user", "user", TEXT },
		[FILTER_CLIENT - FILTER_USER] = { "--client", "client", TEXT },
		[FILTER_RELAYED - FILTER_USER] = { "--relayed", "relayed", TEXT },
		[FILTER_PEER - FILTER_USER] = { "--peer", "peer", TEXT },
		[FILTER_LOCAL - FILTER_USER] = { "--local", "local", TEXT },
		[FILTER_REMOTE - FILTER_USER] = { "--remote", "remote", TEXT },
		[FILTER_TRANSPORT - FILTER_USER] = { "--transport", "transport", TEXT },
		[FILTER_ROLE - FILTER_USER] = { "--role", "role", TEXT },
		[FILTER_CALL - FILTER_USER] = { "--call", "call", TEXT },
		[FILTER_WORKER - FILTER_USER] = { "--worker", "worker", NUMBER },
		[FILTER_SESSION - FILTER_USER] = { "--session", NULL, TEXT },
		[FILTER_OLDER - FILTER_USER] = { "--older", "older_s", SECONDS },
		[FILTER_SILENT - FILTER_USER] = { "--silent", "silent_s", SECONDS },
		[FILTER_RATE - FILTER_USER] = { "--rate-over", "rate_over", RATE },
		[FILTER_YOUNGER - FILTER_USER] = { "--younger", "younger_s", SECONDS },
	};
	const int at = o - FILTER_USER;
	char wants[64];
	double rate = 0;
	long n;

	if (o == FILTER_SESSION) {
		if (!cli_session(value, params))
			cli_usage(cli, "--session takes WORKER/SLOT, not", value);
	} else if (of[at].kind == TEXT) {
		if (json_object_set_new(params, of[at].param, json_string(value)) != 0)
			cli_usage(cli, "this is no UTF-8:", value);
	} else if (of[at].kind == RATE) {
		filter_rate(cli, value, &rate);
		json_object_set_new(params, of[at].param, json_integer((json_int_t)rate));
	} else {
		snprintf(wants, sizeof(wants), "%s takes %s, not", of[at].option,
			 of[at].kind == SECONDS ? "seconds, as 90, 5m or 2h" : "a number");
		if (!(of[at].kind == SECONDS ? cli_seconds : cli_number)(value, 0, &n) ||
		    json_object_set_new(params, of[at].param, json_integer(n)) != 0)
			cli_usage(cli, wants, value);
	}
}

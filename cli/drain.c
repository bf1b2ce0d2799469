/* SPDX-License-Identifier: BSD-3-Clause */
#include "drain.h"

#include "field.h"
#include "units.h"

#include <stdlib.h>
#include <unistd.h>

enum { TEXT_MAX = 256 };

const char *drain_text(const json_t *drain, char *buf, size_t len)
{
	char a[UNIT_STR_MAX], c[UNIT_STR_MAX], end[UNIT_STR_MAX] = "";
	const bool ends = json_is_integer(json_object_get(drain, "deadline_s"));
	size_t used;

	if (!json_is_true(json_object_get(drain, "on"))) {
		snprintf(buf, len, "no");
		return buf;
	}
	used = (size_t)snprintf(buf, len, "%s allocations and %s contexts are left",
				unit_exact(get_int(drain, "allocations"), a, sizeof(a)),
				unit_exact(get_int(drain, "contexts"), c, sizeof(c)));
	if (ends && used < len)
		snprintf(buf + used, len - used, "; they are ended in %s",
			 unit_seconds(get_int(drain, "deadline_s"), end, sizeof(end)));
	return buf;
}

static void drain_show(const json_t *drain, FILE *out)
{
	char buf[TEXT_MAX];

	if (json_is_true(json_object_get(drain, "on")))
		fprintf(out, "draining: %s\n", drain_text(drain, buf, sizeof(buf)));
	else
		fprintf(out, "not draining: allocations and contexts are served\n");
}

static bool is_empty(const json_t *drain)
{
	return get_int(drain, "allocations") == 0 && get_int(drain, "contexts") == 0;
}

/* Until nothing is left, or somebody ended the draining; a line whenever something changed. */
static int drain_wait(struct cli *cli, struct control_client *c, json_t *drain)
{
	char text[TEXT_MAX], now[TEXT_MAX];
	json_t *status;
	bool empty;

	drain_text(drain, text, sizeof(text));
	while (!is_empty(drain) && json_is_true(json_object_get(drain, "on"))) {
		sleep(1);
		status = cli_call(c, "status", NULL);
		json_decref(drain);
		if (!status)
			return EXIT_FAILURE;
		drain = json_incref(json_object_get(status, "drain"));
		json_decref(status);
		if (cli->json || strcmp(drain_text(drain, now, sizeof(now)), text) == 0)
			continue;
		drain_show(drain, stdout);
		if (fflush(stdout) == EOF)
			break;
		memcpy(text, now, sizeof(text));
	}
	if (cli->json)
		cli_print(cli, drain);
	empty = is_empty(drain);
	json_decref(drain);
	return empty ? EXIT_SUCCESS : cli_fail("the draining was ended before the node was empty");
}

int drain_command(struct cli *cli, int argc, char **argv)
{
	static const struct option opts[] = { { "deadline", required_argument, NULL, 'd' },
					      { "wait", no_argument, NULL, 'w' },
					      { "json", no_argument, NULL, 'j' },
					      { 0 } };
	struct control_client *c;
	bool wait = false;
	long seconds = 0;
	json_t *drain;
	int o, rc;

	while ((o = cli_option(cli, argc, argv, opts)) != -1) {
		if (o == '?')
			return EXIT_USAGE;
		wait |= o == 'w';
		if (o == 'd' && !cli_seconds(optarg, 1, &seconds))
			cli_usage(cli, "--deadline takes seconds, as 90 or 5m, not", optarg);
	}
	c = cli_connect(cli);
	drain = c ? cli_call(c, "drain",
			     seconds ? json_pack("{s:I}", "deadline_s", (json_int_t)seconds) : NULL)
		  : NULL;
	if (drain && wait) {
		if (!cli->json)
			drain_show(drain, stdout);
		fflush(stdout);
		rc = drain_wait(cli, c, drain);
	} else {
		rc = cli_show(cli, drain, drain_show);
	}
	client_close(c);
	return rc;
}

int undrain_command(struct cli *cli, int argc, char **argv)
{
	struct control_client *c;
	json_t *drain;

	if (cli_option(cli, argc, argv, cli_only_json) != -1)
		return EXIT_USAGE;
	c = cli_connect(cli);
	drain = c ? cli_call(c, "undrain", NULL) : NULL;
	client_close(c);
	return cli_show(cli, drain, drain_show);
}

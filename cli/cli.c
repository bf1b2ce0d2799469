/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DEFAULT_SOCKET "/run/fairlead/control.sock" /* as in conf/schema.c */

enum { ERR_MAX = 512, PAGE = 256 /* members of a list asked for at once */ };

int cli_usage(const char *what, const char *arg)
{
	fprintf(stderr, "fairlead: %s%s%s; see \"fairlead help\"\n", what, arg ? " " : "",
		arg ? arg : "");
	return EXIT_USAGE;
}

int cli_fail(const char *sentence)
{
	fprintf(stderr, "fairlead: %s\n", sentence);
	return EXIT_FAILURE;
}

/*
 * The socket's path, by option or else from the configuration. Who may use the socket need not be
 * one who may read the secrets in there: then it is where it usually is. NULL after telling why
 * not.
 */
static const char *socket_path(struct cli *cli)
{
	char err[ERR_MAX];
	struct config *c;

	if (cli->socket)
		return cli->socket;
	if (access(cli->config, R_OK) < 0 && errno == EACCES)
		return DEFAULT_SOCKET;
	c = config_load(cli->config, err, sizeof(err));
	if (!c) {
		cli_fail(err);
		return NULL;
	}
	snprintf(cli->path, sizeof(cli->path), "%s", c->control.socket);
	config_free(c);
	return cli->path;
}

struct control_client *cli_connect(struct cli *cli)
{
	const char *path = socket_path(cli);
	struct control_client *c = NULL;
	char err[ERR_MAX];

	if (!path)
		return NULL;
	c = client_open(path, err, sizeof(err));
	if (!c)
		cli_fail(err);
	return c;
}

json_t *cli_call(struct control_client *c, const char *method, json_t *params)
{
	char err[ERR_MAX];
	json_t *result = client_call(c, method, params, err, sizeof(err));

	if (!result)
		cli_fail(err);
	return result;
}

void cli_print(const json_t *result)
{
	json_dumpf(result, stdout, JSON_INDENT(2));
	putchar('\n');
}

bool cli_number(const char *s, long min, long *out)
{
	char *end;

	*out = strtol(s, &end, 10);
	return end != s && *end == '\0' && *out >= min && *out < INT_MAX;
}

bool cli_session(const char *s, json_t *params)
{
	const char *slash = strchr(s, '/');
	char worker[16];
	long w, slot;

	if (!slash || slash - s >= (long)sizeof(worker))
		return false;
	snprintf(worker, sizeof(worker), "%.*s", (int)(slash - s), s);
	if (!cli_number(worker, 0, &w) || !cli_number(slash + 1, 0, &slot))
		return false;
	json_object_set_new(params, "worker", json_integer(w));
	json_object_set_new(params, "session", json_integer(slot));
	return true;
}

int cli_option(struct cli *cli, int argc, char **argv, const struct option *opts)
{
	int o;

	while ((o = getopt_long(argc, argv, "+:", opts, NULL)) == 'j')
		cli->json = true;
	if (o == ':') {
		cli_usage("missing value after", argv[optind - 1]);
		return '?';
	}
	if (o == '?')
		cli_usage("unknown option", argv[optind - 1]);
	if (o == -1 && optind < argc) {
		cli_usage("unexpected", argv[optind]);
		return '?';
	}
	return o;
}

const struct option cli_only_json[] = { { "json", no_argument, NULL, 'j' }, { 0 } };

json_t *cli_pages(struct control_client *c, const char *method, json_t *params, size_t limit)
{
	json_t *list = json_array(), *page, *cursor;

	for (;;) {
		size_t want = limit ? limit - json_array_size(list) : PAGE;

		json_object_set_new(params, "limit", json_integer(want < PAGE ? want : PAGE));
		page = cli_call(c, method, json_incref(params));
		if (!page)
			break;
		json_array_extend(list, json_object_get(page, method));
		json_object_set(page, method, list);
		cursor = json_object_get(page, "cursor");
		if (!json_is_integer(cursor) || (limit && json_array_size(list) >= limit))
			break;
		json_object_set(params, "cursor", cursor);
		json_decref(page);
	}
	json_decref(params);
	json_decref(list);
	return page;
}

int cli_show(const struct cli *cli, json_t *result, void (*show)(const json_t *result, FILE *out))
{
	if (!result)
		return EXIT_FAILURE;
	if (cli->json)
		cli_print(result);
	else
		show(result, stdout);
	json_decref(result);
	return EXIT_SUCCESS;
}

int cli_list(struct cli *cli, const char *method, json_t *params, long limit,
	     void (*show)(const json_t *result, FILE *out))
{
	struct control_client *c = cli_connect(cli);
	json_t *result = NULL;

	if (c)
		result = cli_pages(c, method, params, (size_t)limit);
	else
		json_decref(params);
	client_close(c);
	return cli_show(cli, result, show);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands that show what the control process tells, each a method or two and a table. */
#include "look.h"

#include "droppers.h"
#include "show.h"
#include "top.h"
#include "watch.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIMIT_DEFAULT = 100 };

/* Commands with nothing but --json: one call of a method, one table. */
static int one_call(struct cli *cli, int argc, char **argv, const char *method,
		    void (*show)(const json_t *, FILE *))
{
	struct control_client *c;
	json_t *result;

	if (cli_option(cli, argc, argv, cli_only_json) != -1)
		return EXIT_USAGE;
	c = cli_connect(cli);
	result = c ? cli_call(c, method, NULL) : NULL;
	client_close(c);
	return cli_show(cli, result, show);
}

/* The method is called as the command. */
static int simple(struct cli *cli, int argc, char **argv, void (*show)(const json_t *, FILE *))
{
	return one_call(cli, argc, argv, argv[0], show);
}

int look_status(struct cli *cli, int argc, char **argv)
{
	return simple(cli, argc, argv, show_status);
}

/* Asks what the driver of each port counts, which goes into the result of "ports". */
static bool ports_xstats(struct control_client *c, json_t *result)
{
	json_t *port;
	size_t i;

	json_array_foreach(json_object_get(result, "ports"), i, port)
	{
		json_t *x = cli_call(c, "xstats",
				     json_pack("{s:O}", "port", json_object_get(port, "port")));

		if (!x)
			return false;
		json_object_set(port, "xstats", json_object_get(x, "xstats"));
		json_object_set(port, "xstats_total", json_object_get(x, "total"));
		json_decref(x);
	}
	return true;
}

int look_ports(struct cli *cli, int argc, char **argv)
{
	static const struct option opts[] = { { "xstats", no_argument, NULL, 'x' },
					      { "json", no_argument, NULL, 'j' },
					      { 0 } };
	struct control_client *c;
	bool xstats = false;
	json_t *result;
	int o;

	while ((o = cli_option(cli, argc, argv, opts)) != -1) {
		if (o != 'x')
			return EXIT_USAGE;
		xstats = true;
	}
	c = cli_connect(cli);
	result = c ? cli_call(c, "ports", NULL) : NULL;
	if (result && xstats && !ports_xstats(c, result)) {
		json_decref(result);
		result = NULL;
	}
	client_close(c);
	return cli_show(cli, result, show_ports);
}

int look_accounting(struct cli *cli, int argc, char **argv)
{
	return simple(cli, argc, argv, show_accounting);
}

#define SOME_AND_ALL(what)                                       \
	static void what##_some(const json_t *result, FILE *out) \
	{                                                        \
		show_##what(result, false, out);                 \
	}                                                        \
	static void what##_all(const json_t *result, FILE *out)  \
	{                                                        \
		show_##what(result, true, out);                  \
	}
SOME_AND_ALL(drops)
SOME_AND_ALL(tcp)
SOME_AND_ALL(tls)

/* Commands with --all besides. */
static int some_or_all(struct cli *cli, int argc, char **argv, void (*some)(const json_t *, FILE *),
		       void (*every)(const json_t *, FILE *))
{
	static const struct option opts[] = { { "all", no_argument, NULL, 'a' },
					      { "json", no_argument, NULL, 'j' },
					      { 0 } };
	bool all = false;
	int o;

	while ((o = cli_option(cli, argc, argv, opts)) != -1) {
		if (o != 'a')
			return EXIT_USAGE;
		all = true;
	}
	return simple(cli, argc, argv, all ? every : some);
}

int look_drops(struct cli *cli, int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "top") == 0)
		return droppers_command(cli, argc - 1, argv + 1);
	return some_or_all(cli, argc, argv, drops_some, drops_all);
}

int look_tcp(struct cli *cli, int argc, char **argv)
{
	return some_or_all(cli, argc, argv, tcp_some, tcp_all);
}

/* With "reload": what is in force now, or why nothing changed. */
int look_tls(struct cli *cli, int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "reload") == 0)
		return one_call(cli, argc - 1, argv + 1, "tls.reload", show_certificates);
	return some_or_all(cli, argc, argv, tls_some, tls_all);
}

/* Again and again it shows rates, so it remembers what it saw. */
static int workers_watch(struct cli *cli, struct control_client *c)
{
	json_t *before = NULL, *now;

	while ((now = cli_call(c, "workers", NULL))) {
		if (cli->watch && !cli->json)
			watch_screen();
		if (cli->json)
			cli_print(cli, now);
		else
			show_workers(now, before, stdout);
		if (fflush(stdout) == EOF)
			break;
		json_decref(before);
		before = now;
		if (!cli->watch)
			break;
		sleep(cli->watch);
	}
	json_decref(before);
	return now ? EXIT_SUCCESS : EXIT_FAILURE;
}

int look_workers(struct cli *cli, int argc, char **argv)
{
	struct control_client *c;
	int rc;

	if (cli_option(cli, argc, argv, cli_only_json) != -1)
		return EXIT_USAGE;
	c = cli_connect(cli);
	if (!c)
		return EXIT_FAILURE;
	rc = workers_watch(cli, c);
	client_close(c);
	return rc;
}

/* What of --interval, --once and --worker was asked for. */
struct top_opts {
	long seconds;
	long worker; /* -1: all together */
	bool once;
};

static int top_watch(struct cli *cli, struct control_client *c, const struct top_opts *o)
{
	json_t *before = cli_call(c, "workers", NULL), *now = NULL, *top;

	while (before) {
		sleep((unsigned int)o->seconds);
		now = cli_call(c, "workers", NULL);
		if (!now)
			break;
		top = top_result(before, now);
		json_decref(before);
		before = now;
		if (cli->json) {
			cli_print(cli, top);
		} else {
			if (!o->once)
				watch_screen();
			show_top(top, o->worker, stdout);
		}
		json_decref(top);
		if (fflush(stdout) == EOF || o->once)
			break;
	}
	json_decref(before);
	return now ? EXIT_SUCCESS : EXIT_FAILURE;
}

int look_top(struct cli *cli, int argc, char **argv)
{
	static const struct option opts[] = { { "interval", required_argument, NULL, 'i' },
					      { "worker", required_argument, NULL, 'w' },
					      { "once", no_argument, NULL, 'o' },
					      { "json", no_argument, NULL, 'j' },
					      { 0 } };
	struct top_opts top = { .seconds = 1, .worker = -1 };
	struct control_client *c;
	int o, rc;

	while ((o = cli_option(cli, argc, argv, opts)) != -1) {
		if (o == '?')
			return EXIT_USAGE;
		if (o == 'o')
			top.once = true;
		if (o == 'i' && !cli_seconds(optarg, 1, &top.seconds))
			cli_usage(cli, "--interval takes seconds, as 5 or 2m, not", optarg);
		if (o == 'w' && !cli_number(optarg, 0, &top.worker))
			cli_usage(cli, "--worker takes a number, not", optarg);
	}
	top.once |= cli->json; /* one object is what a program can read */
	c = cli_connect(cli);
	if (!c)
		return EXIT_FAILURE;
	rc = top_watch(cli, c, &top);
	client_close(c);
	return rc;
}

int look_neighbours(struct cli *cli, int argc, char **argv)
{
	static const struct option opts[] = { { "worker", required_argument, NULL, 'w' },
					      { "limit", required_argument, NULL, 'l' },
					      { "json", no_argument, NULL, 'j' },
					      { 0 } };
	long worker = -1, limit = LIMIT_DEFAULT;
	int o;

	while ((o = cli_option(cli, argc, argv, opts)) != -1) {
		if (o == '?')
			return EXIT_USAGE;
		if (o == 'w' && !cli_number(optarg, 0, &worker))
			cli_usage(cli, "--worker takes a number, not", optarg);
		if (o == 'l' && !cli_number(optarg, 0, &limit))
			cli_usage(cli, "--limit takes a number, 0 for all, not", optarg);
	}
	return cli_list(cli, "neighbours",
			worker < 0 ? json_object() : json_pack("{s:i}", "worker", (int)worker),
			limit, show_neighbours);
}

int look_phones(struct cli *cli, int argc, char **argv)
{
	static const struct option opts[] = { { "user", required_argument, NULL, 'u' },
					      { "remote", required_argument, NULL, 'r' },
					      { "limit", required_argument, NULL, 'l' },
					      { "json", no_argument, NULL, 'j' },
					      { 0 } };
	json_t *params = json_object();
	long limit = LIMIT_DEFAULT;
	int o;

	while ((o = cli_option(cli, argc, argv, opts)) != -1) {
		if (o == '?') {
			json_decref(params);
			return EXIT_USAGE;
		}
		if (o == 'u')
			json_object_set_new(params, "user", json_string(optarg));
		if (o == 'r')
			json_object_set_new(params, "remote", json_string(optarg));
		if (o == 'l' && !cli_number(optarg, 0, &limit))
			cli_usage(cli, "--limit takes a number, 0 for all, not", optarg);
	}
	return cli_list(cli, "ipsec.list", params, limit, show_phones);
}

/* Which routes there are the configuration says; whether gateways answer, the workers. */
int look_routes(struct cli *cli, int argc, char **argv)
{
	json_t *result, *gateways = NULL;
	struct control_client *c;

	if (cli_option(cli, argc, argv, cli_only_json) != -1)
		return EXIT_USAGE;
	c = cli_connect(cli);
	result = c ? cli_call(c, "routes", NULL) : NULL;
	if (result && json_is_true(json_object_get(result, "attached"))) {
		gateways = cli_pages(c, "neighbours", json_pack("{s:b}", "gateways", 1), 0);
		if (gateways) {
			routes_join(result, json_object_get(gateways, "neighbours"));
		} else {
			json_decref(result);
			result = NULL;
		}
	}
	json_decref(gateways);
	client_close(c);
	return cli_show(cli, result, show_routes);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* fairlead: looks at a running relay through the control socket, and keeps its users. */
#include "psk_cmd.h"
#include "user_cmd.h"
#include "cli.h"
#include "context.h"
#include "show.h"
#include "top.h"
#include "trace.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/fairlead/fairlead.yaml"

enum { LIMIT_DEFAULT = 100 };

struct command {
	const char *name, *args, *help;
	int (*run)(struct cli *cli, int argc, char **argv); /* argv[0] is the command */
};

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

static int cmd_status(struct cli *cli, int argc, char **argv)
{
	return simple(cli, argc, argv, show_status);
}

static int cmd_ports(struct cli *cli, int argc, char **argv)
{
	return simple(cli, argc, argv, show_ports);
}

static int cmd_accounting(struct cli *cli, int argc, char **argv)
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
SOME_AND_ALL(sessions)
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

static int cmd_drops(struct cli *cli, int argc, char **argv)
{
	return some_or_all(cli, argc, argv, drops_some, drops_all);
}

static int cmd_tcp(struct cli *cli, int argc, char **argv)
{
	return some_or_all(cli, argc, argv, tcp_some, tcp_all);
}

/* With "reload": what is in force now, or why nothing changed. */
static int cmd_tls(struct cli *cli, int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "reload") == 0)
		return one_call(cli, argc - 1, argv + 1, "tls.reload", show_certificates);
	return some_or_all(cli, argc, argv, tls_some, tls_all);
}

static int workers_watch(struct cli *cli, struct control_client *c, unsigned int seconds)
{
	json_t *before = NULL, *now;

	while ((now = cli_call(c, "workers", NULL))) {
		if (cli->json && !seconds) {
			cli_print(now);
		} else if (cli->json) { /* one object a line */
			json_dumpf(now, stdout, JSON_COMPACT);
			putchar('\n');
		} else {
			if (isatty(STDOUT_FILENO))
				fputs("\033[H\033[J", stdout); /* home, and clear to the end */
			show_workers(now, before, stdout);
		}
		if (fflush(stdout) == EOF)
			break;
		json_decref(before);
		before = now;
		if (!seconds)
			break;
		sleep(seconds);
	}
	json_decref(before);
	return now ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int cmd_workers(struct cli *cli, int argc, char **argv)
{
	static const struct option opts[] = { { "watch", optional_argument, NULL, 'w' },
					      { "json", no_argument, NULL, 'j' },
					      { 0 } };
	struct control_client *c;
	long seconds = 0;
	int o, rc;

	while ((o = cli_option(cli, argc, argv, opts)) != -1) {
		if (o != 'w')
			return EXIT_USAGE;
		seconds = 1;
		if (optarg && !cli_number(optarg, 1, &seconds))
			return cli_usage("--watch takes whole seconds, not", optarg);
	}
	c = cli_connect(cli);
	if (!c)
		return EXIT_FAILURE;
	rc = workers_watch(cli, c, (unsigned int)seconds);
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
			cli_print(top);
		} else {
			if (!o->once && isatty(STDOUT_FILENO))
				fputs("\033[H\033[J", stdout);
			show_top(top, o->worker, stdout);
		}
		json_decref(top);
		if (fflush(stdout) == EOF || o->once)
			break;
	}
	json_decref(before);
	return now ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int cmd_top(struct cli *cli, int argc, char **argv)
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
		if (o == 'i' && !cli_number(optarg, 1, &top.seconds))
			return cli_usage("--interval takes whole seconds, not", optarg);
		if (o == 'w' && !cli_number(optarg, 0, &top.worker))
			return cli_usage("--worker takes a number, not", optarg);
	}
	top.once |= cli->json; /* one object is what a program can read */
	c = cli_connect(cli);
	if (!c)
		return EXIT_FAILURE;
	rc = top_watch(cli, c, &top);
	client_close(c);
	return rc;
}

static int cmd_sessions(struct cli *cli, int argc, char **argv)
{
	static const struct option opts[] = { { "user", required_argument, NULL, 'u' },
					      { "limit", required_argument, NULL, 'l' },
					      { "peers", no_argument, NULL, 'p' },
					      { "json", no_argument, NULL, 'j' },
					      { 0 } };
	const char *user = NULL;
	long limit = LIMIT_DEFAULT;
	bool peers = false;
	int o;

	while ((o = cli_option(cli, argc, argv, opts)) != -1) {
		if (o == '?')
			return EXIT_USAGE;
		if (o == 'u')
			user = optarg;
		if (o == 'p')
			peers = true;
		if (o == 'l' && !cli_number(optarg, 0, &limit))
			return cli_usage("--limit takes a number, 0 for all, not", optarg);
	}
	return cli_list(cli, "sessions", json_pack("{s:s*}", "user", user), limit,
			peers ? sessions_all : sessions_some);
}

static int cmd_connections(struct cli *cli, int argc, char **argv)
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
			return cli_usage("--worker takes a number, not", optarg);
		if (o == 'l' && !cli_number(optarg, 0, &limit))
			return cli_usage("--limit takes a number, 0 for all, not", optarg);
	}
	return cli_list(cli, "connections",
			worker < 0 ? json_object() : json_pack("{s:i}", "worker", (int)worker),
			limit, show_connections);
}

/* Commands that work on the database of users by themselves. */
static int keeper(struct cli *cli, int argc, char **argv, const char *missing,
		  int (*command)(const struct config *, int, char **, bool))
{
	char err[512];
	struct config *c;
	int rc;

	if (argc < 2)
		return cli_usage(missing, argv[0]);
	c = config_load(cli->config, err, sizeof(err));
	if (!c)
		return cli_fail(err);
	rc = command(c, argc - 1, argv + 1, cli->json);
	config_free(c);
	return rc;
}

static int cmd_user(struct cli *cli, int argc, char **argv)
{
	return keeper(cli, argc, argv, "missing add, del, list or passwd after", user_command);
}

static int cmd_psk(struct cli *cli, int argc, char **argv)
{
	return keeper(cli, argc, argv, "missing add, del or list after", psk_command);
}

static int cmd_context(struct cli *cli, int argc, char **argv)
{
	if (argc < 2)
		return cli_usage("missing add, list or another word after", argv[0]);
	return context_command(cli, argc - 1, argv + 1);
}

static int cmd_version(struct cli *cli, int argc, char **argv)
{
	if (cli_option(cli, argc, argv, cli_only_json) != -1)
		return EXIT_USAGE;
	if (cli->json)
		printf("{\"version\": \"%s\"}\n", FAIRLEAD_VERSION);
	else
		puts("fairlead " FAIRLEAD_VERSION);
	return EXIT_SUCCESS;
}

static int cmd_help(struct cli *cli, int argc, char **argv);

static const struct command commands[] = {
	{ "status", "", "both processes, how full the tables are, requests and replies",
	  cmd_status },
	{ "workers", "[--watch[=SECONDS]]", "what each worker does, or its rates again and again",
	  cmd_workers },
	{ "top", "[--interval SECONDS] [--worker N] [--once]",
	  "load, rates and cycles by stage, again and again; of all workers together or one",
	  cmd_top },
	{ "ports", "", "links, traffic, steering and offloads of each port", cmd_ports },
	{ "sessions", "[--user USER] [--limit N] [--peers]",
	  "allocations, at most N (100; 0 for all), and with --peers their permissions",
	  cmd_sessions },
	{ "connections", "[--worker N] [--limit N]",
	  "TCP connections of all workers or one, at most N (100; 0 for all)", cmd_connections },
	{ "tcp", "[--all]", "states of TCP connections, what ended them, and what TCP counts",
	  cmd_tcp },
	{ "tls", "[reload] [--all]",
	  "certificates in force, handshakes, and what TLS counts; reload: files are read again",
	  cmd_tls },
	{ "drops", "[--all]", "why packets were dropped, the busiest reason first", cmd_drops },
	{ "trace",
	  "[--client ADDR[:PORT]] [--peer ADDR[:PORT]] [--session WORKER/SLOT] [--drops[=REASON]]\n"
	  "        [--count N] [--bytes]",
	  "what happens to packets, as they pass; until interrupted, or N times", trace_command },
	{ "accounting", "", "whether every packet is accounted for", cmd_accounting },
	{ "context", "add|modify|subtract|move|delete|show|list|events ...",
	  "the gateway's contexts, and what happens to them; see: fairlead context help",
	  cmd_context },
	{ "user", "add|del|list|passwd ...", "users and their passwords", cmd_user },
	{ "psk", "add|del|list ...", "pre-shared keys of TLS clients", cmd_psk },
	{ "version", "", "the version of this program", cmd_version },
	{ "help", "", "this text", cmd_help },
};

static int cmd_help(struct cli *cli, int argc, char **argv)
{
	(void)cli;
	(void)argc;
	(void)argv;
	puts("Usage: fairlead [--config FILE] [--socket PATH] [--json] COMMAND\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		printf("  %s %s\n      %s\n", commands[i].name, commands[i].args, commands[i].help);
	puts("\n--config FILE  configuration (else $FAIRLEAD_CONFIG, else " DEFAULT_CONFIG ")\n"
	     "--socket PATH  control socket, when not the configuration's\n"
	     "--json         results as JSON\n\n"
	     "See fairlead(1).");
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static const struct option opts[] = { { "config", required_argument, NULL, 'c' },
					      { "socket", required_argument, NULL, 's' },
					      { "json", no_argument, NULL, 'j' },
					      { "help", no_argument, NULL, 'h' },
					      { "version", no_argument, NULL, 'V' },
					      { 0 } };
	const char *env = getenv("FAIRLEAD_CONFIG");
	struct cli cli = { .config = env && *env ? env : DEFAULT_CONFIG };
	int o, first;

	opterr = 0;
	while ((o = getopt_long(argc, argv, "+:", opts, NULL)) != -1) {
		if (o == 'c')
			cli.config = optarg;
		else if (o == 's')
			cli.socket = optarg;
		else if (o == 'j')
			cli.json = true;
		else if (o == 'h')
			return cmd_help(&cli, 0, NULL);
		else if (o == 'V')
			return cmd_version(&cli, 1, argv);
		else
			return cli_usage(o == ':' ? "missing value after" : "unknown option",
					 argv[optind - 1]);
	}
	if (optind == argc)
		return cli_usage("no command", NULL);
	first = optind;
	optind = 0; /* the command's own options are scanned from its name on */
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[first], commands[i].name) == 0) {
			int rc = commands[i].run(&cli, argc - first, argv + first);

			/* A full disk or a closed pipe is no success. */
			return fflush(stdout) == EOF && rc == 0 ? cli_fail("cannot write") : rc;
		}
	}
	return cli_usage("unknown command", argv[first]);
}

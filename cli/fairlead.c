/* SPDX-License-Identifier: BSD-3-Clause */
/* fairlead: looks at a running relay through the control socket, and keeps its users. */
#include "psk_cmd.h"
#include "user_cmd.h"
#include "capture.h"
#include "cli.h"
#include "command.h"
#include "context.h"
#include "drain.h"
#include "filter.h"
#include "sessions.h"
#include "show.h"
#include "top.h"
#include "trace.h"
#include "who.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/fairlead/fairlead.yaml"

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

static int cmd_status(struct cli *cli, int argc, char **argv)
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
		json_t *x = cli_call(c, "xstats", json_pack("{s:i}", "port", (int)i));

		if (!x)
			return false;
		json_object_set(port, "xstats", json_object_get(x, "xstats"));
		json_object_set(port, "xstats_total", json_object_get(x, "total"));
		json_decref(x);
	}
	return true;
}

static int cmd_ports(struct cli *cli, int argc, char **argv)
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

static int cmd_neighbours(struct cli *cli, int argc, char **argv)
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
	return cli_list(cli, "neighbours",
			worker < 0 ? json_object() : json_pack("{s:i}", "worker", (int)worker),
			limit, show_neighbours);
}

/* Which routes there are the configuration says; whether gateways answer, the workers. */
static int cmd_routes(struct cli *cli, int argc, char **argv)
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

/* Takes --json out of what a command parses by itself. Returns how many words are left. */
static int json_take(struct cli *cli, int argc, char **argv)
{
	int n = 0;

	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			cli->json = true;
		else
			argv[n++] = argv[i];
	}
	return n;
}

/* Commands that work on the database of users by themselves. */
static int keeper(struct cli *cli, int argc, char **argv, const struct command *verbs,
		  int (*command)(const struct config *, int, char **, bool))
{
	char err[512];
	struct config *c;
	int rc;

	argc = json_take(cli, argc, argv);
	if (argc < 2)
		return cli_usage("missing add, list or another word after", argv[0]);
	if (!command_find(verbs, argv[1])) {
		snprintf(err, sizeof(err), "unknown after %s:", argv[0]);
		return cli_usage(err, argv[1]);
	}
	c = config_load(cli->config, err, sizeof(err));
	if (!c)
		return cli_fail(err);
	rc = command(c, argc - 1, argv + 1, cli->json);
	config_free(c);
	return rc;
}

static int cmd_user(struct cli *cli, int argc, char **argv)
{
	return keeper(cli, argc, argv, user_verbs, user_command);
}

static int cmd_psk(struct cli *cli, int argc, char **argv)
{
	return keeper(cli, argc, argv, psk_verbs, psk_command);
}

static int cmd_context(struct cli *cli, int argc, char **argv)
{
	if (argc < 2)
		return cli_usage("missing add, list or another word after", argv[0]);
	return context_command(cli, argc - 1, argv + 1);
}

static int version_print(const struct cli *cli)
{
	if (cli->json)
		printf("{\"version\": \"%s\"}\n", FAIRLEAD_VERSION);
	else
		puts("fairlead " FAIRLEAD_VERSION);
	return EXIT_SUCCESS;
}

static int cmd_version(struct cli *cli, int argc, char **argv)
{
	return cli_option(cli, argc, argv, cli_only_json) == -1 ? version_print(cli) : EXIT_USAGE;
}

static int cmd_completion(struct cli *cli, int argc, char **argv);
static int cmd_help(struct cli *cli, int argc, char **argv);

static const char options[] = "[--config FILE] [--socket PATH] [--version]";

static const struct command tls_words[] = {
	{ "reload", "", .help = "reads the files of certificates and keys again" },
	{ 0 },
};

static const struct command completion_words[] = {
	{ "bash", "", .help = "for bash" },
	{ 0 },
};

static const struct command commands[] = {
	{ "status", "", "both processes, how full the tables are, requests and replies",
	  .run = cmd_status },
	{ "workers", "[--watch[=SECONDS]]", "what each worker does, or its rates again and again",
	  .run = cmd_workers },
	{ "top", "[--interval SECONDS] [--worker N] [--once]",
	  "load, rates and cycles by stage, again and again; of all workers together or one",
	  .run = cmd_top },
	{ "ports", "[--xstats]",
	  "links, traffic, steering and offloads of each port; or what its driver counts",
	  .run = cmd_ports },
	{ "sessions", FILTER_OF_SESSIONS_HELP " [--limit N] [--peers]",
	  "allocations, at most N (100; 0 for all), and with --peers their permissions; kill: ends "
	  "them",
	  .run = sessions_command, .words = sessions_words },
	{ "connections", FILTER_OF_CONNECTIONS_HELP " [--limit N]",
	  "TCP connections, at most N (100; 0 for all); kill: ends them",
	  .run = connections_command, .words = connections_words },
	{ "tcp", "[--all]", "states of TCP connections, what ended them, and what TCP counts",
	  .run = cmd_tcp },
	{ "tls", "[reload] [--all]",
	  "certificates in force, handshakes, and what TLS counts; reload: files are read again",
	  .run = cmd_tls, .words = tls_words },
	{ "drops", "[--all]", "why packets were dropped, the busiest reason first",
	  .run = cmd_drops },
	{ "neighbours", "[--worker N] [--limit N]",
	  "next hops of all workers or one, and whether they answer, at most N (100; 0 for all)",
	  .run = cmd_neighbours },
	{ "routes", "", "ways by each port, and whether their gateways answer", .run = cmd_routes },
	{ "capture",
	  "[--write FILE] [--filter EXPRESSION] [--client ADDR[:PORT]] [--peer ADDR[:PORT]] "
	  "[--relayed ADDR[:PORT]] [--session WORKER/SLOT] [--drops[=REASON]] [--count N] [--size "
	  "BYTES] "
	  "[--snaplen BYTES] [--duration SECONDS]",
	  "frames as they were received, sent and dropped, as a pcapng file; for a minute and 100 "
	  "MB, "
	  "unless told otherwise",
	  .run = capture_command },
	{ "trace",
	  "[--client ADDR[:PORT]] [--peer ADDR[:PORT]] [--relayed ADDR[:PORT]] [--session "
	  "WORKER/SLOT] [--drops[=REASON]] "
	  "[--count N] [--bytes]",
	  "what happens to packets, as they pass; until interrupted, or N times",
	  .run = trace_command },
	{ "drain", "[--deadline SECONDS] [--wait]",
	  "no new allocations and contexts; what is left after the deadline, if there is one, is "
	  "ended. "
	  "--wait: until nothing is left",
	  .run = drain_command },
	{ "undrain", "", "new allocations and contexts are served again", .run = undrain_command },
	{ "who", "ADDRESS[:PORT] [TIME] [--file FILE]",
	  "who had a relayed address or a termination's, always or at that time, by the records in "
	  "a file "
	  "(records.file)",
	  .run = who_command },
	{ "accounting", "", "whether every packet is accounted for", .run = cmd_accounting },
	{ "context", "add|modify|subtract|move|delete|show|list|kill|events ...",
	  "the gateway's contexts, and what happens to them; see: fairlead context --help",
	  .run = cmd_context, .words = context_verbs, .notes = context_notes },
	{ "user", "add|passwd|del|enable|disable|list ...",
	  "users and their passwords; see: fairlead user --help", .run = cmd_user,
	  .words = user_verbs, .notes = user_notes },
	{ "psk", "add|del|list ...", "pre-shared keys of TLS clients; see: fairlead psk --help",
	  .run = cmd_psk, .words = psk_verbs, .notes = psk_notes },
	{ "completion", "bash", "prints a completion for that shell", .run = cmd_completion,
	  .words = completion_words },
	{ "version", "", "the version of this program", .run = cmd_version },
	{ "help", "", "this text", .run = cmd_help },
	{ 0 },
};

static int cmd_completion(struct cli *cli, int argc, char **argv)
{
	(void)cli;
	if (argc != 2 || !command_find(completion_words, argv[1]))
		return cli_usage("completion wants the name of a shell: bash", NULL);
	command_complete(commands, options, stdout);
	return EXIT_SUCCESS;
}

static int cmd_help(struct cli *cli, int argc, char **argv)
{
	(void)cli;
	(void)argc;
	(void)argv;
	puts("Usage: fairlead [--config FILE] [--socket PATH] [--json] COMMAND\n");
	for (const struct command *c = commands; c->name; c++)
		command_line(c, stdout);
	puts("\n--config FILE  configuration (else $FAIRLEAD_CONFIG, else " DEFAULT_CONFIG ")\n"
	     "--socket PATH  control socket, when not the configuration's\n"
	     "--json         results as JSON\n"
	     "--help         of a command: its options\n\n"
	     "See fairlead(1).");
	return EXIT_SUCCESS;
}

/* Whether --help is among a command's arguments. Whoever asks for help runs nothing. */
static bool help_wanted(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0)
			return true;
	}
	return false;
}

/* argv[0] is the command. Returns the exit code. */
static int command_run(struct cli *cli, int argc, char **argv)
{
	const struct command *c = command_find(commands, argv[0]);
	int rc = EXIT_SUCCESS;

	if (!c)
		return cli_usage("unknown command", argv[0]);
	if (help_wanted(argc, argv))
		command_help(c, argc, argv, stdout);
	else
		rc = c->run(cli, argc, argv);
	/* A full disk or a closed pipe is no success. */
	return fflush(stdout) == EOF && rc == 0 ? cli_fail("cannot write") : rc;
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
			return version_print(&cli);
		else
			return cli_usage(o == ':' ? "missing value after" : "unknown option",
					 argv[optind - 1]);
	}
	if (optind == argc)
		return cli_usage("no command", NULL);
	first = optind;
	optind = 0; /* the command's own options are scanned from its name on */
	return command_run(&cli, argc - first, argv + first);
}

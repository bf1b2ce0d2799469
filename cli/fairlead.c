/* SPDX-License-Identifier: BSD-3-Clause */
/* fairlead: looks at a running relay through the control socket, and keeps its users. */
#include "psk_cmd.h"
#include "user_cmd.h"
#include "capture.h"
#include "check.h"
#include "cli.h"
#include "command.h"
#include "complete.h"
#include "config_cmd.h"
#include "context.h"
#include "drain.h"
#include "filter.h"
#include "grid.h"
#include "look.h"
#include "ping.h"
#include "sessions.h"
#include "tone.h"
#include "trace.h"
#include "users_live.h"
#include "watch.h"
#include "who.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/fairlead/fairlead.yaml"

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
		return cli_usage(cli, "missing add, list or another word after", argv[0]);
	if (!command_find(verbs, argv[1]))
		return cli_usage(cli, "missing add, list or another word in front of", argv[1]);
	if (cli->mistakes)
		return EXIT_USAGE;
	c = config_load(cli->config, err, sizeof(err));
	if (!c)
		return cli_fail(err);
	rc = command(c, argc - 1, argv + 1, cli->json);
	config_free(c);
	return rc;
}

static int cmd_user(struct cli *cli, int argc, char **argv)
{
	if (users_live_wanted(&argc, argv)) {
		argc = json_take(cli, argc, argv);
		return argc > 1
			   ? users_live_command(cli, argc - 1, argv + 1)
			   : cli_usage(cli, "missing add, list or another word after", argv[0]);
	}
	return keeper(cli, argc, argv, user_verbs, user_command);
}

static int cmd_psk(struct cli *cli, int argc, char **argv)
{
	return keeper(cli, argc, argv, psk_verbs, psk_command);
}

static int cmd_context(struct cli *cli, int argc, char **argv)
{
	if (argc < 2)
		return cli_usage(cli, "missing add, list or another word after", argv[0]);
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

static const char options[] = "[--config FILE] [--socket PATH] [--url URL] [--cert FILE] [--key "
			      "FILE] [--ca FILE] [--version]";

static const struct command tls_words[] = {
	{ "reload", "", .help = "reads the files of certificates and keys again" },
	{ 0 },
};

static const struct command drops_words[] = {
	{ "top", "[--by source|session] [--reason REASON] [--interval SECONDS] [--limit N]",
	  .help = "whose packets are dropped most in an interval (5 s), and why, at most N (10; 0 "
		  "for all); by a trace of drops, of which there is one at a time",
	  .watch = WATCH_AGAIN },
	{ 0 },
};

static const struct command completion_words[] = {
	{ "bash", "", .help = "for bash" },
	{ "zsh", "", .help = "for zsh" },
	{ "fish", "", .help = "for fish" },
	{ 0 },
};

static const struct command commands[] = {
	{ "status", "", "both processes, how full the tables are, requests and replies",
	  .run = look_status, .watch = WATCH_AGAIN },
	{ "workers", "", "what each worker does; with --watch its rates", .run = look_workers,
	  .watch = WATCH_ITSELF },
	{ "top", "[--interval SECONDS] [--worker N] [--once]",
	  "load, rates and cycles by stage, again and again; of all workers together or one",
	  .run = look_top },
	{ "ports", "[--xstats]",
	  "links, traffic, steering and offloads of each port; or what its driver counts",
	  .run = look_ports, .watch = WATCH_AGAIN },
	{ "sessions", FILTER_OF_SESSIONS_HELP " [--limit N] [--peers]",
	  "allocations, at most N (100; 0 for all), and with --peers their permissions; kill: ends "
	  "them",
	  .run = sessions_command, .words = sessions_words, .watch = WATCH_AGAIN },
	{ "connections", FILTER_OF_CONNECTIONS_HELP " [--limit N]",
	  "TCP connections, at most N (100; 0 for all); kill: ends them",
	  .run = connections_command, .words = connections_words, .watch = WATCH_AGAIN },
	{ "tcp", "[--all]", "states of TCP connections, what ended them, and what TCP counts",
	  .run = look_tcp, .watch = WATCH_AGAIN },
	{ "tls", "[reload] [--all]",
	  "certificates in force, handshakes, and what TLS counts; reload: files are read again",
	  .run = look_tls, .watch = WATCH_AGAIN, .words = tls_words },
	{ "drops", "[top] [--all]",
	  "why packets were dropped, the busiest reason first; top: whose they were",
	  .run = look_drops, .watch = WATCH_AGAIN, .words = drops_words },
	{ "neighbours", "[--worker N] [--limit N]",
	  "next hops of all workers or one, and whether they answer, at most N (100; 0 for all)",
	  .run = look_neighbours, .watch = WATCH_AGAIN },
	{ "phones", "[--user NAME] [--remote ADDR] [--limit N]",
	  "phones with IPsec associations, at most N (100; 0 for all)", .run = look_phones,
	  .watch = WATCH_AGAIN },
	{ "routes", "", "ways by each port, and whether their gateways answer", .run = look_routes,
	  .watch = WATCH_AGAIN },
	{ "ping", PING_HELP " [--size BYTES] [--whole]",
	  "ICMP echo requests that a worker sends, and how long the replies took; N of them (5; 0 "
	  "until interrupted), a second apart. --whole: in one piece, or not at all",
	  .run = ping_command },
	{ "arping", PING_HELP,
	  "ARP requests or neighbour solicitations that a worker sends, and who answers them",
	  .run = arping_command },
	{ "capture",
	  "[--write FILE] [--filter EXPRESSION] [--client ADDR[:PORT]] [--peer ADDR[:PORT]] "
	  "[--relayed ADDR[:PORT]] [--session WORKER/SLOT] [--context CONTEXT] [--user USER] "
	  "[--drops[=REASON]] [--count N] [--size BYTES] [--snaplen BYTES] [--duration SECONDS] "
	  "[--plaintext] [--take-over]",
	  "frames as they were received, sent and dropped, as a pcapng file; for a minute and 100 "
	  "MB, unless told otherwise. --context, --user: of the addresses that are his when it "
	  "begins. --plaintext: what is inside of TLS as well, which is "
	  "audited. "
	  "--take-over: another one, or a trace, ends",
	  .run = capture_command },
	{ "trace",
	  "[--client ADDR[:PORT]] [--peer ADDR[:PORT]] [--relayed ADDR[:PORT]] [--session "
	  "WORKER/SLOT] [--drops[=REASON]] "
	  "[--count N] [--bytes] [--take-over]",
	  "what happens to packets, as they pass; until interrupted, or N times. --take-over: "
	  "another one, or a capture, ends",
	  .run = trace_command },
	{ "drain", "[--deadline SECONDS] [--wait]",
	  "no new allocations and contexts; what is left after the deadline, if there is one, is "
	  "ended. --wait: until nothing is left",
	  .run = drain_command },
	{ "undrain", "", "new allocations and contexts are served again", .run = undrain_command },
	{ "config", "show|diff", "the configuration that runs, or how the file differs from it",
	  .run = cmd_config, .words = config_words },
	{ "reload", "", "the file is put in force, as far as that needs no restart",
	  .run = cmd_reload },
	{ "who", "ADDRESS[:PORT] [TIME] [--file FILE]",
	  "who had a relayed address or a termination's, always or at that time, by the records in "
	  "a file "
	  "(records.file)",
	  .run = who_command },
	{ "accounting", "", "whether every packet is accounted for", .run = look_accounting,
	  .watch = WATCH_AGAIN },
	{ "context", "add|modify|subtract|move|delete|show|list|kill|events ...",
	  "the gateway's contexts, and what happens to them; see: fairlead context --help",
	  .run = cmd_context, .words = context_verbs, .notes = context_notes },
	{ "user", "add|passwd|del|enable|disable|list ...",
	  "users and their passwords; see: fairlead user --help", .run = cmd_user,
	  .words = user_verbs, .notes = user_notes },
	{ "credentials", "[--name NAME] [--lifetime SECONDS]",
	  "a name and password for testing, by the newest secret of time-limited credentials; for "
	  "an "
	  "hour, unless told otherwise",
	  .run = credentials_command },
	{ "psk", "add|del|list ...", "pre-shared keys of TLS clients; see: fairlead psk --help",
	  .run = cmd_psk, .words = psk_verbs, .notes = psk_notes },
	{ "check", "[--days DAYS[,DAYS]] [--drops RATE[,RATE]] [--interval SECONDS]",
	  "one line and an exit status for monitoring: 0 is well, 1 warning, 2 critical, 3 unknown",
	  .run = check_command },
	{ "completion", "bash|zsh|fish", "prints a completion for that shell",
	  .run = cmd_completion, .words = completion_words },
	{ "version", "", "the version of this program", .run = cmd_version },
	{ "help", "[COMMAND [WORD]]", "this text, or what a command takes", .run = cmd_help },
	{ 0 },
};

static int cmd_completion(struct cli *cli, int argc, char **argv)
{
	static void (*const shells[])(const struct command *, const char *,
				      FILE *) = { complete_bash, complete_zsh, complete_fish };
	const struct command *shell = argc > 1 ? command_find(completion_words, argv[1]) : NULL;

	if (argc != 2 || !shell)
		return cli_usage(cli, "completion wants the name of a shell: bash, zsh or fish",
				 NULL);
	shells[shell - completion_words](commands, options, stdout);
	return EXIT_SUCCESS;
}

static int help_all(void)
{
	puts("Usage: fairlead [--config FILE] [--socket PATH | --url URL --cert FILE --key FILE\n"
	     "                [--ca FILE]] [--json] COMMAND\n");
	for (const struct command *c = commands; c->name; c++)
		command_line(c, stdout);
	puts("\n--config FILE      configuration (else $FAIRLEAD_CONFIG, else " DEFAULT_CONFIG ")\n"
	     "--socket PATH      control socket, when not the configuration's\n"
	     "--url URL          management port of a node elsewhere, https://HOST:PORT\n"
	     "--cert, --key FILE our certificate there, in PEM\n"
	     "--ca FILE          CA of its certificate, when not one that this machine trusts\n"
	     "--json             results as JSON\n"
	     "--watch [SECONDS]  of a command that shows something: again and again\n"
	     "--help             of a command: its options\n\n"
	     "See fairlead(1).");
	return EXIT_SUCCESS;
}

static int unknown_command(struct cli *cli, const char *name)
{
	return cli_unknown(cli, "unknown command", name, command_guess(commands, name));
}

static int cmd_help(struct cli *cli, int argc, char **argv)
{
	const struct command *c = argc > 1 ? command_find(commands, argv[1]) : NULL;

	if (argc < 2)
		return help_all();
	if (!c)
		return unknown_command(cli, argv[1]);
	command_help(c, argc - 1, argv + 1, stdout);
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

/* Whether the command, or its word that argv[1] names, may be watched. */
static bool watch_serves(const struct command *c, int argc, char **argv)
{
	const struct command *word = argc > 1 ? command_find(c->words, argv[1]) : NULL;

	return (word ? word : c)->watch != WATCH_NO;
}

static int command_start(struct cli *cli, const struct command *c, int argc, char **argv)
{
	if (c->words && argc > 1 && argv[1][0] != '-' && !command_find(c->words, argv[1])) {
		char what[64];

		snprintf(what, sizeof(what), "unknown after %s:", c->name);
		return cli_unknown(cli, what, argv[1], command_guess(c->words, argv[1]));
	}
	if (watch_serves(c, argc, argv))
		argc = watch_take(cli, argc, argv);
	optind = 0; /* the command's own options are scanned from its name on */
	if (cli->watch && c->watch != WATCH_ITSELF)
		return watch_run(cli, c, argc, argv);
	return c->run(cli, argc, argv);
}

/* argv[0] is the command. Returns the exit code. */
static int command_run(struct cli *cli, int argc, char **argv)
{
	const struct command *c = command_find(commands, argv[0]);
	int rc = EXIT_SUCCESS;

	if (!c)
		rc = unknown_command(cli, argv[0]);
	else if (help_wanted(argc, argv))
		command_help(c, argc, argv, stdout);
	else
		rc = command_start(cli, c, argc, argv);
	if (cli->mistakes)
		fprintf(stderr, "fairlead: see \"fairlead %s%s\"\n", c ? argv[0] : "help",
			c ? " --help" : "");
	if (cli->mistakes && rc == EXIT_SUCCESS)
		rc = EXIT_USAGE;
	/* A full disk or a closed pipe is no success. */
	return fflush(stdout) == EOF && rc == 0 ? cli_fail("cannot write") : rc;
}

int main(int argc, char **argv)
{
	static const struct option opts[] = { { "config", required_argument, NULL, 'c' },
					      { "socket", required_argument, NULL, 's' },
					      { "url", required_argument, NULL, 'u' },
					      { "cert", required_argument, NULL, 'C' },
					      { "key", required_argument, NULL, 'k' },
					      { "ca", required_argument, NULL, 'a' },
					      { "json", no_argument, NULL, 'j' },
					      { "help", no_argument, NULL, 'h' },
					      { "version", no_argument, NULL, 'V' },
					      { 0 } };
	const char *env = getenv("FAIRLEAD_CONFIG");
	struct cli cli = { .config = env && *env ? env : DEFAULT_CONFIG };
	struct winsize size;
	int o;

	opterr = 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		grid_fit(size.ws_col);
	tone_switch(tone_wanted(isatty(STDOUT_FILENO), getenv("NO_COLOR"), getenv("TERM")));
	while ((o = cli_before(&cli, argc, argv, opts)) != -1 && o != '?') {
		if (o == 'c')
			cli.config = optarg;
		else if (o == 's')
			cli.socket = optarg;
		else if (o == 'u')
			cli.at.url = optarg;
		else if (o == 'C')
			cli.at.cert = optarg;
		else if (o == 'k')
			cli.at.key = optarg;
		else if (o == 'a')
			cli.at.ca = optarg;
		else if (o == 'h')
			return help_all();
		else
			return version_print(&cli);
	}
	if (optind < argc)
		return command_run(&cli, argc - optind, argv + optind);
	if (o != '?')
		cli_usage(&cli, "no command", NULL);
	fputs("fairlead: see \"fairlead help\"\n", stderr);
	return EXIT_USAGE;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "sessions.h"

#include "conn_talkers.h"
#include "filter.h"
#include "kill.h"
#include "show.h"
#include "talkers.h"

#include <string.h>

enum { LIMIT_DEFAULT = 100 };

const struct command sessions_words[] = {
	{ "show", FILTER_OF_SESSIONS_HELP " [--rate-over RATE] [--limit N] [--peers]",
	  .help = "lists those that have all that is given", .watch = WATCH_AGAIN },
	{ "top",
	  FILTER_OF_SESSIONS_HELP
	  " [--by WHAT] [--interval SECONDS] [--rate-over RATE] [--limit N]",
	  .help = "who relays most in an interval, at most N (10; 0 for all)",
	  .watch = WATCH_AGAIN },
	{ "kill", FILTER_OF_SESSIONS_HELP " [--rate-over RATE] [--all] [--dry-run]",
	  .help = "ends those that have all that is given" },
	{ 0 },
};

const struct command connections_words[] = {
	{ "show", FILTER_OF_CONNECTIONS_HELP " [--rate-over RATE] [--limit N]",
	  .help = "lists those that have all that is given", .watch = WATCH_AGAIN },
	{ "top",
	  FILTER_OF_CONNECTIONS_HELP
	  " [--by WHAT] [--interval SECONDS] [--rate-over RATE] [--limit N]",
	  .help = "whose streams carry most in an interval (5 s), at most N (10; 0 for all)",
	  .watch = WATCH_AGAIN },
	{ "kill", FILTER_OF_CONNECTIONS_HELP " [--rate-over RATE] [--all] [--dry-run]",
	  .help = "ends those that have all that is given" },
	{ 0 },
};

static void sessions_some(const json_t *result, FILE *out)
{
	show_sessions(result, false, out);
}

static void sessions_all(const json_t *result, FILE *out)
{
	show_sessions(result, true, out);
}

/* Takes "show" or "kill" away. True: it is the latter. */
static bool word_take(int *argc, char ***argv)
{
	const bool kills = *argc > 1 && strcmp((*argv)[1], "kill") == 0;

	if (kills || (*argc > 1 && strcmp((*argv)[1], "show") == 0)) {
		--*argc;
		++*argv;
	}
	return kills;
}

static int list(struct cli *cli, int argc, char **argv, const struct option *opts,
		const char *method, void (*some)(const json_t *, FILE *),
		void (*every)(const json_t *, FILE *))
{
	json_t *params = json_object();
	long limit = LIMIT_DEFAULT;
	bool peers = false;
	int o;

	while ((o = cli_option(cli, argc, argv, opts)) != -1 && o != '?') {
		if (o == 'p')
			peers = true;
		else if (o != 'l')
			filter_option(cli, o, optarg, params);
		else if (!cli_number(optarg, 0, &limit))
			cli_usage(cli, "--limit takes a number, 0 for all, not", optarg);
	}
	if (o == -1)
		return cli_list(cli, method, params, limit, peers ? every : some);
	json_decref(params);
	return EXIT_USAGE;
}

int sessions_command(struct cli *cli, int argc, char **argv)
{
	static const struct option show[] = { FILTER_OF_SESSIONS,
					      { "rate-over", required_argument, NULL, FILTER_RATE },
					      { "limit", required_argument, NULL, 'l' },
					      { "peers", no_argument, NULL, 'p' },
					      { "json", no_argument, NULL, 'j' },
					      { 0 } };
	static const struct option ends[] = { FILTER_OF_SESSIONS,
					      { "rate-over", required_argument, NULL, FILTER_RATE },
					      KILL_OPTIONS };

	if (argc > 1 && strcmp(argv[1], "top") == 0)
		return talkers_command(cli, argc - 1, argv + 1);
	if (word_take(&argc, &argv))
		return kill_command(cli, argc, argv, ends, "sessions.kill", "sessions");
	return list(cli, argc, argv, show, "sessions", sessions_some, sessions_all);
}

int connections_command(struct cli *cli, int argc, char **argv)
{
	static const struct option show[] = { FILTER_OF_CONNECTIONS,
					      { "rate-over", required_argument, NULL, FILTER_RATE },
					      { "limit", required_argument, NULL, 'l' },
					      { "json", no_argument, NULL, 'j' },
					      { 0 } };
	static const struct option ends[] = { FILTER_OF_CONNECTIONS,
					      { "rate-over", required_argument, NULL, FILTER_RATE },
					      KILL_OPTIONS };

	if (argc > 1 && strcmp(argv[1], "top") == 0)
		return conn_talkers_command(cli, argc - 1, argv + 1);
	if (word_take(&argc, &argv))
		return kill_command(cli, argc, argv, ends, "connections.kill", "connections");
	return list(cli, argc, argv, show, "connections", show_connections, show_connections);
}

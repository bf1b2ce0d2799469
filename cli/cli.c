/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli.h"

#include "../conf/guess.h"
#include "units.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_SOCKET "/run/fairlead/control.sock" /* as in conf/schema.c */

enum { ERR_MAX = 512, PAGE = 256 /* members of a list asked for at once */ };

int cli_usage(struct cli *cli, const char *what, const char *arg)
{
	cli->mistakes++;
	fflush(stdout);
	fprintf(stderr, "fairlead: %s%s%s\n", what, arg ? " " : "", arg ? arg : "");
	return EXIT_USAGE;
}

int cli_unknown(struct cli *cli, const char *what, const char *typed, const char *likely)
{
	char sentence[ERR_MAX];

	if (!likely)
		return cli_usage(cli, what, typed);
	snprintf(sentence, sizeof(sentence), "%s: did you mean %s?", typed, likely);
	return cli_usage(cli, what, sentence);
}

int cli_fail(const char *sentence)
{
	fflush(stdout); /* what was shown before it comes before it */
	fprintf(stderr, "fairlead: %s\n", sentence);
	return EXIT_FAILURE;
}

/*
 * The socket's path, by option or else from the configuration. Who may use the socket need not be
 * one who may read the secrets in there: then it is where it usually is. NULL, and why in err.
 */
static const char *socket_path(struct cli *cli, char *err, size_t errlen)
{
	struct config *c;

	if (cli->socket)
		return cli->socket;
	if (access(cli->config, R_OK) < 0 && errno == EACCES)
		return DEFAULT_SOCKET;
	c = config_load(cli->config, err, errlen);
	/* What runs can be looked at while the file is being changed. */
	if (!c && config_load_socket(cli->config, cli->path))
		return cli->path;
	if (!c)
		return NULL;
	snprintf(cli->path, sizeof(cli->path), "%s", c->control.socket);
	config_free(c);
	return cli->path;
}

struct control_client *cli_try(struct cli *cli, char *err, size_t errlen)
{
	const char *path;

	if (cli->at.url)
		return client_open_https(&cli->at, err, errlen);
	path = socket_path(cli, err, errlen);
	errno = EINVAL;
	return path ? client_open(path, err, errlen) : NULL;
}

struct control_client *cli_connect(struct cli *cli)
{
	char err[ERR_MAX];
	struct control_client *c = cli_try(cli, err, sizeof(err));

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

void cli_print(const struct cli *cli, const json_t *result)
{
	/* Of many looks each is a line. */
	json_dumpf(result, stdout, cli->watch ? JSON_COMPACT : JSON_INDENT(2));
	putchar('\n');
}

bool cli_number(const char *s, long min, long *out)
{
	char *end;

	*out = strtol(s, &end, 10);
	return end != s && *end == '\0' && *out >= min && *out < INT_MAX;
}

bool cli_seconds(const char *s, long min, long *out)
{
	int64_t seconds;

	if (!unit_read_seconds(s, &seconds) || seconds < min || seconds >= INT_MAX)
		return false;
	*out = (long)seconds;
	return true;
}

bool cli_bytes(const char *s, long min, long *out)
{
	double bytes;

	if (strchr(s, '/') || !unit_read(s, &bytes) || bytes < (double)min || bytes > UINT32_MAX)
		return false;
	*out = (long)bytes;
	return true;
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

/* ---- arguments ---- */

/* The option that a word with "--", its dashes left out, is likely to mean; NULL: none. */
static const struct option *option_guess(const struct option *opts, const char *word)
{
	static const struct option help = { "help", no_argument, NULL,
					    'h' }; /* is never among them */
	const struct option *likely = NULL;
	char name[ERR_MAX];
	struct guess g;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
	g = guess_begin(name);
	for (; opts->name; opts++) {
		guess_offer(&g, opts->name);
		if (g.name == opts->name)
			likely = opts;
	}
	guess_offer(&g, help.name);
	return g.name == help.name ? &help : likely;
}

/* What getopt_long() did not take, with the value that may stand behind it. */
static void option_tell(struct cli *cli, int argc, char **argv, const struct option *opts)
{
	char letter[] = { '-', (char)optopt, '\0' }, name[ERR_MAX];
	const char *word = argv[optind - 1];
	const struct option *likely;

	if (strncmp(word, "--", 2) != 0) { /* letters that stand together are one word */
		cli_usage(cli, "unknown option", letter);
		return;
	}
	if (optopt) {
		cli_usage(cli, "no value is taken by", word);
		return;
	}
	likely = option_guess(opts, word + 2);
	snprintf(name, sizeof(name), "--%s", likely ? likely->name : "");
	cli_unknown(cli, "unknown option", word, likely ? name : NULL);
	if (likely && likely->has_arg == required_argument && !strchr(word, '=') && optind < argc &&
	    argv[optind][0] != '-')
		optind++;
}

/* The next that is told or taken elsewhere; order is getopt_long()'s. */
static int option_next(struct cli *cli, int argc, char **argv, const struct option *opts,
		       const char *order)
{
	for (;;) {
		int o = getopt_long(argc, argv, order, opts, NULL);

		if (o == 'j')
			cli->json = true;
		else if (o == ':')
			cli_usage(cli, "missing value after", argv[optind - 1]);
		else if (o == '?')
			option_tell(cli, argc, argv, opts);
		else
			return o == -1 && cli->mistakes ? '?' : o;
	}
}

int cli_before(struct cli *cli, int argc, char **argv, const struct option *opts)
{
	return option_next(cli, argc, argv, opts, "+:");
}

int cli_word_or_option(struct cli *cli, int argc, char **argv, const struct option *opts)
{
	int o;

	if (!cli->rest) {
		o = option_next(cli, argc, argv, opts, "-:");
		if (o != -1 && o != '?')
			return o;
		cli->rest = optind; /* what is behind "--" are words */
	}
	if (cli->rest < argc) {
		optarg = argv[cli->rest++];
		return CLI_WORD;
	}
	cli->rest = 0;
	return cli->mistakes ? '?' : -1;
}

int cli_option(struct cli *cli, int argc, char **argv, const struct option *opts)
{
	int o;

	while ((o = cli_word_or_option(cli, argc, argv, opts)) == CLI_WORD)
		cli_usage(cli, "unexpected", optarg);
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
		cli_print(cli, result);
	else
		show(result, stdout);
	json_decref(result);
	return EXIT_SUCCESS;
}

/* ---- lists as they come: of a million members one page is held ---- */

struct listing {
	const struct cli *cli;
	const char *method;
	void (*show)(const json_t *result, FILE *out);
	json_t *rows; /* not printed yet */
	size_t printed;
};

/* Of many looks each is a line. */
static const char *member_begin(const struct listing *l)
{
	return l->cli->watch ? "" : "\n  ";
}

/* The members behind the list: those of the last page. */
static void json_end(const struct listing *l, const json_t *page)
{
	const char *key;
	json_t *value;

	if (!l->printed)
		printf("{%s\"%s\": [", member_begin(l), l->method);
	printf("%s]", member_begin(l));
	json_object_foreach((json_t *)(uintptr_t)page, key, value)
	{
		if (strcmp(key, l->method) == 0)
			continue;
		printf(",%s\"%s\": ", member_begin(l), key);
		json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
	}
	printf("%s}\n", l->cli->watch ? "" : "\n");
}

static void rows_json(struct listing *l)
{
	json_t *row;
	size_t i;

	json_array_foreach(l->rows, i, row)
	{
		if (l->printed++)
			putchar(',');
		else
			printf("{%s\"%s\": [", member_begin(l), l->method);
		fputs(l->cli->watch ? "" : "\n    ", stdout);
		json_dumpf(row, stdout, JSON_COMPACT);
	}
}

/* Prints what is held; end: nothing follows. False: standard output is gone. */
static bool rows_print(struct listing *l, json_t *page, bool end)
{
	if (l->cli->json) {
		rows_json(l);
		if (end)
			json_end(l, page);
	} else if (json_array_size(l->rows) || !l->printed) {
		if (!end) /* there is more, but nobody has to ask for it */
			json_object_set_new(page, "cursor", json_null());
		if (l->printed)
			putchar('\n');
		json_object_set(page, l->method, l->rows);
		l->show(page, stdout);
		l->printed += json_array_size(l->rows);
	}
	json_array_clear(l->rows);
	return fflush(stdout) != EOF;
}

static bool list_print(struct listing *l, struct control_client *c, json_t *params, size_t limit)
{
	size_t total = 0;
	bool more, ok;

	do {
		const size_t want = limit ? limit - total : PAGE;
		json_t *page, *cursor;

		json_object_set_new(params, "limit", json_integer(want < PAGE ? want : PAGE));
		page = cli_call(c, l->method, json_incref(params));
		if (!page)
			return false;
		total += json_array_size(json_object_get(page, l->method));
		json_array_extend(l->rows, json_object_get(page, l->method));
		cursor = json_incref(json_object_get(page, "cursor"));
		more = json_is_integer(cursor) && (!limit || total < limit);
		ok = (more && json_array_size(l->rows) < PAGE) || rows_print(l, page, !more);
		json_object_set_new(params, "cursor", cursor);
		json_decref(page);
	} while (ok && more);
	return ok;
}

int cli_list(struct cli *cli, const char *method, json_t *params, long limit,
	     void (*show)(const json_t *result, FILE *out))
{
	struct listing l = { cli, method, show, json_array(), 0 };
	struct control_client *c = cli_connect(cli);
	const bool ok = c && list_print(&l, c, params, (size_t)limit);

	client_close(c);
	json_decref(l.rows);
	json_decref(params);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

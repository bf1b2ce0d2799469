/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_CLI_H
#define FL_CLI_CLI_H

/* What the commands of fairlead(1) share. */
#include "../conf/config.h"
#include "client.h"

#include <getopt.h>
#include <stdbool.h>

enum {
	EXIT_USAGE = 2,
	CLI_WORD = 1, /* as getopt_long() has it for a word that is no option */
};

struct cli {
	const char *config; /* path */
	const char *socket; /* given by option, or NULL */
	struct https_at at; /* likewise */
	bool json;
	unsigned int watch;	    /* seconds from look to look, or 0 */
	int mistakes;		    /* in the command line, told so far */
	int rest;		    /* of argv, the next word once all options are read, or 0 */
	char path[CONFIG_PATH_MAX]; /* of the socket, once looked up */
};

/*
 * Both tell on standard error, and return the exit code. The first is a mistake in the command
 * line, of which all are told before the command gives up; arg may be NULL.
 */
int cli_usage(struct cli *cli, const char *what, const char *arg);
int cli_fail(const char *sentence);
/* A mistake that may be a misspelling; likely is what was meant, or NULL. */
int cli_unknown(struct cli *cli, const char *what, const char *typed, const char *likely);

/* Connects to the control process. NULL after telling why not. */
struct control_client *cli_connect(struct cli *cli);
/* The same, with the sentence in err and errno: EINVAL where the configuration is wrong. */
struct control_client *cli_try(struct cli *cli, char *err, size_t errlen);

/* A result, or NULL after telling why not. Takes params over. */
json_t *cli_call(struct control_client *c, const char *method, json_t *params);

/*
 * Asks page after page until there are limit members of the list that is named as the method
 * (0: all of them) or no more. Takes params over; cursor and limit are set in it.
 */
json_t *cli_pages(struct control_client *c, const char *method, json_t *params, size_t limit);

void cli_print(const struct cli *cli, const json_t *result);
/* Prints a result for people, or with --json as it is, and lets it go. NULL: it was told why not.
 */
int cli_show(const struct cli *cli, json_t *result, void (*show)(const json_t *result, FILE *out));
/*
 * Connects, asks for pages and prints them as they come: a long list in several tables, or one
 * object of JSON, of which no more than a page is held. Takes params over.
 */
int cli_list(struct cli *cli, const char *method, json_t *params, long limit,
	     void (*show)(const json_t *result, FILE *out));

/* A whole number of at least min. */
bool cli_number(const char *s, long min, long *out);

/* Seconds as unit_read_seconds() has them, and bytes as unit_read() has; of at least min. */
bool cli_seconds(const char *s, long min, long *out);
bool cli_bytes(const char *s, long min, long *out);

/* "WORKER/SLOT", as a trace prints it: two members of params. */
bool cli_session(const char *s, json_t *params);

/*
 * The next option of a command among opts. When they end -1, or '?' where there were mistakes: all
 * of them are told by then, words that are no option among them.
 */
int cli_option(struct cli *cli, int argc, char **argv, const struct option *opts);
/* The same in front of the command's name, which ends them: argv[optind]. */
int cli_before(struct cli *cli, int argc, char **argv, const struct option *opts);
/* The same for a command that takes words: CLI_WORD, and the word is optarg. */
int cli_word_or_option(struct cli *cli, int argc, char **argv, const struct option *opts);
extern const struct option cli_only_json[];

#endif

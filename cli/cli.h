/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_CLI_H
#define FL_CLI_CLI_H

/* What the commands of fairlead(1) share. */
#include "../conf/config.h"
#include "client.h"

#include <getopt.h>
#include <stdbool.h>

enum { EXIT_USAGE = 2 };

struct cli {
	const char *config; /* path */
	const char *socket; /* given by option, or NULL */
	bool json;
	char path[CONFIG_PATH_MAX]; /* of the socket, once looked up */
};

/* Both tell on standard error, and return the exit code. arg may be NULL. */
int cli_usage(const char *what, const char *arg);
int cli_fail(const char *sentence);

/* Connects to the control process. NULL after telling why not. */
struct control_client *cli_connect(struct cli *cli);

/* A result, or NULL after telling why not. Takes params over. */
json_t *cli_call(struct control_client *c, const char *method, json_t *params);

/*
 * Asks page after page until there are limit members of the list that is named as the method
 * (0: all of them) or no more. Takes params over; cursor and limit are set in it.
 */
json_t *cli_pages(struct control_client *c, const char *method, json_t *params, size_t limit);

void cli_print(const json_t *result);
/* Prints a result for people, or with --json as it is, and lets it go. NULL: it was told why not.
 */
int cli_show(const struct cli *cli, json_t *result, void (*show)(const json_t *result, FILE *out));
/* The two together: connects, asks for pages, shows. Takes params over. */
int cli_list(struct cli *cli, const char *method, json_t *params, long limit,
	     void (*show)(const json_t *result, FILE *out));

/* A whole number of at least min. */
bool cli_number(const char *s, long min, long *out);

/* "WORKER/SLOT", as a trace prints it: two members of params. */
bool cli_session(const char *s, json_t *params);

/*
 * The next option of a command among opts, or -1 when they end. A word that is no option, or an
 * unknown option, gives '?' after telling.
 */
int cli_option(struct cli *cli, int argc, char **argv, const struct option *opts);
extern const struct option cli_only_json[];

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_COMMAND_H
#define FL_CLI_COMMAND_H

/*
 * The words of the command line, in tables: what help prints, what the shell completes and what
 * runs are one text.
 */
#include "cli.h"

#include <stdio.h>

struct command {
	const char *name; /* NULL ends a table */
	/* Its arguments: "--option", with a value in capitals behind it, which is FILE or PATH
	 * where it is one; [] and | as in a synopsis. --watch, --json and --help are understood. */
	const char *args;
	const char *help; /* a sentence or two, without a full stop */
	/* argv[0] is the command's name. NULL: whoever has the table runs it. */
	int (*run)(struct cli *cli, int argc, char **argv);
	const struct command *words; /* commands below it, or NULL */
	const char *notes;	     /* more text for its help and that of its words, or NULL */
	enum command_watch {
		WATCH_NO,
		WATCH_AGAIN,  /* --watch runs it again and again */
		WATCH_ITSELF, /* it does so itself, every cli->watch seconds */
	} watch;
};

/* NULL: the table has no such word. */
const struct command *command_find(const struct command *table, const char *name);

/* The name that a misspelt one, or the beginning of one, is likely to mean; NULL: none. */
const char *command_guess(const struct command *table, const char *name);

/* One of a list: its arguments, and what it is for. */
void command_line(const struct command *c, FILE *out);

/* On standard error, that these are the words behind a command, and their arguments. */
void command_usage(const char *name, const struct command *words);

/* What "--help" prints: of the command, or of the word below it that argv[1] names. */
void command_help(const struct command *c, int argc, char **argv, FILE *out);

#endif

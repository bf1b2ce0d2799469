/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_WATCH_H
#define FL_CLI_WATCH_H

/* --watch: a command that shows something is run again and again. */
#include "command.h"

/*
 * Takes --watch, --watch=SECONDS and --watch SECONDS out of the words of a command, and sets
 * cli->watch. Returns how many words are left.
 */
int watch_take(struct cli *cli, int argc, char **argv);

/* Runs it every cli->watch seconds, until the first time fails or nobody reads. */
int watch_run(struct cli *cli, const struct command *c, int argc, char **argv);

/* Begins a terminal's screen anew; nothing where it is none. */
void watch_screen(void);

#endif

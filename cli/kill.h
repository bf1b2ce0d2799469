/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_KILL_H
#define FL_CLI_KILL_H

/* Ending sessions, connections or contexts that a filter has. */
#include "cli.h"

/*
 * A whole command "kill" with these options (filter.h), "all" and "dry-run", by the method; what:
 * "sessions". Nothing is ended if no record matches, or all do and --all was not said.
 */
int kill_command(struct cli *cli, int argc, char **argv, const struct option *opts,
		 const char *method, const char *what);
#define KILL_OPTIONS                                                              \
	{ "all", no_argument, NULL, 'a' }, { "dry-run", no_argument, NULL, 'n' }, \
	    { "json", no_argument, NULL, 'j' },                                   \
	{                                                                         \
		0                                                                 \
	}

#endif

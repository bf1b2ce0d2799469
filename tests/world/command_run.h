/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_COMMAND_RUN_H
#define FL_TESTS_COMMAND_RUN_H

/* Runs what `fairlead user` and `fairlead psk` are, with descriptors 0 to 2 in files. */
#include "auth_fixture.h"

enum { CALL_ARGS_MAX = 12 };

/* One run: arguments as the CLI has them (writable), output and messages. */
struct call {
	char arg[CALL_ARGS_MAX][1100];
	char out[4096], err[4096];
};

typedef int command_fn(const struct config *c, int argc, char **argv, bool json);

/* args: up to NULL. Returns the exit code. */
int command_run(struct fixture *f, struct call *c, command_fn *command, bool json,
		const char *input, const char *const *args);

#endif

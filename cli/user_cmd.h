/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_USER_CMD_H
#define FL_CLI_USER_CMD_H

#include "command.h"

enum user_cmd_exit {
	USER_CMD_OK = 0,
	USER_CMD_FAILED = 1, /* no such user, user exists, database trouble */
	USER_CMD_USAGE = 2,
};

/*
 * `fairlead user ...`: works on the database itself, whether the control process runs or not.
 * argv[0] is the verb (add, passwd, del, enable, disable, list). Results go to standard output,
 * in JSON if asked; messages to standard error. Options that hold secrets are overwritten in argv.
 * Returns the exit code.
 */
extern const struct command user_verbs[];
extern const char user_notes[];
int user_command(const struct config *c, int argc, char **argv, bool json);

#endif

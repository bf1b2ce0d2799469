/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_PSK_CMD_H
#define FL_CLI_PSK_CMD_H

#include "user_cmd.h"

/*
 * `fairlead psk ...`: pre-shared keys of TLS clients, in the database itself, whether the control
 * process runs or not; a running one sees changes at once. argv[0] is the verb (add, del, list).
 * A key never stands on the command line. Otherwise as user_command().
 */
extern const struct command psk_verbs[];
extern const char psk_notes[];
int psk_command(const struct config *c, int argc, char **argv, bool json);

#endif

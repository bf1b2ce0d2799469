/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_CONTEXT_H
#define FL_CLI_CONTEXT_H

#include "command.h"

/* fairlead context VERB ...: argv[0] is the verb. */
extern const struct command context_verbs[];
extern const char context_notes[];
int context_command(struct cli *cli, int argc, char **argv);

#endif

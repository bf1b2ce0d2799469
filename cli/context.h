/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_CONTEXT_H
#define FL_CLI_CONTEXT_H

#include "cli.h"

/* fairlead context VERB ...: argv[0] is the verb. */
int context_command(struct cli *cli, int argc, char **argv);

#endif

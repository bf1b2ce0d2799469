/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_TRACE_H
#define FL_CLI_TRACE_H

#include "cli.h"

/* fairlead trace: argv[0] is the command. */
int trace_command(struct cli *cli, int argc, char **argv);

/* What looks at packets already ends, whoever has it, and he is named. False: it failed, and was
 * told. */
bool trace_take_over(struct control_client *c);

/* What looks at packets already ends, whoever has it, and he is named. False: it failed, and was
 * told. */
bool trace_take_over(struct control_client *c);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_CAPTURE_H
#define FL_CLI_CAPTURE_H

#include "cli.h"

/* fairlead capture: argv[0] is the command. */
int capture_command(struct cli *cli, int argc, char **argv);

#endif

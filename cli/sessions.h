/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_SESSIONS_H
#define FL_CLI_SESSIONS_H

/* The commands `sessions` and `connections`: what lives is listed, or ended. */
#include "command.h"

int sessions_command(struct cli *cli, int argc, char **argv);
int connections_command(struct cli *cli, int argc, char **argv);

extern const struct command sessions_words[], connections_words[];

#endif

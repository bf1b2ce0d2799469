/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_DRAIN_H
#define FL_CLI_DRAIN_H

/* Emptying the node, and back. argv[0] is the command's name. */
#include "cli.h"

int drain_command(struct cli *cli, int argc, char **argv);
int undrain_command(struct cli *cli, int argc, char **argv);

/* What is left, in words: of the result of `drain`, or of its part of `status`. */
const char *drain_text(const json_t *drain, char *buf, size_t len);

#endif

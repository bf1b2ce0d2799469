/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_COMPLETE_H
#define FL_CLI_COMPLETE_H

/* Completions of all commands of a table and the options before them. */
#include "command.h"

void complete_bash(const struct command *table, const char *options, FILE *out);
void complete_zsh(const struct command *table, const char *options, FILE *out);
void complete_fish(const struct command *table, const char *options, FILE *out);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_CONFIG_CMD_H
#define FL_CLI_CONFIG_CMD_H

/* The configuration: what runs, how the file differs, and putting it in force. */
#include "command.h"

extern const struct command config_words[];
int cmd_config(struct cli *cli, int argc, char **argv);
int cmd_reload(struct cli *cli, int argc, char **argv);

/* What they print. */
void config_show(const json_t *result, FILE *out);
void config_show_diff(const json_t *result, FILE *out);
void config_show_reload(const json_t *result, FILE *out);
/* Mistakes of the file, on standard error. False if there are any. */
bool config_right(const json_t *result);

#endif

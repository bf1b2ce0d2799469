/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_CONTEXT_TALKERS_H
#define FL_CLI_CONTEXT_TALKERS_H

/* By which contexts, or calls, most comes: by the rates that the dataplane tells of each. */
#include "cli.h"

/* Takes a page of the method contexts among the talkers (talkers.h). */
struct talkers;
void context_talkers_page(struct talkers *t, const json_t *page);

/* What talkers_result() has, by the names of contexts. Takes result over. */
json_t *context_talkers_result(json_t *result);
void show_context_talkers(const json_t *result, FILE *out);

/* The command. argv[0] is "top". */
int context_talkers_command(struct cli *cli, int argc, char **argv);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_DROPPERS_H
#define FL_CLI_DROPPERS_H

/*
 * Whose packets are dropped most, and why: sources or sessions with each reason, by what a trace of
 * drops tells in an interval. Drops that found no room in the trace are no one's; how many they are
 * is told.
 */
#include "cli.h"

enum droppers_by { DROPPERS_SOURCE, DROPPERS_SESSION, DROPPERS_BY };

struct tally;

/* Records of trace.next go into the tally. */
void droppers_take(struct tally *t, enum droppers_by by, const json_t *records);

/* At most limit of them, who has most drops first; lost found no room. */
json_t *droppers_result(const struct tally *t, enum droppers_by by, double seconds, int64_t lost,
			size_t limit);

void show_droppers(const json_t *result, FILE *out);

/* The command. argv[0] is "top". */
int droppers_command(struct cli *cli, int argc, char **argv);

#endif

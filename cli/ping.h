/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_PING_H
#define FL_CLI_PING_H

/* fairlead ping and arping: questions to other hosts, sent and measured by the dataplane. */
#include "cli.h"

#include <stdio.h>

#define PING_HELP                                                                                  \
	"ADDRESS [--count N] [--interval SECONDS] [--timeout SECONDS] [--source ADDRESS] [--port " \
	"NAME] [--worker N]"

int ping_command(struct cli *cli, int argc, char **argv);
int arping_command(struct cli *cli, int argc, char **argv);

/* What came of a series of questions. */
struct ping_sum {
	int64_t sent, answered;
	int64_t min_us, max_us, sum_us;
};

void ping_sum_add(struct ping_sum *s, const json_t *answer);
/* A line about the n-th question, and one about all of them. */
void ping_show(const json_t *answer, long n, FILE *out);
void ping_sum_show(const struct ping_sum *s, FILE *out);

#endif

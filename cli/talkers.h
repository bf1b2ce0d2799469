/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_TALKERS_H
#define FL_CLI_TALKERS_H

/* Who relays most: sessions, users or clients' addresses, by what sessions count in an interval. */
#include "cli.h"

enum talkers_by { TALKERS_SESSION, TALKERS_USER, TALKERS_SOURCE, TALKERS_BY };
extern const char *const talkers_by_name[TALKERS_BY];

struct talkers;

/* Allocation failure ends the program. */
struct talkers *talkers_begin(enum talkers_by by);
void talkers_free(struct talkers *t);
/* One member of a list of sessions, as it was first, and as it is so many seconds later. */
void talkers_was(struct talkers *t, const json_t *session);
void talkers_is(struct talkers *t, const json_t *session, double seconds);
/* The busiest, at most limit of them. */
json_t *talkers_result(const struct talkers *t, double seconds, size_t limit);

void show_talkers(const json_t *result, FILE *out);

/* The command. argv[0] is "top". */
int talkers_command(struct cli *cli, int argc, char **argv);

#endif

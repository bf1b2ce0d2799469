/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_WHO_H
#define FL_CLI_WHO_H

/*
 * fairlead who: who had an address of ours, when, by the records that the control process writes
 * (fairlead-cp(8), RECORDS). It reads files and asks nobody, so it answers about a node that is
 * down.
 */
#include "cli.h"

#include "../lib/addr.h"

#include <stdint.h>
#include <stdio.h>

/* A stretch of time, both ends included: milliseconds since 1970. */
struct who_span {
	int64_t from, until;
};

/*
 * "2026-11-24T12:03:05.250Z" and what is less exact: "2026-11-24 12:03" is all of that minute,
 * "12:03" that of the day of now_s. Without "Z" or "+02:00" it is local time. False if s is
 * anything else.
 */
bool who_time(const char *s, int64_t now_s, struct who_span *out);

struct who;

/* Asks for holders of an address, and the port unless that is 0, within a stretch of time. NULL: no
 * memory. */
struct who *who_begin(const struct sock_addr *addr, const struct who_span *when);
/* A file of records; those before it come first. */
void who_scan(struct who *w, FILE *file);
/*
 * {"holders": [...], "first": TIME, "lost": N}: first is the time of the oldest record there is,
 * null if there is none; lost, how many records are missing from that stretch of time. Ends w.
 */
json_t *who_result(struct who *w);

void who_show(const json_t *result, FILE *out);

/* argv[0] is the command. Exit code 1 also if nobody is found. */
int who_command(struct cli *cli, int argc, char **argv);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_CHECK_H
#define FL_CLI_CHECK_H

/* fairlead check: one line and an exit status, as programs of monitoring want them. */
#include "cli.h"

/* As Nagios and its relatives read an exit status. */
enum check_state { CHECK_OK, CHECK_WARNING, CHECK_CRITICAL, CHECK_UNKNOWN };

struct check_limits {
	long days[2];	 /* left of a certificate: fewer are a warning, or critical */
	long drops[2];	 /* a second of reasons of severity "error": so many are */
	long interval_s; /* in which they are counted */
};

/* What the control process told. */
struct check_seen {
	const json_t *status, *ports, *tls; /* results of these methods */
	const json_t *before, *now;	    /* drops, interval_s apart */
};

/*
 * {"state", "code", "summary", "reasons": [{"severity", "what"}], "values": [...]}: a new
 * reference. The worst reason comes first.
 */
json_t *check_judge(const struct check_limits *l, const struct check_seen *seen);

/* The line that monitoring takes, and a line for each further reason. */
void check_show(const json_t *report, FILE *out);

/* "14" or "14,3": the second is what there is in the second place otherwise. */
bool check_pair(const char *s, long out[2]);

int check_command(struct cli *cli, int argc, char **argv);

#endif

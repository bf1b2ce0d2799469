/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_BUSY_H
#define FL_CLI_BUSY_H

/* Sessions that relay more than a rate, to be listed or ended: found by two looks, as `sessions
 * top` has it. */
#include "cli.h"

/*
 * Of those that params have: an object of parameters that name one session each, worker, session
 * and client, so that another one that came to its slot is not meant. NULL: it failed, as it does
 * where these are more than TALLY_KEPT, and was told. To be freed.
 */
json_t *busy_find(struct control_client *c, const json_t *params, double bytes_per_s);

/* The command sessions show with --rate-over: at most limit of them, 0: all. Takes params over. */
int busy_list(struct cli *cli, json_t *params, double bytes_per_s, long limit,
	      void (*show)(const json_t *, FILE *));

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_CONN_TALKERS_H
#define FL_CLI_CONN_TALKERS_H

/* Whose TCP connections carry most: connections or other sides' addresses, by the bytes of their
 * streams in an interval. */
#include "cli.h"

/* A page of the method connections as one of sessions, which talkers.h reads: what came is on the
 * way to peers, and what went to the client. Takes page over. */
json_t *conn_talkers_page(json_t *page);

/* What talkers_result() has, by the names of connections. Takes result over. */
json_t *conn_talkers_result(json_t *result);
void show_conn_talkers(const json_t *result, FILE *out);

/* The command. argv[0] is "top". */
int conn_talkers_command(struct cli *cli, int argc, char **argv);

#endif

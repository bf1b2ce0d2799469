/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_SHOW_H
#define FL_CLI_SHOW_H

/*
 * Results of the control process as tables of at most 100 columns, longer fingerprints apart. The
 * same result gives the same text. What a result lacks is shown as 0 or "-": an older or newer
 * control process is no error.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* False, and says so, if there is no dataplane. */
bool show_attached(const json_t *result, FILE *out);

void show_status(const json_t *result, FILE *out);

/* With an earlier result in before, rates since then instead of sums; NULL: sums. */
void show_workers(const json_t *result, const json_t *before, FILE *out);
void show_ports(const json_t *result, FILE *out);

/* A second table has what was relayed; peers: a third every permission and channel. */
void show_sessions(const json_t *result, bool peers, FILE *out);

/* Reasons that dropped something, the busiest first; all: the others too. */
void show_drops(const json_t *result, bool all, FILE *out);
void show_accounting(const json_t *result, FILE *out);

/* Who is connected, how it goes, and by which TLS. */
void show_connections(const json_t *result, FILE *out);

/* Next hops of workers, and how they are. */
void show_neighbours(const json_t *result, FILE *out);
void show_phones(const json_t *result, FILE *out);
/*
 * Ways by each port. routes_join() gives each route of the result its "gateway": the worst that
 * workers have of it in a list of neighbours, null where none has it.
 */
void routes_join(json_t *result, const json_t *neighbours);
void show_routes(const json_t *result, FILE *out);

/* States, ends and events of TCP: those that count something; all: the others too. */
void show_tcp(const json_t *result, bool all, FILE *out);

/* Certificates in force, handshakes, ends and events of TLS; all as above. */
void show_tls(const json_t *result, bool all, FILE *out);
void show_certificates(const json_t *result, FILE *out);

/* Contexts of the gateway: a page of them, one, the two of a move, and one event in a line. */
void show_contexts(const json_t *result, FILE *out);
void show_context(const json_t *c, FILE *out);
void show_moved(const json_t *result, FILE *out);
void show_event(const json_t *e, FILE *out);

/* A list of name, total, and what it means: only what counted, unless all. */
void show_counts(const json_t *list, const char *title, bool all, FILE *out);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_TALKERS_H
#define FL_CLI_TALKERS_H

/* Who relays most: sessions, users or clients' addresses, by what sessions count in an interval. */
#include "cli.h"
#include "units.h"

enum talkers_by { TALKERS_SESSION, TALKERS_USER, TALKERS_SOURCE, TALKERS_BY };
extern const char *const talkers_by_name[TALKERS_BY];

/*
 * However many sessions there are, a slice of them is looked at twice before the next, and only as
 * many talkers are kept as a tally keeps (tally.h). With users and sources, what is left out may
 * have relayed more in sessions that come later.
 */
enum { TALKERS_SLICE = 65536 };

struct talkers;

/* Allocation failure ends the program. */
struct talkers *talkers_begin(enum talkers_by by);
void talkers_free(struct talkers *t);
/*
 * Of sessions, only those that relay so many bytes a second or more, both ways together, are kept:
 * of a million some hundred may be, of which none is left out then. Users and sources may come to
 * as much by their next session, and so are kept whatever they relay.
 */
void talkers_over(struct talkers *t, double bytes_per_s);
/*
 * One member of a list of sessions, as it was first, and as it is so many seconds later. False:
 * there are TALKERS_SLICE.
 */
bool talkers_was(struct talkers *t, const json_t *session);
void talkers_is(struct talkers *t, const json_t *session, double seconds);
/* The next slice begins. */
void talkers_next(struct talkers *t);
/*
 * The busiest, at most limit of them, and only those that relay so many bytes a second or more,
 * both ways together.
 */
json_t *talkers_result(const struct talkers *t, double seconds, double bytes_per_s, size_t limit);

/* "CLIENT WORKER/SLOT", or its member "who": what a session is called as a talker. */
void talkers_session(const json_t *session, char *buf, size_t len);

/* Asks for a page of the method sessions; NULL: it failed. */
typedef json_t *talkers_page(void *arg, const json_t *params);
/*
 * Looks at all sessions that params have, those of a slice twice with so many seconds in between;
 * *passed: how many it was on average.
 */
bool talkers_look(struct talkers *t, json_t *params, unsigned int seconds, talkers_page *page,
		  void *arg, double *passed);

/* "1.5 MB/s". */
const char *talkers_bytes(const json_t *bytes_per_s, char buf[UNIT_STR_MAX]);
/* Of what has packets_per_s. */
const char *talkers_packets(const json_t *rates, char buf[UNIT_STR_MAX]);
/* How many are not shown, since they do less of it than these. */
void talkers_left_out(const json_t *result, const char *does, FILE *out);

void show_talkers(const json_t *result, FILE *out);

/* The command. argv[0] is "top". */
int talkers_command(struct cli *cli, int argc, char **argv);

#endif

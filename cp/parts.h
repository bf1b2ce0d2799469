/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_PARTS_H
#define FL_CP_PARTS_H

/* What the control process makes of keys, and a reload makes anew (struct reload_part). */
struct server;
struct event_base;
struct metrics;
struct manage;
struct psk_store;
struct vector_source;

struct parts {
	struct server *s;
	struct event_base *base; /* for what a reload makes */
	struct metrics *metrics;
	struct manage *manage;
	/* Made ready. */
	struct psk_store *psk;
	struct vector_source *vectors;
};

/* Adds all of them; *p stays where it is until the server has none any more. */
void parts_add(struct parts *p);
/* Takes all away, also those that others have added, and what was made ready. */
void parts_remove(struct parts *p);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_RELOAD_H
#define FL_CP_RELOAD_H

/*
 * The file is read anew while allocations and contexts go on. All of it is checked, then whoever
 * holds something that was made of keys makes ready what the new ones ask for; if any of them
 * cannot, nothing has changed. Then keys that are APPLIED_LIVE have their new values. Who reads
 * them in struct config when he needs them has nothing to do.
 */
#include "../conf/config.h"

struct server;

enum { RELOAD_PARTS = 8, RELOAD_FILE_MAX = 1 << 20 };

struct reload_part {
	/* False, and one sentence in err: c cannot be had, and all is as it was. */
	bool (*prepare)(void *arg, const struct config *c, char *err, size_t errlen);
	/* After it: the values are in force, or with false all stays as it was. */
	void (*finish)(void *arg, bool apply);
	void *arg;
};

struct reload {
	struct config *conf; /* the server's, to be written; NULL: it is another's */
	bool under_way;	     /* certificates are being read */
	struct reload_part part[RELOAD_PARTS];
	unsigned n_parts;
};

/* Adds one. finish may be NULL if prepare is. */
void reload_add(struct server *s, struct reload_part part);

/* The file as it is now, checked; NULL: errors has each mistake. Free with config_free(). */
struct config *reload_read(const struct server *s, struct config_errors *errors);

/*
 * Puts live keys of a checked file in force. On failure false, one sentence in err, and nothing has
 * changed.
 */
bool reload_apply(struct server *s, const struct config *fresh, char *err, size_t errlen);

/* All of it, told in the log: on SIGHUP. False if nothing has changed, since it failed. */
bool reload_by_signal(struct server *s);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_AUTH_REST_SECRETS_H
#define FL_CP_AUTH_REST_SECRETS_H

/*
 * The secrets of time-limited credentials: those of the configuration, and those of files that are
 * read again when they change. A file holds a secret a line, the new one and the one before it, so
 * that one can be replaced without turning clients away. By looking once a second, at what is in
 * the files, not by inotify, which hears nothing where a link on the way to a file is made anew.
 */
#include "../../conf/config.h"

enum {
	REST_FILE_LINES = 2,
	REST_SECRETS_MAX = CONFIG_SECRETS_MAX + REST_FILE_LINES * CONFIG_SECRET_FILES_MAX,
	REST_LINE_MAX = 2 * CONFIG_STR_MAX + 256, /* of what is told */
};

/* Those of files first, in the order of files and lines. */
struct rest_secrets {
	char text[REST_SECRETS_MAX][CONFIG_STR_MAX];
	uint16_t n;
};

struct rest_watch {
	char file[CONFIG_SECRET_FILES_MAX][CONFIG_STR_MAX];
	uint16_t n_file;
	struct rest_secrets given;    /* by the configuration */
	struct rest_secrets in_force; /* these and those of files */
	struct rest_secrets seen;     /* at the last look */
	uint64_t looked;	      /* when, in seconds */
	char doubt[REST_LINE_MAX];    /* what was wrong at the last look, or "" */
	char problem[REST_LINE_MAX];  /* what is wrong and was told, or "" */
};

/* False with a sentence if a file holds no secrets, or may be read by others. */
bool rest_watch_open(struct rest_watch *w, const struct config *c, char *err, size_t errlen);

/*
 * Looks at the files, once a second at most. What they hold comes into force when two looks have
 * found the same, for a file may be read in the middle of being written; what cannot be read
 * changes nothing. True if there is something to tell, in line.
 */
bool rest_watch_turn(struct rest_watch *w, uint64_t now, char *line, size_t len);

#endif

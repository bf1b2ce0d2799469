/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_AUTH_USER_SECRET_H
#define FL_CP_AUTH_USER_SECRET_H

/* Where the password given to `fairlead user`, or the key given to `fairlead psk`, comes from. */
#include <stdbool.h>
#include <stddef.h>

enum { USER_PASSWORD_MAX = 1024 }; /* NUL included */

/*
 * The first line of a file ("-": standard input) or, with file NULL, what is typed twice at the
 * terminal, or one line of standard input if that is none. what is the secret's name, "password".
 * False with one sentence in err.
 */
bool user_secret_read(const char *what, const char *file, char *out, size_t cap, char *err,
		      size_t errlen);

#endif

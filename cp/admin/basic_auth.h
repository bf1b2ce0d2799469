/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_BASIC_AUTH_H
#define FL_CP_ADMIN_BASIC_AUTH_H

/* A name and a password over HTTP (RFC 7617): one of each, of which only a digest is kept. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct basic_auth {
	bool on;
	uint8_t digest[32]; /* SHA-256 of name:password */
};

enum basic_auth_verdict { BASIC_AUTH_RIGHT, BASIC_AUTH_WRONG, BASIC_AUTH_ABSENT };

/*
 * The password is the only line of a file that its owner alone may read; file "": nobody is asked.
 * On failure false, and one sentence in err.
 */
bool basic_auth_load(struct basic_auth *a, const char *user, const char *file, char *err,
		     size_t errlen);

/* Of the value of an Authorization header; "" is absent. Takes as long whatever is wrong. */
enum basic_auth_verdict basic_auth_judge(const struct basic_auth *a, const char *authorization);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_AUTH_REST_H
#define FL_CP_AUTH_REST_H

/*
 * Time-limited credentials a web service hands out without asking us (draft-uberti-behave-turn-
 * rest): the user name is "EXPIRY:NAME" or "EXPIRY" (seconds since 1970; a fraction of one is taken
 * and does not count), the password is base64(HMAC-SHA1(secret, user name)). Several secrets may be
 * valid at once, so that one can be replaced without turning clients away.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REST_PASSWORD_LEN = 28 }; /* without the NUL */

struct rest_name {
	uint64_t expiry;       /* the first second it is no longer good in, CLOCK_REALTIME */
	const char *canonical; /* NAME, or all of it where there is none; points into the name */
};

/* False if the name has another form: it may still be an ordinary user's. */
bool rest_parse(const char *name, struct rest_name *out);

/* The password that belongs to a user name under one secret. False if OpenSSL failed. */
bool rest_password(const char *secret, const char *name, char out[REST_PASSWORD_LEN + 1]);

#endif

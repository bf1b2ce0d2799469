/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_DIGEST_AUTH_H
#define FL_LIB_DIGEST_AUTH_H

/*
 * The value of an Authorization header of Digest, as SIP has it (RFC 3261 25.1, RFC 7616 3.4; auts:
 * RFC 3310 3.2). Nothing in it is to be believed yet.
 */
#include <stdbool.h>
#include <stddef.h>

enum digest_param {
	DIGEST_USERNAME,
	DIGEST_REALM,
	DIGEST_NONCE,
	DIGEST_URI,
	DIGEST_RESPONSE,
	DIGEST_ALGORITHM,
	DIGEST_CNONCE,
	DIGEST_QOP,
	DIGEST_NC,
	DIGEST_AUTS,
	DIGEST_PARAMS
};

enum {
	DIGEST_AUTH_MAX = 2048, /* bytes of a value */
	DIGEST_AUTH_COUNT = 32, /* parameters, unknown ones included */
};

/* Values point into text, so a copy of the struct is none. */
struct digest_auth {
	/* Without quotes and the backslashes of quoted pairs. NULL: there is no such parameter. */
	const char *value[DIGEST_PARAMS];
	char text[DIGEST_AUTH_MAX + 1];
};

/*
 * len bytes: "Digest username=..., ...". Unknown parameters are passed over. False if it is
 * anything else, too long, has a control character, or one of the parameters above twice.
 */
bool digest_auth_parse(const char *value, size_t len, struct digest_auth *out);

#endif

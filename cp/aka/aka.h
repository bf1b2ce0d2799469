/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_AKA_AKA_H
#define FL_CP_AKA_AKA_H

/*
 * HTTP Digest by AKA (RFC 3310, 4169; AKAv2-SHA-256: TS 33.203 Annex X): bytes in, bytes out. What
 * Milenage computes is not done here: RAND, AUTN, XRES, CK and IK come from a home network, as the
 * five of them, and are wiped by who has them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	AKA_RAND = 16,
	AKA_AUTN = 16,
	AKA_KEY = 16, /* CK, IK */
	AKA_RES_MIN = 4,
	AKA_RES_MAX = 16,
	AKA_AUTS = 14,
	AKA_HASH_MAX = 32,
	AKA_HEX_MAX = 2 * AKA_HASH_MAX + 1, /* as text, NUL included */
};

enum aka_algorithm { AKA_V1_MD5, AKA_V2_MD5, AKA_V2_SHA256, AKA_ALGORITHMS };
extern const char *const aka_algorithm_name[AKA_ALGORITHMS];

/* Bytes as text, lower case, into room for twice as many and a NUL. */
void aka_hex(const uint8_t *p, size_t len, char *out);

/* In either case, as tokens are; AKA_ALGORITHMS: none of these. */
enum aka_algorithm aka_algorithm_find(const char *name);

struct aka_vector {
	uint8_t rand[AKA_RAND], autn[AKA_AUTN], xres[AKA_RES_MAX], ck[AKA_KEY], ik[AKA_KEY];
	uint8_t xres_len;
};

/* HA1 as text: the hash of user, realm and the password that an algorithm makes of a vector. */
struct aka_ha1 {
	char hex[AKA_HEX_MAX];
};

/* False if OpenSSL failed. */
bool aka_ha1(enum aka_algorithm a, const char *user, const char *realm, const struct aka_vector *v,
	     struct aka_ha1 *out);

/* CK and IK for who protects something else by them: with AKAv2 not the vector's (RFC 4169 2.2). */
struct aka_keys {
	uint8_t ck[AKA_HASH_MAX], ik[AKA_HASH_MAX];
	uint8_t len; /* bytes of each */
};
bool aka_keys(enum aka_algorithm a, const struct aka_vector *v, struct aka_keys *out);

/* What a response is computed of (RFC 7616 3.4.1). */
struct aka_request {
	const char *method; /* "": the server's own, rspauth (RFC 3310 3.5) */
	const char *uri, *nonce;
	const char *qop;	 /* "auth", "auth-int"; NULL: none */
	const char *nc, *cnonce; /* with it */
	const void *body;	 /* of auth-int */
	size_t body_len;
};

/* The response as text. False if OpenSSL failed. */
bool aka_response(enum aka_algorithm a, const struct aka_ha1 *ha1, const struct aka_request *r,
		  char out[AKA_HEX_MAX]);

/* Both as text, in constant time; that of a client may have capitals. */
bool aka_response_is(const char *own, const char *theirs);

#endif

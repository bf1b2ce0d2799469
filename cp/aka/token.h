/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_AKA_TOKEN_H
#define FL_CP_AKA_TOKEN_H

/*
 * Tokens by which AKA vouches for a server's certificate that no CA vouches for. The server's is a
 * MAC of the certificate, the client's one of the server's token, both as bytes:
 *
 *   TOKEN_IK    HMAC-SHA1-96 (RFC 2404) under IK
 *   TOKEN_CK_IK the first 12 bytes of the function of TS 33.220 B.2 under CK and IK, FC 0xfff0,
 *               P0 "s_token" or "c_token", P1 SHA-256 of the certificate, or the server's token
 */
#include "aka.h"

enum { TOKEN_LEN = 12 };

enum token_derivation { TOKEN_IK, TOKEN_CK_IK, TOKEN_DERIVATIONS };
extern const char *const token_derivation_name[TOKEN_DERIVATIONS];

/* TOKEN_DERIVATIONS: none of these. */
enum token_derivation token_derivation_find(const char *name);

/* Of a certificate, DER. False if OpenSSL failed. keys.ck is for TOKEN_CK_IK alone. */
bool token_server(enum token_derivation d, const struct aka_keys *keys, const uint8_t *der,
		  size_t der_len, uint8_t out[TOKEN_LEN]);
bool token_client(enum token_derivation d, const struct aka_keys *keys,
		  const uint8_t server[TOKEN_LEN], uint8_t out[TOKEN_LEN]);

/* What a client's token, and the connection it came by, prove. */
enum token_verdict {
	TOKEN_RIGHT,
	TOKEN_WRONG,
	TOKEN_MOVED, /* it came by another connection than the challenge went to */
	TOKEN_NONE,  /* of a connection that has shown no certificate */
	TOKEN_VERDICTS
};
extern const char *const token_verdict_name[TOKEN_VERDICTS];

#endif

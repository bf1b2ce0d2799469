/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_AUTH_DIGEST_H
#define FL_CP_AUTH_DIGEST_H

/*
 * Keys and hashes of the long-term mechanism (RFC 8489 9.2.2, 14.4 to 14.6) on OpenSSL. The
 * contexts are made once and shared: the control process has one thread.
 */
#include "../../lib/stun.h"

enum {
	DIGEST_MD5_LEN = 16,
	DIGEST_SHA256_LEN = 32,
	DIGEST_KEY_MAX = DIGEST_SHA256_LEN,
};

struct digest_span {
	const void *p;
	size_t len;
};

/* Fetches what OpenSSL provides; may be called again. On failure one sentence in err. */
bool digest_open(char *err, size_t errlen);

/*
 * HMAC-SHA1 or HMAC-SHA256 over in[0..n). type is the attribute it is for,
 * STUN_ATTR_MESSAGE_INTEGRITY or STUN_ATTR_MESSAGE_INTEGRITY_SHA256. Returns the length written
 * to out, 0 if OpenSSL failed.
 */
size_t digest_hmac(uint16_t type, const void *key, size_t key_len, const struct digest_span *in,
		   size_t n, uint8_t out[DIGEST_SHA256_LEN]);

/*
 * digest_hmac() at about half the price if the last call for this type had the same key: what
 * hashing the key left is used again. How long it takes tells whether it had: for replies to those
 * who proved that they know the key.
 */
size_t digest_hmac_again(uint16_t type, const void *key, size_t key_len,
			 const struct digest_span *in, size_t n, uint8_t out[DIGEST_SHA256_LEN]);

/*
 * The key of RFC 8489 18.5.1: MD5 or SHA-256 of user ":" realm ":" password, all three prepared
 * by prep_opaque(). out has room for that algorithm. Returns the length, 0 on failure.
 */
size_t digest_key(enum stun_pwalg alg, const char *user, const char *realm, const char *password,
		  uint8_t *out);

/* USERHASH (14.4): SHA-256 of user ":" realm. */
bool digest_userhash(const char *user, const char *realm, uint8_t out[STUN_USERHASH_LEN]);

#endif

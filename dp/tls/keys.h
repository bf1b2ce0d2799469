/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TLS_KEYS_H
#define FL_DP_TLS_KEYS_H

/*
 * Cipher suites, and the keys that protect one direction of a connection: made from what a
 * handshake leaves (handshake.h), used by the record layer (record.h). AEAD suites only.
 */
#include "aead.h"

enum {
	TLS_NONCE = AEAD_NONCE,
	TLS_EXPLICIT_12 = 8, /* of the nonce, in each AES-GCM record of TLS 1.2 (RFC 5288 3) */
	TLS_SECRET_MAX = 48, /* a traffic secret, SHA-384 */
	TLS_KEY_MAX = 32,
};

enum tls_version { TLS_1_2 = 0x0303, TLS_1_3 = 0x0304 };

enum tls_digest { TLS_SHA256, TLS_SHA384 };

/* A cipher suite the record layer knows. Constant. */
struct tls_suite {
	uint16_t id;	      /* IANA */
	uint16_t version;     /* enum tls_version */
	uint8_t cipher;	      /* enum aead_cipher */
	uint8_t digest;	      /* enum tls_digest: of HKDF, or of the PRF */
	uint8_t key_len;      /* bytes */
	uint8_t explicit_len; /* bytes of the nonce that stand in each record */
	const char *name;     /* OpenSSL's and IANA's for 1.3; OpenSSL's for 1.2 */
};

/*
 * By its number; NULL: none of ours. One number may be known by one version only. tls_suites() is
 * the table, n its length: the handshake offers these and no others.
 */
const struct tls_suite *tls_suite(uint16_t id);
const struct tls_suite *tls_suites(size_t *n);

/*
 * What protects one direction. The worker that has the connection reads and writes it. secret is
 * there for TLS 1.3 only, where the keys of the next generation come from it (RFC 8446 7.2).
 */
struct tls_keys {
	struct aead_key key;
	uint64_t seq;		/* of the next record */
	uint64_t records;	/* under this key */
	uint64_t bytes;		/* under this key: plaintext */
	uint64_t explicit_next; /* TLS 1.2 AES-GCM, to send: explicit nonce of the next record */
	const struct tls_suite *suite;
	uint8_t iv[TLS_NONCE];
	uint8_t secret[TLS_SECRET_MAX];
};

/*
 * Key derivation of a worker: OpenSSL's HKDF, fetched at start. Derivations are rare (the end of a
 * handshake, KeyUpdate); they allocate inside OpenSSL, which is why KeyUpdates have a rate limit.
 */
struct tls_kdf;
struct tls_kdf *tls_kdf_create(void);
void tls_kdf_free(struct tls_kdf *k);

/* HKDF-Expand-Label (RFC 8446 7.1) with an empty context or one of ctx_len bytes. */
bool tls_expand_label(struct tls_kdf *k, enum tls_digest d, const uint8_t *secret,
		      const char *label, const void *ctx, size_t ctx_len, uint8_t *out,
		      size_t out_len);

/* Keys from a traffic secret of 32 or 48 bytes by suite (RFC 8446 7.3); seq starts at 0. */
bool tls_keys_13(struct tls_kdf *k, struct aead *a, struct tls_keys *keys,
		 const struct tls_suite *suite, const uint8_t *secret);
/* The next generation (RFC 8446 7.2). */
bool tls_keys_update(struct tls_kdf *k, struct aead *a, struct tls_keys *keys);
/* From the key block of TLS 1.2 (RFC 5246 6.3). iv: 4 bytes for AES-GCM, 12 for ChaCha20. */
bool tls_keys_12(struct aead *a, struct tls_keys *keys, const struct tls_suite *suite,
		 const uint8_t *key, const uint8_t *iv, uint64_t seq, uint64_t explicit_next);
void tls_keys_wipe(struct tls_keys *keys);

#endif

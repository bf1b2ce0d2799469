/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TLS_AEAD_H
#define FL_DP_TLS_AEAD_H

/*
 * Authenticated encryption (RFC 5116) over scattered bytes: what records are protected with. Two
 * implementations: aead_imb.c (libipsec-mb) and aead_evp.c (OpenSSL's EVP: for machines and builds
 * without it). Which one serves a cipher is chosen once, at start.
 */
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef IPSEC_MB_KEY
#define IPSEC_MB_KEY 32 /* EVP's is the key itself */
#endif

enum aead_cipher { AEAD_AES128_GCM, AEAD_AES256_GCM, AEAD_CHACHA20_POLY1305, AEAD_CIPHERS };

enum {
	AEAD_TAG = 16,
	AEAD_NONCE = 12,
	AEAD_PIECES_MAX = 64,	       /* of one record */
	AEAD_KEY_STATE = IPSEC_MB_KEY, /* bytes a key may take once it is expanded */
};

/* len bytes from `from` to `to`: the same place, or apart. */
struct aead_piece {
	const uint8_t *from;
	uint8_t *to;
	uint32_t len;
};

/* A key, expanded: opaque, by value, may be copied (connections move between workers). */
struct aead_key {
	alignas(64) uint8_t state[AEAD_KEY_STATE];
	uint8_t cipher; /* enum aead_cipher */
	bool set;
};

/* An implementation. self is what open() made. */
struct aead_ops {
	const char *name; /* "libipsec-mb", "evp" */
	/* NULL: this machine, or build, cannot. */
	void *(*open)(void);
	void (*close)(void *self);
	bool (*has)(enum aead_cipher c);
	bool (*key)(void *self, struct aead_key *k, const uint8_t *key);
	/* If it fails inside, what it wrote is zeros: no plaintext leaves by accident. */
	void (*seal)(void *self, const struct aead_key *k, const uint8_t *nonce, const uint8_t *aad,
		     uint32_t aad_len, const struct aead_piece *p, uint32_t n, uint8_t *tag);
	/* Compares the tag in constant time. */
	bool (*unseal)(void *self, const struct aead_key *k, const uint8_t *nonce,
		       const uint8_t *aad, uint32_t aad_len, const struct aead_piece *p, uint32_t n,
		       const uint8_t *tag);
};
extern const struct aead_ops aead_imb, aead_evp;

/*
 * What a worker seals and opens with. Not shared between threads. A key made by one worker's may be
 * used by another's.
 */
struct aead;

/* NULL when memory or OpenSSL fail. only: use no other implementation (tests, benchmarks); NULL. */
struct aead *aead_create(const struct aead_ops *only);
void aead_free(struct aead *a);
/* Name of the implementation that serves a cipher. */
const char *aead_backend(const struct aead *a, enum aead_cipher c);

/* Expands a key of the cipher's length. False: the implementation refused. */
bool aead_key_set(struct aead *a, struct aead_key *k, enum aead_cipher c, const uint8_t *key);
/* nonce: AEAD_NONCE bytes; tag: AEAD_TAG bytes, out. n <= AEAD_PIECES_MAX. */
void aead_seal(struct aead *a, const struct aead_key *k, const uint8_t *nonce, const uint8_t *aad,
	       uint32_t aad_len, const struct aead_piece *p, uint32_t n, uint8_t *tag);
/* False: the tag is wrong (compared in constant time); what was written must not be used. */
bool aead_unseal(struct aead *a, const struct aead_key *k, const uint8_t *nonce, const uint8_t *aad,
		 uint32_t aad_len, const struct aead_piece *p, uint32_t n, const uint8_t *tag);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_CIPHER_CIPHER_H
#define FL_DP_CIPHER_CIPHER_H

/*
 * A burst of packets, each with a key of its own, is authenticated and enciphered in place at
 * once: what SRTP does to media, and what ESP does. Implementations: cipher_imb.c (libipsec-mb) and
 * cipher_evp.c (OpenSSL, for machines and builds without it). Which one serves is chosen once, at
 * start. aead.h is for records of TLS, which lie scattered and come one by one.
 */
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef IPSEC_MB_KEY
#define IPSEC_MB_KEY 32 /* EVP's is the key itself */
#endif

enum cipher_alg {
	CIPHER_NULL_SHA1, /* HMAC-SHA1 alone */
	CIPHER_CTR_SHA1,  /* AES in counter mode, then HMAC-SHA1 of what that made */
	CIPHER_CBC_SHA1,  /* AES-128-CBC, then HMAC-SHA1 of what that made: ESP's */
	CIPHER_GCM,	  /* AES-GCM; GMAC is that of no text */
	CIPHER_ALGS
};

enum {
	CIPHER_BURST = 64, /* packets at once */
	CIPHER_KEY_MAX = 32,
	CIPHER_CBC_KEY = 16,
	CIPHER_BLOCK = 16, /* AES's */
	CIPHER_SHA1 = 20,  /* a key of HMAC-SHA1, and what it gives before it is cut */
	CIPHER_GCM_TAG = 16,
	CIPHER_LINE = 64,
	/* Bytes of a key's state, by what it is for. */
	CIPHER_CTR_STATE = 256,
	CIPHER_CBC_KEYS = 192, /* one way's, from line to line */
	CIPHER_CBC_STATE = 2 * CIPHER_CBC_KEYS,
	CIPHER_GCM_STATE = (IPSEC_MB_KEY + CIPHER_LINE - 1) & ~(CIPHER_LINE - 1),
	CIPHER_RAW_STATE = CIPHER_LINE,
};

/*
 * A key, expanded: one line, and as many bytes of state behind it as its algorithm takes. By value:
 * another thread's implementation of the same kind may use it.
 */
struct cipher_key {
	alignas(CIPHER_LINE) uint8_t alg; /* enum cipher_alg */
	uint8_t len;			  /* of AES's key: 16 or 32; of CBC 16 */
	bool raw;			  /* the state is AES's key, expanded at each use */
	uint8_t salt[16];		  /* the caller's own, to make IVs from */
	/* Of HMAC-SHA1 (RFC 2104), once it has had the block of its padded key. */
	uint32_t inner[CIPHER_SHA1 / 4], outer[CIPHER_SHA1 / 4];
	alignas(CIPHER_LINE) uint8_t state[];
};
_Static_assert(sizeof(struct cipher_key) == CIPHER_LINE, "one line and the state");

/* What a key is made of. */
struct cipher_secret {
	const uint8_t *key; /* of AES */
	uint8_t len;
	const uint8_t *mac; /* of HMAC-SHA1, CIPHER_SHA1 bytes; NULL with AES-GCM */
};

/* One packet. */
struct cipher_op {
	const struct cipher_key *key;
	uint8_t *text;	     /* enciphered in place */
	const uint8_t *auth; /* HMAC: all that is authenticated; GCM: what is beside the text */
	uint32_t text_len, auth_len; /* CBC's text is whole blocks */
	uint8_t iv[16];		  /* counter mode: the first block; CBC: all of it; GCM: 12 bytes */
	uint8_t tag[CIPHER_SHA1]; /* sealed: the whole tag, out; unsealed: what it shall be */
	uint8_t tag_len;	  /* bytes of it that are compared; GCM: CIPHER_GCM_TAG */
	bool ok;		  /* out: it was sealed, or its tag is right */
};

/* An implementation. self is what open() made: of one thread. */
struct cipher_ops {
	const char *name;
	/* NULL: this machine, or build, cannot. */
	void *(*open)(void);
	void (*close)(void *self);
	/* The header is set but for the HMAC's states. */
	bool (*key)(void *self, struct cipher_key *k, const struct cipher_secret *s);
	/* n: CIPHER_BURST at most. */
	void (*seal)(void *self, struct cipher_op *op, uint32_t n);
	void (*unseal)(void *self, struct cipher_op *op, uint32_t n);
};
extern const struct cipher_ops cipher_imb, cipher_evp;

/* What a worker has: not shared between threads. */
struct cipher;

/* NULL when memory or OpenSSL fail. only: no other implementation (tests, benchmarks); NULL. */
struct cipher *cipher_create(const struct cipher_ops *only);
void cipher_free(struct cipher *c);
const char *cipher_backend(const struct cipher *c);

/*
 * The key of CBC is CIPHER_CBC_KEY bytes, others are refused.
 * raw: with AES-GCM the state takes CIPHER_RAW_STATE bytes, and each use pays for the expansion.
 * False: the implementation refused. The salt is left as it was.
 */
bool cipher_key_set(struct cipher *c, struct cipher_key *k, enum cipher_alg alg, bool raw,
		    const struct cipher_secret *s);

/* Sets each op's tag and ok. */
void cipher_seal(struct cipher *c, struct cipher_op *op, uint32_t n);
/*
 * Sets each op's ok, after a comparison in constant time. Where that is false the text is what it
 * was, so that another key or IV may be tried.
 */
void cipher_unseal(struct cipher *c, struct cipher_op *op, uint32_t n);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_FINGERPRINT_H
#define FL_LIB_FINGERPRINT_H

/* Fingerprints of certificates: hashes of their DER (RFC 8122 5). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Weakest first. MD5 and MD2 are not to be used (RFC 8122 5). */
enum fp_hash { FP_SHA1, FP_SHA224, FP_SHA256, FP_SHA384, FP_SHA512, FP_HASHES };

enum {
	FP_MAX = 64,				 /* bytes of the longest */
	FP_SET_LEN = 20 + 28 + 32 + 48 + FP_MAX, /* bytes of all */
	FP_TEXT_MAX = 8 + 3 * FP_MAX,		 /* as text, NUL included */
};

struct fingerprint {
	uint8_t hash; /* enum fp_hash */
	uint8_t digest[FP_MAX];
};

/* Of one certificate, by every hash. */
struct fingerprint_set {
	uint8_t bytes[FP_SET_LEN];
};

/* Bytes; 0: no hash of these. */
static inline uint8_t fp_len(uint8_t hash)
{
	static const uint8_t len[FP_HASHES] = { 20, 28, 32, 48, 64 };

	return hash < FP_HASHES ? len[hash] : 0;
}

/* Where a set has it: fp_len() bytes. */
static inline const uint8_t *fp_of(const struct fingerprint_set *s, enum fp_hash hash)
{
	static const uint8_t at[FP_HASHES] = { 0, 20, 48, 80, 128 };

	return s->bytes + at[hash];
}

/*
 * "sha-256 4A:AD:B9:...": what follows "a=fingerprint:" (RFC 8122 5), len bytes without NUL. Names
 * and digits are taken in either case. False if it is anything else, a hash not to be used or a
 * digest of another length included; *fp is zeros then.
 */
bool fingerprint_parse(const char *text, size_t len, struct fingerprint *fp);

/*
 * The same as text, with the RFC's capital digits: NUL-terminated, cut if buf is too small. Returns
 * the length of the whole; 0, and "", if its hash is none of these.
 */
size_t fingerprint_format(const struct fingerprint *fp, char *buf, size_t len);

#endif

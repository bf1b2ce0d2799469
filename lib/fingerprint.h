/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_FINGERPRINT_H
#define FL_LIB_FINGERPRINT_H

/* Fingerprints of certificates: hashes of their DER (RFC 8122 5). */
#include <stdint.h>

/* Weakest first. MD5 and MD2 are not to be used (RFC 8122 5). */
enum fp_hash { FP_SHA1, FP_SHA224, FP_SHA256, FP_SHA384, FP_SHA512, FP_HASHES };

enum {
	FP_MAX = 64,				 /* bytes of the longest */
	FP_SET_LEN = 20 + 28 + 32 + 48 + FP_MAX, /* bytes of all */
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

#endif

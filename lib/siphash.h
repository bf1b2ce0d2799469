/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_SIPHASH_H
#define FL_LIB_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* 128-bit key, from the system's generator. */
struct siphash_key {
	uint64_t k[2];
};

/* SipHash-2-4 of len bytes (Aumasson, Bernstein 2012). Keyed: safe against chosen input. */
uint64_t siphash(const struct siphash_key *key, const void *data, size_t len);

#endif

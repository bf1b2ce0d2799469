/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_RAND_H
#define FL_CP_RAND_H

/*
 * Random numbers that nobody outside can predict: SipHash in counter mode under a key from
 * getrandom(2). Cheap enough for one or two an allocation.
 */
#include "../lib/siphash.h"

struct rand {
	struct siphash_key key;
	uint64_t counter;
};

/* Takes a key from the system; ends the process if it has none to give. */
void rand_init(struct rand *r);
void rand_bytes(void *p, uint32_t len); /* straight from getrandom(2) */

static inline uint64_t rand_u64(struct rand *r)
{
	r->counter++;
	return siphash(&r->key, &r->counter, sizeof(r->counter));
}

/* Uniform in [0, n), n > 0. Lemire's multiplication leaves a bias below 2^-32. */
static inline uint32_t rand_below(struct rand *r, uint32_t n)
{
	return (uint32_t)(((unsigned __int128)rand_u64(r) * n) >> 64);
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#include "aead.h"

#include <stdlib.h>
#include <string.h>

struct aead {
	struct {
		const struct aead_ops *ops;
		void *self;
	} by[AEAD_CIPHERS];
};

/* In the order of preference. */
static const struct aead_ops *const implementation[] = { &aead_imb, &aead_evp };
enum { IMPLEMENTATIONS = sizeof(implementation) / sizeof(implementation[0]) };

/* Gives it those of its ciphers that nobody has yet. */
static void aead_offer(struct aead *a, const struct aead_ops *ops)
{
	void *self = ops->open();
	bool taken = false;
	int c;

	for (c = 0; self && c < AEAD_CIPHERS; c++)
		if (!a->by[c].ops && ops->has(c)) {
			a->by[c].ops = ops;
			a->by[c].self = self;
			taken = true;
		}
	if (self && !taken)
		ops->close(self);
}

struct aead *aead_create(const struct aead_ops *only)
{
	struct aead *a = calloc(1, sizeof(*a));
	bool served = false, all = true;
	int i;

	if (!a)
		return NULL;
	for (i = 0; i < IMPLEMENTATIONS; i++)
		if (!only || only == implementation[i])
			aead_offer(a, implementation[i]);
	for (i = 0; i < AEAD_CIPHERS; i++) {
		served |= a->by[i].ops != NULL;
		all &= a->by[i].ops != NULL;
	}
	if (all || (only && served))
		return a;
	aead_free(a);
	return NULL;
}

void aead_free(struct aead *a)
{
	int c, d;

	if (!a)
		return;
	for (c = 0; c < AEAD_CIPHERS; c++) {
		void *self = a->by[c].self;

		if (!self)
			continue;
		for (d = c; d < AEAD_CIPHERS; d++)
			if (a->by[d].self == self)
				a->by[d].self = NULL;
		a->by[c].ops->close(self);
	}
	free(a);
}

const char *aead_backend(const struct aead *a, enum aead_cipher c)
{
	return a->by[c].ops ? a->by[c].ops->name : "none";
}

bool aead_key_set(struct aead *a, struct aead_key *k, enum aead_cipher c, const uint8_t *key)
{
	k->cipher = (uint8_t)c;
	k->set = a->by[c].ops && a->by[c].ops->key(a->by[c].self, k, key);
	return k->set;
}

void aead_seal(struct aead *a, const struct aead_key *k, const uint8_t *nonce, const uint8_t *aad,
	       uint32_t aad_len, const struct aead_piece *p, uint32_t n, uint8_t *tag)
{
	a->by[k->cipher].ops->seal(a->by[k->cipher].self, k, nonce, aad, aad_len, p, n, tag);
}

bool aead_unseal(struct aead *a, const struct aead_key *k, const uint8_t *nonce, const uint8_t *aad,
		 uint32_t aad_len, const struct aead_piece *p, uint32_t n, const uint8_t *tag)
{
	return a->by[k->cipher].ops->unseal(a->by[k->cipher].self, k, nonce, aad, aad_len, p, n,
					    tag);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "cipher.h"

#include "../../lib/bug.h"

#include <stdlib.h>

struct cipher {
	const struct cipher_ops *ops;
	void *self;
};

/* In the order of preference. */
static const struct cipher_ops *const implementation[] = { &cipher_imb, &cipher_evp };
enum { IMPLEMENTATIONS = sizeof(implementation) / sizeof(implementation[0]) };

struct cipher *cipher_create(const struct cipher_ops *only)
{
	struct cipher *c = calloc(1, sizeof(*c));
	int i;

	for (i = 0; c && !c->self && i < IMPLEMENTATIONS; i++)
		if (!only || only == implementation[i]) {
			c->ops = implementation[i];
			c->self = c->ops->open();
		}
	if (c && c->self)
		return c;
	free(c);
	return NULL;
}

void cipher_free(struct cipher *c)
{
	if (!c)
		return;
	c->ops->close(c->self);
	free(c);
}

const char *cipher_backend(const struct cipher *c)
{
	return c->ops->name;
}

bool cipher_key_set(struct cipher *c, struct cipher_key *k, enum cipher_alg alg, bool raw,
		    const struct cipher_secret *s)
{
	if (alg == CIPHER_CBC_SHA1 && s->len != CIPHER_CBC_KEY)
		return false;
	k->alg = (uint8_t)alg;
	k->len = s->len;
	k->raw = raw && alg == CIPHER_GCM;
	return c->ops->key(c->self, k, s);
}

void cipher_seal(struct cipher *c, struct cipher_op *op, uint32_t n)
{
	CHECK_ON(n > CIPHER_BURST);
	c->ops->seal(c->self, op, n);
}

void cipher_unseal(struct cipher *c, struct cipher_op *op, uint32_t n)
{
	CHECK_ON(n > CIPHER_BURST);
	c->ops->unseal(c->self, op, n);
}

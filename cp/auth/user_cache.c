/* SPDX-License-Identifier: BSD-3-Clause */
#include "user_cache.h"

#include "../../lib/siphash.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <sys/random.h>

struct user_cache {
	struct siphash_key key;
	uint32_t epoch;
	struct user_cache_slot slot[USER_CACHE_SLOTS];
};

struct user_cache *user_cache_new(void)
{
	struct user_cache *c = calloc(1, sizeof(*c));

	if (c && getrandom(&c->key, sizeof(c->key), 0) != sizeof(c->key)) {
		free(c);
		return NULL;
	}
	if (c)
		c->epoch = 1;
	return c;
}

void user_cache_free(struct user_cache *c)
{
	if (c)
		OPENSSL_cleanse(c, sizeof(*c));
	free(c);
}

void user_cache_clear(struct user_cache *c)
{
	if (++c->epoch == 0) {
		memset(c->slot, 0, sizeof(c->slot));
		c->epoch = 1;
	}
}

struct user_cache_slot *user_cache_find(struct user_cache *c, enum user_cache_by by,
					const void *key, size_t key_len, bool *hit)
{
	uint64_t h = siphash(&c->key, key, key_len) + by;
	struct user_cache_slot *s = &c->slot[h % USER_CACHE_SLOTS];

	*hit = s->epoch == c->epoch && s->by == by && s->key_len == key_len &&
	       memcmp(s->key, key, key_len) == 0;
	return s;
}

void user_cache_fill(struct user_cache *c, struct user_cache_slot *s, enum user_cache_by by,
		     const void *key, size_t key_len, bool known)
{
	s->epoch = c->epoch;
	s->by = (uint8_t)by;
	s->key_len = (uint16_t)key_len;
	memcpy(s->key, key, key_len);
	s->known = known;
}

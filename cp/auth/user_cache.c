/* SPDX-License-Identifier: BSD-3-Clause */
#include "user_cache.h"

#include "../../lib/siphash.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum { SLOTS = USER_CACHE_SETS * USER_CACHE_WAYS };

struct user_cache {
	struct siphash_key key;
	uint32_t next;	     /* which of a set makes room */
	uint32_t tag[SLOTS]; /* of what is in each slot; 0: nothing is */
	struct user_cache_slot slot[SLOTS];
};

struct user_cache *user_cache_new(void)
{
	struct user_cache *c = calloc(1, sizeof(*c));

	if (c && getrandom(&c->key, sizeof(c->key), 0) != sizeof(c->key)) {
		free(c);
		return NULL;
	}
	return c;
}

/* Slots that were never used are left alone: they are address space only. */
static void slots_wipe(struct user_cache *c)
{
	for (uint32_t i = 0; i < SLOTS; i++) {
		if (c->slot[i].by)
			OPENSSL_cleanse(&c->slot[i], sizeof(c->slot[i]));
	}
}

void user_cache_free(struct user_cache *c)
{
	if (c)
		slots_wipe(c);
	free(c);
}

void user_cache_clear(struct user_cache *c)
{
	memset(c->tag, 0, sizeof(c->tag));
	slots_wipe(c);
}

static bool slot_holds(const struct user_cache_slot *s, enum user_cache_by by, const void *key)
{
	if (s->by != by)
		return false;
	return by == USER_BY_NAME ? strcmp(s->user.name, key) == 0
				  : memcmp(s->user.userhash, key, STUN_USERHASH_LEN) == 0;
}

/* An empty slot of the set that begins at first; failing that, one whose turn it is. */
static uint32_t slot_make_room(struct user_cache *c, uint32_t first)
{
	for (uint32_t i = first; i < first + USER_CACHE_WAYS; i++) {
		if (c->tag[i] == 0)
			return i;
	}
	return first + c->next++ % USER_CACHE_WAYS;
}

struct user_cache_slot *user_cache_find(struct user_cache *c, enum user_cache_by by,
					const void *key, bool *hit)
{
	size_t len = by == USER_BY_NAME ? strlen(key) : STUN_USERHASH_LEN;
	uint64_t h = siphash(&c->key, key, len);
	uint32_t first = (uint32_t)(h % USER_CACHE_SETS) * USER_CACHE_WAYS;
	uint32_t tag = (uint32_t)(h >> 32) | 1, i;

	*hit = true;
	for (i = first; i < first + USER_CACHE_WAYS; i++) {
		if (c->tag[i] == tag && slot_holds(&c->slot[i], by, key))
			return &c->slot[i];
	}
	*hit = false;
	i = slot_make_room(c, first);
	c->tag[i] = 0;
	c->slot[i].tag = tag;
	c->slot[i].by = (uint8_t)by;
	return &c->slot[i];
}

void user_cache_fill(struct user_cache *c, struct user_cache_slot *s, const void *key, bool known)
{
	if (!known)
		memset(&s->user, 0, sizeof(s->user));
	if (s->by == USER_BY_NAME)
		snprintf(s->user.name, sizeof(s->user.name), "%s", (const char *)key);
	else
		memcpy(s->user.userhash, key, sizeof(s->user.userhash));
	s->known = known;
	c->tag[s - c->slot] = s->tag;
}

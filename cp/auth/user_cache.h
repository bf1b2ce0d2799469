/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_AUTH_USER_CACHE_H
#define FL_CP_AUTH_USER_CACHE_H

/*
 * What the store answered lately, bounded and taken at start (R73). That a user is unknown is
 * kept like any other answer, so that asking for a name twice takes the same time whether it
 * exists or not. Direct-mapped under a secret hash: a flood of invented names costs others a
 * look-up in the store now and then, and nothing else.
 */
#include "users.h"

enum { USER_CACHE_SLOTS = 4096 };

enum user_cache_by { USER_BY_NAME = 1, USER_BY_HASH };

struct user_cache_slot {
	uint32_t epoch; /* older than the cache's: empty */
	uint16_t key_len;
	uint8_t by;
	bool known;
	uint8_t key[STUN_USERNAME_MAX]; /* what was asked for */
	struct user user;		/* where known */
};

struct user_cache;

struct user_cache *user_cache_new(void); /* NULL: no memory, or no random key */
void user_cache_free(struct user_cache *c);
void user_cache_clear(struct user_cache *c);

/*
 * The slot for a key. *hit tells whether it holds the answer; if not the caller fills known and
 * user, and marks it with user_cache_fill(). key_len is at most STUN_USERNAME_MAX.
 */
struct user_cache_slot *user_cache_find(struct user_cache *c, enum user_cache_by by,
					const void *key, size_t key_len, bool *hit);
void user_cache_fill(struct user_cache *c, struct user_cache_slot *s, enum user_cache_by by,
		     const void *key, size_t key_len, bool known);

#endif

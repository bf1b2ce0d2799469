/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_AUTH_USER_CACHE_H
#define FL_CP_AUTH_USER_CACHE_H

/*
 * What the store answered lately, bounded and taken at start (R73); slots that were never used are
 * address space only. That a user is unknown is kept like any other answer, so that asking for a
 * name twice takes the same time whether it exists or not. Small sets under a secret hash: a flood
 * of invented names costs others a look-up in the store now and then, and nothing else.
 */
#include "users.h"

enum { USER_CACHE_SETS = 1 << 12, USER_CACHE_WAYS = 4 };

enum user_cache_by { USER_BY_NAME = 1, USER_BY_HASH };

/* An answer. What was asked for stands in the user's name or userhash, known or not. */
struct user_cache_slot {
	uint32_t tag; /* part of its hash, never 0 */
	uint8_t by;   /* 0: never used */
	bool known;
	struct user user;
};

struct user_cache;

struct user_cache *user_cache_new(void); /* NULL: no memory, or no random key */
void user_cache_free(struct user_cache *c);
void user_cache_clear(struct user_cache *c);

/*
 * The slot for a key: a name of at most STUN_USERNAME_MAX bytes, NUL-terminated, or a userhash.
 * *hit tells whether it holds the answer; if not the caller writes user, unless there is none, and
 * marks the slot with user_cache_fill().
 */
struct user_cache_slot *user_cache_find(struct user_cache *c, enum user_cache_by by,
					const void *key, bool *hit);
void user_cache_fill(struct user_cache *c, struct user_cache_slot *s, const void *key, bool known);

#endif

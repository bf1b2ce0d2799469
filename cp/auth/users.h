/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_AUTH_USERS_H
#define FL_CP_AUTH_USERS_H

/*
 * Where users are kept (users_sqlite.c). A store holds keys, never passwords; it serves one realm
 * and one thread.
 */
#include "auth.h"
#include "digest.h"

struct user {
	char name[AUTH_USER_MAX];    /* as prep_opaque() leaves it */
	uint8_t md5[DIGEST_MD5_LEN]; /* HA1 (R11) */
	uint8_t sha256[DIGEST_SHA256_LEN];
	uint8_t userhash[STUN_USERHASH_LEN];
	bool has_md5, has_sha256;
	bool disabled;
	uint32_t quota;	 /* allocations; 0: the configuration's limit */
	int64_t created; /* seconds since 1970 */
};

enum user_status {
	USER_OK,
	USER_UNKNOWN,
	USER_EXISTS,
	USER_ERROR, /* the store cannot answer; user_store_error() says why */
};

struct user_store;

typedef void user_list_fn(void *arg, const struct user *u, const char *realm);

/* Opens it, making it if it is not there. On failure NULL and one sentence in err. */
struct user_store *user_store_open(const char *where, const char *realm, char *err, size_t errlen);
/* The same for a reload, in the event loop: it must be there, and hold users that can be read. */
struct user_store *user_store_reopen(const char *where, const char *realm, char *err,
				     size_t errlen);
/* Whether it was opened by that path. */
bool user_store_is_at(const struct user_store *s, const char *where);
/* Users are those of another realm from now on. */
void user_store_realm(struct user_store *s, const char *realm);
void user_store_close(struct user_store *s);

/*
 * For the event loop: these never wait for a lock. *u stays good until the next call. What they
 * return may be older than the last user_store_refresh(), no more.
 */
enum user_status user_store_by_name(struct user_store *s, const char *name, const struct user **u);
enum user_status user_store_by_hash(struct user_store *s, const uint8_t hash[STUN_USERHASH_LEN],
				    const struct user **u);
/* Notices what other processes changed. */
void user_store_refresh(struct user_store *s);

/*
 * A page of the store's realm, by name: at most limit users, from the one behind `after` on ("":
 * the first). Like these it never waits for a lock.
 */
enum user_status user_store_page(struct user_store *s, const char *after, uint32_t limit,
				 user_list_fn *fn, void *arg);

/*
 * For tools: these wait a few seconds for a lock, unless user_store_patience() says otherwise, as
 * the event loop does, which has no time. Keys not in *u are taken away.
 */
void user_store_patience(struct user_store *s, int wait_ms);
enum user_status user_store_add(struct user_store *s, const struct user *u);
enum user_status user_store_set_keys(struct user_store *s, const struct user *u);
enum user_status user_store_set_quota(struct user_store *s, const char *name, uint32_t quota);
enum user_status user_store_set_disabled(struct user_store *s, const char *name, bool disabled);
enum user_status user_store_del(struct user_store *s, const char *name);
/* Of all realms. */
enum user_status user_store_list(struct user_store *s, user_list_fn *fn, void *arg);

/* One sentence after USER_ERROR. */
const char *user_store_error(const struct user_store *s);

#endif

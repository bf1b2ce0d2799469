/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Users in an SQLite file, the embedded default. WAL mode: a reader is never held up by a writer,
 * so the control process reads while `fairlead user` writes. Changes of others are noticed by
 * PRAGMA data_version, which costs 2 us: hence refresh() and the cache rather than a look each
 * time. A file put in place of the open one is not noticed before a restart: a reload would open it
 * with the log of the other.
 *
 * Locks: opening waits half a second, a tool's write three seconds, a look-up never. On a file
 * system without shared memory SQLite keeps its rollback journal; a look-up that meets a write
 * there fails at once (answered 500, and the client asks again) rather than hold up the loop.
 */
#include "user_cache.h"
#include "users.h"
#include "users_db.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FIELDS "name, realm, md5, sha256, userhash, quota, disabled, created"

struct user_store {
	struct users_db d;
	sqlite3_stmt *by_name, *by_hash, *version;
	struct user_cache *cache;
	int64_t data_version;
	int wait_ms; /* for a lock, of what writes */
	char realm[CONFIG_STR_MAX];
};

/* ---- errors ---- */

static enum user_status failed(struct user_store *s, int rc)
{
	users_db_describe(&s->d, rc);
	return USER_ERROR;
}

const char *user_store_error(const struct user_store *s)
{
	return s->d.err;
}

/* ---- opening ---- */

static bool database_open(struct user_store *s, const char *path, enum users_db_when when)
{
	int rc;

	if (!users_db_open(&s->d, path, when))
		return false;
	rc = users_db_prepare(&s->d, "SELECT " FIELDS " FROM users WHERE realm = ?1 AND name = ?2",
			      &s->by_name);
	if (rc == SQLITE_OK)
		rc = users_db_prepare(
		    &s->d, "SELECT " FIELDS " FROM users WHERE userhash = ?2 AND realm = ?1",
		    &s->by_hash);
	if (rc == SQLITE_OK)
		rc = users_db_prepare(&s->d, "PRAGMA data_version", &s->version);
	if (rc != SQLITE_OK)
		users_db_describe(&s->d, rc);
	sqlite3_busy_timeout(s->d.db, 0);
	return rc == SQLITE_OK;
}

void user_store_close(struct user_store *s)
{
	if (!s)
		return;
	sqlite3_finalize(s->by_name);
	sqlite3_finalize(s->by_hash);
	sqlite3_finalize(s->version);
	users_db_close(&s->d);
	user_cache_free(s->cache);
	free(s);
}

static struct user_store *store_open(const char *where, const char *realm, enum users_db_when when,
				     char *err, size_t errlen)
{
	struct user_store *s = calloc(1, sizeof(*s));

	if (!s || !(s->cache = user_cache_new())) {
		snprintf(err, errlen, "no memory for the user cache");
		user_store_close(s);
		return NULL;
	}
	snprintf(s->realm, sizeof(s->realm), "%s", realm);
	s->wait_ms = USERS_DB_WAIT_MS;
	if (!database_open(s, where, when)) {
		snprintf(err, errlen, "%s", s->d.err);
		user_store_close(s);
		return NULL;
	}
	return s;
}

struct user_store *user_store_open(const char *where, const char *realm, char *err, size_t errlen)
{
	return store_open(where, realm, USERS_DB_START, err, errlen);
}

struct user_store *user_store_reopen(const char *where, const char *realm, char *err, size_t errlen)
{
	struct user_store *s = store_open(where, realm, USERS_DB_RELOAD, err, errlen);
	const struct user *u;

	/* A name that nobody has: the table can be read. */
	if (!s || user_store_by_name(s, "", &u) != USER_ERROR)
		return s;
	snprintf(err, errlen, "%s", s->d.err);
	user_store_close(s);
	return NULL;
}

bool user_store_is_at(const struct user_store *s, const char *where)
{
	return strcmp(s->d.path, where) == 0;
}

void user_store_realm(struct user_store *s, const char *realm)
{
	snprintf(s->realm, sizeof(s->realm), "%s", realm);
	user_cache_clear(s->cache);
}

/* ---- reading ---- */

/* A key column: absent is legal, a wrong length is not (the file may be hostile or damaged). */
static bool column_key(sqlite3_stmt *q, int col, uint8_t *out, int len, bool *has)
{
	*has = sqlite3_column_type(q, col) != SQLITE_NULL;
	if (!*has)
		return true;
	if (sqlite3_column_bytes(q, col) != len)
		return false;
	memcpy(out, sqlite3_column_blob(q, col), (size_t)len);
	return true;
}

static bool row_read(sqlite3_stmt *q, struct user *u)
{
	const char *name = (const char *)sqlite3_column_text(q, 0);
	size_t len = (size_t)sqlite3_column_bytes(q, 0);
	int64_t quota = sqlite3_column_int64(q, 5);
	bool has_hash;

	memset(u, 0, sizeof(*u));
	if (!name || len == 0 || len >= sizeof(u->name) || strlen(name) != len)
		return false;
	memcpy(u->name, name, len);
	u->quota = quota > 0 && quota <= UINT32_MAX ? (uint32_t)quota : 0;
	u->disabled = sqlite3_column_int(q, 6) != 0;
	u->created = sqlite3_column_int64(q, 7);
	return column_key(q, 2, u->md5, sizeof(u->md5), &u->has_md5) &&
	       column_key(q, 3, u->sha256, sizeof(u->sha256), &u->has_sha256) &&
	       column_key(q, 4, u->userhash, sizeof(u->userhash), &has_hash) && has_hash;
}

/* Asks the cache, then the file; the answer is in the cache afterwards. */
static enum user_status row_find(struct user_store *s, sqlite3_stmt *q, enum user_cache_by by,
				 const void *key, const struct user **u)
{
	struct user_cache_slot *slot;
	bool hit;
	int rc;

	slot = user_cache_find(s->cache, by, key, &hit);
	if (!hit) {
		sqlite3_bind_text(q, 1, s->realm, -1, SQLITE_STATIC);
		if (by == USER_BY_NAME)
			sqlite3_bind_text(q, 2, key, -1, SQLITE_STATIC);
		else
			sqlite3_bind_blob(q, 2, key, STUN_USERHASH_LEN, SQLITE_STATIC);
		rc = sqlite3_step(q);
		if (rc == SQLITE_ROW && !row_read(q, &slot->user))
			rc = SQLITE_CORRUPT;
		if (rc == SQLITE_ROW || rc == SQLITE_DONE)
			user_cache_fill(s->cache, slot, key, rc == SQLITE_ROW);
		sqlite3_reset(q);
		sqlite3_clear_bindings(q);
		if (rc != SQLITE_ROW && rc != SQLITE_DONE)
			return failed(s, rc);
	}
	*u = &slot->user;
	return slot->known ? USER_OK : USER_UNKNOWN;
}

enum user_status user_store_by_name(struct user_store *s, const char *name, const struct user **u)
{
	return strlen(name) > STUN_USERNAME_MAX ? USER_UNKNOWN
						: row_find(s, s->by_name, USER_BY_NAME, name, u);
}

enum user_status user_store_by_hash(struct user_store *s, const uint8_t hash[STUN_USERHASH_LEN],
				    const struct user **u)
{
	return row_find(s, s->by_hash, USER_BY_HASH, hash, u);
}

/*
 * While the file is locked nothing in it can change either, so the cache stays and users who are
 * in it go on being served.
 */
void user_store_refresh(struct user_store *s)
{
	int64_t v;

	if (sqlite3_step(s->version) == SQLITE_ROW) {
		v = sqlite3_column_int64(s->version, 0);
		if (v != s->data_version)
			user_cache_clear(s->cache);
		s->data_version = v;
	}
	sqlite3_reset(s->version);
}

enum user_status user_store_list(struct user_store *s, user_list_fn *fn, void *arg)
{
	sqlite3_stmt *q = NULL;
	struct user u;
	int rc;

	sqlite3_busy_timeout(s->d.db, s->wait_ms);
	rc = sqlite3_prepare_v2(s->d.db, "SELECT " FIELDS " FROM users ORDER BY realm, name", -1,
				&q, NULL);
	while (rc == SQLITE_OK && (rc = sqlite3_step(q)) == SQLITE_ROW) {
		rc = row_read(q, &u) ? SQLITE_OK : SQLITE_CORRUPT;
		if (rc == SQLITE_OK)
			fn(arg, &u, (const char *)sqlite3_column_text(q, 1));
	}
	sqlite3_finalize(q);
	sqlite3_busy_timeout(s->d.db, 0);
	return rc == SQLITE_DONE ? USER_OK : failed(s, rc);
}

enum user_status user_store_page(struct user_store *s, const char *after, uint32_t limit,
				 user_list_fn *fn, void *arg)
{
	sqlite3_stmt *q = NULL;
	struct user u;
	int rc = sqlite3_prepare_v2(s->d.db,
				    "SELECT " FIELDS " FROM users WHERE realm = ?1 AND name > ?2"
				    " ORDER BY name LIMIT ?3",
				    -1, &q, NULL);

	if (rc == SQLITE_OK) {
		sqlite3_bind_text(q, 1, s->realm, -1, SQLITE_STATIC);
		sqlite3_bind_text(q, 2, after, -1, SQLITE_STATIC);
		sqlite3_bind_int64(q, 3, limit);
	}
	while (rc == SQLITE_OK && (rc = sqlite3_step(q)) == SQLITE_ROW) {
		rc = row_read(q, &u) ? SQLITE_OK : SQLITE_CORRUPT;
		if (rc == SQLITE_OK)
			fn(arg, &u, s->realm);
	}
	sqlite3_finalize(q);
	return rc == SQLITE_DONE ? USER_OK : failed(s, rc);
}

/* ---- writing ---- */

void user_store_patience(struct user_store *s, int wait_ms)
{
	s->wait_ms = wait_ms;
}

/*
 * One statement with the user's fields bound by position: 1 realm, 2 name, 3 md5, 4 sha256,
 * 5 userhash, 6 quota, 7 disabled, 8 created. A statement may use fewer of them. USER_UNKNOWN if
 * it changed no row.
 */
static enum user_status row_write(struct user_store *s, const char *sql, const struct user *u)
{
	sqlite3_stmt *q = NULL;
	int rc;

	sqlite3_busy_timeout(s->d.db, s->wait_ms);
	rc = sqlite3_prepare_v2(s->d.db, sql, -1, &q, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_bind_text(q, 1, s->realm, -1, SQLITE_STATIC);
		sqlite3_bind_text(q, 2, u->name, -1, SQLITE_STATIC);
		if (u->has_md5)
			sqlite3_bind_blob(q, 3, u->md5, sizeof(u->md5), SQLITE_STATIC);
		if (u->has_sha256)
			sqlite3_bind_blob(q, 4, u->sha256, sizeof(u->sha256), SQLITE_STATIC);
		sqlite3_bind_blob(q, 5, u->userhash, sizeof(u->userhash), SQLITE_STATIC);
		if (u->quota)
			sqlite3_bind_int64(q, 6, u->quota);
		sqlite3_bind_int(q, 7, u->disabled);
		sqlite3_bind_int64(q, 8, u->created);
		rc = sqlite3_step(q);
	}
	sqlite3_finalize(q);
	sqlite3_busy_timeout(s->d.db, 0);
	user_cache_clear(s->cache);
	if ((rc & 0xff) == SQLITE_CONSTRAINT)
		return USER_EXISTS;
	if (rc != SQLITE_DONE)
		return failed(s, rc);
	if (sqlite3_changes(s->d.db) == 0)
		return USER_UNKNOWN;
	users_db_settle(&s->d);
	return USER_OK;
}

enum user_status user_store_add(struct user_store *s, const struct user *u)
{
	return row_write(s,
			 "INSERT INTO users (realm, name, md5, sha256, userhash, quota, disabled,"
			 " created) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
			 u);
}

enum user_status user_store_set_keys(struct user_store *s, const struct user *u)
{
	return row_write(s, "UPDATE users SET md5 = ?3, sha256 = ?4 WHERE realm = ?1 AND name = ?2",
			 u);
}

/* A statement about one user; the fields it sets are in *u. */
static enum user_status row_change(struct user_store *s, const char *sql, const char *name,
				   struct user u)
{
	snprintf(u.name, sizeof(u.name), "%s", name);
	return row_write(s, sql, &u);
}

enum user_status user_store_set_quota(struct user_store *s, const char *name, uint32_t quota)
{
	return row_change(s, "UPDATE users SET quota = ?6 WHERE realm = ?1 AND name = ?2", name,
			  (struct user){ .quota = quota });
}

enum user_status user_store_set_disabled(struct user_store *s, const char *name, bool disabled)
{
	return row_change(s, "UPDATE users SET disabled = ?7 WHERE realm = ?1 AND name = ?2", name,
			  (struct user){ .disabled = disabled });
}

enum user_status user_store_del(struct user_store *s, const char *name)
{
	return row_change(s, "DELETE FROM users WHERE realm = ?1 AND name = ?2", name,
			  (struct user){ 0 });
}

/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Users in an SQLite file, the embedded default. WAL mode: a reader is never held up by a writer,
 * so the control process reads while `fairlead user` writes. Changes of others are noticed by
 * PRAGMA data_version, which costs 2 us: hence refresh() and the cache rather than a look each
 * time. A file put in place of the open one is not noticed before a restart.
 *
 * Locks: opening waits half a second, a tool's write three seconds, a look-up never. On a file
 * system without shared memory SQLite keeps its rollback journal; a look-up that meets a write
 * there fails at once (answered 500, and the client asks again) rather than hold up the loop.
 */
#include "secret_file.h"
#include "user_cache.h"
#include "users.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	APPLICATION_ID = 0x464c5573, /* "FLUs": the file is ours */
	SCHEMA_VERSION = 1,
	OPEN_WAIT_MS = 500,
	WRITE_WAIT_MS = 3000,
};

#define FIELDS "name, realm, md5, sha256, userhash, quota, disabled, created"

static const char schema[] =
    "CREATE TABLE users ("
    " name TEXT NOT NULL,"
    " realm TEXT NOT NULL,"
    " md5 BLOB CHECK (md5 IS NULL OR length(md5) = 16)," /* MD5(name:realm:password), HA1 */
    " sha256 BLOB CHECK (sha256 IS NULL OR length(sha256) = 32),"
    " userhash BLOB NOT NULL CHECK (length(userhash) = 32)," /* SHA-256(name:realm) */
    " quota INTEGER," /* allocations; NULL: the configuration's limit */
    " disabled INTEGER NOT NULL DEFAULT 0,"
    " created INTEGER NOT NULL," /* seconds since 1970 */
    " PRIMARY KEY (realm, name)) WITHOUT ROWID;"
    "CREATE UNIQUE INDEX users_userhash ON users (userhash);"
    "PRAGMA application_id = 1179407731;"
    "PRAGMA user_version = 1;";
_Static_assert(APPLICATION_ID == 1179407731 && SCHEMA_VERSION == 1, "as in the schema's text");

struct user_store {
	sqlite3 *db;
	sqlite3_stmt *by_name, *by_hash, *version;
	struct user_cache *cache;
	int64_t data_version;
	char realm[CONFIG_STR_MAX];
	char path[CONFIG_STR_MAX];
	char err[CONFIG_STR_MAX * 2];
};

/* ---- errors ---- */

/* What went wrong and what to do about it; rc is SQLite's primary result code. */
static void describe(struct user_store *s, int rc)
{
	const char *f = s->path;
	char *e = s->err;
	size_t n = sizeof(s->err);

	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
		snprintf(e, n,
			 "user database %s is locked by another program: end it and try again", f);
		break;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		snprintf(e, n,
			 "user database %s is damaged or not a database: restore it, or move it "
			 "away to start a new one",
			 f);
		break;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		snprintf(e, n,
			 "cannot open user database %s: check that its directory exists and that "
			 "this user may read and write both",
			 f);
		break;
	case SQLITE_READONLY:
		snprintf(e, n, "user database %s or its directory is read-only: make both writable",
			 f);
		break;
	case SQLITE_FULL:
		snprintf(e, n, "no space left on the disk of user database %s", f);
		break;
	default:
		snprintf(e, n, "user database %s: %s", f,
			 s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc));
	}
}

static enum user_status failed(struct user_store *s, int rc)
{
	describe(s, rc);
	return USER_ERROR;
}

static const char *sqlite_error(const struct user_store *s)
{
	return s->err;
}

/* ---- opening ---- */

static int pragma_get(struct user_store *s, const char *sql, int64_t *out)
{
	sqlite3_stmt *q;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL);

	if (rc == SQLITE_OK && (rc = sqlite3_step(q)) == SQLITE_ROW) {
		*out = sqlite3_column_int64(q, 0);
		rc = SQLITE_OK;
	}
	sqlite3_finalize(q);
	return rc;
}

/* Makes the tables in a file that has none. Two processes may come here at once. */
static int schema_make(struct user_store *s)
{
	int64_t version = 0, tables = 0;
	int rc = sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

	if (rc == SQLITE_OK)
		rc = pragma_get(s, "PRAGMA user_version", &version);
	if (rc == SQLITE_OK)
		rc = pragma_get(s, "SELECT count(*) FROM sqlite_master", &tables);
	if (rc == SQLITE_OK && version == 0 && tables == 0)
		rc = sqlite3_exec(s->db, schema, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL);
	return rc;
}

/* Whether the file is one of ours and of a version we know. */
static bool schema_check(struct user_store *s)
{
	int64_t id = 0, version = 0;
	int rc = pragma_get(s, "PRAGMA user_version", &version);

	if (rc == SQLITE_OK && version == 0)
		rc = schema_make(s);
	if (rc == SQLITE_OK)
		rc = pragma_get(s, "PRAGMA application_id", &id);
	if (rc == SQLITE_OK)
		rc = pragma_get(s, "PRAGMA user_version", &version);
	if (rc != SQLITE_OK) {
		describe(s, rc);
		return false;
	}
	if (id != APPLICATION_ID) {
		snprintf(s->err, sizeof(s->err),
			 "%s is a database of another program: name another file as auth.users-db",
			 s->path);
		return false;
	}
	if (version != SCHEMA_VERSION) {
		snprintf(
		    s->err, sizeof(s->err),
		    "user database %s has version %lld, this program knows %d: use the one that "
		    "made it",
		    s->path, (long long)version, SCHEMA_VERSION);
		return false;
	}
	return true;
}

static int prepare(struct user_store *s, const char *sql, sqlite3_stmt **q)
{
	return sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, q, NULL);
}

static bool database_open(struct user_store *s)
{
	int fd, rc;

	/* Made here so that it never exists with a wider mode; SQLite copies it to -wal and -shm.
	 */
	secret_file_make_dir(s->path);
	fd = open(s->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	rc = sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_busy_timeout(s->db, OPEN_WAIT_MS);
		rc = sqlite3_exec(s->db, "PRAGMA journal_mode = WAL; PRAGMA secure_delete = ON;",
				  NULL, NULL, NULL);
	}
	if (rc != SQLITE_OK) {
		describe(s, rc);
		return false;
	}
	if (!schema_check(s))
		return false;
	rc = prepare(s, "SELECT " FIELDS " FROM users WHERE realm = ?1 AND name = ?2", &s->by_name);
	if (rc == SQLITE_OK)
		rc = prepare(s, "SELECT " FIELDS " FROM users WHERE userhash = ?2 AND realm = ?1",
			     &s->by_hash);
	if (rc == SQLITE_OK)
		rc = prepare(s, "PRAGMA data_version", &s->version);
	if (rc != SQLITE_OK)
		describe(s, rc);
	sqlite3_busy_timeout(s->db, 0);
	return rc == SQLITE_OK;
}

static void sqlite_close(struct user_store *s)
{
	if (!s)
		return;
	sqlite3_finalize(s->by_name);
	sqlite3_finalize(s->by_hash);
	sqlite3_finalize(s->version);
	sqlite3_close(s->db);
	user_cache_free(s->cache);
	free(s);
}

static struct user_store *sqlite_open(const char *where, const char *realm, char *err,
				      size_t errlen)
{
	struct user_store *s = calloc(1, sizeof(*s));

	if (!s || !(s->cache = user_cache_new())) {
		snprintf(err, errlen, "no memory for the user cache");
		sqlite_close(s);
		return NULL;
	}
	snprintf(s->path, sizeof(s->path), "%s", where);
	snprintf(s->realm, sizeof(s->realm), "%s", realm);
	if (!database_open(s)) {
		snprintf(err, errlen, "%s", s->err);
		sqlite_close(s);
		return NULL;
	}
	return s;
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

/* Runs a look-up whose key is bound; the answer goes into the slot. */
static enum user_status row_find(struct user_store *s, sqlite3_stmt *q, enum user_cache_by by,
				 const void *key, size_t key_len, const struct user **u)
{
	struct user_cache_slot *slot;
	bool hit;
	int rc;

	slot = user_cache_find(s->cache, by, key, key_len, &hit);
	if (!hit) {
		sqlite3_bind_text(q, 1, s->realm, -1, SQLITE_STATIC);
		if (by == USER_BY_NAME)
			sqlite3_bind_text(q, 2, key, (int)key_len, SQLITE_STATIC);
		else
			sqlite3_bind_blob(q, 2, key, (int)key_len, SQLITE_STATIC);
		rc = sqlite3_step(q);
		slot->epoch = 0;
		if (rc == SQLITE_ROW && !row_read(q, &slot->user))
			rc = SQLITE_CORRUPT;
		if (rc == SQLITE_ROW || rc == SQLITE_DONE)
			user_cache_fill(s->cache, slot, by, key, key_len, rc == SQLITE_ROW);
		sqlite3_reset(q);
		sqlite3_clear_bindings(q);
		if (rc != SQLITE_ROW && rc != SQLITE_DONE)
			return failed(s, rc);
	}
	*u = &slot->user;
	return slot->known ? USER_OK : USER_UNKNOWN;
}

static enum user_status sqlite_by_name(struct user_store *s, const char *name,
				       const struct user **u)
{
	size_t len = strlen(name);

	if (len > STUN_USERNAME_MAX)
		return USER_UNKNOWN;
	return row_find(s, s->by_name, USER_BY_NAME, name, len, u);
}

static enum user_status sqlite_by_hash(struct user_store *s, const uint8_t hash[STUN_USERHASH_LEN],
				       const struct user **u)
{
	return row_find(s, s->by_hash, USER_BY_HASH, hash, STUN_USERHASH_LEN, u);
}

/*
 * While the file is locked nothing in it can change either, so the cache stays and users who are
 * in it go on being served.
 */
static void sqlite_refresh(struct user_store *s)
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

static enum user_status sqlite_list(struct user_store *s, user_list_fn *fn, void *arg)
{
	sqlite3_stmt *q = NULL;
	struct user u;
	int rc;

	sqlite3_busy_timeout(s->db, WRITE_WAIT_MS);
	rc = sqlite3_prepare_v2(s->db, "SELECT " FIELDS " FROM users ORDER BY realm, name", -1, &q,
				NULL);
	while (rc == SQLITE_OK && (rc = sqlite3_step(q)) == SQLITE_ROW) {
		rc = row_read(q, &u) ? SQLITE_OK : SQLITE_CORRUPT;
		if (rc == SQLITE_OK)
			fn(arg, &u, (const char *)sqlite3_column_text(q, 1));
	}
	sqlite3_finalize(q);
	sqlite3_busy_timeout(s->db, 0);
	return rc == SQLITE_DONE ? USER_OK : failed(s, rc);
}

/* ---- writing ---- */

/*
 * One statement with the user's fields bound by position: 1 realm, 2 name, 3 md5, 4 sha256,
 * 5 userhash, 6 quota, 7 disabled, 8 created. A statement may use fewer of them. USER_UNKNOWN if
 * it changed no row.
 */
static enum user_status row_write(struct user_store *s, const char *sql, const struct user *u)
{
	sqlite3_stmt *q = NULL;
	int rc;

	sqlite3_busy_timeout(s->db, WRITE_WAIT_MS);
	rc = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL);
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
	sqlite3_busy_timeout(s->db, 0);
	user_cache_clear(s->cache);
	if ((rc & 0xff) == SQLITE_CONSTRAINT)
		return USER_EXISTS;
	if (rc != SQLITE_DONE)
		return failed(s, rc);
	return sqlite3_changes(s->db) ? USER_OK : USER_UNKNOWN;
}

static enum user_status sqlite_add(struct user_store *s, const struct user *u)
{
	return row_write(s,
			 "INSERT INTO users (realm, name, md5, sha256, userhash, quota, disabled,"
			 " created) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
			 u);
}

static enum user_status sqlite_set_keys(struct user_store *s, const struct user *u)
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

static enum user_status sqlite_set_quota(struct user_store *s, const char *name, uint32_t quota)
{
	return row_change(s, "UPDATE users SET quota = ?6 WHERE realm = ?1 AND name = ?2", name,
			  (struct user){ .quota = quota });
}

static enum user_status sqlite_set_disabled(struct user_store *s, const char *name, bool disabled)
{
	return row_change(s, "UPDATE users SET disabled = ?7 WHERE realm = ?1 AND name = ?2", name,
			  (struct user){ .disabled = disabled });
}

static enum user_status sqlite_del(struct user_store *s, const char *name)
{
	return row_change(s, "DELETE FROM users WHERE realm = ?1 AND name = ?2", name,
			  (struct user){ 0 });
}

const struct user_store_ops user_store_sqlite = {
	.open = sqlite_open,
	.close = sqlite_close,
	.by_name = sqlite_by_name,
	.by_hash = sqlite_by_hash,
	.refresh = sqlite_refresh,
	.add = sqlite_add,
	.set_keys = sqlite_set_keys,
	.set_quota = sqlite_set_quota,
	.set_disabled = sqlite_set_disabled,
	.del = sqlite_del,
	.list = sqlite_list,
	.error = sqlite_error,
};

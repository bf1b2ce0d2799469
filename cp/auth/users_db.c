/* SPDX-License-Identifier: BSD-3-Clause */
#include "users_db.h"

#include "secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	APPLICATION_ID = 0x464c5573, /* "FLUs": the file is ours */
	SCHEMA_VERSION = 1,
	OPEN_WAIT_MS = 500,
	RELOAD_WAIT_MS = 50,
};

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

/* What went wrong and what to do about it; rc is SQLite's primary result code. */
void users_db_describe(struct users_db *d, int rc)
{
	const char *f = d->path;
	char *e = d->err;
	size_t n = sizeof(d->err);

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
			 d->db ? sqlite3_errmsg(d->db) : sqlite3_errstr(rc));
	}
}

static int pragma_get(struct users_db *d, const char *sql, int64_t *out)
{
	sqlite3_stmt *q;
	int rc = sqlite3_prepare_v2(d->db, sql, -1, &q, NULL);

	if (rc == SQLITE_OK && (rc = sqlite3_step(q)) == SQLITE_ROW) {
		*out = sqlite3_column_int64(q, 0);
		rc = SQLITE_OK;
	}
	sqlite3_finalize(q);
	return rc;
}

/* Makes the tables in a file that has none. Two processes may come here at once. */
static int schema_make(struct users_db *d)
{
	int64_t version = 0, tables = 0;
	int rc = sqlite3_exec(d->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

	if (rc == SQLITE_OK)
		rc = pragma_get(d, "PRAGMA user_version", &version);
	if (rc == SQLITE_OK)
		rc = pragma_get(d, "SELECT count(*) FROM sqlite_master", &tables);
	if (rc == SQLITE_OK && version == 0 && tables == 0)
		rc = sqlite3_exec(d->db, schema, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(d->db, "COMMIT", NULL, NULL, NULL);
	return rc;
}

/* Whether the file is one of ours and of a version we know. */
static bool schema_check(struct users_db *d)
{
	int64_t id = 0, version = 0;
	int rc = pragma_get(d, "PRAGMA user_version", &version);

	if (rc == SQLITE_OK && version == 0)
		rc = schema_make(d);
	if (rc == SQLITE_OK)
		rc = pragma_get(d, "PRAGMA application_id", &id);
	if (rc == SQLITE_OK)
		rc = pragma_get(d, "PRAGMA user_version", &version);
	if (rc != SQLITE_OK) {
		users_db_describe(d, rc);
		return false;
	}
	if (id != APPLICATION_ID) {
		snprintf(d->err, sizeof(d->err),
			 "%s is a database of another program: name another file as auth.users-db",
			 d->path);
		return false;
	}
	if (version != SCHEMA_VERSION) {
		snprintf(
		    d->err, sizeof(d->err),
		    "user database %s has version %lld, this program knows %d: use the one that "
		    "made it",
		    d->path, (long long)version, SCHEMA_VERSION);
		return false;
	}
	return true;
}

int users_db_prepare(struct users_db *d, const char *sql, sqlite3_stmt **q)
{
	return sqlite3_prepare_v3(d->db, sql, -1, SQLITE_PREPARE_PERSISTENT, q, NULL);
}

/* Made here so that it never exists with a wider mode; SQLite copies it to -wal and -shm. */
static void file_make(const char *path)
{
	int fd;

	secret_file_make_dir(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0) {
		secret_file_give(fd, path);
		close(fd);
	}
}

/* What is not there, or no file, is told before SQLite is asked. */
static bool file_look(struct users_db *d, enum users_db_when when)
{
	struct stat st;
	int rc = stat(d->path, &st);

	if (rc == 0 && S_ISREG(st.st_mode))
		return true;
	if (rc == 0)
		snprintf(d->err, sizeof(d->err), "user database %s is no ordinary file", d->path);
	else if (errno == ENOENT && when == USERS_DB_RELOAD)
		snprintf(
		    d->err, sizeof(d->err),
		    "there is no user database %s: fairlead user makes it, such as by fairlead "
		    "user list",
		    d->path);
	else
		users_db_describe(d, SQLITE_CANTOPEN);
	return false;
}

bool users_db_open(struct users_db *d, const char *path, enum users_db_when when)
{
	int rc;

	memset(d, 0, sizeof(*d));
	snprintf(d->path, sizeof(d->path), "%s", path);
	if (when == USERS_DB_START)
		file_make(d->path);
	if (!file_look(d, when))
		return false;
	rc = sqlite3_open_v2(d->path, &d->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK) {
		users_db_describe(d, rc);
		return false;
	}
	sqlite3_busy_timeout(d->db, when == USERS_DB_START ? OPEN_WAIT_MS : RELOAD_WAIT_MS);
	/* The tables are made before there is a log, and so are in the file itself from the start.
	 */
	if (!schema_check(d))
		return false;
	rc = sqlite3_exec(d->db, "PRAGMA journal_mode = WAL; PRAGMA secure_delete = ON;", NULL,
			  NULL, NULL);
	if (rc != SQLITE_OK)
		users_db_describe(d, rc);
	return rc == SQLITE_OK;
}

void users_db_settle(struct users_db *d)
{
	/* What a reader is in the way of stays in the log, as it would have without. */
	(void)sqlite3_wal_checkpoint_v2(d->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

void users_db_close(struct users_db *d)
{
	sqlite3_close(d->db);
	d->db = NULL;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "psk_store.h"

#include "users_db.h"
#include "../clock.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <time.h>

/*
 * No cache: a look-up by the primary key costs a few microseconds, and an identity that was taken
 * away is unknown from that moment on. A table more changes nothing for programs that do not know
 * it, so the schema's version stays.
 */
static const char schema[] = "CREATE TABLE IF NOT EXISTS psk ("
			     " identity BLOB NOT NULL PRIMARY KEY,"
			     " key BLOB NOT NULL CHECK (length(key) BETWEEN 16 AND 64),"
			     " created INTEGER NOT NULL) WITHOUT ROWID;" /* since 1970 */
			     /* With the power, the last changes may go: no fsync a key. */
			     "PRAGMA synchronous = NORMAL;";
_Static_assert(PSK_KEY_MIN == 16 && CTL_PSK_MAX == 64, "as in the schema's text");

/*
 * A change waits so long for another program's, also in an event loop: `fairlead user` holds the
 * lock for as long as a write takes. When that was not enough no change waits for a second, for the
 * loop has others to serve. A look-up never waits for a change (WAL).
 */
enum { WRITE_WAIT_MS = 50, WRITE_PAUSE_MS = 1000 };

struct psk_store {
	struct users_db d;
	int wait_ms;	   /* of tools; 0 in an event loop */
	uint64_t write_ms; /* CLOCK_MONOTONIC; no change waits before */
	sqlite3_stmt *find;
};

/* ---- text ---- */

bool psk_identity_valid(const char *identity)
{
	size_t len = strlen(identity);
	json_t *text;

	if (len == 0 || len > CTL_IDENTITY_MAX)
		return false;
	for (const char *p = identity; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 127)
			return false;
	}
	text = json_string(identity); /* NULL unless it is UTF-8 */
	json_decref(text);
	return text != NULL;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool psk_parse(struct psk *p, const char *identity, const char *hex, char *why, size_t whylen)
{
	size_t digits = strlen(hex);

	memset(p, 0, sizeof(*p));
	if (!psk_identity_valid(identity)) {
		snprintf(why, whylen,
			 "the identity must be 1 to %d bytes of UTF-8 without control characters",
			 CTL_IDENTITY_MAX);
		return false;
	}
	snprintf(p->identity, sizeof(p->identity), "%s", identity);
	p->created = (int64_t)time(NULL);
	if (digits % 2 == 0 && digits >= 2 * PSK_KEY_MIN && digits <= 2 * CTL_PSK_MAX) {
		for (p->key_len = 0; p->key_len < digits / 2; p->key_len++) {
			int high = digit(hex[2 * p->key_len]), low = digit(hex[2 * p->key_len + 1]);

			if (high < 0 || low < 0)
				break;
			p->key[p->key_len] = (uint8_t)(high << 4 | low);
		}
		if (p->key_len == digits / 2)
			return true;
	}
	OPENSSL_cleanse(p, sizeof(*p));
	snprintf(why, whylen, "the key must be %d to %d bytes in hexadecimal digits", PSK_KEY_MIN,
		 CTL_PSK_MAX);
	return false;
}

/* ---- the table ---- */

static enum user_status failed(struct psk_store *s, int rc)
{
	users_db_describe(&s->d, rc);
	return USER_ERROR;
}

const char *psk_error(const struct psk_store *s)
{
	return s->d.err;
}

bool psk_is_wanted(const struct config *c)
{
	bool any = false;

	for (unsigned i = 0; i < c->n_domain; i++)
		any |= !c->domain[i].gone && c->domain[i].psk;
	return any;
}

static struct psk_store *store_open(const char *path, int wait_ms, enum users_db_when when,
				    char *err, size_t errlen)
{
	struct psk_store *s = calloc(1, sizeof(*s));
	int rc;

	if (!s) {
		snprintf(err, errlen, "no memory for pre-shared keys");
		return NULL;
	}
	if (users_db_open(&s->d, path, when)) {
		rc = sqlite3_exec(s->d.db, schema, NULL, NULL, NULL);
		if (rc == SQLITE_OK)
			rc = users_db_prepare(
			    &s->d, "SELECT identity, key, created FROM psk WHERE identity = ?1",
			    &s->find);
		s->wait_ms = wait_ms;
		sqlite3_busy_timeout(s->d.db, wait_ms);
		if (rc == SQLITE_OK)
			return s;
		users_db_describe(&s->d, rc);
	}
	snprintf(err, errlen, "%s", s->d.err);
	psk_close(s);
	return NULL;
}

struct psk_store *psk_open(const char *path, int wait_ms, char *err, size_t errlen)
{
	return store_open(path, wait_ms, USERS_DB_START, err, errlen);
}

struct psk_store *psk_reopen(const char *path, char *err, size_t errlen)
{
	return store_open(path, 0, USERS_DB_RELOAD, err, errlen);
}

bool psk_is_at(const struct psk_store *s, const char *path)
{
	return strcmp(s->d.path, path) == 0;
}

void psk_close(struct psk_store *s)
{
	if (!s)
		return;
	sqlite3_finalize(s->find);
	users_db_close(&s->d);
	free(s);
}

/* A row; the file may be hostile or damaged. */
static bool row_read(sqlite3_stmt *q, struct psk *p)
{
	int identity_len = sqlite3_column_bytes(q, 0), key_len = sqlite3_column_bytes(q, 1);
	const void *identity = sqlite3_column_blob(q, 0), *key = sqlite3_column_blob(q, 1);

	memset(p, 0, sizeof(*p));
	if (!identity || !key || identity_len > CTL_IDENTITY_MAX || key_len < PSK_KEY_MIN ||
	    key_len > CTL_PSK_MAX)
		return false;
	memcpy(p->identity, identity, (size_t)identity_len);
	memcpy(p->key, key, (size_t)key_len);
	p->key_len = (uint16_t)key_len;
	p->created = sqlite3_column_int64(q, 2);
	return true;
}

enum user_status psk_find(struct psk_store *s, const void *identity, size_t len, struct psk *p)
{
	int rc;

	memset(p, 0, sizeof(*p));
	if (len == 0 || len > CTL_IDENTITY_MAX)
		return USER_UNKNOWN;
	sqlite3_bind_blob(s->find, 1, identity, (int)len, SQLITE_STATIC);
	rc = sqlite3_step(s->find);
	if (rc == SQLITE_ROW && !row_read(s->find, p))
		rc = SQLITE_CORRUPT;
	sqlite3_reset(s->find);
	sqlite3_clear_bindings(s->find);
	if (rc == SQLITE_ROW)
		return USER_OK;
	return rc == SQLITE_DONE ? USER_UNKNOWN : failed(s, rc);
}

static int write_step(struct psk_store *s, sqlite3_stmt *q)
{
	const uint64_t now = s->wait_ms ? 0 : clock_ms(CLOCK_MONOTONIC);
	int rc;

	if (!s->wait_ms && now >= s->write_ms)
		sqlite3_busy_timeout(s->d.db, WRITE_WAIT_MS);
	rc = sqlite3_step(q);
	if (!s->wait_ms)
		sqlite3_busy_timeout(s->d.db, 0);
	if (rc == SQLITE_BUSY && now >= s->write_ms)
		s->write_ms = now + WRITE_PAUSE_MS;
	return rc;
}

/* One statement: 1 identity, 2 key, 3 created, of which it may use fewer. */
static enum user_status row_write(struct psk_store *s, const char *sql, const struct psk *p)
{
	sqlite3_stmt *q = NULL;
	int rc = sqlite3_prepare_v2(s->d.db, sql, -1, &q, NULL);

	if (rc == SQLITE_OK) {
		sqlite3_bind_blob(q, 1, p->identity, (int)strlen(p->identity), SQLITE_STATIC);
		sqlite3_bind_blob(q, 2, p->key, p->key_len, SQLITE_STATIC);
		sqlite3_bind_int64(q, 3, p->created);
		rc = write_step(s, q);
	}
	sqlite3_finalize(q);
	if ((rc & 0xff) == SQLITE_CONSTRAINT)
		return USER_EXISTS;
	if (rc != SQLITE_DONE)
		return failed(s, rc);
	return sqlite3_changes(s->d.db) ? USER_OK : USER_UNKNOWN;
}

enum user_status psk_add(struct psk_store *s, const struct psk *p, bool replace)
{
	return row_write(s,
			 replace ? "INSERT OR REPLACE INTO psk VALUES (?1, ?2, ?3)"
				 : "INSERT INTO psk VALUES (?1, ?2, ?3)",
			 p);
}

enum user_status psk_del(struct psk_store *s, const char *identity)
{
	struct psk p = { .key_len = 0 };

	if (strlen(identity) >= sizeof(p.identity))
		return USER_UNKNOWN;
	strcpy(p.identity, identity);
	return row_write(s, "DELETE FROM psk WHERE identity = ?1", &p);
}

enum user_status psk_list(struct psk_store *s, psk_list_fn *fn, void *arg)
{
	sqlite3_stmt *q = NULL;
	struct psk p;
	int rc = sqlite3_prepare_v2(
	    s->d.db, "SELECT identity, key, created FROM psk ORDER BY identity", -1, &q, NULL);

	while (rc == SQLITE_OK && (rc = sqlite3_step(q)) == SQLITE_ROW) {
		rc = row_read(q, &p) ? SQLITE_OK : SQLITE_CORRUPT;
		OPENSSL_cleanse(p.key, sizeof(p.key));
		if (rc == SQLITE_OK)
			fn(arg, &p);
	}
	sqlite3_finalize(q);
	return rc == SQLITE_DONE ? USER_OK : failed(s, rc);
}

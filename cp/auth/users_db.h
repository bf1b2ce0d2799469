/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_AUTH_USERS_DB_H
#define FL_CP_AUTH_USERS_DB_H

/*
 * The SQLite file that users and pre-shared keys are kept in: opening it, making it, telling
 * whether it is ours, and saying what is wrong with it.
 */
#include "../../conf/config.h"

#include <sqlite3.h>

enum { USERS_DB_WAIT_MS = 3000 }; /* a tool's write, for a lock */

/*
 * At a start a file that is not there is made, and half a second is waited for a lock. At a reload
 * others wait meanwhile, and one that is not there is a mistake: with an empty file nobody could
 * sign in.
 */
enum users_db_when { USERS_DB_START, USERS_DB_RELOAD };

struct users_db {
	sqlite3 *db;
	char path[CONFIG_STR_MAX];
	char err[CONFIG_STR_MAX * 2]; /* one sentence after a failure */
};

/* It waits for a lock as long as opening does, until told otherwise. Close in any case. */
bool users_db_open(struct users_db *d, const char *path, enum users_db_when when);
void users_db_close(struct users_db *d);

/*
 * Moves what was written from the log to the file, without waiting for anybody: users are few and
 * changed seldom, and whoever is killed later leaves nothing in a log alone.
 */
void users_db_settle(struct users_db *d);

/* Fills err with what went wrong and what to do about it; rc is SQLite's result code. */
void users_db_describe(struct users_db *d, int rc);

/* Prepares a statement that is used again and again. Returns SQLite's result code. */
int users_db_prepare(struct users_db *d, const char *sql, sqlite3_stmt **q);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The SQLite user store: made on first start and readable by its owner only; add, change, delete,
 * list; the cache follows what a second connection writes; locked, damaged and foreign files are
 * refused in one sentence.
 */
#include "tests/world/auth_fixture.h"

#include "cp/auth/user_cache.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

static enum user_status find(struct user_store *s, const char *name)
{
	const struct user *u;

	return user_store_by_name(s, name, &u);
}

static void made_on_first_start_for_its_owner_only(void **state)
{
	static const char *const files[] = { "", "-wal", "-shm" };
	struct fixture *f = *state;
	struct user u = fixture_user("demo", "fairlead");
	struct user_store *s;
	struct stat st;
	char path[300];

	snprintf(f->c.auth.users_db, sizeof(f->c.auth.users_db), "%s/new/users.db", f->dir);
	s = fixture_store(f);
	assert_int_equal(user_store_add(s, &u), USER_OK);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", f->c.auth.users_db, files[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
	user_store_close(s);
}

/* Who is killed leaves all that he was told is done, also in a file that he has just made. */
static void users_outlast_who_is_killed(void **state)
{
	struct fixture *f = *state;
	struct user_store *s;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct user u = fixture_user("demo", "fairlead");

		s = user_store_open(f->c.auth.users_db, REALM, f->err, sizeof(f->err));
		if (!s || user_store_add(s, &u) != USER_OK)
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	s = fixture_store(f);
	assert_int_equal(find(s, "demo"), USER_OK);
	user_store_close(s);
}

/* The command line is root's, the control process is not. Only root can give files away. */
static void made_by_root_for_the_directorys_owner(void **state)
{
	static const char *const files[] = { "", "-wal", "-shm" };
	struct fixture *f = *state;
	struct user u = fixture_user("demo", "fairlead");
	char dir[280], path[300];
	struct user_store *s;
	struct stat st;

	if (geteuid() != 0)
		skip();
	snprintf(dir, sizeof(dir), "%s/given", f->dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(chown(dir, 12345, 12346), 0);
	snprintf(f->c.auth.users_db, sizeof(f->c.auth.users_db), "%s/given/users.db", f->dir);
	s = fixture_store(f);
	assert_int_equal(user_store_add(s, &u), USER_OK);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", f->c.auth.users_db, files[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_uid, 12345);
		assert_int_equal(st.st_gid, 12346);
	}
	user_store_close(s);
}

static void user_comes_back_as_stored(void **state)
{
	struct fixture *f = *state;
	struct user u = fixture_user("demo", "fairlead");
	struct user_store *s = fixture_store(f);
	const struct user *got;

	u.quota = 12;
	assert_int_equal(user_store_add(s, &u), USER_OK);
	user_store_close(s);
	s = fixture_store(f);
	assert_int_equal(user_store_by_name(s, "demo", &got), USER_OK);
	assert_memory_equal(got, &u, sizeof(u));
	assert_int_equal(user_store_by_hash(s, u.userhash, &got), USER_OK);
	assert_string_equal(got->name, "demo");
	assert_int_equal(find(s, "Demo"), USER_UNKNOWN);
	assert_int_equal(find(s, ""), USER_UNKNOWN);
	u.userhash[0] ^= 1;
	assert_int_equal(user_store_by_hash(s, u.userhash, &got), USER_UNKNOWN);
	user_store_close(s);
}

static void changes_take_and_leave_the_rest(void **state)
{
	struct fixture *f = *state;
	struct user u = fixture_user("demo", "fairlead"), v = fixture_user("demo", "other");
	struct user_store *s = fixture_store(f);
	const struct user *got;

	u.quota = 12;
	assert_int_equal(user_store_set_keys(s, &u), USER_UNKNOWN);
	assert_int_equal(user_store_del(s, "demo"), USER_UNKNOWN);
	assert_int_equal(user_store_add(s, &u), USER_OK);
	assert_int_equal(user_store_add(s, &u), USER_EXISTS);
	v.has_sha256 = false;
	assert_int_equal(user_store_set_keys(s, &v), USER_OK);
	assert_int_equal(user_store_by_name(s, "demo", &got), USER_OK);
	assert_memory_equal(got->md5, v.md5, sizeof(v.md5));
	assert_false(got->has_sha256); /* a key of the old password must not stay */
	assert_int_equal(got->quota, 12);
	assert_int_equal(got->created, u.created);
	assert_int_equal(user_store_set_quota(s, "demo", 0), USER_OK);
	assert_int_equal(user_store_set_disabled(s, "demo", true), USER_OK);
	assert_int_equal(user_store_by_name(s, "demo", &got), USER_OK);
	assert_int_equal(got->quota, 0);
	assert_true(got->disabled);
	assert_int_equal(user_store_del(s, "demo"), USER_OK);
	assert_int_equal(find(s, "demo"), USER_UNKNOWN);
	user_store_close(s);
}

static void collect(void *arg, const struct user *u, const char *realm)
{
	char *text = arg;

	snprintf(text + strlen(text), 256 - strlen(text), "%s@%s ", u->name, realm);
}

static void list_shows_all_realms_and_lookups_only_one(void **state)
{
	struct fixture *f = *state;
	struct user u = fixture_user("b", "x"), v = fixture_user("a", "x");
	struct user_store *s = fixture_store(f), *t;
	char text[256] = "";

	t = user_store_open(f->c.auth.users_db, "example.net", f->err, sizeof(f->err));
	assert_non_null(t);
	assert_int_equal(user_store_add(s, &u), USER_OK);
	assert_int_equal(user_store_add(s, &v), USER_OK);
	digest_userhash("a", "example.net", v.userhash);
	assert_int_equal(user_store_add(t, &v), USER_OK);
	assert_int_equal(user_store_list(s, collect, text), USER_OK);
	assert_string_equal(text, "a@example.net a@example.org b@example.org ");
	assert_int_equal(find(t, "b"), USER_UNKNOWN);
	user_store_close(t);
	user_store_close(s);
}

static void cache_follows_a_second_connection(void **state)
{
	struct fixture *f = *state;
	struct user u = fixture_user("demo", "fairlead"), v = fixture_user("demo", "other");
	struct user_store *s = fixture_store(f), *other = fixture_store(f);
	const struct user *got;

	user_store_refresh(s);
	assert_int_equal(find(s, "demo"), USER_UNKNOWN);
	assert_int_equal(user_store_add(other, &u), USER_OK);
	assert_int_equal(find(s, "demo"), USER_UNKNOWN); /* it is a cache */
	user_store_refresh(s);
	assert_int_equal(find(s, "demo"), USER_OK);
	assert_int_equal(user_store_set_keys(other, &v), USER_OK);
	user_store_refresh(s);
	assert_int_equal(user_store_by_name(s, "demo", &got), USER_OK);
	assert_memory_equal(got->md5, v.md5, sizeof(v.md5));
	assert_int_equal(user_store_by_hash(s, v.userhash, &got), USER_OK);
	assert_int_equal(user_store_del(other, "demo"), USER_OK);
	user_store_refresh(s);
	assert_int_equal(find(s, "demo"), USER_UNKNOWN);
	assert_int_equal(user_store_by_hash(s, v.userhash, &got), USER_UNKNOWN);
	user_store_close(other);
	user_store_close(s);
}

/* More users than slots: answers stay right when they push each other out. */
static void cache_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct user_store *s = fixture_store(f);
	struct user u = fixture_user("demo", "fairlead");
	const struct user *got;
	char name[32];

	assert_int_equal(user_store_add(s, &u), USER_OK);
	for (int i = 0; i < 5 * USER_CACHE_SETS; i++) {
		snprintf(name, sizeof(name), "nobody%d", i);
		assert_int_equal(find(s, name), USER_UNKNOWN);
	}
	assert_int_equal(find(s, "demo"), USER_OK);
	assert_int_equal(user_store_by_hash(s, u.userhash, &got), USER_OK);
	assert_string_equal(got->name, "demo");
	user_store_close(s);
}

static void refused(struct fixture *f, const char *why)
{
	assert_null(user_store_open(f->c.auth.users_db, REALM, f->err, sizeof(f->err)));
	assert_non_null(strstr(f->err, f->c.auth.users_db));
	assert_non_null(strstr(f->err, why));
}

static void execute(sqlite3 *db, const char *sql)
{
	char *err = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &err) != SQLITE_OK)
		fail_msg("%s", err);
}

static void locked_file_is_refused(void **state)
{
	struct fixture *f = *state;
	sqlite3 *db;

	fixture_add(f, "demo", "fairlead");
	assert_int_equal(sqlite3_open(f->c.auth.users_db, &db), SQLITE_OK);
	execute(db, "PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE;");
	refused(f, "locked");
	execute(db, "ROLLBACK");
	sqlite3_close(db);
	user_store_close(fixture_store(f));
}

/* A write by another program must not hold up those who read. */
static void reading_goes_on_beside_a_writer(void **state)
{
	struct fixture *f = *state;
	struct user_store *s;
	sqlite3 *db;

	fixture_add(f, "demo", "fairlead");
	s = fixture_store(f);
	assert_int_equal(sqlite3_open(f->c.auth.users_db, &db), SQLITE_OK);
	execute(db, "BEGIN EXCLUSIVE; DELETE FROM users;");
	user_store_refresh(s);
	assert_int_equal(find(s, "demo"), USER_OK);
	execute(db, "COMMIT");
	user_store_refresh(s);
	assert_int_equal(find(s, "demo"), USER_UNKNOWN);
	sqlite3_close(db);
	user_store_close(s);
}

static void junk_write(const char *path, const char *text, size_t len, off_t at)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_int_equal(pwrite(fd, text, len, at), len);
	close(fd);
}

static void damaged_file_is_refused(void **state)
{
	struct fixture *f = *state;
	char junk[2048];

	memset(junk, 0x5a, sizeof(junk));
	junk_write(f->c.auth.users_db, junk, sizeof(junk), 0);
	refused(f, "damaged");
	unlink(f->c.auth.users_db);
	fixture_add(f, "demo", "fairlead");
	junk_write(f->c.auth.users_db, junk, sizeof(junk), 100); /* the schema's page */
	refused(f, "damaged");
}

static void hostile_rows_are_not_believed(void **state)
{
	struct fixture *f = *state;
	const struct user *u;
	struct user_store *s;
	sqlite3 *db;

	fixture_add(f, "demo", "fairlead");
	assert_int_equal(sqlite3_open(f->c.auth.users_db, &db), SQLITE_OK);
	execute(db, "PRAGMA ignore_check_constraints = ON;"
		    "UPDATE users SET md5 = zeroblob(5000);"
		    "INSERT INTO users (name, realm, userhash, created, quota) VALUES"
		    " ('quota', 'example.org', randomblob(32), 0, -1),"
		    " (printf('%.2000c', 'x'), 'example.org', randomblob(32), 0, 0);");
	sqlite3_close(db);
	s = fixture_store(f);
	assert_int_equal(find(s, "demo"), USER_ERROR);
	assert_int_equal(user_store_by_name(s, "quota", &u), USER_OK);
	assert_int_equal(u->quota, 0);
	assert_false(u->has_md5 || u->has_sha256);
	user_store_close(s);
}

static void file_of_another_program_is_refused(void **state)
{
	struct fixture *f = *state;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(f->c.auth.users_db, &db), SQLITE_OK);
	execute(db, "CREATE TABLE users (name TEXT);");
	refused(f, "another program");
	execute(db, "DROP TABLE users;");
	sqlite3_close(db);
	fixture_add(f, "demo", "fairlead"); /* an empty one is taken */
	assert_int_equal(sqlite3_open(f->c.auth.users_db, &db), SQLITE_OK);
	execute(db, "PRAGMA user_version = 2;");
	sqlite3_close(db);
	refused(f, "version 2");
}

static void missing_directory_is_refused(void **state)
{
	struct fixture *f = *state;

	snprintf(f->c.auth.users_db, sizeof(f->c.auth.users_db), "%s/no/such/users.db", f->dir);
	refused(f, "directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(made_on_first_start_for_its_owner_only),
		FIXTURE_TEST(made_by_root_for_the_directorys_owner),
		FIXTURE_TEST(users_outlast_who_is_killed),
		FIXTURE_TEST(user_comes_back_as_stored),
		FIXTURE_TEST(changes_take_and_leave_the_rest),
		FIXTURE_TEST(list_shows_all_realms_and_lookups_only_one),
		FIXTURE_TEST(cache_follows_a_second_connection),
		FIXTURE_TEST(cache_is_bounded),
		FIXTURE_TEST(locked_file_is_refused),
		FIXTURE_TEST(reading_goes_on_beside_a_writer),
		FIXTURE_TEST(damaged_file_is_refused),
		FIXTURE_TEST(hostile_rows_are_not_believed),
		FIXTURE_TEST(file_of_another_program_is_refused),
		FIXTURE_TEST(missing_directory_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pre-shared keys in the users' database (R65), and `fairlead psk` that keeps them there: which
 * identities and keys are taken (RFC 4279 5), that another process's change shows at once, that no
 * key is ever printed, and the exit codes.
 */
#include "tests/world/command_run.h"

#include "cp/auth/psk_store.h"
#include "cli/psk_cmd.h"

#include <jansson.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEY "000102030405060708090a0b0c0d0e0F"

static struct psk_store *store(struct fixture *f)
{
	struct psk_store *s = psk_open(f->c.auth.users_db, 0, f->err, sizeof(f->err));

	if (!s)
		fail_msg("%s", f->err);
	return s;
}

static struct psk make(const char *identity, const char *hex)
{
	char why[256] = "";
	struct psk p;

	if (!psk_parse(&p, identity, hex, why, sizeof(why)))
		fail_msg("%s", why);
	return p;
}

/* ---- beside other programs ---- */

/* Another program is in the middle of a change, which takes as long as an fsync. */
static void a_change_waits_for_anothers(void **state)
{
	struct fixture *f = *state;
	struct psk_store *s = store(f);
	struct psk p = make("0123@ims.example.org", KEY), got;
	int locked[2];
	char c = 0;
	pid_t pid;

	assert_int_equal(pipe(locked), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		sqlite3 *db;
		bool ok = sqlite3_open(f->c.auth.users_db, &db) == SQLITE_OK &&
			  sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK &&
			  write(locked[1], &c, 1) == 1 && usleep(5000) == 0 &&
			  sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;

		_exit(!ok);
	}
	assert_int_equal(read(locked[0], &c, 1), 1);
	assert_int_equal(psk_find(s, p.identity, strlen(p.identity), &got), USER_UNKNOWN);
	assert_int_equal(psk_add(s, &p, true), USER_OK);
	assert_int_equal(waitpid(pid, &(int){ 0 }, 0), pid);
	assert_int_equal(psk_find(s, p.identity, strlen(p.identity), &got), USER_OK);
	close(locked[0]);
	close(locked[1]);
	psk_close(s);
}

/* What the store's changes may have waited, in all. The linker puts it in SQLite's place. */
static int allowed_ms;

int __real_sqlite3_busy_timeout(sqlite3 *db, int ms);
int __wrap_sqlite3_busy_timeout(sqlite3 *db, int ms);
int __wrap_sqlite3_busy_timeout(sqlite3 *db, int ms)
{
	allowed_ms += ms;
	return __real_sqlite3_busy_timeout(db, ms);
}

/* One who keeps the lock does not stop the loop, however many changes are asked for. */
static void a_lock_that_stays_is_not_waited_for_again(void **state)
{
	struct fixture *f = *state;
	struct psk p = make("alice", KEY);
	struct psk_store *s = store(f);
	sqlite3 *db;

	assert_int_equal(sqlite3_open(f->c.auth.users_db, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	allowed_ms = 0;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(psk_add(s, &p, true), USER_ERROR);
		assert_non_null(strstr(psk_error(s), "locked"));
	}
	assert_in_range(allowed_ms, 1, 50);
	sqlite3_close(db);
	assert_int_equal(psk_add(s, &p, true), USER_OK);
	psk_close(s);
}

/* ---- text ---- */

static void what_may_be_stored(void **state)
{
	char why[256], identity[CTL_IDENTITY_MAX + 2], hex[2 * CTL_PSK_MAX + 3];
	struct psk p = make("0123@ims.example.org", KEY);

	(void)state;
	assert_int_equal(p.key_len, 16);
	assert_int_equal(p.key[1], 1);
	assert_int_equal(p.key[15], 15);
	memset(identity, 'i', sizeof(identity));
	identity[CTL_IDENTITY_MAX] = '\0';
	memset(hex, 'F', sizeof(hex));
	hex[2 * CTL_PSK_MAX] = '\0';
	p = make(identity, hex);
	assert_int_equal(p.key_len, CTL_PSK_MAX);
	assert_int_equal(strlen(p.identity), CTL_IDENTITY_MAX);
	make("3GPP-bootstrapping;j\xc3\xb6rg", KEY);

	identity[CTL_IDENTITY_MAX] = 'i';
	identity[CTL_IDENTITY_MAX + 1] = '\0';
	assert_false(psk_parse(&p, identity, KEY, why, sizeof(why)));
	assert_string_equal(why, "the identity must be 1 to 256 bytes of UTF-8 without control "
				 "characters");
	assert_false(psk_parse(&p, "", KEY, why, sizeof(why)));
	assert_false(psk_parse(&p, "a\nb", KEY, why, sizeof(why)));
	assert_false(psk_parse(&p, "cut \xc3", KEY, why, sizeof(why)));
	hex[2 * CTL_PSK_MAX] = hex[2 * CTL_PSK_MAX + 1] = '0';
	hex[2 * CTL_PSK_MAX + 2] = '\0';
	assert_false(psk_parse(&p, "a", hex, why, sizeof(why)));
	assert_string_equal(why, "the key must be 16 to 64 bytes in hexadecimal digits");
	assert_false(psk_parse(&p, "a", "00112233445566778899aabbccddee", why, sizeof(why)));
	assert_false(psk_parse(&p, "a", KEY "0", why, sizeof(why)));
	assert_false(psk_parse(&p, "a", "g0112233445566778899aabbccddeeff", why, sizeof(why)));
	assert_false(psk_parse(&p, "a", "00112233445566778899aabbccddeef@", why, sizeof(why)));
	for (size_t i = 0; i < sizeof(p); i++)
		assert_int_equal(((uint8_t *)&p)[i], 0); /* nothing of a bad key stays */
}

/* ---- the table ---- */

static void add_find_delete(void **state)
{
	struct fixture *f = *state;
	struct psk_store *s = store(f);
	struct psk p = make("alice", KEY), got;

	assert_int_equal(psk_find(s, "alice", 5, &got), USER_UNKNOWN);
	assert_int_equal(psk_add(s, &p, false), USER_OK);
	assert_int_equal(psk_find(s, "alice", 5, &got), USER_OK);
	assert_memory_equal(got.key, p.key, 16);
	assert_int_equal(got.key_len, 16);
	assert_int_equal(psk_find(s, "alic", 4, &got), USER_UNKNOWN);
	assert_int_equal(got.key_len, 0);
	assert_int_equal(psk_find(s, "alice\0x", 7, &got), USER_UNKNOWN); /* a client's bytes */
	assert_int_equal(psk_find(s, "ALICE", 5, &got), USER_UNKNOWN);
	assert_int_equal(psk_find(s, "\xff\xfe", 2, &got), USER_UNKNOWN);
	assert_int_equal(psk_find(s, "", 0, &got), USER_UNKNOWN);
	assert_int_equal(psk_add(s, &p, false), USER_EXISTS);
	p = make("alice", "ffffffffffffffffffffffffffffffff");
	assert_int_equal(psk_add(s, &p, true), USER_OK);
	assert_int_equal(psk_find(s, "alice", 5, &got), USER_OK);
	assert_int_equal(got.key[0], 0xff);
	assert_int_equal(psk_del(s, "alice"), USER_OK);
	assert_int_equal(psk_del(s, "alice"), USER_UNKNOWN);
	assert_int_equal(psk_find(s, "alice", 5, &got), USER_UNKNOWN);
	psk_close(s);
}

/* The control process looks, a tool changes: nothing is remembered. */
static void changes_of_others_show_at_once(void **state)
{
	struct fixture *f = *state;
	struct psk_store *cp = store(f), *tool = store(f);
	struct psk p = make("alice", KEY), got;

	assert_int_equal(psk_find(cp, "alice", 5, &got), USER_UNKNOWN);
	assert_int_equal(psk_add(tool, &p, false), USER_OK);
	assert_int_equal(psk_find(cp, "alice", 5, &got), USER_OK);
	assert_int_equal(psk_del(tool, "alice"), USER_OK);
	assert_int_equal(psk_find(cp, "alice", 5, &got), USER_UNKNOWN);
	psk_close(tool);
	psk_close(cp);
}

/* Users and keys share the file, whoever comes first. */
static void users_live_beside(void **state)
{
	struct fixture *f = *state;
	struct psk p = make("alice", KEY), got;
	struct psk_store *s = store(f);
	struct user_store *users;
	const struct user *u;

	assert_int_equal(psk_add(s, &p, false), USER_OK);
	fixture_add(f, "demo", "fairlead");
	users = fixture_store(f);
	assert_int_equal(user_store_by_name(users, "demo", &u), USER_OK);
	user_store_close(users);
	assert_int_equal(psk_find(s, "alice", 5, &got), USER_OK);
	psk_close(s);
}

/* What somebody wrote past us is an error, not a key; a lock is told and not waited for. */
static void damage_and_locks(void **state)
{
	struct fixture *f = *state;
	struct psk p = make("alice", KEY), got;
	struct psk_store *s = store(f);
	sqlite3 *db;

	assert_int_equal(sqlite3_open(f->c.auth.users_db, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
				      "PRAGMA ignore_check_constraints = 1;"
				      "INSERT INTO psk VALUES (x'61', x'00', 0)",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(psk_find(s, "a", 1, &got), USER_ERROR);
	assert_int_equal(got.key_len, 0);
	assert_non_null(strstr(psk_error(s), "damaged"));
	assert_int_equal(sqlite3_exec(db, "DELETE FROM psk; BEGIN IMMEDIATE", NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(psk_find(s, "a", 1, &got), USER_UNKNOWN); /* readers are not held up */
	assert_int_equal(psk_add(s, &p, true), USER_ERROR);
	assert_non_null(strstr(psk_error(s), "locked"));
	sqlite3_close(db);
	assert_int_equal(psk_add(s, &p, true), USER_OK);
	psk_close(s);
}

/* ---- the command ---- */

static int run(struct fixture *f, struct call *c, bool json, const char *input,
	       const char *const *args)
{
	int code = command_run(f, c, psk_command, json, input, args);

	assert_null(strstr(c->out, KEY));
	assert_null(strstr(c->err, KEY));
	return code;
}

#define RUN(json, input, ...) run(f, &c, json, input, (const char *const[]){ __VA_ARGS__, NULL })

static void command_adds_and_deletes(void **state)
{
	struct fixture *f = *state;
	struct psk_store *s = store(f);
	struct call c;
	struct psk got;
	char path[128];
	FILE *file;

	assert_int_equal(RUN(false, KEY "\nrest", "add", "alice"), USER_CMD_OK);
	assert_string_equal(c.out, "identity alice added\n");
	assert_int_equal(psk_find(s, "alice", 5, &got), USER_OK);
	assert_int_equal(got.key[14], 14);
	assert_int_equal(RUN(false, KEY, "add", "alice"), USER_CMD_FAILED);
	assert_string_equal(c.err, "fairlead psk: identity alice exists: add --replace\n");
	assert_int_equal(RUN(false, KEY "00", "add", "alice", "--replace"), USER_CMD_OK);
	assert_int_equal(psk_find(s, "alice", 5, &got), USER_OK);
	assert_int_equal(got.key_len, 17);
	snprintf(path, sizeof(path), "%s/key", f->dir);
	file = fopen(path, "w");
	fputs(KEY "\r\n", file);
	fclose(file);
	assert_int_equal(RUN(true, "", "add", "bob", "--key-file", path), USER_CMD_OK);
	assert_string_equal(c.out, "{\"identity\":\"bob\",\"result\":\"added\"}\n");
	assert_int_equal(psk_find(s, "bob", 3, &got), USER_OK);
	assert_int_equal(RUN(false, "", "del", "alice"), USER_CMD_OK);
	assert_int_equal(RUN(true, "", "del", "alice"), USER_CMD_FAILED);
	assert_string_equal(c.out, "{\"error\":\"identity alice does not exist\"}\n");
	psk_close(s);
}

static void command_lists(void **state)
{
	struct fixture *f = *state;
	json_t *doc, *row;
	struct call c;

	assert_int_equal(RUN(false, KEY, "add", "zoe"), USER_CMD_OK);
	assert_int_equal(RUN(false, KEY, "add", "alice"), USER_CMD_OK);
	assert_int_equal(RUN(false, "", "list"), USER_CMD_OK);
	assert_non_null(strstr(c.out, "IDENTITY"));
	assert_true(strstr(c.out, "alice") < strstr(c.out, "zoe"));
	assert_int_equal(RUN(true, "", "list"), USER_CMD_OK);
	doc = json_loads(c.out, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(doc, "identities")), 2);
	row = json_array_get(json_object_get(doc, "identities"), 0);
	assert_string_equal(json_string_value(json_object_get(row, "identity")), "alice");
	assert_int_equal(json_integer_value(json_object_get(row, "key_bytes")), 16);
	assert_null(json_object_get(row, "key"));
	json_decref(doc);
}

/* What a reload opens must be there; it has no key of the one before it. */
static void a_reload_opens_what_is_there(void **state)
{
	struct fixture *f = *state;
	char other[CONFIG_STR_MAX];
	struct psk_store *s = store(f), *t;
	struct psk p = make("alice", KEY);

	assert_int_equal(psk_add(s, &p, false), USER_OK);
	assert_true(psk_is_at(s, f->c.auth.users_db));
	snprintf(other, sizeof(other), "%s/other.db", f->dir);
	assert_false(psk_is_at(s, other));
	assert_null(psk_reopen(other, f->err, sizeof(f->err)));
	assert_non_null(strstr(f->err, "there is no user database"));
	snprintf(f->c.auth.users_db, sizeof(f->c.auth.users_db), "%s", other);
	fixture_add(f, "demo", "fairlead");
	t = psk_reopen(other, f->err, sizeof(f->err));
	assert_non_null(t);
	assert_int_equal(psk_find(t, "alice", 5, &p), USER_UNKNOWN);
	assert_int_equal(psk_find(s, "alice", 5, &p), USER_OK);
	psk_close(t);
	psk_close(s);
}

static void command_refuses(void **state)
{
	struct fixture *f = *state;
	struct call c;

	assert_int_equal(RUN(false, "", "add", "alice"), USER_CMD_FAILED); /* no key */
	assert_int_equal(RUN(false, "xyz\n", "add", "alice"), USER_CMD_FAILED);
	assert_string_equal(c.err, "fairlead psk: the key must be 16 to 64 bytes in hexadecimal "
				   "digits\n");
	assert_int_equal(RUN(false, KEY, "add", "a\x01"), USER_CMD_FAILED);
	assert_int_equal(RUN(false, KEY, "add", "alice", "--key-file", "/no/such"),
			 USER_CMD_FAILED);
	assert_int_equal(RUN(false, "", "add", "alice", KEY), USER_CMD_USAGE); /* never there */
	assert_int_equal(RUN(false, "", "add"), USER_CMD_USAGE);
	assert_int_equal(RUN(false, "", "list", "alice"), USER_CMD_USAGE);
	assert_int_equal(RUN(false, "", "del", "alice", "--replace"), USER_CMD_USAGE);
	assert_int_equal(RUN(false, "", "bogus"), USER_CMD_USAGE);
	snprintf(f->c.auth.users_db, sizeof(f->c.auth.users_db), "%s/no/such/users.db", f->dir);
	assert_int_equal(RUN(false, "", "list"), USER_CMD_FAILED);
	assert_non_null(strstr(c.err, "no/such/users.db"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_may_be_stored),
		FIXTURE_TEST(add_find_delete),
		FIXTURE_TEST(changes_of_others_show_at_once),
		FIXTURE_TEST(users_live_beside),
		FIXTURE_TEST(a_change_waits_for_anothers),
		FIXTURE_TEST(a_lock_that_stays_is_not_waited_for_again),
		FIXTURE_TEST(damage_and_locks),
		FIXTURE_TEST(a_reload_opens_what_is_there),
		FIXTURE_TEST(command_adds_and_deletes),
		FIXTURE_TEST(command_lists),
		FIXTURE_TEST(command_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

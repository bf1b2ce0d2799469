/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * `fairlead user`: what it writes to the database, its exit codes, its JSON, and that a secret
 * given as an argument does not stay in the process list. HA1 keys: R11.
 */
#include "tests/world/command_run.h"

#include "cli/user_cmd.h"

#include <jansson.h>

#define RUN(...) \
	command_run(f, &c, user_command, false, "", (const char *const[]){ __VA_ARGS__, NULL })
#define RUN_INPUT(input, ...) \
	command_run(f, &c, user_command, false, input, (const char *const[]){ __VA_ARGS__, NULL })
#define RUN_JSON(...) \
	command_run(f, &c, user_command, true, "", (const char *const[]){ __VA_ARGS__, NULL })

/* The stored user must have just the keys of this password. */
static void assert_keys(struct fixture *f, const char *name, const char *password)
{
	struct user want = fixture_user(name, password);
	struct user_store *s = fixture_store(f);
	const struct user *u;

	assert_int_equal(user_store_by_name(s, name, &u), USER_OK);
	assert_true(u->has_md5 && u->has_sha256);
	assert_memory_equal(u->md5, want.md5, sizeof(want.md5));
	assert_memory_equal(u->sha256, want.sha256, sizeof(want.sha256));
	assert_memory_equal(u->userhash, want.userhash, sizeof(want.userhash));
	user_store_close(s);
}

static void add_change_delete(void **state)
{
	struct fixture *f = *state;
	struct call c;

	assert_int_equal(RUN("add", "demo", "--password", "fairlead"), USER_CMD_OK);
	assert_string_equal(c.out, "user demo added (realm " REALM ")\n");
	assert_string_equal(c.err, "");
	assert_keys(f, "demo", "fairlead");
	assert_int_equal(RUN("add", "demo", "--password", "x"), USER_CMD_FAILED);
	assert_non_null(strstr(c.err, "exists"));
	assert_keys(f, "demo", "fairlead");
	assert_int_equal(RUN("add", "demo", "--password", "x", "--replace"), USER_CMD_OK);
	assert_keys(f, "demo", "x");
	assert_int_equal(RUN("passwd", "demo", "--password", "y"), USER_CMD_OK);
	assert_keys(f, "demo", "y");
	assert_int_equal(RUN("del", "demo"), USER_CMD_OK);
	assert_int_equal(RUN("del", "demo"), USER_CMD_FAILED);
	assert_non_null(strstr(c.err, "does not exist"));
	assert_int_equal(RUN("passwd", "demo", "--password", "y"), USER_CMD_FAILED);
}

static void password_from_input_and_file(void **state)
{
	struct fixture *f = *state;
	char path[128];
	struct call c;
	FILE *file;

	assert_int_equal(RUN_INPUT("from input\nrest\n", "add", "a"), USER_CMD_OK);
	assert_keys(f, "a", "from input");
	assert_int_equal(RUN_INPUT("no newline", "add", "b", "--password-file", "-"), USER_CMD_OK);
	assert_keys(f, "b", "no newline");
	snprintf(path, sizeof(path), "%s/pw", f->dir);
	file = fopen(path, "w");
	fputs("from file\r\n", file);
	fclose(file);
	assert_int_equal(RUN("add", "c", "--password-file", path), USER_CMD_OK);
	assert_keys(f, "c", "from file");
	assert_int_equal(RUN_INPUT("", "add", "d"), USER_CMD_FAILED);
	assert_int_equal(RUN("add", "d", "--password-file", "/no/such"), USER_CMD_FAILED);
	assert_non_null(strstr(c.err, "/no/such"));
	assert_int_equal(RUN("add", "d", "--password", "\x01"), USER_CMD_FAILED);
	assert_int_equal(RUN("passwd", "d", "--password", "x"), USER_CMD_FAILED); /* never made */
}

static void name_and_password_are_prepared(void **state)
{
	struct fixture *f = *state;
	struct call c;

	assert_int_equal(RUN("add", "e\xcc\x81", "--password", "I\xc2\xadX"), USER_CMD_OK);
	assert_keys(f, "\xc3\xa9", "IX");
	assert_int_equal(RUN("add", "a\x07", "--password", "x"), USER_CMD_FAILED);
	assert_int_equal(RUN("add", "", "--password", "x"), USER_CMD_FAILED);
}

/* MD5("demo:example.org:fairlead") given instead of the password. */
static void ha1_is_taken_as_the_key(void **state)
{
	struct fixture *f = *state;
	struct user want = fixture_user("demo", "fairlead");
	char md5[33], sha256[65];
	struct user_store *s;
	const struct user *u;
	struct call c;

	for (int i = 0; i < 16; i++)
		snprintf(md5 + 2 * i, 3, "%02X", want.md5[i]);
	for (int i = 0; i < 32; i++)
		snprintf(sha256 + 2 * i, 3, "%02x", want.sha256[i]);
	assert_int_equal(RUN("add", "demo", "--ha1", md5), USER_CMD_OK);
	assert_non_null(strstr(c.err, "SHA-256")); /* what such a user cannot do */
	s = fixture_store(f);
	assert_int_equal(user_store_by_name(s, "demo", &u), USER_OK);
	assert_true(u->has_md5 && !u->has_sha256);
	assert_memory_equal(u->md5, want.md5, 16);
	user_store_close(s);
	assert_int_equal(RUN("passwd", "demo", "--ha1", md5, "--ha1", sha256), USER_CMD_OK);
	assert_string_equal(c.err, "");
	assert_keys(f, "demo", "fairlead");
	md5[31] = 0;
	assert_int_equal(RUN("add", "x", "--ha1", md5), USER_CMD_USAGE);
	assert_int_equal(RUN("add", "x", "--ha1", "zz"), USER_CMD_USAGE);
}

static void secrets_leave_the_process_list(void **state)
{
	struct fixture *f = *state;
	struct call c;

	assert_int_equal(RUN("add", "demo", "--password", "fairlead"), USER_CMD_OK);
	for (size_t i = 0; i < strlen("fairlead"); i++)
		assert_int_equal(c.arg[3][i], 0);
	assert_int_equal(RUN("add", "demo", "--password", "fairlead", "oops"), USER_CMD_USAGE);
	assert_int_equal(c.arg[3][0], 0);
}

static void wrong_usage_is_2(void **state)
{
	struct fixture *f = *state;
	struct call c;

	assert_int_equal(RUN("bogus"), USER_CMD_USAGE);
	assert_non_null(strstr(c.err, "usage"));
	assert_int_equal(RUN(NULL), USER_CMD_USAGE);
	assert_int_equal(RUN("add"), USER_CMD_USAGE);
	assert_int_equal(RUN("list", "demo"), USER_CMD_USAGE);
	assert_int_equal(RUN("del", "demo", "--password", "x"), USER_CMD_USAGE);
	assert_int_equal(RUN("add", "demo", "--password"), USER_CMD_USAGE);
	assert_int_equal(RUN("add", "demo", "--quota", "-1"), USER_CMD_USAGE);
	assert_int_equal(RUN("add", "demo", "--quota", "4294967296"), USER_CMD_USAGE);
	assert_int_equal(RUN("passwd", "demo", "--quota", "1"), USER_CMD_USAGE);
	assert_int_equal(RUN("add", "a", "b", "--password", "x"), USER_CMD_USAGE);
}

static void lists_in_json_and_text(void **state)
{
	struct fixture *f = *state;
	json_t *doc, *row;
	struct call c;

	assert_int_equal(RUN_JSON("add", "demo", "--password", "x", "--quota", "5"), USER_CMD_OK);
	doc = json_loads(c.out, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(doc, "result")), "added");
	json_decref(doc);
	assert_int_equal(RUN("disable", "demo"), USER_CMD_OK);
	assert_int_equal(RUN_JSON("list"), USER_CMD_OK);
	doc = json_loads(c.out, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(doc, "users")), 1);
	row = json_array_get(json_object_get(doc, "users"), 0);
	assert_string_equal(json_string_value(json_object_get(row, "name")), "demo");
	assert_int_equal(json_integer_value(json_object_get(row, "quota")), 5);
	assert_true(json_is_true(json_object_get(row, "disabled")));
	json_decref(doc);
	assert_int_equal(RUN("enable", "demo"), USER_CMD_OK);
	assert_int_equal(RUN("list"), USER_CMD_OK);
	assert_non_null(strstr(c.out, "demo"));
	assert_non_null(strstr(c.out, "enabled"));
	assert_int_equal(RUN_JSON("del", "nobody"), USER_CMD_FAILED);
	doc = json_loads(c.out, 0, NULL);
	assert_non_null(strstr(json_string_value(json_object_get(doc, "error")), "nobody"));
	json_decref(doc);
}

static void database_trouble_is_told(void **state)
{
	struct fixture *f = *state;
	struct call c;

	snprintf(f->c.auth.users_db, sizeof(f->c.auth.users_db), "%s/no/such/users.db", f->dir);
	assert_int_equal(RUN("list"), USER_CMD_FAILED);
	assert_non_null(strstr(c.err, f->c.auth.users_db));
	f->c.auth.users_db[0] = 0;
	assert_int_equal(RUN("list"), USER_CMD_FAILED);
	assert_non_null(strstr(c.err, "users-db"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(add_change_delete),
		FIXTURE_TEST(password_from_input_and_file),
		FIXTURE_TEST(name_and_password_are_prepared),
		FIXTURE_TEST(ha1_is_taken_as_the_key),
		FIXTURE_TEST(secrets_leave_the_process_list),
		FIXTURE_TEST(wrong_usage_is_2),
		FIXTURE_TEST(lists_in_json_and_text),
		FIXTURE_TEST(database_trouble_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

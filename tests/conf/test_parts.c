/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * conf.d (R73: what is read is bounded): files beside the main one, in the order of their names,
 * are one configuration with it. Maps are merged, lists go one behind the other, a value that is
 * given twice is a mistake that names both places; each mistake names its file and line. What is no
 * file, too large or too much is refused.
 */
#include "tests/world/unit.h"
#include "conf/config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char main_text[] = "dataplane:\n"			     /* 1 */
				"  workers: [2, 3]\n"		     /* 2 */
				"ports:\n"			     /* 3 */
				"  - name: access\n"		     /* 4 */
				"    device: net_null0\n"	     /* 5 */
				"    addresses: [10.1.0.1/24]\n"     /* 6 */
				"listeners:\n"			     /* 7 */
				"  - address: 10.1.0.1\n"	     /* 8 */
				"relays:\n"			     /* 9 */
				"  - {address: 10.1.0.1, port-min: " /* 10 */
				"50000}\n"
				"turn:\n"		    /* 11 */
				"  realm: example.org\n"    /* 12 */
				"auth:\n"		    /* 13 */
				"  rest-secrets: [first]\n" /* 14 */
				"peers:\n"		    /* 15 */
				"  allow: [10.9.0.0/24]\n"; /* 16 */

static char dir[64], file[128];
static struct config_errors errors;

static const char *path_of(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/conf.d/%s", dir, name);
	return path;
}

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

static void part(const char *name, const char *text)
{
	write_text(path_of(name), text);
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/fairlead-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/fairlead.yaml", dir);
	write_text(file, main_text);
	return mkdir(path_of(""), 0700);
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

/* The only mistake, without the directory that it begins with. */
static void expect_mistake(const char *want)
{
	assert_null(config_load_all(file, &errors));
	assert_string_equal(errors.error[0].text + strlen(dir) + 1, want);
	assert_int_equal(errors.n, 1);
}

static struct config *load(void)
{
	struct config *c = config_load_all(file, &errors);

	if (!c)
		fail_msg("%s", errors.error[0].text);
	return c;
}

/* Also with an empty directory, or with none. */
static void nothing_beside_it(void **state)
{
	struct config *c = load();

	(void)state;
	assert_int_equal(c->n_part, 0);
	config_free(c);
	assert_int_equal(rmdir(path_of("")), 0);
	config_free(load());
}

static void maps_merge_and_lists_append(void **state)
{
	struct config *c;
	char path[CONFIG_WHERE_MAX];

	(void)state;
	part("20-b.yaml", "peers:\n  allow: [10.9.2.0/24]\n");
	part("10-a.yaml", "peers:\n  allow: [10.9.1.0/24]\nturn:\n  software: parts\n"
			  "listeners:\n  - {address: 10.1.0.1, port: 3479}\n");
	part("30-nothing.yaml", "# not yet\n");
	part(".hidden.yaml", "nonsense");
	part("10-a.yaml.dpkg-old", "nonsense");
	part("README", "nonsense");
	c = load();
	assert_int_equal(c->n_part, 3);
	assert_string_equal(c->part[0], "10-a.yaml");
	config_part_path(c, 1, path, sizeof(path));
	assert_string_equal(path, path_of("20-b.yaml"));
	assert_string_equal(c->turn.realm, "example.org");
	assert_string_equal(c->turn.software, "parts");
	assert_int_equal(c->n_listener, 2);
	assert_int_equal(be16_get(c->listener[1].addr.port), 3479);
	assert_int_equal(c->peers.n_allow, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(c->peers.allow[i].ip.b[14], i);
	assert_false(config_shows_secrets(c));
	config_free(c);
}

/* A secret may stand in any of them. */
static void who_may_read_a_part(void **state)
{
	struct config *c;

	(void)state;
	part("a.yaml", "auth:\n  rest-secrets: [second]\n");
	assert_int_equal(chmod(path_of("a.yaml"), 0644), 0);
	c = load();
	assert_int_equal(c->auth.n_rest_secret, 2);
	assert_true(config_shows_secrets(c));
	config_free(c);
}

static void twice(void **state)
{
	(void)state;
	part("a.yaml", "# a comment\nturn:\n  realm: example.net\n");
	expect_mistake("conf.d/a.yaml:3: turn.realm: is given already, in line 12");
	part("a.yaml", "turn:\n  software: one\n");
	part("b.yaml", "turn: {software: two}\n");
	expect_mistake("conf.d/b.yaml:1: turn.software: is given already, in line 2 of "
		       "conf.d/a.yaml");
	part("b.yaml", "turn: {}\nturn: {}\n");
	expect_mistake("conf.d/b.yaml:2: turn: is given already, in line 1 of conf.d/b.yaml");
}

/* Of what contradicts what stands elsewhere, too. */
static void mistakes_name_their_file(void **state)
{
	(void)state;
	part("a.yaml", "turn:\n  sofware: x\n");
	expect_mistake("conf.d/a.yaml:2: turn.sofware: no such key: did you mean software?");
	part("a.yaml", "turn: [\n");
	assert_null(config_load_all(file, &errors));
	assert_non_null(strstr(errors.error[0].text, "/conf.d/a.yaml:2: this is not YAML: "));
	part("a.yaml", "listeners: 7\n");
	expect_mistake("conf.d/a.yaml:1: listeners: must be a list");
	part("a.yaml", "turn: x\n");
	expect_mistake("conf.d/a.yaml:1: turn: must be a map of keys");
	part("a.yaml", "listeners:\n  - address: 10.1.0.1\n");
	expect_mistake("conf.d/a.yaml:2: listeners[1].address: 10.1.0.1:3478 is the listener in "
		       "line 8 already");
	part("a.yaml", "turn: {}\n---\nturn: {}\n");
	expect_mistake("conf.d/a.yaml:3: a second document begins here");
	part("a.yaml", "&a {turn: *a}\n");
	expect_mistake("conf.d/a.yaml:1: turn.turn: no such key");
}

/* In the order in which files are read, and all of them. */
static void every_mistake(void **state)
{
	(void)state;
	part("b.yaml", "turn:\n  no-b: 1\n");
	part("a.yaml", "\n\n\n\nturn:\n  no-a: 1\n");
	assert_null(config_load_all(file, &errors));
	assert_int_equal(errors.n, 2);
	assert_non_null(strstr(errors.error[0].text, "/a.yaml:6: turn.no-a: "));
	assert_non_null(strstr(errors.error[1].text, "/b.yaml:2: turn.no-b: "));
}

/* Nobody waits for a FIFO's writer. */
static void no_ordinary_file(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(path_of("a.yaml"), 0600), 0);
	expect_mistake("conf.d/a.yaml: cannot be read: it is no ordinary file");
	assert_int_equal(unlink(path_of("a.yaml")), 0);
	assert_int_equal(symlink("nowhere", path_of("a.yaml")), 0);
	expect_mistake("conf.d/a.yaml: cannot be read: No such file or directory");
	assert_int_equal(unlink(path_of("a.yaml")), 0);
	assert_int_equal(rmdir(path_of("")), 0);
	snprintf(file + strlen(dir), sizeof(file) - strlen(dir), "/conf.d");
	write_text(file, "");
	snprintf(file + strlen(dir), sizeof(file) - strlen(dir), "/fairlead.yaml");
	expect_mistake("fairlead.yaml: conf.d beside it cannot be read: Not a directory");
}

static void too_much(void **state)
{
	char name[80];

	(void)state;
	part("a.yaml", "");
	part("b.yaml", "# as large as all may be together\n");
	assert_int_equal(truncate(path_of("b.yaml"), CONFIG_PARTS_BYTES + 1), 0);
	expect_mistake("conf.d/b.yaml: cannot be read: all that is in conf.d is larger than 1 MiB");
	unlink(path_of("b.yaml"));
	snprintf(name, sizeof(name), "%064d.yaml", 1);
	part(name, "");
	assert_null(config_load_all(file, &errors));
	assert_non_null(strstr(errors.error[0].text, ": the name is longer than 63 characters"));
	unlink(path_of(name));
	for (unsigned i = 0; i < CONFIG_PARTS_MAX; i++) {
		snprintf(name, sizeof(name), "c%u.yaml", i);
		part(name, "");
	}
	expect_mistake("fairlead.yaml: conf.d has more than 64 files");
	unlink(path_of("a.yaml"));
	config_free(load());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_beside_it, setup, teardown),
		cmocka_unit_test_setup_teardown(maps_merge_and_lists_append, setup, teardown),
		cmocka_unit_test_setup_teardown(who_may_read_a_part, setup, teardown),
		cmocka_unit_test_setup_teardown(twice, setup, teardown),
		cmocka_unit_test_setup_teardown(mistakes_name_their_file, setup, teardown),
		cmocka_unit_test_setup_teardown(every_mistake, setup, teardown),
		cmocka_unit_test_setup_teardown(no_ordinary_file, setup, teardown),
		cmocka_unit_test_setup_teardown(too_much, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files of certificates that change: rewritten in place, replaced, or by a link that leads
 * elsewhere. A change is told once, when it is over, and never while a file is missing.
 */
#include "tests/world/unit.h"
#include "dp/tls/watch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct config conf;
static struct tls_watch watch;
static char dir[] = "/tmp/fairlead-watch.XXXXXX";

static const char *in_dir(const char *name)
{
	static char path[2][CONFIG_STR_MAX];
	static int i;

	i = !i;
	snprintf(path[i], sizeof(path[i]), "%s/%s", dir, name);
	return path[i];
}

static void put(const char *name, const char *text)
{
	int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
}

static bool changed(void)
{
	return tls_watch_changed(&watch, &conf);
}

/* The first look sees it, the second that it is over, the third nothing. */
static void changed_once(void)
{
	assert_false(changed());
	assert_true(changed());
	assert_false(changed());
	assert_false(changed());
}

static int setup(void **state)
{
	(void)state;
	conf = (struct config){ .n_certificate = 1, .n_domain = 2 };
	watch = (struct tls_watch){ 0 };
	assert_non_null(mkdtemp(strcpy(dir, "/tmp/fairlead-watch.XXXXXX")));
	strcpy(conf.certificate[0].chain, in_dir("chain"));
	strcpy(conf.certificate[0].key, in_dir("key"));
	strcpy(conf.domain[1].client_ca, in_dir("ca"));
	put("chain", "1");
	put("key", "1");
	put("ca", "1");
	assert_false(changed());
	assert_false(changed());
	return 0;
}

static int teardown(void **state)
{
	static const char *const name[] = { "chain", "key", "ca", "new", "target", "other" };

	(void)state;
	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++)
		unlink(in_dir(name[i]));
	return rmdir(dir);
}

static void rewritten(void **state)
{
	(void)state;
	put("chain", "22");
	changed_once();
	put("key", "22");
	changed_once();
	put("ca", "22");
	changed_once();
}

static void replaced_by_one_of_the_same_size(void **state)
{
	(void)state;
	put("new", "2");
	assert_int_equal(rename(in_dir("new"), in_dir("chain")), 0);
	changed_once();
}

static void behind_a_link(void **state)
{
	(void)state;
	put("target", "1");
	put("other", "1");
	assert_int_equal(unlink(in_dir("chain")), 0);
	assert_int_equal(symlink("target", in_dir("chain")), 0);
	changed_once();
	assert_int_equal(symlink("other", in_dir("new")), 0);
	assert_int_equal(rename(in_dir("new"), in_dir("chain")), 0);
	changed_once();
	put("other", "22");
	changed_once();
}

static void still_being_written(void **state)
{
	(void)state;
	put("chain", "22");
	assert_false(changed());
	put("key", "22");
	changed_once();
}

static void missing(void **state)
{
	(void)state;
	assert_int_equal(unlink(in_dir("key")), 0);
	for (int i = 0; i < 3; i++)
		assert_false(changed());
	put("chain", "22");
	assert_false(changed());
	assert_false(changed());
	put("key", "22");
	changed_once();
}

static void read_by_hand(void **state)
{
	(void)state;
	put("chain", "22");
	tls_watch_taken(&watch, &conf);
	assert_false(changed());
	assert_false(changed());
	put("chain", "333");
	assert_false(changed());
	tls_watch_taken(&watch, &conf);
	assert_false(changed());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rewritten, setup, teardown),
		cmocka_unit_test_setup_teardown(replaced_by_one_of_the_same_size, setup, teardown),
		cmocka_unit_test_setup_teardown(behind_a_link, setup, teardown),
		cmocka_unit_test_setup_teardown(still_being_written, setup, teardown),
		cmocka_unit_test_setup_teardown(missing, setup, teardown),
		cmocka_unit_test_setup_teardown(read_by_hand, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

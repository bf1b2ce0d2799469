/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What memory the machine has left (dp/pages.h), from a /proc and a /sys that are made here: huge
 * pages of all sizes, as EAL takes them, and not of the kernel's default size alone. R73.
 */
#include "tests/world/unit.h"
#include "dp/pages.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define SMALL "/sys/kernel/mm/hugepages/hugepages-2048kB"
#define LARGE "/sys/kernel/mm/hugepages/hugepages-1048576kB"

static char root[] = "/tmp/test_pages.XXXXXX";

static void command(const char *format)
{
	char text[256];

	snprintf(text, sizeof(text), format, root, root, root);
	assert_int_equal(system(text), 0);
}

static void put(const char *path, const char *value)
{
	char full[PATH_MAX];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	f = fopen(full, "w");
	assert_non_null(f);
	fputs(value, f);
	fclose(f);
}

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(root));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	command("rm -rf %s");
	return 0;
}

static void where_nothing_is_told(void **state)
{
	struct pages p = pages_left(root);

	(void)state;
	assert_int_equal(p.huge_mb, 0);
	assert_true(p.all_mb == UINT64_MAX);
}

static void pages_of_all_sizes(void **state)
{
	struct pages p;

	(void)state;
	command("mkdir -p %s/proc %s" SMALL " %s" LARGE);
	put("/proc/meminfo", "MemTotal:  9 kB\nMemAvailable:  4194304 kB\nHugePages_Free:  3\n"
			     "Hugepagesize:  2048 kB\n");
	put(SMALL "/free_hugepages", "3\n");
	put(LARGE "/free_hugepages", "2\n");
	p = pages_left(root);
	assert_int_equal(p.huge_mb, 3 * 2 + 2 * 1024);
	assert_int_equal(p.all_mb, 4096);
	put(SMALL "/free_hugepages", "0\n");
	put(LARGE "/nr_hugepages", "9\n");
	assert_int_equal(pages_left(root).huge_mb, 2 * 1024);
	put(LARGE "/free_hugepages", "no number\n");
	assert_int_equal(pages_left(root).huge_mb, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_nothing_is_told),
		cmocka_unit_test(pages_of_all_sizes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

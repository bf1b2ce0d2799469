/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Why a device of Hyper-V's bus cannot be opened (dp/vmbus.h), from a /sys that is made here: a
 * sentence each, with what is to be done about it. R73.
 */
#include "tests/world/unit.h"
#include "dp/vmbus.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define UUID "635a7ae3-091e-4410-ae59-667c4f8c04ee"
#define BIND ": bind it to uio_hv_generic (\"bind vmbus:" UUID "\" of fairlead-setup(8))"

static char root[] = "/tmp/test_vmbus.XXXXXX", driver[PATH_MAX];

static int setup(void **state)
{
	static const char *const parts[] = { "sys", "bus", "vmbus", "devices", UUID };
	char path[PATH_MAX];
	size_t n;

	(void)state;
	assert_non_null(mkdtemp(root));
	n = (size_t)snprintf(path, sizeof(path), "%s", root);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		n += (size_t)snprintf(path + n, sizeof(path) - n, "/%s", parts[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	snprintf(driver, sizeof(driver), "%.*s/driver", (int)n, path);
	return 0;
}

static int teardown(void **state)
{
	char command[PATH_MAX + 16];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static void expect(const char *uuid, const char *sentence)
{
	char why[320] = "";

	assert_int_equal(vmbus_obstacle(root, uuid, why, sizeof(why)), sentence != NULL);
	if (sentence)
		assert_string_equal(why, sentence);
}

static void one_that_is_not_there(void **state)
{
	(void)state;
	expect("635a7ae3-091e-4410-ae59-667c4f8c04ef",
	       "is not on the vmbus (ls /sys/bus/vmbus/devices shows what is)");
}

static void one_without_a_driver(void **state)
{
	(void)state;
	expect(UUID, "has no driver" BIND);
}

static void one_of_the_kernel(void **state)
{
	(void)state;
	assert_int_equal(symlink("../../drivers/hv_netvsc", driver), 0);
	expect(UUID, "is the kernel's (driver hv_netvsc)" BIND);
	assert_int_equal(unlink(driver), 0);
}

static void one_that_can_be_had(void **state)
{
	(void)state;
	assert_int_equal(symlink("../../drivers/uio_hv_generic", driver), 0);
	expect(UUID, NULL);
	assert_int_equal(unlink(driver), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_is_not_there),
		cmocka_unit_test(one_without_a_driver),
		cmocka_unit_test(one_of_the_kernel),
		cmocka_unit_test(one_that_can_be_had),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

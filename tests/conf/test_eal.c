/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What dataplane.eal and dataplane.log-levels pass on to DPDK: no argument that other keys decide,
 * however it is written, and levels that EAL would not misread.
 */
#include "tests/world/unit.h"
#include "conf/eal.h"

#include <stdint.h>
#include <string.h>

static void test_arguments(void **state)
{
	static const char *const rows[] = {
		"--vfio-vf-token=14d63f20-8445-11ea-8900-1f9ce7d5650d",
		"--vfio-intr=legacy",
		"--iova-mode=pa",
		"--telemetry",
		"--no-hpet",
		"--base-virtaddr=0x100000000",
		"--socket-limit=512",
		"-d/usr/lib/librte_net_own.so",
		"-n4",
		"-r2",
	};
	char err[256] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!eal_arg_check(rows[i], err, sizeof(err)))
			fail_msg("%s: %s", rows[i], err);
}

static void test_refused(void **state)
{
	static const struct {
		const char *arg, *why;
	} rows[] = {
		{ "-l0", "of options with one dash" },
		{ "-a0000:01:00.0", "of options with one dash" },
		{ "-m512", "of options with one dash" },
		{ "-n", "of options with one dash" },
		{ "-n 4", "of options with one dash" },
		{ "-", "of options with one dash" },
		{ "--", "is none of the arguments" },
		{ "--=1", "is none of the arguments" },
		{ "msix", "is none of the arguments" },
		{ "--nosuch", "is none of the arguments" },
		{ "--vfio-intr msix", "--vfio-intr has its value behind '=', as one entry" },
		{ "--vfio-intr=", "--vfio-intr has its value behind '=', as one entry" },
		{ "--vfio-intr", "--vfio-intr has its value behind '=', as one entry" },
		{ "--no-hpet=1", "--no-hpet has no value" },
		{ "--lcores=0@0", "--lcores is not passed on: CPUs are dataplane.workers" },
		{ "--socket-mem=64", "--socket-mem is not passed on: memory is " },
		{ "--no-huge", "--no-huge is not passed on: pages are " },
		{ "--huge-dir=/mnt", "--huge-dir is not passed on: pages are " },
		{ "--no-pci", "--no-pci is not passed on: devices are " },
		{ "--allow=01:00.0", "--allow is not passed on: devices are " },
		{ "--file-prefix=x", "--file-prefix is not passed on: fairlead-dp is " },
		{ "--proc-type=secondary", "--proc-type is not passed on: fairlead-dp is " },
		{ "--log-level=*:debug", "--log-level is not passed on: levels are " },
		/* getopt_long() takes what is short for one name. */
		{ "--vd=net_null2", "is none of the arguments" },
		{ "--file=x", "is none of the arguments" },
	};
	char err[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_false(eal_arg_check(rows[i].arg, err, sizeof(err)));
		if (strstr(err, rows[i].why) == NULL)
			fail_msg("%s: %s", rows[i].arg, err);
	}
}

static void test_levels(void **state)
{
	static const char *const good[] = { "pmd.net.ice:debug", "*:info", "lib.*:error" };
	static const char *const bad[] = { "debug",	    ":debug",	     "lib.eal:",
					   "lib.eal:8",	    "lib.eal,debug", "lib.eal,x:debug",
					   "lib.eal: debug" };
	char err[256];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(eal_log_level_check(good[i], err, sizeof(err)));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(eal_log_level_check(bad[i], err, sizeof(err)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_levels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_EAL_H
#define FL_TESTS_EAL_H

#include <rte_eal.h>
#include <stdbool.h>

/* DPDK's environment for a test: so much ordinary memory (a number of MB as text), one lcore,
 * nothing shared. Once a process. */
static inline bool test_eal(const char *mb)
{
	static char *args[] = { (char *)"test",
				(char *)"--no-pci",
				(char *)"--no-huge",
				(char *)"--no-shconf",
				(char *)"--no-telemetry",
				(char *)"--lcores=0@0",
				(char *)"--iova-mode=va",
				(char *)"--log-level=*:error",
				(char *)"-m",
				NULL,
				NULL };
	static bool done;

	args[9] = (char *)mb;
	done = done || rte_eal_init(10, args) >= 0;
	return done;
}

#endif

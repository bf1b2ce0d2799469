/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_PROBE_H
#define FL_LIB_PROBE_H

/*
 * Static probes of provider "fairlead", for bpftrace, perf and gdb: a nop each while nobody looks.
 * fairlead-dp(8) lists them; tests/lint-probes.sh compares the list with the program. Arguments are
 * numbers and pointers that are there anyway.
 */
#include <sys/sdt.h>

#define PROBE2(name, a, b)	 DTRACE_PROBE2(fairlead, name, a, b)
#define PROBE3(name, a, b, c)	 DTRACE_PROBE3(fairlead, name, a, b, c)
#define PROBE4(name, a, b, c, d) DTRACE_PROBE4(fairlead, name, a, b, c, d)

#endif

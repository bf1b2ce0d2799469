/* SPDX-License-Identifier: BSD-3-Clause */
#include "eal.h"

#include <stdio.h>
#include <string.h>

static const char cpus[] = "CPUs are dataplane.workers, dataplane.main-cpu and tls.crypto-cpus";
static const char memory[] = "memory is dataplane.memory-mb, taken at start and never more";
static const char pages[] = "pages are dataplane.hugepages, and leave no files";
static const char devices[] = "devices are ports[].device, opened one by one";
static const char process[] = "fairlead-dp is one primary process that leaves no files";

/* Arguments without dashes that other keys decide, of DPDK 22.11 to 25.11. */
static const struct {
	const char *name, *why;
} ours[] = {
	{ "lcores", cpus },
	{ "lcores-automap", cpus },
	{ "corelist", cpus },
	{ "coremask", cpus },
	{ "main-lcore", cpus },
	{ "remap-lcore-ids", cpus },
	{ "service-corelist", cpus },
	{ "service-coremask", cpus },
	{ "memory-size", memory },
	{ "numa-mem", memory },
	{ "socket-mem", memory },
	{ "legacy-mem", memory },
	{ "huge-dir", pages },
	{ "huge-unlink", pages },
	{ "in-memory", pages },
	{ "no-huge", pages },
	{ "single-file-segments", pages },
	{ "allow", devices },
	{ "block", devices },
	{ "no-pci", devices },
	{ "vdev", devices },
	{ "file-prefix", process },
	{ "no-shconf", process },
	{ "proc-type", process },
	{ "mbuf-pool-ops-name", "the pools of packet buffers are fairlead-dp's" },
	{ "log-level", "levels are dataplane.log-levels" },
	{ "help", "EAL would print its options and end" },
};

enum value { VALUE_NONE, VALUE_MAY, VALUE_MUST };

/* Those that are passed on. EAL answers any other with a page of its options. */
static const struct {
	const char *name;
	enum value value;
} passed[] = {
	{ "base-virtaddr", VALUE_MUST },
	{ "create-uio-dev", VALUE_NONE },
	{ "force-max-simd-bitwidth", VALUE_MUST },
	{ "huge-worker-stack", VALUE_MAY },
	{ "iova-mode", VALUE_MUST },
	{ "match-allocations", VALUE_NONE },
	{ "no-hpet", VALUE_NONE },
	{ "socket-limit", VALUE_MUST },
	{ "syslog", VALUE_MUST },
	{ "telemetry", VALUE_NONE },
	{ "trace", VALUE_MUST },
	{ "trace-bufsz", VALUE_MUST },
	{ "trace-dir", VALUE_MUST },
	{ "trace-mode", VALUE_MUST },
	{ "vfio-intr", VALUE_MUST },
	{ "vfio-vf-token", VALUE_MUST },
	{ "vmware-tsc-map", VALUE_NONE },
};

/* Of EAL's short options those that decide nothing of ours: drivers, memory channels and ranks. */
static bool short_check(const char *arg, char *err, size_t errlen)
{
	if (arg[1] && strchr("dnr", arg[1]) && arg[2] && arg[2] != ' ')
		return true;
	snprintf(
	    err, errlen,
	    "'%s': of options with one dash there are -dFILE, -nNUMBER and -rNUMBER, without a "
	    "space",
	    arg);
	return false;
}

static bool value_check(const char *name, enum value value, const char *rest, char *err,
			size_t errlen)
{
	bool given = rest[0] == '=' && rest[1] != '\0';

	if (value == VALUE_MUST ? given : !*rest || (value == VALUE_MAY && given))
		return true;
	snprintf(err, errlen, "--%s %s", name,
		 value == VALUE_NONE ? "has no value" : "has its value behind '=', as one entry");
	return false;
}

bool eal_arg_check(const char *arg, char *err, size_t errlen)
{
	const char *name = arg + 2;
	size_t len;

	if (arg[0] == '-' && arg[1] != '-')
		return short_check(arg, err, errlen);
	len = strncmp(arg, "--", 2) == 0 ? strcspn(name, "= ") : 0;
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		if (strlen(passed[i].name) == len && strncmp(passed[i].name, name, len) == 0)
			return value_check(passed[i].name, passed[i].value, name + len, err,
					   errlen);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		if (strlen(ours[i].name) == len && strncmp(ours[i].name, name, len) == 0) {
			snprintf(err, errlen, "--%s is not passed on: %s", ours[i].name,
				 ours[i].why);
			return false;
		}
	}
	snprintf(err, errlen, "'%s' is none of the arguments of EAL that fairlead-dp passes on",
		 arg);
	return false;
}

const char *const eal_log_usual[EAL_LOG_USUAL] = { "*:warning", "user1:notice" };

uint32_t eal_log_level(const char *text)
{
	static const char *const levels[] = { "emergency", "alert",  "critical", "error",
					      "warning",   "notice", "info",	 "debug" };
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;

	for (uint32_t i = 0; len && i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strcspn(text, ", ") > len && strcmp(colon + 1, levels[i]) == 0)
			return i + 1;
	return 0;
}

bool eal_log_level_check(const char *text, char *err, size_t errlen)
{
	if (eal_log_level(text))
		return true;
	snprintf(err, errlen,
		 "'%s' is no COMPONENT:LEVEL such as pmd.net.ice:debug; levels are emergency, "
		 "alert, critical, error, warning, notice, info and debug",
		 text);
	return false;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CONF_EAL_H
#define FL_CONF_EAL_H

/* What dataplane.eal and dataplane.log-levels may pass on to EAL, DPDK's start. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether arg is one argument that may follow ours, by its full name. What other keys decide is
 * refused, and so is what EAL does not know; its value is EAL's to judge. False with a sentence in
 * err.
 */
bool eal_arg_check(const char *arg, char *err, size_t errlen);

/* Whether text is a component of DPDK, or a pattern of such, and a level: "pmd.net.ice:debug". */
bool eal_log_level_check(const char *text, char *err, size_t errlen);
/* Those that hold before any of the configuration. */
enum { EAL_LOG_USUAL = 2 };
extern const char *const eal_log_usual[EAL_LOG_USUAL];
/* Level of such an argument, as DPDK counts: 1 emergency, 8 debug; 0: it is none. */
uint32_t eal_log_level(const char *text);

#endif

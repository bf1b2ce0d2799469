/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_NG_NG_RTPP_H
#define FL_CP_NG_NG_RTPP_H

/*
 * rtpp-flags: what Kamailio since 6 has from its script and does not look at, one string. As words
 * and values it becomes what Kamailio before 6 made of it: keys of a command, and its list of
 * flags.
 */
#include <jansson.h>
#include <stdint.h>

/*
 * "replace-origin direction=[a b] codec=[strip=[PCMA]]": a dictionary, which is the caller's. Words
 * that are too many or too deep are left out, and counted in *n_unknown. NULL: out of memory.
 */
json_t *ng_rtpp_parse(const char *text, uint32_t *n_unknown);

#endif

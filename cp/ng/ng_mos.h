/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_NG_NG_MOS_H
#define FL_CP_NG_NG_MOS_H

#include "../../lib/ctl_abi.h"

#include <jansson.h>

/* Adds a side's source to the dictionary, if it has one. now, wall: the same second of both clocks.
 */
void ng_mos_put(json_t *ssrcs, const struct ctl_term_stats *s, uint32_t now, uint64_t wall);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_NEEDS_H
#define FL_CP_ADMIN_NEEDS_H

/*
 * What a configuration takes, told before it is used (--check-config): memory by part, huge pages, packet
 * buffers, relayed ports, connections and series of metrics.
 */
#include "../../conf/config.h"

/* Prints a line for each, and a warning where memory or relayed ports are too few. */
void needs_tell(const struct config *c, FILE *out);

#endif

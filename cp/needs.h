/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_NEEDS_H
#define FL_CP_NEEDS_H

/*
 * What a configuration takes, told before it is used (--check-config): huge pages, packet buffers,
 * relayed ports and connections.
 */
#include "../conf/config.h"

/* Prints a line for each, and one more where relayed ports are fewer than allocations. */
void needs_tell(const struct config *c, FILE *out);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_COST_H
#define FL_CP_COST_H

/*
 * What a changed configuration costs, told before it is used (--check-config): which processes have
 * to be started again for it, what ends with that, and what becomes of the state files. What the
 * dataplane runs with stands in a file beside the allocations', written when it is attached.
 */
#include "../conf/config.h"

/* The dataplane agrees with c: remembered for the next --check-config. */
void cost_record(const struct config *c);
/*
 * The keys in which c differs from what the dataplane with this config_digest() runs with: " a, b".
 * False: that is not what was remembered.
 */
bool cost_keys(const struct config *c, uint64_t agreed, char *list, size_t size);
/* Prints a sentence for each thing that c would cost; nothing if there is none. */
void cost_tell(const struct config *c, FILE *out);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_GATEWAY_CONTEXT_USE_H
#define FL_DP_GATEWAY_CONTEXT_USE_H

/*
 * What came by contexts, for the control process to read (struct ctl_context_use). Copied from the
 * counters that the packet path keeps anyway, as context_tick() comes by: it costs packets nothing.
 */
#include "context.h"

/* The context of a slot is another one, or none any more. */
void context_use_begin(struct worker *w, uint32_t slot);
/* As its counters are now, and what they grew by a second since the last time. */
void context_use_tick(struct worker *w, uint32_t slot);
/* A termination came from another context, or went there: what it has counted is no rate. */
void context_use_move(struct worker *w, uint32_t slot);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_CONTEXT_LINK_H
#define FL_CP_CONTEXT_LINK_H

/* What the link to the dataplane hands to the gateway. False where nobody is concerned any more. */
#include "gateway.h"

#include "../dplink.h"

/*
 * Whether records of contexts were lost; gate_adopt() makes one of what a worker has, unless there
 * is one; gate_told() says that a worker has told all: until then
 * no context is added there. gate_whole(): all have.
 */
bool gate_partial(const struct gateway *g);
/* As table_world_add(): TLS domains that a reload has added. */
void gate_world_add(struct gateway *g);
bool gate_adopt(struct gateway *g, uint32_t worker, const struct evt_context *e);
void gate_told(struct gateway *g, uint32_t worker);
void gate_whole(struct gateway *g);
void gate_attached(struct gateway *g, uint64_t generation);
enum dplink_work gate_replay(struct gateway *g, uint32_t worker, struct dplink_cursor *cur);
bool gate_event_refused(struct gateway *g, uint32_t worker, const struct evt_context_refused *e);
bool gate_event_stats(struct gateway *g, uint32_t worker, const struct evt_context_stats *e);
bool gate_event_term(struct gateway *g, uint32_t worker, const struct evt_term *e);
/* Who has waited for counters for too long is told that there are none. */
void gate_answers_over(struct gateway *g);

#endif

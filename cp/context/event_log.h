/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_CONTEXT_EVENT_LOG_H
#define FL_CP_CONTEXT_EVENT_LOG_H

/* What controllers are told: the newest gateway.events of it, by number. */
#include "gateway.h"

struct event_log;

struct event_log *event_log_create(uint32_t max);
void event_log_free(struct event_log *n);

/* Adds one; seq is set here. True if it overwrote what nobody had fetched. */
bool event_log_add(struct event_log *n, const struct gate_event *e);
const struct gate_event *event_log_get(struct event_log *n, uint64_t seq);
uint64_t event_log_last(const struct event_log *n);
void event_log_listen(struct event_log *n, void (*changed)(void *arg), void *arg);

#endif

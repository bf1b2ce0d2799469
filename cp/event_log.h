/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_EVENT_LOG_H
#define FL_CP_EVENT_LOG_H

/*
 * What controllers are told: the newest events of one kind, by number. An event is a struct whose
 * first member is `uint64_t seq`.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_log;

/* For max events of size bytes. NULL: no memory. */
struct event_log *event_log_create(uint32_t max, size_t size);
void event_log_free(struct event_log *n);

/*
 * Makes room for another number of events ready; false: there is no memory. event_log_finish()
 * moves the newest there, or with false throws it away. It returns how many went that nobody had
 * fetched.
 */
bool event_log_prepare(struct event_log *n, uint32_t max);
uint64_t event_log_finish(struct event_log *n, bool apply);

/* Adds one; its seq is set here. True if it overwrote what nobody had fetched. */
bool event_log_add(struct event_log *n, const void *e);
/* The one with seq or the oldest kept after it; NULL: there is none yet. */
const void *event_log_get(struct event_log *n, uint64_t seq);
uint64_t event_log_last(const struct event_log *n);
void event_log_listen(struct event_log *n, void (*changed)(void *arg), void *arg);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_BACKLOG_H
#define FL_CP_BACKLOG_H

/* Events that were taken from a ring and are not handed on yet, in their order. Zero: none. */
#include "../lib/ctl_abi.h"

struct backlog_event;

struct backlog {
	struct backlog_event *first, *last;
	uint32_t n;
};

/* Keeps a copy of an event, whose header says its length. False without memory. */
bool backlog_add(struct backlog *b, const struct ctl_hdr *event);
/* The oldest goes to event (RING_MSG_SIZE bytes). There is one. */
void backlog_take(struct backlog *b, uint8_t *event);
void backlog_clear(struct backlog *b);

#endif

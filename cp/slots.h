/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_SLOTS_H
#define FL_CP_SLOTS_H

/*
 * The slots of a worker's table in the dataplane, which the control process hands out: who has
 * each, and the free ones, longest free first.
 */
#include "../lib/ctl_abi.h"

struct slots {
	uint32_t *owner; /* [n], a record's index or SLOT_NONE */
	uint32_t *free;	 /* ring */
	uint32_t n, head, n_free;
};

/* All without owner and none free yet: owners found at start come first, then slots_fill(). */
bool slots_open(struct slots *s, uint32_t n);
/* Bytes that n take. */
uint64_t slots_size(uint32_t n);
void slots_fill(struct slots *s);
void slots_close(struct slots *s);
/* Makes the ring of free slots anew, after some were given an owner and before any was taken. */
void slots_refill(struct slots *s);

/* SLOT_NONE if there is none. Its owner is the caller's to set. */
uint32_t slots_take(struct slots *s);
void slots_put(struct slots *s, uint32_t slot);

#endif

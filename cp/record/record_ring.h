/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_RECORD_RING_H
#define FL_CP_RECORD_RING_H

/*
 * A ring of records, each known by its number, that the event loop writes and one thread reads.
 * Neither waits for the other, also when the ring becomes another one: the thread copies a record
 * out before it does what may take long, and says meanwhile which ring it looks at. What waits for
 * the thread moves to the new ring, as soon as all of it fits.
 *
 * Who may write which number, and read which, the owner says: by a head that the event loop
 * publishes after it has written, and a tail that the thread publishes after it has read.
 */
#include "record.h"

#include <stdatomic.h>
#include <stdbool.h>

struct record_slots;

struct record_ring {
	_Atomic(struct record_slots *) now;	  /* written by the event loop */
	_Atomic(struct record_slots *) looked_at; /* by the thread; NULL: none */
	/* Of the event loop. */
	struct record_slots *was;  /* the thread may look at it yet */
	struct record_slots *next; /* record_ring_prepare() made it */
	struct record_slots *due;  /* what is there does not fit yet */
	bool stay;		   /* of a prepared size that is the one there is */
};

/* n is a power of two. False: no memory. */
bool record_ring_open(struct record_ring *r, uint32_t n);
void record_ring_close(struct record_ring *r);

/* For the event loop: the place of a number. */
struct record *record_ring_at(const struct record_ring *r, uint64_t seq);
/* How many records it may have: no more than it has places, nor than the next will have. */
uint32_t record_ring_limit(const struct record_ring *r);

/* For the thread: a record that is between tail and head. */
void record_ring_read(struct record_ring *r, uint64_t seq, struct record *rec);

/* Makes room for another number ready, which is that from record_ring_finish() on. */
bool record_ring_prepare(struct record_ring *r, uint32_t n);
void record_ring_finish(struct record_ring *r, bool apply);
/*
 * Moves, if there is something to move to and all from `needed` to `last` fits; with them, what
 * fits from `first` on. Call it after record_ring_finish(), and as records come. Returns the first
 * that is there from then on.
 */
uint64_t record_ring_move(struct record_ring *r, uint64_t first, uint64_t needed, uint64_t last);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_RING_H
#define FL_LIB_RING_H

/*
 * A ring of fixed-size messages between two processes that do not trust each other: one writer,
 * one reader. Head and tail count messages and never wrap to the ring's size. Each side keeps its
 * own cursor, and the geometry, in private memory; from shared memory it reads only the other
 * side's cursor, which is checked before it is used. A cursor that cannot be right is an error,
 * not an assertion. (rte_ring keeps its mask and both cursors of both sides in the shared memory,
 * where a broken peer could send us out of bounds; hence this one.)
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	RING_MSG_SIZE = 2048, /* bytes of one message slot */
	RING_ERR = -1,	      /* the other side's cursor is impossible */
};

/* Shared part. The writer owns head, the reader owns tail and asleep. */
struct ring_shm {
	_Alignas(64) _Atomic uint32_t head; /* writer: messages ever written */
	_Alignas(64) _Atomic uint32_t tail; /* reader: messages ever taken */
	_Atomic uint32_t asleep;	    /* reader: 1 asks the writer to ring the eventfd */
	_Alignas(64) uint8_t slot[][RING_MSG_SIZE];
};

/* Private part of either side. */
struct ring {
	struct ring_shm *shm;
	uint32_t size;	 /* slots, a power of two */
	uint32_t own;	 /* own cursor: the truth, shared memory holds a copy */
	uint32_t cached; /* the other side's cursor as last checked */
};

static inline uint64_t ring_bytes(uint32_t size)
{
	return sizeof(struct ring_shm) + (uint64_t)size * RING_MSG_SIZE;
}

/* Takes the writer's (or reader's) place at the cursors found in shm. False if they are invalid. */
bool ring_attach_writer(struct ring *r, struct ring_shm *shm, uint32_t size);
bool ring_attach_reader(struct ring *r, struct ring_shm *shm, uint32_t size);

/*
 * Starts an empty ring afresh for one side, whatever stands in shm, which is not read: the other
 * side may be writing to it still.
 */
void ring_reset(struct ring *r);

/* Slots free for writing, or RING_ERR. Looks at shared memory only when fewer than want are. */
static inline int ring_room(struct ring *r, uint32_t want)
{
	uint32_t used = r->own - r->cached;

	if (r->size - used < want) {
		r->cached = atomic_load_explicit(&r->shm->tail, memory_order_acquire);
		used = r->own - r->cached;
		if (used > r->size) {
			r->cached = r->own - r->size; /* stays full until the owner detaches */
			return RING_ERR;
		}
	}
	return (int)(r->size - used);
}

/* The i-th free slot, to be filled before ring_publish(). */
static inline uint8_t *ring_slot(struct ring *r, uint32_t i)
{
	return r->shm->slot[(r->own + i) & (r->size - 1)];
}

/* Hands n filled slots to the reader. */
static inline void ring_publish(struct ring *r, uint32_t n)
{
	r->own += n;
	atomic_store_explicit(&r->shm->head, r->own, memory_order_release);
}

/* Messages waiting, or RING_ERR. Looks at shared memory only when fewer than want are known of. */
static inline int ring_count(struct ring *r, uint32_t want)
{
	uint32_t n = r->cached - r->own;

	if (n < want) {
		uint32_t head = atomic_load_explicit(&r->shm->head, memory_order_acquire);

		n = head - r->own;
		if (n > r->size)
			return RING_ERR;
		r->cached = head;
	}
	return (int)n;
}

/* The i-th waiting message. It may change while it is read: copy once, then check. */
static inline const uint8_t *ring_peek(const struct ring *r, uint32_t i)
{
	return r->shm->slot[(r->own + i) & (r->size - 1)];
}

/* Gives n slots back to the writer. */
static inline void ring_release(struct ring *r, uint32_t n)
{
	r->own += n;
	atomic_store_explicit(&r->shm->tail, r->own, memory_order_release);
}

/*
 * Sleep protocol. The reader announces that it will sleep and must look once more at the ring
 * before it does; the writer, after publishing, asks whether to ring the eventfd.
 */
static inline void ring_sleep(struct ring *r)
{
	atomic_store_explicit(&r->shm->asleep, 1, memory_order_seq_cst);
	atomic_thread_fence(memory_order_seq_cst);
}

static inline void ring_awake(struct ring *r)
{
	atomic_store_explicit(&r->shm->asleep, 0, memory_order_relaxed);
}

static inline bool ring_must_wake(struct ring *r)
{
	atomic_thread_fence(memory_order_seq_cst);
	return atomic_load_explicit(&r->shm->asleep, memory_order_relaxed) != 0 &&
	       atomic_exchange_explicit(&r->shm->asleep, 0, memory_order_acq_rel) != 0;
}

#endif

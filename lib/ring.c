/* SPDX-License-Identifier: BSD-3-Clause */
#include "ring.h"

/* Room counts are ints, and a cursor's distance must stay below half of its range. */
enum { RING_SIZE_MAX = 1 << 30 };

static bool ring_attach(struct ring *r, struct ring_shm *shm, uint32_t size, bool writer)
{
	uint32_t head = atomic_load_explicit(&shm->head, memory_order_acquire);
	uint32_t tail = atomic_load_explicit(&shm->tail, memory_order_acquire);

	if (size == 0 || size > RING_SIZE_MAX || (size & (size - 1)) != 0)
		return false;
	if (head - tail > size)
		return false;
	*r = (struct ring){
		.shm = shm,
		.size = size,
		.own = writer ? head : tail,
		.cached = writer ? tail : head,
	};
	return true;
}

bool ring_attach_writer(struct ring *r, struct ring_shm *shm, uint32_t size)
{
	return ring_attach(r, shm, size, true);
}

bool ring_attach_reader(struct ring *r, struct ring_shm *shm, uint32_t size)
{
	return ring_attach(r, shm, size, false);
}

void ring_reset(struct ring *r)
{
	r->own = 0;
	r->cached = 0;
	atomic_store_explicit(&r->shm->head, 0, memory_order_relaxed);
	atomic_store_explicit(&r->shm->tail, 0, memory_order_relaxed);
	atomic_store_explicit(&r->shm->asleep, 0, memory_order_release);
}

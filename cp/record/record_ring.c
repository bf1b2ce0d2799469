/* SPDX-License-Identifier: BSD-3-Clause */
#include "record_ring.h"

#include <stdlib.h>

struct record_slots {
	uint64_t mask;
	struct record rec[];
};

static struct record_slots *slots_make(uint32_t n)
{
	struct record_slots *s = calloc(1, sizeof(*s) + (size_t)n * sizeof(s->rec[0]));

	if (s)
		s->mask = n - 1;
	return s;
}

static struct record_slots *slots_now(const struct record_ring *r)
{
	return atomic_load_explicit(&r->now, memory_order_relaxed);
}

bool record_ring_open(struct record_ring *r, uint32_t n)
{
	struct record_slots *s = slots_make(n);

	*r = (struct record_ring){ .stay = false };
	atomic_store(&r->now, s);
	return s != NULL;
}

void record_ring_close(struct record_ring *r)
{
	free(slots_now(r));
	free(r->was);
	free(r->next);
	free(r->due);
}

struct record *record_ring_at(const struct record_ring *r, uint64_t seq)
{
	struct record_slots *s = slots_now(r);

	return &s->rec[seq & s->mask];
}

uint32_t record_ring_limit(const struct record_ring *r)
{
	const uint64_t now = slots_now(r)->mask + 1, due = r->due ? r->due->mask + 1 : now;

	return (uint32_t)(due < now ? due : now);
}

/*
 * Whoever moves looks at looked_at after he has changed now; so either he sees that this one is in
 * use, or it is seen here that it is not the one any more.
 */
void record_ring_read(struct record_ring *r, uint64_t seq, struct record *rec)
{
	struct record_slots *s = atomic_load(&r->now), *seen;

	for (;;) {
		atomic_store(&r->looked_at, s);
		seen = atomic_load(&r->now);
		if (seen == s)
			break;
		s = seen;
	}
	*rec = s->rec[seq & s->mask];
	atomic_store(&r->looked_at, NULL);
}

bool record_ring_prepare(struct record_ring *r, uint32_t n)
{
	free(r->next);
	r->next = NULL;
	r->stay = slots_now(r)->mask + 1 == n;
	if (!r->stay)
		r->next = slots_make(n);
	return r->stay || r->next;
}

void record_ring_finish(struct record_ring *r, bool apply)
{
	if (apply && (r->stay || r->next)) {
		free(r->due);
		r->due = r->next;
	} else {
		free(r->next);
	}
	r->next = NULL;
	r->stay = false;
}

/* The thread has done with the one before this one. It is never long at it. */
static bool settled(struct record_ring *r)
{
	if (r->was && atomic_load(&r->looked_at) == r->was)
		return false;
	free(r->was);
	r->was = NULL;
	return true;
}

uint64_t record_ring_move(struct record_ring *r, uint64_t first, uint64_t needed, uint64_t last)
{
	struct record_slots *s = r->due, *old = slots_now(r);

	if (!settled(r) || !s || last + 1 - needed > s->mask + 1)
		return first;
	if (last + 1 - first > s->mask + 1)
		first = last - s->mask;
	for (uint64_t seq = first; seq <= last; seq++)
		s->rec[seq & s->mask] = old->rec[seq & old->mask];
	r->due = NULL;
	r->was = old;
	atomic_store(&r->now, s);
	(void)settled(r);
	return first;
}

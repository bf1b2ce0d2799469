/* SPDX-License-Identifier: BSD-3-Clause */
#include "context_use.h"
#include "gateway.h"
#include "media.h"
#include "stream.h"
#include "../../lib/per_second.h"

enum { SECOND_MS = 1000 };

/* Of one side, by now. */
struct side_count {
	uint64_t packets, bytes;
	uint32_t heard_s; /* 0: nothing came */
};

static struct side_count media_side(const struct worker *w, uint32_t slot, uint32_t side)
{
	const struct media_term *t = &w->gateway->media[slot].term[side];

	return (struct side_count){ t->use[0].packets + t->use[1].packets,
				    t->use[0].bytes + t->use[1].bytes, t->heard ? t->heard_s : 0 };
}

static struct side_count stream_side(const struct worker *w, uint32_t slot, uint32_t side)
{
	const struct stream *s = w->gateway->context[slot].stream;
	const struct side *d = s ? &s->side[side] : NULL;

	if (!d || !d->bytes)
		return (struct side_count){ 0 };
	return (struct side_count){ 0, d->bytes, d->bytes == d->bytes_seen ? d->seen_s : w->now };
}

/*
 * What a counter grew by in a second; since the context began it may be less than one. A counter
 * that is less than it was began anew.
 */
static uint32_t grew_per_second(uint64_t now, uint64_t was, uint32_t ms)
{
	return per_second(now < was ? now : now - was, RTE_MAX(ms, (uint32_t)SECOND_MS));
}

static void use_write(struct worker *w, uint32_t slot, bool rates)
{
	struct ctl_context_use *u = &w->boundary.gate_use[slot];
	const struct context *x = &w->gateway->context[slot];
	const uint32_t ms =
	    (uint32_t)w->now_ms - atomic_load_explicit(&u->at_ms, memory_order_relaxed);

	for (uint32_t side = 0; side < SIDES; side++) {
		struct ctl_side_use *to = &u->side[side];
		const struct side_count n = x->kind == CONTEXT_STREAM ? stream_side(w, slot, side)
								      : media_side(w, slot, side);
		const uint64_t packets = atomic_load_explicit(&to->packets, memory_order_relaxed);
		const uint64_t bytes = atomic_load_explicit(&to->bytes, memory_order_relaxed);

		atomic_store_explicit(&to->packets_per_s,
				      rates ? grew_per_second(n.packets, packets, ms) : 0,
				      memory_order_relaxed);
		atomic_store_explicit(&to->bytes_per_s,
				      rates ? grew_per_second(n.bytes, bytes, ms) : 0,
				      memory_order_relaxed);
		atomic_store_explicit(&to->packets, n.packets, memory_order_relaxed);
		atomic_store_explicit(&to->bytes, n.bytes, memory_order_relaxed);
		atomic_store_explicit(&u->heard_s[side], n.heard_s, memory_order_relaxed);
	}
	atomic_store_explicit(&u->at_ms, (uint32_t)w->now_ms, memory_order_relaxed);
}

void context_use_begin(struct worker *w, uint32_t slot)
{
	struct ctl_context_use *u = &w->boundary.gate_use[slot];

	atomic_store_explicit(&u->gen, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	for (uint32_t side = 0; side < SIDES; side++) {
		struct ctl_side_use *to = &u->side[side];

		atomic_store_explicit(&to->packets, 0, memory_order_relaxed);
		atomic_store_explicit(&to->bytes, 0, memory_order_relaxed);
		atomic_store_explicit(&to->packets_per_s, 0, memory_order_relaxed);
		atomic_store_explicit(&to->bytes_per_s, 0, memory_order_relaxed);
		atomic_store_explicit(&u->heard_s[side], 0, memory_order_relaxed);
	}
	atomic_store_explicit(&u->at_ms, (uint32_t)w->now_ms, memory_order_relaxed);
	atomic_store_explicit(&u->gen, w->gateway->context[slot].gen, memory_order_release);
}

void context_use_tick(struct worker *w, uint32_t slot)
{
	use_write(w, slot, true);
}

void context_use_move(struct worker *w, uint32_t slot)
{
	use_write(w, slot, false);
}

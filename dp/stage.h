/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_STAGE_H
#define FL_DP_STAGE_H

/*
 * Where a worker's cycles go. One mark runs along (clock.tsc): whoever ends a stage is charged for
 * all since the last end, so nothing is counted twice or left out, and a stage that found nothing
 * to do sets no mark: its few cycles are the next one's. A mark costs about as much as relaying a
 * fifth of a packet: once a burst, never once a packet.
 *
 * The time stamp counter is read without a fence: instructions of a neighbouring stage that are
 * still in flight, some dozens of cycles, may be counted on either side.
 */
#include "worker.h"

#include <rte_cycles.h>

enum { TSC_BACK = 1 << 20 }; /* cycles by which no two readings change places */

static inline void stage_count(struct worker *w, enum stage s, uint64_t cycles, uint64_t items)
{
	struct ctl_stage *c = &w->counters->stage[s];

	stat_add(&c->cycles, cycles);
	stat_add(&c->calls, 1);
	stat_add(&c->items, items);
}

/* What went before is charged to no stage. */
static inline void stage_start(struct worker *w)
{
	w->clock.tsc = rte_rdtsc();
}

/*
 * A counter that is behind the last mark. Read ahead of its turn it may be the older of two, and a
 * mark stays. It went back for good (a virtual machine was restored, or moved): marks go on from
 * there, and the next turn looks at the system's clock.
 */
static inline uint64_t stage_back(struct worker *w, uint64_t now)
{
	if (w->clock.tsc - now > TSC_BACK) {
		w->clock.tsc = now;
		w->clock.tsc_next = 0;
	}
	return w->clock.tsc;
}

/* Charges the cycles since the last mark to s, which dealt with so many items. */
static inline void stage_end(struct worker *w, enum stage s, uint64_t items)
{
	uint64_t now = rte_rdtsc();

	if (unlikely(now < w->clock.tsc))
		now = stage_back(w, now);
	stage_count(w, s, now - w->clock.tsc, items);
	w->clock.tsc = now;
}

/* Charges a step of worker_turn() to s, if it did any work. Returns n, that work. */
static inline uint32_t stage_work(struct worker *w, enum stage s, uint32_t n)
{
	if (n)
		stage_end(w, s, n);
	return n;
}

/*
 * For what happens in the middle of another stage: charges the cycles since `from` to s, and moves
 * the mark, so that the stage around it is not charged for them.
 */
static inline void stage_inner(struct worker *w, enum stage s, uint64_t from, uint64_t items)
{
	uint64_t now = rte_rdtsc();
	uint64_t cycles = now > from ? now - from : 0;

	stage_count(w, s, cycles, items);
	w->clock.tsc += cycles;
}

/* Counts what took so long, in the unit that its sum is in. */
static inline void time_count(struct ctl_times *t, uint64_t us, uint64_t took)
{
	stat_add(&t->n[histogram_class(us)], 1);
	stat_add(&t->sum, took);
}

/* A handshake is over; since: the low half of now_us when it began. */
static inline void handshake_time(struct worker *w, enum ctl_handshake h, uint32_t since_us)
{
	const uint32_t us = (uint32_t)w->now_us - since_us;

	time_count(&w->counters->handshake[h], us, us);
}

/* Counts a batch of n packets by size. */
static inline void batch_count(_Atomic uint64_t by_size[static CTL_BATCHES], uint32_t n)
{
	stat_add(&by_size[ctl_batch(n)], 1);
}

#endif

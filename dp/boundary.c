/* SPDX-License-Identifier: BSD-3-Clause */
#include "boundary.h"

#include <unistd.h>

enum { WAKE_GAP_US = 200 }; /* between two wake-ups of the control process by one worker */

/* ---- the rings ---- */

bool boundary_attach(struct worker *w)
{
	const struct ctl_worker *l = &w->boundary.layout;
	uint8_t *base = (uint8_t *)w->dp->region;

	w->counters = (struct ctl_counters *)(base + l->counters);
	w->port_counters = (struct ctl_port_counters *)(base + l->ports);
	w->boundary.use = (struct ctl_use *)(base + l->use);
	w->boundary.gate_use = (struct ctl_context_use *)(base + l->gate_use);
	w->boundary.by_addr =
	    (struct conn_index){ .key = w->dp->conn_key,
				 .bucket = (struct ctl_conn_bucket *)(base + l->by_addr),
				 .row = (struct ctl_conn_info *)(base + l->conns),
				 .rows = l->conns_max };
	return ring_attach_reader(&w->boundary.cmd, (struct ring_shm *)(base + l->cmd_ring),
				  l->cmd_slots) &&
	       ring_attach_writer(&w->boundary.evt, (struct ring_shm *)(base + l->evt_ring),
				  l->evt_slots);
}

void boundary_broken(struct worker *w)
{
	w->boundary.rings_ok = false;
	/* A request for an earlier breach that came too late must not answer for this one. */
	atomic_store_explicit(&w->boundary.rings_reset, false, memory_order_relaxed);
	atomic_store_explicit(&w->boundary.rings_broken, true, memory_order_release);
}

bool boundary_reset(struct worker *w)
{
	if (!atomic_load_explicit(&w->boundary.rings_reset, memory_order_acquire))
		return false;
	ring_reset(&w->boundary.cmd);
	ring_reset(&w->boundary.evt);
	w->boundary.rings_ok = true;
	atomic_store_explicit(&w->boundary.rings_reset, false, memory_order_relaxed);
	atomic_store_explicit(&w->boundary.rings_broken, false, memory_order_release);
	return true;
}

/* ---- events ---- */

/* Slots that are free beside the `rest` last ones, max at most. */
static uint32_t room_before(struct worker *w, uint32_t rest, uint32_t max)
{
	int room = w->boundary.rings_ok ? ring_room(&w->boundary.evt, rest + max) : 0;

	if (unlikely(room == RING_ERR))
		boundary_broken(w);
	return room > (int)rest ? RTE_MIN((uint32_t)room - rest, max) : 0;
}

/* The next slot, if at least `rest` are free behind it. */
static void *slot_before(struct worker *w, uint32_t rest)
{
	return room_before(w, rest, 1) ? ring_slot(&w->boundary.evt, 0) : NULL;
}

void *evt_slot(struct worker *w)
{
	return slot_before(w, evt_reserve(w));
}

void *evt_record(struct worker *w)
{
	return slot_before(w, evt_request_reserve(w));
}

void evt_requests_wait(struct worker *w, bool wait)
{
	w->boundary.requests_wait = wait;
}

void *evt_request(struct worker *w)
{
	return w->boundary.requests_wait ? NULL : slot_before(w, evt_request_reserve(w));
}

void *evt_stranger(struct worker *w)
{
	return w->boundary.requests_wait ? NULL : slot_before(w, evt_stranger_reserve(w));
}

uint32_t evt_stranger_room(struct worker *w, uint32_t max)
{
	return w->boundary.requests_wait ? 0 : room_before(w, evt_stranger_reserve(w), max);
}

void *evt_answer(struct worker *w)
{
	return slot_before(w, 0);
}

void evt_publish(struct worker *w)
{
	ring_publish(&w->boundary.evt, 1);
	w->boundary.punted = true;
}

bool evt_bare(struct worker *w, void *slot, enum ctl_evt_type type, uint32_t seq)
{
	struct ctl_hdr *e = slot;

	if (!e)
		return false;
	*e = (struct ctl_hdr){ (uint16_t)type, sizeof(*e), seq };
	evt_publish(w);
	return true;
}

void evt_lost(struct worker *w)
{
	w->boundary.end_lost = true;
}

void evt_lost_tell(struct worker *w)
{
	if (w->boundary.end_lost && evt_bare(w, evt_slot(w), EVT_END_LOST, 0))
		w->boundary.end_lost = false;
}

/* ---- the control process sleeps ---- */

/*
 * A sleeper that is quicker than requests come would be woken for each of them, and waking costs us
 * as much as relaying a burst: the next request waits for those that come until then.
 */
bool boundary_wake(struct worker *w)
{
	uint64_t one = 1;

	if (likely(!w->boundary.punted) || w->now_us < w->boundary.wake_us)
		return false;
	w->boundary.punted = false;
	if (!ring_must_wake(&w->boundary.evt))
		return false;
	w->boundary.wake_us = w->now_us + WAKE_GAP_US;
	/* The only system call of the loop, once a turn at most and only when the reader sleeps. */
	if (write(w->dp->wake_cp, &one, sizeof(one)) < 0)
		ring_sleep(
		    &w->boundary.evt); /* the counter is full: it is awake already; ask again */
	return true;
}

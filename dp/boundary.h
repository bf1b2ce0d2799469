/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_BOUNDARY_H
#define FL_DP_BOUNDARY_H

/*
 * The link to the control process: this worker's ends of its command and event rings.
 *
 * The answer of a command is not lost: a command has one at most, and none is taken from its ring
 * while the event ring is full (cmd_input()). All other events (requests, what becomes of
 * connections and terminations) leave some slots to answers, or a flood of them would keep commands
 * waiting for ever. If there is no room the caller keeps the event, or drops it. Requests, which
 * anybody may flood us with, leave as many slots again to the other events; requests over UDP
 * without a session leave as many again to those with one.
 */
#include "worker.h"

enum { EVT_RESERVE = 64 };

/* Slots that only answers take. */
static inline uint32_t evt_reserve(const struct worker *w)
{
	return RTE_MIN((uint32_t)EVT_RESERVE, w->boundary.evt.size / 4);
}

/* Slots that requests do not take. */
static inline uint32_t evt_request_reserve(const struct worker *w)
{
	return 2 * evt_reserve(w);
}

/* Slots that requests do not take which come from anybody, or over a stream, where they can wait.
 */
static inline uint32_t evt_stranger_reserve(const struct worker *w)
{
	return 3 * evt_reserve(w);
}

/*
 * Where the next event is written: RING_MSG_SIZE bytes of shared memory, never to be read back.
 * NULL when there is no room, or the ring was found to be broken.
 */
void *evt_slot(struct worker *w);
/* evt_slot() for a request of a client that has a session: leaves room for other events. */
void *evt_request(struct worker *w);
/* evt_slot() for a record: nothing that must be told finds no room because of it. */
void *evt_record(struct worker *w);
/* evt_slot() for a request of anybody: leaves room for those of clients that have a session too. */
void *evt_stranger(struct worker *w);
/* How many of those would find room, max at most. */
uint32_t evt_stranger_room(struct worker *w, uint32_t max);
/* No request is handed on from now on, or again: an audit is under way. */
void evt_requests_wait(struct worker *w, bool wait);
/* evt_slot() for the answer of the command that is being carried out. */
void *evt_answer(struct worker *w);
/*
 * The end of a connection found no room and cannot be kept. evt_lost_tell(), once a tick, says so
 * as soon as there is room, and the control process replays.
 */
void evt_lost(struct worker *w);
void evt_lost_tell(struct worker *w);
/* The event written there goes; the control process is woken at the end of the turn. */
void evt_publish(struct worker *w);
/* An event that is its header and no more, in one of the slots above. False if that is NULL. */
bool evt_bare(struct worker *w, void *slot, enum ctl_evt_type type, uint32_t seq);
/* Wakes the control process if it sleeps and an event waits; not too often. Whether it did. */
bool boundary_wake(struct worker *w);

/* Attaches both rings to the region. Shared memory is addressed through the layout made here. */
bool boundary_attach(struct worker *w);
/*
 * A ring holds what cannot be: both are left alone until the service thread has detached the
 * control process and asked for a fresh start, which boundary_reset() then makes. Returns whether
 * it did.
 */
void boundary_broken(struct worker *w);
bool boundary_reset(struct worker *w);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The link to the dataplane: replays, and events, each taken once there is room for what it may
 * cause.
 */
#include "dplink_int.h"

#include "../conf/listener.h"
#include "adopt.h"
#include "dispatch.h"
#include "event.h"

static void event_synced(struct dplink *l, struct worker_link *w, uint32_t seq)
{
	if (w->sync == SYNC_WAIT && seq == w->end_seq) {
		w->sync = w->again ? SYNC_BEGIN : SYNC_DONE;
		w->again = false;
		l->stats.replays++;
	}
}

static bool link_audits(const struct dplink *l)
{
	for (uint32_t i = 0; i < l->n_workers; i++) {
		if (dplink_audits(&l->worker[i]))
			return true;
	}
	return false;
}

/*
 * A worker has told all: its requests go on. When all have, the replays begin, which make up for
 * what meets a full ring until then, too.
 */
static void event_audited(struct dplink *l, uint32_t worker, uint32_t seq)
{
	struct worker_link *w = &l->worker[worker];

	if (w->sync != SYNC_TELLS || seq != w->end_seq)
		return;
	w->sync = SYNC_TOLD;
	adopt_told(l->server, worker);
	if (link_audits(l))
		return;
	adopt_done(l->server);
	for (uint32_t i = 0; i < l->n_workers; i++)
		l->worker[i].sync = SYNC_BEGIN;
	l->begun = true;
}

/* Hands on the private copy of an event, whose values may be. False if what it is about is gone. */
static bool event_dispatch(struct dplink *l, uint32_t worker)
{
	const struct ctl_hdr *hdr = &l->event.hdr;

	switch (hdr->type) {
	case EVT_AUDITED:
		event_audited(l, worker, hdr->seq);
		return true;
	case EVT_END_LOST:
		l->stats.ends_lost++;
		dplink_sync_want(&l->worker[worker]);
		return true;
	case EVT_SYNCED:
		event_synced(l, &l->worker[worker], hdr->seq);
		return true;
	default:
		return dispatch_event(l->server, worker, &l->event);
	}
}

/* Copies one event, no more of it than there is. False if its header is invalid. */
static bool event_copy(struct dplink *l, const uint8_t *shared)
{
	memcpy(&l->event.hdr, shared, sizeof(l->event.hdr));
	if (!ctl_evt_len_valid(&l->event.hdr))
		return false;
	memcpy(l->event.bytes + sizeof(struct ctl_hdr), shared + sizeof(struct ctl_hdr),
	       l->event.hdr.len - sizeof(struct ctl_hdr));
	return true;
}

/* ---- when ---- */

/* Part of a small ring is enough: what does not fit is made up for by a replay. */
static uint32_t worker_reserve(const struct worker_link *w)
{
	return w->cmd.size / 2 < DPLINK_RESERVE ? w->cmd.size / 2 : DPLINK_RESERVE;
}

/* Events of a worker that are kept: no more than come of two full rings. */
static uint32_t backlog_most(const struct worker_link *w)
{
	return 2 * w->evt.size;
}

static void event_hand_on(struct dplink *l, uint32_t worker)
{
	l->stats.events_stale += !event_dispatch(l, worker);
}

/* The oldest of those that are kept. */
static void backlog_hand_on(struct dplink *l, uint32_t worker)
{
	backlog_take(&l->worker[worker].backlog, l->event.bytes);
	event_hand_on(l, worker);
}

/* The event in hand is for later. Without memory for it it is for now, whatever it causes. */
static void event_keep(struct dplink *l, uint32_t worker)
{
	if (backlog_add(&l->worker[worker].backlog, &l->event.hdr))
		l->stats.events_kept++;
	else
		event_hand_on(l, worker);
}

/*
 * A request that came before the worker was asked what it has; it asks nobody meanwhile
 * (ctl_abi.h). Over a stream it waits, over UDP it will come again.
 */
static void request_early(struct dplink *l, uint32_t worker)
{
	const struct evt_punt *p = &l->event.punt;

	if (leg_is_stream(&p->leg) &&
	    l->worker[worker].backlog.n < backlog_most(&l->worker[worker]))
		event_keep(l, worker);
	else
		l->stats.events_stale++;
}

/* Takes the next event from the ring: hands it on, or keeps it. */
static void event_next(struct dplink *l, uint32_t worker, bool now)
{
	const struct ctl_hdr *hdr = &l->event.hdr;
	struct worker_link *w = &l->worker[worker];
	const bool copied = event_copy(l, ring_peek(&w->evt, 0));
	uint16_t listener = 0;
	const char *why = NULL;

	ring_release(&w->evt, 1);
	l->stats.events++;
	if (!copied)
		why = "impossible type or length of an event";
	else if (!dplink_event_places(l, &l->event, &listener))
		why =
		    "something of a listener, a port, a relay or a TLS domain that does not exist";
	else if (listener != LISTENER_GONE)
		why = event_invalid(l->conf, &l->event);
	if (why)
		dplink_fail(l, why);
	else if (listener == LISTENER_GONE)
		l->stats.events_stale++;
	else if (dplink_audits(w) && hdr->type == EVT_PUNT)
		request_early(l, worker);
	else if (now || dplink_audits(w))
		event_hand_on(l, worker);
	else
		event_keep(l, worker);
}

/*
 * An event is handed on once there is room for the commands it may cause, and stays in its ring
 * until then, so that nothing is promised that cannot be told. But a ring that is full does not
 * stay so: the dataplane takes no command then (dp/boundary.h), and if neither side gave way, both
 * would wait for ever. Its oldest event is kept here instead: the dataplane takes a command for it,
 * so that room comes before many are kept. They are bounded all the same: beyond, the oldest is
 * handed on without room, and what it causes goes the way of all commands that meet a full ring.
 */
static bool event_take(struct dplink *l, uint32_t worker, bool *blocked)
{
	struct worker_link *w = &l->worker[worker];
	const bool room = dplink_room(l, worker) >= worker_reserve(w);
	const bool kept = w->backlog.n && !dplink_audits(w);
	int n;

	if (room && kept) {
		backlog_hand_on(l, worker);
		return true;
	}
	n = ring_count(&w->evt, room ? 1 : w->evt.size);
	if (n == RING_ERR)
		dplink_fail(l, "impossible cursor of an event ring");
	if (l->fault)
		return false;
	if (!room && (uint32_t)n < w->evt.size) {
		*blocked |= n || kept;
		return false;
	}
	if (n == 0)
		return false;
	if (!room && kept && w->backlog.n >= backlog_most(w))
		backlog_hand_on(l, worker);
	else
		event_next(l, worker, room);
	return true;
}

/* ---- replay ---- */

static bool sync_mark(struct dplink *l, uint32_t worker, uint16_t type)
{
	struct ctl_hdr c = { 0 };

	return dplink_replay_room(l, worker) && dplink_cmd(l, worker, type, &c, sizeof(c));
}

/* One worker's replay, as far as it gets now. */
static enum dplink_work sync_step(struct dplink *l, uint32_t worker)
{
	struct worker_link *w = &l->worker[worker];
	enum dplink_work work;

	if (w->sync == SYNC_AUDIT) {
		if (!sync_mark(l, worker, CMD_AUDIT))
			return DPLINK_BLOCKED;
		w->end_seq = l->seq;
		w->sync = SYNC_TELLS;
	}
	if (w->sync == SYNC_BEGIN) {
		if (!sync_mark(l, worker, CMD_SYNC_BEGIN))
			return DPLINK_BLOCKED;
		w->cursor = (struct dplink_cursor){ 0 };
		w->sync = SYNC_STATE;
	}
	if (w->sync == SYNC_STATE) {
		work = dispatch_replay(l->server, worker, &w->cursor);
		if (work != DPLINK_IDLE)
			return work;
		w->sync = SYNC_END;
	}
	if (w->sync == SYNC_END) {
		if (!sync_mark(l, worker, CMD_SYNC_END))
			return DPLINK_BLOCKED;
		w->end_seq = l->seq;
		w->sync = SYNC_WAIT;
	}
	return DPLINK_IDLE;
}

/* ---- a turn ---- */

enum dplink_work dplink_poll(struct dplink *l, uint32_t budget)
{
	bool blocked = false, more = false, progress = true;

	for (uint32_t i = 0; dplink_usable(l) && i < l->n_workers; i++) {
		enum dplink_work work = sync_step(l, i);

		more |= work == DPLINK_MORE;
		blocked |= work == DPLINK_BLOCKED;
	}
	while (progress && budget && dplink_usable(l)) {
		progress = false;
		for (uint32_t i = 0; budget && dplink_usable(l) && i < l->n_workers; i++) {
			if (event_take(l, (l->turn + i) % l->n_workers, &blocked)) {
				progress = true;
				budget--;
			}
		}
		l->turn = (l->turn + 1) % l->n_workers;
	}
	if (!dplink_usable(l))
		return DPLINK_IDLE;
	more |= l->begun;
	l->begun = false;
	if (more || budget == 0)
		return DPLINK_MORE;
	return blocked ? DPLINK_BLOCKED : DPLINK_IDLE;
}

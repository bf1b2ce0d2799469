/* SPDX-License-Identifier: BSD-3-Clause */
/* The link to the dataplane: events, each taken once there is room for what it may cause. */
#include "dplink_int.h"

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
	l->ops->told(l->ctx, worker);
	if (link_audits(l))
		return;
	l->ops->audited(l->ctx);
	for (uint32_t i = 0; i < l->n_workers; i++)
		l->worker[i].sync = SYNC_BEGIN;
	l->begun = true;
}

/* Hands on the private copy of an event, whose values may be. False if what it is about is gone. */
static bool event_dispatch(struct dplink *l, uint32_t worker)
{
	const union ctl_evt *e = &l->event;

	switch ((enum ctl_evt_type)e->hdr.type) {
	case EVT_PUNT:
		l->ops->punt(l->ctx, worker, &e->punt);
		return true;
	case EVT_SESSION_REFUSED:
	case EVT_PEER_REFUSED:
		return l->ops->refused(l->ctx, worker, &e->session_refused);
	case EVT_CONNECTED:
	case EVT_CONNECT_FAILED:
	case EVT_PEER_ATTEMPT:
		return l->ops->peer_conn(l->ctx, worker, &e->connected);
	case EVT_CONN_GONE:
		return l->ops->conn_gone(l->ctx, worker, &e->conn_gone);
	case EVT_PSK:
		l->ops->psk(l->ctx, worker, &e->psk);
		return true;
	case EVT_CONTEXT_REFUSED:
		return l->ops->context_refused(l->ctx, worker, &e->context_refused);
	case EVT_CONTEXT_STATS:
		return l->ops->context_stats(l->ctx, worker, &e->context_stats);
	case EVT_TERM:
		return l->ops->term(l->ctx, worker, &e->term);
	case EVT_SESSION:
		return l->ops->session && l->ops->session(l->ctx, worker, &e->session);
	case EVT_CONTEXT:
		return l->ops->context && l->ops->context(l->ctx, worker, &e->context);
	case EVT_AUDITED:
		event_audited(l, worker, e->hdr.seq);
		return true;
	case EVT_END_LOST:
		l->stats.ends_lost++;
		dplink_sync_want(&l->worker[worker]);
		return true;
	case EVT_SYNCED:
		event_synced(l, &l->worker[worker], e->hdr.seq);
		return true;
	case EVT_NONE:
		break;
	}
	return false;
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

	if (p->leg.conn_gen && l->worker[worker].backlog.n < backlog_most(&l->worker[worker]))
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
	const char *why;

	ring_release(&w->evt, 1);
	l->stats.events++;
	why = copied ? event_invalid(l->conf, &l->event) : "impossible type or length of an event";
	if (why)
		dplink_fail(l, why);
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
bool dplink_event_take(struct dplink *l, uint32_t worker, bool *blocked)
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

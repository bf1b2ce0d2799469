/* SPDX-License-Identifier: BSD-3-Clause */
/* Records of allocations. */
#include "tell.h"

#include "../session.h"
#include "records.h"

#include <stdlib.h>

void tell_age(const struct server *s, struct record *r, uint32_t created)
{
	const uint64_t began_ms = created * UINT64_C(1000);
	const uint64_t age_ms = s->now_ms > began_ms ? s->now_ms - began_ms : 0;

	r->wall_ms = s->wall_ms;
	r->started_ms = s->wall_ms > age_ms ? s->wall_ms - age_ms : 0;
	r->duration_s = (uint32_t)(age_ms / 1000);
}

/* The same for as long as it lives, also when a restart gives it another slot or worker. */
uint64_t tell_alloc_id(const struct server *s, const struct table_alloc *a)
{
	static const struct siphash_key key = { { 0, 0 } }; /* nothing is kept from anybody by it */
	struct {
		struct sock_addr client, relayed[2];
		uint8_t pad[2];
		uint32_t created;
	} of = { .client = a->leg.client, .created = a->created };

	for (int f = RELAY_V4; f <= RELAY_V6; f++) {
		if (a->relay[f].relay < s->conf->n_relay)
			of.relayed[f] = (struct sock_addr){ s->conf->relay[a->relay[f].relay].addr,
							    a->relay[f].port };
	}
	return siphash(&key, &of, sizeof(of));
}

static void alloc_fill(const struct server *s, const struct table_alloc *a, struct record *r)
{
	struct record_alloc *to = &r->alloc;

	tell_age(s, r, a->created);
	r->id = tell_alloc_id(s, a);
	*to = (struct record_alloc){ .client = a->leg.client,
				     .transport = "",
				     .relay_transport = table_relays_tcp(a) ? "tcp" : "udp" };
	memcpy(to->user, a->user, strnlen(a->user, sizeof(to->user) - 1));
	if (a->leg.listener < listener_places(s->conf)) {
		const struct listener_place l = listener_place(s->conf, a->leg.listener);

		to->listener = l.addr;
		to->transport = config_transport_name[l.transport];
	}
	for (int f = RELAY_V4; f <= RELAY_V6; f++)
		session_relayed(s, a, f, &to->relayed[f]);
}

/* A dataplane that is not there, or never had it, counted nothing. */
static void alloc_use(const struct server *s, const struct table_alloc *a, struct record_alloc *to)
{
	struct session_use u;

	to->counted = dplink_use(s->link, a->worker, a->sid, server_now(s), &u);
	to->to_peer = (struct record_use){ u.packets[CTL_TO_PEER], u.bytes[CTL_TO_PEER] };
	to->to_client = (struct record_use){ u.packets[CTL_TO_CLIENT], u.bytes[CTL_TO_CLIENT] };
}

/* ---- ends ---- */

struct tell_end {
	struct record record; /* as it was known to be */
	struct ctl_sid sid;
	uint32_t worker;
	uint32_t until; /* commands that the worker has carried out by then */
	uint64_t since_ms;
};

bool tell_open(struct server *s)
{
	s->tell.ends.ring = calloc(TELL_ENDS, sizeof(struct tell_end));
	return s->tell.ends.ring != NULL;
}

/* What a session relays only grows, so less than was known is another's. */
static void end_count(const struct server *s, struct tell_end *e)
{
	struct record_alloc *to = &e->record.alloc;
	struct session_use u;

	if (!dplink_use(s->link, e->worker, e->sid, server_now(s), &u))
		return;
	if (u.packets[CTL_TO_PEER] >= to->to_peer.packets &&
	    u.bytes[CTL_TO_PEER] >= to->to_peer.bytes)
		to->to_peer = (struct record_use){ u.packets[CTL_TO_PEER], u.bytes[CTL_TO_PEER] };
	if (u.packets[CTL_TO_CLIENT] >= to->to_client.packets &&
	    u.bytes[CTL_TO_CLIENT] >= to->to_client.bytes)
		to->to_client =
		    (struct record_use){ u.packets[CTL_TO_CLIENT], u.bytes[CTL_TO_CLIENT] };
}

/* The newest first; one that was told stays where it is until another takes its place. */
static const struct tell_end *end_of(const struct server *s, uint32_t worker, struct ctl_sid sid)
{
	const struct tell_ends *q = &s->tell.ends;

	for (uint32_t i = 1; q->ring && i <= TELL_ENDS; i++) {
		const struct tell_end *e = &q->ring[(q->head + q->n + TELL_ENDS - i) % TELL_ENDS];

		if (e->sid.gen == sid.gen && e->sid.slot == sid.slot && e->worker == worker)
			return e;
	}
	return NULL;
}

bool tell_owner(const struct server *s, uint32_t worker, struct ctl_sid sid, struct record *r)
{
	const struct table_alloc *a = table_find_sid(s->table, worker, sid);
	const struct tell_end *e = a ? NULL : end_of(s, worker, sid);

	if (!a && !e)
		return false;
	r->alloc.allocation = a ? tell_alloc_id(s, a) : e->record.id;
	memcpy(r->alloc.user, a ? a->user : e->record.alloc.user,
	       strnlen(a ? a->user : e->record.alloc.user, sizeof(r->alloc.user) - 1));
	return true;
}

/* The oldest end that waits becomes a record. */
static void end_tell(struct server *s)
{
	struct tell_ends *q = &s->tell.ends;
	struct tell_end *e = &q->ring[q->head];
	struct record *r = records_begin(s->records, RECORD_ALLOCATION, RECORD_END);

	q->head = (q->head + 1) % TELL_ENDS;
	q->n--;
	if (!r)
		return;
	end_count(s, e);
	e->record.seq = r->seq;
	*r = e->record;
	records_commit(s->records);
}

static bool end_is_over(const struct server *s, const struct tell_end *e)
{
	return !dplink_attached(s->link) || s->now_ms - e->since_ms >= TELL_END_MS ||
	       (int32_t)(dplink_progress(s->link, e->worker).taken - e->until) >= 0;
}

void tell_ends(struct server *s)
{
	struct tell_ends *q = &s->tell.ends;

	while (q->n && end_is_over(s, &q->ring[q->head]))
		end_tell(s);
}

void tell_close(struct server *s)
{
	while (s->tell.ends.n)
		end_tell(s);
	free(s->tell.ends.ring);
	s->tell.ends = (struct tell_ends){ 0 };
}

uint64_t tell_room(const struct server *s)
{
	const uint64_t room = records_room(s->records), wait = s->tell.ends.n;

	if (room <= wait)
		return 0;
	return room - wait < TELL_ENDS - wait ? room - wait : TELL_ENDS - wait;
}

/* The command that ends it at its worker was given. */
static void alloc_end(struct server *s, const struct table_alloc *a, const char *reason)
{
	struct tell_ends *q = &s->tell.ends;
	struct tell_end *e;

	if (!s->records || !q->ring)
		return;
	if (q->n == TELL_ENDS)
		end_tell(s);
	e = &q->ring[(q->head + q->n++) % TELL_ENDS];
	memset(e, 0, sizeof(*e));
	e->record.type = RECORD_ALLOCATION;
	e->record.event = RECORD_END;
	e->record.reason = reason;
	alloc_fill(s, a, &e->record);
	alloc_use(s, a, &e->record.alloc);
	e->sid = a->sid;
	e->worker = a->worker;
	e->since_ms = s->now_ms;
	e->until = dplink_progress(s->link, a->worker).given;
	tell_ends(s);
}

/* ---- allocations ---- */

void tell_alloc(struct server *s, const struct table_alloc *a, enum record_event event,
		const char *reason)
{
	struct record *r;

	if (event == RECORD_END) {
		alloc_end(s, a, reason);
		return;
	}
	r = records_begin(s->records, RECORD_ALLOCATION, event);
	if (!r)
		return;
	alloc_fill(s, a, r);
	if (event != RECORD_START)
		alloc_use(s, a, &r->alloc);
	r->reason = reason;
	records_commit(s->records);
}

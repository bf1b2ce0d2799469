/* SPDX-License-Identifier: BSD-3-Clause */
#include "tell.h"

#include "../context/gateway_record.h"
#include "../log.h"
#include "../session.h"
#include "records.h"

#include <stdio.h>

void tell_age(const struct server *s, struct record *r, uint32_t created)
{
	const uint64_t began_ms = created * UINT64_C(1000);
	const uint64_t age_ms = s->now_ms > began_ms ? s->now_ms - began_ms : 0;

	r->wall_ms = s->wall_ms;
	r->started_ms = s->wall_ms > age_ms ? s->wall_ms - age_ms : 0;
	r->duration_s = (uint32_t)(age_ms / 1000);
}

/* The same for as long as it lives, also when a restart gives it another slot or worker. */
static uint64_t alloc_id(const struct server *s, const struct table_alloc *a)
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
	r->id = alloc_id(s, a);
	*to = (struct record_alloc){ .client = a->leg.client,
				     .transport = "",
				     .relay_transport = table_relays_tcp(a) ? "tcp" : "udp" };
	memcpy(to->user, a->user, strnlen(a->user, sizeof(to->user) - 1));
	if (a->leg.listener < s->conf->n_listener) {
		to->listener = s->conf->listener[a->leg.listener].addr;
		to->transport = config_transport_name[s->conf->listener[a->leg.listener].transport];
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

void tell_alloc(struct server *s, const struct table_alloc *a, enum record_event event,
		const char *reason)
{
	struct record *r = records_begin(s->records, RECORD_ALLOCATION, event);

	if (!r)
		return;
	alloc_fill(s, a, r);
	if (event != RECORD_START)
		alloc_use(s, a, &r->alloc);
	r->reason = reason;
	records_commit(s->records);
}

void tell_connection(struct server *s, const struct table_alloc *a, const struct sock_addr *peer)
{
	struct record *r = records_begin(s->records, RECORD_CONNECTION, RECORD_START);

	if (!r)
		return;
	alloc_fill(s, a, r);
	r->alloc.peer = *peer;
	records_commit(s->records);
}

/* ---- updates ---- */

/* How many more of n are to be looked at, of which `done` have been in this round. */
static uint32_t due(const struct server *s, uint64_t n, uint64_t done)
{
	const uint64_t round_ms = s->conf->records.update_minutes * UINT64_C(60000);
	const uint64_t passed_ms = s->now_ms - s->tell.since_ms;
	const uint64_t target = passed_ms >= round_ms ? UINT32_MAX : n * passed_ms / round_ms;

	if (target <= done)
		return 0;
	return target - done < SERVER_WALK_BUDGET ? (uint32_t)(target - done) : SERVER_WALK_BUDGET;
}

static void allocs_update(struct server *s, struct tell *t)
{
	const uint32_t n = due(s, table_stats(s->table)->allocs_max, t->allocs_due);
	const struct table_alloc *a;
	uint32_t look = n;

	while (look && (a = table_walk(s->table, &t->alloc_at, &look)) != NULL)
		tell_alloc(s, a, RECORD_UPDATE, NULL);
	t->allocs_due += n - look;
	t->allocs_over = look > 0;
}

static void contexts_update(struct server *s, struct tell *t)
{
	const uint32_t n = due(s, gate_stats(s->gateway)->contexts_max, t->contexts_due);
	const struct context *c;
	uint32_t look = n;

	while (look && (c = gate_next(s->gateway, &t->context_at, &look)) != NULL)
		gate_record(s->gateway, c, RECORD_UPDATE, NULL);
	t->contexts_due += n - look;
	t->contexts_over = look > 0;
}

/* What keeps records from the file is told once. */
static void error_log(struct server *s)
{
	const int error = records_stats(s->records).error;

	if (error == s->tell.error)
		return;
	s->tell.error = error;
	if (error)
		log_line("records are lost: %s: %s", s->conf->records.file, strerror(error));
	else
		log_line("records are written to %s again", s->conf->records.file);
}

void tell_turn(struct server *s)
{
	const uint64_t round_ms = s->conf->records.update_minutes * UINT64_C(60000);
	struct tell *t = &s->tell;

	error_log(s);
	if (!s->records || !round_ms)
		return;
	if (!t->since_ms)
		t->since_ms = s->now_ms;
	if (!t->allocs_over)
		allocs_update(s, t);
	if (s->gateway && !t->contexts_over)
		contexts_update(s, t);
	if (t->allocs_over && (!s->gateway || t->contexts_over) &&
	    s->now_ms - t->since_ms >= round_ms)
		*t = (struct tell){ .since_ms = s->now_ms, .error = t->error };
}

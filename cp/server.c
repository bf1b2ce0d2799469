/* SPDX-License-Identifier: BSD-3-Clause */
#include "server.h"
#include "ipsec/phones.h"

#include "adopt.h"
#include "context/gateway_link.h"
#include "cost.h"
#include "session.h"
#include "session_rate.h"
#include "turn/turn.h"

#include <stdio.h>

bool server_open(struct server *s, const struct config *c, struct auth *auth, uint64_t now_ms,
		 uint64_t wall_ms, char *err, size_t errlen)
{
	memset(s, 0, sizeof(*s));
	s->conf = c;
	s->auth = auth;
	s->start_ms = now_ms;
	server_clock(s, now_ms, wall_ms);
	s->challenge_len = request_challenge_len(s);
	rand_init(&s->rand);
	wheel_init(&s->wheel, now_ms / SERVER_TICK_MS);
	s->table = table_open(c, server_now(s), NULL, err, errlen);
	if (!s->table)
		return false;
	s->ports = ports_open(c, &s->rand, NULL, err, errlen);
	if (!s->ports) {
		server_close(s);
		return false;
	}
	s->pending = pending_create(c, &s->rand, &s->wheel);
	s->link = dplink_create(c, s);
	s->rates = session_rates_open(table_places(s->table));
	if (!s->pending || !s->link || !s->rates || !tell_open(s)) {
		snprintf(err, errlen, "not enough memory for connections");
		server_close(s);
		return false;
	}
	session_resume(s);
	drain_resume(s);
	return true;
}

void server_close(struct server *s)
{
	asks_over(&s->neighbours, UINT64_MAX);
	asks_over(&s->pings, UINT64_MAX);
	asks_over(&s->phone_asks, UINT64_MAX);
	adopt_close(s);
	tell_close(s);
	dplink_free(s->link);
	session_rates_close(s->rates);
	ports_close(s->ports);
	pending_free(s->pending);
	table_close(s->table);
	challenges_free(s->challenges);
	memset(s, 0, sizeof(*s));
}

void server_clock(struct server *s, uint64_t now_ms, uint64_t wall_ms)
{
	s->now_ms = now_ms;
	s->wall_ms = wall_ms;
	s->wall = wall_ms / 1000;
	if (s->wall >= AUTH_WALL_MIN)
		s->clock_told = false;
}

bool server_attach(struct server *s, int memfd, uint64_t size, int wake_cp, char *err,
		   size_t errlen)
{
	if (!dplink_attach(s->link, memfd, size, wake_cp, err, errlen))
		return false;
	s->generation = dplink_generation(s->link);
	memset(s->promise, 0, sizeof(s->promise));
	cost_record(s->conf);
	if (s->gateway)
		gate_attached(s->gateway, s->generation);
	memset(s->full_ms, 0, sizeof(s->full_ms));
	adopt_close(s); /* what is told is told anew */
	s->streams_lost = table_generation(s->table) != s->generation;
	s->streams_at = 0;
	if (adopt_due(s))
		dplink_audit(s->link);
	return true;
}

/*
 * Goes on with what an earlier dataplane's connections leave. Until that is over nothing is taken
 * from the new one, whose connections might be taken for those. False if there is more to do.
 */
static bool streams_settled(struct server *s)
{
	if (s->streams_lost && session_streams_lost(s, &s->streams_at)) {
		table_generation_set(s->table, s->generation);
		s->streams_lost = false;
	}
	return !s->streams_lost;
}

/* Whether a worker's ring has been full for so long that the worker must hang. */
static bool worker_is_stuck(struct server *s, uint32_t worker, uint32_t room)
{
	uint64_t *since = &s->full_ms[worker];

	if (room)
		*since = 0;
	else if (!*since)
		*since = s->now_ms;
	return !room && s->now_ms - *since >= SERVER_STUCK_MS;
}

/*
 * Each expiry may need a command, so no more of them than there is room for. A worker that hangs
 * does not stop the time of the others: what it was not told it learns by a replay.
 */
static uint32_t timer_budget(struct server *s)
{
	uint32_t budget = SERVER_TIMER_BUDGET;

	for (uint32_t w = 0; w < dplink_n_workers(s->link); w++) {
		uint32_t room = dplink_room(s->link, w);

		if (!worker_is_stuck(s, w, room) && room < budget)
			budget = room;
	}
	return budget;
}

static void history_turn(struct server *s)
{
	if (!history_is_due(&s->history, s->now_ms))
		return;
	history_look(&s->history, s->link,
		     &(struct history_now){
			 .now_ms = s->now_ms,
			 .wall = s->wall,
			 .sessions = (uint32_t)table_stats(s->table)->allocs,
			 .contexts = s->gateway ? (uint32_t)gate_stats(s->gateway)->contexts : 0,
			 .request = &s->times.request,
		     });
}

enum dplink_work server_poll(struct server *s)
{
	enum dplink_work work =
	    streams_settled(s) ? dplink_poll(s->link, SERVER_EVENT_BUDGET) : DPLINK_MORE;
	uint32_t budget = timer_budget(s);

	asks_over(&s->neighbours, s->now_ms);
	asks_over(&s->pings, s->now_ms);
	asks_over(&s->phone_asks, s->now_ms);
	if (s->phones)
		phones_turn(s->phones);
	challenges_over(s->challenges, s->now_ms);
	heartbeat_look(&s->heartbeat, s->link, s->now_ms);
	history_turn(s);
	session_rates_turn(s->rates, s->table, s->link, s->now_ms);
	/* No timer of the wheel's: a dataplane that hangs is not waited for. */
	if (s->gateway)
		gate_answers_over(s->gateway);
	if (budget == 0)
		return DPLINK_BLOCKED;
	drain_turn(s);
	removed_turn(s);
	tell_turn(s);
	wheel_advance(&s->wheel, s->now_ms / SERVER_TICK_MS, budget, s);
	return wheel_behind(&s->wheel) ? DPLINK_MORE : work;
}

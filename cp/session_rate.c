/* SPDX-License-Identifier: BSD-3-Clause */
#include "session_rate.h"

#include "../lib/per_second.h"

#include <stdlib.h>

/* Of a record of the table. Of packets the lower halves are enough between two looks. */
struct last_look {
	uint64_t bytes[CTL_WAYS];
	uint32_t packets[CTL_WAYS];
	uint32_t gen; /* of the session; 0: it was not looked at */
	uint32_t at_ms;
	struct session_rate rate;
	uint16_t epoch; /* see session_rates.epoch */
	bool known;	/* rate is: this is not the first look */
};

struct session_rates {
	uint32_t cursor;     /* where the round is */
	uint64_t next_ms;    /* when it goes on */
	uint64_t begun_ms;   /* the round */
	uint64_t generation; /* of the dataplane whose counters they are */
	uint16_t epoch;	     /* another with each: what was looked at before was another's */
	uint64_t since_ms;   /* when it was attached */
	bool counts_anew;    /* it began while this process was there, so with zeros */
	struct session_sum sum[CTL_PLACES_MAX];
	struct last_look last[];
};

uint64_t session_rates_memory_size(uint32_t places)
{
	return sizeof(struct session_rates) + (uint64_t)places * sizeof(struct last_look);
}

struct session_rates *session_rates_open(uint32_t places)
{
	return calloc(1, session_rates_memory_size(places));
}

void session_rates_close(struct session_rates *r)
{
	free(r);
}

/* Whether what is known is of this session and of the dataplane that is attached. */
static bool is_of(const struct session_rates *r, const struct last_look *e, uint32_t gen)
{
	return e->gen == gen && e->epoch == r->epoch;
}

/* Whether all that a session relayed was relayed since this process is there. */
static bool all_counts(const struct session_rates *r, const struct table_alloc *a)
{
	return r->counts_anew || a->created * UINT64_C(1000) >= r->since_ms;
}

/* To what its listener's clients relayed: since the last look, or all of it. */
static void sum_add(struct session_rates *r, const struct last_look *e, const struct table_alloc *a,
		    const struct session_use *u, bool again)
{
	struct session_sum *sum;

	if (a->leg.listener >= CTL_PLACES_MAX || (!again && !all_counts(r, a)))
		return;
	sum = &r->sum[a->leg.listener];
	for (int way = 0; way < CTL_WAYS; way++) {
		sum->packets[way] +=
		    again ? (uint32_t)u->packets[way] - e->packets[way] : u->packets[way];
		sum->bytes[way] += again ? u->bytes[way] - e->bytes[way] : u->bytes[way];
	}
}

static void look_note(const struct session_rates *r, struct last_look *e, uint32_t gen,
		      const struct session_use *u, uint32_t now_ms)
{
	for (int way = 0; way < CTL_WAYS; way++) {
		e->packets[way] = (uint32_t)u->packets[way];
		e->bytes[way] = u->bytes[way];
	}
	e->gen = gen;
	e->epoch = r->epoch;
	e->at_ms = now_ms;
}

static void session_look(struct session_rates *r, struct last_look *e, const struct table_alloc *a,
			 const struct dplink *l, uint32_t now_ms)
{
	const bool again = is_of(r, e, a->sid.gen);
	const uint32_t ms = now_ms - e->at_ms;
	struct session_use u;

	if ((again && ms == 0) || !dplink_use(l, a->worker, a->sid, 0, &u))
		return;
	sum_add(r, e, a, &u, again);
	for (int way = 0; again && way < CTL_WAYS; way++) {
		e->rate.packets_per_s[way] =
		    per_second((uint32_t)u.packets[way] - e->packets[way], ms);
		e->rate.bytes_per_s[way] = per_second(u.bytes[way] - e->bytes[way], ms);
	}
	look_note(r, e, a->sid.gen, &u, now_ms);
	e->known = again;
}

/* Another dataplane counts anew. */
static void dataplane_look(struct session_rates *r, const struct dplink *l, uint64_t now_ms)
{
	if (r->generation == dplink_generation(l))
		return;
	r->counts_anew = r->generation != 0;
	r->generation = dplink_generation(l);
	r->epoch++;
	r->since_ms = r->next_ms = now_ms;
	r->cursor = 0;
}

void session_rates_turn(struct session_rates *r, struct table *t, const struct dplink *l,
			uint64_t now_ms)
{
	uint32_t look = SESSION_RATE_LOOK, live = SESSION_RATE_LIVE;
	struct table_alloc *a;

	if (!dplink_attached(l))
		return;
	dataplane_look(r, l, now_ms);
	if (now_ms < r->next_ms)
		return;
	if (r->cursor == 0)
		r->begun_ms = now_ms;
	for (; live && (a = table_walk(t, &r->cursor, &look)) != NULL; live--)
		session_look(r, &r->last[table_place_of(t, a)], a, l, (uint32_t)now_ms);
	r->next_ms = now_ms + SESSION_RATE_EVERY_MS;
	if (live && look) { /* all of them were seen */
		r->cursor = 0;
		if (r->next_ms < r->begun_ms + SESSION_RATE_ROUND_MS)
			r->next_ms = r->begun_ms + SESSION_RATE_ROUND_MS;
	}
}

bool session_rate_of(const struct session_rates *r, const struct table *t, const struct dplink *l,
		     const struct table_alloc *a, struct session_rate *out)
{
	const struct last_look *e = &r->last[table_place_of(t, a)];

	if (!dplink_attached(l) || dplink_generation(l) != r->generation ||
	    !is_of(r, e, a->sid.gen) || !e->known)
		return false;
	*out = e->rate;
	return true;
}

void session_rates_adopt(struct session_rates *r, const struct table *t, const struct dplink *l,
			 const struct table_alloc *a, uint64_t now_ms)
{
	struct last_look *e = &r->last[table_place_of(t, a)];
	struct session_use u;

	dataplane_look(r, l, now_ms);
	if (!dplink_use(l, a->worker, a->sid, 0, &u))
		return;
	look_note(r, e, a->sid.gen, &u, (uint32_t)now_ms);
	e->known = false;
}

void session_rates_end(struct session_rates *r, const struct table *t, const struct dplink *l,
		       const struct table_alloc *a)
{
	const struct last_look *e = &r->last[table_place_of(t, a)];
	struct session_use u;

	if (dplink_attached(l) && dplink_generation(l) == r->generation &&
	    dplink_use(l, a->worker, a->sid, 0, &u))
		sum_add(r, e, a, &u, is_of(r, e, a->sid.gen));
}

const struct session_sum *session_rates_sum(const struct session_rates *r, uint16_t place)
{
	return &r->sum[place];
}

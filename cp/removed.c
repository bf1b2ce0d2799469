/* SPDX-License-Identifier: BSD-3-Clause */
#include "removed.h"

#include "context/gateway.h"
#include "session.h"

enum { REMOVED_BUDGET = 64, REMOVED_LOOK = 4096 }; /* a turn: ends, and records looked at */

/* Whether a listener that is gone has allocations left. */
static bool any_left(const struct server *s)
{
	for (uint16_t i = 0; i < listener_places(s->conf); i++) {
		if (!listener_is_there(s->conf, i) && table_listener_allocs(s->table, i))
			return true;
	}
	return false;
}

void removed_finish(struct server *s, bool apply)
{
	if (apply)
		s->removed = (struct removed){ .on = true };
}

/* SESSION_ENDS: it goes on. One of two families is enough, since its client counts on both. */
static enum session_end alloc_why(const struct server *s, const struct table_alloc *a)
{
	const uint32_t families = atomic_load_explicit(&a->families, memory_order_relaxed);

	if (!listener_is_there(s->conf, a->leg.listener))
		return SESSION_END_LISTENER;
	for (int f = RELAY_V4; f <= RELAY_V6; f++) {
		if (families & 1u << f && !config_relay_has(s->conf, &a->relay[f]))
			return SESSION_END_RELAY;
	}
	return SESSION_ENDS;
}

/* True: all were looked at. */
static bool allocs_end(struct server *s)
{
	uint32_t look = REMOVED_LOOK, budget = REMOVED_BUDGET;
	struct table_alloc *a;

	while (budget && (a = table_walk(s->table, &s->removed.alloc_at, &look)) != NULL) {
		const enum session_end why = alloc_why(s, a);

		if (why == SESSION_ENDS)
			continue;
		session_del(s, a, why);
		budget--;
	}
	return budget && look;
}

static bool contexts_end(struct server *s)
{
	return !s->gateway ||
	       !gate_end_removed(s->gateway, &s->removed.context_at, REMOVED_LOOK, REMOVED_BUDGET);
}

void removed_turn(struct server *s)
{
	bool done;

	if (!s->removed.on)
		return;
	done = allocs_end(s);
	/* A cursor that is at its end stays there. */
	if (contexts_end(s) && done)
		s->removed = (struct removed){ .on = any_left(s) };
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "listeners.h"

#include "session.h"

enum { LISTENERS_BUDGET = 64, LISTENERS_LOOK = 4096 }; /* a turn: ends, and records looked at */

/* Whether a listener that is gone has allocations left. */
static bool any_left(const struct server *s)
{
	for (uint16_t i = 0; i < listener_places(s->conf); i++) {
		if (!listener_is_there(s->conf, i) && table_listener_allocs(s->table, i))
			return true;
	}
	return false;
}

void listeners_finish(struct server *s, bool apply)
{
	if (apply)
		s->listeners = (struct listeners){ .on = any_left(s) };
}

void listeners_turn(struct server *s)
{
	uint32_t look = LISTENERS_LOOK, budget = LISTENERS_BUDGET;
	struct table_alloc *a;

	if (!s->listeners.on)
		return;
	while (budget && (a = table_walk(s->table, &s->listeners.at, &look)) != NULL) {
		if (listener_is_there(s->conf, a->leg.listener))
			continue;
		session_del(s, a, SESSION_END_LISTENER);
		budget--;
	}
	if (budget && look)
		s->listeners = (struct listeners){ .on = any_left(s) };
}

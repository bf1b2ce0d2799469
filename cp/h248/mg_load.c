/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Overload (H.248.11): a controller that wants to know is told at each Add while what is used of
 * contexts, or of the transactions that it may ask for, is gateway.h248-overload percent or more.
 * What is kept for urgent calls is not counted as there.
 */
#include "mg_priv.h"

enum {
	SECOND_MS = 1000,
	UNANSWERED_MAX = 16, /* requests: it is told no more by then, and knows */
};

void mg_load_count(struct mg *m)
{
	const uint64_t passed = m->s->now_ms - m->second_ms;

	if (passed >= SECOND_MS) {
		m->last_second = passed < 2 * SECOND_MS ? m->this_second : 0;
		m->this_second = 0;
		m->second_ms = m->s->now_ms;
	}
	m->this_second++;
}

static bool is_most(uint64_t used, uint64_t all, uint32_t percent)
{
	return used * 100 >= all * percent;
}

static bool is_overloaded(const struct mg *m)
{
	const struct config *c = m->s->conf;
	const struct gate_stats *g = gate_stats(m->g);
	const uint64_t kept = (uint64_t)c->gateway.urgent * c->dataplane.n_workers;
	const uint32_t percent = c->gateway.h248_overload;
	const uint32_t rate = m->this_second > m->last_second ? m->this_second : m->last_second;

	return is_most(g->contexts, g->contexts_max > kept ? g->contexts_max - kept : 0, percent) ||
	       is_most(rate, MG_RATE_MAX, percent);
}

void mg_load_added(struct mg *m)
{
	if (!m->assoc.overload || !is_overloaded(m) || m->assoc.n_request >= UNANSWERED_MAX)
		return;
	m->stats.overloaded++;
	mg_notify_root(m, MG_NAME_OVERLOAD);
}

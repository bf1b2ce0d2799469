/* SPDX-License-Identifier: BSD-3-Clause */
/* Updates of what lives, and what is told once a turn. */
#include "tell.h"

#include "../context/gateway.h"
#include "../log.h"
#include "../session.h"
#include "radius.h"
#include "records.h"

#include <stdio.h>

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
	const uint32_t n = due(s, table_places(s->table), t->allocs_due);
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
		gate_report(s->gateway, c);
	t->contexts_due += n - look;
	t->contexts_over = look > 0;
}

static void conns_update(struct server *s, struct tell *t)
{
	const uint32_t n = due(s, tell_joined_places(s), t->conns_due);

	t->conns_due += n;
	t->conns_over = n && !tell_joined_some(s, &t->conn_at, n);
}

/* What keeps records from the file is told once, and its end. */
static void error_log(struct server *s)
{
	char text[2 * CONFIG_STR_MAX];

	if (records_news(s->records, s->conf->records.file, text, sizeof(text)))
		log_line("%s", text);
}

/* That no server answers, or one does again, is told once. */
static void silence_log(struct server *s)
{
	const struct radius_counts *n = s->radius;
	const bool silent = n && atomic_load_explicit(&n->silent, memory_order_relaxed);

	if (silent == s->tell.silent)
		return;
	s->tell.silent = silent;
	if (silent)
		log_line(
		    "no RADIUS server answers: records wait, %u of them at most (radius.queue)",
		    s->conf->radius.queue);
	else
		log_line("a RADIUS server answers again");
}

void tell_turn(struct server *s)
{
	const uint64_t round_ms = s->conf->records.update_minutes * UINT64_C(60000);
	struct tell *t = &s->tell;

	error_log(s);
	tell_ends(s);
	silence_log(s);
	if (!s->records || !round_ms)
		return;
	if (!t->since_ms)
		t->since_ms = s->now_ms;
	if (!t->allocs_over)
		allocs_update(s, t);
	if (s->gateway && !t->contexts_over)
		contexts_update(s, t);
	if (!t->conns_over)
		conns_update(s, t);
	if (t->allocs_over && t->conns_over && (!s->gateway || t->contexts_over) &&
	    s->now_ms - t->since_ms >= round_ms)
		*t = (struct tell){ .since_ms = s->now_ms, .ends = t->ends, .silent = t->silent };
}

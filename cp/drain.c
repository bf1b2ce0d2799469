/* SPDX-License-Identifier: BSD-3-Clause */
#include "drain.h"

#include "context/gateway.h"
#include "log.h"
#include "server.h"
#include "session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DRAIN_LOOK = 1024, DRAIN_BUDGET = 64 }; /* records looked at, and ended, in a turn */

/* ---- what the next control process is to know ---- */

/* Beside the state file: the end by the wall clock, or 0. */
static void path_of(const struct server *s, const char *end, char path[CONFIG_STR_MAX + 16])
{
	snprintf(path, CONFIG_STR_MAX + 16, "%s.drain%s", s->conf->control.state, end);
}

static bool keep(const struct server *s, uint32_t seconds, char *err, size_t errlen)
{
	const uint64_t end = seconds ? s->wall + seconds : 0;
	char path[CONFIG_STR_MAX + 16], made[CONFIG_STR_MAX + 16];
	bool ok;
	FILE *f;

	path_of(s, "", path);
	path_of(s, ".new", made);
	f = fopen(made, "we");
	ok = f && fprintf(f, "%" PRIu64 "\n", end) > 0;
	if (f && fclose(f))
		ok = false;
	if (ok && rename(made, path) == 0)
		return true;
	snprintf(err, errlen, "%s: cannot be written: %s", path, strerror(errno));
	unlink(made);
	return false;
}

static uint64_t deadline_in(const struct server *s, uint64_t seconds)
{
	return s->now_ms + seconds * 1000;
}

void drain_resume(struct server *s)
{
	char path[CONFIG_STR_MAX + 16];
	uint64_t end;
	FILE *f;

	path_of(s, "", path);
	f = fopen(path, "re");
	if (!f)
		return;
	if (fscanf(f, "%" SCNu64, &end) == 1) {
		const uint64_t left = end > s->wall ? end - s->wall : 0;

		s->drain.on = true;
		if (end)
			s->drain.deadline_ms =
			    deadline_in(s, left < DRAIN_MAX_S ? left : DRAIN_MAX_S);
		log_line("the node is being drained: no new allocations, no new contexts");
	} else {
		log_line("%s is damaged: the node is not being drained", path);
	}
	fclose(f);
}

/* ---- */

bool drain_begin(struct server *s, uint32_t seconds, char *err, size_t errlen)
{
	if (!keep(s, seconds, err, errlen))
		return false;
	s->drain.on = true;
	s->drain.deadline_ms = seconds ? deadline_in(s, seconds) : 0;
	if (seconds)
		log_line("draining: no new allocations and contexts; what is left in %" PRIu32
			 " s is ended",
			 seconds);
	else
		log_line("draining: no new allocations and contexts");
	return true;
}

bool drain_end(struct server *s, char *err, size_t errlen)
{
	char path[CONFIG_STR_MAX + 16];

	path_of(s, "", path);
	if (unlink(path) && errno != ENOENT) {
		snprintf(err, errlen, "%s: cannot be removed: %s", path, strerror(errno));
		return false;
	}
	if (s->drain.on)
		log_line("not draining any more: allocations and contexts are served");
	s->drain = (struct drain){ .alternate = s->drain.alternate };
	return true;
}

/* Both walks begin anew when they are through: a dataplane that is attached may tell of more. */
void drain_turn(struct server *s)
{
	uint32_t look = DRAIN_LOOK, budget = DRAIN_BUDGET;
	struct table_alloc *a;

	if (!s->drain.on || !s->drain.deadline_ms || s->now_ms < s->drain.deadline_ms)
		return;
	while (budget && (a = table_walk(s->table, &s->drain.alloc_at, &look)) != NULL) {
		session_del(s, a, SESSION_END_DRAINED);
		budget--;
	}
	if (budget && look)
		s->drain.alloc_at = 0;
	if (s->gateway && !gate_end_some(s->gateway, &s->drain.context_at, DRAIN_BUDGET))
		s->drain.context_at = 0;
}

uint64_t drain_left(const struct server *s)
{
	return table_stats(s->table)->allocs + (s->gateway ? gate_stats(s->gateway)->contexts : 0);
}

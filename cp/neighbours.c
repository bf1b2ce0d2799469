/* SPDX-License-Identifier: BSD-3-Clause */
#include "neighbours.h"

bool neighbours_ask(struct neighbours *n, struct dplink *l, uint32_t worker,
		    struct cmd_neighbours *c, uint64_t now_ms, neighbours_fn *done, void *arg)
{
	for (int i = 0; i < NEIGHBOURS_ASKS; i++) {
		if (n->ask[i].done)
			continue;
		if (!dplink_cmd(l, worker, CMD_NEIGHBOURS, c, sizeof(*c)))
			return false;
		n->ask[i] = (struct neighbours_ask){ .done = done,
						     .arg = arg,
						     .worker = worker,
						     .seq = c->hdr.seq,
						     .due_ms = now_ms + NEIGHBOURS_TIMEOUT_MS };
		return true;
	}
	return false;
}

/* Its place is free before it is told: it may ask again at once. */
static void ask_end(struct neighbours_ask *a, const struct evt_neighbours *e)
{
	const struct neighbours_ask was = *a;

	a->done = NULL;
	was.done(was.arg, was.worker, e);
}

bool neighbours_event(struct neighbours *n, uint32_t worker, const struct evt_neighbours *e)
{
	for (int i = 0; i < NEIGHBOURS_ASKS; i++) {
		struct neighbours_ask *a = &n->ask[i];

		if (!a->done || a->worker != worker || a->seq != e->hdr.seq)
			continue;
		ask_end(a, e);
		return true;
	}
	return false;
}

void neighbours_over(struct neighbours *n, uint64_t now_ms)
{
	for (int i = 0; i < NEIGHBOURS_ASKS; i++)
		if (n->ask[i].done && now_ms >= n->ask[i].due_ms)
			ask_end(&n->ask[i], NULL);
}

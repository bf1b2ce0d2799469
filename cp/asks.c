/* SPDX-License-Identifier: BSD-3-Clause */
#include "asks.h"

bool asks_begin(struct asks *a, struct dplink *l, uint32_t worker, const struct asks_command *c,
		asks_fn *done, void *arg)
{
	const struct ctl_hdr *hdr = c->cmd;

	a->share.total = ASKS_MAX;
	if (!share_may(&a->share, c->holder))
		return false;
	for (int i = 0; i < ASKS_MAX; i++) {
		if (a->one[i].done)
			continue;
		if (!dplink_cmd(l, worker, (uint16_t)c->type, c->cmd, c->len))
			return false;
		a->one[i] = (struct asks_one){ done, arg, worker, hdr->seq, c->due_ms, c->holder };
		share_take(&a->share, c->holder);
		return true;
	}
	return false;
}

/* Its place is free before it is told: it may ask again at once. */
static void ask_end(struct asks *all, struct asks_one *a, const union ctl_evt *e)
{
	const struct asks_one was = *a;

	a->done = NULL;
	share_give(&all->share, was.holder);
	was.done(was.arg, was.worker, e);
}

bool asks_event(struct asks *a, uint32_t worker, const union ctl_evt *e)
{
	for (int i = 0; i < ASKS_MAX; i++) {
		struct asks_one *k = &a->one[i];

		if (!k->done || k->worker != worker || k->seq != e->hdr.seq)
			continue;
		ask_end(a, k, e);
		return true;
	}
	return false;
}

void asks_over(struct asks *a, uint64_t now_ms)
{
	for (int i = 0; i < ASKS_MAX; i++)
		if (a->one[i].done && now_ms >= a->one[i].due_ms)
			ask_end(a, &a->one[i], NULL);
}

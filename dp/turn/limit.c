/* SPDX-License-Identifier: BSD-3-Clause */
#include "limit.h"

#include <rte_malloc.h>

enum { BURST_MS = 1000 };

bool limit_create(struct worker *w)
{
	const struct config_turn *c = &w->dp->conf->turn;

	if (!(c->session_rate | c->session_packets | c->user_rate))
		return true;
	w->limit = rte_zmalloc("limits", sizeof(struct session_limit) * w->sessions_max, 64);
	w->packet_limit = meter_rate_make(c->session_packets, 0, BURST_MS);
	return w->limit != NULL;
}

void limit_begin(struct worker *w, uint32_t slot)
{
	struct session_limit *l;

	if (!w->limit)
		return;
	l = &w->limit[slot];
	memset(l, 0, sizeof(*l));
	for (int way = 0; way < LIMIT_WAYS; way++) {
		l->bytes[way] = meter_full(w->now_us);
		l->packets[way] = meter_full(w->now_us);
	}
}

void limit_share(struct worker *w, uint32_t slot, uint32_t share)
{
	uint32_t most = w->dp->conf->turn.session_rate;
	struct session_limit *l;

	if (!w->limit)
		return;
	l = &w->limit[slot];
	if (most && (share == 0 || share > most))
		share = most;
	if (share == l->per_second)
		return;
	l->per_second = share;
	l->rate = meter_rate_make(0, share, BURST_MS);
}

bool limit_take(struct worker *w, uint32_t slot, enum limit_way way, uint32_t bytes)
{
	struct session_limit *l = &w->limit[slot];

	/* Neither is taken of where the other has none. */
	return meter_wait_ms(&l->bytes[way], &l->rate, w->now_us, bytes) == 0 &&
	       meter_take(&l->packets[way], &w->packet_limit, w->now_us, 0) &&
	       meter_take(&l->bytes[way], &l->rate, w->now_us, bytes);
}

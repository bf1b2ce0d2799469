/* SPDX-License-Identifier: BSD-3-Clause */
#include "heartbeat.h"

#include <string.h>

static uint64_t cycles_read(const struct dplink *l, uint32_t worker)
{
	const struct ctl_counters *c = dplink_counters(l, worker);
	uint64_t sum = 0;

	for (int i = 0; c && i < STAGE_MAX; i++)
		sum += atomic_load_explicit(&c->stage[i].cycles, memory_order_relaxed);
	return sum;
}

static void service_look(struct heartbeat *h, const struct region *r)
{
	const uint32_t turns =
	    r ? atomic_load_explicit(&r->service_turns, memory_order_relaxed) : 0;

	h->service_still_s = r && turns == h->service_turns ? h->service_still_s + 1 : 0;
	h->service_turns = turns;
}

void heartbeat_look(struct heartbeat *h, const struct dplink *l, uint64_t now_ms)
{
	const struct region *r = dplink_region(l);
	const uint64_t generation = r ? r->generation : 0;

	if (now_ms < h->next_ms && h->generation == generation)
		return;
	if (h->generation != generation)
		*h = (struct heartbeat){ .generation = generation };
	h->next_ms = now_ms + 1000;
	for (uint32_t w = 0; w < dplink_n_workers(l); w++) {
		const uint64_t cycles = cycles_read(l, w);

		h->still_s[w] = cycles == h->cycles[w] ? h->still_s[w] + 1 : 0;
		h->cycles[w] = cycles;
	}
	service_look(h, r);
}

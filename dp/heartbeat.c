/* SPDX-License-Identifier: BSD-3-Clause */
#include "heartbeat.h"
#include "worker.h"

void heartbeat_start(struct heartbeat *h, uint64_t watchdog_us, uint64_t now_ms)
{
	/* Three looks may fail before the service manager acts. */
	uint64_t quarter_ms = watchdog_us / 4000;

	*h = (struct heartbeat){ .every_ms = HEARTBEAT_MS, .next_ms = now_ms, .last_ms = now_ms };
	if (watchdog_us && quarter_ms < h->every_ms)
		h->every_ms = RTE_MAX(quarter_ms, 1u);
}

static uint64_t beat_read(const struct dplane *dp, uint16_t i)
{
	return atomic_load_explicit(&dp->worker[i]->clock.beat, memory_order_relaxed);
}

/* The first worker that has not turned since the last time that all had, or n_workers. */
static uint16_t worker_late(const struct heartbeat *h, const struct dplane *dp)
{
	uint16_t i = 0;

	while (i < dp->n_workers && beat_read(dp, i) != h->beat[i])
		i++;
	return i;
}

enum heartbeat_verdict heartbeat_look(struct heartbeat *h, const struct dplane *dp, uint64_t now_ms,
				      uint16_t *late)
{
	bool first = !h->all;
	uint16_t i;

	if (!h->every_ms || now_ms < h->next_ms)
		return HEARTBEAT_SILENT;
	*late = worker_late(h, dp);
	if (*late < dp->n_workers) { /* next_ms stays: looked at again in the next turn */
		if (h->told || now_ms - h->last_ms < HEARTBEAT_LATE_MS)
			return HEARTBEAT_SILENT;
		h->told = true;
		return HEARTBEAT_LATE;
	}
	for (i = 0; i < dp->n_workers; i++)
		h->beat[i] = beat_read(dp, i);
	h->last_ms = now_ms;
	h->next_ms = now_ms + h->every_ms;
	h->told = false;
	h->all = true;
	return first ? HEARTBEAT_FIRST : HEARTBEAT_ALL;
}

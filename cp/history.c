/* SPDX-License-Identifier: BSD-3-Clause */
#include "history.h"

static uint64_t load(const _Atomic uint64_t *p)
{
	return atomic_load_explicit(p, memory_order_relaxed);
}

static void worker_add(const struct ctl_counters *c, struct history_sums *sums)
{
	if (!c)
		return;
	sums->packets += load(&c->cnt[CNT_RX]);
	for (int i = 0; i < DROP_MAX; i++)
		sums->drops += load(&c->drop[i]);
	for (int i = 0; i < STAGE_MAX; i++)
		*(i == STAGE_IDLE ? &sums->idle : &sums->busy) += load(&c->stage[i].cycles);
}

static struct history_sums sums_of(const struct dplink *l, const struct histogram *request)
{
	struct history_sums sums = { .request_us = request->sum_us };

	for (uint32_t w = 0; w < dplink_n_workers(l); w++)
		worker_add(dplink_counters(l, w), &sums);
	for (int i = 0; i < HISTOGRAM_CLASSES; i++)
		sums.requests += request->n[i];
	return sums;
}

/* Counters in shared memory may fall, since nobody is believed there. */
static uint64_t gained(uint64_t now, uint64_t was)
{
	return now > was ? now - was : 0;
}

static uint32_t bounded(uint64_t n)
{
	return n < HISTORY_NONE ? (uint32_t)n : HISTORY_NONE - 1;
}

/* n * scale / all, without an overflow that matters. */
static uint32_t share(uint64_t n, uint64_t scale, uint64_t all)
{
	return all ? bounded((uint64_t)((double)n * (double)scale / (double)all)) : HISTORY_NONE;
}

static void point_add(struct history *h, const struct history_point *p)
{
	h->point[(h->begin + h->n) % HISTORY_POINTS] = *p;
	if (h->n < HISTORY_POINTS)
		h->n++;
	else
		h->begin = (h->begin + 1) % HISTORY_POINTS;
}

void history_look(struct history *h, const struct dplink *l, const struct history_now *now)
{
	const struct region *r = dplink_region(l);
	const uint64_t generation = r ? r->generation : 0, ms = now->now_ms - h->last_ms;
	const bool same = r && h->attached && generation == h->generation, first = !h->next_ms;
	const struct history_sums was = h->sums, is = sums_of(l, now->request);
	const uint64_t busy = gained(is.busy, was.busy), idle = gained(is.idle, was.idle);

	if (!history_is_due(h, now->now_ms))
		return;
	h->attached = r != NULL;
	h->generation = generation;
	h->next_ms = now->now_ms + 1000 * HISTORY_EVERY_S;
	h->last_ms = now->now_ms;
	h->sums = is;
	if (first) /* there is no interval yet */
		return;
	point_add(
	    h,
	    &(struct history_point){
		.wall = now->wall,
		.packets = same ? share(gained(is.packets, was.packets), 1000, ms) : HISTORY_NONE,
		.drops = same ? share(gained(is.drops, was.drops), 1000, ms) : HISTORY_NONE,
		.sessions = now->sessions,
		.contexts = now->contexts,
		.load = same ? share(busy, 1000, busy + idle) : HISTORY_NONE,
		.latency_us = share(gained(is.request_us, was.request_us), 1,
				    gained(is.requests, was.requests)),
	    });
}

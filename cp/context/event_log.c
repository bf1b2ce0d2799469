/* SPDX-License-Identifier: BSD-3-Clause */
#include "event_log.h"

#include <stdlib.h>

struct event_log {
	struct gate_event *ring; /* [max], the one with seq at seq % max */
	uint32_t max;
	uint64_t last, fetched; /* highest seq added, and given out */
	void (*changed)(void *arg);
	void *arg;
};

struct event_log *event_log_create(uint32_t max)
{
	struct event_log *n = calloc(1, sizeof(*n));

	if (n)
		n->ring = calloc(max, sizeof(*n->ring));
	if (!n || !n->ring) {
		free(n);
		return NULL;
	}
	n->max = max;
	return n;
}

void event_log_free(struct event_log *n)
{
	if (n)
		free(n->ring);
	free(n);
}

bool event_log_add(struct event_log *n, const struct gate_event *e)
{
	struct gate_event *place = &n->ring[++n->last % n->max];
	bool lost = n->last > n->max && n->last - n->max > n->fetched;

	*place = *e;
	place->seq = n->last;
	if (n->changed)
		n->changed(n->arg);
	return lost;
}

const struct gate_event *event_log_get(struct event_log *n, uint64_t seq)
{
	if (n->last >= n->max && seq <= n->last - n->max)
		seq = n->last - n->max + 1;
	if (seq == 0)
		seq = 1;
	if (seq > n->last)
		return NULL;
	if (seq > n->fetched)
		n->fetched = seq;
	return &n->ring[seq % n->max];
}

uint64_t event_log_last(const struct event_log *n)
{
	return n->last;
}

void event_log_listen(struct event_log *n, void (*changed)(void *arg), void *arg)
{
	n->changed = changed;
	n->arg = arg;
}

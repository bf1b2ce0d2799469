/* SPDX-License-Identifier: BSD-3-Clause */
#include "event_log.h"

#include <stdlib.h>
#include <string.h>

struct event_log {
	uint8_t *ring; /* [max] of size bytes, the one with seq at seq % max */
	size_t size;
	uint32_t max;
	uint8_t *next; /* event_log_prepare() made it; [next_max] */
	uint32_t next_max;
	uint64_t first;		/* the oldest kept, or that will be */
	uint64_t last, fetched; /* highest seq added, and given out */
	void (*changed)(void *arg);
	void *arg;
};

struct event_log *event_log_create(uint32_t max, size_t size)
{
	struct event_log *n = calloc(1, sizeof(*n));

	if (n)
		n->ring = calloc(max, size);
	if (!n || !n->ring) {
		free(n);
		return NULL;
	}
	n->max = max;
	n->size = size;
	n->first = 1;
	return n;
}

void event_log_free(struct event_log *n)
{
	if (n) {
		free(n->next);
		free(n->ring);
	}
	free(n);
}

static void *place_of(const struct event_log *n, uint64_t seq)
{
	return n->ring + seq % n->max * n->size;
}

/* ---- another size ---- */

bool event_log_prepare(struct event_log *n, uint32_t max)
{
	free(n->next);
	n->next = NULL;
	n->next_max = max;
	if (max == n->max)
		return true;
	n->next = calloc(max, n->size);
	return n->next != NULL;
}

/* Lets the oldest go, until there are no more than max. How many of them nobody had fetched. */
static uint64_t forget(struct event_log *n, uint32_t max)
{
	const uint64_t unread = n->fetched < n->first ? n->first : n->fetched + 1;

	if (n->last - n->first + 1 > max)
		n->first = n->last - max + 1;
	return n->first > unread ? n->first - unread : 0;
}

uint64_t event_log_finish(struct event_log *n, bool apply)
{
	uint64_t lost = 0;

	if (n->next && apply) {
		lost = forget(n, n->next_max);
		for (uint64_t seq = n->first; seq <= n->last; seq++)
			memcpy(n->next + seq % n->next_max * n->size, place_of(n, seq), n->size);
		free(n->ring);
		n->ring = n->next;
		n->max = n->next_max;
	} else {
		free(n->next);
	}
	n->next = NULL;
	return lost;
}

/* ---- events ---- */

bool event_log_add(struct event_log *n, const void *e)
{
	void *place = place_of(n, ++n->last);
	const bool lost = forget(n, n->max) > 0;

	memcpy(place, e, n->size);
	memcpy(place, &n->last, sizeof(n->last));
	if (n->changed)
		n->changed(n->arg);
	return lost;
}

const void *event_log_get(struct event_log *n, uint64_t seq)
{
	if (seq < n->first)
		seq = n->first;
	if (seq > n->last)
		return NULL;
	if (seq > n->fetched)
		n->fetched = seq;
	return place_of(n, seq);
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

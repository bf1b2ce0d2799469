/* SPDX-License-Identifier: BSD-3-Clause */
#include "news.h"

#include <stdlib.h>

struct news {
	struct gate_news *ring; /* [max], the one with seq at seq % max */
	uint32_t max;
	uint64_t last, fetched; /* highest seq added, and given out */
	void (*changed)(void *arg);
	void *arg;
};

struct news *news_create(uint32_t max)
{
	struct news *n = calloc(1, sizeof(*n));

	if (n)
		n->ring = calloc(max, sizeof(*n->ring));
	if (!n || !n->ring) {
		free(n);
		return NULL;
	}
	n->max = max;
	return n;
}

void news_free(struct news *n)
{
	if (n)
		free(n->ring);
	free(n);
}

bool news_add(struct news *n, const struct gate_news *e)
{
	struct gate_news *place = &n->ring[++n->last % n->max];
	bool lost = n->last > n->max && n->last - n->max > n->fetched;

	*place = *e;
	place->seq = n->last;
	if (n->changed)
		n->changed(n->arg);
	return lost;
}

const struct gate_news *news_get(struct news *n, uint64_t seq)
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

uint64_t news_last(const struct news *n)
{
	return n->last;
}

void news_listen(struct news *n, void (*changed)(void *arg), void *arg)
{
	n->changed = changed;
	n->arg = arg;
}

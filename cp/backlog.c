/* SPDX-License-Identifier: BSD-3-Clause */
#include "backlog.h"

#include <stdlib.h>
#include <string.h>

struct backlog_event {
	struct backlog_event *next;
	uint16_t len;
	uint8_t bytes[];
};

bool backlog_add(struct backlog *b, const struct ctl_hdr *event)
{
	struct backlog_event *e = malloc(sizeof(*e) + event->len);

	if (!e)
		return false;
	e->next = NULL;
	e->len = event->len;
	memcpy(e->bytes, event, event->len);
	if (b->last)
		b->last->next = e;
	else
		b->first = e;
	b->last = e;
	b->n++;
	return true;
}

void backlog_take(struct backlog *b, uint8_t *event)
{
	struct backlog_event *e = b->first;

	memcpy(event, e->bytes, e->len);
	b->first = e->next;
	if (!b->first)
		b->last = NULL;
	b->n--;
	free(e);
}

void backlog_clear(struct backlog *b)
{
	while (b->first) {
		struct backlog_event *e = b->first;

		b->first = e->next;
		free(e);
	}
	*b = (struct backlog){ 0 };
}

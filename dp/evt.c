/* SPDX-License-Identifier: BSD-3-Clause */
#include "evt.h"

/* Slots that are free beside the `rest` last ones, max at most. */
static uint32_t room_before(struct worker *w, uint32_t rest, uint32_t max)
{
	int room = w->rings_ok ? ring_room(&w->evt, rest + max) : 0;

	if (unlikely(room == RING_ERR))
		worker_rings_broken(w);
	return room > (int)rest ? RTE_MIN((uint32_t)room - rest, max) : 0;
}

/* The next slot, if at least `rest` are free behind it. */
static void *slot_before(struct worker *w, uint32_t rest)
{
	return room_before(w, rest, 1) ? ring_slot(&w->evt, 0) : NULL;
}

void *evt_slot(struct worker *w)
{
	return slot_before(w, evt_reserve(w));
}

void *evt_request(struct worker *w)
{
	return w->audit ? NULL : slot_before(w, evt_request_reserve(w));
}

void *evt_stranger(struct worker *w)
{
	return slot_before(w, evt_stranger_reserve(w));
}

uint32_t evt_stranger_room(struct worker *w, uint32_t max)
{
	return room_before(w, evt_stranger_reserve(w), max);
}

void *evt_answer(struct worker *w)
{
	return slot_before(w, 0);
}

void evt_publish(struct worker *w)
{
	ring_publish(&w->evt, 1);
	w->punted = true;
}

void evt_lost(struct worker *w)
{
	w->news_lost = true;
}

void evt_lost_tell(struct worker *w)
{
	struct ctl_hdr *e = w->news_lost ? evt_slot(w) : NULL;

	if (!e)
		return;
	*e = (struct ctl_hdr){ EVT_NEWS_LOST, sizeof(*e), 0 };
	evt_publish(w);
	w->news_lost = false;
}

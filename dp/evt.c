/* SPDX-License-Identifier: BSD-3-Clause */
#include "evt.h"

/* The next slot, if at least `rest` are free behind it. */
static void *slot_before(struct worker *w, uint32_t rest)
{
	int room = w->rings_ok ? ring_room(&w->evt, rest + 1) : 0;

	if (unlikely(room == RING_ERR))
		worker_rings_broken(w);
	return room > (int)rest ? ring_slot(&w->evt, 0) : NULL;
}

void *evt_slot(struct worker *w)
{
	return slot_before(w, evt_reserve(w));
}

void *evt_request(struct worker *w)
{
	return slot_before(w, evt_request_reserve(w));
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

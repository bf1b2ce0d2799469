/* SPDX-License-Identifier: BSD-3-Clause */
#include "evt.h"

void *evt_slot(struct worker *w)
{
	int room = w->rings_ok ? ring_room(&w->evt, 1) : 0;

	if (unlikely(room == RING_ERR))
		worker_rings_broken(w);
	return room > 0 ? ring_slot(&w->evt, 0) : NULL;
}

void evt_publish(struct worker *w)
{
	ring_publish(&w->evt, 1);
	w->punted = true;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Places of listeners on the boundary. The dataplane tells what each of its places means before it
 * uses it, and never gives it another meaning; so what was found once holds until it is another
 * dataplane. Our own places live as long as we do (conf/listener.h).
 */
#include "dplink_int.h"

#include "../conf/listener.h"

void dplink_listeners_forget(struct dplink *l)
{
	memset(l->ours, 0xff, sizeof(l->ours));
	memset(l->theirs, 0xff, sizeof(l->theirs));
}

static struct ctl_leg *event_leg(union ctl_evt *e)
{
	switch (e->hdr.type) {
	case EVT_PUNT:
		return &e->punt.leg;
	case EVT_SESSION:
		return &e->session.leg;
	default:
		return NULL;
	}
}

static struct ctl_leg *cmd_leg(uint16_t type, void *cmd)
{
	switch (type) {
	case CMD_SESSION_SET:
		return &((struct cmd_session_set *)cmd)->leg;
	case CMD_SEND:
		return &((struct cmd_send *)cmd)->leg;
	default:
		return NULL;
	}
}

/* How many places the dataplane has told, no more than there can be. */
static uint16_t told(const struct dplink *l)
{
	const struct region *r = l->base;
	const uint32_t n = atomic_load_explicit(&r->n_listener, memory_order_acquire);

	return (uint16_t)(n < CTL_PLACES_MAX ? n : CTL_PLACES_MAX);
}

/* Ours of a place that was told. */
static uint16_t ours_find(struct dplink *l, uint16_t theirs)
{
	const struct ctl_listener at = ((const struct region *)l->base)->listener[theirs];

	if (l->ours[theirs] == LISTENER_GONE)
		l->ours[theirs] = listener_find(l->conf, &at.addr, at.transport);
	return l->ours[theirs];
}

bool dplink_event_listener(struct dplink *l, union ctl_evt *e, uint16_t *place)
{
	struct ctl_leg *leg = event_leg(e);

	*place = 0;
	if (!leg)
		return true;
	if (leg->listener >= told(l))
		return false;
	*place = leg->listener = ours_find(l, leg->listener);
	if (!listener_is_there(l->conf, *place))
		*place = LISTENER_GONE;
	return true;
}

static uint16_t theirs_find(struct dplink *l, uint16_t ours)
{
	uint16_t *theirs;

	if (ours >= CTL_PLACES_MAX)
		return LISTENER_GONE;
	theirs = &l->theirs[ours];
	for (uint16_t i = 0, n = told(l); *theirs == LISTENER_GONE && i < n; i++) {
		if (ours_find(l, i) == ours)
			*theirs = i;
	}
	return *theirs;
}

void dplink_cmd_listener(struct dplink *l, uint16_t type, void *cmd, void *slot)
{
	if (cmd_leg(type, cmd))
		cmd_leg(type, slot)->listener = theirs_find(l, cmd_leg(type, cmd)->listener);
}

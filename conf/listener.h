/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CONF_LISTENER_H
#define FL_CONF_LISTENER_H

/*
 * Places of listeners: the number by which sessions, connections, records and counters know a
 * listener. A reload may move a listener in the file, take it out or add others: by its address,
 * port and transport it is found again at the place it had, also after it was gone for a while. A
 * place is never another's while the process lives; the next one begins anew, in the file's order.
 */
#include "config.h"

/* How many there are, those of listeners that are gone included. */
static inline uint16_t listener_places(const struct config *c)
{
	return c->n_place ? c->n_place : c->n_listener;
}

/* i < listener_places(). */
static inline struct listener_place listener_place(const struct config *c, uint16_t i)
{
	if (c->n_place)
		return c->place[i];
	return (struct listener_place){ c->listener[i].addr, (uint16_t)c->listener[i].transport,
					i };
}

/* Whether a listener is there; i is any number. */
static inline bool listener_is_there(const struct config *c, uint16_t i)
{
	return i < listener_places(c) && listener_place(c, i).listener != LISTENER_GONE;
}

/* The listener at a place; NULL: there is none, or none any more. */
static inline const struct config_listener *listener_at_place(const struct config *c, uint16_t i)
{
	return listener_is_there(c, i) ? &c->listener[listener_place(c, i).listener] : NULL;
}

/* Where it is, or was; LISTENER_GONE: nowhere yet. */
uint16_t listener_find(const struct config *c, const struct sock_addr *addr, uint16_t transport);
/* The same of one of its list. */
static inline uint16_t listener_place_of(const struct config *c, uint16_t listener)
{
	return listener_find(c, &c->listener[listener].addr,
			     (uint16_t)c->listener[listener].transport);
}

/*
 * Gives the listeners of c, which will run instead of `runs`, the places they have there, and
 * others new ones behind. False, and one sentence in err: there were too many.
 */
bool listener_places_keep(const struct config *runs, struct config *c, char *err, size_t errlen);

#endif

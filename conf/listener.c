/* SPDX-License-Identifier: BSD-3-Clause */
#include "listener.h"

uint16_t listener_find(const struct config *c, const struct sock_addr *addr, uint16_t transport)
{
	for (uint16_t i = 0; i < listener_places(c); i++) {
		const struct listener_place p = listener_place(c, i);

		if (p.transport == transport && sock_addr_eq(&p.addr, addr))
			return i;
	}
	return LISTENER_GONE;
}

bool listener_places_keep(const struct config *runs, struct config *c, char *err, size_t errlen)
{
	const uint16_t n = listener_places(runs);

	for (uint16_t i = 0; i < n; i++) {
		c->place[i] = listener_place(runs, i);
		c->place[i].listener = LISTENER_GONE;
	}
	c->n_place = n;
	for (uint16_t k = 0; k < c->n_listener; k++) {
		const struct config_listener *l = &c->listener[k];
		const uint16_t i = listener_find(c, &l->addr, (uint16_t)l->transport);

		if (i != LISTENER_GONE) {
			c->place[i].listener = k;
			continue;
		}
		if (c->n_place == CTL_PLACES_MAX) {
			snprintf(err, errlen,
				 "listeners[%u]: there were %u other listeners already: it is "
				 "added by a restart of both processes",
				 k, CTL_PLACES_MAX);
			return false;
		}
		c->place[c->n_place++] =
		    (struct listener_place){ l->addr, (uint16_t)l->transport, k };
	}
	return true;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "accept.h"

#include <event2/event.h>
#include <event2/listener.h>

enum { PAUSE_S = 1 };

static void pause_over(evutil_socket_t fd, short what, void *arg)
{
	struct accept_pause *r = arg;

	(void)fd;
	(void)what;
	evconnlistener_enable(r->listener);
}

bool accept_pause_open(struct accept_pause *r, struct event_base *base)
{
	*r = (struct accept_pause){ .over = evtimer_new(base, pause_over, r) };
	return r->over != NULL;
}

void accept_pause_close(struct accept_pause *r)
{
	if (r->over)
		event_free(r->over);
}

void accept_pause(struct accept_pause *r, struct evconnlistener *l)
{
	static const struct timeval pause = { PAUSE_S, 0 };

	r->listener = l;
	evconnlistener_disable(l);
	event_add(r->over, &pause);
}

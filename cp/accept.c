/* SPDX-License-Identifier: BSD-3-Clause */
#include "accept.h"

#include <event2/event.h>
#include <event2/listener.h>

enum { REST_S = 1 };

static void rest_over(evutil_socket_t fd, short what, void *arg)
{
	struct accept_rest *r = arg;

	(void)fd;
	(void)what;
	evconnlistener_enable(r->listener);
}

bool accept_rest_open(struct accept_rest *r, struct event_base *base)
{
	*r = (struct accept_rest){ .over = evtimer_new(base, rest_over, r) };
	return r->over != NULL;
}

void accept_rest_close(struct accept_rest *r)
{
	if (r->over)
		event_free(r->over);
}

void accept_rest(struct accept_rest *r, struct evconnlistener *l)
{
	static const struct timeval rest = { REST_S, 0 };

	r->listener = l;
	evconnlistener_disable(l);
	event_add(r->over, &rest);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ACCEPT_H
#define FL_CP_ACCEPT_H

/*
 * A listener that takes no connections for a second: out of descriptors, most likely, and one left
 * enabled would spin.
 */
#include <stdbool.h>

struct event;
struct event_base;
struct evconnlistener;

struct accept_pause {
	struct evconnlistener *listener; /* NULL: it never paused */
	struct event *over;
};

/* False without memory. Zeros may be closed, too. */
bool accept_pause_open(struct accept_pause *r, struct event_base *base);
/* To be called before its listener goes. */
void accept_pause_close(struct accept_pause *r);
/* The listener takes no connections for a second from now on. */
void accept_pause(struct accept_pause *r, struct evconnlistener *l);

#endif

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

struct accept_rest {
	struct evconnlistener *listener; /* NULL: it never rested */
	struct event *over;
};

/* False without memory. Zeros may be closed, too. */
bool accept_rest_open(struct accept_rest *r, struct event_base *base);
/* To be called before its listener goes. */
void accept_rest_close(struct accept_rest *r);
/* The listener rests from now on. */
void accept_rest(struct accept_rest *r, struct evconnlistener *l);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_DPSOCK_H
#define FL_CP_DPSOCK_H

/*
 * The socket to the dataplane (lib/ctl_abi.h): connects, says hello, takes the welcome and its
 * descriptors, and hands them to dplink. When the dataplane is away, refuses or dies, it tries
 * again, each time a little later. One line is logged when the state of things changes.
 */
#include "dplink.h"

#include <event2/event.h>

enum { DPSOCK_RETRY_MIN_MS = 50, DPSOCK_RETRY_MAX_MS = 1000 };

struct dpsock;

/* change is called after each attach and detach. NULL without memory. */
struct dpsock *dpsock_create(struct event_base *base, const struct config *c, struct dplink *l,
			     void (*change)(void *ctx), void *ctx);
void dpsock_free(struct dpsock *d);

/* Lets go after dplink found the dataplane lying; tries again later. */
void dpsock_drop(struct dpsock *d, const char *why);

#endif

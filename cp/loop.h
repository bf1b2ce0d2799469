/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_LOOP_H
#define FL_CP_LOOP_H

/*
 * The event loop of the control process: turns server_poll() when the dataplane's eventfd speaks,
 * when work is left over, and each tick of the timer wheel. SIGTERM and SIGINT end it; SIGHUP has
 * the configuration put in force (reload.h), and certificates read again.
 */
#include "server.h"

#include <event2/event.h>

struct loop;

/* NULL without memory. */
struct loop *loop_create(struct event_base *base, struct server *s);
void loop_free(struct loop *l);
/* It has ended so that fairlead-cp begins anew: the dataplane has a file that takes a start. */
bool loop_starts_again(const struct loop *l);

/* CLOCK_MONOTONIC and CLOCK_REALTIME in milliseconds. */
uint64_t loop_now_ms(void);
uint64_t loop_wall_ms(void);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_IPSEC_EVENTS_H
#define FL_CP_ADMIN_IPSEC_EVENTS_H

/*
 * What happened to phones' IPsec associations, for a P-CSCF that asks: the method ipsec.events,
 * which may wait for something to happen.
 */
#include "../server.h"
#include "rpc.h"

#include <event2/event.h>

/* Sets s->phone_waiters. False when out of memory; without IPsec there is nothing to do. */
bool ipsec_events_open(struct server *s, struct event_base *base);

/* After rpc_stop(): whoever waited is not there any more. */
void ipsec_events_close(struct server *s);

/* {after, wait_ms, limit} */
void rpc_ipsec_events(void *ctx, const json_t *params, struct rpc_later *l);

#endif

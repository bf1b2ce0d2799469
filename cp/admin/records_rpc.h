/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_RECORDS_RPC_H
#define FL_CP_ADMIN_RECORDS_RPC_H

/* Records for controllers that ask: the method records, which may wait for one. */
#include "../server.h"
#include "rpc.h"

/* Sets s->record_waiters. False when out of memory. */
bool records_rpc_open(struct server *s, struct event_base *base);
/* After rpc_stop(). */
void records_rpc_close(struct server *s);

/* {after, wait_ms, limit} */
void rpc_records(void *ctx, const json_t *params, struct rpc_later *l);

#endif

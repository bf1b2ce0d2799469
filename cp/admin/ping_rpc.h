/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_PING_RPC_H
#define FL_CP_ADMIN_PING_RPC_H

/*
 * {address, source, port, worker, timeout_ms}, of an echo also size and whole: one question by a
 * worker to another host, answered once its reply is here or the time is over. What cannot be sent
 * is an error.
 */
#include "rpc.h"

void rpc_ping(void *ctx, const json_t *params, struct rpc_later *l);
void rpc_arping(void *ctx, const json_t *params, struct rpc_later *l);

#define PING_ANY "address source? port? worker? timeout_ms?"
#define PING_ECHOES " size? whole?"

#endif

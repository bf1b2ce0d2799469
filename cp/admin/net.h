/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_NET_H
#define FL_CP_ADMIN_NET_H

/* Where packets go: what workers know of next hops, and the configuration's ways to them. */
#include "rpc.h"

/*
 * {worker, cursor, limit, gateways}: a page of the next hops of one worker or all. A page may be
 * short, even empty: the result's cursor is where the next one starts, null at the end.
 */
void neighbours_page(void *ctx, const json_t *params, struct rpc_later *l);

/* Of each port its subnets, which are on its link, and its routes. */
json_t *routes_show(void *ctx, const json_t *params, struct rpc_error *err);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_TLS_H
#define FL_CP_ADMIN_TLS_H

/*
 * What the dataplane tells of TLS (certificates in force, handshakes, what ended connections), and
 * pre-shared keys as controllers give them (R65).
 */
#include "../server.h"
#include "rpc.h"

/* The result of `tls` and `tls.reload`. A new reference; NULL when out of memory. */
json_t *tls_json(const struct server *s);

/* The methods. */
json_t *tls_show(void *ctx, const json_t *params, struct rpc_error *err);
void tls_reload(void *ctx, const json_t *params, struct rpc_later *l);
json_t *psk_set(void *ctx, const json_t *params, struct rpc_error *err);
json_t *psk_unset(void *ctx, const json_t *params, struct rpc_error *err);

#endif

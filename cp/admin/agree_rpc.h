/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_AGREE_RPC_H
#define FL_CP_ADMIN_AGREE_RPC_H

/* The security agreement with a phone (RFC 3329), for a P-CSCF beside us: cp/ipsec/agree.h. */
#include "rpc.h"

#define IPSEC_AGREE "security_client mechanisms? nat?"
#define IPSEC_VERIFY "security_verify security_client? phone? mechanisms?"

json_t *rpc_ipsec_agree(void *ctx, const json_t *params, struct rpc_error *err);
json_t *rpc_ipsec_verify(void *ctx, const json_t *params, struct rpc_error *err);

/*
 * A copy of params with alg, ealg, mod, spi_c, spi_s, port_c and port_s in place of security_client
 * and nat, by what is best of it, or as it is without one. NULL: *err says why.
 */
json_t *agree_params(const json_t *params, struct rpc_error *err);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_TOKEN_RPC_H
#define FL_CP_ADMIN_TOKEN_RPC_H

/*
 * Tokens of AKA for a P-CSCF beside us (cp/aka/token.h): it knows the keys and the phone's address,
 * we know which certificate that phone's connection was shown. Nothing is kept between the 401 and
 * its answer: the flow, which the P-CSCF keeps, says which connection it was.
 */
#include "rpc.h"

#define AKA_TOKEN "remote local? ik ck? derivation?"
#define AKA_TOKEN_JUDGE AKA_TOKEN " flow c_token"

json_t *rpc_aka_token(void *ctx, const json_t *params, struct rpc_error *err);
json_t *rpc_aka_token_judge(void *ctx, const json_t *params, struct rpc_error *err);

#endif

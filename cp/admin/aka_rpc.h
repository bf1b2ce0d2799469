/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_AKA_RPC_H
#define FL_CP_ADMIN_AKA_RPC_H

/*
 * Digest AKA for a SIP proxy or registrar beside us (RFC 3310, 4169): it has a vector of the home
 * network and a phone's Authorization header, we have the arithmetic and what is to be remembered
 * between the two (cp/aka/challenge.h).
 */
#include "rpc.h"

#define AKA_CHALLENGE "user realm rand? autn? xres? ck? ik? auts? algorithm? qop? stale? lifetime_s?"
#define AKA_JUDGE "authorization method body?"

void rpc_aka_challenge(void *ctx, const json_t *params, struct rpc_later *l);
json_t *rpc_aka_judge(void *ctx, const json_t *params, struct rpc_error *err);

#endif

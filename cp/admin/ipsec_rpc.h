/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_IPSEC_RPC_H
#define FL_CP_ADMIN_IPSEC_RPC_H

/*
 * IPsec associations with phones (TS 33.203 7), for a P-CSCF beside us: it reads the
 * Security-Client header of a REGISTER, has CK and IK of the 401, and writes the Security-Server
 * header that `ipsec.add` makes. The keys are never told back.
 */
#include "rpc.h"

#define IPSEC_ADD                                                                       \
	"remote local? inner? user? lifetime_s? security_client? nat? alg? ealg? mod? " \
	"udp? esn? ck ik spi_c? spi_s? port_c? port_s?"
#define IPSEC_EXTEND "phone lifetime_s"
#define IPSEC_LIST "user? remote? cursor? limit?"

json_t *rpc_ipsec_add(void *ctx, const json_t *params, struct rpc_error *err);
json_t *rpc_ipsec_extend(void *ctx, const json_t *params, struct rpc_error *err);
json_t *rpc_ipsec_list(void *ctx, const json_t *params, struct rpc_error *err);
void rpc_ipsec_delete(void *ctx, const json_t *params, struct rpc_later *l);
void rpc_ipsec_show(void *ctx, const json_t *params, struct rpc_later *l);

#endif

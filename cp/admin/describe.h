/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_DESCRIBE_H
#define FL_CP_ADMIN_DESCRIBE_H

/* What methods there are: the method `rpc.describe`, and doc/rpc.md, from one table. */
#include "rpc.h"

#include <stdio.h>

/* Methods and parameters do not change their meaning while this stays; more of them may come. */
enum { RPC_VERSION = 1 };

json_t *rpc_describe(void *ctx, const json_t *params, struct rpc_error *err);

/* The text of doc/rpc.md. */
void rpc_describe_print(FILE *out);

#endif

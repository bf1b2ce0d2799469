/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_AUDIT_H
#define FL_CP_ADMIN_AUDIT_H

/*
 * The audit log: who changed what, a line on standard error each. What was done is never held back.
 * What was refused has a rate of its own for each caller, and so have controllers' calls: nobody
 * can keep another's lines out of the log.
 */
#include "rpc.h"

enum {
	AUDIT_CALLERS = 64
}; /* with a rate of their own; of more the one silent longest makes room */

/* As a struct rpc_caller has it. */
void audit_write(const struct rpc_caller *who, enum rpc_audited as, bool done, const char *what);

#endif

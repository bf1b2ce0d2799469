/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_CONTEXT_GATEWAY_RECORD_H
#define FL_CP_CONTEXT_GATEWAY_RECORD_H

/* Records of contexts (cp/record/records.h). */
#include "gateway.h"

#include "../record/record.h"

/* Of a context as it is; reason of its end, or NULL. */
void gate_record(struct gateway *g, const struct context *c, enum record_event event,
		 const char *reason);
/* It was `old` before: tells what is another now, if that is in a record. */
void gate_record_change(struct gateway *g, const struct context *c, const struct context *old);

#endif

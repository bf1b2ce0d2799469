/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_CONTEXT_GATEWAY_RECORD_H
#define FL_CP_CONTEXT_GATEWAY_RECORD_H

/* Records of contexts (cp/record/records.h). */
#include "gateway.h"

#include "../record/record.h"

/* Of a context as it is; reason of its end, or NULL. */
void gate_record(struct gateway *g, const struct context *c, enum record_event event,
		 const char *reason);
/*
 * A record to be told by gate_record_told() when the dataplane has said what was passed. NULL:
 * there are no records, or no memory for it.
 */
struct record *gate_record_counted(struct gateway *g, const struct context *c,
				   enum record_event event, const char *reason);
/* With stats, or without if those are NULL. Frees r. NULL is fine. */
void gate_record_told(struct gateway *g, struct record *r, const struct ctl_term_stats stats[2]);
/* It was `old` before: tells what is another now, if that is in a record. */
void gate_record_change(struct gateway *g, const struct context *c, const struct context *old);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_AUDIT_H
#define FL_DP_AUDIT_H

/*
 * What a worker has is told to a control process that has lost records of it (R70), so that none of
 * it is swept away by the replay that follows. Nobody's request comes between: whoever asked for a
 * session that is not told of yet would be given another in its place.
 */
#include "worker.h"

/* Part of worker_create(), worker_free(). On failure one sentence in err. */
bool audit_create(struct worker *w, char *err, size_t errlen);
void audit_destroy(struct worker *w);

/* CMD_AUDIT: from the beginning, again if it was under way. */
void audit_begin(struct worker *w, uint32_t seq);
/* CMD_SYNC_BEGIN, or another control process: requests go on, if they did not before. */
void audit_end(struct worker *w);
/* Tells more, as far as there is room. Returns slots looked at, `budget` at most. */
uint32_t audit_tell(struct worker *w, uint32_t budget);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#include "audit.h"

#include "boundary.h"
#include "gateway/context.h"
#include "turn/session.h"

#include <rte_malloc.h>

enum audit_step { AUDIT_NONE, AUDIT_SESSIONS, AUDIT_CONTEXTS, AUDIT_TOLD };

struct audit {
	enum audit_step step;
	uint32_t at;	  /* slot whose turn it is */
	uint32_t records; /* of that session told already */
	uint32_t seq;	  /* of CMD_AUDIT */
};

bool audit_create(struct worker *w, char *err, size_t errlen)
{
	w->audit = rte_zmalloc("audit", sizeof(*w->audit), RTE_CACHE_LINE_SIZE);
	if (!w->audit)
		snprintf(err, errlen, "%s: dataplane.memory-mb: too small for worker %u",
			 w->dp->conf->file, w->id);
	return w->audit != NULL;
}

void audit_destroy(struct worker *w)
{
	rte_free(w->audit);
	w->audit = NULL;
}

/* Nobody is asked anything until all is told; what was told stays as it is until the replay. */
static void audit_set(struct worker *w, enum audit_step step)
{
	w->audit->step = step;
	w->audit->at = 0;
	evt_requests_wait(w, step == AUDIT_SESSIONS || step == AUDIT_CONTEXTS);
	session_records_stay(w, step != AUDIT_NONE);
}

void audit_begin(struct worker *w, uint32_t seq)
{
	w->audit->records = 0;
	w->audit->seq = seq;
	audit_set(w, AUDIT_SESSIONS);
}

void audit_end(struct worker *w)
{
	audit_set(w, AUDIT_NONE);
}

/* One slot, or the end of a table. False if there is no room to tell it. */
static bool audit_step(struct worker *w)
{
	struct audit *a = w->audit;
	const bool sessions = a->step == AUDIT_SESSIONS;

	if (a->at < (sessions ? session_slots(w) : context_slots(w))) {
		if (!(sessions ? session_tell(w, a->at, &a->records) : context_told(w, a->at)))
			return false;
		a->at++;
		return true;
	}
	if (!sessions && !evt_bare(w, evt_slot(w), EVT_AUDITED, a->seq))
		return false;
	audit_set(w, sessions ? AUDIT_CONTEXTS : AUDIT_TOLD);
	return true;
}

uint32_t audit_tell(struct worker *w, uint32_t budget)
{
	const struct audit *a = w->audit;
	uint32_t n = 0;

	if (likely(a->step == AUDIT_NONE || a->step == AUDIT_TOLD))
		return 0;
	while (n < budget && a->step != AUDIT_TOLD && audit_step(w))
		n++;
	return n;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "audit.h"

#include "boundary.h"
#include "gateway/context.h"
#include "ipsec/ipsec.h"
#include "turn/session.h"

#include <rte_malloc.h>

enum audit_step { AUDIT_NONE, AUDIT_SESSIONS, AUDIT_CONTEXTS, AUDIT_PHONES, AUDIT_TOLD };

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
	evt_requests_wait(w, step != AUDIT_NONE && step != AUDIT_TOLD);
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

/* Slots of the table whose turn it is. */
static uint32_t step_slots(const struct worker *w)
{
	switch (w->audit->step) {
	case AUDIT_SESSIONS:
		return session_slots(w);
	case AUDIT_CONTEXTS:
		return context_slots(w);
	case AUDIT_PHONES:
		return ipsec_slots(w);
	case AUDIT_NONE:
	case AUDIT_TOLD:
		break;
	}
	return 0;
}

static bool slot_told(struct worker *w)
{
	struct audit *a = w->audit;

	if (a->step == AUDIT_SESSIONS)
		return session_tell(w, a->at, &a->records);
	return a->step == AUDIT_CONTEXTS ? context_told(w, a->at) : ipsec_told(w, a->at);
}

/* One slot, or the end of a table. False if there is no room to tell it. */
static bool audit_step(struct worker *w)
{
	struct audit *a = w->audit;

	if (a->at < step_slots(w)) {
		if (!slot_told(w))
			return false;
		a->at++;
		return true;
	}
	if (a->step == AUDIT_PHONES && !evt_bare(w, evt_slot(w), EVT_AUDITED, a->seq))
		return false;
	audit_set(w, a->step + 1);
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

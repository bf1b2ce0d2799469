/* SPDX-License-Identifier: BSD-3-Clause */
#include "turn.h"
#include "session.h"
#include "../snapshot.h"

#include <rte_malloc.h>

enum { OWN_RATE = 500 }; /* where prefixes have no limit */

/*
 * Of what a prefix may have, one session or connection may have a tenth. It has a bound of its own
 * where its prefix has none: that is for prefixes of many, not for one who asks without end.
 */
static struct meter_rate own_rate(uint32_t per_second)
{
	return meter_rate_make(per_second ? (per_second + 9) / 10 : OWN_RATE, 0, 1000);
}

void turn_rates_set(struct worker *w)
{
	const struct config_dataplane *c = &snapshot_conf(w->dp)->dataplane;

	w->turn->own_binding = own_rate(c->binding_rate);
	w->turn->own_request = own_rate(c->request_rate);
	rate_set(w->turn->request_rate, c->request_rate);
}

bool turn_create(struct worker *w, char *err, size_t errlen)
{
	const struct config_dataplane *c = &w->dp->conf->dataplane;
	struct turn *t = rte_zmalloc("turn", sizeof(*t), RTE_CACHE_LINE_SIZE);

	w->turn = t;
	if (t) {
		t->own_binding = own_rate(c->binding_rate);
		t->own_request = own_rate(c->request_rate);
		t->request_rate = rate_create(c->request_rate);
	}
	if (t && t->request_rate)
		return session_tables_create(w, err, errlen);
	snprintf(err, errlen,
		 "%s: dataplane.memory-mb: %u MB are too few for sessions of worker %u",
		 w->dp->conf->file, c->memory_mb, w->id);
	return false;
}

void turn_destroy(struct worker *w)
{
	if (!w->turn)
		return;
	session_tables_free(w);
	rte_free(w->turn->request_rate);
	rte_free(w->turn);
	w->turn = NULL;
}

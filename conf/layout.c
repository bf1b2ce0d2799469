/* SPDX-License-Identifier: BSD-3-Clause */
#include "layout.h"
#include "../lib/conn_index.h"
#include "../lib/ring.h"

/* Reserves n bytes at a page of their own, so that no line or page is shared by accident. */
static uint64_t layout_take(uint64_t *end, uint64_t n)
{
	uint64_t at = (*end + 4095) & ~UINT64_C(4095);

	*end = at + n;
	return at;
}

void layout_make(const struct config *c, struct region *r)
{
	uint64_t end = sizeof(*r);
	uint32_t i;

	r->n_workers = c->dataplane.n_workers;
	/* As many as there may be, here and below: a reload can add some. */
	r->port_info = layout_take(&end, sizeof(struct ctl_port_info) * CTL_PORTS_MAX);
	r->xstats = layout_take(&end, sizeof(struct ctl_xstats) * CTL_PORTS_MAX);
	r->n_certs = CONFIG_CERTIFICATES_MAX;
	r->cert_info = layout_take(&end, sizeof(struct ctl_cert_info) * CONFIG_CERTIFICATES_MAX);
	for (i = 0; i < r->n_workers; i++) {
		struct ctl_worker *w = &r->worker[i];

		w->cmd_slots = w->evt_slots = c->dataplane.ring_slots;
		w->cmd_ring = layout_take(&end, ring_bytes(w->cmd_slots));
		w->evt_ring = layout_take(&end, ring_bytes(w->evt_slots));
		w->counters = layout_take(&end, sizeof(struct ctl_counters));
		w->ports = layout_take(&end, sizeof(struct ctl_port_counters) * CTL_PORTS_MAX);
		w->conns_max = c->tcp.connections + config_associations(c);
		w->conns = layout_take(&end, sizeof(struct ctl_conn_info) * w->conns_max);
		w->by_addr =
		    layout_take(&end, sizeof(struct ctl_conn_bucket) * conn_buckets(w->conns_max));
		w->trace = layout_take(&end, ring_bytes(CTL_TRACE_SLOTS));
		w->use = layout_take(&end, sizeof(struct ctl_use) * c->dataplane.sessions);
		w->gate_use =
		    layout_take(&end, sizeof(struct ctl_context_use) * c->gateway.contexts);
		w->cpu = c->dataplane.workers[i];
		w->sessions_max = c->dataplane.sessions;
		w->peers_max = c->dataplane.peers;
		w->contexts_max = c->gateway.contexts;
	}
	r->size = (end + 4095) & ~UINT64_C(4095);
}

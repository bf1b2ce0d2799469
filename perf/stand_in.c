/* SPDX-License-Identifier: BSD-3-Clause */
#include "stand_in.h"

#include "../lib/conn_index.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t place(uint64_t *end, uint64_t n)
{
	uint64_t at = (*end + 4095) & ~UINT64_C(4095);

	*end = at + n;
	return at;
}

static uint64_t layout(struct region *r, const struct config *c)
{
	struct ctl_worker *w = &r->worker[0];
	uint32_t slots = c->dataplane.ring_slots;
	uint64_t end = sizeof(*r);

	r->port_info = place(&end, 1);
	r->xstats = place(&end, 1);
	r->n_certs = CONFIG_CERTIFICATES_MAX;
	r->cert_info = place(&end, sizeof(struct ctl_cert_info) * r->n_certs);
	w->cmd_slots = w->evt_slots = slots;
	w->cmd_ring = place(&end, ring_bytes(slots));
	w->evt_ring = place(&end, ring_bytes(slots));
	w->trace = place(&end, ring_bytes(CTL_TRACE_SLOTS));
	w->counters = place(&end, sizeof(struct ctl_counters));
	w->ports = place(&end, 1);
	w->conns_max = c->tcp.connections;
	w->conns = place(&end, sizeof(struct ctl_conn_info) * w->conns_max);
	w->by_addr = place(&end, sizeof(struct ctl_conn_bucket) * conn_buckets(w->conns_max));
	w->sessions_max = c->dataplane.sessions;
	w->contexts_max = c->gateway.contexts;
	w->use = place(&end, sizeof(struct ctl_use) * w->sessions_max);
	return (end + 4095) & ~UINT64_C(4095);
}

bool stand_in_open(struct stand_in *dp, const struct config *c)
{
	struct region r = { .magic = CTL_ABI_MAGIC,
			    .abi_version = CTL_ABI_VERSION,
			    .n_workers = 1 };
	const struct ctl_worker *w = &r.worker[0];

	for (uint16_t i = 0; i < c->n_listener; i++)
		r.listener[i] = (struct ctl_listener){ c->listener[i].addr,
						       (uint16_t)c->listener[i].transport };
	r.n_listener = c->n_listener;
	for (uint16_t i = 0; i < c->n_relay; i++)
		r.relay[i] = (struct ctl_relay_place){ c->relay[i].addr, c->relay[i].owner };
	r.n_relay = c->n_relay;
	for (uint16_t i = 0; i < c->n_domain; i++)
		memcpy(r.domain[i].name, c->domain[i].name, CTL_NAME_MAX);
	r.n_domain = c->n_domain;
	r.size = dp->size = layout(&r, c);
	dp->memfd = memfd_create("stand-in", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	dp->wake_cp = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (dp->memfd < 0 || dp->wake_cp < 0 || ftruncate(dp->memfd, (off_t)dp->size) ||
	    fcntl(dp->memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW))
		return false;
	dp->base =
	    mmap(NULL, dp->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, dp->memfd, 0);
	if (dp->base == MAP_FAILED)
		return false;
	memcpy(dp->base, &r, sizeof(r));
	dp->use = (struct ctl_use *)(dp->base + w->use);
	return ring_attach_reader(&dp->cmd, (struct ring_shm *)(dp->base + w->cmd_ring),
				  w->cmd_slots) &&
	       ring_attach_writer(&dp->evt, (struct ring_shm *)(dp->base + w->evt_ring),
				  w->evt_slots);
}

void stand_in_answer(struct stand_in *dp, const struct ctl_hdr *h)
{
	struct ctl_hdr *e;

	if (h->type != CMD_AUDIT && h->type != CMD_SYNC_END)
		return;
	e = (struct ctl_hdr *)ring_slot(&dp->evt, 0);
	*e =
	    (struct ctl_hdr){ h->type == CMD_AUDIT ? EVT_AUDITED : EVT_SYNCED, sizeof(*e), h->seq };
	ring_publish(&dp->evt, 1);
}

void stand_in_obey(struct stand_in *dp)
{
	const int n = ring_count(&dp->cmd, 1);

	for (int i = 0; i < n; i++)
		stand_in_answer(dp, (const struct ctl_hdr *)ring_peek(&dp->cmd, (uint32_t)i));
	if (n > 0)
		ring_release(&dp->cmd, (uint32_t)n);
}

void stand_in_resident(uint64_t *heap, uint64_t *shared)
{
	unsigned long long kb;
	char line[128];
	FILE *f = fopen("/proc/self/status", "re");

	*heap = *shared = 0;
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "RssAnon: %llu", &kb) == 1)
			*heap = kb * 1024;
		else if (sscanf(line, "RssShmem: %llu", &kb) == 1 ||
			 sscanf(line, "RssFile: %llu", &kb) == 1)
			*shared += kb * 1024;
	}
	if (f)
		fclose(f);
}

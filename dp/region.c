/* SPDX-License-Identifier: BSD-3-Clause */
#include "region.h"

#include <fcntl.h>
#include <rte_cycles.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* Reserves n bytes at a page of their own, so that no line or page is shared by accident. */
static uint64_t region_take(uint64_t *end, uint64_t n)
{
	uint64_t at = (*end + 4095) & ~UINT64_C(4095);

	*end = at + n;
	return at;
}

static void region_layout(const struct config *c, struct region *r)
{
	uint64_t end = sizeof(*r);
	uint32_t i;

	r->n_workers = c->dataplane.n_workers;
	r->n_ports = c->n_port;
	r->port_info = region_take(&end, sizeof(struct ctl_port_info) * c->n_port);
	r->xstats = region_take(&end, sizeof(struct ctl_xstats) * c->n_port);
	r->n_certs = c->n_certificate;
	r->cert_info = region_take(&end, sizeof(struct ctl_cert_info) * c->n_certificate);
	for (i = 0; i < r->n_workers; i++) {
		struct ctl_worker *w = &r->worker[i];

		w->cmd_slots = w->evt_slots = c->dataplane.ring_slots;
		w->cmd_ring = region_take(&end, ring_bytes(w->cmd_slots));
		w->evt_ring = region_take(&end, ring_bytes(w->evt_slots));
		w->counters = region_take(&end, sizeof(struct ctl_counters));
		w->ports = region_take(&end, sizeof(struct ctl_port_counters) * c->n_port);
		w->conns = region_take(&end, sizeof(struct ctl_conn_info) * c->tcp.connections);
		w->conns_max = c->tcp.connections;
		w->trace = region_take(&end, ring_bytes(CTL_TRACE_SLOTS));
		w->cpu = c->dataplane.workers[i];
		w->sessions_max = c->dataplane.sessions;
		w->peers_max = c->dataplane.peers;
		w->contexts_max = c->gateway.contexts;
	}
	r->size = (end + 4095) & ~UINT64_C(4095);
}

int region_create(struct dplane *dp, char *err, size_t errlen)
{
	struct timespec now;
	struct region r = { .magic = CTL_ABI_MAGIC,
			    .abi_version = CTL_ABI_VERSION,
			    .pid = (uint32_t)getpid(),
			    .config_digest = config_digest(dp->conf) };
	int fd = memfd_create("fairlead", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *base;

	region_layout(dp->conf, &r);
	clock_gettime(CLOCK_MONOTONIC, &now);
	r.start_time = (uint64_t)now.tv_sec;
	r.tsc_hz = rte_get_tsc_hz();
	if (fd < 0 || ftruncate(fd, (off_t)r.size) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0 ||
	    getrandom(&r.generation, sizeof(r.generation), 0) != sizeof(r.generation))
		goto fail;
	base = mmap(NULL, r.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		goto fail;
	memset(base, 0, r.worker[0].cmd_ring);
	memcpy(base, &r, sizeof(r));
	dp->region = base;
	dp->region_size = r.size;
	dp->port_info = r.port_info;
	dp->xstats = r.xstats;
	dp->cert_info = r.cert_info;
	return fd;
fail:
	snprintf(err, errlen,
		 "%s: dataplane.ring-slots: cannot make the shared region of %llu bytes: %m",
		 dp->conf->file, (unsigned long long)r.size);
	if (fd >= 0)
		close(fd);
	return -1;
}

void region_touch(const struct dplane *dp, uint16_t worker)
{
	const struct region *r = dp->region;
	uint64_t at = r->worker[worker].cmd_ring;
	uint64_t end = worker + 1u < r->n_workers ? r->worker[worker + 1].cmd_ring : r->size;

	memset((uint8_t *)dp->region + at, 0, end - at);
}

void region_destroy(struct dplane *dp, int fd)
{
	if (dp->region)
		munmap(dp->region, dp->region_size);
	dp->region = NULL;
	if (fd >= 0)
		close(fd);
}

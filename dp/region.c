/* SPDX-License-Identifier: BSD-3-Clause */
#include "region.h"
#include "../conf/layout.h"

#include <fcntl.h>
#include <rte_cycles.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* Memory that both processes map, and neither can cut off below the other; -1: err tells. */
static int shared_memory(const struct config *c, uint64_t size, char *err, size_t errlen)
{
	int fd = memfd_create("fairlead", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		snprintf(err, errlen,
			 "%s: dataplane: the kernel gives no memory to share with fairlead-cp "
			 "(memfd_create of Linux 3.17 or later, or a filter forbids it): %m",
			 c->file);
	else if (ftruncate(fd, (off_t)size) < 0)
		snprintf(err, errlen,
			 "%s: dataplane.ring-slots: cannot make the shared region of %ju bytes: %m",
			 c->file, (uintmax_t)size);
	else if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		snprintf(err, errlen,
			 "%s: dataplane: the kernel seals no shared memory (F_ADD_SEALS of Linux "
			 "3.17 or later): %m",
			 c->file);
	else
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

int region_create(struct dplane *dp, char *err, size_t errlen)
{
	struct timespec now;
	struct region r = { .magic = CTL_ABI_MAGIC,
			    .abi_version = CTL_ABI_VERSION,
			    .pid = (uint32_t)getpid(),
			    .config_digest = config_digest(dp->conf) };
	void *base;
	int fd;

	layout_make(dp->conf, &r);
	clock_gettime(CLOCK_MONOTONIC, &now);
	r.start_time = (uint64_t)now.tv_sec;
	r.tsc_hz = rte_get_tsc_hz();
	if (getrandom(&r.generation, sizeof(r.generation), 0) != sizeof(r.generation) ||
	    getrandom(&r.conn_key, sizeof(r.conn_key), 0) != sizeof(r.conn_key)) {
		snprintf(err, errlen, "the system gives no random numbers: %m");
		return -1;
	}
	fd = shared_memory(dp->conf, r.size, err, errlen);
	if (fd < 0)
		return -1;
	base = mmap(NULL, r.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED) {
		snprintf(err, errlen,
			 "%s: dataplane.ring-slots: cannot map the shared region of %ju bytes: %m",
			 dp->conf->file, (uintmax_t)r.size);
		close(fd);
		return -1;
	}
	memset(base, 0, r.worker[0].cmd_ring);
	memcpy(base, &r, sizeof(r));
	dp->region = base;
	dp->region_size = r.size;
	dp->port_info = r.port_info;
	dp->xstats = r.xstats;
	dp->cert_info = r.cert_info;
	dp->conn_key = r.conn_key;
	region_places(dp, dp->conf);
	return fd;
}

static void listeners_tell(struct dplane *dp, const struct config *c)
{
	struct region *r = dp->region;
	const uint16_t n = listener_places(c);

	for (uint16_t i = dp->n_told; i < n; i++) {
		const struct listener_place l = listener_place(c, i);

		r->listener[i].addr = l.addr;
		r->listener[i].transport = l.transport;
	}
	dp->n_told = n;
	atomic_store_explicit(&r->n_listener, n, memory_order_release);
}

/* Of a port that comes later than the start nobody is told before the service thread has looked. */
static void port_hide(struct dplane *dp, uint16_t i)
{
	struct ctl_port_info *p =
	    region_at(dp->region, dp->region_size, dp->port_info + i * sizeof(*p), sizeof(*p),
		      alignof(struct ctl_port_info));

	if (p)
		p->gone = 1;
}

static void ports_tell(struct dplane *dp, const struct config *c)
{
	struct region *r = dp->region;

	for (uint16_t i = 0; i < c->n_port; i++) {
		memcpy(r->port[i].name, c->port[i].name, sizeof(r->port[i].name));
		r->port[i].vlan = c->port[i].vlan;
		r->port[i].mtu = c->port[i].mtu;
		if (r->n_ports && i >= r->n_ports)
			port_hide(dp, i);
	}
	atomic_store_explicit(&r->n_ports, c->n_port, memory_order_release);
}

/* Those that were told already are told as they are. */
void region_places(struct dplane *dp, const struct config *c)
{
	struct region *r = dp->region;

	listeners_tell(dp, c);
	for (uint16_t i = 0; i < c->n_relay; i++)
		r->relay[i] = (struct ctl_relay_place){ c->relay[i].addr, c->relay[i].owner };
	atomic_store_explicit(&r->n_relay, c->n_relay, memory_order_release);
	ports_tell(dp, c);
	for (uint16_t i = 0; i < c->n_domain; i++)
		memcpy(r->domain[i].name, c->domain[i].name, sizeof(r->domain[i].name));
	atomic_store_explicit(&r->n_domain, c->n_domain, memory_order_release);
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

/* SPDX-License-Identifier: BSD-3-Clause */
#include "needs.h"
#include "metrics.h"
#include "../context/context_table.h"
#include "../h248/mg.h"
#include "../ports.h"
#include "../session_rate.h"
#include "../table.h"
#include "../../conf/footprint.h"
#include "../../conf/layout.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

enum { HUGEPAGE_MB = 2 };

/* Rounded up: half of one is one. */
static uint64_t mb_of(uint64_t bytes)
{
	return (bytes + (1 << 20) - 1) >> 20;
}

static void memory_tell(const struct config *c, FILE *out)
{
	const struct config_dataplane *d = &c->dataplane;
	struct footprint_part part[FOOTPRINT_PARTS_MAX];
	unsigned n = footprint(c, part);
	uint64_t all = 0;

	fprintf(out, "dataplane.memory-mb: %u MiB", d->memory_mb);
	if (d->hugepages != HUGEPAGES_NO)
		fprintf(out, ", which are %u huge pages of 2 MiB",
			(d->memory_mb + HUGEPAGE_MB - 1) / HUGEPAGE_MB);
	fprintf(out, ", for\n");
	for (unsigned i = 0; i < n; i++) {
		fprintf(out, "  %6" PRIu64 " MiB  %s (%s)\n", mb_of(part[i].bytes), part[i].name,
			part[i].key);
		all += part[i].bytes;
	}
	if (mb_of(all) + FOOTPRINT_DRIVERS_MB > d->memory_mb)
		fprintf(out,
			"warning: dataplane.memory-mb: these are %" PRIu64
			" MiB, and drivers need some, too: %" PRIu64 " would do\n",
			mb_of(all), footprint_memory_mb(all));
}

/*
 * Not of DPDK's memory. What either process takes as it needs it is libraries' for the most part:
 * doc/deploy.md has what was measured.
 */
static void files_tell(const struct config *c, FILE *out)
{
	struct region r = { 0 };

	layout_make(c, &r);
	fprintf(
	    out,
	    "beside it, of the system's memory, what both processes share and files in memory\n");
	fprintf(out,
		"  %6" PRIu64
		" MiB  rings, counters, lists of connections (dataplane.ring-slots)\n",
		mb_of(r.size));
	fprintf(out, "  %6" PRIu64 " MiB  allocations (control.state)\n",
		mb_of(table_file_size(c)));
	if (c->gateway.contexts)
		fprintf(out, "  %6" PRIu64 " MiB  contexts (control.contexts)\n",
			mb_of(context_file_size(c)));
	if (c->gateway.contexts && c->gateway.n_h248_controller)
		fprintf(out,
			"  %6" PRIu64 " MiB  transactions of H.248 (control.contexts, beside it)\n",
			mb_of(mg_file_size(c)));
	fprintf(out,
		"and each process' own: programs, libraries and stacks were 16 to 40 MiB each "
		"(doc/deploy.md; fairlead status), handshakes and controllers take more, and\n");
	fprintf(out,
		"  %6" PRIu64
		" MiB  allocations, in fairlead-cp (turn.allocations-max, dataplane.peers, "
		"relays)\n",
		mb_of(table_memory_size(c) + ports_memory_size(c) +
		      session_rates_memory_size(c->turn.allocations_max)));
}

static void buffers_tell(const struct config *c, FILE *out)
{
	const struct config_dataplane *d = &c->dataplane;

	fprintf(out,
		"dataplane.mbufs: %" PRIu64 " packet buffers on %u worker%s; each needs %" PRIu64
		" of its %u if every device has a queue for it\n",
		(uint64_t)d->mbufs * d->n_workers, d->n_workers, d->n_workers > 1 ? "s" : "",
		config_mbufs_needed(c, d->n_workers), d->mbufs);
}

/* An allocation takes a port at least, of one family or the other. */
static void ports_tell(const struct config *c, FILE *out)
{
	uint64_t v4 = 0, v6 = 0;

	for (const struct config_relay *a = c->relay; a < c->relay + c->n_relay; a++) {
		uint64_t n = a->turn ? a->port_max - a->port_min + 1u : 0;

		*(ip_is_v4(&a->addr) ? &v4 : &v6) += n;
	}
	fprintf(out,
		"relays: %" PRIu64 " relayed ports of IPv4 and %" PRIu64
		" of IPv6 for turn.allocations-max, %u\n",
		v4, v6, c->turn.allocations_max);
	if (v4 + v6 < c->turn.allocations_max)
		fprintf(out,
			"warning: turn.allocations-max: beyond %" PRIu64
			" allocations no port is left: give relays more ports or addresses\n",
			v4 + v6);
}

/* What reloads may add, of ports of devices that have VLANs. */
static void vlans_tell(const struct config *c, FILE *out)
{
	unsigned devices = 0;

	for (uint16_t i = 0; i < c->n_port; i++)
		devices += !c->port[i].shares && config_device(c, i).tagged;
	if (devices)
		fprintf(out, "ports: %u of %u places; reloads may add %u VLANs to %u device%s\n",
			c->n_port, CTL_PORTS_MAX, CTL_PORTS_MAX - c->n_port, devices,
			devices > 1 ? "s" : "");
	else
		fprintf(out,
			"ports: %u of %u places; no device has a VLAN, so reloads can add none\n",
			c->n_port, CTL_PORTS_MAX);
}

/* Others may check a configuration than run it, so only what is not there is told. */
static void file_tell(const char *key, unsigned i, const char *path, FILE *out)
{
	if (access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
		fprintf(out, "warning: certificates[%u].%s: %s is not there yet\n", i, key, path);
}

static void certificates_tell(const struct config *c, FILE *out)
{
	for (unsigned i = 0; i < c->n_certificate; i++) {
		file_tell("chain", i, c->certificate[i].chain, out);
		file_tell("key", i, c->certificate[i].key, out);
	}
}

static void connections_tell(const struct config *c, FILE *out)
{
	const uint32_t tcp = c->tcp.connections, tls = c->tls.connections;

	fprintf(out, "tcp.connections: %" PRIu64 " on all workers",
		(uint64_t)tcp * c->dataplane.n_workers);
	if (config_has_tls(c))
		fprintf(out, ", of which %" PRIu64 " may be TLS (tls.connections)",
			(uint64_t)(tls < tcp ? tls : tcp) * c->dataplane.n_workers);
	fprintf(out, "\n");
}

void needs_tell(const struct config *c, FILE *out)
{
	memory_tell(c, out);
	files_tell(c, out);
	buffers_tell(c, out);
	ports_tell(c, out);
	vlans_tell(c, out);
	connections_tell(c, out);
	if (c->control.metrics_port)
		fprintf(out,
			"control.metrics-port: /metrics has %u series, and what drivers count\n",
			metrics_series(c));
	if (config_has_tls(c))
		certificates_tell(c, out);
}

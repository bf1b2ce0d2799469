/* SPDX-License-Identifier: BSD-3-Clause */
#include "needs.h"

#include <inttypes.h>

enum { HUGEPAGE_MB = 2 };

static void memory_tell(const struct config *c, FILE *out)
{
	const struct config_dataplane *d = &c->dataplane;

	fprintf(out, "dataplane.memory-mb: %u MiB", d->memory_mb);
	if (d->hugepages != HUGEPAGES_NO)
		fprintf(out, ", which are %u huge pages of 2 MiB",
			(d->memory_mb + HUGEPAGE_MB - 1) / HUGEPAGE_MB);
	fprintf(out, "\n");
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

void needs_tell(const struct config *c, FILE *out)
{
	memory_tell(c, out);
	ports_tell(c, out);
	fprintf(out, "tcp.connections: %" PRIu64 " on all workers",
		(uint64_t)c->tcp.connections * c->dataplane.n_workers);
	if (config_has_tls(c))
		fprintf(out, ", of which %" PRIu64 " may be TLS (tls.connections)",
			(uint64_t)c->tls.connections * c->dataplane.n_workers);
	fprintf(out, "\n");
}

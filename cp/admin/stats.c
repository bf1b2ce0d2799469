/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads counters out of the shared region: atomic, copied before use, strings bounded. */
#include "stats.h"

#include "../cert_info.h"

#include <string.h>

enum { SEQ_TRIES = 1000 }; /* a writer needs a microsecond; one that died never ends */

static uint64_t load(const _Atomic uint64_t *p)
{
	return atomic_load_explicit(p, memory_order_relaxed);
}

const char *const stats_handshake[CTL_HANDSHAKES] = { "tls", "dtls" };

/* per_us: what the sum has for a microsecond. */
static void times_load(const struct ctl_times *t, double per_us, struct histogram *out)
{
	for (int i = 0; i < HISTOGRAM_CLASSES; i++)
		out->n[i] = load(&t->n[i]);
	out->sum_us = per_us > 0 ? (uint64_t)((double)load(&t->sum) / per_us) : 0;
}

bool stats_worker(const struct dplink *l, uint32_t worker, struct stats_counters *out)
{
	const struct ctl_counters *c = dplink_counters(l, worker);

	memset(out, 0, sizeof(*out));
	if (!c)
		return false;
	for (int i = 0; i < CNT_MAX; i++)
		out->cnt[i] = load(&c->cnt[i]);
	for (int i = 0; i < DROP_MAX; i++)
		out->drop[i] = load(&c->drop[i]);
	for (int i = 0; i < TCP_END_MAX; i++)
		out->end[i] = load(&c->end[i]);
	for (int i = 0; i < STAGE_MAX; i++)
		out->stage[i] =
		    (struct stats_stage){ load(&c->stage[i].cycles), load(&c->stage[i].calls),
					  load(&c->stage[i].items) };
	times_load(&c->turn, (double)dplink_region(l)->tsc_hz / 1e6, &out->turn);
	for (int i = 0; i < CTL_HANDSHAKES; i++)
		times_load(&c->handshake[i], 1, &out->handshake[i]);
	for (int i = 0; i < CTL_BATCHES; i++) {
		out->rx_burst[i] = load(&c->rx_burst[i]);
		out->tx_batch[i] = load(&c->tx_batch[i]);
	}
	for (int q = 0; q < QUALITIES; q++) {
		out->quality_sum[q] = load(&c->quality_sum[q]);
		for (int i = 0; i < QUALITY_CLASSES; i++)
			out->quality[q][i] = load(&c->quality[q][i]);
	}
	return true;
}

void stats_add(struct stats_counters *sum, const struct stats_counters *c)
{
	for (int i = 0; i < CNT_MAX; i++)
		sum->cnt[i] += c->cnt[i];
	for (int i = 0; i < DROP_MAX; i++)
		sum->drop[i] += c->drop[i];
	for (int i = 0; i < TCP_END_MAX; i++)
		sum->end[i] += c->end[i];
}

bool stats_port(const struct dplink *l, uint32_t worker, uint32_t port, struct stats_port *out)
{
	const struct ctl_port_counters *p = dplink_port_counters(l, worker, port);

	memset(out, 0, sizeof(*out));
	if (!p)
		return false;
	out->rx_packets = load(&p->rx_packets);
	out->rx_bytes = load(&p->rx_bytes);
	out->tx_packets = load(&p->tx_packets);
	out->tx_bytes = load(&p->tx_bytes);
	out->tx_full = load(&p->tx_full);
	return true;
}

static void terminate(struct ctl_port_info *p)
{
	p->name[sizeof(p->name) - 1] = '\0';
	p->driver[sizeof(p->driver) - 1] = '\0';
	p->steering[sizeof(p->steering) - 1] = '\0';
	p->offloads[sizeof(p->offloads) - 1] = '\0';
	p->bursts[sizeof(p->bursts) - 1] = '\0';
	p->members[sizeof(p->members) - 1] = '\0';
}

bool stats_port_gone(const struct dplink *l, uint32_t port)
{
	struct ctl_port_info info;

	return stats_port_info(l, port, &info) && info.gone;
}

bool stats_port_info(const struct dplink *l, uint32_t port, struct ctl_port_info *out)
{
	const struct ctl_port_info *p = dplink_port_info(l, port);

	for (int i = 0; p && i < SEQ_TRIES; i++) {
		uint32_t seq = atomic_load_explicit(&p->seq, memory_order_acquire);

		if (seq & 1)
			continue;
		memcpy(out, p, sizeof(*out));
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&p->seq, memory_order_relaxed) == seq) {
			terminate(out);
			return true;
		}
	}
	memset(out, 0, sizeof(*out));
	return false;
}

bool stats_xstats(const struct dplink *l, uint32_t port, struct ctl_xstats *out)
{
	const struct ctl_xstats *x = dplink_xstats(l, port);

	for (int i = 0; x && i < SEQ_TRIES; i++) {
		uint32_t seq = atomic_load_explicit(&x->seq, memory_order_acquire);

		if (seq & 1)
			continue;
		memcpy(out, x, sizeof(*out));
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&x->seq, memory_order_relaxed) != seq)
			continue;
		if (out->n > CTL_XSTATS_MAX)
			out->n = CTL_XSTATS_MAX;
		for (uint32_t k = 0; k < out->n; k++)
			out->stat[k].name[CTL_XSTAT_NAME - 1] = '\0';
		return true;
	}
	memset(out, 0, sizeof(*out));
	return false;
}

bool stats_cert(const struct dplink *l, uint32_t cert, struct ctl_cert_info *out)
{
	return cert_info_copy(dplink_cert_info(l, cert), out);
}

bool stats_bugs(const struct dplink *l, struct ctl_bugs *out)
{
	const struct region *r = dplink_region(l);

	for (int i = 0; r && i < SEQ_TRIES; i++) {
		uint32_t seq = atomic_load_explicit(&r->bugs.seq, memory_order_acquire);

		if (seq & 1)
			continue;
		memcpy(out, &r->bugs, sizeof(*out));
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&r->bugs.seq, memory_order_relaxed) != seq)
			continue;
		out->n = out->n < CTL_BUGS_MAX ? out->n : CTL_BUGS_MAX;
		for (uint32_t n = 0; n < out->n; n++) {
			out->site[n].where[sizeof(out->site[n].where) - 1] = '\0';
			out->site[n].expr[sizeof(out->site[n].expr) - 1] = '\0';
		}
		return true;
	}
	memset(out, 0, sizeof(*out));
	return false;
}

uint64_t stats_bugs_total(const struct dplink *l)
{
	struct ctl_bugs b;

	stats_bugs(l, &b);
	return b.total;
}

struct memory_use stats_memory(const struct dplink *l)
{
	const struct region *r = dplink_region(l);
	const struct ctl_memory *m = r ? &r->memory : NULL;

	if (!m)
		return (struct memory_use){ 0 };
	return (struct memory_use){
		.allocated = atomic_load_explicit(&m->allocated, memory_order_relaxed),
		.active = atomic_load_explicit(&m->active, memory_order_relaxed),
		.resident = atomic_load_explicit(&m->resident, memory_order_relaxed),
		.retained = atomic_load_explicit(&m->retained, memory_order_relaxed),
	};
}

struct process_use stats_process(const struct dplink *l)
{
	const struct region *r = dplink_region(l);
	const struct ctl_process *p = r ? &r->process : NULL;

	if (!p)
		return (struct process_use){ 0 };
	return (struct process_use){
		.cpu_s = (double)atomic_load_explicit(&p->cpu_us, memory_order_relaxed) / 1e6,
		.virtual_bytes = atomic_load_explicit(&p->virtual_bytes, memory_order_relaxed),
		.resident_bytes = atomic_load_explicit(&p->resident_bytes, memory_order_relaxed),
		.fds = atomic_load_explicit(&p->fds, memory_order_relaxed),
		.fds_max = atomic_load_explicit(&p->fds_max, memory_order_relaxed),
		.threads = atomic_load_explicit(&p->threads, memory_order_relaxed),
	};
}

_Static_assert(CNT_TCP_TIME_WAIT - CNT_TCP_CLOSED == TCP_TIME_WAIT, "gauges in order of states");

uint64_t stats_tcp_state(const struct stats_counters *c, enum tcp_state s)
{
	return c->cnt[CNT_TCP_CLOSED + s];
}

uint64_t stats_tcp_conns(const struct stats_counters *c)
{
	uint64_t sum = 0;

	for (int s = TCP_CLOSED; s < TCP_TIME_WAIT; s++)
		sum += stats_tcp_state(c, (enum tcp_state)s);
	return sum;
}

bool stats_is_tcp(enum counter c)
{
	return strncmp(counter_desc[c].name, "tcp_", 4) == 0;
}

bool stats_is_tls(enum counter c)
{
	return strncmp(counter_desc[c].name, "tls_", 4) == 0;
}

bool stats_is_gauge(enum counter c)
{
	return stats_help(c) != counter_desc[c].help;
}

const char *stats_help(enum counter c)
{
	static const char mark[] = "gauge: "; /* begins the help of gauges in counter.def */
	const char *help = counter_desc[c].help;

	return strncmp(help, mark, sizeof(mark) - 1) == 0 ? help + sizeof(mark) - 1 : help;
}

struct stats_account stats_account(const struct stats_counters *c)
{
	struct stats_account a = {
		.rx = c->cnt[CNT_RX],
		.made = c->cnt[CNT_MADE],
		.handover_in = c->cnt[CNT_HANDOVER_IN],
		.tx = c->cnt[CNT_TX],
		.consumed = c->cnt[CNT_CONSUMED],
		.handover_out = c->cnt[CNT_HANDOVER_OUT],
		.held = c->cnt[CNT_HELD],
	};

	for (int i = 0; i < DROP_MAX; i++)
		a.dropped += c->drop[i];
	a.difference = (int64_t)(a.rx + a.made + a.handover_in - a.tx - a.consumed - a.dropped -
				 a.handover_out - a.held);
	return a;
}

const char *stats_severity(enum severity s)
{
	static const char *const name[] = { "info", "warn", "error" };

	return name[s];
}

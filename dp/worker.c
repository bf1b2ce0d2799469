/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker.h"
#include "audit.h"
#include "boundary.h"
#include "clock.h"
#include "cmd.h"
#include "dispatch.h"
#include "handover.h"
#include "loop.h"
#include "rate.h"
#include "rx.h"
#include "stage.h"
#include "trace.h"
#include "tx.h"
#include "gateway/context.h"
#include "net/ip.h"
#include "net/neigh.h"
#include "tcp/tcp.h"
#include "tls/tls.h"
#include "turn/leg.h"
#include "turn/forward.h"

#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_pause.h>
#include <sys/prctl.h>
#include <time.h>

enum { SWEEP_BUDGET = 256, PRUNE_BUDGET = 512, CLOCK_US = 500 };

/* ---- life ---- */

/*
 * Packet buffers. Side by side, across pages, where addresses are virtual: AF_XDP counts on that
 * (pool_is_dense() in port.c), and ordinary pages would hold one each. Devices that want physical
 * addresses want each buffer in one page.
 */
static struct rte_mempool *mbufs_create(const char *name, uint32_t n)
{
	const uint32_t flags =
	    rte_eal_iova_mode() == RTE_IOVA_VA ? RTE_MEMPOOL_F_NO_IOVA_CONTIG : 0;
	struct rte_mempool *p = rte_mempool_create_empty(
	    name, n, sizeof(struct rte_mbuf) + RTE_MBUF_DEFAULT_BUF_SIZE, 256,
	    sizeof(struct rte_pktmbuf_pool_private), SOCKET_ID_ANY, flags);

	if (!p)
		return NULL;
	if (rte_mempool_set_ops_byname(p, rte_mbuf_best_mempool_ops(), NULL) == 0) {
		rte_pktmbuf_pool_init(p, NULL);
		if (rte_mempool_populate_default(p) >= 0) {
			rte_mempool_obj_iter(p, rte_pktmbuf_init, NULL);
			return p;
		}
	}
	rte_mempool_free(p);
	return NULL;
}

static bool worker_pools(struct worker *w, char *err, size_t errlen)
{
	const struct config_dataplane *c = &w->dp->conf->dataplane;
	char name[RTE_MEMPOOL_NAMESIZE];

	snprintf(name, sizeof(name), "mbufs%u", w->id);
	w->pool = mbufs_create(name, c->mbufs);
	w->tx.handover = rte_zmalloc("handover", sizeof(*w->tx.handover) * w->dp->n_workers, 64);
	w->binding_rate = rate_create(c->binding_rate);
	if (w->pool && w->tx.handover && w->binding_rate && trace_create(w))
		return true;
	snprintf(err, errlen,
		 "%s: dataplane.memory-mb: %u MB are too few for worker %u with %u packet buffers",
		 w->dp->conf->file, c->memory_mb, w->id, c->mbufs);
	return false;
}

struct worker *worker_create(struct dplane *dp, uint16_t id, char *err, size_t errlen)
{
	struct worker *w = rte_zmalloc("worker", sizeof(*w), RTE_CACHE_LINE_SIZE);

	if (!w) {
		snprintf(err, errlen, "%s: dataplane.memory-mb: too small for worker %u",
			 dp->conf->file, id);
		return NULL;
	}
	w->dp = dp;
	w->id = id;
	w->n_ports = dp->n_ports;
	w->ip_id = (uint16_t)(dp->hash_key[0] + id);
	w->boundary.layout = dp->region->worker[id];
	w->boundary.rings_ok = boundary_attach(w);
	if (!worker_pools(w, err, errlen) || !rx_create(w, err, errlen) ||
	    !net_create(w, err, errlen) || !audit_create(w, err, errlen) ||
	    !turn_create(w, err, errlen) || !gate_create(w, err, errlen) ||
	    !tcp_create(w, err, errlen) || !tls_create(w, err, errlen)) {
		worker_free(w);
		return NULL;
	}
	tcp_listen(w, dispatch_accept);
	return w;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	if (w->tcp)
		punt_queue_clear(w);
	tcp_destroy(w);
	tls_destroy(w);
	gate_destroy(w);
	turn_destroy(w);
	net_destroy(w);
	rte_free(w->binding_rate);
	rte_free(w->tx.handover);
	audit_destroy(w);
	trace_destroy(w);
	rx_destroy(w);
	rte_mempool_free(w->pool);
	rte_free(w);
}

/* ---- loop ---- */

/*
 * The time of the last mark (stage.h), by cycles from the last look at the clock (vDSO, no system
 * call), which is half a millisecond ago at most. Never goes back.
 */
static void worker_time(struct worker *w)
{
	struct timespec t;
	uint64_t us;

	if (likely(w->clock.tsc < w->clock.tsc_next)) {
		us = w->clock.us_base +
		     ((w->clock.tsc - w->clock.tsc_base) * w->dp->us_per_tsc >> 32);
		if (us > w->now_us)
			clock_set(w, us);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &t);
	us = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
	clock_set(w, RTE_MAX(us, w->now_us));
	w->clock.tsc_base = w->clock.tsc;
	w->clock.us_base = us;
	w->clock.tsc_next = w->clock.tsc + (uint64_t)(w->dp->tsc_per_us * CLOCK_US);
}

static void worker_gauges(struct worker *w)
{
	count_set(w, CNT_NEIGHBOURS, net_neighbours(w));
	count_set(w, CNT_MBUFS_FREE, rte_mempool_avail_count(w->pool));
	count_set(w, CNT_HELD, net_held(w) + tcp_held(w) + w->tx.loop.n);
}

static void worker_tick(struct worker *w)
{
	if (likely(w->now_ms < w->clock.tick_ms))
		return;
	w->clock.tick_ms = w->now_ms + NEIGH_TICK_MS;
	net_tick(w);
	tcp_tick(w);
	tls_tick(w);
	evt_lost_tell(w);
	trace_tick(w);
	session_prune(w, PRUNE_BUDGET);
	worker_gauges(w);
	stage_end(w, STAGE_HOUSEKEEPING, 1);
}

uint32_t worker_turn(struct worker *w)
{
	uint32_t n = 0;

	worker_time(w);
	n += stage_work(w, STAGE_TIMERS, tcp_timers(w));
	if (punt_queue(w)) { /* before datagrams have what room there is */
		stage_end(w, STAGE_COMMANDS, 0);
		n++;
	}
	n += rx_ports(w); /* sets marks of its own, as handover_input() and tx_flush() do */
	n += handover_input(w);
	n += stage_work(w, STAGE_LOOP, loop_input(w));
	n += stage_work(w, STAGE_COMMANDS, cmd_input(w, CMD_BUDGET));
	n += stage_work(w, STAGE_SWEEP, audit_tell(w, SWEEP_BUDGET));
	n += stage_work(w, STAGE_SWEEP, session_sweep(w, SWEEP_BUDGET));
	n += stage_work(w, STAGE_SWEEP, context_sweep(w, SWEEP_BUDGET));
	n += stage_work(w, STAGE_TLS, tls_input(w));
	n += stage_work(w, STAGE_TCP_OUTPUT, tcp_turn(w));
	if (context_tick(w))
		stage_end(w, STAGE_HOUSEKEEPING, 0);
	worker_tick(w);
	n += tx_flush(w);
	if (boundary_wake(w))
		stage_end(w, STAGE_COMMANDS, 0);
	if (n == 0)
		stage_end(w, STAGE_IDLE, 1);
	return n;
}

struct idle {
	uint32_t turns;	 /* in a row */
	uint32_t nap_us; /* the last nap */
};

/*
 * Nothing to do: spin for a while, then nap, each nap twice as long up to the configured limit.
 * A packet that comes during a nap waits for its end at most.
 */
static void worker_idle(struct worker *w, struct idle *i)
{
	struct timespec nap = { 0 };

	if (w->dp->conf->dataplane.idle == IDLE_POLL || ++i->turns < IDLE_TURNS) {
		rte_pause();
		return;
	}
	i->nap_us =
	    RTE_MIN(i->nap_us ? i->nap_us * 2 : NAP_FIRST_US, w->dp->conf->dataplane.idle_max_us);
	nap.tv_nsec = (long)i->nap_us * 1000;
	count(w, CNT_SLEEPS);
	nanosleep(&nap, NULL);
	stage_end(w, STAGE_IDLE, 0);
}

int worker_run(void *arg)
{
	struct worker *w = arg;
	struct idle idle = { 0 };

	/* The default slack of 50 us would double the shortest naps many times over. */
	prctl(PR_SET_TIMERSLACK, 1000UL);
	stage_start(w);
	while (!atomic_load_explicit(&w->dp->stop, memory_order_relaxed)) {
		uint32_t n = worker_turn(w);

		count(w, CNT_LOOPS);
		if (likely(n)) {
			idle = (struct idle){ 0 };
		} else {
			count(w, CNT_LOOPS_IDLE);
			worker_idle(w, &idle);
		}
	}
	tx_flush(w);
	worker_gauges(w);
	return 0;
}

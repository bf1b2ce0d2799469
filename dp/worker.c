/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker.h"
#include "snapshot.h"
#include "audit.h"
#include "boundary.h"
#include "clock.h"
#include "cmd.h"
#include "dispatch.h"
#include "handover.h"
#include "loop.h"
#include "rate.h"
#include "region.h"
#include "rx.h"
#include "stage.h"
#include "trace.h"
#include "tx.h"
#include "dtls/dtls.h"
#include "gateway/context.h"
#include "ipsec/ipsec.h"
#include "net/ip.h"
#include "net/neigh.h"
#include "tcp/tcp.h"
#include "tls/tls.h"
#include "turn/leg.h"
#include "turn/forward.h"
#include "../lib/memory.h"

#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_malloc.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_pause.h>
#include <sys/prctl.h>
#include <time.h>

enum { SWEEP_BUDGET = 256, PRUNE_BUDGET = 512, CLOCK_US = 500 };

/* ---- life ---- */

static void mbufs_free(struct rte_mempool_memhdr *part, void *zone)
{
	(void)part;
	rte_memzone_free(zone);
}

/*
 * Packet buffers. Side by side, across pages, where devices take virtual addresses: AF_XDP counts
 * on that (pool_is_dense() in port.c), and ordinary pages would hold one each. A pool crosses pages
 * only when it is told that its objects are in pieces for a device, and then tells devices that
 * they cannot use it. With virtual addresses no object is in pieces: the zone's address is the
 * device's, and the flags that say otherwise go again.
 */
static bool mbufs_side_by_side(struct rte_mempool *p)
{
	const struct rte_memzone *zone;
	size_t chunk, align;
	ssize_t size = rte_mempool_op_calc_mem_size_default(p, p->size, 0, &chunk, &align);

	if (size < 0)
		return false;
	zone = rte_memzone_reserve_aligned(p->name, (size_t)size, SOCKET_ID_ANY, 0, align);
	if (!zone)
		return false;
	if (rte_mempool_populate_iova(p, zone->addr, zone->iova, zone->len, mbufs_free,
				      (void *)(uintptr_t)zone) == (int)p->size) {
		p->flags &= ~(unsigned int)(RTE_MEMPOOL_F_NO_IOVA_CONTIG | RTE_MEMPOOL_F_NON_IO);
		return true;
	}
	if (STAILQ_EMPTY(&p->mem_list)) /* else the pool has it, and gives it back */
		rte_memzone_free(zone);
	return false;
}

/* Devices that want physical addresses want each buffer in one page. */
static struct rte_mempool *mbufs_create(const char *name, uint32_t n)
{
	const bool virtual = rte_eal_iova_mode() == RTE_IOVA_VA;
	struct rte_mempool *p =
	    rte_mempool_create_empty(name, n, sizeof(struct rte_mbuf) + RTE_MBUF_DEFAULT_BUF_SIZE,
				     256, sizeof(struct rte_pktmbuf_pool_private), SOCKET_ID_ANY,
				     virtual ? RTE_MEMPOOL_F_NO_IOVA_CONTIG : 0);

	if (!p)
		return NULL;
	if (rte_mempool_set_ops_byname(p, rte_mbuf_best_mempool_ops(), NULL) == 0) {
		rte_pktmbuf_pool_init(p, NULL);
		if (virtual ? mbufs_side_by_side(p) : rte_mempool_populate_default(p) >= 0) {
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
	region_touch(dp, id);
	w->boundary.rings_ok = boundary_attach(w);
	if (!worker_pools(w, err, errlen) || !rx_create(w, err, errlen) ||
	    !net_create(w, err, errlen) || !audit_create(w, err, errlen) ||
	    !turn_create(w, err, errlen) || !gate_create(w, err, errlen) ||
	    !tcp_create(w, err, errlen) || !tls_create(w, err, errlen) ||
	    !dtls_create(w, err, errlen) || !ipsec_create(w, err, errlen)) {
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
	ipsec_destroy(w);
	dtls_destroy(w);
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
	/* Whoever sees it knows that the turns before are over (snapshot.h). */
	atomic_store_explicit(&w->clock.beat,
			      atomic_load_explicit(&w->clock.beat, memory_order_relaxed) + 1,
			      memory_order_release);
}

static void worker_gauges(struct worker *w)
{
	count_set(w, CNT_NEIGHBOURS, net_neighbours(w));
	count_set(w, CNT_MBUFS_FREE, rte_mempool_avail_count(w->pool));
	count_set(w, CNT_HELD, net_held(w) + tcp_held(w) + dtls_held(w) + w->tx.loop.n);
}

/* What was made of live keys, and what was found by them. */
static void worker_snapshot(struct worker *w)
{
	const uint32_t number = snapshot_number(w->dp);

	if (likely(w->snapshot == number))
		return;
	w->snapshot = number;
	rate_set(w->binding_rate, snapshot_conf(w->dp)->dataplane.binding_rate);
	turn_rates_set(w);
	net_snapshot(w);
	tcp_snapshot(w);
}

static void worker_tick(struct worker *w)
{
	if (likely(w->now_ms < w->clock.tick_ms))
		return;
	w->clock.tick_ms = w->now_ms + NEIGH_TICK_MS;
	worker_snapshot(w);
	net_tick(w);
	tcp_tick(w);
	tls_tick(w);
	dtls_tick(w);
	evt_lost_tell(w);
	trace_tick(w);
	session_prune(w, PRUNE_BUDGET);
	worker_gauges(w);
	stage_end(w, STAGE_HOUSEKEEPING, 1);
}

/* From mark to mark; what a counter that went back (stage_back()) makes of it is no time. */
static void turn_count(struct worker *w, uint64_t cycles)
{
	if (likely(cycles < UINT64_C(1) << 40))
		time_count(&w->counters->turn, cycles * w->dp->us_per_tsc >> 32, cycles);
}

uint32_t worker_turn(struct worker *w)
{
	const uint64_t begin = w->clock.tsc;
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
	if (context_tick(w) | session_use_turn(w))
		stage_end(w, STAGE_HOUSEKEEPING, 0);
	worker_tick(w);
	ipsec_tick(w);
	n += stage_work(w, STAGE_IPSEC, ipsec_flush(w));
	tx_control(w);
	n += tx_flush(w);
	if (boundary_wake(w))
		stage_end(w, STAGE_COMMANDS, 0);
	if (n == 0)
		stage_end(w, STAGE_IDLE, 1);
	else
		turn_count(w, w->clock.tsc - begin);
	return n;
}

struct idle {
	uint32_t turns;	 /* in a row */
	uint32_t nap_us; /* the last nap */
};

/*
 * The longest nap: as configured, and no longer than a ring from another worker has room for at a
 * packet a microsecond.
 */
static uint32_t nap_max_us(const struct dplane *dp)
{
	const uint32_t max = snapshot_conf(dp)->dataplane.idle_max_us;

	return dp->n_workers == 1 ? max : RTE_MIN(max, config_handover(dp->n_workers));
}

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
	i->nap_us = RTE_MIN(i->nap_us ? i->nap_us * 2 : NAP_FIRST_US, nap_max_us(w->dp));
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
	if (!memory_arena_own())
		RTE_LOG(WARNING, USER1, "worker %u has no arena of its own (memory?)\n", w->id);
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

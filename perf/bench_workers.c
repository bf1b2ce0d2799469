/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What grows with the number of workers: -w of them in one process, all turned by one thread, so
 * that no machine with as many cores is needed. Memory of one worker by what it is for, and cycles
 * of a turn of worker 0: with nothing to do, and with a burst from one other worker, which is
 * another one each turn. Nothing of what lines cost that go from core to core is in these.
 *
 * -n is of relay addresses. Rings to the control process are as long as a configuration that says
 * nothing of them has them.
 */
#include "null_worker.h"

#include "../dp/clock.h"
#include "../dp/stage.h"
#include "../dp/tx.h"

#include <rte_cycles.h>
#include <stdlib.h>

enum { RELAY_NET = 0x0b000001, RING_SLOTS = 1024, MBUFS = 4095 };

static uint16_t workers = 64;

static int cycles_cmp(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* A burst is handed over, whose packets nobody takes: what it costs to find them is timed. */
static void hand(struct worker *from, uint16_t to)
{
	struct rte_mbuf *m[BURST];

	if (rte_pktmbuf_alloc_bulk(from->pool, m, BURST) != 0)
		rte_exit(1, "bench_workers: out of packet buffers\n");
	for (uint16_t i = 0; i < BURST; i++)
		handover(from, to, m[i], HANDOVER_RX, 0);
	tx_flush(from);
}

static uint64_t turn_cycles(struct worker *w)
{
	uint64_t t = rte_rdtsc_precise();

	stage_start(w);
	worker_turn(w);
	return rte_rdtsc_precise() - t;
}

/* The median turn of worker 0; handed: each with a burst of another worker. */
static uint64_t turns(bool handed)
{
	uint64_t *cycles = calloc(null_opt.rounds, sizeof(*cycles)), median;
	uint32_t i;

	if (!cycles)
		rte_exit(1, "bench_workers: out of memory\n");
	for (i = 0; i < null_opt.rounds; i++) {
		if (handed)
			hand(null_dp.worker[1 + i % (workers - 1u)], 0);
		cycles[i] = turn_cycles(null_dp.worker[0]);
	}
	qsort(cycles, null_opt.rounds, sizeof(*cycles), cycles_cmp);
	median = cycles[null_opt.rounds / 2];
	free(cycles);
	return median;
}

/* The median of a worker's flush with one batch for another. */
static uint64_t flushes(void)
{
	uint64_t *cycles = calloc(null_opt.rounds, sizeof(*cycles)), median, t;
	struct worker *w = null_dp.worker[0];
	uint32_t i;

	if (!cycles)
		rte_exit(1, "bench_workers: out of memory\n");
	for (i = 0; i < null_opt.rounds; i++) {
		uint16_t to = (uint16_t)(1 + i % (workers - 1u));
		struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);

		if (!m)
			rte_exit(1, "bench_workers: out of packet buffers\n");
		handover(w, to, m, HANDOVER_RX, 0);
		t = rte_rdtsc_precise();
		tx_flush(w);
		cycles[i] = rte_rdtsc_precise() - t;
		worker_turn(null_dp.worker[to]);
	}
	qsort(cycles, null_opt.rounds, sizeof(*cycles), cycles_cmp);
	median = cycles[null_opt.rounds / 2];
	free(cycles);
	return median;
}

static uint64_t buffers(void)
{
	uint64_t sum = 0;

	for (uint16_t i = 0; i < workers; i++)
		sum += heap_buffers(null_dp.worker[i]);
	return sum;
}

static uint64_t rings(void)
{
	uint64_t sum = 0;

	for (uint16_t i = 0; i < workers; i++)
		for (uint16_t j = 0; j < workers; j++)
			if (null_dp.handover[i][j])
				sum += (uint64_t)rte_ring_get_memsize(null_dp.handover[i][j]->size);
	return sum;
}

static bool option_take(int opt, const char *arg)
{
	(void)opt;
	workers = (uint16_t)strtoul(arg, NULL, 0);
	return workers >= 2 && workers <= CTL_WORKERS_MAX;
}

int main(int argc, char **argv)
{
	uint64_t heap;

	null_opt.n = 16;
	null_options(argc, argv, "w:", option_take, "         [-w WORKERS, 2 to 64 (64)]\n");
	null_eal("bench_workers", 1);
	null_config(workers);
	null_conf.dataplane.mbufs = MBUFS;
	null_conf.dataplane.ring_slots = RING_SLOTS;
	for (uint32_t i = 0; i < null_opt.n; i++) {
		struct ip_addr ip = null_ip(false, RELAY_NET + i);

		null_relay(&ip, 1024, 65533);
	}
	heap = heap_used();
	null_start();
	heap = heap_used() - heap;
	printf("{\"workers\": %u, \"relays\": %u, \"heap_kb_per_worker\": %.0f, "
	       "\"handover_kb_per_worker\": %.0f, \"region_kb_per_worker\": %.0f, ",
	       workers, null_opt.n, (double)(heap - buffers()) / workers / 1024,
	       (double)rings() / workers / 1024, (double)null_dp.region_size / workers / 1024);
	printf("\"cycles_idle_turn\": %ju, ", (uintmax_t)turns(false));
	printf("\"cycles_turn_handed\": %ju, ", (uintmax_t)turns(true));
	printf("\"cycles_flush_one\": %ju}\n", (uintmax_t)flushes());
	return 0;
}

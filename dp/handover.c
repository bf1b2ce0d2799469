/* SPDX-License-Identifier: BSD-3-Clause */
#include "handover.h"
#include "loop.h"
#include "rx.h"
#include "stage.h"
#include "tx.h"
#include "ipsec/ipsec.h"
#include "tcp/tcp.h"
#include "turn/peer_conn.h"
#include "../lib/bug.h"

#include <rte_malloc.h>

/* Not by rte_ring_create(): each takes one of DPDK's 2,560 memzones, and 64 workers want 4,032. */
static struct rte_ring *ring_make(uint32_t n)
{
	struct rte_ring *r =
	    rte_zmalloc("handover", (size_t)rte_ring_get_memsize(n), RTE_CACHE_LINE_SIZE);

	if (r && rte_ring_init(r, "handover", n, RING_F_SP_ENQ | RING_F_SC_DEQ) == 0)
		return r;
	rte_free(r);
	return NULL;
}

bool handover_create(struct dplane *dp, uint16_t to, char *err, size_t errlen)
{
	for (uint16_t from = 0; from < dp->n_workers; from++) {
		if (from == to)
			continue;
		dp->handover[from][to] = ring_make(config_handover(dp->n_workers));
		if (!dp->handover[from][to]) {
			snprintf(err, errlen, "%s: dataplane.memory-mb: too small for %u workers",
				 dp->conf->file, dp->n_workers);
			return false;
		}
	}
	return true;
}

/* Frames that go through rx_burst() as the owner's. */
static bool handover_is_rx(const struct rte_mbuf *m)
{
	uint32_t kind = m->hash.usr >> 16;

	return kind == HANDOVER_RX || kind == HANDOVER_REDIRECT;
}

static void handover_burst(struct worker *w, struct rte_mbuf **m, uint16_t n)
{
	rx_burst(w, m, n, m[0]->hash.usr & (HANDOVER_INNER - 1),
		 m[0]->hash.usr >> 16 == HANDOVER_REDIRECT ? RX_REDIRECTED : RX_STEERED);
}

static void handover_take(struct worker *w, struct rte_mbuf *m)
{
	uint16_t port = (uint16_t)m->hash.usr;

	switch ((enum handover_kind)(m->hash.usr >> 16)) {
	case HANDOVER_RX:
	case HANDOVER_REDIRECT:
		handover_burst(w, &m, 1);
		return;
	case HANDOVER_COPY:
		rx_burst(w, &m, 1, port, RX_COPY);
		return;
	case HANDOVER_TX:
		tx_frame(w, port, m);
		return;
	case HANDOVER_LOOP:
		loop_take(w, m);
		return;
	case HANDOVER_MOVE:
		tcp_move_input(w, m);
		return;
	case HANDOVER_IPSEC:
		ipsec_output(w, port, m);
		return;
	case HANDOVER_ABANDON:
		peer_conn_abandon(w, m);
		return;
	}
	WARN_ON(m != NULL); /* of no kind */
	pkt_drop(w, m, DROP_BUG);
}

/* A burst of another worker's. */
static uint32_t handover_from(struct worker *w, uint16_t from)
{
	struct rte_mbuf *m[BURST], *rx[BURST];
	uint16_t i, n, n_rx;
	uint32_t left;

	n = (uint16_t)rte_ring_sc_dequeue_burst(w->dp->handover[from][w->id], (void **)m, BURST,
						&left);
	if (left == 0)
		w->handed_from &= ~(UINT64_C(1) << from);
	if (n == 0)
		return 0;
	count_add(w, CNT_HANDOVER_IN, n);
	stage_end(w, STAGE_HANDOVER, n);
	/* Frames of one port and kind go through the stages together. */
	for (i = 0, n_rx = 0; i < n; i++) {
		if (!handover_is_rx(m[i]) || (n_rx && rx[0]->hash.usr != m[i]->hash.usr))
			handover_take(w, m[i]);
		else
			rx[n_rx++] = m[i];
	}
	if (n_rx)
		handover_burst(w, rx, n_rx);
	stage_end(w, STAGE_HANDOVER, 0);
	return n;
}

uint32_t handover_input(struct worker *w)
{
	uint32_t total = 0;
	uint64_t from;

	/* Without a write while nobody rings: the line stays in this core's cache. */
	if (unlikely(atomic_load_explicit(&w->bell, memory_order_relaxed)))
		w->handed_from |= atomic_exchange_explicit(&w->bell, 0, memory_order_acquire);
	for (from = w->handed_from; unlikely(from); from &= from - 1)
		total += handover_from(w, (uint16_t)__builtin_ctzll(from));
	return total;
}

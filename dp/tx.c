/* SPDX-License-Identifier: BSD-3-Clause */
#include "tx.h"
#include "loop.h"
#include "rx.h"
#include "stage.h"
#include "net/neigh.h"
#include "tcp/tcp.h"

#include <rte_ethdev.h>

/*
 * Devices differ in what they want to find in a checksum they fill in. What a driver refuses is not
 * sent, or what stands behind it would go unprepared as well.
 */
static void batch_prepare(struct worker *w, const struct port *p, struct tx_batch *b)
{
	uint16_t ready = rte_eth_tx_prepare(p->id, w->id, b->m, b->n);

	while (unlikely(ready < b->n)) {
		pkt_drop(w, b->m[ready], DROP_TX_REFUSED);
		b->n--;
		memmove(b->m + ready, b->m + ready + 1, (size_t)(b->n - ready) * sizeof(b->m[0]));
		ready = (uint16_t)(ready + rte_eth_tx_prepare(p->id, w->id, b->m + ready,
							      (uint16_t)(b->n - ready)));
	}
}

static void port_flush(struct worker *w, uint16_t port)
{
	const struct port *p = &w->dp->port[port];
	struct tx_batch *b = &w->tx[port];
	uint64_t bytes = 0;
	uint16_t i, sent;

	batch_count(w->counters->tx_batch, b->n);
	if (p->tx_csum_tcp)
		batch_prepare(w, p, b);
	for (i = 0; i < b->n; i++)
		bytes += b->m[i]->pkt_len;
	sent = rte_eth_tx_burst(p->id, w->id, b->m, b->n);
	if (unlikely(sent < b->n)) {
		/* A second try lets a slow device free descriptors; then the rest is lost. */
		sent = (uint16_t)(sent + rte_eth_tx_burst(p->id, w->id, b->m + sent,
							  (uint16_t)(b->n - sent)));
		for (i = sent; i < b->n; i++) {
			bytes -= b->m[i]->pkt_len;
			pkt_drop(w, b->m[i], DROP_TX_FULL);
		}
		stat_add(&w->port_counters[port].tx_full, (uint64_t)(b->n - sent));
	}
	count_add(w, CNT_TX, sent);
	stat_add(&w->port_counters[port].tx_packets, sent);
	stat_add(&w->port_counters[port].tx_bytes, bytes);
	b->n = 0;
}

/* Most segments of a frame that the device takes. TCP counts those of what a device cuts itself. */
static uint32_t chain_most(const struct port *p, const struct rte_mbuf *m)
{
	if (!p->multi_seg)
		return 1;
	return m->ol_flags & RTE_MBUF_F_TX_TCP_SEG ? p->chain_max : p->chain_cut;
}

/* m in so many segments at most; NULL (and m dropped) when it cannot be had. */
static struct rte_mbuf *frame_compact(struct worker *w, struct rte_mbuf *m, uint32_t most)
{
	struct rte_mbuf *c;

	if (RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1 && rte_pktmbuf_linearize(m) == 0)
		return m;
	c = rte_pktmbuf_copy(m, w->pool, 0, UINT32_MAX);
	if (!c || c->nb_segs > most) {
		rte_pktmbuf_free(c);
		pkt_drop(w, m, DROP_NO_MBUF);
		return NULL;
	}
	rte_pktmbuf_free(m);
	return c;
}

void tx_batch_full(struct worker *w, uint16_t port)
{
	uint64_t from = rte_rdtsc();

	port_flush(w, port);
	stage_inner(w, STAGE_TX, from, TX_BATCH);
}

void tx_frame(struct worker *w, uint16_t port, struct rte_mbuf *m)
{
	const struct port *p = &w->dp->port[port];

	if (unlikely(m->nb_segs > 1 && m->nb_segs > chain_most(p, m))) {
		m = frame_compact(w, m, chain_most(p, m));
		if (!m)
			return;
	}
	if (unlikely(w->id >= p->tx_queues)) {
		handover(w, (uint16_t)(w->id % p->tx_queues), m, HANDOVER_TX, port);
		return;
	}
	tx_put(w, port, m);
}

/* ---- between workers ---- */

static uint32_t handover_flush(struct worker *w, uint16_t to)
{
	struct tx_batch *b = &w->handover[to];
	uint16_t i, n = b->n;
	uint32_t sent;

	sent = rte_ring_sp_enqueue_burst(w->dp->handover[w->id][to], (void **)b->m, n, NULL);
	for (i = (uint16_t)sent; i < n; i++)
		pkt_drop(w, b->m[i], DROP_HANDOVER_FULL);
	count_add(w, CNT_HANDOVER_OUT, sent);
	b->n = 0;
	return sent;
}

void handover(struct worker *w, uint16_t to, struct rte_mbuf *m, enum handover_kind kind,
	      uint16_t port)
{
	struct tx_batch *b = &w->handover[to];

	m->hash.usr = (uint32_t)kind << 16 | port;
	b->m[b->n++] = m;
	if (b->n == TX_BATCH)
		handover_flush(w, to);
}

bool handover_now(struct worker *w, uint16_t to, struct rte_mbuf *m, enum handover_kind kind,
		  uint32_t n)
{
	handover_flush(w, to);
	m->hash.usr = (uint32_t)kind << 16;
	if (rte_ring_sp_enqueue(w->dp->handover[w->id][to], m) != 0)
		return false;
	count_add(w, CNT_HANDOVER_OUT, n);
	return true;
}

void handover_copy(struct worker *w, const struct rte_mbuf *m, uint16_t port)
{
	uint16_t i;

	for (i = 0; i < w->dp->n_workers; i++) {
		struct rte_mbuf *c;

		if (i == w->id)
			continue;
		/* Without a copy the other worker asks for itself: nothing is lost. */
		c = rte_pktmbuf_copy(m, w->pool, 0, UINT32_MAX);
		if (!c)
			continue;
		count(w, CNT_MADE);
		handover(w, i, c, HANDOVER_COPY, port);
	}
}

/* Frames that go through rx_burst() as the owner's. */
static bool handover_is_rx(const struct rte_mbuf *m)
{
	uint32_t kind = m->hash.usr >> 16;

	return kind == HANDOVER_RX || kind == HANDOVER_REDIRECT;
}

static void handover_burst(struct worker *w, struct rte_mbuf **m, uint16_t n)
{
	rx_burst(w, m, n, m[0]->hash.usr & (HANDOVER_WHOLE - 1),
		 m[0]->hash.usr >> 16 == HANDOVER_REDIRECT ? RX_REDIRECTED : RX_STEERED);
}

static void handover_take(struct worker *w, struct rte_mbuf *m)
{
	uint16_t port = (uint16_t)m->hash.usr;

	switch ((enum handover_kind)(m->hash.usr >> 16)) {
	case HANDOVER_RX:
	case HANDOVER_REDIRECT:
		handover_burst(w, &m, 1);
		break;
	case HANDOVER_COPY:
		rx_burst(w, &m, 1, port, RX_COPY);
		break;
	case HANDOVER_TX:
		tx_frame(w, port, m);
		break;
	case HANDOVER_LOOP:
		loop_take(w, m);
		break;
	case HANDOVER_MOVE:
		tcp_move_input(w, m);
		break;
	}
}

uint32_t handover_input(struct worker *w)
{
	struct rte_mbuf *m[BURST], *rx[BURST];
	uint32_t total = 0;
	uint16_t from, i, n, n_rx;

	for (from = 0; from < w->dp->n_workers; from++) {
		if (from == w->id)
			continue;
		n = (uint16_t)rte_ring_sc_dequeue_burst(w->dp->handover[from][w->id], (void **)m,
							BURST, NULL);
		count_add(w, CNT_HANDOVER_IN, n);
		total += n;
		if (n == 0)
			continue;
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
	}
	return total;
}

uint32_t tx_flush(struct worker *w)
{
	uint32_t sent = 0, handed = 0;
	uint16_t i;

	for (i = 0; i < w->n_ports; i++) {
		if (w->tx[i].n) {
			sent += w->tx[i].n;
			port_flush(w, i);
		}
	}
	stage_work(w, STAGE_TX, sent);
	for (i = 0; i < w->dp->n_workers; i++)
		if (i != w->id && w->handover[i].n)
			handed += handover_flush(w, i);
	return sent + stage_work(w, STAGE_HANDOVER, handed);
}

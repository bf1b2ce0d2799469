/* SPDX-License-Identifier: BSD-3-Clause */
#include "tx.h"
#include "relayed.h"
#include "stage.h"
#include "../lib/bug.h"
#include "trace.h"

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

/* Whether freeing m unseen, as a device with fast_free does, would be wrong. */
static bool frame_is_shared(const struct rte_mbuf *m)
{
	return !RTE_MBUF_DIRECT(m) || rte_mbuf_refcnt_read(m) != 1;
}

/* What a device with fast_free was promised. */
static __rte_unused bool batch_is_ours(const struct worker *w, const struct tx_batch *b)
{
	for (uint16_t i = 0; i < b->n; i++)
		if (b->m[i]->pool != w->pool || b->m[i]->nb_segs != 1 || frame_is_shared(b->m[i]))
			return false;
	return true;
}

/* The port has no device. */
static void batch_lose(struct worker *w, uint16_t port, struct tx_batch *b)
{
	for (uint16_t i = 0; i < b->n; i++)
		pkt_drop(w, b->m[i], DROP_TX_OUT);
	stat_add(&w->port_counters[port].tx_full, b->n);
	b->n = 0;
}

static __rte_noinline void tx_trace(struct worker *w, uint16_t port, struct tx_batch *b)
{
	trace_port(w, port);
	for (uint16_t i = 0; i < b->n; i++)
		trace_packet(w, TRACE_SENT, b->m[i]);
}

static void port_flush(struct worker *w, uint16_t port)
{
	const struct port *p = &w->dp->port[port];
	struct tx_batch *b = &w->tx.port[port];
	uint64_t bytes = 0;
	uint16_t i, sent;

	if (unlikely(port_is_out(p))) {
		batch_lose(w, port, b);
		return;
	}
	CHECK_ON(b->n > TX_BATCH || (p->fast_free && !batch_is_ours(w, b)));
	batch_count(w->counters->tx_batch, b->n);
	if (p->tx_csum_tcp)
		batch_prepare(w, p, b);
	if (unlikely(w->trace))
		tx_trace(w, port, b);
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

	CHECK_ON(rte_mbuf_check(m, 1, &(const char *){ NULL }) != 0);
	if (BUG_ON(port >= worker_ports(w))) {
		pkt_drop(w, m, DROP_BUG);
		return;
	}
	if (unlikely((m->nb_segs > 1 && m->nb_segs > chain_most(p, m)) ||
		     (p->fast_free && frame_is_shared(m)))) {
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

/* Behind what is in the ring: who hears it finds that. */
static void bell_ring(const struct worker *w, uint16_t to)
{
	atomic_fetch_or_explicit(&w->dp->worker[to]->bell, UINT64_C(1) << w->id,
				 memory_order_release);
}

static uint32_t handover_flush(struct worker *w, uint16_t to)
{
	struct tx_batch *b = &w->tx.handover[to];
	uint16_t i, n = b->n;
	uint32_t sent;

	w->tx.handed &= ~(UINT64_C(1) << to);
	if (n == 0)
		return 0;
	sent = rte_ring_sp_enqueue_burst(w->dp->handover[w->id][to], (void **)b->m, n, NULL);
	for (i = (uint16_t)sent; i < n; i++)
		pkt_drop(w, b->m[i], DROP_HANDOVER_FULL);
	bell_ring(w, to);
	count_add(w, CNT_HANDOVER_OUT, sent);
	b->n = 0;
	return sent;
}

void handover(struct worker *w, uint16_t to, struct rte_mbuf *m, enum handover_kind kind,
	      uint16_t port)
{
	struct tx_batch *b = &w->tx.handover[to];

	if (BUG_ON(to >= w->dp->n_workers || to == w->id)) {
		pkt_drop(w, m, DROP_BUG);
		return;
	}
	m->hash.usr = (uint32_t)kind << 16 | port;
	if (b->n == 0)
		w->tx.handed |= UINT64_C(1) << to;
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
	bell_ring(w, to);
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

/* ---- to ourselves ---- */

void tx_loop(struct worker *w, struct rte_mbuf *m, const struct sock_addr *src,
	     const struct sock_addr *dst)
{
	const struct local_addr *l = dplane_local(w->dp, &src->ip);
	const uint16_t owner =
	    port_owner(w->dp, dplane_local(w->dp, &dst->ip), be16_get(dst->port));
	const enum relayed_kind from = relayed_kind(relayed_entry(w, l, be16_get(src->port)));

	if (owner != w->id) {
		handover(w, owner, m, HANDOVER_LOOP, (uint16_t)from);
	} else if (w->tx.loop.n < TX_BATCH) {
		m->hash.usr = (uint32_t)from;
		w->tx.loop.m[w->tx.loop.n++] = m;
	} else {
		pkt_drop(w, m, DROP_TX_FULL);
	}
}

/* ---- the end of a turn ---- */

enum { TX_CONTROL_MS = 10 };

void tx_control(struct worker *w)
{
	if (likely(w->now_ms < w->tx.control_ms))
		return;
	w->tx.control_ms = w->now_ms + TX_CONTROL_MS;
	for (uint16_t i = 0, n = worker_ports(w); i < n; i++) {
		const struct port *p = &w->dp->port[i];

		if (p->lacp && w->id < p->tx_queues && !port_is_out(p))
			rte_eth_tx_burst(p->id, w->id, NULL, 0);
	}
}

uint32_t tx_flush(struct worker *w)
{
	const uint16_t n_ports = worker_ports(w);
	uint32_t sent = 0, handed = 0;
	uint16_t i;

	for (i = 0; i < n_ports; i++) {
		if (w->tx.port[i].n) {
			sent += w->tx.port[i].n;
			port_flush(w, i);
		}
	}
	stage_work(w, STAGE_TX, sent);
	while (w->tx.handed)
		handed += handover_flush(w, (uint16_t)__builtin_ctzll(w->tx.handed));
	return sent + stage_work(w, STAGE_HANDOVER, handed);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire.h"
#include "unit.h"

#include "dp/tx.h"

#include <rte_ethdev.h>
#include <stddef.h>
#include <stdlib.h>

/* ---- driver ---- */

struct queue {
	uint16_t port;
	uint16_t n;
	struct rte_mbuf *m[WORLD_FRAMES];
};
static struct queue queue[WORLD_PORTS][CTL_WORKERS_MAX];
static void *queue_ptr[WORLD_PORTS][CTL_WORKERS_MAX];
static void *no_callback[CTL_WORKERS_MAX];

static uint16_t port_rx(void *q, struct rte_mbuf **m, uint16_t max)
{
	struct queue *in = q;
	uint16_t n;

	if (world.on_rx)
		world.on_rx(in->port, (uint16_t)(in - queue[in->port]));
	n = RTE_MIN(in->n, max);
	memcpy(m, in->m, n * sizeof(m[0]));
	in->n = (uint16_t)(in->n - n);
	memmove(in->m, in->m + n, in->n * sizeof(m[0]));
	return n;
}

void world_sent(uint16_t port, const struct frame *f)
{
	size_t size = offsetof(struct frame, b) + f->len;

	if (world.n_out[port] < WORLD_FRAMES)
		world.out[port][world.n_out[port]++] = memcpy(malloc(sizeof(*f)), f, size);
}

static void frame_sent(uint16_t port, const struct rte_mbuf *m)
{
	struct frame f;

	f.len = (uint16_t)m->pkt_len;
	assert_in_range(m->pkt_len, 1, FRAME_MAX);
	if (rte_pktmbuf_read(m, 0, f.len, f.b) != f.b)
		memcpy(f.b, rte_pktmbuf_mtod(m, const void *), f.len);
	world_sent(port, &f);
}

/* Segments the device takes of a packet. */
static uint32_t chain_most(uint16_t port, const struct rte_mbuf *m)
{
	const struct port *p = &world.dp.port[port];

	if (!p->multi_seg)
		return 1;
	return m->ol_flags & RTE_MBUF_F_TX_TCP_SEG ? p->chain_max : p->chain_cut;
}

static uint16_t port_tx(void *q, struct rte_mbuf **m, uint16_t n)
{
	uint16_t port = ((struct queue *)q)->port, i;

	n = RTE_MIN(n, world.tx_room);
	n = RTE_MIN(n, world.tx_once);
	world.tx_room = (uint16_t)(world.tx_room - n);
	for (i = 0; i < n; i++) {
		rte_mbuf_sanity_check(m[i], 1);
		if (m[i]->nb_segs > chain_most(port, m[i])) /* it would hang on it */
			abort();
		if (world.tx_device)
			world.tx_device(port, m[i]);
		else
			frame_sent(port, m[i]);
		rte_pktmbuf_free(m[i]);
	}
	return n;
}

void wire_make(uint16_t idx)
{
	struct port *p = &world.dp.port[idx];
	struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[idx];
	uint16_t i;

	*p = (struct port){ .id = idx,
			    .idx = idx,
			    .mtu = world.conf.port[idx].mtu,
			    .vlan = world.conf.port[idx].vlan,
			    .conf = &world.conf.port[idx],
			    .rx_queues = world.conf.dataplane.n_workers,
			    .tx_queues = world.conf.dataplane.n_workers,
			    .multi_seg = true,
			    .chain_max = 64,
			    .chain_cut = 64 };
	if (p->conf->shares) { /* as vlan_join() of dp/vlan.c has it */
		world.dp.port[p->conf->shares - 1].next = idx;
		p->id = p->conf->shares - 1u;
		p->rx_queues = 0;
	}
	port_mac(p->id, p->mac.addr_bytes);
	p->l2_len = p->vlan ? 18 : 14;
	for (i = 0; i < CTL_WORKERS_MAX; i++) {
		queue[idx][i] = (struct queue){ .port = idx };
		queue_ptr[idx][i] = &queue[idx][i];
	}
	*ops = (struct rte_eth_fp_ops){ .rx_pkt_burst = port_rx, .tx_pkt_burst = port_tx };
	ops->rxq.data = ops->txq.data = queue_ptr[idx];
	ops->rxq.clbk = ops->txq.clbk = no_callback;
	dplane_add_link_local(&world.dp, p);
}

/* ---- frames in and out ---- */

static struct rte_mbuf *segment(struct worker *w, const uint8_t *b, uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);

	if (!m)
		abort();
	if (world.at_end)
		m->data_off = (uint16_t)((m->buf_len - len) & ~1);
	memcpy(rte_pktmbuf_append(m, len), b, len);
	return m;
}

void world_in(uint16_t port, uint16_t worker, const struct frame *f)
{
	struct worker *w = world.dp.worker[worker];
	struct queue *q = &queue[port][worker];
	uint16_t n = RTE_MIN(world.seg_first ? world.seg_first : f->len, f->len), at = n;
	struct rte_mbuf *m = segment(w, f->b, n);

	for (; at < f->len; at = (uint16_t)(at + n)) {
		n = RTE_MIN(world.seg_rest, (uint16_t)(f->len - at));
		if (rte_pktmbuf_chain(m, segment(w, f->b + at, n)) != 0)
			abort();
	}
	m->ol_flags |= world.rx_flags;
	if (m->ol_flags & RTE_MBUF_F_RX_LRO)
		m->tso_segsz = world.rx_segsz;
	q->m[q->n++] = m;
}

void world_feed(uint16_t port, const struct frame *f)
{
	world_in(port, 0, f);
	world_run();
}

const struct frame *world_out(uint16_t port)
{
	return world.at_out[port] < world.n_out[port] ? world.out[port][world.at_out[port]++]
						      : NULL;
}

void world_forget(void)
{
	uint16_t i, k;

	for (i = 0; i < WORLD_PORTS; i++) {
		for (k = 0; k < world.n_out[i]; k++)
			free(world.out[i][k]);
		world.n_out[i] = world.at_out[i] = 0;
	}
}

void world_no_out(void)
{
	uint16_t i;

	for (i = 0; i < WORLD_PORTS; i++)
		assert_null(world_out(i));
}

/* ---- datagrams out ---- */

void expect_udp(uint16_t port, struct udp_view *v)
{
	const struct port *p = &world.dp.port[port];
	const struct frame *f = world_out(port);

	if (!f)
		world_drops(DROP_NONE, 0); /* says where it went */
	assert_non_null(f);
	assert_memory_equal(f->b, world_mac, 6);
	assert_memory_equal(f->b + 6, p->mac.addr_bytes, 6);
	if (p->vlan) {
		assert_int_equal(get16(f->b + 12), 0x8100);
		assert_int_equal(get16(f->b + 14), p->vlan);
	}
	assert_int_equal(frame_l3(f), p->l2_len);
	frame_read_udp(f, v);
}

void expect_udp_is(uint16_t port, const struct sock_addr *src, const struct sock_addr *dst,
		   const void *payload, size_t len, struct udp_view *v)
{
	struct udp_view tmp;

	v = v ? v : &tmp;
	expect_udp(port, v);
	assert_memory_equal(&v->src, src, sizeof(*src));
	assert_memory_equal(&v->dst, dst, sizeof(*dst));
	assert_true(v->csum_ok);
	assert_int_equal(v->len, len);
	if (len)
		assert_memory_equal(v->payload, payload, len);
}

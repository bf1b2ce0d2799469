/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A port that computes checksums and cuts large segments, and takes so many buffers of a packet and
 * no more (struct rte_eth_desc_lim), however small those are that its bytes come in: who sends
 * little at a time must not make chains that a device refuses for ever, or hangs on (R73). What it
 * makes of bursts is compared with the stream by seg_next().
 */
#include "tests/world/control.h"
#include "tests/world/tcp_world.h"

#include "dp/trace.h"

#include <rte_ip.h>
#include <rte_tcp.h>

enum { STREAM = 60000, ETH = 14 };

/* What it was given. */
static struct {
	uint32_t bursts, referred;
	uint32_t longest; /* bytes */
	uint32_t chain;	  /* buffers of one */
} seen;

/* The buffers of m that the n bytes from `from` on stand in. */
static uint32_t buffers(const struct rte_mbuf *m, uint32_t from, uint32_t n)
{
	uint32_t at = 0, k = 0;

	for (; m && at < from + n; at += m->data_len, m = m->next)
		k += at + m->data_len > from;
	return k;
}

static uint32_t payload_size(const struct rte_mbuf *m, uint32_t hdr)
{
	if (!(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG))
		return m->pkt_len - hdr;
	assert_true(m->pkt_len - hdr > m->tso_segsz);
	seen.bursts++;
	seen.referred += m->next && RTE_MBUF_CLONED(m->next);
	seen.longest = RTE_MAX(seen.longest, m->pkt_len - hdr);
	return m->tso_segsz;
}

/* Headers and checksums of the piece in f, which is n bytes from off on; ours has the
 * pseudo-header's sum. */
static void piece_finish(struct frame *f, const struct rte_mbuf *m, uint32_t off, bool last)
{
	struct rte_tcp_hdr *t = (struct rte_tcp_hdr *)(f->b + ETH + m->l3_len);
	struct rte_ipv4_hdr *v4 = (struct rte_ipv4_hdr *)(f->b + ETH);
	struct rte_ipv6_hdr *v6 = (struct rte_ipv6_hdr *)(f->b + ETH);
	uint16_t len = (uint16_t)(f->len - ETH);

	t->sent_seq = rte_cpu_to_be_32(rte_be_to_cpu_32(t->sent_seq) + off);
	if (off)
		t->tcp_flags &= (uint8_t)~CWR;
	if (!last)
		t->tcp_flags &= (uint8_t) ~(FIN | PSH);
	t->cksum = 0;
	if (m->ol_flags & RTE_MBUF_F_TX_IPV4) {
		v4->total_length = rte_cpu_to_be_16(len);
		v4->hdr_checksum = 0;
		v4->hdr_checksum = rte_ipv4_cksum(v4);
		t->cksum = rte_ipv4_udptcp_cksum(v4, t);
	} else {
		v6->payload_len = rte_cpu_to_be_16((uint16_t)(len - m->l3_len));
		t->cksum = rte_ipv6_udptcp_cksum(v6, t);
	}
}

static void device(uint16_t port, const struct rte_mbuf *m)
{
	static uint8_t b[1 << 17];
	uint32_t hdr = m->l2_len + m->l3_len + m->l4_len, size, off = 0, n;
	const struct rte_tcp_hdr *t = (const struct rte_tcp_hdr *)(b + ETH + m->l3_len);
	struct frame f;

	if (rte_pktmbuf_read(m, 0, m->pkt_len, b) != b)
		memcpy(b, rte_pktmbuf_mtod(m, const void *), m->pkt_len);
	if (!(m->ol_flags & RTE_MBUF_F_TX_TCP_CKSUM)) { /* ARP, ND */
		f.len = (uint16_t)m->pkt_len;
		memcpy(f.b, b, f.len);
		world_sent(port, &f);
		return;
	}
	assert_int_equal(t->cksum, m->ol_flags & RTE_MBUF_F_TX_IPV4
				       ? rte_ipv4_phdr_cksum((void *)(b + ETH), m->ol_flags)
				       : rte_ipv6_phdr_cksum((void *)(b + ETH), m->ol_flags));
	assert_true(m->nb_segs <= world.dp.port[port].chain_max);
	seen.chain = RTE_MAX(seen.chain, m->nb_segs);
	size = payload_size(m, hdr);
	do {
		n = RTE_MIN(size, m->pkt_len - hdr - off);
		assert_true(hdr + n <= m->l2_len + (uint32_t)world.dp.port[port].mtu);
		assert_true(m->nb_segs == 1 ||
			    1 + buffers(m, hdr + off, n) <= world.dp.port[port].chain_cut);
		f.len = (uint16_t)(hdr + n);
		memcpy(f.b, b, hdr);
		memcpy(f.b + hdr, b + hdr + off, n);
		piece_finish(&f, m, off, off + n == m->pkt_len - hdr);
		world_sent(port, &f);
		off += n;
	} while (off < m->pkt_len - hdr);
}

static void device_new(uint16_t chain_max, uint16_t chain_cut)
{
	struct port *p = &world.dp.port[ACCESS];

	p->tx_csum_tcp = p->tx_csum_ip = p->tx_tso = true;
	p->chain_max = chain_max;
	p->chain_cut = chain_cut;
	world.tx_device = device;
	memset(&seen, 0, sizeof(seen));
}

static int teardown(void **state)
{
	int r = tcp_teardown(state);

	world.tx_device = NULL;
	return r;
}

/* A window for all of it, as if it had been sending all along. */
static void open_wide(void)
{
	open_passive();
	app.c->cwnd = 2 * STREAM;
	app.c->rto_from_us = (uint32_t)world.w->now_us;
}

/* The stream, each buffer with `size` bytes of it and no room for more. */
static void give(uint32_t size)
{
	uint32_t at, n;

	for (at = 0; at < STREAM; at += n) {
		struct rte_mbuf *m = pkt_make(world.w);

		assert_non_null(m);
		n = RTE_MIN(size, STREAM - at);
		m->data_off = (uint16_t)(m->buf_len - n);
		pattern_fill((uint8_t *)rte_pktmbuf_append(m, (uint16_t)n), at, n);
		assert_true(tcp_send(world.w, app.c, m));
	}
	world_run();
}

/* All of it comes, once, in order; then it is acknowledged. */
static void comes(void)
{
	uint32_t at = 1;

	while (at < 1 + STREAM) {
		const struct seg *s = seg_next();

		assert_non_null(s);
		assert_int_equal(s->seq, at);
		at += s->len;
	}
	seg_none();
	seg_in(ACK, 1, at, 0);
	peer_reset();
}

/* As segments come from another connection: nothing is copied. */
static void whole_buffers_are_referred_to(void **state)
{
	(void)state;
	device_new(64, 64);
	open_wide();
	give(MSS_TS);
	assert_int_equal(seen.bursts, 1);
	assert_int_equal(seen.referred, 1);
	assert_int_equal(seen.chain, 1 + STREAM / MSS_TS);
	comes();
	/* With one more than the device takes it is. */
	device_new(STREAM / MSS_TS, 64);
	open_wide();
	give(MSS_TS);
	assert_int_equal(seen.referred, 0);
	comes();
}

static void small_ones_are_not(void **state)
{
	static const uint32_t size[] = { 50, 100, 300, 900 };
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(size); i++) {
		device_new(64, 64);
		open_wide();
		give(size[i]);
		assert_int_equal(seen.bursts, 1);
		assert_int_equal(seen.referred, 0);
		assert_in_range(seen.longest, STREAM - MSS_TS, STREAM);
		comes();
	}
}

static void over_ipv6(void **state)
{
	(void)state;
	peer_v6();
	peer.mss = 1440;
	device_new(64, 64);
	open_wide();
	give(300);
	assert_int_equal(seen.bursts, 1);
	comes();
}

/* Few buffers for each piece it cuts, though many for all. */
static void few_for_a_frame(void **state)
{
	(void)state;
	device_new(64, 4);
	open_wide();
	give(1000); /* up to three, and the headers */
	assert_int_equal(seen.referred, seen.bursts);
	comes();
	device_new(64, 3);
	open_wide();
	give(1000);
	assert_int_equal(seen.referred, 0);
	comes();
}

/* Few for all: bursts are shorter, and none are too few to send. */
static void few_for_a_packet(void **state)
{
	static const uint16_t max[] = { 1, 2, 5, 24 };
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(max); i++) {
		device_new(max[i], 64);
		open_wide();
		give(700);
		assert_true(seen.longest <= (max[i] - 1u) * 2048);
		comes();
	}
}

/* They take room in each piece. */
static void beside_sack_blocks(void **state)
{
	(void)state;
	device_new(64, 64);
	open_wide();
	seg_in(ACK, 2001, 1, 100);
	seg_in(ACK, 4001, 1, 100);
	seg_skip();
	give(MSS_TS);
	assert_true(seen.bursts > 0);
	comes();
}

/* Devices have a smallest piece, too. */
static void a_tiny_mss(void **state)
{
	const struct seg *s;
	uint32_t at = 1;

	(void)state;
	peer.mss = 100;
	device_new(64, 64);
	open_wide();
	app_send(5000);
	while (at < 5001) {
		s = seg_next();
		assert_non_null(s);
		at += s->len;
	}
	assert_int_equal(seen.bursts, 0);
	seg_in(ACK, 1, at, 0);
	peer_reset();
}

/* One connection may hold all of a stream in small buffers. */
static int setup(void **state)
{
	(void)state;
	tcp_config();
	world.conf.tcp.buffers = 3584;
	tcp_start();
	return 0;
}

static int setup_jumbo(void **state)
{
	(void)state;
	tcp_config();
	world.conf.port[ACCESS].mtu = 9000;
	tcp_start();
	return 0;
}

/* One that is not cut, but longer than a buffer; and when it is lost. */
static void a_jumbo_frame(void **state)
{
	const struct seg *s;

	(void)state;
	peer.mss = 8960;
	device_new(64, 8);
	world.dp.port[ACCESS].tx_tso = false;
	open_wide();
	give(500);
	assert_in_range(seen.chain, 5, 8);
	seg_skip();
	seg_wait(2000);
	s = seg_next();
	assert_true(s && s->len > 0);
	seg_in(ACK, 1, 1 + STREAM, 0);
	seg_skip();
	peer_reset();
}

/* All buffers but one hold a packet of somebody else's, as long as the segment will be. */
static uint32_t buffers_take(struct rte_mbuf **all, uint32_t max, uint16_t len)
{
	const uint8_t ip[20] = { 0x45, 0, (uint8_t)(len >> 8), (uint8_t)len, [9] = 6,
				 [12] = 192, 0, 2, 1, 192, 0, 2, 2 };
	uint32_t n = 0;

	for (; n < max && (all[n] = rte_pktmbuf_alloc(world.w->pool)); n++)
		memcpy(rte_pktmbuf_mtod(all[n], void *), ip, sizeof(ip));
	rte_pktmbuf_free(all[--n]);
	return n;
}

/* A trace shows a segment that found no buffer for its data as that: not as what stood there. */
static void unsent_shows_nobody(void **state)
{
	const struct cmd_trace c = { .id = 1,
				     .until = UINT32_MAX,
				     .filter = { .session = CTL_TRACE_ANY,
						 .reason = DROP_NO_MBUF,
						 .drops = 1,
						 .bytes = 1 } };
	static struct rte_mbuf *all[8192];
	const struct ctl_trace *r;
	uint32_t n, told = 0;

	(void)state;
	peer.mss = 8960;
	device_new(64, 8);
	world.dp.port[ACCESS].tx_tso = false;
	open_wide();
	app_send(4000);
	seg_expect(ACK, 1, 1, 4000);
	n = buffers_take(all, RTE_DIM(all), 20 + 20 + (peer.ts ? 12 : 0) + 4000);
	assert_true(trace_set(world.w, &c));
	world_pass_ms(2 * TCP_RTO_MIN_MS);
	rte_pktmbuf_free_bulk(all, n);
	for (; (r = world_trace(0)); told++) {
		assert_int_equal(r->reason, DROP_NO_MBUF);
		assert_int_equal(r->len, 20 + 20 + (peer.ts ? 12 : 0) + 4000);
		assert_false(addr_given(&r->src));
		assert_int_equal(r->n_bytes, 0);
	}
	assert_true(told > 0);
	seg_wait(60000);
	seg_expect(ACK, 1, 1, 4000);
	peer_reset();
}

#define tso(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		tso(whole_buffers_are_referred_to),
		tso(small_ones_are_not),
		tso(over_ipv6),
		tso(few_for_a_frame),
		tso(few_for_a_packet),
		tso(beside_sack_blocks),
		tso(a_tiny_mss),
		cmocka_unit_test_setup_teardown(a_jumbo_frame, setup_jumbo, teardown),
		cmocka_unit_test_setup_teardown(unsent_shows_nobody, setup_jumbo, teardown),
	};

	return tcp_run(tests);
}

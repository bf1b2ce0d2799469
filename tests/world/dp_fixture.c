/* SPDX-License-Identifier: BSD-3-Clause */
#include "dp_fixture.h"
#include "eal.h"

#include "dp/dispatch.h"
#include "dp/rx.h"
#include "dp/tcp/tcp.h"

#include <rte_eal.h>
#include <rte_lcore.h>
#include <stdio.h>
#include <stdlib.h>

struct fixture fx;

static struct rte_mempool *pool;
/* A session stands behind each relayed port. */
static uint32_t sessions[2 * (UINT16_MAX + 1)];

int fx_eal(void **state)
{

	(void)state;
	if (!test_eal("64"))
		return -1;
	pool = rte_pktmbuf_pool_create("test", FX_MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       SOCKET_ID_ANY);
	return pool ? 0 : -1;
}

struct ip_addr fx_ip(const char *s)
{
	struct ip_addr a;

	assert_true(ip_parse(s, &a));
	return a;
}

struct rte_ether_addr fx_mac(uint8_t n)
{
	return (struct rte_ether_addr){ { 2, 0, 0, 0, 0, n } };
}

static void port_init(uint16_t idx, const char *v4, const char *v6, uint16_t vlan, uint16_t mtu)
{
	struct config_port *c = &fx.conf.port[idx];
	struct port *p = &fx.dp.port[idx];

	assert_true(ip_prefix_parse(v4, &c->addr[0]));
	assert_true(ip_prefix_parse(v6, &c->addr[1]));
	c->n_addr = 2;
	c->mtu = mtu;
	p->conf = c;
	p->idx = idx;
	p->mtu = mtu;
	p->vlan = vlan;
	p->l2_len = vlan ? 18 : 14;
	p->multi_seg = true;
	p->mac = (struct rte_ether_addr){ { 2, 1, 0, 0, 0, (uint8_t)idx } };
}

static void config_init(void)
{
	struct config_dataplane *d = &fx.conf.dataplane;
	struct config_port *access = &fx.conf.port[FX_ACCESS];

	d->n_workers = 2;
	d->neighbours = FX_NEIGHBOURS;
	d->neighbour_queue = FX_WAIT;
	d->fragments = FX_FRAGMENTS;
	d->fragment_timeout_ms = FX_FRAG_TIMEOUT_MS;
	d->icmp_rate = FX_ICMP_RATE;
	fx.conf.n_port = 2;
	port_init(FX_ACCESS, "10.1.0.1/24", "fd00:1::1/64", 0, 1500);
	port_init(FX_CORE, "10.2.0.1/24", "fd00:2::1/64", FX_VLAN, 1280);
	assert_true(ip_prefix_parse("0.0.0.0/0", &access->route[0].to));
	access->route[0].via = fx_ip("10.1.0.254");
	assert_true(ip_prefix_parse("::/0", &access->route[1].to));
	access->route[1].via = fx_ip("fd00:1::fe");
	assert_true(ip_prefix_parse("10.9.0.0/16", &access->route[2].to));
	access->route[2].via = fx_ip("10.1.0.253");
	access->n_route = 3;
	fx.conf.relay[0] =
	    (struct config_relay){ fx_ip("10.2.0.1"), FX_RELAY_MIN, 65535, .turn = true };
	fx.conf.relay[1] =
	    (struct config_relay){ fx_ip("fd00:2::1"), FX_RELAY_MIN, 65535, .turn = true };
	fx.conf.n_relay = 2;
}

void fx_clock_ms(uint64_t ms)
{
	const char *start = getenv("FAIRLEAD_WORLD_START_S");

	fx.w.now_ms = ms + (start ? strtoull(start, NULL, 10) * 1000 : 0);
}

int fx_setup(void **state)
{
	char err[256];
	uint16_t i;

	(void)state;
	memset(&fx, 0, sizeof(fx));
	config_init();
	assert_true(dplane_init(&fx.dp, &fx.conf, err, sizeof(err)));
	fx.dp.n_ports = 2;
	fx.dp.tsc_per_us = 1000;
	for (i = 0; i < fx.dp.n_ports; i++)
		dplane_add_link_local(&fx.dp, &fx.dp.port[i]);
	fx.w.dp = &fx.dp;
	fx.dp.worker[0] = &fx.w;
	fx.w.pool = pool;
	fx.w.relay_slot = sessions;
	fx.w.counters = &fx.counters;
	fx.w.n_ports = fx.dp.n_ports;
	fx_clock_ms(5); /* machines may have just started */
	assert_true(net_create(&fx.w, err, sizeof(err)));
	rate_init(fx.w.net->echo_rate, FX_ICMP_RATE, (const uint64_t[2]){ 1, 2 });
	rate_init(fx.w.net->error_rate, FX_ICMP_RATE, (const uint64_t[2]){ 3, 4 });
	return 0;
}

static void accounting_check(void)
{
	uint64_t in = fx_counted(CNT_RX) + fx_counted(CNT_MADE) + fx_counted(CNT_HANDOVER_IN);
	uint64_t out = fx_counted(CNT_TX) + fx_counted(CNT_CONSUMED) + fx_counted(CNT_HANDOVER_OUT);
	uint32_t i;

	for (i = 0; i < DROP_MAX; i++)
		out += fx_dropped((enum drop)i);
	assert_int_equal(in, out + net_held(&fx.w));
}

int fx_teardown(void **state)
{
	(void)state;
	accounting_check();
	fx_forget();
	net_destroy(&fx.w);
	assert_int_equal(rte_mempool_avail_count(pool), FX_MBUFS);
	return 0;
}

void fx_pass(uint32_t ms)
{
	uint32_t step;

	for (; ms; ms -= step) {
		step = RTE_MIN(ms, (uint32_t)NEIGH_TICK_MS);
		fx.w.now_ms += step;
		net_tick(&fx.w);
	}
}

/* ---- frames ---- */

struct rte_mbuf *fx_frame(uint16_t port, uint16_t type, const void *data, size_t len)
{
	const struct port *p = &fx.dp.port[port];
	struct rte_ether_addr peer = fx_mac(9);
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint8_t *h;

	assert_non_null(m);
	count(&fx.w, CNT_RX);
	h = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(p->l2_len + len));
	assert_non_null(h);
	h = eth_write(p, h, p->mac.addr_bytes, type);
	memcpy(rte_pktmbuf_mtod(m, uint8_t *) + 6, peer.addr_bytes, 6);
	memcpy(h, data, len);
	/* What stands behind the data must never be looked at. */
	memset(h + len, 0xee, rte_pktmbuf_tailroom(m));
	return m;
}

struct rte_mbuf *fx_ip_frame(uint16_t port, const char *src, const char *dst, uint8_t proto,
			     uint8_t ttl, const void *data, size_t len)
{
	struct ip_addr s = fx_ip(src), d = fx_ip(dst);
	struct ip_out o = { &s, &d, (uint16_t)len, proto, 0, ttl, true };
	uint8_t buf[2048];
	uint8_t hdr = ip_write(&fx.w, buf, &o);

	assert_true(hdr + len <= sizeof(buf));
	memcpy(buf + hdr, data, len);
	return fx_frame(port, hdr == IPV4_HDR ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6, buf,
			hdr + len);
}

struct pkt fx_pkt(struct rte_mbuf *m, uint16_t port)
{
	struct pkt p = { .m = m,
			 .inner = SLOT_NONE,
			 .in_port = port,
			 .l2_len = (uint8_t)fx.dp.port[port].l2_len };
	const uint8_t *h = rte_pktmbuf_mtod_offset(m, const uint8_t *, p.l2_len);
	struct be32 a;

	p.v6 = h[0] >> 4 == 6;
	p.l3_len = p.v6 ? IPV6_HDR : (uint8_t)((h[0] & 0xf) * 4);
	p.l4_len = (uint16_t)(m->pkt_len - p.l2_len - p.l3_len);
	if (p.v6) {
		memcpy(p.src.b, h + 8, 16);
		memcpy(p.dst.b, h + 24, 16);
	} else {
		memcpy(a.b, h + 12, 4);
		p.src = ip_from_v4(a);
		memcpy(a.b, h + 16, 4);
		p.dst = ip_from_v4(a);
	}
	p.proto = p.v6 ? h[6] : h[9];
	p.ttl = p.v6 ? h[7] : h[8];
	p.local = dplane_local(&fx.dp, &p.dst);
	return p;
}

void fx_icmp(uint16_t port, const char *src, const char *dst, uint8_t ttl, void *msg, size_t len)
{
	struct ip_addr s = fx_ip(src), d = fx_ip(dst);
	bool v6 = !ip_is_v4(&s);
	uint8_t proto = v6 ? IP_PROTO_ICMPV6 : IP_PROTO_ICMP, *b = msg;
	struct pkt p;
	uint16_t csum;

	if (len >= 4) {
		memset(b + 2, 0, 2);
		csum = csum_field(
		    csum_bytes(v6 ? csum_pseudo(0, &s, &d, proto, (uint16_t)len) : 0, b, len));
		memcpy(b + 2, &csum, 2);
	}
	p = fx_pkt(fx_ip_frame(port, src, dst, proto, ttl, msg, len), port);
	dispatch_icmp(&fx.w, &p, false);
}

const uint8_t *fx_sent(uint32_t i)
{
	assert_true(i < fx.n_sent);
	return rte_pktmbuf_mtod(fx.sent[i], const uint8_t *);
}

void fx_forget(void)
{
	uint32_t i;

	for (i = 0; i < fx.n_sent; i++)
		rte_pktmbuf_free(fx.sent[i]);
	fx.n_sent = 0;
}

uint64_t fx_dropped(enum drop reason)
{
	return fx.counters.drop[reason];
}

uint64_t fx_counted(enum counter c)
{
	return fx.counters.cnt[c];
}

void fx_neighbour(uint16_t port, const char *ip, uint8_t n)
{
	struct ip_addr a = fx_ip(ip);
	struct rte_ether_addr mac = fx_mac(n);

	neigh_learn(&fx.w, port, &a, &mac, true, true);
	assert_non_null(neigh_lookup(fx.w.net->neigh, port, &a));
}

/* ---- what dp/tx.c and dp/turn would do ---- */

void tx_frame(struct worker *w, uint16_t port, struct rte_mbuf *m)
{
	assert_true(fx.n_sent < FX_SENT_MAX);
	rte_mbuf_sanity_check(m, 1);
	count(w, CNT_TX);
	fx.sent_port[fx.n_sent] = port;
	fx.sent[fx.n_sent++] = m;
}

void handover(struct worker *w, uint16_t to, struct rte_mbuf *m, enum handover_kind kind,
	      uint16_t port)
{
	(void)port;
	assert_int_equal(kind, HANDOVER_RX);
	count(w, CNT_HANDOVER_OUT);
	fx.handed_to = to;
	fx.n_handed++;
	rte_pktmbuf_free(m);
}

void handover_copy(struct worker *w, const struct rte_mbuf *m, uint16_t port)
{
	(void)w;
	(void)m;
	(void)port;
	fx.n_copies++;
}

void *evt_slot(struct worker *w)
{
	(void)w;
	return fx.evt_full ? NULL : &fx.evt;
}

void *evt_answer(struct worker *w)
{
	return evt_slot(w);
}

void evt_publish(struct worker *w)
{
	(void)w;
	fx.n_evt++;
}

bool tcp_icmp(struct worker *w, const struct sock_addr *local, const struct sock_addr *remote,
	      uint32_t seq, uint32_t mtu)
{
	(void)w;
	(void)local;
	(void)remote;
	(void)seq;
	(void)mtu;
	fx.n_tcp_icmp++;
	return true;
}

uint16_t rx_client_owner(const struct worker *w, const struct pkt *p)
{
	(void)p;
	return w->id;
}

static void report(struct worker *w, struct pkt *p, const struct icmp_report *r)
{
	fx.report = *r;
	fx.n_reports++;
	pkt_consume(w, p->m);
}

static const struct relayed_ops session_ops = { .icmp = report };
const struct relayed_ops *const dispatch_ops[RELAYED_KINDS] = { [RELAYED_TURN] = &session_ops };

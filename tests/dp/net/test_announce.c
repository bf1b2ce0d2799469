/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pins: when a port's link comes up its addresses are asked for twice (RFC 5227 2.1.1, RFC 4862
 * 5.4.2), announced three times (RFC 5227 2.3, RFC 4861 7.2.6) and their groups reported (RFC 3810
 * 5.2), on that port only. One that somebody has is told, not announced, and asked for again. A
 * claim for one that was announced is told, and answered once in ten seconds (RFC 5227 2.4). All
 * the while addresses answer. R73.
 */
#include "tests/world/dp_fixture.h"
#include "dp/net/announce.h"

#include <string.h>

enum { ADDRS = 3 /* of a port: IPv4, IPv6, link-local */, STRANGER = 66 };

enum kind { ARP_PROBE, ARP_ANNOUNCE, ND_PROBE, ND_ANNOUNCE, MLD, KINDS };

static unsigned int n_told;
static bool told_conflict;
static char told[ANNOUNCE_TELL_LEN];

static void tell(bool conflict, const char *line)
{
	n_told++;
	told_conflict = conflict;
	snprintf(told, sizeof(told), "%s", line);
}

static unsigned int news(void)
{
	n_told = 0;
	announce_news(&fx.dp, fx.w.now_ms, tell);
	return n_told;
}

static void link_set(uint16_t port, enum port_link link)
{
	atomic_store(&fx.dp.port[port].link, (uint8_t)link);
}

/* What a frame is; the test fails for any other than these. */
static enum kind frame_kind(uint32_t i)
{
	const struct port *p = &fx.dp.port[fx.sent_port[i]];
	const uint8_t *f = fx_sent(i), *b = f + p->l2_len;
	struct pkt k;

	assert_memory_equal(f + 6, p->mac.addr_bytes, 6);
	if (f[p->l2_len - 1] == 0x06) {
		assert_memory_equal(f, "\xff\xff\xff\xff\xff\xff", 6);
		assert_memory_equal(b, "\x00\x01\x08\x00\x06\x04\x00\x01", 8);
		assert_memory_equal(b + 8, p->mac.addr_bytes, 6);
		assert_memory_equal(b + 18, "\0\0\0\0\0\0", 6);
		assert_memory_equal(b + 24, p->conf->addr[0].ip.b + 12, 4);
		if (memcmp(b + 14, "\0\0\0\0", 4) == 0)
			return ARP_PROBE;
		assert_memory_equal(b + 14, b + 24, 4);
		return ARP_ANNOUNCE;
	}
	k = fx_pkt(fx.sent[i], fx.sent_port[i]);
	assert_true(k.v6);
	b += IPV6_HDR;
	if (k.proto == 0) {
		assert_memory_equal(f, "\x33\x33\0\0\0\x16", 6);
		assert_int_equal(k.ttl, 1);
		assert_memory_equal(b, "\x3a\0\x05\x02\0\0\x01\0", 8);
		assert_true(ip_eq(&k.src, &p->link_local));
		return MLD;
	}
	assert_int_equal(k.proto, IP_PROTO_ICMPV6);
	assert_int_equal(k.ttl, 255);
	assert_true(pkt_l4_csum_ok(&fx.w, &k));
	if (b[0] == 135) {
		assert_true(ip_is_unspecified(&k.src));
		assert_int_equal(k.l4_len, 24);
		assert_memory_equal(f, "\x33\x33\xff", 3);
		assert_memory_equal(f + 3, b + 21, 3);
		assert_memory_equal(k.dst.b, "\xff\x02\0\0\0\0\0\0\0\0\0\x01\xff", 13);
		assert_memory_equal(k.dst.b + 13, b + 21, 3);
		return ND_PROBE;
	}
	assert_memory_equal(b, "\x88", 1);
	assert_int_equal(b[4], 0x20); /* override, and nobody asked */
	assert_memory_equal(f, "\x33\x33\0\0\0\x01", 6);
	assert_memory_equal(b + 8, k.src.b, 16);
	assert_memory_equal(b + 24, "\x02\x01", 2);
	assert_memory_equal(b + 26, p->mac.addr_bytes, 6);
	return ND_ANNOUNCE;
}

/* What has been sent since the last call, by kind; all of it by that port. */
static void sent(uint16_t port, uint32_t *n)
{
	uint32_t i;

	memset(n, 0, sizeof(*n) * KINDS);
	for (i = 0; i < fx.n_sent; i++) {
		assert_int_equal(fx.sent_port[i], port);
		n[frame_kind(i)]++;
	}
	fx_forget();
}

static void assert_sent(uint16_t port, uint32_t arp_probe, uint32_t nd_probe, uint32_t arp,
			uint32_t nd, uint32_t mld)
{
	uint32_t n[KINDS];

	sent(port, n);
	assert_int_equal(n[ARP_PROBE], arp_probe);
	assert_int_equal(n[ND_PROBE], nd_probe);
	assert_int_equal(n[ARP_ANNOUNCE], arp);
	assert_int_equal(n[ND_ANNOUNCE], nd);
	assert_int_equal(n[MLD], mld);
}

/* mac says by ARP that it has 10.1.0.1; op 1: an announcement, 2: an answer. */
static void claim4(uint16_t port, const char *ip, uint8_t op, const struct rte_ether_addr *mac)
{
	struct ip_addr a = fx_ip(ip);
	uint8_t b[28] = { 0, 1, 8, 0, 6, 4, 0, op };

	memcpy(b + 8, mac->addr_bytes, 6);
	memcpy(b + 14, a.b + 12, 4);
	memcpy(b + 24, a.b + 12, 4);
	arp_input(&fx.w, fx_frame(port, RTE_ETHER_TYPE_ARP, b, sizeof(b)), port,
		  (uint8_t)fx.dp.port[port].l2_len, true);
}

static void claim(const char *ip)
{
	struct rte_ether_addr mac = fx_mac(STRANGER);

	claim4(FX_ACCESS, ip, 2, &mac);
}

static void claim6(uint16_t port, const char *ip)
{
	struct ip_addr a = fx_ip(ip);
	uint8_t b[32] = { 136, [4] = 0x20, [24] = 2, 1, 2, 0, 0, 0, 0, STRANGER };

	memcpy(b + 8, a.b, 16);
	fx_icmp(port, ip, "ff02::1", 255, b, sizeof(b));
}

static void query(uint16_t port, const char *src, uint8_t hops, size_t len)
{
	uint8_t b[28] = { 130, [5] = 200 }; /* within 200 ms */

	fx_icmp(port, src, "ff02::1", hops, b, len);
}

/* From the link's coming up to the last round. */
static void announce_all(uint16_t port)
{
	link_set(port, LINK_UP);
	fx_pass(NEIGH_TICK_MS);
	assert_sent(port, 1, ADDRS - 1, 0, 0, 1);
	fx_pass(ANNOUNCE_PROBE_MS);
	assert_sent(port, 1, ADDRS - 1, 0, 0, 0);
	fx_pass(ANNOUNCE_PROBE_MS);
	assert_sent(port, 0, 0, 1, ADDRS - 1, 1);
	fx_pass(ANNOUNCE_ROUND_MS);
	assert_sent(port, 0, 0, 1, ADDRS - 1, 1);
	fx_pass(ANNOUNCE_ROUND_MS);
	assert_sent(port, 0, 0, 1, ADDRS - 1, 1);
	fx_pass(2 * ANNOUNCE_QUIET_MS);
	assert_sent(port, 0, 0, 0, 0, 0);
}

static void test_link_up(void **state)
{
	(void)state;
	fx_pass(1000); /* nobody knows of the link */
	assert_int_equal(fx.n_sent, 0);
	announce_all(FX_ACCESS);
	announce_all(FX_CORE);
	/* Down and up again, as when a cable goes to another switch. */
	link_set(FX_CORE, LINK_DOWN);
	fx_pass(1000);
	assert_int_equal(fx.n_sent, 0);
	announce_all(FX_CORE);
	assert_int_equal(news(), 0);
}

/* Another member of a bond carries it: who is where is said at once, and nobody is asked. */
static void test_takeover(void **state)
{
	(void)state;
	link_set(FX_CORE, LINK_UP);
	fx_pass(10 * ANNOUNCE_QUIET_MS);
	fx_forget();
	atomic_fetch_add(&fx.dp.port[FX_CORE].takeovers, 1);
	fx_pass(NEIGH_TICK_MS);
	assert_sent(FX_CORE, 0, 0, 1, ADDRS - 1, 1);
	fx_pass(10 * ANNOUNCE_QUIET_MS);
	fx_forget();
	fx_pass(10 * ANNOUNCE_QUIET_MS);
	assert_int_equal(fx.n_sent, 0);
}

static void test_other_workers(void **state)
{
	(void)state;
	link_set(FX_ACCESS, LINK_UP);
	net_destroy(&fx.w);
	fx.w.id = 1;
	assert_true(net_create(&fx.w, (char[64]){ 0 }, 64));
	fx_pass(10000);
	assert_int_equal(fx.n_sent, 0);
}

/* Somebody answers the question for the IPv4 address: it is not announced until he is gone. */
static void test_taken(void **state)
{
	struct rte_ether_addr us;

	(void)state;
	link_set(FX_ACCESS, LINK_UP);
	fx_pass(NEIGH_TICK_MS);
	claim("10.1.0.1");
	assert_int_equal(fx_dropped(DROP_ARP_BAD), 1);
	fx_pass(ANNOUNCE_PROBE_MS);
	assert_sent(FX_ACCESS, 1, 2 * (ADDRS - 1), 0, 0, 1);
	assert_int_equal(announce_conflicts(&fx.dp, FX_ACCESS), 1);
	assert_int_equal(announce_conflicts(&fx.dp, FX_CORE), 0);
	assert_int_equal(news(), 1);
	assert_true(told_conflict);
	assert_non_null(strstr(told, "10.1.0.1"));
	assert_non_null(strstr(told, "02:00:00:00:00:42"));
	assert_int_equal(news(), 0);
	/* It serves all the same. */
	us = fx_mac(7);
	claim4(FX_ACCESS, "10.1.0.7", 1, &us);
	fx_pass(ANNOUNCE_DEFEND_MS - NEIGH_TICK_MS - ANNOUNCE_PROBE_MS);
	assert_sent(FX_ACCESS, 0, 0, 0, ANNOUNCE_ROUNDS * (ADDRS - 1), ANNOUNCE_ROUNDS);
	/* Asked again, and again answered. */
	fx_pass(ANNOUNCE_PROBE_MS + NEIGH_TICK_MS);
	assert_sent(FX_ACCESS, 1, 0, 0, 0, 0);
	claim("10.1.0.1");
	fx_pass(ANNOUNCE_DEFEND_MS);
	assert_sent(FX_ACCESS, 0, 0, 0, 0, 0);
	/* And nobody answers. */
	fx_pass(ANNOUNCE_PROBE_MS + NEIGH_TICK_MS);
	assert_sent(FX_ACCESS, 2, 0, 0, 0, 0);
	fx_pass(ANNOUNCE_PROBE_MS + 2 * ANNOUNCE_ROUND_MS);
	assert_sent(FX_ACCESS, 0, 0, ANNOUNCE_ROUNDS, 0, 0);
	fx.w.now_ms += ANNOUNCE_TELL_MS;
	assert_int_equal(news(), 1);
	assert_false(told_conflict);
}

static void test_taken_6(void **state)
{
	(void)state;
	link_set(FX_ACCESS, LINK_UP);
	fx_pass(NEIGH_TICK_MS);
	claim6(FX_ACCESS, "fd00:1::1");
	assert_int_equal(fx_dropped(DROP_IP_SRC) + fx_dropped(DROP_ND_BAD), 1);
	fx_pass(2 * ANNOUNCE_PROBE_MS);
	/* All but that one. */
	assert_sent(FX_ACCESS, 2, 2 * (ADDRS - 1) - 1, 1, 1, 2);
	assert_int_equal(announce_conflicts(&fx.dp, FX_ACCESS), 1);
	assert_int_equal(news(), 1);
	assert_non_null(strstr(told, "fd00:1::1"));
}

/* A flood of claims for what we announced: one frame in ten seconds, one line a minute. */
static void test_defended(void **state)
{
	uint32_t i, lines = 0;

	(void)state;
	announce_all(FX_ACCESS);
	for (i = 0; i < 600; i++) {
		claim("10.1.0.1");
		claim6(FX_ACCESS, "fd00:1::1");
		fx_pass(NEIGH_TICK_MS);
		lines += news();
	}
	assert_sent(FX_ACCESS, 0, 0, 6, 6, 0);
	assert_int_equal(lines, 2);
	assert_int_equal(announce_conflicts(&fx.dp, FX_ACCESS), 1200);
	fx_pass(ANNOUNCE_QUIET_MS);
	assert_int_equal(news(), 2);
	assert_false(told_conflict);
}

/* Not of this port, or of ourselves: no conflict. */
static void test_no_conflict(void **state)
{
	struct rte_ether_addr us = fx.dp.port[FX_ACCESS].mac;

	(void)state;
	announce_all(FX_ACCESS);
	claim("10.2.0.1");
	claim4(FX_ACCESS, "10.1.0.1", 1, &us);
	claim6(FX_ACCESS, "fd00:2::1");
	fx_pass(1000);
	assert_int_equal(fx.n_sent, 0);
	assert_int_equal(announce_conflicts(&fx.dp, FX_ACCESS), 0);
	assert_int_equal(news(), 0);
}

/* A question of ours that the link brings back is not answered. */
static void test_echo(void **state)
{
	const struct port *p = &fx.dp.port[FX_ACCESS];
	struct rte_mbuf *m;
	struct pkt k;
	uint8_t f[128];
	uint32_t i, len = 0;

	(void)state;
	link_set(FX_ACCESS, LINK_UP);
	fx_pass(NEIGH_TICK_MS);
	for (i = 0; i < fx.n_sent; i++)
		if (frame_kind(i) == ND_PROBE) {
			len = fx.sent[i]->data_len;
			memcpy(f, fx_sent(i), len);
		}
	assert_int_not_equal(len, 0);
	fx_forget();
	m = fx_frame(FX_ACCESS, RTE_ETHER_TYPE_IPV6, f + p->l2_len, len - p->l2_len);
	memcpy(rte_pktmbuf_mtod(m, uint8_t *), f, p->l2_len);
	k = fx_pkt(m, FX_ACCESS);
	nd_input(&fx.w, &k, true);
	assert_int_equal(fx_dropped(DROP_ND_OTHER), 1);
	assert_int_equal(fx.n_sent, 0);
}

/* The only frame sent is a report of so many groups, each of that kind. Returns the first. */
static const uint8_t *report(uint16_t port, uint8_t groups, uint8_t kind)
{
	uint16_t len = (uint16_t)(8 + 20 * groups), off = fx.dp.port[port].l2_len + IPV6_HDR;
	const uint8_t *b = fx_sent(0) + off + 8;
	struct ip_addr src, dst;
	uint8_t i;

	assert_int_equal(fx.n_sent, 1);
	assert_int_equal(frame_kind(0), MLD);
	assert_int_equal(fx.sent[0]->data_len, off + 8 + len);
	memcpy(src.b, fx_sent(0) + off - 32, 16);
	memcpy(dst.b, fx_sent(0) + off - 16, 16);
	assert_int_equal(
	    csum_fold(csum_bytes(csum_pseudo(0, &src, &dst, IP_PROTO_ICMPV6, len), b, len)),
	    0xffff);
	assert_int_equal(b[0], 143);
	assert_int_equal(b[7], groups);
	for (i = 0; i < groups; i++) {
		assert_memory_equal(b + 8 + 20 * i, ((uint8_t[]){ kind, 0, 0, 0 }), 4);
		assert_memory_equal(b + 12 + 20 * i, "\xff\x02\0\0\0\0\0\0\0\0\0\x01\xff", 13);
	}
	return b + 12;
}

/* A report has all groups, each once; a query is answered once, whoever asks how often. */
static void test_mld(void **state)
{
	const uint8_t *group;
	uint32_t i;

	(void)state;
	announce_all(FX_ACCESS);
	announce_all(FX_CORE);
	for (i = 0; i < 5; i++)
		query(FX_ACCESS, "fe80::9", 1, i % 2 ? 24 : 28);
	query(FX_ACCESS, "fe80::9", 2, 28);
	query(FX_ACCESS, "fd00:2::9", 1, 28);
	query(FX_ACCESS, "fe80::9", 1, 26);
	assert_int_equal(fx_dropped(DROP_ICMP_BAD), 3);
	assert_int_equal(fx_counted(CNT_CONSUMED), 5);
	fx_pass(300);
	group = report(FX_ACCESS, 2, 2);
	assert_memory_equal(group + 13, fx.dp.port[FX_ACCESS].link_local.b + 13, 3);
	assert_memory_equal(group + 20 + 13, "\0\0\x01", 3);
	fx_forget();
	fx_pass(2000);
	assert_int_equal(fx.n_sent, 0);
	/* Of two addresses that end alike there is one group. */
	query(FX_CORE, "fe80::9", 1, 28);
	fx_pass(300);
	group = report(FX_CORE, 1, 2);
	assert_memory_equal(group + 13, "\0\0\x01", 3);
	/* Unasked, when the link comes up: another kind of record. */
	fx_forget();
	link_set(FX_CORE, LINK_DOWN);
	fx_pass(1000);
	link_set(FX_CORE, LINK_UP);
	fx_pass(NEIGH_TICK_MS);
	for (i = 0; i < fx.n_sent; i++)
		if (frame_kind(i) == MLD)
			assert_int_equal(fx_sent(i)[18 + IPV6_HDR + 8 + 8], 4);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fx_setup, fx_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_link_up),	TEST(test_takeover), TEST(test_other_workers),
		TEST(test_taken),	TEST(test_taken_6),  TEST(test_defended),
		TEST(test_no_conflict), TEST(test_echo),     TEST(test_mld),
	};

	return cmocka_run_group_tests(tests, fx_eal, NULL);
}

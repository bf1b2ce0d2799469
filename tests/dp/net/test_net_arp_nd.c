/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pins: ARP (RFC 826, 5227) and neighbour discovery (RFC 4861 7.1, 7.2; RFC 4862 5.4) answer for
 * the port's own addresses only, learn no more than they should, believe nobody who claims an
 * address of ours, and drop what is malformed under one reason. Copies from another worker teach
 * and are not answered.
 */
#include "tests/world/dp_fixture.h"

struct arp_pkt {
	uint16_t hw, proto;
	uint8_t hw_len, proto_len;
	uint16_t op;
	uint8_t sha[6], spa[4], tha[6], tpa[4];
} __attribute__((packed));

enum { REQUEST = 1, REPLY = 2 };

static struct arp_pkt arp(uint16_t op, uint8_t mac, const char *from, const char *to)
{
	struct arp_pkt a = { rte_cpu_to_be_16(1),
			     rte_cpu_to_be_16(0x0800),
			     6,
			     4,
			     rte_cpu_to_be_16(op),
			     { 2, 0, 0, 0, 0, mac },
			     { 0 },
			     { 0 },
			     { 0 } };
	struct ip_addr f = fx_ip(from), t = fx_ip(to);

	memcpy(a.spa, f.b + 12, 4);
	memcpy(a.tpa, t.b + 12, 4);
	return a;
}

static void arp_in(uint16_t port, const struct arp_pkt *a, size_t len, bool fresh)
{
	struct rte_mbuf *m = fx_frame(port, RTE_ETHER_TYPE_ARP, a, len);

	arp_input(&fx.w, m, port, (uint8_t)fx.dp.port[port].l2_len, fresh);
}

static const struct neigh *known(uint16_t port, const char *ip)
{
	struct ip_addr a = fx_ip(ip);

	return neigh_lookup(fx.w.net->neigh, port, &a);
}

static void test_arp_answer(void **state)
{
	struct arp_pkt a = arp(REQUEST, 7, "10.2.0.7", "10.2.0.1"), r;
	struct rte_ether_addr mac = fx_mac(7);

	(void)state;
	arp_in(FX_CORE, &a, sizeof(a), true);
	assert_int_equal(fx.n_sent, 1);
	assert_int_equal(fx.sent_port[0], FX_CORE);
	assert_memory_equal(fx_sent(0), mac.addr_bytes, 6);
	assert_memory_equal(fx_sent(0) + 12, "\x81\x00\x00\x2a\x08\x06", 6);
	memcpy(&r, fx_sent(0) + 18, sizeof(r));
	assert_int_equal(rte_be_to_cpu_16(r.op), REPLY);
	assert_memory_equal(r.sha, fx.dp.port[FX_CORE].mac.addr_bytes, 6);
	assert_memory_equal(r.spa, a.tpa, 4);
	assert_memory_equal(r.tha, a.sha, 6);
	assert_memory_equal(r.tpa, a.spa, 4);
	/* Who asks will be written to; that it can be reached is not proven. */
	assert_int_equal(known(FX_CORE, "10.2.0.7")->state, NEIGH_STALE);
	assert_int_equal(fx.n_copies, 1);
	arp_in(FX_CORE, &a, sizeof(a), true);
	assert_int_equal(fx.n_sent, 2);
	assert_int_equal(fx.n_copies, 1); /* no news */
}

static void test_arp_not_for_us(void **state)
{
	struct arp_pkt other = arp(REQUEST, 7, "10.1.0.7", "10.1.0.8");
	struct arp_pkt wrong_port = arp(REQUEST, 7, "10.1.0.7", "10.2.0.1");

	(void)state;
	arp_in(FX_ACCESS, &other, sizeof(other), true);
	arp_in(FX_ACCESS, &wrong_port, sizeof(wrong_port), true);
	assert_int_equal(fx_dropped(DROP_ARP_OTHER), 2);
	assert_int_equal(fx.n_sent, 0);
	assert_int_equal(neigh_count(fx.w.net->neigh), 0);
}

static void test_arp_probe(void **state)
{
	struct arp_pkt a = arp(REQUEST, 7, "0.0.0.0", "10.1.0.1");
	struct arp_pkt off = arp(REQUEST, 7, "192.0.2.7", "10.1.0.1");

	(void)state;
	arp_in(FX_ACCESS, &a, sizeof(a), true);
	arp_in(FX_ACCESS, &off, sizeof(off), true);
	assert_int_equal(fx.n_sent, 2);
	assert_int_equal(neigh_count(fx.w.net->neigh), 0);
}

static void test_arp_reply(void **state)
{
	struct arp_pkt a = arp(REPLY, 7, "10.1.0.7", "10.1.0.1");
	struct ip_addr ip = fx_ip("10.1.0.7");
	struct neigh *n;

	(void)state;
	arp_in(FX_ACCESS, &a, sizeof(a), true); /* nobody asked: nothing made */
	assert_int_equal(neigh_count(fx.w.net->neigh), 0);
	assert_int_equal(fx.n_copies, 1); /* another worker may have */
	/* Known, but not asked about: an address, and no proof that it can be reached. */
	n = neigh_at(&fx.w, FX_ACCESS, &ip);
	arp_in(FX_ACCESS, &a, sizeof(a), false);
	assert_int_equal(n->state, NEIGH_STALE);
	n->probes = 1;
	arp_in(FX_ACCESS, &a, sizeof(a), false);
	assert_int_equal(n->state, NEIGH_REACHABLE);
	/* Once more, and it does not stay reachable by that. */
	fx.w.now_ms += NEIGH_REACHABLE_MS - 1;
	arp_in(FX_ACCESS, &a, sizeof(a), false);
	assert_int_equal(n->since_ms, (uint32_t)fx.w.now_ms - (NEIGH_REACHABLE_MS - 1));
	assert_int_equal(fx.n_copies, 1);
	assert_int_equal(fx.n_sent, 0);
}

static void test_arp_announcement(void **state)
{
	struct arp_pkt a = arp(REQUEST, 8, "10.1.0.7", "10.1.0.7");
	struct rte_ether_addr mac = fx_mac(8);

	(void)state;
	arp_in(FX_ACCESS, &a, sizeof(a), true);
	assert_int_equal(neigh_count(fx.w.net->neigh), 0);
	fx_neighbour(FX_ACCESS, "10.1.0.7", 7);
	arp_in(FX_ACCESS, &a, sizeof(a), true);
	assert_memory_equal(known(FX_ACCESS, "10.1.0.7")->l2, mac.addr_bytes, 6);
	assert_int_equal(known(FX_ACCESS, "10.1.0.7")->state, NEIGH_STALE);
	assert_int_equal(fx.n_copies, 2);
	assert_int_equal(fx.n_sent, 0);
}

static void test_arp_copy(void **state)
{
	struct arp_pkt a = arp(REQUEST, 7, "10.1.0.7", "10.1.0.1");

	(void)state;
	arp_in(FX_ACCESS, &a, sizeof(a), false);
	assert_non_null(known(FX_ACCESS, "10.1.0.7"));
	assert_int_equal(fx.n_sent + fx.n_copies, 0);
}

static void test_arp_bad(void **state)
{
	struct arp_pkt a = arp(REQUEST, 7, "10.1.0.7", "10.1.0.1"), bad[9];
	size_t len, i, n = 0;

	(void)state;
	for (len = 0; len < sizeof(a); len++, n++)
		arp_in(FX_ACCESS, &a, len, true);
	for (i = 0; i < RTE_DIM(bad); i++)
		bad[i] = a;
	bad[0].hw = rte_cpu_to_be_16(6);
	bad[1].proto = rte_cpu_to_be_16(0x86dd);
	bad[2].hw_len = 8;
	bad[3].proto_len = 16;
	bad[4].op = rte_cpu_to_be_16(3);
	bad[5].sha[0] = 1; /* a group */
	memset(bad[6].sha, 0, 6);
	bad[7] = arp(REPLY, 7, "10.1.0.1", "10.1.0.7");	  /* our address */
	bad[8] = arp(REQUEST, 7, "10.2.0.1", "10.1.0.1"); /* one of the other port */
	for (i = 0; i < RTE_DIM(bad); i++, n++)
		arp_in(FX_ACCESS, &bad[i], sizeof(a), true);
	assert_int_equal(fx_dropped(DROP_ARP_BAD), n);
	assert_int_equal(fx.n_sent + fx.n_copies + neigh_count(fx.w.net->neigh), 0);
}

/* ---- neighbour discovery ---- */

enum {
	ND_RS = 133,
	ND_RA = 134,
	ND_NS = 135,
	ND_NA = 136,
	ND_REDIRECT = 137,
	SOLICITED = 0x40,
	OVERRIDE = 0x20,
	OPT_SOURCE = 1,
	OPT_TARGET = 2,
	ND_LEN = 32,
};

static void nd(uint8_t *b, uint8_t type, uint8_t flags, const char *target, uint8_t opt,
	       uint8_t mac)
{
	struct ip_addr t = fx_ip(target);
	struct rte_ether_addr e = fx_mac(mac);

	memset(b, 0, ND_LEN);
	b[0] = type;
	b[4] = flags;
	memcpy(b + 8, t.b, 16);
	b[24] = opt;
	b[25] = 1;
	memcpy(b + 26, e.addr_bytes, 6);
}

/* The i-th frame sent is an advertisement of target with our MAC. */
static void assert_advertises(uint32_t i, const char *target, const char *dst, uint8_t flags)
{
	struct pkt p = fx_pkt(fx.sent[i], fx.sent_port[i]);
	const uint8_t *b = fx_sent(i) + p.l2_len + p.l3_len;
	struct ip_addr t = fx_ip(target), d = fx_ip(dst);

	assert_int_equal(p.ttl, 255);
	assert_int_equal(p.l4_len, ND_LEN);
	assert_true(pkt_l4_csum_ok(&fx.w, &p));
	assert_true(ip_eq(&p.src, &t));
	assert_true(ip_eq(&p.dst, &d));
	assert_int_equal(b[0], ND_NA);
	assert_int_equal(b[4], flags);
	assert_memory_equal(b + 8, t.b, 16);
	assert_int_equal(b[24], OPT_TARGET);
	assert_memory_equal(b + 26, fx.dp.port[fx.sent_port[i]].mac.addr_bytes, 6);
}

static void test_nd_answer(void **state)
{
	struct rte_ether_addr mac = fx_mac(7);
	uint8_t b[ND_LEN];

	(void)state;
	nd(b, ND_NS, 0, "fd00:2::1", OPT_SOURCE, 7);
	fx_icmp(FX_CORE, "fd00:2::7", "ff02::1:ff00:1", 255, b, sizeof(b));
	assert_int_equal(fx.n_sent, 1);
	assert_memory_equal(fx_sent(0), mac.addr_bytes, 6);
	assert_advertises(0, "fd00:2::1", "fd00:2::7", SOLICITED | OVERRIDE);
	assert_int_equal(known(FX_CORE, "fd00:2::7")->state, NEIGH_STALE);
	assert_int_equal(fx.n_copies, 1);
	/* Unicast and without the option, as when it confirms us: the frame's address answers. */
	fx_icmp(FX_CORE, "fd00:2::7", "fd00:2::1", 255, b, 24);
	assert_int_equal(fx.n_sent, 2);
	mac = fx_mac(9);
	assert_memory_equal(fx_sent(1), mac.addr_bytes, 6);
	assert_int_equal(fx.n_copies, 1);
}

static void test_nd_link_local(void **state)
{
	uint8_t b[ND_LEN];
	char own[ADDR_STR_MAX];

	(void)state;
	ip_format(&fx.dp.port[FX_ACCESS].link_local, own, sizeof(own));
	nd(b, ND_NS, 0, own, OPT_SOURCE, 7);
	fx_icmp(FX_ACCESS, "fe80::7", own, 255, b, sizeof(b));
	assert_int_equal(fx.n_sent, 1);
	assert_advertises(0, own, "fe80::7", SOLICITED | OVERRIDE);
	assert_non_null(known(FX_ACCESS, "fe80::7"));
}

static void test_nd_dad(void **state)
{
	uint8_t b[ND_LEN];

	(void)state;
	nd(b, ND_NS, 0, "fd00:1::1", OPT_SOURCE, 7);
	fx_icmp(FX_ACCESS, "::", "ff02::1:ff00:1", 255, b, 24);
	assert_int_equal(fx.n_sent, 1);
	assert_memory_equal(fx_sent(0), "\x33\x33\x00\x00\x00\x01", 6);
	assert_advertises(0, "fd00:1::1", "ff02::1", OVERRIDE);
	assert_int_equal(neigh_count(fx.w.net->neigh), 0);
	/* Not to the group, or with an address (RFC 4861 7.1.1): no such question. */
	fx_icmp(FX_ACCESS, "::", "fd00:1::1", 255, b, 24);
	fx_icmp(FX_ACCESS, "::", "ff02::1:ff00:1", 255, b, sizeof(b));
	assert_int_equal(fx_dropped(DROP_ND_BAD), 2);
	assert_int_equal(fx.n_sent, 1);
}

static void test_nd_other(void **state)
{
	static const uint8_t type[] = { ND_RS, ND_RA, ND_REDIRECT };
	uint8_t b[ND_LEN];
	uint32_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(type); i++) {
		nd(b, type[i], 0, "fd00:1::7", OPT_SOURCE, 7);
		fx_icmp(FX_ACCESS, "fe80::7", "ff02::1", 255, b, sizeof(b));
	}
	/* A router solicitation without options, as most hosts send it (RFC 4861 4.1). */
	nd(b, ND_RS, 0, "::", 0, 0);
	fx_icmp(FX_ACCESS, "fe80::7", "ff02::2", 255, b, 8);
	nd(b, ND_NS, 0, "fd00:1::8", OPT_SOURCE, 7); /* somebody else's */
	fx_icmp(FX_ACCESS, "fd00:1::7", "ff02::1:ff00:8", 255, b, sizeof(b));
	nd(b, ND_NS, 0, "fd00:2::1", OPT_SOURCE, 7); /* the other port's */
	fx_icmp(FX_ACCESS, "fd00:1::7", "ff02::1:ff00:1", 255, b, sizeof(b));
	assert_int_equal(fx_dropped(DROP_ND_OTHER), 6);
	assert_int_equal(fx.n_sent + fx.n_copies + neigh_count(fx.w.net->neigh), 0);
}

static void test_nd_advertisement(void **state)
{
	struct rte_ether_addr old = fx_mac(7), new = fx_mac(8);
	const struct neigh *n;
	uint8_t b[ND_LEN];

	(void)state;
	nd(b, ND_NA, SOLICITED | OVERRIDE, "fd00:1::7", OPT_TARGET, 7);
	fx_icmp(FX_ACCESS, "fd00:1::7", "fd00:1::1", 255, b, sizeof(b));
	assert_int_equal(neigh_count(fx.w.net->neigh), 0); /* nobody asked */
	fx_neighbour(FX_ACCESS, "fd00:1::7", 7);
	n = known(FX_ACCESS, "fd00:1::7");
	/* Without override the address stays, but is doubted. */
	nd(b, ND_NA, SOLICITED, "fd00:1::7", OPT_TARGET, 8);
	fx_icmp(FX_ACCESS, "fd00:1::7", "fd00:1::1", 255, b, sizeof(b));
	assert_memory_equal(n->l2, old.addr_bytes, 6);
	assert_int_equal(n->state, NEIGH_STALE);
	/* Without the option it is confirmed, if we asked. */
	fx_icmp(FX_ACCESS, "fd00:1::7", "fd00:1::1", 255, b, 24);
	assert_int_equal(n->state, NEIGH_STALE);
	((struct neigh *)(uintptr_t)n)->probes = 1;
	fx_icmp(FX_ACCESS, "fd00:1::7", "fd00:1::1", 255, b, 24);
	assert_memory_equal(n->l2, old.addr_bytes, 6);
	assert_int_equal(n->state, NEIGH_REACHABLE);
	/* An announcement changes it and proves nothing. */
	nd(b, ND_NA, OVERRIDE, "fd00:1::7", OPT_TARGET, 8);
	fx_icmp(FX_ACCESS, "fd00:1::7", "ff02::1", 255, b, sizeof(b));
	assert_memory_equal(n->l2, new.addr_bytes, 6);
	assert_int_equal(n->state, NEIGH_STALE);
	assert_int_equal(fx.n_sent, 0);
	assert_int_equal(fx.n_copies, 5);
}

static void test_nd_truncated(void **state)
{
	uint8_t b[ND_LEN];
	uint64_t bad;
	size_t len;

	(void)state;
	nd(b, ND_NS, 0, "fd00:1::1", OPT_SOURCE, 7);
	for (len = 8; len < sizeof(b); len++) {
		bad = fx_dropped(DROP_ND_BAD) + fx_dropped(DROP_ICMP_BAD);
		fx_icmp(FX_ACCESS, "fd00:1::7", "ff02::1:ff00:1", 255, b, len);
		assert_int_equal(fx_dropped(DROP_ND_BAD) + fx_dropped(DROP_ICMP_BAD) - bad,
				 len != 24);
	}
	assert_int_equal(neigh_count(fx.w.net->neigh), 0);
}

static void test_nd_bad(void **state)
{
	uint8_t b[ND_LEN];
	uint32_t n = 0;

	(void)state;
	nd(b, ND_NS, 0, "fd00:1::1", OPT_SOURCE, 7);
	fx_icmp(FX_ACCESS, "fd00:1::7", "ff02::1:ff00:1", 254, b, sizeof(b)), n++; /* routed */
	b[1] = 1;								   /* code */
	fx_icmp(FX_ACCESS, "fd00:1::7", "ff02::1:ff00:1", 255, b, sizeof(b)), n++;
	nd(b, ND_NS, 0, "ff02::1", OPT_SOURCE, 7); /* a group has no MAC */
	fx_icmp(FX_ACCESS, "fd00:1::7", "ff02::1:ff00:1", 255, b, sizeof(b)), n++;
	nd(b, ND_NS, 0, "fd00:1::1", OPT_SOURCE, 7);
	b[25] = 0; /* option without length */
	fx_icmp(FX_ACCESS, "fd00:1::7", "ff02::1:ff00:1", 255, b, sizeof(b)), n++;
	b[25] = 2; /* option past the end */
	fx_icmp(FX_ACCESS, "fd00:1::7", "ff02::1:ff00:1", 255, b, sizeof(b)), n++;
	nd(b, ND_NA, OVERRIDE, "fd00:1::1", OPT_TARGET, 7); /* our address */
	fx_icmp(FX_ACCESS, "fd00:1::7", "fd00:1::1", 255, b, sizeof(b)), n++;
	nd(b, ND_NA, SOLICITED, "fd00:1::7", OPT_TARGET, 7); /* an answer to everybody */
	fx_icmp(FX_ACCESS, "fd00:1::7", "ff02::1", 255, b, sizeof(b)), n++;
	assert_int_equal(fx_dropped(DROP_ND_BAD), n);
	assert_int_equal(fx.n_sent + fx.n_copies + neigh_count(fx.w.net->neigh), 0);
}

static void test_nd_copy(void **state)
{
	uint8_t b[ND_LEN];
	struct pkt p;

	(void)state;
	nd(b, ND_NS, 0, "fd00:1::1", OPT_SOURCE, 7);
	p = fx_pkt(
	    fx_ip_frame(FX_ACCESS, "fd00:1::7", "fd00:1::1", IP_PROTO_ICMPV6, 255, b, sizeof(b)),
	    FX_ACCESS);
	nd_input(&fx.w, &p, false);
	assert_non_null(known(FX_ACCESS, "fd00:1::7"));
	assert_int_equal(fx.n_sent + fx.n_copies, 0);
}

/* Nothing is learnt from what came in fragments (RFC 6980 5). */
static void test_nd_in_fragments(void **state)
{
	uint8_t b[ND_LEN];
	struct pkt p;

	(void)state;
	nd(b, ND_NS, 0, "fd00:1::1", OPT_SOURCE, 7);
	p = fx_pkt(
	    fx_ip_frame(FX_ACCESS, "fd00:1::7", "fd00:1::1", IP_PROTO_ICMPV6, 255, b, sizeof(b)),
	    FX_ACCESS);
	p.whole = true;
	nd_input(&fx.w, &p, true);
	assert_int_equal(fx_dropped(DROP_ND_BAD), 1);
	assert_int_equal(neigh_count(fx.w.net->neigh), 0);
	assert_int_equal(fx.n_sent + fx.n_copies, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fx_setup, fx_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_arp_answer),	     TEST(test_arp_not_for_us),
		TEST(test_arp_probe),	     TEST(test_arp_reply),
		TEST(test_arp_announcement), TEST(test_arp_copy),
		TEST(test_arp_bad),	     TEST(test_nd_answer),
		TEST(test_nd_link_local),    TEST(test_nd_dad),
		TEST(test_nd_other),	     TEST(test_nd_advertisement),
		TEST(test_nd_truncated),     TEST(test_nd_bad),
		TEST(test_nd_copy),	     TEST(test_nd_in_fragments),
	};

	return cmocka_run_group_tests(tests, fx_eal, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pins: echo is answered at our addresses (RFC 792, RFC 4443 4.2), errors about packets of relayed
 * ports reach the relay on the worker that owns the port (RFC 8656 11.5) and nothing else does,
 * whatever a quotation lies; errors of our own quote what fits and are never sent about what
 * RFC 1122 3.2.2 and RFC 4443 2.4 (e) forbid. All that is made has one rate limit.
 */
#include "tests/world/dp_fixture.h"

#include <netinet/in.h>

enum { ECHO4 = 8, ECHO6 = 128, OWNER0 = FX_RELAY_MIN, OWNER1 = FX_RELAY_MIN + 2 };

static const uint8_t fill[64] = "0123456789abcdefghijklmnopqrstuvwxyz";

/* Later than the fixture's start: the bucket is full. */
static int setup(void **state)
{
	int rc = fx_setup(state);

	fx_clock_ms(5000);
	return rc;
}

static void echo(uint16_t port, const char *src, const char *dst, size_t len)
{
	uint8_t b[8 + sizeof(fill)] = { 0 };

	b[0] = strchr(src, ':') ? ECHO6 : ECHO4;
	b[5] = 77; /* identifier */
	memcpy(b + 8, fill, len);
	fx_icmp(port, src, dst, 3, b, 8 + len);
}

static void assert_echoes(uint32_t i, const char *src, const char *dst, size_t len)
{
	struct ip_addr s = fx_ip(src), d = fx_ip(dst);
	const uint8_t *b = fx_sent(i);
	struct pkt p = fx_pkt(fx.sent[i], fx.sent_port[i]);

	b += p.l2_len + p.l3_len;
	assert_true(ip_eq(&p.src, &s));
	assert_true(ip_eq(&p.dst, &d));
	assert_int_equal(p.ttl, IP_TTL_OWN);
	assert_int_equal(p.l4_len, 8 + len);
	assert_true(pkt_l4_csum_ok(&fx.w, &p));
	assert_int_equal(b[0], p.v6 ? 129 : 0);
	assert_int_equal(b[5], 77);
	assert_memory_equal(b + 8, fill, len);
}

static void test_echo(void **state)
{
	(void)state;
	fx_neighbour(FX_ACCESS, "10.1.0.7", 7);
	fx_neighbour(FX_CORE, "fd00:2::7", 7);
	echo(FX_ACCESS, "10.1.0.7", "10.1.0.1", 56);
	assert_echoes(0, "10.1.0.1", "10.1.0.7", 56);
	echo(FX_CORE, "fd00:2::7", "fd00:2::1", 31);
	assert_echoes(1, "fd00:2::1", "fd00:2::7", 31);
	echo(FX_ACCESS, "10.1.0.7", "10.2.0.1", 0); /* a relay address answers as well */
	assert_echoes(2, "10.2.0.1", "10.1.0.7", 0);
}

static void test_echo_link_local(void **state)
{
	char own[ADDR_STR_MAX];

	(void)state;
	ip_format(&fx.dp.port[FX_CORE].link_local, own, sizeof(own));
	fx_neighbour(FX_CORE, "fe80::7", 7);
	echo(FX_CORE, "fe80::7", own, 20);
	assert_int_equal(fx.n_sent, 1);
	assert_int_equal(fx.sent_port[0], FX_CORE);
	assert_echoes(0, own, "fe80::7", 20);
}

/* An answer larger than the link is cut. */
static void test_echo_large(void **state)
{
	struct ip_addr src = fx_ip("10.1.0.7"), dst = fx_ip("10.1.0.1");
	struct ip_out o = { &src, &dst, 8 + 4 * 1000, IP_PROTO_ICMP, 0, 64, false };
	uint8_t hdr[64] = { 0 };
	struct rte_mbuf *m, *s;
	uint16_t csum;
	struct pkt p;
	uint32_t i;

	(void)state;
	fx_neighbour(FX_ACCESS, "10.1.0.7", 7);
	ip_write(&fx.w, hdr, &o);
	hdr[IPV4_HDR] = ECHO4;
	csum = csum_field(csum_bytes(0, hdr + IPV4_HDR, 8)); /* the rest is zero */
	memcpy(hdr + IPV4_HDR + 2, &csum, 2);
	m = fx_frame(FX_ACCESS, RTE_ETHER_TYPE_IPV4, hdr, IPV4_HDR + 8);
	for (i = 0; i < 4; i++) {
		s = rte_pktmbuf_alloc(fx.w.pool);
		memset(rte_pktmbuf_append(s, 1000), 0, 1000);
		assert_int_equal(rte_pktmbuf_chain(m, s), 0);
	}
	p = fx_pkt(m, FX_ACCESS);
	dispatch_icmp(&fx.w, &p, false);
	assert_int_equal(fx.n_sent, 3);
	assert_int_equal(fx_counted(CNT_FRAG_OUT), 3);
}

static void test_echo_not(void **state)
{
	uint8_t b[16] = { ECHO4 }, reply[16] = { 0 }, code[16] = { ECHO4, 1 };
	uint8_t mld[16] = { 143 };
	struct pkt p;
	size_t len;

	(void)state;
	/* Too short, */
	for (len = 0; len < 8; len++)
		fx_icmp(FX_ACCESS, "10.1.0.7", "10.1.0.1", 64, b, len);
	assert_int_equal(fx_dropped(DROP_ICMP_BAD), 8);
	/* damaged, */
	b[2] = 1;
	p = fx_pkt(fx_ip_frame(FX_ACCESS, "10.1.0.7", "10.1.0.1", IP_PROTO_ICMP, 64, b, 16),
		   FX_ACCESS);
	dispatch_icmp(&fx.w, &p, false);
	assert_int_equal(fx_dropped(DROP_ICMP_BAD), 9);
	/* not a question for us, not to us alone. */
	fx_icmp(FX_ACCESS, "10.1.0.7", "10.1.0.1", 64, reply, 16);
	fx_icmp(FX_ACCESS, "10.1.0.7", "10.1.0.1", 64, code, 16);
	fx_icmp(FX_ACCESS, "fe80::7", "fd00:1::1", 1, mld, 16);
	assert_int_equal(fx_dropped(DROP_ICMP_TYPE), 3);
	echo(FX_ACCESS, "fd00:1::7", "ff02::1", 8);
	assert_int_equal(fx_dropped(DROP_IP_DST), 1);
	assert_int_equal(fx.n_sent, 0);
}

static void test_rate(void **state)
{
	uint32_t i;

	(void)state;
	fx_neighbour(FX_ACCESS, "10.1.0.7", 7);
	for (i = 0; i < FX_ICMP_RATE + 5; i++)
		echo(FX_ACCESS, "10.1.0.7", "10.1.0.1", 8);
	assert_int_equal(fx.n_sent, FX_ICMP_RATE);
	assert_int_equal(fx_dropped(DROP_ICMP_RATE), 5);
	fx.w.now_ms += 2 * 1000 / FX_ICMP_RATE; /* two more */
	for (i = 0; i < 3; i++)
		echo(FX_ACCESS, "10.1.0.7", "10.1.0.1", 8);
	assert_int_equal(fx.n_sent, FX_ICMP_RATE + 2);
}

/* ---- errors about packets of ours ---- */

struct quote {
	uint8_t b[256]; /* ICMP header, and the packet it is about */
	size_t len;
};

/* An error about what a relayed port sent from src to the peer at dst:9. */
static struct quote quote(uint8_t type, uint8_t code, const char *src, const char *dst,
			  uint16_t port)
{
	struct quote q = { .b = { type, code } };
	struct ip_addr s = fx_ip(src), d = fx_ip(dst);
	struct ip_out o = { &s, &d, UDP_HDR + 20, IP_PROTO_UDP, 0, 3, true };
	uint8_t *u = q.b + 8;

	u += ip_write(&fx.w, u, &o);
	memcpy(u, be16_make(port).b, 2);
	memcpy(u + 2, be16_make(9).b, 2);
	memcpy(u + 4, be16_make(o.len).b, 2);
	q.len = (size_t)(u + UDP_HDR + 20 - q.b);
	return q;
}

static struct quote quote4(uint16_t port)
{
	return quote(3, 3, "10.2.0.1", "10.9.9.9", port);
}

static struct quote quote6(uint16_t port)
{
	return quote(1, 4, "fd00:2::1", "2001:db8::9", port);
}

static void error4(struct quote *q)
{
	fx_icmp(FX_CORE, "10.2.0.254", "10.2.0.1", 64, q->b, q->len);
}

static void error6(struct quote *q)
{
	fx_icmp(FX_CORE, "fd00:2::fe", "fd00:2::1", 64, q->b, q->len);
}

static void assert_reported(uint8_t type, uint8_t code, const char *src, const char *dst,
			    uint32_t value)
{
	struct ip_addr s = fx_ip(src), d = fx_ip(dst);

	assert_int_equal(fx.n_reports, 1);
	assert_int_equal(fx.report.type, type);
	assert_int_equal(fx.report.code, code);
	assert_int_equal(fx.report.data, value);
	assert_true(ip_eq(&fx.report.relayed.ip, &s));
	assert_true(ip_eq(&fx.report.peer.ip, &d));
	assert_int_equal(be16_get(fx.report.relayed.port), OWNER0);
	assert_int_equal(be16_get(fx.report.peer.port), 9);
	fx.n_reports = 0;
}

static void test_report(void **state)
{
	static const struct {
		uint8_t type, code;
		uint32_t value;
	} t4[] = { { 3, 3, 0 }, { 3, 4, 0x0567 }, { 11, 0, 0 } },
	  t6[] = { { 1, 4, 0 }, { 2, 0, 0x01230567 }, { 3, 0, 0 } };
	struct quote q;
	uint32_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(t4); i++) {
		q = quote(t4[i].type, t4[i].code, "10.2.0.1", "10.9.9.9", OWNER0);
		memcpy(q.b + 4, "\x01\x23\x05\x67", 4);
		error4(&q);
		assert_reported(t4[i].type, t4[i].code, "10.2.0.1", "10.9.9.9", t4[i].value);
	}
	for (i = 0; i < RTE_DIM(t6); i++) {
		q = quote(t6[i].type, t6[i].code, "fd00:2::1", "2001:db8::9", OWNER0);
		memcpy(q.b + 4, "\x01\x23\x05\x67", 4);
		error6(&q);
		assert_reported(t6[i].type, t6[i].code, "fd00:2::1", "2001:db8::9", t6[i].value);
	}
	/* Parameter problems are not for clients (RFC 8656 11.5). */
	q = quote(12, 0, "10.2.0.1", "10.9.9.9", OWNER0);
	error4(&q);
	q = quote(4, 1, "fd00:2::1", "2001:db8::9", OWNER0);
	error6(&q);
	assert_int_equal(fx.n_reports, 0);
	assert_int_equal(fx_dropped(DROP_ICMP_TYPE), 2);
}

/* Eight bytes after the IP header are enough (RFC 792), one less is not. */
static void test_report_truncated(void **state)
{
	struct quote q4 = quote4(OWNER0), q6 = quote6(OWNER0);
	size_t len;

	(void)state;
	for (len = 0; len <= q4.len; len++) {
		struct quote q = q4;

		q.len = len;
		error4(&q);
		assert_int_equal(fx.n_reports, len >= 8 + IPV4_HDR + UDP_HDR);
		fx.n_reports = 0;
	}
	for (len = 0; len <= q6.len; len++) {
		struct quote q = q6;

		q.len = len;
		error6(&q);
		assert_int_equal(fx.n_reports, len >= 8 + IPV6_HDR + UDP_HDR);
		fx.n_reports = 0;
	}
	assert_int_equal(fx_dropped(DROP_ICMP_BAD),
			 8 + IPV4_HDR + UDP_HDR + 8 + IPV6_HDR + UDP_HDR);
}

static void test_report_options(void **state)
{
	struct quote q = quote4(OWNER0);
	uint8_t *ip = q.b + 8;

	(void)state;
	memmove(ip + 60, ip + 20, q.len - 28);
	memset(ip + 20, 1, 40);
	ip[0] = 0x4f;
	ip[3] = (uint8_t)(ip[3] + 40);
	q.len += 40;
	error4(&q);
	assert_reported(3, 3, "10.2.0.1", "10.9.9.9", 0);
	q.len = 8 + 60 + 7;
	error4(&q);
	assert_int_equal(fx_dropped(DROP_ICMP_BAD), 1);
}

static void test_report_first_fragment(void **state)
{
	struct quote q = quote6(OWNER0);
	uint8_t *ip = q.b + 8;

	(void)state;
	memmove(ip + 48, ip + 40, q.len - 48);
	memset(ip + 40, 0, 8);
	ip[40] = ip[6];
	ip[43] = 1; /* more follow */
	ip[6] = IPPROTO_FRAGMENT;
	q.len += 8;
	error6(&q);
	assert_reported(1, 4, "fd00:2::1", "2001:db8::9", 0);
	ip[43] = 8; /* a later one */
	error6(&q);
	assert_int_equal(fx_dropped(DROP_ICMP_BAD), 1);
}

static void bad(struct quote q, size_t at, uint8_t value)
{
	uint64_t bad = fx_dropped(DROP_ICMP_BAD);

	q.b[8 + at] = value;
	if (q.b[8] >> 4 == 6 || q.b[0] == 1)
		error6(&q);
	else
		error4(&q);
	assert_int_equal(fx_dropped(DROP_ICMP_BAD) - bad, 1);
	assert_int_equal(fx.n_reports, 0);
}

static void test_report_invalid(void **state)
{
	struct quote q;

	(void)state;
	q = quote4(OWNER0);
	bad(q, 0, 0x44);	 /* header of 16 bytes */
	bad(q, 0, 0x35);	 /* version */
	bad(q, 3, 27);		 /* no room for UDP in its total length */
	bad(q, 9, IPPROTO_SCTP); /* not what we send */
	bad(q, 7, 1);		 /* a later fragment */
	bad(q, 6, 0x1f);
	bad(q, 15, 2); /* not from the address the error came to */
	q = quote6(OWNER0);
	bad(q, 0, 0x70);
	bad(q, 5, 7);
	bad(q, 6, IPPROTO_SCTP);
	bad(q, 8 + 15, 2);
	/* An IPv4 destination in IPv6's clothes. */
	memset(q.b + 8 + 24, 0, 10);
	q.b[8 + 24 + 10] = 0xff;
	bad(q, 24 + 11, 0xff);
}

/* Not a relayed port: a listener's answer, or an address without relay. */
static void test_report_no_session(void **state)
{
	struct quote q = quote(3, 3, "10.2.0.1", "10.9.9.9", 3478);

	(void)state;
	error4(&q);
	q = quote(3, 3, "10.1.0.1", "10.9.9.9", OWNER0);
	fx_icmp(FX_ACCESS, "10.1.0.254", "10.1.0.1", 64, q.b, q.len);
	assert_int_equal(fx_dropped(DROP_ICMP_NO_SESSION), 2);
	assert_int_equal(fx.n_reports, 0);
}

static void test_report_owner(void **state)
{
	struct quote q = quote4(OWNER1);

	(void)state;
	assert_int_equal(port_owner(&fx.dp, NULL, OWNER0), 0);
	assert_int_equal(port_owner(&fx.dp, NULL, OWNER1), 1);
	error4(&q);
	q = quote6(OWNER1);
	error6(&q);
	assert_int_equal(fx.n_handed, 2);
	assert_int_equal(fx.handed_to, 1);
	assert_int_equal(fx.n_reports, 0);
}

/* ---- errors of ours ---- */

/* A UDP packet to us of len bytes of payload, and what we say about it. */
static void complain(const char *src, const char *dst, size_t len, enum icmp_why why, uint16_t mtu)
{
	uint8_t b[1400] = { 0x10, 0, 0x20, 0 };
	struct pkt p;

	memcpy(b + 4, be16_make((uint16_t)(UDP_HDR + len)).b, 2);
	p = fx_pkt(fx_ip_frame(FX_ACCESS, src, dst, IP_PROTO_UDP, 64, b, UDP_HDR + len), FX_ACCESS);
	icmp_error(&fx.w, &p, why, mtu);
	pkt_drop(&fx.w, p.m, DROP_UDP_PORT);
}

static void assert_error(uint32_t i, uint8_t type, uint8_t code, uint32_t data, size_t quoted)
{
	const uint8_t *b = fx_sent(i);
	struct pkt p = fx_pkt(fx.sent[i], fx.sent_port[i]);
	struct ip_addr src = fx_ip(p.v6 ? "fd00:1::1" : "10.1.0.1");
	struct be32 v;

	b += p.l2_len + p.l3_len;
	assert_true(pkt_l4_csum_ok(&fx.w, &p));
	assert_true(ip_eq(&p.src, &src));
	assert_int_equal(b[0], type);
	assert_int_equal(b[1], code);
	memcpy(v.b, b + 4, 4);
	assert_int_equal(be32_get(v), data);
	assert_int_equal(p.l4_len, 8 + quoted);
	assert_int_equal(b[8] >> 4, p.v6 ? 6 : 4);
}

static void test_error(void **state)
{
	static const struct {
		enum icmp_why why;
		uint8_t t4, c4, t6, c6;
		uint32_t data4, data6;
	} t[] = {
		{ ICMP_WHY_PORT, 3, 3, 1, 4, 0, 0 },  { ICMP_WHY_TOO_BIG, 3, 4, 2, 0, 1300, 1300 },
		{ ICMP_WHY_TTL, 11, 0, 3, 0, 0, 0 },  { ICMP_WHY_HOST, 3, 1, 1, 3, 0, 0 },
		{ ICMP_WHY_PROTO, 3, 2, 4, 1, 0, 6 },
	};
	uint32_t i;

	(void)state;
	fx_neighbour(FX_ACCESS, "10.1.0.7", 7);
	fx_neighbour(FX_ACCESS, "fd00:1::7", 7);
	for (i = 0; i < RTE_DIM(t); i++) {
		fx.w.now_ms += 1000;
		complain("10.1.0.7", "10.1.0.1", 40, t[i].why, 1300);
		assert_error(2 * i, t[i].t4, t[i].c4, t[i].data4, 68);
		complain("fd00:1::7", "fd00:1::1", 40, t[i].why, 1300);
		assert_error(2 * i + 1, t[i].t6, t[i].c6, t[i].data6, 88);
	}
}

static void test_error_quotes_what_fits(void **state)
{
	(void)state;
	fx_neighbour(FX_ACCESS, "10.1.0.7", 7);
	fx_neighbour(FX_ACCESS, "fd00:1::7", 7);
	complain("10.1.0.7", "10.1.0.1", 1300, ICMP_WHY_PORT, 0);
	assert_int_equal(fx.sent[0]->pkt_len, RTE_ETHER_HDR_LEN + 576);
	complain("fd00:1::7", "fd00:1::1", 1300, ICMP_WHY_PORT, 0);
	assert_int_equal(fx.sent[1]->pkt_len, RTE_ETHER_HDR_LEN + 1280);
	assert_error(0, 3, 3, 0, 548);
	assert_error(1, 1, 4, 0, 1232);
}

/* The pointer names the last Next Header field (RFC 4443 3.4). */
static void test_error_pointer(void **state)
{
	uint8_t b[40] = { 0 };
	struct pkt p;

	(void)state;
	fx_neighbour(FX_ACCESS, "fd00:1::7", 7);
	b[0] = IPPROTO_DSTOPTS; /* hop-by-hop, then options, then a protocol nobody knows */
	b[8] = 253;
	b[9] = 1;
	p = fx_pkt(
	    fx_ip_frame(FX_ACCESS, "fd00:1::7", "fd00:1::1", IPPROTO_HOPOPTS, 64, b, sizeof(b)),
	    FX_ACCESS);
	p.l3_len = IPV6_HDR + 8 + 16;
	p.l4_len = 16;
	p.proto = 253;
	icmp_error(&fx.w, &p, ICMP_WHY_PROTO, 0);
	pkt_drop(&fx.w, p.m, DROP_IP_PROTO);
	assert_error(0, 4, 1, 48, IPV6_HDR + sizeof(b));
}

static void test_error_not(void **state)
{
	uint8_t b[64] = { 3 };
	struct pkt p;
	uint32_t i;

	(void)state;
	fx_neighbour(FX_ACCESS, "10.1.0.7", 7);
	/* About ICMP, */
	p = fx_pkt(fx_ip_frame(FX_ACCESS, "10.1.0.7", "10.1.0.1", IP_PROTO_ICMP, 64, b, 40),
		   FX_ACCESS);
	icmp_error(&fx.w, &p, ICMP_WHY_TTL, 0);
	pkt_drop(&fx.w, p.m, DROP_IP_TTL);
	/* about what went to a group, in IP or on the link, */
	complain("fd00:1::7", "ff02::1", 10, ICMP_WHY_PORT, 0);
	p = fx_pkt(fx_ip_frame(FX_ACCESS, "10.1.0.7", "10.1.0.1", IP_PROTO_UDP, 64, b, 40),
		   FX_ACCESS);
	memset(rte_pktmbuf_mtod(p.m, void *), 0xff, 6);
	icmp_error(&fx.w, &p, ICMP_WHY_PORT, 0);
	pkt_drop(&fx.w, p.m, DROP_UDP_PORT);
	assert_int_equal(fx_counted(CNT_MADE), 0);
	/* to a broadcast address, */
	complain("10.1.0.255", "10.1.0.1", 10, ICMP_WHY_PORT, 0);
	assert_int_equal(fx_dropped(DROP_NO_ROUTE), 1);
	assert_int_equal(fx.n_sent, 0);
	/* or more often than allowed. */
	for (i = 0; i < 3 * FX_ICMP_RATE; i++)
		complain("10.1.0.7", "10.1.0.1", 10, ICMP_WHY_PORT, 0);
	assert_int_equal(fx.n_sent, FX_ICMP_RATE - 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, fx_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_echo),
		TEST(test_echo_link_local),
		TEST(test_echo_large),
		TEST(test_echo_not),
		TEST(test_rate),
		TEST(test_report),
		TEST(test_report_truncated),
		TEST(test_report_options),
		TEST(test_report_first_fragment),
		TEST(test_report_invalid),
		TEST(test_report_no_session),
		TEST(test_report_owner),
		TEST(test_error),
		TEST(test_error_quotes_what_fits),
		TEST(test_error_pointer),
		TEST(test_error_not),
	};

	return cmocka_run_group_tests(tests, fx_eal, NULL);
}

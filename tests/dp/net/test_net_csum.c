/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pins: the internet checksum (RFC 1071) over any length, alignment and chain of segments equals
 * a plain sum of 16-bit words; UDP's is never sent as zero, which means none (RFC 768), and none
 * is accepted for IPv4 only (RFC 8200 8.1).
 */
#include "tests/world/dp_fixture.h"

#include <stdlib.h>

/* As RFC 1071 says it: big-endian words, the odd byte padded. */
static uint16_t naive(const uint8_t *p, size_t len)
{
	uint32_t s = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		s += i % 2 ? p[i] : (uint32_t)p[i] << 8;
		s = (s & 0xffff) + (s >> 16);
	}
	return (uint16_t)s;
}

static uint16_t native(uint64_t s)
{
	return __builtin_bswap16(csum_fold(s));
}

static void fill(uint8_t *p, size_t len, unsigned int seed)
{
	size_t i;

	for (i = 0; i < len; i++) {
		seed = seed * 1103515245u + 12345u;
		p[i] = (uint8_t)(seed >> 16);
	}
}

static void test_bytes(void **state)
{
	uint8_t buf[340];
	size_t off, len;

	(void)state;
	fill(buf, sizeof(buf), 7);
	for (off = 0; off < 16; off++)
		for (len = 0; len <= 300; len++)
			assert_int_equal(native(csum_bytes(0, buf + off, len)),
					 naive(buf + off, len));
}

static void test_carries(void **state)
{
	uint8_t *big = malloc(65535);

	(void)state;
	assert_non_null(big);
	memset(big, 0xff, 65535);
	assert_int_equal(native(csum_bytes(0, big, 65535)), naive(big, 65535));
	memset(big, 0xff, 16);
	memset(big + 16, 0, 16);
	big[16] = big[24] = 1; /* sixteen ones, and then what makes the words wrap */
	assert_int_equal(native(csum_bytes(0, big, 32)), naive(big, 32));
	free(big);
}

static void test_chain(void **state)
{
	static const uint16_t cut[] = { 1, 3, 16, 17, 255, 8 };
	struct rte_mbuf *m = NULL, *s;
	uint8_t buf[300];
	uint32_t i, off, len, at = 0;

	(void)state;
	fill(buf, sizeof(buf), 3);
	for (i = 0; i < RTE_DIM(cut); i++) {
		s = rte_pktmbuf_alloc(fx.w.pool);
		memcpy(rte_pktmbuf_append(s, cut[i]), buf + at, cut[i]);
		at += cut[i];
		if (m)
			assert_int_equal(rte_pktmbuf_chain(m, s), 0);
		else
			m = s;
	}
	for (off = 0; off < at; off++)
		for (len = 0; off + len <= at; len += 7)
			assert_int_equal(native(csum_mbuf(0, m, off, len)), naive(buf + off, len));
	rte_pktmbuf_free(m);
}

/* Sends len bytes by UDP and returns the checksum on the wire. */
static uint16_t udp_csum(const char *from, const char *to, const uint8_t *data, uint16_t len)
{
	struct sock_addr src = { fx_ip(from), be16_make(3478) };
	struct sock_addr dst = { fx_ip(to), be16_make(4000) };
	struct rte_mbuf *m = pkt_make(&fx.w);
	uint16_t csum;
	struct pkt p;

	memcpy(rte_pktmbuf_append(m, len), data, len);
	udp_send(&fx.w, m, &src, &dst, 0);
	assert_int_equal(fx.n_sent, 1);
	p = fx_pkt(fx.sent[0], FX_ACCESS);
	assert_int_equal(p.l4_len, len + UDP_HDR);
	assert_true(pkt_l4_csum_ok(&fx.w, &p));
	memcpy(&csum, fx_sent(0) + p.l2_len + p.l3_len + 6, 2);
	fx_forget();
	return csum;
}

static void test_udp(void **state)
{
	static const char *const pair[][2] = { { "10.1.0.1", "10.1.0.2" },
					       { "fd00:1::1", "fd00:1::2" } };
	uint8_t data[41] = { 0 };
	uint16_t csum, i;

	(void)state;
	fx_neighbour(FX_ACCESS, "10.1.0.2", 9);
	fx_neighbour(FX_ACCESS, "fd00:1::2", 9);
	for (i = 0; i < RTE_DIM(pair); i++) {
		memset(data, 0, sizeof(data));
		csum = udp_csum(pair[i][0], pair[i][1], data, sizeof(data));
		/* The checksum as payload makes the sum all ones, its complement zero. */
		memcpy(data, &csum, 2);
		assert_int_equal(udp_csum(pair[i][0], pair[i][1], data, sizeof(data)), 0xffff);
	}
}

static void test_udp_without(void **state)
{
	static const uint8_t udp[12] = { 0x10, 0, 0x20, 0, 0, 12 };
	uint8_t wrong[12] = { 0x10, 0, 0x20, 0, 0, 12, 0, 1 };
	struct pkt p;

	(void)state;
	p = fx_pkt(fx_ip_frame(FX_ACCESS, "10.1.0.2", "10.1.0.1", IP_PROTO_UDP, 64, udp, 12),
		   FX_ACCESS);
	assert_true(pkt_l4_csum_ok(&fx.w, &p));
	pkt_consume(&fx.w, p.m);
	p = fx_pkt(fx_ip_frame(FX_ACCESS, "fd00:1::2", "fd00:1::1", IP_PROTO_UDP, 64, udp, 12),
		   FX_ACCESS);
	assert_false(pkt_l4_csum_ok(&fx.w, &p));
	pkt_consume(&fx.w, p.m);
	p = fx_pkt(fx_ip_frame(FX_ACCESS, "10.1.0.2", "10.1.0.1", IP_PROTO_UDP, 64, wrong, 12),
		   FX_ACCESS);
	assert_false(pkt_l4_csum_ok(&fx.w, &p));
	p.m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD; /* the port's word */
	assert_true(pkt_l4_csum_ok(&fx.w, &p));
	pkt_consume(&fx.w, p.m);
}

static void test_udp_too_long(void **state)
{
	struct sock_addr src = { fx_ip("10.1.0.1"), be16_make(1) };
	struct sock_addr dst = { fx_ip("10.1.0.2"), be16_make(2) };
	struct rte_mbuf *m = pkt_make(&fx.w), *s;

	(void)state;
	while (m->pkt_len < 65535) {
		s = rte_pktmbuf_alloc(fx.w.pool);
		rte_pktmbuf_append(s, 2000);
		assert_int_equal(rte_pktmbuf_chain(m, s), 0);
	}
	udp_send(&fx.w, m, &src, &dst, 0);
	assert_int_equal(fx_dropped(DROP_FRAG_NEEDED), 1);
	assert_int_equal(fx.n_sent, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fx_setup, fx_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bytes), TEST(test_carries),	  TEST(test_chain),
		TEST(test_udp),	  TEST(test_udp_without), TEST(test_udp_too_long),
	};

	return cmocka_run_group_tests(tests, fx_eal, NULL);
}

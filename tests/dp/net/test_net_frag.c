/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pins: what is cut comes together again in any order, for both families and chained buffers; the
 * whole has a right header (RFC 791 3.2, RFC 8200 4.5). Overlaps, holes, duplicates, too many,
 * too long and lying fragments are dropped under one reason with all that still comes of their
 * datagram (RFC 5722), old ones and those without room under another; each fragment is counted
 * once. Atomic fragments (RFC 6946) stand alone. Whoever begins more than there is room for, in
 * datagrams or in packet buffers, pushes out his own (R4).
 */
#include "tests/world/dp_fixture.h"

#include <rte_ip.h>
#include <stdlib.h>

enum {
	PIECES_MAX = 16,
	PIECE_LEN = 1600,
	PIECES_EACH = 64, /* of one datagram, at most */
	BUFFERS = FX_FRAGMENTS * CONFIG_FRAGMENTS_EACH,
	ETH = RTE_ETHER_HDR_LEN,
};

struct piece {
	uint16_t len;
	uint8_t b[PIECE_LEN]; /* from the IP header */
};

static struct piece piece[PIECES_MAX];

static uint8_t pattern(uint32_t i)
{
	return (uint8_t)(i * 7 + (i >> 8));
}

/* A packet of len bytes of payload to the neighbour, in buffers of at most seg bytes. */
static struct rte_mbuf *packet(bool v6, uint32_t len, uint16_t seg)
{
	struct ip_addr src = fx_ip(v6 ? "fd00:1::1" : "10.1.0.1");
	struct ip_addr dst = fx_ip(v6 ? "fd00:1::7" : "10.1.0.7");
	struct ip_out o = { &src, &dst, (uint16_t)len, IP_PROTO_UDP, 0x2e << 2, 61, false };
	struct rte_mbuf *m = pkt_make(&fx.w), *s = m;
	uint16_t room = seg, n;
	uint32_t i = 0, j;
	uint8_t *p;

	ip_write(&fx.w, (uint8_t *)rte_pktmbuf_append(m, ip_hdr_len(&dst)), &o);
	while (i < len) {
		n = (uint16_t)RTE_MIN((uint32_t)room, len - i);
		p = (uint8_t *)rte_pktmbuf_append(s, n);
		for (j = 0; j < n; j++)
			p[j] = pattern(i + j);
		i += n;
		if (s != m)
			assert_int_equal(rte_pktmbuf_chain(m, s), 0);
		s = i < len ? rte_pktmbuf_alloc(fx.w.pool) : NULL;
	}
	return m;
}

/* Cuts a packet into piece[] and returns how many there are. */
static uint32_t cut(bool v6, uint32_t len, uint16_t seg)
{
	struct ip_addr dst = fx_ip(v6 ? "fd00:1::7" : "10.1.0.7");
	uint32_t cache = NH_NONE, i, n;
	struct neigh *to;
	enum drop why;

	fx_neighbour(FX_ACCESS, v6 ? "fd00:1::7" : "10.1.0.7", 7);
	to = neigh_find(&fx.w, NULL, &dst, &cache, &why);
	assert_non_null(to);
	assert_true(ip_send(&fx.w, to, packet(v6, len, seg), false));
	n = fx.n_sent;
	assert_true(n <= PIECES_MAX);
	for (i = 0; i < n; i++) {
		struct rte_mbuf *m = fx.sent[i];
		const void *from;

		piece[i].len = (uint16_t)(m->pkt_len - ETH);
		assert_true(m->pkt_len - ETH <= fx.dp.port[FX_ACCESS].mtu);
		from = rte_pktmbuf_read(m, ETH, piece[i].len, piece[i].b);
		assert_non_null(from);
		if (from != piece[i].b)
			memcpy(piece[i].b, from, piece[i].len);
	}
	fx_forget();
	return n;
}

static struct rte_mbuf *feed_mbuf(struct rte_mbuf *m, bool v6)
{
	return frag_input(&fx.w, m, ETH, v6);
}

static struct rte_mbuf *feed(const struct piece *p)
{
	bool v6 = p->b[0] >> 4 == 6;

	return feed_mbuf(
	    fx_frame(FX_ACCESS, v6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4, p->b, p->len), v6);
}

/* The whole packet is what was cut. Takes m. */
static void assert_whole(struct rte_mbuf *m, bool v6, uint32_t len)
{
	uint32_t hdr = v6 ? IPV6_HDR : IPV4_HDR, i;
	uint8_t *all = malloc(ETH + hdr + len);
	const uint8_t *b;

	assert_non_null(m);
	assert_non_null(all);
	assert_int_equal(m->pkt_len, ETH + hdr + len);
	b = rte_pktmbuf_read(m, 0, m->pkt_len, all);
	assert_int_equal(b[12] << 8 | b[13], v6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
	b += ETH;
	if (v6) {
		assert_int_equal(b[4] << 8 | b[5], len);
		assert_int_equal(b[6], IP_PROTO_UDP);
		assert_int_equal((b[0] & 0xf) << 4 | b[1] >> 4, 0x2e << 2);
	} else {
		assert_int_equal(b[2] << 8 | b[3], len + hdr);
		assert_int_equal((b[6] & 0x3f) | b[7], 0);
		assert_int_equal(csum_fold(csum_bytes(0, b, IPV4_HDR)), 0xffff);
		assert_int_equal(b[1], 0x2e << 2);
	}
	for (i = 0; i < len; i++)
		if (b[hdr + i] != pattern(i))
			fail_msg("byte %u of %u is wrong", i, len);
	free(all);
	pkt_consume(&fx.w, m);
}

/* Feeds n pieces in the order of a permutation's number. */
static void feed_in_order(uint32_t n, uint32_t number, bool v6, uint32_t len)
{
	bool done[PIECES_MAX] = { false };
	struct rte_mbuf *m = NULL;
	uint32_t i, k, left;

	for (left = n; left; left--) {
		k = number % left;
		number /= left;
		for (i = 0; done[i] || k; i++)
			k -= !done[i];
		done[i] = true;
		assert_null(m);
		m = feed(&piece[i]);
	}
	assert_whole(m, v6, len);
	assert_int_equal(frag_held(&fx.w), 0);
}

static void test_any_order(void **state)
{
	uint32_t v6, number, n, len = 5000;

	(void)state;
	for (v6 = 0; v6 < 2; v6++) {
		n = cut(v6, len, 2000);
		assert_int_equal(n, 4);
		for (number = 0; number < 24; number++)
			feed_in_order(n, number, v6, len);
	}
	assert_int_equal(fx_counted(CNT_REASSEMBLED), 48);
	assert_int_equal(fx_counted(CNT_FRAG_IN), 48 * 4);
	assert_int_equal(fx_counted(CNT_FRAG_OUT), 8);
}

static void test_lengths(void **state)
{
	static const uint32_t len[] = { 1481, 1488, 2960, 2961, 8 * 1480, 8 * 1448 };
	static const uint16_t seg[] = { 64, 333, 1480, 1999 };
	uint32_t i, j, v6, n;

	(void)state;
	for (v6 = 0; v6 < 2; v6++) {
		for (i = 0; i < RTE_DIM(len); i++) {
			for (j = 0; j < RTE_DIM(seg); j++) {
				n = cut(v6, len[i], seg[j]);
				assert_true(n > 1);
				feed_in_order(n, 0, v6, len[i]);
				feed_in_order(n, UINT32_MAX, v6, len[i]);
			}
		}
	}
}

static void test_headers_of_pieces(void **state)
{
	uint32_t i, n, id;

	(void)state;
	n = cut(false, 4000, 2000);
	for (i = 0; i < n; i++) {
		assert_int_equal(csum_fold(csum_bytes(0, piece[i].b, IPV4_HDR)), 0xffff);
		assert_memory_equal(piece[i].b + 4, piece[0].b + 4, 2);
		assert_int_equal(!!(piece[i].b[6] & 0x20), i < n - 1);
	}
	n = cut(true, 4000, 2000);
	memcpy(&id, piece[0].b + IPV6_HDR + 4, 4);
	for (i = 1; i < n; i++)
		assert_memory_equal(piece[i].b + IPV6_HDR + 4, &id, 4);
	cut(true, 4000, 2000);
	assert_memory_not_equal(piece[0].b + IPV6_HDR + 4, &id, 4);
}

static void test_df(void **state)
{
	struct ip_addr dst = fx_ip("10.1.0.7");
	uint32_t cache = NH_NONE;
	enum drop why;
	struct neigh *n;

	(void)state;
	fx_neighbour(FX_ACCESS, "10.1.0.7", 7);
	n = neigh_find(&fx.w, NULL, &dst, &cache, &why);
	assert_true(ip_send(&fx.w, n, packet(false, 1480, 2000), true));
	assert_false(ip_send(&fx.w, n, packet(false, 1481, 2000), true));
	assert_int_equal(fx_dropped(DROP_FRAG_NEEDED), 1);
	assert_int_equal(fx.n_sent, 1);
}

static void test_no_buffers(void **state)
{
	struct rte_mbuf *all[FX_MBUFS], *m = packet(false, 5000, 2000);
	struct ip_addr dst = fx_ip("10.1.0.7");
	uint32_t cache = NH_NONE, n = 0, i;
	struct neigh *to;
	enum drop why;

	(void)state;
	fx_neighbour(FX_ACCESS, "10.1.0.7", 7);
	to = neigh_find(&fx.w, NULL, &dst, &cache, &why);
	while (n < FX_MBUFS && (all[n] = rte_pktmbuf_alloc(fx.w.pool)))
		n++;
	for (i = 0; i < 3; i++) /* enough to begin with */
		rte_pktmbuf_free(all[--n]);
	assert_true(ip_send(&fx.w, to, m, false));
	assert_int_equal(fx_dropped(DROP_FRAG_FAILED), 1);
	assert_int_equal(fx.n_sent, 0);
	while (n)
		rte_pktmbuf_free(all[--n]);
}

/* ---- fragments by hand ---- */

static struct piece by_hand(bool v6, uint16_t id, uint32_t ofs, uint16_t len, bool more)
{
	struct ip_addr src = fx_ip(v6 ? "fd00:1::7" : "10.1.0.7");
	struct ip_addr dst = fx_ip(v6 ? "fd00:1::1" : "10.1.0.1");
	uint8_t proto = v6 ? IPPROTO_FRAGMENT : IP_PROTO_UDP;
	struct ip_out o = {
		&src, &dst, (uint16_t)(len + (v6 ? 8 : 0)), proto, 0x2e << 2, 61, false
	};
	struct piece p = { 0 };
	uint8_t *b = p.b + ip_write(&fx.w, p.b, &o);
	uint16_t csum, i;

	if (v6) {
		b[0] = IP_PROTO_UDP;
		memcpy(b + 2, be16_make((uint16_t)((ofs & ~7u) | more)).b, 2);
		memcpy(b + 6, be16_make(id).b, 2);
		b += 8;
	} else {
		memcpy(p.b + 4, be16_make(id).b, 2);
		memcpy(p.b + 6, be16_make((uint16_t)(ofs / 8 | (more ? 0x2000 : 0))).b, 2);
		memset(p.b + 10, 0, 2);
		csum = csum_field(csum_bytes(0, p.b, IPV4_HDR));
		memcpy(p.b + 10, &csum, 2);
	}
	p.len = (uint16_t)(b + len - p.b);
	for (i = 0; i < len; i++)
		b[i] = pattern(ofs + i);
	return p;
}

static struct rte_mbuf *hand(bool v6, uint16_t id, uint32_t ofs, uint16_t len, bool more)
{
	struct piece p = by_hand(v6, id, ofs, len, more);

	return feed(&p);
}

/* The same from another source. Their header checksums are their receiver's to look at. */
static struct rte_mbuf *hand_from(const char *source, uint16_t id, uint32_t ofs, uint16_t len,
				  bool more)
{
	struct ip_addr src = fx_ip(source);
	bool v6 = !ip_is_v4(&src);
	struct piece p = by_hand(v6, id, ofs, len, more);

	memcpy(p.b + (v6 ? 8 : 12), v6 ? src.b : src.b + 12, v6 ? 16 : 4);
	return feed(&p);
}

static void test_bad_sets(void **state)
{
	static const struct {
		const char *what;
		struct {
			uint16_t ofs, len;
			bool more;
		} f[5];
		uint32_t n;
	} t[] = {
		{ "a duplicate first", { { 0, 16, true }, { 0, 16, true } }, 2 },
		{ "a duplicate last", { { 32, 16, false }, { 32, 16, false } }, 2 },
		{ "a duplicate between",
		  { { 16, 8, true }, { 16, 8, true }, { 0, 16, true }, { 24, 8, false } },
		  4 },
		{ "an overlap", { { 0, 24, true }, { 16, 8, false } }, 2 },
		{ "one inside another", { { 0, 64, true }, { 16, 8, true }, { 64, 8, false } }, 3 },
		{ "a hole and an overlap that even out",
		  { { 0, 16, true }, { 8, 16, true }, { 32, 8, false } },
		  3 },
		{ "a hole before what can be chained",
		  { { 0, 8, true }, { 16, 8, true }, { 16, 8, true }, { 24, 8, false } },
		  4 },
		{ "two ends", { { 0, 8, true }, { 16, 8, false }, { 24, 8, false } }, 3 },
		{ "an end before the middle",
		  { { 0, 8, true }, { 24, 16, true }, { 8, 8, false } },
		  3 },
	};
	uint32_t i, j, v6;
	uint64_t bad;

	(void)state;
	for (v6 = 0; v6 < 2; v6++) {
		for (i = 0; i < RTE_DIM(t); i++) {
			bad = fx_dropped(DROP_FRAG_BAD);
			for (j = 0; j < t[i].n; j++)
				if (hand(v6, (uint16_t)i, t[i].f[j].ofs, t[i].f[j].len,
					 t[i].f[j].more))
					fail_msg("%s made a packet", t[i].what);
			if (fx_dropped(DROP_FRAG_BAD) - bad != t[i].n || frag_held(&fx.w) != 0)
				fail_msg("%s: %lu dropped of %u, %u held", t[i].what,
					 (unsigned long)(fx_dropped(DROP_FRAG_BAD) - bad), t[i].n,
					 frag_held(&fx.w));
		}
	}
	assert_int_equal(fx_dropped(DROP_FRAG_TIMEOUT), 0);
}

static void test_bad_pieces(void **state)
{
	struct piece p;
	uint32_t v6, n = 0, len;

	(void)state;
	for (v6 = 0; v6 < 2; v6++) {
		assert_null(hand(v6, 1, 0, 15, true));	    /* not a multiple of eight */
		assert_null(hand(v6, 1, 65528, 16, false)); /* past the end of what IP can say */
		assert_null(hand(v6, 1, 65528, 8, true));
		assert_null(hand(v6, 1, 8, 0, false)); /* empty */
		n += 4;
		/* Shorter than it says. */
		p = by_hand(v6, 1, 0, 16, true);
		for (len = p.len - 1u; len >= (v6 ? IPV6_HDR : IPV4_HDR); len--, n++) {
			p.len = (uint16_t)len;
			assert_null(feed(&p));
		}
	}
	/* A header longer than the packet. */
	p = by_hand(false, 1, 0, 16, true);
	p.b[0] = 0x4f;
	assert_null(feed(&p));
	assert_int_equal(fx_dropped(DROP_FRAG_BAD), n + 1);
	assert_int_equal(frag_held(&fx.w), 0);
}

static void test_padding(void **state)
{
	struct piece p = by_hand(false, 1, 0, 16, true);

	(void)state;
	memset(p.b + p.len, 0xaa, 10); /* short frames are filled up by the link */
	p.len = (uint16_t)(p.len + 10);
	assert_null(feed(&p));
	assert_whole(hand(false, 1, 16, 9, false), false, 25);
}

static void test_too_many(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < PIECES_EACH; i++)
		assert_null(hand(false, 1, i * 8, 8, true));
	assert_int_equal(frag_held(&fx.w), PIECES_EACH);
	assert_null(hand(false, 1, i * 8, 8, false));
	assert_int_equal(fx_dropped(DROP_FRAG_FULL), PIECES_EACH); /* all buffers were its own */
	assert_int_equal(frag_held(&fx.w), 1);
}

/* The same where there is room for more. */
static void test_too_many_with_room(void **state)
{
	uint32_t v6, i;
	char err[256];

	(void)state;
	frag_destroy(&fx.w);
	fx.conf.dataplane.fragments = 2 * FX_FRAGMENTS;
	assert_true(frag_create(&fx.w, err, sizeof(err)));
	for (v6 = 0; v6 < 2; v6++) {
		for (i = 0; i < PIECES_EACH; i++)
			assert_null(hand(v6, 1, i * 8, 8, true));
		assert_null(hand(v6, 1, i * 8, 8, false));
		assert_int_equal(frag_held(&fx.w), 0);
		for (i = 0; i < PIECES_EACH - 1; i++)
			assert_null(hand(v6, 2, i * 8, 8, true));
		assert_whole(hand(v6, 2, i * 8, 8, false), v6, 8 * PIECES_EACH);
	}
	assert_int_equal(fx_dropped(DROP_FRAG_BAD), 2 * (PIECES_EACH + 1));
}

/* ---- many fragments ---- */

static uint32_t random_below(uint32_t n)
{
	static uint64_t x = 1;

	x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((x >> 33) % n);
}

/* Orders of n pieces: as they are, backwards, every other one first, any. */
static void order(uint32_t how, uint32_t n, uint32_t *at)
{
	uint32_t i, k;

	for (i = 0; i < n; i++) {
		at[i] = i;
		if (how == 1)
			at[i] = n - 1 - i;
		else if (how == 2)
			at[i] = i < (n + 1) / 2 ? 2 * i : 2 * (i - (n + 1) / 2) + 1;
	}
	for (i = n; how > 2 && i > 1; i--) {
		k = random_below(i);
		RTE_SWAP(at[i - 1], at[k]);
	}
}

/* The largest datagram at the smallest MTU of IPv6: 53 pieces of IPv4, 54 of IPv6. */
static void test_longest(void **state)
{
	uint32_t at[PIECES_EACH], v6, how, i, n, ofs, len, step;
	struct rte_mbuf *m;

	(void)state;
	for (v6 = 0; v6 < 2; v6++) {
		len = v6 ? 65535 : 65535 - IPV4_HDR;
		step = v6 ? 1280 - IPV6_HDR - 8 : (1280 - IPV4_HDR) / 8 * 8;
		n = (len + step - 1) / step;
		assert_int_equal(n, v6 ? 54 : 53);
		for (how = 0; how < 40; how++) {
			order(how, n, at);
			for (i = 0, m = NULL; i < n; i++) {
				assert_null(m);
				ofs = at[i] * step;
				m = hand(v6, (uint16_t)how, ofs, (uint16_t)RTE_MIN(step, len - ofs),
					 ofs + step < len);
			}
			assert_whole(m, v6, len);
			assert_int_equal(frag_held(&fx.w), 0);
		}
	}
	assert_int_equal(fx_counted(CNT_REASSEMBLED), 80);
}

/* One that overlaps ends its datagram for those that come after it as well (RFC 5722 4). */
static void test_nothing_of_it(void **state)
{
	uint32_t v6;

	(void)state;
	for (v6 = 0; v6 < 2; v6++) {
		assert_null(hand(v6, 1, 0, 24, true));
		assert_null(hand(v6, 1, 16, 16, true));
		assert_int_equal(frag_held(&fx.w), 0);
		assert_null(hand(v6, 1, 0, 24, true));
		assert_null(hand(v6, 1, 24, 8, false));
		assert_int_equal(fx_dropped(DROP_FRAG_BAD), 4 * (v6 + 1));
	}
	fx_pass(FX_FRAG_TIMEOUT_MS + NEIGH_TICK_MS);
	for (v6 = 0; v6 < 2; v6++) {
		assert_null(hand(v6, 1, 0, 24, true));
		assert_whole(hand(v6, 1, 24, 8, false), v6, 32);
	}
	assert_int_equal(fx_dropped(DROP_FRAG_TIMEOUT), 0);
}

/* Protocols number their IPv4 datagrams apart (RFC 791 3.2). */
static void test_protocols_apart(void **state)
{
	struct piece a = by_hand(false, 1, 0, 16, true), b = by_hand(false, 1, 16, 5, false);

	(void)state;
	a.b[9] = b.b[9] = IP_PROTO_TCP;
	assert_null(feed(&a));
	assert_null(hand(false, 1, 16, 7, false));
	pkt_consume(&fx.w, feed(&b));
	assert_whole(hand(false, 1, 0, 16, true), false, 23);
}

/* ---- who pays ---- */

static uint32_t buffers_used(void)
{
	return FX_MBUFS - rte_mempool_avail_count(fx.w.pool);
}

/*
 * Beginnings, 3,000 a second, and pieces in the middle, from one prefix for ten seconds, beside
 * datagrams of three pieces 40 ms apart from another: those all arrive.
 */
static void test_beside_beginnings(void **state)
{
	static const char *const hostile[] = { "10.1.9.%u", "fd00:9::%x" };
	static const char *const honest[] = { "10.1.8.4", "fd00:8::4" };
	uint32_t ms, i, v6, by, n = 0;
	struct rte_mbuf *m;
	char from[32];

	(void)state;
	for (by = 0; by < 2; by++)
		for (v6 = 0; v6 < 2; v6++)
			for (ms = 0; ms < 10000; ms++) {
				fx.w.now_ms++;
				if (ms % 100 == 0)
					frag_tick(&fx.w);
				for (i = 0; i < 3; i++, n++) {
					snprintf(from, sizeof(from), hostile[by], n % 250 + 1);
					assert_null(hand_from(from, (uint16_t)n, n % 3 ? 0 : 1000,
							      1000, true));
				}
				if (ms % 40)
					continue;
				i = ms / 40 % 3;
				m = hand_from(honest[v6], (uint16_t)(ms / 120), i * 16, 16, i < 2);
				if (i == 2)
					assert_whole(m, v6, 48);
				else
					assert_null(m);
			}
	assert_true(fx_dropped(DROP_FRAG_FULL) > 100000);
	assert_int_equal(fx_dropped(DROP_FRAG_BAD), 0);
	assert_int_equal(fx_counted(CNT_REASSEMBLED), 4 * 83);
}

/* Datagrams that take all buffers and never end: never more than there are, and their own go. */
static void test_beside_long_ones(void **state)
{
	uint32_t round, i, k, whole = 0;
	struct rte_mbuf *m;

	(void)state;
	for (round = 0; round < 300; round++) {
		for (i = 0; i < 15; i++) {
			/* the honest one's piece of fifteen, then a burst of the other's */
			m = hand_from("fd00:8::4", (uint16_t)round, i * 1000, 1000, i < 14);
			if (i == 14) {
				assert_whole(m, true, 15000);
				whole++;
			} else {
				assert_null(m);
			}
			for (k = 0; k < 20; k++)
				assert_null(hand_from(k % 2 ? "fd00:9::1" : "fd00:9:0:7f::2",
						      (uint16_t)(round / 2), (i * 20 + k) % 63 * 8,
						      8, true));
			assert_true(buffers_used() <= BUFFERS);
		}
		fx.w.now_ms++;
	}
	assert_int_equal(whole, 300);
	assert_true(fx_dropped(DROP_FRAG_BAD) + fx_dropped(DROP_FRAG_FULL) > 50000);
}

/* Buffers run out: who holds most of them pays, not who has more datagrams. */
static void test_beside_few_long_ones(void **state)
{
	uint16_t i;

	(void)state;
	for (i = 0; i < 5; i++)
		assert_null(hand_from("10.1.8.4", i, 0, 16, true));
	for (i = 0; i < 80; i++)
		assert_null(hand_from("10.1.9.4", i / 40, i % 40 * 8u, 8, true));
	assert_int_equal(fx_dropped(DROP_FRAG_FULL), 40);
	for (i = 0; i < 5; i++)
		assert_whole(hand_from("10.1.8.4", i, 16, 9, false), false, 25);
}

/* A frame of several buffers counts for each of them. */
static void test_chained_are_charged(void **state)
{
	struct rte_mbuf *m, *tail;
	struct piece p;
	uint32_t i, k;

	(void)state;
	assert_null(hand_from("10.1.8.4", 1, 0, 16, true));
	for (i = 0; i < 100; i++) {
		p = by_hand(false, (uint16_t)(i / 4), i % 4 * 64, 64, true);
		m = fx_frame(FX_ACCESS, RTE_ETHER_TYPE_IPV4, p.b, p.len - 60u);
		for (k = 0; k < 6; k++) {
			tail = rte_pktmbuf_alloc(fx.w.pool);
			memcpy(rte_pktmbuf_append(tail, 10), p.b + p.len - 60 + 10 * k, 10);
			assert_int_equal(rte_pktmbuf_chain(m, tail), 0);
		}
		assert_null(feed_mbuf(m, false));
		assert_true(buffers_used() <= BUFFERS);
	}
	assert_true(buffers_used() > BUFFERS - 4 * 7);
	assert_whole(hand_from("10.1.8.4", 1, 16, 9, false), false, 25);
}

/* Any pieces of any sources at any time: what is held stays within bounds and comes back. */
static void test_anything(void **state)
{
	uint32_t i, whole = 0;
	struct rte_mbuf *m;
	char from[32];

	(void)state;
	for (i = 0; i < 200000; i++) {
		bool v6 = random_below(2);
		uint32_t ofs = random_below(random_below(2) ? 3 : 70) * 8;

		snprintf(from, sizeof(from), v6 ? "fd00:0:0:%x00::5" : "10.1.%u.5",
			 random_below(6) + 1);
		m = hand_from(from, (uint16_t)random_below(3), ofs,
			      random_below(8) ? 8 : 8 * (uint16_t)(1 + random_below(4)),
			      random_below(6));
		if (m) {
			whole++;
			pkt_consume(&fx.w, m);
		}
		if (random_below(50) == 0)
			fx_pass(random_below(2) ? 1 : random_below(2 * FX_FRAG_TIMEOUT_MS));
		assert_true(frag_held(&fx.w) <= BUFFERS);
		assert_int_equal(buffers_used(), frag_held(&fx.w));
	}
	assert_true(whole > 1000);
	assert_true(fx_dropped(DROP_FRAG_FULL) > 1000);
	assert_true(fx_dropped(DROP_FRAG_BAD) > 1000);
	assert_true(fx_dropped(DROP_FRAG_TIMEOUT) > 1000);
	fx_pass(2 * FX_FRAG_TIMEOUT_MS);
	assert_int_equal(buffers_used(), 0);
}

static void test_timeout(void **state)
{
	(void)state;
	assert_null(hand(false, 1, 0, 16, true));
	assert_null(hand(true, 1, 0, 16, true));
	assert_null(hand(true, 1, 16, 16, true));
	fx_pass(FX_FRAG_TIMEOUT_MS);
	assert_int_equal(frag_held(&fx.w), 3);
	fx_pass(NEIGH_TICK_MS);
	assert_int_equal(frag_held(&fx.w), 0);
	assert_int_equal(fx_dropped(DROP_FRAG_TIMEOUT), 3);
	/* The rest of it begins anew. */
	assert_null(hand(false, 1, 16, 16, false));
	assert_int_equal(frag_held(&fx.w), 1);
}

/* Old ones that the housekeeping has not seen yet go when their place is wanted. */
static void test_timeout_in_passing(void **state)
{
	(void)state;
	assert_null(hand(false, 1, 0, 16, true));
	fx.w.now_ms += 2 * FX_FRAG_TIMEOUT_MS;
	assert_null(hand(false, 1, 16, 16, false));
	assert_int_equal(fx_dropped(DROP_FRAG_TIMEOUT), 1);
	assert_int_equal(fx_dropped(DROP_FRAG_BAD), 0);
	assert_int_equal(frag_held(&fx.w), 1);
}

static void test_table_full(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < 3 * FX_FRAGMENTS; i++)
		assert_null(hand(i % 2, (uint16_t)i, 0, 16, true));
	assert_int_equal(frag_held(&fx.w), FX_FRAGMENTS);
	assert_int_equal(fx_dropped(DROP_FRAG_FULL), 2 * FX_FRAGMENTS);
	/* The oldest have made room: those that have a place can still be completed. */
	assert_whole(hand(false, 3 * FX_FRAGMENTS - 2, 16, 9, false), false, 25);
	assert_whole(hand(true, 3 * FX_FRAGMENTS - 7, 16, 9, false), true, 25);
	fx_pass(2 * FX_FRAG_TIMEOUT_MS);
	assert_int_equal(frag_held(&fx.w), 0);
}

static void test_apart(void **state)
{
	(void)state;
	/* The same identification in both families, and two in one. */
	assert_null(hand(false, 1, 0, 16, true));
	assert_null(hand(true, 1, 0, 16, true));
	assert_null(hand(true, 2, 0, 24, true));
	assert_whole(hand(true, 2, 24, 3, false), true, 27);
	assert_whole(hand(true, 1, 16, 5, false), true, 21);
	assert_whole(hand(false, 1, 16, 7, false), false, 23);
}

static void test_chained_fragment(void **state)
{
	struct piece p = by_hand(false, 1, 16, 40, false);
	struct rte_mbuf *m, *tail = rte_pktmbuf_alloc(fx.w.pool);

	(void)state;
	assert_null(hand(false, 1, 0, 16, true));
	m = fx_frame(FX_ACCESS, RTE_ETHER_TYPE_IPV4, p.b, (size_t)p.len - 13);
	memcpy(rte_pktmbuf_append(tail, 13), p.b + p.len - 13, 13);
	assert_int_equal(rte_pktmbuf_chain(m, tail), 0);
	m = feed_mbuf(m, false);
	assert_int_equal(fx_counted(CNT_CONSUMED), 1);
	assert_whole(m, false, 56);
}

/* ---- IPv6 ---- */

/* Puts n bytes of options between the fixed header and what follows. */
static void insert(struct piece *p, uint8_t type, uint8_t len)
{
	uint8_t *b = p->b + IPV6_HDR;

	memmove(b + len, b, p->len - IPV6_HDR);
	memset(b, 0, len);
	b[0] = p->b[6];
	b[1] = (uint8_t)(len / 8 - 1);
	b[2] = 1; /* PadN */
	b[3] = (uint8_t)(len - 4);
	p->b[6] = type;
	p->len = (uint16_t)(p->len + len);
	memcpy(p->b + 4, be16_make((uint16_t)(p->len - IPV6_HDR)).b, 2);
}

static void test_atomic(void **state)
{
	struct piece p = by_hand(true, 1, 0, 30, false);

	(void)state;
	assert_null(hand(true, 1, 0, 16, true));
	assert_whole(feed(&p), true, 30);
	assert_int_equal(frag_held(&fx.w), 1);
	assert_whole(hand(true, 1, 16, 4, false), true, 20);
	assert_int_equal(fx_counted(CNT_REASSEMBLED), 1);
}

static void test_headers_before(void **state)
{
	struct piece a = by_hand(true, 1, 0, 16, true), b = by_hand(true, 1, 16, 5, false);
	struct piece c = by_hand(true, 2, 0, 30, false);

	(void)state;
	insert(&a, IPPROTO_DSTOPTS, 24);
	insert(&a, IPPROTO_HOPOPTS, 8);
	insert(&b, IPPROTO_DSTOPTS, 8);
	insert(&c, IPPROTO_DSTOPTS, 8);
	assert_null(feed(&a));
	assert_whole(feed(&b), true, 21);
	assert_whole(feed(&c), true, 30);
}

static void test_header_invalid(void **state)
{
	struct piece a = by_hand(true, 1, 0, 16, true), b;
	uint32_t n = 0, l;

	(void)state;
	insert(&a, IPPROTO_DSTOPTS, 8);
	for (l = 2; l < 256; l++, n++) { /* the options run past the fragment header's end */
		b = a;
		b.b[IPV6_HDR + 1] = (uint8_t)l;
		assert_null(feed(&b));
	}
	assert_int_equal(fx_dropped(DROP_FRAG_BAD), n);
}

/* A fragment header inside what was whole would be taken apart for ever. */
static void test_nested(void **state)
{
	struct piece p = by_hand(true, 1, 0, 32, false), q = p;

	(void)state;
	p.b[IPV6_HDR] = IPPROTO_FRAGMENT;
	assert_null(feed(&p));
	q.b[IPV6_HDR] = IPPROTO_DSTOPTS;
	q.b[IPV6_HDR + 8] = IPPROTO_FRAGMENT;
	q.b[IPV6_HDR + 9] = 0;
	assert_null(feed(&q));
	assert_int_equal(fx_dropped(DROP_FRAG_BAD), 2);
}

/*
 * Beginnings without ends, some thousands a second, fill the table again and again: the oldest go,
 * and packets whose pieces come within milliseconds are put together all the same.
 */
static void test_beginnings_of_many(void **state)
{
	uint32_t ms, v6, whole = 0;
	uint16_t id = 0;

	(void)state;
	for (v6 = 0; v6 < 2; v6++)
		for (ms = 0; ms < 3000; ms++) {
			uint32_t i;

			fx.w.now_ms++;
			for (i = 0; i < 3; i++)
				assert_null(hand(v6, ++id, 0, 8, true));
			if (ms % 20)
				continue;
			assert_null(hand(v6, 0xffff, 0, 16, true));
			fx.w.now_ms++;
			assert_whole(hand(v6, 0xffff, 16, 16, false), v6, 32);
			whole++;
		}
	assert_int_equal(whole, 300);
	assert_true(fx_dropped(DROP_FRAG_FULL) > 0);
	fx.w.now_ms += 2 * FX_FRAG_TIMEOUT_MS;
	while (frag_held(&fx.w))
		frag_tick(&fx.w);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fx_setup, fx_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_beginnings_of_many),
		TEST(test_any_order),
		TEST(test_lengths),
		TEST(test_headers_of_pieces),
		TEST(test_df),
		TEST(test_no_buffers),
		TEST(test_bad_sets),
		TEST(test_bad_pieces),
		TEST(test_padding),
		TEST(test_too_many),
		TEST(test_too_many_with_room),
		TEST(test_longest),
		TEST(test_nothing_of_it),
		TEST(test_protocols_apart),
		TEST(test_beside_beginnings),
		TEST(test_beside_long_ones),
		TEST(test_beside_few_long_ones),
		TEST(test_chained_are_charged),
		TEST(test_anything),
		TEST(test_timeout),
		TEST(test_timeout_in_passing),
		TEST(test_table_full),
		TEST(test_apart),
		TEST(test_chained_fragment),
		TEST(test_atomic),
		TEST(test_headers_before),
		TEST(test_header_invalid),
		TEST(test_nested),
	};

	return cmocka_run_group_tests(tests, fx_eal, NULL);
}

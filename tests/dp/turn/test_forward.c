/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The relay path, byte by byte: ChannelData and Send indications to peers, ChannelData and Data
 * indications to clients (RFC 8656 11 and 12), between all families; what the IP header keeps and
 * loses on the way (14 to 16); that payload is never judged: a checksum that was right stays right,
 * one that was wrong stays wrong (RFC 1624), none stays none where that is legal. Afterwards no
 * buffer is missing and every packet is accounted for. (Over 600 lines: all of it rests on the few
 * checks of what arrives.)
 */
#include "tests/world/unit.h"
#include "tests/world/control.h"

#include "dp/rx.h"
#include "lib/chandata.h"
#include "dp/net/net.h"

enum { CHANNEL = 0x4001, BIG = 1400 };

static struct sock_addr client[2], listener[2], peer[2], relayed[2][2];
static uint8_t data[9000], msg[9100];
static struct frame f;

/* Slot 0 is an IPv4 client's, slot 1 an IPv6 client's; both reach peers of both families. */
static void sessions(uint32_t flags)
{
	uint32_t i, now = world.w->now;

	client[0] = at("10.1.0.2", 5000);
	client[1] = at("fd00:1::2", 5001);
	listener[0] = at("10.1.0.1", 3478);
	listener[1] = at("fd00:1::1", 3478);
	peer[0] = at("10.2.0.2", 4000);
	peer[1] = at("fd00:2::2", 4001);
	for (i = 0; i < 2; i++) {
		uint16_t port = (uint16_t)(RELAY_PORT + i);

		relayed[i][0] = at("10.2.0.1", port);
		relayed[i][1] = at("fd00:2::1", port);
		assert_true(session_add(0, i, 1, &client[i], (uint16_t)i, port, port, flags));
		assert_true(chan_add(0, i, &peer[0], CHANNEL, now + 300));
		assert_true(chan_add(0, i, &peer[1], CHANNEL + 1, now + 300));
	}
	fill(data, sizeof(data), 3);
	world_mark();
}

/* Peer of the same addresses that no channel is bound to. */
static struct sock_addr stranger(int family)
{
	struct sock_addr a = peer[family];

	a.port = be16_make((uint16_t)(be16_get(a.port) + 100));
	return a;
}

static void from_client(int c, const void *m, size_t len, const struct frame_opt *o)
{
	frame_udp(&f, ACCESS, &client[c], &listener[c], m, len, o);
	world_feed(ACCESS, &f);
}

static void from_peer(int c, const struct sock_addr *from, size_t len, const struct frame_opt *o)
{
	frame_udp(&f, CORE, from, &relayed[c][ip_is_v4(&from->ip) ? 0 : 1], data, len, o);
	world_feed(CORE, &f);
}

/* What came out is as good as what went in; none (IPv4) is computed towards IPv6. */
static void csum_judge(const struct udp_view *v, enum frame_csum in)
{
	if (in == CSUM_NONE && ip_is_v4(&v->dst.ip))
		assert_true(v->csum_zero);
	else if (in == CSUM_BAD)
		assert_false(v->csum_ok || v->csum_zero);
	else
		assert_true(v->csum_ok && !v->csum_zero);
}

static void to_peer_arrives(int c, const struct sock_addr *to, size_t len,
			    const struct frame_opt *o)
{
	struct udp_view v;

	expect_udp(CORE, &v);
	assert_memory_equal(&v.src, &relayed[c][ip_is_v4(&to->ip) ? 0 : 1], sizeof(v.src));
	assert_memory_equal(&v.dst, to, sizeof(v.dst));
	assert_int_equal(v.len, len);
	assert_memory_equal(v.payload, data, len);
	assert_int_equal(v.ttl, o->ttl - 1);
	assert_int_equal(v.tos, o->tos);
	if (ip_is_v4(&to->ip) && c == 0)
		assert_int_equal(v.df, o->df);
	csum_judge(&v, o->csum);
	world_no_out();
}

/* A channel message over UDP is not padded. */
static void channel_arrives(int c, uint16_t channel, size_t len, const struct frame_opt *o)
{
	struct udp_view v;

	expect_udp(ACCESS, &v);
	assert_memory_equal(&v.src, &listener[c], sizeof(v.src));
	assert_memory_equal(&v.dst, &client[c], sizeof(v.dst));
	assert_int_equal(v.len, chandata(msg, channel, data, len));
	assert_memory_equal(v.payload, msg, v.len);
	assert_int_equal(v.ttl, o->ttl - 1);
	assert_int_equal(v.tos, o->tos);
	csum_judge(&v, o->csum);
	world_no_out();
}

static void indication_arrives(int c, const struct sock_addr *from, size_t len, bool fingerprint,
			       const struct frame_opt *o)
{
	static uint8_t last_tid[STUN_TID_LEN];
	struct sock_addr a;
	struct udp_view v;
	struct stun_msg m;
	size_t i;

	expect_udp(ACCESS, &v);
	assert_memory_equal(&v.src, &listener[c], sizeof(v.src));
	assert_memory_equal(&v.dst, &client[c], sizeof(v.dst));
	assert_int_equal(stun_parse(&m, v.payload, v.len), STUN_OK);
	assert_int_equal(m.method, STUN_DATA);
	assert_int_equal(m.cls, STUN_INDICATION);
	assert_int_equal(m.n_unknown, 0);
	assert_int_equal(m.n_xor_peer, 1);
	assert_true(stun_get_xor_addr(&m, &m.xor_peer[0], &a) != 0);
	assert_memory_equal(&a, from, sizeof(a));
	assert_int_equal(m.data.len, len);
	assert_memory_equal(m.data.val, data, len);
	for (i = len; i % 4; i++)
		assert_int_equal(m.data.val[i], 0);
	assert_int_equal(m.fingerprint.val != NULL, fingerprint);
	assert_memory_not_equal(m.tid, last_tid, STUN_TID_LEN);
	memcpy(last_tid, m.tid, STUN_TID_LEN);
	assert_int_equal(v.ttl, o->ttl - 1);
	assert_int_equal(v.tos, o->tos);
	csum_judge(&v, o->csum);
	world_no_out();
}

/* All four ways of one combination. */
static void relay_both_ways(int c, int p, size_t len, const struct frame_opt *o, bool fingerprint)
{
	struct sock_addr other = stranger(p);
	size_t n;

	if (c == 0 || o->csum != CSUM_NONE) {
		n = chandata(msg, (uint16_t)(CHANNEL + p), data, len);
		from_client(c, msg, n, o);
		to_peer_arrives(c, &peer[p], len, o);
		n = send_ind(msg, sizeof(msg), &other, data, len, false, len & 1);
		from_client(c, msg, n, o);
		to_peer_arrives(c, &other, len, o);
	}
	if (p == 0 || o->csum != CSUM_NONE) {
		from_peer(c, &peer[p], len, o);
		channel_arrives(c, (uint16_t)(CHANNEL + p), len, o);
		from_peer(c, &other, len, o);
		indication_arrives(c, &other, len, fingerprint, o);
	}
}

static void all_lengths(bool fingerprint)
{
	static const uint16_t lens[] = { 0, 1, 2, 3, 4, 5, 7, 172, 999, 1000, 1200 };
	unsigned int i, c, p, k;

	for (i = 0; i < RTE_DIM(lens); i++)
		for (c = 0; c < 2; c++)
			for (p = 0; p < 2; p++)
				for (k = 0; k < 6; k++) {
					struct frame_opt o = { .ttl = (uint8_t)(2 + 50 * k),
							       .tos = (uint8_t)(0xb8 + k),
							       .df = k & 1,
							       .csum = (enum frame_csum)(k / 2) };

					relay_both_ways((int)c, (int)p, lens[i], &o, fingerprint);
				}
	world_drops(DROP_NONE, 0);
}

static void all_families_and_lengths(void **state)
{
	(void)state;
	sessions(0);
	all_lengths(false);
	assert_int_equal(world_count(0, CNT_RELAY_TO_PEER), 11 * 4 * 12 - 11 * 2 * 4);
	assert_int_equal(world_count(0, CNT_RELAY_TO_CLIENT), 11 * 4 * 12 - 11 * 2 * 4);
}

static void fingerprint_for_who_uses_it(void **state)
{
	(void)state;
	sessions(SESSION_FINGERPRINT);
	all_lengths(true);
}

static void chained_buffers(void **state)
{
	static const uint16_t first[] = { 14, 15, 33, 34, 45, 60, 100, 255, 319, 320, 400 };
	const struct frame_opt o = { .ttl = 64, .csum = CSUM_GOOD };
	unsigned int i, c, p, end;

	(void)state;
	sessions(SESSION_FINGERPRINT);
	for (end = 0; end < 2; end++)
		for (i = 0; i < RTE_DIM(first); i++)
			for (c = 0; c < 2; c++)
				for (p = 0; p < 2; p++) {
					world.seg_first = first[i];
					world.seg_rest = (uint16_t)(37 + 40 * i);
					/* full buffers: no room behind for padding and FINGERPRINT
					 */
					world.at_end = end && first[i] >= 320;
					relay_both_ways((int)c, (int)p, 500 + i, &o, true);
				}
	world_drops(DROP_NONE, 0);
}

/* A datagram put together from fragments may be as long as UDP allows. */
static void chained_and_long(void **state)
{
	const struct frame_opt o = { .ttl = 64, .csum = CSUM_GOOD };
	size_t n;

	(void)state;
	sessions(0);
	world.seg_first = world.seg_rest = 1400;
	n = send_ind(msg, sizeof(msg), &peer[0], data, sizeof(data), false, false);
	from_client(0, msg, n, &o);
	world_drops(DROP_NONE, 0);
	assert_int_equal(world_count(0, CNT_RELAY_TO_PEER), 1);
	assert_int_equal(world_count(0, CNT_RELAY_TO_PEER_BYTES), sizeof(data));
	while (world_out(CORE))
		;
}

/* Bytes behind a ChannelData message, or behind the UDP datagram, go no further. */
static void trailing_bytes_stay_behind(void **state)
{
	const struct frame_opt o = { .ttl = 64, .csum = CSUM_GOOD };
	size_t len, n, pad;

	(void)state;
	sessions(0);
	for (len = 0; len < 9; len++) {
		for (pad = 0; pad < 6; pad++) {
			n = chandata(msg, CHANNEL, data, len);
			memset(msg + n, 0xee, pad);
			from_client(0, msg, n + pad, &o);
			to_peer_arrives(0, &peer[0], len, &o);
		}
		/* a frame padded by the link */
		n = chandata(msg, CHANNEL, data, len);
		frame_udp(&f, ACCESS, &client[0], &listener[0], msg, n, &o);
		memset(f.b + f.len, 0xee, 60);
		f.len = (uint16_t)(f.len + 20 - len);
		world_feed(ACCESS, &f);
		to_peer_arrives(0, &peer[0], len, &o);
	}
	world_drops(DROP_NONE, 0);
}

/* An ICMP error out of a port about the frame `f`; returns its "rest of header". */
static uint32_t expect_icmp(uint16_t port, bool v6, uint8_t type, uint8_t code)
{
	const struct frame *e = world_out(port);
	uint16_t l4;
	const uint8_t *h;
	struct frame copy;
	size_t quoted;

	assert_non_null(e);
	l4 = frame_l4(e);
	h = e->b + l4;
	assert_int_equal(e->b[frame_l3(e) + (v6 ? 6 : 9)], v6 ? 58 : 1);
	assert_int_equal(h[0], type);
	assert_int_equal(h[1], code);
	copy = *e;
	frame_icmp_csum(&copy);
	assert_memory_equal(copy.b, e->b, e->len);
	quoted = (size_t)e->len - l4 - 8;
	assert_true(quoted >= 28);
	assert_memory_equal(h + 8, f.b + frame_l3(&f), quoted);
	/* from the address it was sent to, back to its source */
	assert_memory_equal(e->b + l4 - (v6 ? 16 : 4), f.b + frame_l4(&f) - (v6 ? 32 : 8),
			    v6 ? 16 : 4);
	return (uint32_t)h[4] << 24 | (uint32_t)h[5] << 16 | (uint32_t)h[6] << 8 | h[7];
}

static void ttl_runs_out(void **state)
{
	struct frame_opt o = { .csum = CSUM_GOOD };
	int c, p;
	size_t n;

	(void)state;
	sessions(0);
	for (c = 0; c < 2; c++) {
		for (p = 0; p < 2; p++) {
			world_mark();
			n = chandata(msg, (uint16_t)(CHANNEL + p), data, 10);
			o.ttl = 1;
			from_client(c, msg, n, &o);
			assert_int_equal(expect_icmp(ACCESS, c, c ? 3 : 11, 0), 0);
			from_peer(c, &peer[p], 10, &o);
			assert_int_equal(expect_icmp(CORE, p, p ? 3 : 11, 0), 0);
			world_no_out();
			world_drops(DROP_IP_TTL, 2);
			o.ttl = 2;
			from_client(c, msg, n, &o);
			to_peer_arrives(c, &peer[p], 10, &o);
		}
	}
}

/* The MTU that the error names is exactly what gets through. */
static void too_big_with_df(void **state)
{
	struct frame_opt o = { .ttl = 64, .df = true, .csum = CSUM_GOOD };
	struct sock_addr other;
	uint32_t mtu;
	size_t len;
	int p, send;

	(void)state;
	world_stop();
	world_config();
	world.conf.port[CORE].mtu = 1300;
	world_start();
	sessions(0);
	for (p = 0; p < 2; p++) {
		for (send = 0; send < 2; send++) {
			world_mark();
			other = stranger(p);
			len = send ? send_ind(msg, sizeof(msg), &other, data, BIG, false, false)
				   : chandata(msg, (uint16_t)(CHANNEL + p), data, BIG);
			from_client(0, msg, len, &o);
			mtu = expect_icmp(ACCESS, false, 3, 4);
			world_drops(DROP_FRAG_NEEDED, 1);
			world_no_out();
			/* the largest payload in a packet of that MTU */
			len = mtu - 28 - (send ? (p ? 48 : 36) : CHANDATA_HDR_LEN);
			assert_int_equal(len + 28 + (p ? 20 : 0), 1300);
			from_client(
			    0, msg,
			    send ? send_ind(msg, sizeof(msg), &other, data, len, false, false)
				 : chandata(msg, (uint16_t)(CHANNEL + p), data, len),
			    &o);
			to_peer_arrives(0, send ? &other : &peer[p], len, &o);
		}
	}
	/* DONT-FRAGMENT asks for DF whatever the packet itself had (RFC 8656 11.3). */
	o.df = false;
	from_client(0, msg, send_ind(msg, sizeof(msg), &peer[0], data, 100, true, true), &o);
	o.df = true;
	to_peer_arrives(0, &peer[0], 100, &o);
	o.df = false;
	world_mark();
	from_client(0, msg, send_ind(msg, sizeof(msg), &peer[0], data, 1290, true, true), &o);
	expect_icmp(ACCESS, false, 3, 4);
	world_drops(DROP_FRAG_NEEDED, 1);
}

/* Puts fragments that left a port together; returns the length of what they carried. */
static size_t collect(uint16_t port, bool v6, uint16_t mtu, uint8_t *out)
{
	uint32_t end = 0, got = 0, id = 0;
	const struct frame *p;
	int n;

	for (n = 0; (p = world_out(port)) != NULL; n++) {
		const uint8_t *h = p->b + frame_l3(p);
		uint16_t l4 = (uint16_t)(frame_l4(p) + (v6 ? 8 : 0));
		uint32_t ofs = v6 ? (uint32_t)(h[42] << 8 | (h[43] & 0xf8))
				  : (uint32_t)((h[6] & 0x1f) << 8 | h[7]) * 8;
		bool more = v6 ? h[43] & 1 : h[6] & 0x20;
		uint32_t this_id =
		    v6 ? (uint32_t)h[44] << 24 | (uint32_t)h[45] << 16 | h[46] << 8 | h[47]
		       : (uint32_t)(h[4] << 8 | h[5]);
		uint32_t len = p->len - l4;
		struct frame copy = *p;

		assert_true(p->len - frame_l3(p) <= mtu);
		assert_true(n == 0 || id == this_id);
		id = this_id;
		if (v6) {
			assert_int_equal(h[6], 44);
			assert_int_equal(h[40], 17);
		} else {
			frame_ip_csum(&copy);
			assert_memory_equal(copy.b, p->b, p->len);
		}
		memcpy(out + ofs, p->b + l4, len);
		got += len;
		if (!more)
			end = ofs + len;
		else
			assert_int_equal(len % 8, 0);
	}
	assert_true(n > 1);
	assert_int_equal(got, end);
	return end;
}

static void too_big_without_df(void **state)
{
	static uint8_t whole[FRAME_MAX];
	struct frame_opt o = { .ttl = 64, .csum = CSUM_GOOD };
	size_t n;
	int p;

	(void)state;
	world_stop();
	world_config();
	world.conf.port[CORE].mtu = 1280;
	world_start();
	sessions(0);
	for (p = 0; p < 2; p++) {
		n = chandata(msg, (uint16_t)(CHANNEL + p), data, BIG);
		from_client(0, msg, n, &o);
		n = collect(CORE, p, 1280, whole);
		assert_int_equal(n, BIG + 8);
		assert_memory_equal(whole, relayed[0][p].port.b, 2);
		assert_memory_equal(whole + 2, peer[p].port.b, 2);
		assert_int_equal(whole[4] << 8 | whole[5], n);
		assert_memory_equal(whole + 8, data, BIG);
		/* the checksum spans the fragments: as one packet it must be right */
		frame_ip(&f, CORE, &relayed[0][p].ip, &peer[p].ip, 17, whole, n, &o);
		memcpy(msg, whole + 6, 2);
		frame_udp(&f, CORE, &relayed[0][p], &peer[p], data, BIG, &o);
		assert_memory_equal(msg, f.b + frame_l4(&f) + 6, 2);
	}
	world_drops(DROP_NONE, 0);
}

/* From IPv6 there is no DF: up to 1,280 bytes may be cut, more may not (RFC 7915 5.1). */
static void df_from_ipv6(void **state)
{
	const struct frame_opt o = { .ttl = 64, .csum = CSUM_GOOD };
	struct udp_view v;

	(void)state;
	sessions(0);
	from_client(1, msg, chandata(msg, CHANNEL, data, 1280 - 40 - 8 - 4), &o);
	expect_udp(CORE, &v);
	assert_false(v.df);
	from_client(1, msg, chandata(msg, CHANNEL, data, 1280 - 40 - 8 - 4 + 1), &o);
	expect_udp(CORE, &v);
	assert_true(v.df);
	world_no_out();
}

/*
 * What came in fragments is a chain. However long, ChannelData and Send indications are relayed and
 * cut again, from IPv6 to IPv4 too (RFC 7915 5.1.1: no DF for what was cut already).
 */
static void longer_than_the_mtu(void **state)
{
	enum { LONG = 5000 };
	static uint8_t whole[FRAME_MAX];
	const struct frame_opt o = { .ttl = 64, .csum = CSUM_GOOD };
	int c, p, send;
	size_t n;

	(void)state;
	sessions(0);
	world.seg_first = 1400;
	world.seg_rest = 700;
	for (c = 0; c < 2; c++)
		for (p = 0; p < 2; p++)
			for (send = 0; send < 2; send++) {
				n = send ? send_ind(msg, sizeof(msg), &peer[p], data, LONG, false,
						    false)
					 : chandata(msg, (uint16_t)(CHANNEL + p), data, LONG);
				from_client(c, msg, n, &o);
				/* IPv6 that its sender did not cut is not ours to cut (RFC
				 * 8656 13.2). */
				if (c) {
					expect_icmp(ACCESS, true, 2, 0);
					continue;
				}
				assert_int_equal(collect(CORE, p, 1500, whole), LONG + 8);
				assert_memory_equal(whole + 8, data, LONG);
			}
	world_drops(DROP_FRAG_NEEDED, 4);
}

/* A device takes so many buffers of a frame and no more: what has more goes into fewer. */
static void longer_than_the_chain(void **state)
{
	static const uint16_t most[] = { 1, 2, 8 };
	static uint8_t whole[FRAME_MAX];
	const struct frame_opt o = { .ttl = 64, .csum = CSUM_GOOD };
	uint32_t i;
	int p;

	(void)state;
	sessions(0);
	world.seg_first = 400;
	world.seg_rest = 24;
	for (i = 0; i < RTE_DIM(most); i++)
		for (p = 0; p < 2; p++) {
			world.dp.port[CORE].chain_cut = most[i];
			from_client(0, msg, chandata(msg, (uint16_t)(CHANNEL + p), data, 1200), &o);
			to_peer_arrives(0, &peer[p], 1200, &o);
			from_client(0, msg, chandata(msg, (uint16_t)(CHANNEL + p), data, 5000), &o);
			assert_int_equal(collect(CORE, p, 1500, whole), 5008);
			assert_memory_equal(whole + 8, data, 5000);
		}
	world_drops(DROP_NONE, 0);
}

/* Deadlines are over in the very second they name. */
static void everything_expires_in_its_second(void **state)
{
	const struct frame_opt o = { .ttl = 64, .csum = CSUM_GOOD };
	uint64_t at_ms = (WORLD_START_S + 300) * 1000ull;
	struct sock_addr other;

	(void)state;
	sessions(0);
	other = stranger(0);
	perm_add(0, 0, "10.2.0.2", WORLD_START_S + 400);
	world_clock_ms(at_ms - 1);
	from_client(0, msg, chandata(msg, CHANNEL, data, 20), &o);
	to_peer_arrives(0, &peer[0], 20, &o);
	from_peer(0, &peer[0], 20, &o);
	channel_arrives(0, CHANNEL, 20, &o);
	world_clock_ms(at_ms);
	world_mark();
	from_client(0, msg, chandata(msg, CHANNEL, data, 20), &o);
	world_drops(DROP_NO_CHANNEL, 1);
	from_peer(0, &peer[0], 20, &o); /* the permission lives longer than the channel */
	indication_arrives(0, &peer[0], 20, false, &o);
	world_clock_ms(at_ms + 99999);
	from_client(0, msg, send_ind(msg, sizeof(msg), &other, data, 20, false, false), &o);
	to_peer_arrives(0, &other, 20, &o);
	world_clock_ms(at_ms + 100000);
	world_mark();
	from_client(0, msg, send_ind(msg, sizeof(msg), &other, data, 20, false, false), &o);
	from_peer(0, &peer[0], 20, &o);
	from_peer(0, &other, 20, &o);
	world_drops(DROP_NO_PERMISSION, 3);
	chan_add(0, 0, &peer[0], CHANNEL, WORLD_START_S + 900);
	world_clock_ms((WORLD_START_S + 600) * 1000ull - 1);
	from_peer(0, &peer[0], 20, &o);
	channel_arrives(0, CHANNEL, 20, &o);
	world_clock_ms((WORLD_START_S + 600) * 1000ull);
	world_mark();
	from_peer(0, &peer[0], 20, &o);
	from_client(0, msg, chandata(msg, CHANNEL, data, 20), &o);
	from_client(0, msg, send_ind(msg, sizeof(msg), &peer[0], data, 20, false, false), &o);
	world_drops(DROP_SESSION_EXPIRED, 3);
	world_no_out();
}

/* RFC 8656 18.13: two reserved bytes, type, code, four bytes of data. */
static void icmp_becomes_an_indication(void **state)
{
	static const struct {
		uint8_t v6, type, code;
		uint32_t rest, data;
	} cases[] = {
		{ 0, 3, 3, 0, 0 },  { 0, 3, 4, 1400, 1400 }, { 0, 3, 1, 99, 0 },
		{ 0, 11, 0, 0, 0 }, { 1, 1, 4, 0, 0 },	     { 1, 2, 0, 70000, 70000 },
		{ 1, 3, 0, 5, 0 },
	};
	unsigned int i, c;

	(void)state;
	sessions(SESSION_FINGERPRINT);
	for (i = 0; i < RTE_DIM(cases) * 2; i++) {
		const uint8_t v6 = cases[i / 2].v6;
		uint32_t rest = cases[i / 2].rest;
		uint8_t icmp[100] = { cases[i / 2].type,
				      cases[i / 2].code,
				      0,
				      0,
				      (uint8_t)(rest >> 24),
				      (uint8_t)(rest >> 16),
				      (uint8_t)(rest >> 8),
				      (uint8_t)rest };
		struct sock_addr from = stranger(v6),
				 router = at(v6 ? "fd00:2::77" : "10.2.0.77", 0), a;
		struct udp_view v;
		struct stun_msg m;

		c = i & 1;
		/* the quoted packet: ours, as the peer's side saw it */
		frame_udp(&f, CORE, &relayed[c][v6], &from, data, 4, NULL);
		memcpy(icmp + 8, f.b + 14, f.len - 14u);
		frame_ip(&f, CORE, &router.ip, &relayed[c][v6].ip, v6 ? 58 : 1, icmp, f.len - 6u,
			 NULL);
		frame_icmp_csum(&f);
		world_feed(CORE, &f);
		expect_udp(ACCESS, &v);
		assert_true(v.csum_ok);
		assert_memory_equal(&v.dst, &client[c], sizeof(v.dst));
		assert_memory_equal(&v.src, &listener[c], sizeof(v.src));
		assert_int_equal(stun_parse(&m, v.payload, v.len), STUN_OK);
		assert_int_equal(m.method, STUN_DATA);
		assert_int_equal(m.cls, STUN_INDICATION);
		assert_true(stun_get_xor_addr(&m, &m.xor_peer[0], &a) != 0);
		assert_memory_equal(&a, &from, sizeof(a));
		assert_null(m.data.val);
		assert_int_equal(m.icmp.len, 8);
		assert_int_equal(m.icmp.val[0] | m.icmp.val[1], 0);
		/* RFC 8656 18.13 draws seven bits of type and nine of code. */
		assert_int_equal(m.icmp.val[2] >> 1, cases[i / 2].type);
		assert_int_equal((m.icmp.val[2] & 1) << 8 | m.icmp.val[3], cases[i / 2].code);
		assert_int_equal((uint32_t)m.icmp.val[4] << 24 | (uint32_t)m.icmp.val[5] << 16 |
				     (uint32_t)m.icmp.val[6] << 8 | m.icmp.val[7],
				 cases[i / 2].data);
		assert_non_null(m.fingerprint.val);
		world_no_out();
	}
	world_drops(DROP_NONE, 0);
	/* without a permission nobody can feed a client */
	world_clock_ms((WORLD_START_S + 300) * 1000ull);
	world_mark();
	world_feed(CORE, &f);
	world_drops(DROP_NO_PERMISSION, 1);
	world_no_out();
}

/* Two clients of one worker reach each other's relayed addresses inside. */
static void relay_to_relay(void **state)
{
	const struct frame_opt o = { .ttl = 64, .tos = 0x28, .csum = CSUM_GOOD };
	const struct frame_opt after = { .ttl = 63, .tos = 0x28, .csum = CSUM_GOOD };
	size_t len;
	int p;

	(void)state;
	sessions(0);
	for (p = 0; p < 2; p++) {
		uint16_t to1 = (uint16_t)(0x4100 + p), to0 = (uint16_t)(0x4200 + p);

		assert_true(chan_add(0, 0, &relayed[1][p], to1, WORLD_START_S + 300));
		for (len = 0; len < 20; len++) {
			from_client(0, msg, chandata(msg, to1, data, len), &o);
			world_no_out();
			world_drops(DROP_NO_PERMISSION,
				    len + 1); /* the other has not allowed it yet */
		}
		assert_true(chan_add(0, 1, &relayed[0][p], to0, WORLD_START_S + 300));
		world_mark();
		for (len = 0; len < 20; len++) {
			from_client(0, msg, chandata(msg, to1, data, len), &o);
			channel_arrives(1, to0, len, &after);
			from_client(1, msg, chandata(msg, to0, data, len), &o);
			channel_arrives(0, to1, len, &after);
		}
		world_drops(DROP_NONE, 0);
		assert_int_equal(world_count(0, CNT_RELAY_LOOPED), 40);
		world_mark();
	}
	/* a relayed port that nobody has */
	assert_true(perm_add(0, 0, "10.2.0.1", WORLD_START_S + 300));
	relayed[1][0].port = be16_make(RELAY_PORT + 2);
	from_client(0, msg, send_ind(msg, sizeof(msg), &relayed[1][0], data, 5, false, false), &o);
	world_drops(DROP_RELAY_PORT, 1);
	world_no_out();
}

/* What one turn loops inside waits in as many places as a batch has, whoever sends how much. */
static void looped_burst(void **state)
{
	const uint16_t to1 = 0x4100, to0 = 0x4200;
	struct udp_view v;
	uint16_t i;

	(void)state;
	sessions(0);
	assert_true(chan_add(0, 0, &relayed[1][0], to1, WORLD_START_S + 300));
	assert_true(chan_add(0, 1, &relayed[0][0], to0, WORLD_START_S + 300));
	for (i = 0; i < TX_BATCH + 1; i++) {
		frame_udp(&f, ACCESS, &client[0], &listener[0], msg, chandata(msg, to1, data, i),
			  NULL);
		world_in(ACCESS, 0, &f);
	}
	/* Three bursts within one turn: as three ports, or other workers, would bring them. */
	for (i = 0; i < 3; i++)
		rx_ports(world.w);
	assert_int_equal(world.w->tx.loop.n, TX_BATCH);
	world_drops(DROP_TX_FULL, 1);
	world_run();
	for (i = 0; i < TX_BATCH; i++)
		expect_udp_is(ACCESS, &listener[1], &client[1], msg, chandata(msg, to0, data, i),
			      &v);
	world_drops(DROP_TX_FULL, 1);
	assert_int_equal(world_count(0, CNT_RELAY_LOOPED), TX_BATCH + 1);
	world_no_out();
}

/* f comes in while no other buffer is to be had. */
static void feed_without_buffers(uint16_t port)
{
	world_in(port, 0, &f);
	world_pool_take();
	world_run();
	world_pool_give();
}

/* A frame that fills its buffer: padding and FINGERPRINT behind it want another. */
static void no_buffer_for_a_fingerprint(void **state)
{
	const struct frame_opt o = { .ttl = 64, .csum = CSUM_GOOD };
	uint32_t lost = 0;
	int c, p;

	(void)state;
	sessions(SESSION_FINGERPRINT);
	world.at_end = true;
	for (c = 0; c < 2; c++)
		for (p = 0; p < 2; p++) {
			struct sock_addr other = stranger(p);

			frame_udp(&f, CORE, &other, &relayed[c][p], data, 99, &o);
			feed_without_buffers(CORE);
			world_drops(DROP_NO_MBUF, ++lost);
			world_no_out();
			/* ChannelData needs none */
			frame_udp(&f, CORE, &peer[p], &relayed[c][p], data, 100, &o);
			feed_without_buffers(CORE);
			channel_arrives(c, (uint16_t)(CHANNEL + p), 100, &o);
			from_peer(c, &other, 99, &o);
			indication_arrives(c, &other, 99, true, &o);
		}
	assert_int_equal(world_count(0, CNT_RELAY_TO_CLIENT), 8);
	world_drops(DROP_NO_MBUF, 4);
}

/* What is longer than the link takes is cut, and each piece has a buffer for its headers. */
static void no_buffer_to_cut_into(void **state)
{
	const struct frame_opt o = { .ttl = 64, .csum = CSUM_GOOD };
	static uint8_t whole[FRAME_MAX];
	uint32_t lost = 0;
	int p, send;
	size_t n;

	(void)state;
	sessions(0);
	world.seg_first = world.seg_rest = 1400;
	for (p = 0; p < 2; p++)
		for (send = 0; send < 2; send++) {
			n = send ? send_ind(msg, sizeof(msg), &peer[p], data, 3000, false, false)
				 : chandata(msg, (uint16_t)(CHANNEL + p), data, 3000);
			frame_udp(&f, ACCESS, &client[0], &listener[0], msg, n, &o);
			feed_without_buffers(ACCESS);
			world_drops(DROP_FRAG_FAILED, ++lost);
			world_no_out();
			from_client(0, msg, n, &o);
			assert_int_equal(collect(CORE, p, 1500, whole), 3000 + 8);
			assert_memory_equal(whole + 8, data, 3000);
		}
	world_drops(DROP_FRAG_FAILED, 4);
}

/*
 * R4: strangers have a subnet asked for, host by host, until no more is allowed. The new peer of a
 * session is asked for all the same, by whichever of its packets is first.
 */
static void peer_is_asked_for_beside_a_scan(void **state)
{
	struct sock_addr near = at("10.2.0.77", 4000), near6 = at("fd00:2::77", 4000);
	struct neigh *n;
	size_t len;

	(void)state;
	sessions(0);
	world_ghosts(2 * NEIGH_ASKS);
	assert_true(world_count(0, CNT_NEIGH_PUT_OFF) > 0);
	assert_true(chan_add(0, 0, &near, CHANNEL + 5, world.w->now + 300));
	assert_true(perm_add(0, 1, "fd00:2::77", world.w->now + 300));
	from_client(0, msg, chandata(msg, CHANNEL + 5, data, 100), NULL);
	n = neigh_lookup(world.w->net->neigh, CORE, &near.ip);
	assert_true(neigh_asked(n));
	len = send_ind(msg, sizeof(msg), &near6, data, 100, false, false);
	from_client(1, msg, len, NULL);
	n = neigh_lookup(world.w->net->neigh, CORE, &near6.ip);
	assert_true(neigh_asked(n));
	world_forget();
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(all_families_and_lengths),
		T(fingerprint_for_who_uses_it),
		T(chained_buffers),
		T(chained_and_long),
		T(trailing_bytes_stay_behind),
		T(ttl_runs_out),
		T(too_big_with_df),
		T(too_big_without_df),
		T(df_from_ipv6),
		T(longer_than_the_mtu),
		T(longer_than_the_chain),
		T(everything_expires_in_its_second),
		T(icmp_becomes_an_indication),
		T(relay_to_relay),
		T(looped_burst),
		T(no_buffer_for_a_fingerprint),
		T(no_buffer_to_cut_into),
		T(peer_is_asked_for_beside_a_scan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way in: each malformed, lying or unwanted packet ends under exactly one drop reason, and
 * nothing else moves. One row a reason or more: bytes in, reason out. Also what must not be
 * dropped: tags, IPv4 options, IPv6 extension headers.
 */
#include "tests/world/unit.h"
#include "tests/world/control.h"

#include "lib/chandata.h"

enum { CHANNEL = 0x4001, V4 = 34, V6 = 54 /* where UDP or ICMP stands in a frame */ };

/* Packets that are fine; rows bend them. */
enum base {
	CHAN4, /* ChannelData of a client */
	CHAN6,
	SEND4,
	BINDING4,
	ALLOCATE4,
	PEER4, /* a peer's datagram */
	PEER6,
	ECHO4,
	ECHO6,
	ERROR4, /* ICMP error about a relayed packet */
	ARP,
	NS,
	BASES
};

static struct sock_addr client[2], listener[2], peer[2], relayed[2];
static struct frame f;

static int setup(void **state)
{
	int i, r = world_setup(state);

	for (i = 0; i < 2; i++) {
		client[i] = at(i ? "fd00:1::2" : "10.1.0.2", 5000);
		listener[i] = at(i ? "fd00:1::1" : "10.1.0.1", 3478);
		peer[i] = at(i ? "fd00:2::2" : "10.2.0.2", 4000);
		relayed[i] = at(i ? "fd00:2::1" : "10.2.0.1", RELAY_PORT);
	}
	for (i = 0; i < 2; i++)
		assert_true(session_add(0, (uint32_t)i, 1, &client[i], (uint16_t)i,
					(uint16_t)(RELAY_PORT + i), i ? 0 : RELAY_PORT, 0));
	assert_true(chan_add(0, 0, &peer[0], CHANNEL, WORLD_START_S + 300));
	assert_true(chan_add(0, 0, &peer[1], CHANNEL + 1, WORLD_START_S + 300));
	assert_true(chan_add(0, 1, &peer[0], CHANNEL, WORLD_START_S + 300));
	return r;
}

static size_t request(uint8_t *buf, size_t cap, enum stun_method method, enum stun_class cls)
{
	static const uint8_t tid[STUN_TID_LEN] = "abcdefghijk";
	struct stun_builder b;

	stun_begin(&b, buf, cap, stun_type(method, cls), tid);
	stun_put_u32(&b, STUN_ATTR_LIFETIME, 600);
	stun_put_fingerprint(&b);
	return stun_end(&b);
}

static void icmp_frame(const struct sock_addr *src, const struct sock_addr *dst, uint8_t type,
		       const void *body, size_t len)
{
	uint8_t icmp[256] = { type };

	memcpy(icmp + 8, body, len);
	frame_ip(&f, CORE, &src->ip, &dst->ip, ip_is_v4(&src->ip) ? 1 : 58, icmp, 8 + len, NULL);
	frame_icmp_csum(&f);
}

static uint16_t base_make(enum base base)
{
	static const uint8_t arp[28] = { 0,  1, 8, 0, 6, 4, 0, 1, 2, 0, 0,  0, 0, 9,
					 10, 2, 0, 2, 0, 0, 0, 0, 0, 0, 10, 2, 0, 1 };
	static const uint8_t text[24] = "some bytes of a payload";
	uint8_t msg[256], ns[32] = { 135, [24] = 1, 1, 2, 0, 0, 0, 0, 9 };
	struct frame quoted;
	size_t len;

	switch (base) {
	case CHAN4:
	case CHAN6:
		len = chandata(msg, CHANNEL, text, sizeof(text));
		frame_udp(&f, ACCESS, &client[base == CHAN6], &listener[base == CHAN6], msg, len,
			  NULL);
		return ACCESS;
	case SEND4:
		len = send_ind(msg, sizeof(msg), &peer[0], text, sizeof(text), true, true);
		frame_udp(&f, ACCESS, &client[0], &listener[0], msg, len, NULL);
		return ACCESS;
	case BINDING4:
	case ALLOCATE4:
		len = request(msg, sizeof(msg), base == BINDING4 ? STUN_BINDING : STUN_ALLOCATE,
			      STUN_REQUEST);
		frame_udp(&f, ACCESS, &client[0], &listener[0], msg, len, NULL);
		return ACCESS;
	case PEER4:
	case PEER6:
		frame_udp(&f, CORE, &peer[base == PEER6], &relayed[base == PEER6], text,
			  sizeof(text), NULL);
		break;
	case ECHO4:
	case ECHO6:
		icmp_frame(&peer[base == ECHO6], &relayed[base == ECHO6], base == ECHO6 ? 128 : 8,
			   text, sizeof(text));
		break;
	case ERROR4:
		frame_udp(&quoted, CORE, &relayed[0], &peer[0], text, sizeof(text), NULL);
		icmp_frame(&peer[0], &relayed[0], 3, quoted.b + 14, quoted.len - 14u);
		break;
	case ARP:
		frame_ip(&f, CORE, &peer[0].ip, &relayed[0].ip, 0, NULL, 0, NULL);
		memset(f.b, 0xff, 6);
		f.b[13] = 6;
		memcpy(f.b + 14, arp, sizeof(arp));
		f.len = 14 + sizeof(arp);
		break;
	default:
		memcpy(ns + 8, relayed[1].ip.b, 16);
		frame_ip(&f, CORE, &peer[1].ip, &relayed[1].ip, 58, ns, sizeof(ns),
			 &(struct frame_opt){ .ttl = 255 });
		frame_icmp_csum(&f);
		break;
	}
	return CORE;
}

enum fix { FIX_NONE, FIX_IP = 1, FIX_UDP = 2, FIX_ICMP = 4, ANSWERED = 8 };

struct row {
	enum drop reason;
	enum base base;
	unsigned int fix;
	int cut; /* bytes less at the end */
	struct {
		uint16_t at;
		uint8_t val;
	} edit[4]; /* at 0: no more, but for the first */
};

/* STUN's fields in an IPv4 frame: type, length, cookie, first attribute. */
enum { S_TYPE = V4 + 8, S_LEN = S_TYPE + 2, S_COOKIE = S_TYPE + 4, S_ATTR = S_TYPE + 20 };

static const struct row rows[] = {
	{ DROP_ETH_DST, CHAN4, 0, 0, { { 5, 0x77 } } },
	{ DROP_ETH_TYPE, CHAN4, 0, 0, { { 12, 0x88 }, { 13, 0xcc } } },
	{ DROP_VLAN, CHAN4, 0, 0, { { 12, 0x81 }, { 13, 0 } } },
	{ DROP_ARP_BAD, ARP, 0, 0, { { 14, 9 } } },
	{ DROP_ARP_BAD, ARP, 0, 0, { { 18, 8 } } },
	{ DROP_ARP_BAD, ARP, 0, 0, { { 21, 3 } } },
	{ DROP_ARP_BAD, ARP, 0, 1, { { 0, 0xff } } },
	{ DROP_ARP_BAD, ARP, 0, 0, { { 31, 1 } } }, /* who claims our address */
	{ DROP_ARP_OTHER, ARP, 0, 0, { { 41, 77 } } },
	{ DROP_ND_BAD, NS, 0, 0, { { 21, 254 } } },
	{ DROP_ND_BAD, NS, FIX_ICMP, 0, { { V6 + 1, 1 } } },
	{ DROP_ND_BAD, NS, FIX_ICMP, 0, { { V6 + 25, 0 } } },
	{ DROP_ND_BAD, NS, FIX_ICMP, 0, { { V6 + 25, 2 } } },
	{ DROP_ND_OTHER, NS, FIX_ICMP, 0, { { V6, 134 } } },
	{ DROP_ND_OTHER, NS, FIX_ICMP, 0, { { V6 + 23, 0x55 } } },
	{ DROP_IP_SHORT, CHAN4, FIX_IP, 0, { { 17, 200 } } },
	{ DROP_IP_SHORT, CHAN4, FIX_IP, 0, { { 17, 19 } } },
	{ DROP_IP_SHORT, PEER6, 0, 0, { { 19, 200 } } },
	{ DROP_IP_HEADER, CHAN4, FIX_IP, 0, { { 14, 0x55 } } },
	{ DROP_IP_HEADER, CHAN4, 0, 0, { { 14, 0x44 } } },
	{ DROP_IP_HEADER, CHAN4, 0, 24, { { 14, 0x4f }, { 17, 36 } } },
	{ DROP_IP_HEADER, PEER6, 0, 0, { { 14, 0x40 } } },
	{ DROP_IP_HEADER, PEER6, 0, 0, { { 20, 43 } } }, /* routing header */
	{ DROP_IP_HEADER, PEER6, 0, 0, { { 20, 0 }, { V6 + 1, 200 } } },
	{ DROP_IP_CSUM, CHAN4, 0, 0, { { 24, 1 } } },
	{ DROP_IP_CSUM, PEER4, 0, 0, { { 22, 33 } } },
	{ DROP_IP_SRC, CHAN4, FIX_IP, 0, { { 26, 127 } } },
	{ DROP_IP_SRC, CHAN4, FIX_IP, 0, { { 26, 224 } } },
	{ DROP_IP_SRC, CHAN4, FIX_IP, 0, { { 26, 255 } } },
	{ DROP_IP_SRC, CHAN4, FIX_IP, 0, { { 26, 0 } } },
	{ DROP_IP_SRC, PEER4, FIX_IP, 0, { { 29, 1 } } }, /* our own */
	{ DROP_IP_SRC, PEER6, 0, 0, { { 22, 0xff } } },
	{ DROP_IP_SRC, PEER6, 0, 0, { { 37, 1 } } },
	{ DROP_IP_DST, CHAN4, FIX_IP, 0, { { 33, 77 } } },
	{ DROP_IP_DST, CHAN4, FIX_IP, 0, { { 30, 224 } } },
	{ DROP_IP_DST, PEER6, 0, 0, { { 53, 77 } } },
	{ DROP_IP_DST, PEER6, 0, 0, { { 38, 0xff }, { 39, 2 } } },
	{ DROP_IP_PROTO, CHAN4, FIX_IP | ANSWERED, 0, { { 23, 132 } } },
	{ DROP_IP_PROTO, PEER6, ANSWERED, 0, { { 20, 132 } } },
	{ DROP_IP_TTL, CHAN4, FIX_IP | ANSWERED, 0, { { 22, 1 } } },
	{ DROP_IP_TTL, PEER6, ANSWERED, 0, { { 21, 0 } } },
	{ DROP_FRAG_BAD, CHAN4, FIX_IP, 1, { { 17, 55 }, { 20, 0x20 } } },   /* not in eights */
	{ DROP_FRAG_BAD, CHAN4, FIX_IP, 0, { { 20, 0x1f }, { 21, 0xff } } }, /* past 65,535 */
	{ DROP_ICMP_BAD, ECHO4, 0, 0, { { V4 + 8, 0 } } },
	{ DROP_ICMP_BAD, ECHO6, 0, 0, { { V6 + 8, 0 } } },
	{ DROP_ICMP_BAD, ERROR4, FIX_ICMP, 0, { { V4 + 8, 0x65 } } },
	{ DROP_ICMP_BAD, ERROR4, FIX_ICMP, 0, { { V4 + 17, 132 } } },
	{ DROP_ICMP_NO_SESSION, ERROR4, FIX_ICMP, 0, { { V4 + 17, 6 } } },
	{ DROP_ICMP_BAD, ERROR4, FIX_ICMP, 0, { { V4 + 15, 1 } } }, /* about a later fragment */
	{ DROP_ICMP_TYPE, ECHO4, FIX_ICMP, 0, { { V4, 13 } } },
	{ DROP_ICMP_TYPE, ECHO4, FIX_ICMP, 0, { { V4, 0 } } },
	{ DROP_ICMP_BAD, ECHO6, FIX_ICMP, 0, { { V6, 130 } } }, /* MLD's query, from afar */
	{ DROP_ICMP_TYPE, ECHO6, FIX_ICMP, 0, { { V6, 131 } } },
	{ DROP_ICMP_BAD, ERROR4, FIX_ICMP, 0, { { V4 + 23, 77 } } }, /* of another's packet */
	{ DROP_ICMP_NO_SESSION, ERROR4, FIX_ICMP, 0, { { V4 + 28, 0x10 } } },
	{ DROP_ICMP_NO_SESSION, ERROR4, FIX_ICMP, 0, { { V4 + 29, 8 } } },
	{ DROP_NO_PERMISSION, ERROR4, FIX_ICMP, 0, { { V4 + 27, 77 } } },
	{ DROP_UDP_SHORT, CHAN4, 0, 0, { { V4 + 5, 100 } } },
	{ DROP_UDP_SHORT, CHAN4, 0, 0, { { V4 + 5, 7 } } },
	{ DROP_UDP_SHORT, PEER4, 0, 0, { { V4, 0 }, { V4 + 1, 0 } } }, /* port 0 */
	{ DROP_UDP_CSUM, BINDING4, 0, 0, { { V4 + 7, 0x55 } } },
	{ DROP_UDP_CSUM, ALLOCATE4, 0, 0, { { V4 + 7, 0x55 } } },
	{ DROP_UDP_CSUM, PEER6, 0, 0, { { V6 + 6, 0 }, { V6 + 7, 0 } } },
	{ DROP_UDP_PORT, CHAN4, ANSWERED, 0, { { V4 + 3, 99 } } },
	{ DROP_UDP_PORT, PEER4, ANSWERED, 0, { { V4 + 2, 0xbf }, { V4 + 3, 0xff } } },
	{ DROP_UDP_PORT, PEER6, ANSWERED, 0, { { V6 + 2, 0xff }, { V6 + 3, 0xfe } } },
	{ DROP_STUN_BAD, BINDING4, FIX_UDP, 0, { { S_TYPE, 0x80 } } },
	{ DROP_STUN_BAD, BINDING4, FIX_UDP, 0, { { S_COOKIE, 0x22 } } },
	{ DROP_STUN_BAD, BINDING4, FIX_UDP, 0, { { S_LEN + 1, 17 } } },
	{ DROP_STUN_BAD, BINDING4, FIX_UDP, 0, { { S_LEN + 1, 20 } } },
	{ DROP_STUN_BAD, BINDING4, FIX_UDP, 0, { { S_LEN + 1, 12 } } },
	{ DROP_STUN_ATTR, BINDING4, FIX_UDP, 0, { { S_ATTR + 3, 100 } } },
	{ DROP_STUN_ATTR, ALLOCATE4, FIX_UDP, 0, { { S_ATTR + 2, 1 } } },
	{ DROP_STUN_ATTR, SEND4, FIX_UDP, 0, { { S_ATTR + 3, 200 } } },
	{ DROP_STUN_FINGERPRINT, BINDING4, FIX_UDP, 0, { { S_ATTR + 7, 1 } } },
	{ DROP_STUN_FINGERPRINT, ALLOCATE4, FIX_UDP, 0, { { S_ATTR + 7, 1 } } },
	{ DROP_STUN_FINGERPRINT, SEND4, FIX_UDP, 0, { { S_ATTR + 24, 1 } } },
	{ DROP_STUN_METHOD, ALLOCATE4, FIX_UDP, 0, { { S_TYPE, 1 } } }, /* a response */
	{ DROP_STUN_METHOD, BINDING4, FIX_UDP, 0, { { S_TYPE, 1 }, { S_TYPE + 1, 0x11 } } },
	{ DROP_STUN_METHOD, ALLOCATE4, FIX_UDP, 0, { { S_TYPE + 1, 0x13 } } }, /* an indication */
	{ DROP_STUN_METHOD,
	  SEND4,
	  FIX_UDP,
	  0,
	  { { S_TYPE + 1, 0x17 } } }, /* Data is ours to send */
	{ DROP_STUN_UNKNOWN_ATTR, SEND4, FIX_UDP, 0, { { S_ATTR + 13, 0x7f } } },
	{ DROP_SEND_BAD, SEND4, FIX_UDP, 0, { { S_ATTR + 5, 3 } } }, /* family */
	{ DROP_SEND_BAD, SEND4, FIX_UDP, 0, { { S_ATTR + 5, 2 } } }, /* family, not that length */
	{ DROP_SEND_BAD,
	  SEND4,
	  FIX_UDP,
	  0,
	  { { S_ATTR, 0x80 }, { S_ATTR + 1, 0x55 } } },			 /* no peer */
	{ DROP_SEND_BAD, SEND4, FIX_UDP, 0, { { S_ATTR + 16, 0x80 } } }, /* no data */
	{ DROP_SEND_BAD,
	  SEND4,
	  FIX_UDP,
	  0,
	  { { S_ATTR + 6, 0x21 }, { S_ATTR + 7, 0x12 } } }, /* port 0 */
	{ DROP_NO_PERMISSION, SEND4, FIX_UDP, 0, { { S_ATTR + 11, 0x55 } } },
	{ DROP_NO_SESSION, CHAN4, 0, 0, { { V4 + 1, 99 } } },
	{ DROP_NO_SESSION, SEND4, 0, 0, { { V4 + 1, 99 } } },
	{ DROP_NO_CHANNEL, CHAN4, 0, 0, { { V4 + 9, 0x77 } } },
	{ DROP_CHANDATA_BAD, CHAN4, 0, 0, { { V4 + 11, 25 } } },
	{ DROP_CHANDATA_BAD, CHAN4, 0, 0, { { V4 + 10, 255 } } },
	{ DROP_NO_PERMISSION, PEER4, FIX_IP, 0, { { 29, 77 } } },
	{ DROP_RELAY_PORT, PEER4, 0, 0, { { V4 + 3, 8 } } },
	{ DROP_RELAY_PORT, PEER6, 0, 0, { { V6 + 3, 1 } } },
};

/* A FINGERPRINT that covers what a row changed before it would hide what the row is about. */
static void fingerprint_fix(enum base base, enum drop reason)
{
	uint8_t *stun = f.b + S_TYPE;
	size_t before = f.len - (size_t)S_TYPE - 8;
	uint32_t crc = stun_crc32(0, stun, before) ^ STUN_FINGERPRINT_XOR;

	if ((base == SEND4 || base == BINDING4 || base == ALLOCATE4) &&
	    reason != DROP_STUN_FINGERPRINT)
		memcpy(stun + before + 4, be32_make(crc).b, 4);
}

static void one_reason_each(void **state)
{
	size_t i, k;

	(void)state;
	for (i = 0; i < RTE_DIM(rows); i++) {
		const struct row *r = &rows[i];
		uint16_t port = base_make(r->base);

		for (k = 0; k < RTE_DIM(r->edit) && (k == 0 || r->edit[k].at); k++)
			f.b[r->edit[k].at] = r->edit[k].val;
		f.len = (uint16_t)(f.len - r->cut);
		if (r->fix & FIX_IP)
			frame_ip_csum(&f);
		if (r->fix & FIX_ICMP)
			frame_icmp_csum(&f);
		if (r->fix & FIX_UDP) {
			fingerprint_fix(r->base, r->reason);
			frame_udp_csum(&f);
		}
		print_message("row %zu: %s\n", i, drop_desc[r->reason].name);
		world_mark();
		world_feed(port, &f);
		world_drops(r->reason, 1);
		assert_int_equal(world_count(0, CNT_RX), 1);
		assert_int_equal(world_count(0, CNT_MADE), r->fix & ANSWERED ? 1 : 0);
		assert_int_equal(world_count(0, CNT_TX), r->fix & ANSWERED ? 1 : 0);
		assert_int_equal(world_count(0, CNT_CONSUMED), 0);
		assert_int_equal(world_count(0, CNT_PUNT), 0);
		world_forget();
	}
}

/* The packets rows are bent from are fine: without that, rows would prove nothing. */
static void the_bases_pass(void **state)
{
	int b;

	(void)state;
	for (b = 0; b < BASES; b++) {
		world_feed(base_make((enum base)b), &f);
		world_drops(DROP_NONE, 0);
	}
	assert_int_equal(world_count(0, CNT_RELAY_TO_PEER), 3);
	assert_int_equal(world_count(0, CNT_RELAY_TO_CLIENT), 2);
	assert_int_equal(world_count(0, CNT_BINDING), 1);
	assert_int_equal(world_count(0, CNT_PUNT), 1);
	assert_int_equal(world_count(0, CNT_ICMP_TO_CLIENT), 1);
	assert_int_equal(world_count(0, CNT_TX), 3 + 2 + 1 + 2 + 1 + 2);
}

/* Cut at any byte, a frame is one drop and nothing else. */
static void truncated_frames(void **state)
{
	uint16_t len, full, port;
	int b, i;

	(void)state;
	for (b = 0; b < BASES; b++) {
		base_make((enum base)b);
		full = f.len;
		for (len = 1; len < full; len++) {
			uint64_t drops = 0;

			port = base_make((enum base)b);
			f.len = len;
			world_mark();
			world_feed(port, &f);
			for (i = 0; i < DROP_MAX; i++)
				drops += world.w->counters->drop[i] - world.drop[0][i];
			assert_int_equal(drops, 1);
			if (len < 14)
				world_drops(DROP_ETH_SHORT, 1);
			else
				world_drops(b == ARP ? DROP_ARP_BAD : DROP_IP_SHORT, 1);
			world_no_out();
		}
	}
}

/* The same with an IP and a UDP length that agree. */
static void truncated_messages(void **state)
{
	static const enum base bases[] = { CHAN4, SEND4, BINDING4, ALLOCATE4 };
	uint16_t len;
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(bases); i++) {
		for (len = 0;; len++) {
			struct frame g;

			base_make(bases[i]);
			g = f;
			if (len + V4 + 8 == f.len)
				break;
			frame_udp(&f, ACCESS, &client[0], &listener[0], g.b + V4 + 8, len, NULL);
			world_mark();
			world_feed(ACCESS, &f);
			world_drops(
			    bases[i] == CHAN4 && len >= 4 ? DROP_CHANDATA_BAD : DROP_STUN_BAD, 1);
			world_no_out();
		}
	}
	for (len = 0; len < 8; len++) {
		frame_ip(&f, CORE, &peer[0].ip, &relayed[0].ip, 17, "12345678", len, NULL);
		world_mark();
		world_feed(CORE, &f);
		world_drops(DROP_UDP_SHORT, 1);
		frame_ip(&f, CORE, &peer[1].ip, &relayed[1].ip, 58, "12345678", len, NULL);
		world_mark();
		world_feed(CORE, &f);
		world_drops(DROP_ICMP_BAD, 1);
	}
}

/* What an expired or wrong-family session says, and one that may not. */
static void reasons_of_sessions(void **state)
{
	uint8_t msg[200];

	(void)state;
	frame_udp(&f, ACCESS, &client[1], &listener[1], msg,
		  send_ind(msg, sizeof(msg), &peer[1], "x", 1, false, false), NULL);
	world_feed(ACCESS, &f);
	world_drops(DROP_PEER_FAMILY, 1);
	world_clock_ms((WORLD_START_S + 600) * 1000ull);
	world_mark();
	world_feed(base_make(CHAN4), &f);
	world_feed(base_make(SEND4), &f);
	world_feed(base_make(PEER4), &f);
	world_feed(base_make(ERROR4), &f);
	world_drops(DROP_SESSION_EXPIRED, 4);
	world_no_out();
}

/* Next hops: no route, no answer, too many that wait, no room for another. */
static void reasons_of_next_hops(void **state)
{
	struct sock_addr to = at("10.2.0.50", 9);
	uint8_t msg[200];
	int i;

	(void)state;
#define SEND(n)                                                                         \
	do {                                                                            \
		frame_udp(&f, ACCESS, &client[0], &listener[0], msg,                    \
			  send_ind(msg, sizeof(msg), &to, "x", 1, false, false), NULL); \
		world_mark();                                                           \
		for (i = 0; i < (n); i++)                                               \
			world_feed(ACCESS, &f);                                         \
	} while (0)
	assert_true(perm_add(0, 0, "10.2.0.50", WORLD_START_S + 300));
	SEND(4);
	world_drops(DROP_NONE, 0);
	assert_true(world_accounts());
	SEND(2);
	world_drops(DROP_NEIGH_QUEUE, 2);
	world_mark();
	for (i = 1; i < 60; i++) {
		world_clock_ms(WORLD_START_S * 1000ull + 100ull * i);
		world_run();
	}
	world_drops(DROP_NEIGH_FAILED, 4);
	assert_true(perm_add(0, 0, "198.51.100.1", WORLD_START_S + 300));
	to = at("198.51.100.1", 9);
	SEND(1);
	world_drops(DROP_NO_ROUTE, 1);
	world_forget();
}

static void out_of_room(void **state)
{
	(void)state;
	world.tx_room = 0;
	world_feed(base_make(CHAN4), &f);
	world_drops(DROP_TX_FULL, 1);
	world.tx_room = UINT16_MAX;
	world_no_out();
}

static void icmp_is_limited(void **state)
{
	const struct sock_addr closed = { listener[0].ip, be16_make(9) };
	int i, n = (int)world.conf.dataplane.icmp_rate;

	(void)state;
	world_clock_ms((WORLD_START_S + 1) * 1000ull);
	for (i = 0; i < n; i++) {
		world_feed(base_make(ECHO4), &f);
		world_forget();
	}
	world_drops(DROP_NONE, 0);
	world_feed(base_make(ECHO4), &f);
	world_drops(DROP_ICMP_RATE, 1);
	world_no_out();
	/* Others are answered, and errors are not what was used up. */
	world_mark();
	world_feed(base_make(ECHO6), &f);
	frame_udp(&f, ACCESS, &client[0], &closed, "x", 1, NULL);
	world_feed(ACCESS, &f);
	world_drops(DROP_UDP_PORT, 1);
	assert_int_equal(world.n_out[CORE], 1);
	assert_int_equal(world.n_out[ACCESS], 1);
	world_forget();
}

/* ---- what must pass ---- */

static void tagged_ports(void **state)
{
	struct frame_opt o = { .vlan = 7 };
	struct udp_view v;
	uint8_t msg[64];
	size_t n;

	(void)state;
	world_stop();
	world_config();
	world.conf.port[ACCESS].vlan = 7;
	world.conf.port[CORE].vlan = 9;
	world_start();
	assert_true(session_add(0, 0, 1, &client[0], 0, RELAY_PORT, 0, 0));
	assert_true(chan_add(0, 0, &peer[0], CHANNEL, WORLD_START_S + 300));
	n = chandata(msg, CHANNEL, "abc", 3);
	frame_udp(&f, ACCESS, &client[0], &listener[0], msg, n, &o);
	f.b[14] = 0xe0; /* priority bits do not matter */
	world_feed(ACCESS, &f);
	expect_udp_is(CORE, &relayed[0], &peer[0], "abc", 3, &v);
	o.vlan = 8;
	frame_udp(&f, ACCESS, &client[0], &listener[0], msg, n, &o);
	world_feed(ACCESS, &f);
	world_drops(DROP_VLAN, 1);
	frame_udp(&f, ACCESS, &client[0], &listener[0], msg, n, NULL);
	world_feed(ACCESS, &f);
	world_drops(DROP_VLAN, 2);
	world_mark();
	f.len = 17;
	world_feed(ACCESS, &f);
	world_drops(DROP_ETH_SHORT, 1);
	o.vlan = 9;
	frame_udp(&f, CORE, &peer[0], &relayed[0], "abc", 3, &o);
	world_feed(CORE, &f);
	expect_udp_is(ACCESS, &listener[0], &client[0], msg, n, &v);
}

/* The next frame out of the shared device has this tag (0: none), and so many bytes of data. */
static void expect_tagged(uint16_t vlan, uint16_t len)
{
	const struct frame *out = world_out(ACCESS);
	struct udp_view v;

	assert_non_null(out);
	assert_memory_equal(out->b + 6, world.dp.port[ACCESS].mac.addr_bytes, 6);
	assert_int_equal(out->b[12] << 8 | out->b[13], vlan ? 0x8100 : 0x0800);
	if (vlan)
		assert_int_equal(out->b[14] << 8 | out->b[15], vlan);
	frame_read_udp(out, &v);
	assert_int_equal(v.len, len);
}

/*
 * Two ports on one device, told apart by their VLAN: what comes in turn, in bursts, keeps its order
 * within each and is answered with the other's tag; each counts its own. Frames of a VLAN that
 * neither has are dropped.
 */
static void shared_device(uint16_t vlan_access, uint16_t vlan_core)
{
	enum { EACH = 40, STRAY = 3 };
	const struct frame_opt access = { .vlan = vlan_access }, core = { .vlan = vlan_core };
	const struct frame_opt stray = { .vlan = 8 };
	static const uint8_t data[EACH];
	uint8_t msg[64];
	uint16_t i;

	world_stop();
	world_config();
	world.conf.port[ACCESS].vlan = vlan_access;
	world.conf.port[CORE].vlan = vlan_core;
	world.conf.port[CORE].shares = ACCESS + 1;
	world_start();
	assert_false(ip_eq(&world.dp.port[ACCESS].link_local, &world.dp.port[CORE].link_local));
	assert_true(session_add(0, 0, 1, &client[0], 0, RELAY_PORT, 0, 0));
	assert_true(chan_add(0, 0, &peer[0], CHANNEL, WORLD_START_S + 300));
	world_mark();
	for (i = 0; i < EACH; i++) {
		frame_udp(&f, ACCESS, &client[0], &listener[0], msg,
			  chandata(msg, CHANNEL, data, i), &access);
		world_in(ACCESS, 0, &f);
		frame_udp(&f, CORE, &peer[0], &relayed[0], data, i, &core);
		memcpy(f.b, world.dp.port[CORE].mac.addr_bytes, 6);
		world_in(ACCESS, 0, &f);
		if (i >= STRAY)
			continue;
		frame_udp(&f, ACCESS, &client[0], &listener[0], data, i, &stray);
		world_in(ACCESS, 0, &f);
	}
	world_run();
	/* A batch a port and turn: those of access and of core follow each other. */
	assert_int_equal(world.n_out[ACCESS], 2 * EACH);
	world_drops(DROP_VLAN, STRAY);
	for (uint16_t to_client = 0, to_peer = 0; to_client + to_peer < 2 * EACH;) {
		const struct frame *next = world.out[ACCESS][world.at_out[ACCESS]];
		uint16_t tag = next->b[12] == 0x81 ? (uint16_t)(next->b[14] << 8 | next->b[15]) : 0;

		if (tag == vlan_core)
			expect_tagged(vlan_core, to_peer++);
		else
			expect_tagged(vlan_access, (uint16_t)(CHANDATA_HDR_LEN + to_client++));
	}
	assert_int_equal(world.w->port_counters[ACCESS].rx_packets, EACH + STRAY);
	assert_int_equal(world.w->port_counters[CORE].rx_packets, EACH);
	assert_int_equal(world_count(0, CNT_RX), 2 * EACH + STRAY);
	assert_true(world_accounts());
}

static void shared_by_tagged_ports(void **state)
{
	(void)state;
	shared_device(7, 9);
}

static void shared_with_an_untagged_port(void **state)
{
	(void)state;
	shared_device(0, 9);
	shared_device(7, 0);
}

/*
 * What the port says of a checksum counts: bad is dropped, and one
 * that was left to the device (RTE_MBUF_F_RX_L4_CKSUM_NONE, virtio) is computed before it is
 * carried over, over segments of any length.
 */
static void checksums_of_the_port(void **state)
{
	static const uint64_t flags[] = { RTE_MBUF_F_RX_L4_CKSUM_BAD, RTE_MBUF_F_RX_L4_CKSUM_NONE };
	const struct frame_opt o = { .csum = CSUM_BAD };
	uint8_t data[301], msg[sizeof(data) + 8];
	struct udp_view v;
	int i, k;

	(void)state;
	fill(data, sizeof(data), 7);
	for (k = 0; k < 4; k++) {
		size_t n = chandata(msg, CHANNEL, data, sizeof(data));
		struct sock_addr from = at("10.2.0.1", (uint16_t)(RELAY_PORT + k % 2));
		int cut = k / 2;

		i = k % 2;
		world.seg_first = cut ? 257 : 0;
		world.seg_rest = cut ? 13 : 0;
		world.rx_flags = flags[0];
		world_mark();
		frame_udp(&f, ACCESS, &client[i], &listener[i], msg, n, &o);
		world_feed(ACCESS, &f);
		world_drops(DROP_UDP_CSUM, 1);
		world.rx_flags = flags[1];
		world_feed(ACCESS, &f);
		expect_udp_is(CORE, &from, &peer[0], data, sizeof(data), &v);
		frame_udp(&f, CORE, &peer[i], &relayed[i], data, sizeof(data), &o);
		world_feed(CORE, &f);
		expect_udp(ACCESS, &v);
		assert_true(v.csum_ok && !v.csum_zero);
		world_drops(DROP_UDP_CSUM, 1);
	}
}

/* Inserts n bytes at a place of the frame, and IP's length with them. */
static void insert(uint16_t where, const uint8_t *bytes, uint16_t n)
{
	uint8_t *len = f.b + (f.b[14] >> 4 == 4 ? 16 : 18);
	uint16_t total = (uint16_t)((len[0] << 8 | len[1]) + n);

	memmove(f.b + where + n, f.b + where, f.len - where);
	memcpy(f.b + where, bytes, n);
	f.len = (uint16_t)(f.len + n);
	memcpy(len, be16_make(total).b, 2);
}

static void options_and_extension_headers(void **state)
{
	uint8_t options[40] = { 1, 1, 1, 1 }, ext[16] = { 17, 0, 1, 4 };
	struct udp_view v;
	uint16_t n;

	(void)state;
	for (n = 0; n <= 40; n = (uint16_t)(n + 4)) {
		base_make(PEER4);
		insert(V4, options, n);
		f.b[14] = (uint8_t)(0x45 + n / 4);
		frame_ip_csum(&f);
		world_feed(CORE, &f);
		expect_udp(ACCESS, &v);
		assert_int_equal(v.len, 24 + 4);
		assert_true(v.csum_ok);
	}
	base_make(PEER6);
	for (n = 1; n <= 5; n++) {
		ext[0] = n == 1 ? 17 : 60;
		ext[1] = n & 1;
		insert(V6, ext, (uint16_t)(8 + 8 * (n & 1)));
		f.b[20] = n == 5 ? 0 : 60;
		world_feed(CORE, &f);
		if (n == 5) /* more than any honest sender has */
			break;
		expect_udp(ACCESS, &v);
		assert_int_equal(v.len, 24 + 4);
		assert_true(v.csum_ok);
	}
	world_drops(DROP_IP_HEADER, 1);
	world_no_out();
}

static void mapped_addresses_are_no_wire_form(void **state)
{
	struct sock_addr to = relayed[0];

	(void)state;
	base_make(PEER6);
	memcpy(f.b + 38, to.ip.b, 16); /* ::ffff:10.2.0.1 */
	world_feed(CORE, &f);
	world_drops(DROP_IP_DST, 1);
	world_mark();
	base_make(PEER6);
	memcpy(f.b + 22, client[0].ip.b, 16);
	world_feed(CORE, &f);
	world_drops(DROP_IP_SRC, 1);
	world_no_out();
}

/* Who has our address as well tells it from there; nothing else comes from our addresses. */
static void claims_of_our_address_are_heard(void **state)
{
	static const struct ip_addr all_nodes = { { 0xff, 2, [15] = 1 } };
	uint8_t na[32] = { 136, [4] = 0x20, [24] = 2, 1, 2, 0, 0, 0, 0, 9 };

	(void)state;
	memcpy(na + 8, relayed[1].ip.b, 16);
	frame_ip(&f, CORE, &relayed[1].ip, &all_nodes, 58, na, sizeof(na), NULL);
	f.b[21] = 255;
	frame_icmp_csum(&f);
	world_feed(CORE, &f);
	world_drops(DROP_ND_BAD, 1);
	world_mark();
	na[0] = 135;
	frame_ip(&f, CORE, &relayed[1].ip, &all_nodes, 58, na, sizeof(na), NULL);
	f.b[21] = 255;
	frame_icmp_csum(&f);
	world_feed(CORE, &f);
	world_drops(DROP_IP_SRC, 1);
	world_no_out();
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(the_bases_pass),
		T(one_reason_each),
		T(truncated_frames),
		T(truncated_messages),
		T(reasons_of_sessions),
		T(reasons_of_next_hops),
		T(out_of_room),
		T(icmp_is_limited),
		T(checksums_of_the_port),
		T(tagged_ports),
		T(shared_by_tagged_ports),
		T(shared_with_an_untagged_port),
		T(options_and_extension_headers),
		T(mapped_addresses_are_no_wire_form),
		T(claims_of_our_address_are_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A path does to a packet what the general way does, in IPv4, in IPv6 and from one to the other
 * (RFC 8656 13). Each frame comes in twice: to sessions that have their paths, and to the same
 * sessions when their paths were taken away. What goes out must be the same byte by byte, and every
 * counter must have moved alike. Frames are media of both directions with headers, lengths and
 * checksums that are right, nearly right, or altered at random; sessions are alive, expired in each
 * of their parts, or of a kind that has no path.
 */
#include "tests/world/unit.h"
#include "tests/world/control.h"
#include "tests/world/path_twice.h"

#include "dp/rx.h"
#include "dp/tx.h"
#include "dp/net/ip.h"
#include "dp/relay/path.h"
#include "dp/turn/session.h"

#include <rte_ethdev.h>
#include <stdlib.h>

#define NOW WORLD_START_S

enum {
	CHANNEL = 0x4001,
	OTHER_CHANNEL = 0x4002,
	KINDS = 12, /* of sessions, see sessions_make() */
	SESSIONS = PAIRS * KINDS,
};

static bool client_v6(uint32_t i)
{
	return i / KINDS & 1;
}

static bool peer_v6(uint32_t i)
{
	return i / KINDS & 2;
}

/* The last kind's is a client that no packet may come from. */
static struct sock_addr client_of(uint32_t i)
{
	uint16_t port = (uint16_t)(5000 + i);

	if (i % KINDS == 11)
		return at(client_v6(i) ? "::1" : "127.0.0.1", port);
	return at(client_v6(i) ? "fd00:1::2" : "10.1.0.2", port);
}

/* Kinds 7 to 10 have peers that no packet may come from. */
static struct sock_addr peer_of(uint32_t i)
{
	static const char *const bad[4][2] = { { "10.2.0.1", "fd00:2::1" },
					       { "127.0.0.1", "::1" },
					       { "0.1.2.3", "::" },
					       { "224.0.0.9", "ff05::9" } };
	uint32_t kind = i % KINDS, v6 = peer_v6(i);
	uint16_t port = (uint16_t)(4000 + i);

	if (kind >= 7 && kind <= 10)
		return at(bad[kind - 7][v6], port);
	return at(v6 ? "fd00:2::2" : "10.2.0.2", port);
}

/* Another transport address of the peer's. */
static struct sock_addr peer_at(uint32_t i, uint16_t port)
{
	return at(peer_v6(i) ? "fd00:2::2" : "10.2.0.2", port);
}

static uint16_t port_of(uint32_t i)
{
	return (uint16_t)(RELAY_PORT + 2 * i);
}

/* 0 to 3 are alive, 3 has a second channel; 4 to 6 have expired: binding, permission, all. */
static void session_make(uint32_t i)
{
	struct sock_addr c = client_of(i), p = peer_of(i), second = peer_at(i, 4100);
	uint32_t kind = i % KINDS;

	assert_true(session_add(0, i, 1, &c, client_v6(i), port_of(i), port_of(i),
				i & 1 ? SESSION_FINGERPRINT : 0));
	assert_true(chan_add(0, i, &p, CHANNEL, kind == 4 ? NOW : NOW + 300));
	if (kind == 3)
		assert_true(chan_add(0, i, &second, OTHER_CHANNEL, NOW + 300));
	if (kind == 4 || kind == 5)
		assert_true(perm_add(0, i, peer_v6(i) ? "fd00:2::2" : "10.2.0.2",
				     kind == 4 ? NOW + 300 : NOW));
	if (kind == 6) {
		world.w->session[i].expiry = NOW;
		session_path_make(world.w, i);
	}
}

static void sessions_make(void)
{
	uint32_t i;

	for (i = 0; i < SESSIONS; i++)
		session_make(i);
}

/* The longest an MTU takes in either family, or what decides of DF (RFC 7915 5.1); or near it. */
static uint32_t edge(void)
{
	static const uint16_t ip_max[] = { MTU, 1280 };
	uint32_t around = (any(2) ? IPV4_HDR : IPV6_HDR) + UDP_HDR + (any(2) ? 4 : 0);

	return ip_max[any(2)] - around + any(4) - 1;
}

/* ChannelData: as it should be, padded, cut short, longer than it says, or of another channel. */
static uint32_t message_make(uint8_t *msg)
{
	uint32_t len = any(3) ? any(200) : any(2) ? any(1461) : edge(), total = len + 4;

	payload_make(msg + 4, len + 4);
	if (any(3) == 0)
		total += any(6);
	msg[0] = 0x40;
	msg[1] = any(10) ? CHANNEL & 0xff : OTHER_CHANNEL & 0xff;
	if (any(20) == 0)
		len = len + any(5) - 2;
	msg[2] = (uint8_t)(len >> 8);
	msg[3] = (uint8_t)len;
	return total;
}

/* Somebody who is not the peer, nor of its family, but reads like it where IPv4 has its words. */
static struct sock_addr other_family(uint32_t i, struct sock_addr *relayed)
{
	const struct be16 port = peer_of(i).port;
	struct sock_addr from = at("10.2.0.2", be16_get(port));

	relayed->ip = at(peer_v6(i) ? "10.2.0.1" : "fd00:2::1", 0).ip;
	if (!peer_v6(i)) {
		from.ip = at("fd00:0:a02:2::9", 0).ip;
		memcpy(from.ip.b + 12, port.b, 2);
	}
	return from;
}

/* Each session has relayed ports of both families. */
static struct sock_addr relayed_of(uint32_t i)
{
	return at(peer_v6(i) ? "fd00:2::1" : "10.2.0.1", port_of(i));
}

static void frame_make(struct frame *f, uint32_t pair, bool to_peer)
{
	const uint32_t i = kind_any(pair, KINDS);
	struct frame_opt o = frame_opt_any(to_peer ? ACCESS : CORE);
	struct sock_addr listener = world.conf.listener[client_v6(i)].addr;
	struct sock_addr relayed = relayed_of(i), from;
	uint8_t msg[2048];

	if (to_peer) {
		from = any(20) ? client_of(i) : at(client_v6(i) ? "fd00:1::2" : "10.1.0.2", 4999);
		frame_udp(f, ACCESS, &from, &listener, msg, message_make(msg), &o);
	} else {
		/* A Data indication is not cut: its random part would be in one piece of two. */
		bool known = any(10), bound = known && i % KINDS != 4;
		uint32_t len = any(3)		 ? any(200)
			       : any(2) && bound ? edge()
						 : any(bound ? 1473 : 1200);

		from = known ? peer_of(i) : peer_at(i, any(2) ? 4100 : 4200);
		if (any(12) == 0)
			from = other_family(i, &relayed);
		payload_make(msg, len);
		frame_udp(f, CORE, &from, &relayed, msg, len, &o);
	}
	if (any(6) == 0 && (to_peer || f->len < 1200))
		frame_alter(f);
	else if (any(20) == 0)
		frame_shorten(f);
	frame_pad(f);
}

/* Of the first session of a pair. */
static void frame_plain(struct frame *f, uint32_t pair, bool to_peer, const void *payload,
			size_t len, const struct frame_opt *o)
{
	const uint32_t i = pair * KINDS;
	struct sock_addr client = client_of(i), peer = peer_of(i), own = relayed_of(i);
	uint8_t msg[64];

	if (to_peer)
		frame_udp(f, ACCESS, &client, &world.conf.listener[client_v6(i)].addr, msg,
			  chandata(msg, CHANNEL, payload, len), o);
	else
		frame_udp(f, CORE, &peer, &own, payload, len, o);
}

static void paths_allow(bool allowed)
{
	uint32_t i;

	for (i = 0; i < SESSIONS; i++)
		if (allowed)
			session_path_make(world.w, i);
		else
			memset(&world.w->path[i], 0, sizeof(struct path));
}

static const struct twice paths = { .frame = frame_make,
				    .plain = frame_plain,
				    .before = paths_allow };

static void both_ways(void **state)
{
	(void)state;
	sessions_make();
	twice_any(&paths);
}

static void zero_checksums(void **state)
{
	(void)state;
	sessions_make();
	twice_zero(&paths);
}

/* One frame each way by the path of session 0, bound to a peer beyond a port. */
static void one_each_way(const struct sock_addr *peer, uint16_t port)
{
	const uint64_t before = relayed();
	struct sock_addr client = client_of(0), listener = world.conf.listener[0].addr;
	struct sock_addr own = at(ip_is_v4(&peer->ip) ? "10.2.0.1" : "fd00:2::1", port_of(0));
	uint8_t data[20], msg[24];
	struct udp_view v;
	struct frame f;

	fill(data, sizeof(data), 1);
	frame_udp(&f, ACCESS, &client, &listener, msg, chandata(msg, CHANNEL, data, 20), NULL);
	world_feed(ACCESS, &f);
	expect_udp_is(port, &own, peer, data, sizeof(data), &v);
	frame_udp(&f, port, peer, &own, data, sizeof(data), NULL);
	world_feed(port, &f);
	expect_udp_is(ACCESS, &listener, &client, msg, sizeof(msg), &v);
	/* What came by another port than the relayed address' is judged by the general way. */
	assert_int_equal(relayed() - before, port == CORE ? 2 : 1);
}

/* The next hop a path remembers is of its peer: a channel bound anew leads elsewhere. */
static void bound_anew(void **state)
{
	static const struct {
		const char *ip;
		uint16_t port;
	} peer[] = { { "10.2.0.2", CORE },   { "fd00:2::2", CORE }, { "fd00:1::2", ACCESS },
		     { "10.1.0.2", ACCESS }, { "10.2.0.2", CORE },  { "fd00:1::2", ACCESS },
		     { "fd00:2::2", CORE } };
	struct sock_addr c = client_of(0), p;
	uint32_t i;

	(void)state;
	assert_true(session_add(0, 0, 1, &c, 0, port_of(0), port_of(0), 0));
	for (i = 0; i < RTE_DIM(peer); i++) {
		p = at(peer[i].ip, 4000);
		assert_true(chan_add(0, 0, &p, CHANNEL, NOW + 300));
		one_each_way(&p, peer[i].port);
		/* Its time is over. */
		world.w->session[0].first.chan_expiry = world.w->session[0].first.perm_expiry = NOW;
	}
}

/*
 * What another worker had put together of pieces may be cut again, though it came over IPv6, and
 * so goes without DF (RFC 8656 13.3).
 */
static void whole_again(void **state)
{
	const uint32_t i = KINDS; /* an IPv6 client and an IPv4 peer */
	struct sock_addr c = client_of(i), listener = world.conf.listener[1].addr, p = peer_of(i);
	uint8_t data[1300], msg[1304];
	struct rte_mbuf *m;
	struct udp_view v;
	struct frame f;
	uint16_t whole;

	(void)state;
	sessions_make();
	fill(data, sizeof(data), 1);
	frame_udp(&f, ACCESS, &c, &listener, msg, chandata(msg, CHANNEL, data, 1300), NULL);
	for (whole = 0; whole < 2; whole++) {
		world_in(ACCESS, 0, &f);
		assert_int_equal(rte_eth_rx_burst(ACCESS, 0, &m, 1), 1);
		count(world.w, CNT_RX);
		m->hash.usr = whole ? HANDOVER_WHOLE : 0;
		rx_burst(world.w, &m, 1, ACCESS, RX_STEERED);
		world_run();
		expect_udp(CORE, &v);
		assert_int_equal(v.len, sizeof(data));
		assert_memory_equal(&v.dst, &p, sizeof(p));
		assert_int_equal(v.df, !whole);
	}
}

static int setup_with(uint16_t vlan_access, uint16_t vlan_core)
{
	world_config();
	world.conf.dataplane.sessions = SESSIONS;
	twice_start(vlan_access, vlan_core);
	return 0;
}

static int setup_plain(void **state)
{
	(void)state;
	return setup_with(0, 0);
}

static int setup_vlan(void **state)
{
	(void)state;
	return setup_with(0, 7);
}

static int setup_vlans(void **state)
{
	(void)state;
	return setup_with(9, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(both_ways, setup_plain, world_teardown),
		cmocka_unit_test_setup_teardown(both_ways, setup_vlan, world_teardown),
		cmocka_unit_test_setup_teardown(both_ways, setup_vlans, world_teardown),
		cmocka_unit_test_setup_teardown(zero_checksums, setup_vlan, world_teardown),
		cmocka_unit_test_setup_teardown(bound_anew, setup_plain, world_teardown),
		cmocka_unit_test_setup_teardown(whole_again, setup_plain, world_teardown),
	};

	world_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

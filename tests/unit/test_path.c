/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A path does to a packet what the general way does. Each frame comes in twice: to sessions that
 * have their paths, and to the same sessions when their paths were taken away. What goes out must
 * be the same byte by byte, and every counter must have moved alike. Frames are media of both
 * directions with headers, lengths and checksums that are right, nearly right, or altered at
 * random; sessions are alive, expired in each of their parts, or of a kind that has no path.
 */
#include "dp_world.h"

#include "../../dp/net/ip.h"
#include "../../dp/turn/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
	NOW = WORLD_START_S,
	FRAMES = 60000,
	BATCH = 8, /* that come in together */
	CHANNEL = 0x4001,
	OTHER_CHANNEL = 0x4002,
	SESSIONS = 9,
};

static uint64_t stages_relayed;

static struct sock_addr client_of(uint32_t i)
{
	return at("10.1.0.2", (uint16_t)(5000 + i));
}

/* The last two have peers that no packet may come from. */
static struct sock_addr peer_of(uint32_t i)
{
	return at(i == 7 ? "10.2.0.1" : i == 8 ? "127.0.0.1" : "10.2.0.2", (uint16_t)(4000 + i));
}

static uint16_t port_of(uint32_t i)
{
	return (uint16_t)(RELAY_PORT + 2 * i);
}

/* 0 to 3 are alive, 3 has a second channel; 4 to 6 have expired: binding, permission, all. */
static void sessions_make(void)
{
	struct sock_addr second = at("10.2.0.2", 4100);
	uint32_t i;

	for (i = 0; i < SESSIONS; i++) {
		struct sock_addr c = client_of(i), p = peer_of(i);

		assert_true(
		    session_add(0, i, 1, &c, 0, port_of(i), 0, i & 1 ? SESSION_FINGERPRINT : 0));
		assert_true(chan_add(0, i, &p, CHANNEL, i == 4 ? NOW : NOW + 300));
	}
	assert_true(chan_add(0, 3, &second, OTHER_CHANNEL, NOW + 300));
	assert_true(perm_add(0, 5, "10.2.0.2", NOW));
	world.w->session[6].expiry = NOW;
	path_make(world.w, 6);
}

static uint32_t any(uint32_t n)
{
	return (uint32_t)random() % n;
}

static void payload_make(uint8_t *p, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		p[i] = (uint8_t)(any(4) ? random() : 0);
}

/* ChannelData: as it should be, padded, cut short, longer than it says, or of another channel. */
static uint32_t message_make(uint8_t *msg)
{
	uint32_t len = any(3) ? any(200) : any(1461), total = len + 4;

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

/* What the right headers are not. */
static void frame_alter(struct frame *f)
{
	/* Other sources might be answered by way of neighbours nobody knows yet, once. */
	static const char *const source[] = { "0.0.0.0",  "127.0.0.1",	     "10.1.0.1",
					      "10.2.0.1", "255.255.255.255", "224.0.0.1" };
	uint32_t l3 = frame_l3(f), n = any(3);

	while (n--) {
		uint32_t i = any(3) ? l3 + any(28) : any(RTE_MIN(80u, (uint32_t)f->len));

		if (i < l3 + 12 || i >= l3 + 16)
			f->b[i] ^= (uint8_t)(1 << any(8));
	}
	if (any(8) == 0)
		memcpy(f->b + l3 + 12, at(source[any(RTE_DIM(source))], 0).ip.b + 12, 4);
	/* Fragments are put together, and what comes twice is not the same there. */
	f->b[l3 + 6] &= 0xc0;
	f->b[l3 + 7] = 0;
	if (any(2))
		frame_ip_csum(f);
}

static void frame_make(struct frame *f, bool to_peer)
{
	static const uint8_t ttl[] = { 1, 2, 64, 64, 64, 64, 255 };
	struct frame_opt o = { .tos = (uint8_t)(any(2) ? random() : 0),
			       .ttl = ttl[any(RTE_DIM(ttl))],
			       .df = any(2),
			       .vlan = world.conf.port[to_peer ? ACCESS : CORE].vlan,
			       .csum = any(8)	? CSUM_GOOD
				       : any(2) ? CSUM_BAD
						: CSUM_NONE };
	struct sock_addr listener = at("10.1.0.1", 3478), relayed = at("10.2.0.1", 0), from;
	uint32_t i = any(SESSIONS);
	uint8_t msg[2048];

	relayed.port = be16_make(port_of(i));
	if (to_peer) {
		from = client_of(any(20) ? i : SESSIONS);
		frame_udp(f, ACCESS, &from, &listener, msg, message_make(msg), &o);
	} else {
		bool bound = any(10) && i != 4;
		/* A Data indication is not cut: its random part would be in one piece of two. */
		uint32_t len = any(3) ? any(200) : any(bound ? 1473 : 1200);

		from = bound ? peer_of(i) : at("10.2.0.2", any(2) ? 4100 : 4200);
		payload_make(msg, len);
		frame_udp(f, CORE, &from, &relayed, msg, len, &o);
	}
	if (any(6) == 0 && (to_peer || f->len < 1200))
		frame_alter(f);
	/* The link pads what is short. */
	while (f->len < 60)
		f->b[f->len++] = (uint8_t)any(2);
}

/* What a batch led to. */
struct outcome {
	uint64_t cnt[CNT_MAX], drop[DROP_MAX];
	uint16_t n[WORLD_PORTS];
	struct frame out[WORLD_PORTS][2 * BATCH];
};

/* A Data indication's transaction, and what is computed over it, are random. */
static void transaction_take(struct frame *f)
{
	uint8_t *udp = f->b + frame_l4(f);

	if (f->b[frame_l3(f) + 9] != IP_PROTO_UDP ||
	    f->len < frame_l4(f) + UDP_HDR + STUN_HDR_LEN || udp[8] != 0 || udp[9] != 0x17)
		return;
	memset(udp + 6, 0, 2);
	memset(udp + 16, 0, 12);
	memset(f->b + f->len - 4, 0, 4);
}

/* Takes out the identification, which goes by order, once the header's checksum was found right. */
static void number_take(struct frame *f)
{
	uint8_t *h = f->b + frame_l3(f), csum[2];

	if (h[0] >> 4 != 4)
		return;
	memcpy(csum, h + 10, 2);
	frame_ip_csum(f);
	assert_memory_equal(csum, h + 10, 2);
	memset(h + 4, 0, 2);
	frame_ip_csum(f);
}

static void batch_run(const struct frame *f, const bool *to_peer, struct outcome *o)
{
	uint16_t i, k;

	world_mark();
	world.tx_room = UINT16_MAX; /* it counts down */
	for (i = 0; i < BATCH; i++)
		world_in(to_peer[i] ? ACCESS : CORE, 0, &f[i]);
	world_run();
	for (k = 0; k < CNT_MAX; k++)
		o->cnt[k] = world.w->counters->cnt[k] - world.cnt[0][k];
	for (k = 0; k < DROP_MAX; k++)
		o->drop[k] = world.w->counters->drop[k] - world.drop[0][k];
	for (i = 0; i < WORLD_PORTS; i++) {
		o->n[i] = world.n_out[i];
		assert_true(o->n[i] <= 2 * BATCH);
		for (k = 0; k < o->n[i]; k++) {
			o->out[i][k] = *world.out[i][k];
			number_take(&o->out[i][k]);
			transaction_take(&o->out[i][k]);
		}
	}
	assert_true(world_accounts());
	world_forget();
	while (world_evt(0))
		; /* mutants that read as requests */
}

static void frame_same(const struct frame *a, const struct frame *b)
{
	uint16_t i;

	for (i = 0; i < RTE_MIN(a->len, b->len) && a->b[i] == b->b[i]; i++)
		;
	if (i < RTE_MAX(a->len, b->len))
		fail_msg("byte %u of %u is %02x with paths, without %02x of %u (protocol %u)", i,
			 a->len, a->b[i], b->b[i], b->len, b->b[frame_l3(b) + 9]);
}

/* In the same order, too: all clients have one address, and all peers. */
static void outcome_same(struct outcome *a, struct outcome *b)
{
	uint16_t i, k;

	for (k = 0; k < DROP_MAX; k++)
		if (a->drop[k] != b->drop[k])
			fail_msg("drop %u: %u with paths, %u without", k, (unsigned)a->drop[k],
				 (unsigned)b->drop[k]);
	for (k = 0; k < CNT_MAX; k++)
		if (a->cnt[k] != b->cnt[k])
			fail_msg("counter %u: %u with paths, %u without", k, (unsigned)a->cnt[k],
				 (unsigned)b->cnt[k]);
	for (i = 0; i < WORLD_PORTS; i++) {
		assert_int_equal(a->n[i], b->n[i]);
		for (k = 0; k < a->n[i]; k++)
			frame_same(&a->out[i][k], &b->out[i][k]);
	}
}

static void paths_away(void)
{
	memset(world.w->path, 0, sizeof(struct path) * SESSIONS);
}

static void paths_back(void)
{
	uint32_t i;

	for (i = 0; i < SESSIONS; i++)
		path_make(world.w, i);
}

static void both_ways(void **state)
{
	static struct frame f[BATCH];
	static struct outcome with, without;
	bool to_peer[BATCH];
	uint32_t i, k;

	(void)state;
	sessions_make();
	srandom(world.conf.port[CORE].vlan + 1);
	stages_relayed = world.w->counters->stage[STAGE_RELAY].items;
	for (i = 0; i < FRAMES / BATCH; i++) {
		for (k = 0; k < BATCH; k++) {
			to_peer[k] = any(2);
			frame_make(&f[k], to_peer[k]);
		}
		batch_run(f, to_peer, &with);
		paths_away();
		batch_run(f, to_peer, &without);
		paths_back();
		outcome_same(&with, &without);
	}
	/* Or this showed nothing. */
	assert_true(world.w->counters->stage[STAGE_RELAY].items - stages_relayed > FRAMES / 20);
}

static int setup_with(uint16_t vlan_access, uint16_t vlan_core)
{
	world_config();
	world.conf.port[ACCESS].vlan = vlan_access;
	world.conf.port[CORE].vlan = vlan_core;
	world.conf.port[CORE].mtu = world.conf.port[ACCESS].mtu = 1400;
	world.conf.dataplane.icmp_rate = 0; /* without limit, which is the same twice */
	world_start();
	world_neighbours();
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
	};

	world_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

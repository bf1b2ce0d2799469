/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The short way for components does to a packet what the general way does, in IPv4, in IPv6 and
 * from one to the other. Each frame comes in twice: to contexts whose lines allow the short way,
 * and to the same when none does. What goes out must be the same byte by byte, and every counter,
 * of the worker and of each termination, must have moved alike. Contexts have RTCP beside,
 * multiplexed (RFC 5761) on one side or on both, or none; marks, a rate, closed gates, remotes that
 * are unknown, that are ours or that no packet may come from.
 */
#include "tests/world/unit.h"
#include "tests/world/media_world.h"
#include "tests/world/path_twice.h"

#include "dp/gateway/gateway.h"
#include "dp/gateway/media.h"

#include <stdlib.h>

enum {
	KINDS = 14, /* of contexts, see context_make() */
	CONTEXTS = PAIRS * KINDS,
};

static struct cmd_context_set context[CONTEXTS];

static bool side_v6(uint32_t i, uint32_t side)
{
	return i / KINDS & (side == SIDE_A ? 1u : 2u);
}

/* 0 to 5 let all pass; of them 4 only by the general way. */
static void context_make(uint32_t i)
{
	static const uint16_t flags[KINDS][SIDES] = {
		[0] = { TERM_RTP, TERM_RTP },
		[2] = { TERM_RTP | TERM_RTCP_MUX, TERM_RTP },
		[3] = { TERM_RTP | TERM_RTCP_MUX, TERM_RTP | TERM_RTCP_MUX },
		[5] = { TERM_RTP | TERM_RTCP_MUX, TERM_RTP },
		[6] = { TERM_RTP, 0 },
	};
	static const char *const bad[4][2] = { { "10.1.0.1", "fd00:1::1" },
					       { "127.0.0.1", "::1" },
					       { "0.1.2.3", "ff02::1" },
					       { "224.0.0.9", "ff05::9" } };
	struct cmd_context_set *c = &context[i];
	const uint32_t kind = i % KINDS;
	struct ctl_term *a = &c->term[SIDE_A], *b = &c->term[SIDE_B];

	*c = media_cmd(i, 1, 0);
	*a = media_term(SIDE_A, i, flags[kind][SIDE_A], side_v6(i, SIDE_A));
	*b = media_term(SIDE_B, i, flags[kind][SIDE_B], side_v6(i, SIDE_B));
	b->dscp = i & 1 ? 46 : CTL_DSCP_KEEP;
	a->dscp = i & 2 ? 0 : CTL_DSCP_KEEP;
	switch (kind) {
	case 4:
		a->rate = b->rate = 100000000;
		a->burst = b->burst = 1000000;
		break;
	case 5: /* learnt long ago */
		a->flags |= TERM_LATCH;
		a->latched[0] = a->remote[0];
		break;
	case 7:
		a->flags &= (uint16_t)~TERM_IN;
		break;
	case 8:
		a->flags &= (uint16_t)~TERM_OUT;
		break;
	case 9:
		b->remote[0].port = be16_make(0);
		break;
	default:
		if (kind >= 10)
			a->remote[0].ip = at(bad[kind - 10][side_v6(i, SIDE_A)], 0).ip;
	}
	assert_true(media_put(c));
}

/* Lengths, and first bytes, of media and of what is none. */
static uint32_t payload_any(uint8_t *msg, bool v6)
{
	uint32_t max = MTU - (v6 ? 40 : 20) - 8;
	uint32_t len = any(3) ? any(200) : any(2) ? any(1473) : max - 22 + any(24);

	payload_make(msg, len + 2);
	msg[0] = any(10) ? 0x80 : (uint8_t)any(6);
	msg[1] = any(4) ? (uint8_t)any(128) : (uint8_t)(188 + any(40));
	if (any(30) == 0)
		memcpy(msg + 4, (const uint8_t[]){ 0x21, 0x12, 0xa4, 0x42 }, 4);
	return any(50) ? len : any(3);
}

static void frame_make(struct frame *f, uint32_t pair, bool to_core)
{
	const uint32_t i = kind_any(pair, KINDS);
	const uint16_t rtcp = any(4) == 0, port = to_core ? ACCESS : CORE;
	const struct ctl_term *t = &context[i].term[to_core ? SIDE_A : SIDE_B];
	struct frame_opt o = frame_opt_any(port);
	struct sock_addr from = t->remote[rtcp], to = media_local(t, 0);
	uint8_t msg[2048];

	to.port = be16_make((uint16_t)(be16_get(to.port) + (any(12) ? rtcp : any(4))));
	if (be16_get(from.port) == 0 || any(12) == 0)
		from.port = be16_make((uint16_t)(6000 + any(4)));
	/* In the other family, where no component is. */
	if (ip_is_v4(&from.ip) != ip_is_v4(&to.ip))
		from.ip = at(ip_is_v4(&to.ip) ? "10.1.0.2" : "fd00:1::2", 0).ip;
	frame_udp(f, port, &from, &to, msg, payload_any(msg, !ip_is_v4(&to.ip)), &o);
	if (any(6) == 0 && f->len < 1200)
		frame_alter(f);
	else if (any(20) == 0)
		frame_shorten(f);
	frame_pad(f);
}

/* Of the first context of a pair. */
static void frame_plain(struct frame *f, uint32_t pair, bool to_core, const void *payload,
			size_t len, const struct frame_opt *o)
{
	const struct ctl_term *t = &context[pair * KINDS].term[to_core ? SIDE_A : SIDE_B];
	struct sock_addr to = media_local(t, 0);

	frame_udp(f, to_core ? ACCESS : CORE, &t->remote[0], &to, payload, len, o);
}

static void lines_allow(bool allowed)
{
	uint32_t i, k;

	for (i = 0; i < CONTEXTS; i++)
		media_make(world.w, i);
	for (k = 0; !allowed && k < CONTEXTS * COMPONENTS; k++)
		world.w->media_path[k].flags &= (uint8_t) ~(MEDIA_SHORT | MEDIA_SHORT_MUX);
}

/* What every termination has counted. */
static void stats_read(struct ctl_term_stats s[CONTEXTS][SIDES])
{
	uint32_t i;

	for (i = 0; i < CONTEXTS; i++)
		media_stats(world.w, i, s[i]);
}

static void stats_moved(struct ctl_term_stats now[CONTEXTS][SIDES],
			struct ctl_term_stats before[CONTEXTS][SIDES])
{
	uint32_t i, k;

	for (i = 0; i < CONTEXTS; i++)
		for (k = 0; k < SIDES; k++) {
			struct ctl_term_stats *n = &now[i][k], *b = &before[i][k];

			b->packets = n->packets - b->packets;
			b->bytes = n->bytes - b->bytes;
			b->rtcp_packets = n->rtcp_packets - b->rtcp_packets;
			b->rtcp_bytes = n->rtcp_bytes - b->rtcp_bytes;
			b->dropped = n->dropped - b->dropped;
			b->checks = 0;
			b->silent_s = 0;
			b->quality = n->quality; /* of the batch alone */
		}
}

static struct ctl_term_stats moved[2][CONTEXTS][SIDES];

/* Both ways measure from nothing on. */
static void quality_forget(void)
{
	uint32_t i, k;

	for (i = 0; i < CONTEXTS; i++)
		for (k = 0; k < SIDES; k++) {
			memset(&world.w->gateway->media[i].term[k].quality, 0,
			       sizeof(struct media_quality));
			media_lines(world.w, i)[2 * k].order = 0;
		}
}

static void batch_begins(bool allowed)
{
	quality_forget();
	lines_allow(allowed);
	stats_read(moved[allowed]);
}

static void batch_ends(bool allowed)
{
	static struct ctl_term_stats now[CONTEXTS][SIDES];

	stats_read(now);
	stats_moved(now, moved[allowed]);
	if (!allowed)
		assert_memory_equal(moved[0], moved[1], sizeof(moved[0]));
}

static void contexts_make(void)
{
	uint32_t i;

	for (i = 0; i < CONTEXTS; i++)
		context_make(i);
}

static void both_ways(void **state)
{
	(void)state;
	contexts_make();
	twice_any(
	    &(struct twice){ .frame = frame_make, .before = batch_begins, .after = batch_ends });
}

static void zero_checksums(void **state)
{
	(void)state;
	contexts_make();
	twice_zero(&(struct twice){ .plain = frame_plain, .before = lines_allow });
}

/* RTCP that comes to the port of RTP has a flag of its own, or its own port would let it in. */
static bool line_short(uint32_t i, uint32_t k)
{
	const bool mux = k % 2 && context[i].term[k / 2].flags & TERM_RTCP_MUX;
	const uint8_t flags = world.w->media_path[i * COMPONENTS + k].flags;

	assert_false(flags & (mux ? MEDIA_SHORT : MEDIA_SHORT_MUX));
	return flags & (mux ? MEDIA_SHORT_MUX : MEDIA_SHORT);
}

/* Which kinds may go the short way at all. */
static void lines(void **state)
{
	static const uint8_t want[KINDS] = {
		[0] = 0xf, [1] = 0x5, [2] = 0xf, [3] = 0xf,
		[5] = 0xf, [6] = 0x5, [7] = 0x4, [8] = 0x1,
	};
	uint32_t i, k;

	(void)state;
	for (i = 0; i < CONTEXTS; i++) {
		uint8_t allowed = 0;

		context_make(i);
		for (k = 0; k < COMPONENTS; k++)
			if (line_short(i, k))
				allowed |= (uint8_t)(1 << k);
		print_message("kind %u\n", i % KINDS);
		assert_int_equal(allowed, want[i % KINDS]);
	}
}

/* From a side of the context by the short way, counted as what it is. */
static void passes_short(uint32_t i, uint32_t side, uint32_t rtcp)
{
	struct ctl_term_stats before[SIDES], now[SIDES];
	const uint64_t short_before = relayed();

	media_stats(world.w, i, before);
	media_passes(&context[i], side, rtcp);
	media_stats(world.w, i, now);
	assert_int_equal(relayed() - short_before, 1);
	assert_int_equal(now[side].packets - before[side].packets, !rtcp);
	assert_int_equal(now[side].rtcp_packets - before[side].rtcp_packets, rtcp);
	assert_int_equal((now[side].rtcp_bytes != before[side].rtcp_bytes), rtcp);
}

/*
 * RTP and RTCP on one port or on two, each side as it wants (RFC 5761): from two ports to one, from
 * one to two. The port above that of a side that multiplexes takes nothing.
 */
static void rtcp_beside(void **state)
{
	uint32_t i, side;

	(void)state;
	for (i = 0; i < CONTEXTS; i++) {
		if (i % KINDS != 0 && i % KINDS != 2 && i % KINDS != 3)
			continue;
		context_make(i);
		for (side = SIDE_A; side <= SIDE_B; side++) {
			const struct ctl_term *t = &context[i].term[side];
			struct sock_addr above = media_local(t, 0);

			passes_short(i, side, 0);
			passes_short(i, side, 1);
			if (!(t->flags & TERM_RTCP_MUX))
				continue;
			above.port = be16_make((uint16_t)(be16_get(above.port) + 1));
			world_mark();
			media_feed(side, &t->remote[0], &above, (const uint8_t[]){ 0x80, 200 }, 2);
			world_drops(DROP_GATE_SOURCE, 1);
			world_no_out();
		}
	}
}

/* Sessions and components in one burst: both go the short way, each flow in its order. */
static void with_sessions(void **state)
{
	const struct sock_addr client = at("10.1.0.2", 5000), peer = at("10.2.0.2", 4000),
			       own = at("10.2.0.1", RELAY_PORT);
	const struct ctl_term *b = &context[0].term[SIDE_B], *a = &context[0].term[SIDE_A];
	struct sock_addr to = media_local(b, 0), src = media_local(a, 0);
	const uint64_t before = relayed();
	static struct frame f;
	uint8_t seen[2] = { 0 };
	struct udp_view v;
	uint32_t i;

	(void)state;
	context_make(0);
	assert_true(session_add(0, 0, 1, &client, 0, RELAY_PORT, 0, 0));
	assert_true(chan_add(0, 0, &peer, 0x4001, UINT32_MAX));
	for (i = 0; i < 6; i++) {
		const uint8_t data[4] = { 0x80, 0, (uint8_t)i, 0 };

		frame_udp(&f, CORE, i % 3 ? &b->remote[0] : &peer, i % 3 ? &to : &own, data,
			  sizeof(data), NULL);
		world_in(CORE, 0, &f);
	}
	world_run();
	assert_int_equal(relayed() - before, 6);
	for (i = 0; i < 6; i++) {
		uint8_t *last;

		expect_udp(ACCESS, &v);
		last = &seen[memcmp(&v.src, &src, sizeof(src)) == 0];
		/* ChannelData has the number behind its header. */
		assert_true(v.payload[v.len - 2] >= *last);
		*last = v.payload[v.len - 2] + 1;
	}
	assert_int_equal(seen[0], 3 + 1);
	assert_int_equal(seen[1], 5 + 1);
}

static int setup_with(uint16_t vlan_access, uint16_t vlan_core)
{
	media_config();
	world.conf.gateway.contexts = CONTEXTS;
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
	return setup_with(9, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lines, setup_plain, world_teardown),
		cmocka_unit_test_setup_teardown(rtcp_beside, setup_plain, world_teardown),
		cmocka_unit_test_setup_teardown(zero_checksums, setup_vlan, world_teardown),
		cmocka_unit_test_setup_teardown(with_sessions, setup_plain, world_teardown),
		cmocka_unit_test_setup_teardown(both_ways, setup_plain, world_teardown),
		cmocka_unit_test_setup_teardown(both_ways, setup_vlan, world_teardown),
	};

	world_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

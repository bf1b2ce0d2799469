/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * UDP between two terminations: who may send (R14, R28), what goes where (RTCP beside or
 * multiplexed, RFC 5761), and what becomes of all else. ICE is test_media_ice.c's.
 */
#include "tests/world/unit.h"
#include "tests/world/media_world.h"
#include "dp/gateway/media.h"
#include "dp/gateway/gateway.h"

static void rtp_and_rtcp(void **state)
{
	struct cmd_context_set c = media_call(TERM_RTP);
	struct ctl_term_stats s;
	uint32_t side, rtcp;

	(void)state;
	for (side = 0; side < SIDES; side++)
		for (rtcp = 0; rtcp < 2; rtcp++)
			media_passes(&c, side, rtcp);
	media_passes(&c, SIDE_A, 0);
	s = media_audit(c.cid, SIDE_A);
	assert_int_equal(s.packets, 2);
	assert_int_equal(s.bytes, 2 * 17);
	assert_int_equal(s.rtcp_packets, 1);
	assert_int_equal(s.rtcp_bytes, 8);
	assert_int_equal(s.dropped, 0);
	assert_int_equal(s.silent_s, 0);
	media_later(4000);
	assert_in_range(media_audit(c.cid, SIDE_A).silent_s, 4, 5);
}

/* Events of a side do not pass where they are blocked (RFC 4733); all else does, and theirs do. */
static void events_are_blocked(void **state)
{
	struct cmd_context_set c = media_call(TERM_RTP);
	uint8_t event[16] = { 0x80, 0x80 | 101, 0, 9, 0, 0, 0, 2, 0, 0, 0, 3, 5, 10, 0, 160 };
	const struct sock_addr to_a = media_local(&c.term[SIDE_A], 0),
			       to_b = media_local(&c.term[SIDE_B], 0);
	const struct sock_addr a = c.term[SIDE_A].remote[0], b = c.term[SIDE_B].remote[0];
	struct udp_view v;

	(void)state;
	c.term[SIDE_B].format[1] = (struct ctl_format){ 101, CODEC_EVENT };
	assert_true(media_put(&c));
	media_feed(SIDE_A, &a, &to_a, event, sizeof(event));
	expect_udp(CORE, &v);
	c.term[SIDE_A].flags |= TERM_NO_EVENTS;
	assert_true(media_put(&c));
	world_mark();
	media_feed(SIDE_A, &a, &to_a, event, sizeof(event));
	world_drops(DROP_GATE_EVENT, 1);
	world_no_out();
	media_passes(&c, SIDE_A, 0);
	media_passes(&c, SIDE_A, 1);
	media_feed(SIDE_B, &b, &to_b, event, sizeof(event));
	expect_udp(ACCESS, &v);
	event[1] = 102; /* of no event that is known */
	media_feed(SIDE_A, &a, &to_a, event, sizeof(event));
	expect_udp(CORE, &v);
	event[1] = 101;
	c.term[SIDE_A].flags &= (uint16_t)~TERM_NO_EVENTS;
	assert_true(media_put(&c));
	media_feed(SIDE_A, &a, &to_a, event, sizeof(event));
	expect_udp(CORE, &v);
}

static void any_datagrams(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, 0);
	static const uint8_t zeros[4];
	struct sock_addr to;
	struct udp_view v;

	(void)state;
	c.term[SIDE_A].local.port = be16_make(MEDIA_A + 1);
	assert_true(media_put(&c));
	media_passes(&c, SIDE_A, 0);
	media_passes(&c, SIDE_B, 0);
	/* Nothing in it, and what begins like STUN but is none. */
	to = media_local(&c.term[SIDE_A], 0);
	media_feed(SIDE_A, &c.term[SIDE_A].remote[0], &to, NULL, 0);
	expect_udp(CORE, &v);
	assert_int_equal(v.len, 0);
	media_feed(SIDE_A, &c.term[SIDE_A].remote[0], &to, zeros, sizeof(zeros));
	expect_udp(CORE, &v);
	assert_int_equal(v.len, sizeof(zeros));
	/* The port above is nobody's. */
	to.port = be16_make(MEDIA_A + 2);
	world_mark();
	media_feed(SIDE_A, &c.term[SIDE_A].remote[0], &to, media_packet, sizeof(media_packet));
	world_drops(DROP_RELAY_PORT, 1);
	world_forget();
}

static void families(void **state)
{
	struct cmd_context_set c;
	uint32_t i, rtcp;

	(void)state;
	for (i = 1; i < 4; i++) {
		c = media_cmd(i, 5, TERM_RTP);
		c.term[SIDE_A] = media_term(SIDE_A, i, TERM_RTP, i & 1);
		c.term[SIDE_B] = media_term(SIDE_B, i, TERM_RTP, i & 2);
		assert_true(media_put(&c));
		for (rtcp = 0; rtcp < 2; rtcp++) {
			media_passes(&c, SIDE_A, rtcp);
			media_passes(&c, SIDE_B, rtcp);
		}
	}
}

static void mux_on_both_sides(void **state)
{
	struct cmd_context_set c = media_call(TERM_RTP | TERM_RTCP_MUX);
	struct sock_addr above = c.term[SIDE_A].local.relay == 2 ? at("10.1.0.1", MEDIA_A + 4 + 1)
								 : (struct sock_addr){ 0 };

	(void)state;
	media_passes(&c, SIDE_A, 0);
	media_passes(&c, SIDE_A, 1);
	media_passes(&c, SIDE_B, 1);
	assert_int_equal(media_audit(c.cid, SIDE_A).rtcp_packets, 1);
	world_mark();
	media_feed(SIDE_A, &c.term[SIDE_A].remote[0], &above, media_packet, sizeof(media_packet));
	world_drops(DROP_GATE_SOURCE, 1);
}

static void mux_on_one_side(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, TERM_RTP);

	(void)state;
	c.term[SIDE_A].flags |= TERM_RTCP_MUX;
	assert_true(media_put(&c));
	media_passes(&c, SIDE_A, 0);
	media_passes(&c, SIDE_A, 1); /* out by the port above */
	media_passes(&c, SIDE_B, 0);
	media_passes(&c, SIDE_B, 1); /* out by the only port */
}

/* RFC 5761 4: 192 to 223 in the second byte. */
static void types_of_rtcp(void **state)
{
	static const struct {
		uint8_t type;
		bool rtcp;
	} rows[] = { { 0, 0 },	 { 127, 0 }, { 191, 0 }, { 192, 1 }, { 200, 1 },
		     { 207, 1 }, { 223, 1 }, { 224, 0 }, { 255, 0 } };
	struct cmd_context_set c = media_call(TERM_RTP | TERM_RTCP_MUX);
	struct sock_addr to = media_local(&c.term[SIDE_A], 0);
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(rows); i++) {
		const uint8_t msg[] = { 0x80, rows[i].type, 0, 0 };

		world_mark();
		media_feed(SIDE_A, &c.term[SIDE_A].remote[0], &to, msg, sizeof(msg));
		assert_int_equal(world_count(0, CNT_GATE_RTCP), rows[i].rtcp);
		assert_int_equal(world_count(0, CNT_GATE_PACKETS), 1);
		world_forget();
	}
	/* Too short to tell. */
	world_mark();
	media_feed(SIDE_A, &c.term[SIDE_A].remote[0], &to, "\x80", 1);
	assert_int_equal(world_count(0, CNT_GATE_RTCP), 0);
	assert_int_equal(world_count(0, CNT_GATE_PACKETS), 1);
	world_forget();
}

static void other_sources(void **state)
{
	struct cmd_context_set c = media_call(TERM_RTP);
	const struct sock_addr port = at("10.1.0.2", MEDIA_REMOTE_A + 6),
			       addr = at("10.1.0.3", MEDIA_REMOTE_A + 4);

	(void)state;
	media_from(&c, SIDE_A, 0, &port);
	world_drops(DROP_GATE_SOURCE, 1);
	media_from(&c, SIDE_A, 0, &addr);
	world_drops(DROP_GATE_SOURCE, 1);
	media_from(&c, SIDE_A, 0, &c.term[SIDE_A].remote[1]);
	world_drops(DROP_GATE_SOURCE, 1);
	media_from(&c, SIDE_A, 1, &c.term[SIDE_A].remote[0]);
	world_drops(DROP_GATE_SOURCE, 1);
	world_no_out();
	assert_int_equal(media_audit(c.cid, SIDE_A).packets, 0);
	assert_int_equal(media_audit(c.cid, SIDE_A).dropped, 4);
}

static void gates(void **state)
{
	struct cmd_context_set c = media_call(TERM_RTP);

	(void)state;
	c.term[SIDE_A].flags &= (uint16_t)~TERM_IN;
	assert_true(media_put(&c));
	media_drops(&c, SIDE_A, 0, DROP_GATE_CLOSED);
	media_drops(&c, SIDE_A, 1, DROP_GATE_CLOSED);
	media_passes(&c, SIDE_B, 0);
	c.term[SIDE_A].flags = (uint16_t)((c.term[SIDE_A].flags | TERM_IN) & ~TERM_OUT);
	assert_true(media_put(&c));
	media_passes(&c, SIDE_A, 0);
	media_drops(&c, SIDE_B, 0, DROP_GATE_CLOSED);
	c.term[SIDE_A].flags |= TERM_OUT;
	assert_true(media_put(&c));
	media_passes(&c, SIDE_B, 0);
	/* What came was counted all the same, and the remote is not silent. */
	assert_int_equal(media_audit(c.cid, SIDE_A).packets, 2);
	assert_int_equal(media_audit(c.cid, SIDE_A).dropped, 2);
}

static void no_partner(void **state)
{
	struct cmd_context_set c = media_call(TERM_RTP);
	struct ctl_term b = c.term[SIDE_B];

	(void)state;
	c.term[SIDE_B].transport = TERM_NONE;
	assert_true(media_put(&c));
	media_drops(&c, SIDE_A, 0, DROP_GATE_PARTNER);
	c.term[SIDE_B] = b;
	c.term[SIDE_B].remote[0].port = be16_make(0);
	assert_true(media_put(&c));
	media_drops(&c, SIDE_A, 0, DROP_GATE_PARTNER);
	media_passes(&c, SIDE_A, 1);
	c.term[SIDE_B] = media_term(SIDE_B, 1, 0, false); /* takes no RTCP */
	assert_true(media_put(&c));
	media_passes(&c, SIDE_A, 0);
	media_drops(&c, SIDE_A, 1, DROP_GATE_PARTNER);
}

/* ---- limits and marks ---- */

static void policing(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, 0);
	const uint32_t packet = 20 + 8 + 17; /* of IP */

	(void)state;
	c.term[SIDE_A].rate = 10 * packet;
	c.term[SIDE_A].burst = 2 * packet;
	assert_true(media_put(&c));
	media_passes(&c, SIDE_A, 0);
	media_passes(&c, SIDE_A, 0);
	media_drops(&c, SIDE_A, 0, DROP_GATE_RATE);
	media_passes(&c, SIDE_B, 0);
	world_clock_ms(world.w->now_ms + 99);
	media_drops(&c, SIDE_A, 0, DROP_GATE_RATE);
	world_clock_ms(world.w->now_ms + 1);
	media_passes(&c, SIDE_A, 0);
	media_drops(&c, SIDE_A, 0, DROP_GATE_RATE);
	/* Never more than the burst. */
	world_clock_ms(world.w->now_ms + 100000);
	media_passes(&c, SIDE_A, 0);
	media_passes(&c, SIDE_A, 0);
	media_drops(&c, SIDE_A, 0, DROP_GATE_RATE);
	/* A command that repeats the rate gives nothing. */
	assert_true(media_put(&c));
	media_drops(&c, SIDE_A, 0, DROP_GATE_RATE);
	c.term[SIDE_A].rate = c.term[SIDE_A].burst = 0;
	assert_true(media_put(&c));
	media_passes(&c, SIDE_A, 0);
}

static void dscp(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, 0);
	struct sock_addr to = media_local(&c.term[SIDE_A], 0);
	static const struct {
		uint8_t dscp, in, out;
	} rows[] = { { CTL_DSCP_KEEP, 0xba, 0xba },
		     { 46, 0x03, 0xbb },
		     { 0, 0xff, 0x03 },
		     { 63, 0x01, 0xfd } };
	static struct frame f;
	struct udp_view v;
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(rows); i++) {
		c.term[SIDE_B].dscp = rows[i].dscp;
		assert_true(media_put(&c));
		frame_udp(&f, ACCESS, &c.term[SIDE_A].remote[0], &to, media_packet,
			  sizeof(media_packet), &(struct frame_opt){ .tos = rows[i].in });
		world_feed(ACCESS, &f);
		media_out(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0], &v);
		assert_int_equal(v.tos, rows[i].out);
	}
}

static void what_cannot_go_out(void **state)
{
	struct cmd_context_set c = media_call(0);
	struct sock_addr to = media_local(&c.term[SIDE_A], 0);
	static struct frame f;

	(void)state;
	frame_udp(&f, ACCESS, &c.term[SIDE_A].remote[0], &to, media_packet, sizeof(media_packet),
		  &(struct frame_opt){ .ttl = 1 });
	world_mark();
	world_feed(ACCESS, &f);
	world_drops(DROP_IP_TTL, 1);
	assert_int_equal(world_count(0, CNT_GATE_PACKETS), 0);
	assert_int_equal(media_audit(c.cid, SIDE_A).dropped, 1);
	world_forget();
	/* No way there. */
	c.term[SIDE_B].remote[0] = at("192.0.2.1", 9);
	assert_true(media_put(&c));
	media_drops(&c, SIDE_A, 0, DROP_NO_ROUTE);
}

static void silence(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, 0);
	struct ctl_hdr sync = { 0 };
	const struct evt_term *e;

	(void)state;
	c.term[SIDE_B].inactivity = 10;
	assert_true(media_put(&c));
	media_passes(&c, SIDE_A, 0);
	media_later(7000);
	media_no_evt();
	media_passes(&c, SIDE_B, 0);
	media_later(7000);
	media_no_evt();
	media_later(2000);
	e = media_evt(EVT_TERM, c.cid);
	assert_int_equal(e->what, TERM_INACTIVE);
	assert_int_equal(e->side, SIDE_B);
	media_later(20000);
	media_no_evt(); /* once */
	media_passes(&c, SIDE_B, 0);
	media_later(12000);
	assert_int_equal(((const struct evt_term *)media_evt(EVT_TERM, c.cid))->what,
			 TERM_INACTIVE);
	media_no_evt();
	/* Once more for who may not have been there. */
	assert_true(world_cmd(0, CMD_SYNC_BEGIN, &sync, sizeof(sync)));
	assert_true(media_put(&c));
	assert_true(world_cmd(0, CMD_SYNC_END, &sync, sizeof(sync)));
	media_later(0);
	assert_int_equal(((const struct ctl_hdr *)world_evt(0))->type, EVT_SYNCED);
	assert_int_equal(((const struct evt_term *)media_evt(EVT_TERM, c.cid))->what,
			 TERM_INACTIVE);
	media_no_evt();
}

/* Silence is told again when what was told may not have been heard, or was of another time. */
static void silence_after_changes(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, TERM_LATCH), other = media_cmd(2, 6, 0);
	struct cmd_context_move move = { .cid = c.cid, .to = other.cid, .side = SIDE_A };
	const struct evt_term *e;

	(void)state;
	c.term[SIDE_A].inactivity = 10;
	assert_true(media_put(&c));
	media_later(12000);
	media_evt(EVT_TERM, c.cid);
	media_later(2000);
	media_no_evt();
	/* Another attempt: news of the one before are stale for who began it. */
	c.term[SIDE_A].attempt = 1;
	assert_true(media_put(&c));
	media_later(2000);
	e = media_evt(EVT_TERM, c.cid);
	assert_int_equal(e->what, TERM_INACTIVE);
	assert_int_equal(e->attempt, 1);
	/* More of it is wanted. */
	c.term[SIDE_A].inactivity = 30;
	assert_true(media_put(&c));
	media_later(2000);
	media_no_evt();
	media_later(20000);
	media_evt(EVT_TERM, c.cid);
	/* It was told of the context that it was in. */
	other.term[SIDE_A].transport = TERM_NONE;
	assert_true(media_put(&other));
	assert_true(world_cmd(0, CMD_CONTEXT_MOVE, &move, sizeof(move)));
	media_later(2000);
	media_evt(EVT_TERM, other.cid);
	media_no_evt();
}

/* ---- our own addresses ---- */

static void two_contexts_of_ours(void **state)
{
	struct cmd_context_set a = media_cmd(1, 5, 0), b = media_cmd(2, 5, 0);

	(void)state;
	/* B's remote of the one is A's port of the other, and the other way round. */
	a.term[SIDE_B].remote[0] = media_local(&b.term[SIDE_A], 0);
	b.term[SIDE_A].remote[0] = media_local(&a.term[SIDE_B], 0);
	assert_true(media_put(&a));
	assert_true(media_put(&b));
	media_from(&a, SIDE_A, 0, &a.term[SIDE_A].remote[0]);
	media_out(&b, SIDE_B, 0, &b.term[SIDE_B].remote[0], NULL);
	assert_int_equal(world_count(0, CNT_RELAY_LOOPED), 1);
	assert_int_equal(world_count(0, CNT_GATE_PACKETS), 2);
	media_from(&b, SIDE_B, 0, &b.term[SIDE_B].remote[0]);
	media_out(&a, SIDE_A, 0, &a.term[SIDE_A].remote[0], NULL);
	world_drops(DROP_NONE, 0);
}

static void other_ports_of_ours(void **state)
{
	static const struct {
		const char *ip;
		uint16_t port;
		enum drop why;
	} rows[] = {
		{ "10.1.0.1", 3478, DROP_UDP_PORT },	/* the listener of TURN */
		{ "10.2.0.1", 22, DROP_UDP_PORT },	/* below the relay's ports */
		{ "10.2.0.1", 49200, DROP_RELAY_PORT }, /* nobody's */
	};
	struct cmd_context_set c = media_cmd(1, 5, 0);
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(rows); i++) {
		uint64_t drops = 0;
		int k;

		c.term[SIDE_B].remote[0] = at(rows[i].ip, rows[i].port);
		assert_true(media_put(&c));
		media_from(&c, SIDE_A, 0, &c.term[SIDE_A].remote[0]);
		for (k = 0; k < DROP_MAX; k++)
			drops += world.w->counters->drop[k] - world.drop[0][k];
		assert_int_equal(drops, 1);
		assert_int_equal(world_count(0, CNT_BINDING), 0);
		assert_int_equal(world_count(0, CNT_PUNT), 0);
		world_no_out();
	}
	/* To itself: until its TTL is used up. */
	c.term[SIDE_B].remote[0] = media_local(&c.term[SIDE_A], 0);
	assert_true(media_put(&c));
	media_from(&c, SIDE_A, 0, &c.term[SIDE_A].remote[0]);
	world_drops(DROP_GATE_SOURCE, 1);
	world_no_out();
}

static void a_stream_takes_no_datagrams(void **state)
{
	struct cmd_context_set c = media_call(0);

	(void)state;
	world.w->gateway->context[1].kind = CONTEXT_STREAM;
	memset(&world.w->media_path[COMPONENTS], 0, COMPONENTS * sizeof(struct media_path));
	media_drops(&c, SIDE_A, 0, DROP_GATE_KIND);
	world.w->gateway->context[1].kind = CONTEXT_MEDIA;
}

/* An error about a packet of a component. */
static void icmp_errors(void **state)
{
	struct cmd_context_set c = media_call(0);
	const struct ip_addr from_ip = at("10.2.0.2", 0).ip, to = at("10.2.0.1", 0).ip;
	uint8_t msg[8 + 28] = { 3, 3, [8] = 0x45, [11] = 28, [16] = 64, [17] = 17 };
	static struct frame f;

	(void)state;
	memcpy(msg + 8 + 12, to.b + 12, 4);
	memcpy(msg + 8 + 16, from_ip.b + 12, 4);
	memcpy(msg + 28, c.term[SIDE_B].local.port.b, 2);
	memcpy(msg + 30, c.term[SIDE_B].remote[0].port.b, 2);
	msg[33] = 8;
	frame_ip(&f, CORE, &from_ip, &to, 1, msg, sizeof(msg), &(struct frame_opt){ 0 });
	frame_icmp_csum(&f);
	world_mark();
	world_feed(CORE, &f);
	world_drops(DROP_ICMP_NO_SESSION, 1);
	world_no_out();
}

/* What comes to another worker's queue is handed over. */
static void another_queue(void **state)
{
	struct cmd_context_set c;
	struct sock_addr to;
	static struct frame f;

	(void)state;
	media_config();
	world.conf.dataplane.n_workers = 2;
	world_start();
	c = media_call(0);
	to = media_local(&c.term[SIDE_A], 0);
	frame_udp(&f, ACCESS, &c.term[SIDE_A].remote[0], &to, media_packet, sizeof(media_packet),
		  &(struct frame_opt){ 0 });
	world_mark();
	world_in(ACCESS, 1, &f);
	world_run();
	media_out(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0], NULL);
	assert_int_equal(world_count(0, CNT_GATE_PACKETS), 1);
	/* Its ports are no other worker's to have. */
	assert_false(world_cmd(1, CMD_CONTEXT_SET, &c, sizeof(c)));
	world_stop();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, media_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(rtp_and_rtcp),
		T(events_are_blocked),
		T(any_datagrams),
		T(families),
		T(mux_on_both_sides),
		T(mux_on_one_side),
		T(types_of_rtcp),
		T(other_sources),
		T(gates),
		T(no_partner),
		T(policing),
		T(dscp),
		T(what_cannot_go_out),
		T(silence),
		T(silence_after_changes),
		T(two_contexts_of_ours),
		T(other_ports_of_ours),
		T(a_stream_takes_no_datagrams),
		T(icmp_errors),
		cmocka_unit_test(another_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

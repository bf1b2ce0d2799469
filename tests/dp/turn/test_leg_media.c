/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What peers send to a client over TCP (R7, R36; RFC 8656 11.6, 15): messages in its stream; what
 * goes to a slow client is bounded in bytes, buffers and age, the oldest going first.
 */
#include "tests/world/leg_world.h"

#include "dp/turn/limit.h"

static void to_the_client(void **state)
{
	static const uint16_t seg[][2] = { { 0, 0 }, { 320, 50 } };
	struct sock_addr other = at("10.2.0.2", 4999), a;
	struct stun_msg m;
	uint32_t n, i;

	(void)state;
	lw_serve();
	for (i = 0; i < 4; i++) {
		world.seg_first = seg[i & 1][0];
		world.seg_rest = seg[i & 1][1];
		world.at_end = i & 2;
		for (n = 400; n < 406; n++) {
			lw_from_peer(&lw.peer, n, CSUM_GOOD);
			lw_to_client(LW_CHANNEL, n);
			lw_from_peer(&lw.peer6, n, CSUM_GOOD);
			lw_to_client(LW_CHANNEL + 1, n);
			lw_from_peer(&lw.peer, n, CSUM_NONE);
			lw_to_client(LW_CHANNEL, n);
			world.w->session[0].flags = n & 1 ? SESSION_FINGERPRINT : 0;
			lw_from_peer(&other, n, CSUM_GOOD);
			assert_int_equal(stun_parse(&m, lw.f->out, lw.f->out_len), STUN_OK);
			assert_int_equal(m.method, STUN_DATA);
			assert_int_equal(m.fingerprint.val != NULL, n & 1);
			assert_true(stun_get_xor_addr(&m, &m.xor_peer[0], &a) != 0);
			assert_memory_equal(&a, &other, sizeof(a));
			assert_int_equal(m.data.len, n);
			assert_memory_equal(m.data.val, lw.data, n);
			lw.f->out_len = 0;
		}
	}
	world.seg_first = world.seg_rest = 0;
	lw_from_peer(&lw.peer, 0, CSUM_GOOD);
	lw_to_client(LW_CHANNEL, 0);
	assert_int_equal(world_count(0, CNT_RELAY_TO_CLIENT), 4 * 6 * 4 + 1);
	world_drops(DROP_NONE, 0);
	/* RFC 8656 15: the datagram ends here, and so must its checksum be right */
	lw_from_peer(&lw.peer, 40, CSUM_BAD);
	world_drops(DROP_UDP_CSUM, 1);
	world_mark();
	other.ip = at("10.2.0.3", 0).ip;
	lw_from_peer(&other, 40, CSUM_GOOD);
	world_drops(DROP_NO_PERMISSION, 1);
	assert_int_equal(lw.f->out_len, 0);
}

/* Padding and FINGERPRINT find no room behind the payload, and there is no other buffer. */
static void no_buffer_to_the_client(void **state)
{
	struct sock_addr other = at("10.2.0.2", 4999);
	struct stun_msg m;
	uint32_t i;

	(void)state;
	lw_serve();
	world.w->session[0].flags = SESSION_FINGERPRINT;
	world.at_end = true;
	for (i = 0; i < 2; i++) {
		frame_udp(&lw.frame, CORE, i ? &other : &lw.peer, &lw.relayed, lw.data, 401, NULL);
		world_in(CORE, 0, &lw.frame);
		world_pool_take();
		fake_run();
		world_pool_give();
		world_drops(DROP_NO_MBUF, i + 1);
		assert_int_equal(lw.f->out_len, 0);
	}
	lw_from_peer(&lw.peer, 401, CSUM_GOOD);
	lw_to_client(LW_CHANNEL, 401);
	lw_from_peer(&other, 401, CSUM_GOOD);
	assert_int_equal(stun_parse(&m, lw.f->out, lw.f->out_len), STUN_OK);
	assert_int_equal(m.data.len, 401);
	assert_memory_equal(m.data.val, lw.data, 401);
	assert_int_equal(world_count(0, CNT_RELAY_TO_CLIENT), 2);
	world_drops(DROP_NO_MBUF, 2);
}

/* A client over TCP and one over UDP reach each other's relayed addresses inside. */
static void relay_to_relay(void **state)
{
	struct sock_addr udp = at("10.1.0.3", 7000), other = at("10.2.0.1", RELAY_PORT + 2);
	struct udp_view v;

	(void)state;
	lw_serve();
	assert_true(session_add(0, 1, 1, &udp, 0, RELAY_PORT + 2, 0, 0));
	assert_true(chan_add(0, 0, &other, 0x4100, world.w->now + 300));
	assert_true(chan_add(0, 1, &lw.relayed, 0x4200, world.w->now + 300));
	lw_add_channel(0x4100, 33);
	lw_feed();
	expect_udp_is(ACCESS, &lw.local, &udp, lw.msg, chandata(lw.msg, 0x4200, lw.data, 33), &v);
	frame_udp(&lw.frame, ACCESS, &udp, &lw.local, lw.msg, chandata(lw.msg, 0x4200, lw.data, 34),
		  NULL);
	world_in(ACCESS, 0, &lw.frame);
	fake_run();
	lw_to_client(0x4100, 34);
	assert_int_equal(world_count(0, CNT_RELAY_LOOPED), 2);
	world_drops(DROP_NONE, 0);
}

/* RFC 8656 11.6, in the stream. */
static void icmp_in_the_stream(void **state)
{
	uint8_t icmp[8 + 28] = { 3, 1 };
	struct stun_msg m;

	(void)state;
	lw_serve();
	/* host unreachable about a datagram from the relayed address to the peer */
	icmp[8] = 0x45;
	icmp[10] = 0;
	icmp[11] = 40;
	icmp[16] = 64;
	icmp[17] = 17;
	memcpy(icmp + 20, lw.relayed.ip.b + 12, 4);
	memcpy(icmp + 24, lw.peer.ip.b + 12, 4);
	memcpy(icmp + 28, lw.relayed.port.b, 2);
	memcpy(icmp + 30, lw.peer.port.b, 2);
	icmp[33] = 20;
	frame_ip(&lw.frame, CORE, &lw.peer.ip, &lw.relayed.ip, 1, icmp, sizeof(icmp), NULL);
	frame_icmp_csum(&lw.frame);
	world_in(CORE, 0, &lw.frame);
	fake_run();
	assert_int_equal(world_count(0, CNT_ICMP_TO_CLIENT), 1);
	assert_int_equal(stun_parse(&m, lw.f->out, lw.f->out_len), STUN_OK);
	assert_int_equal(m.method, STUN_DATA);
	assert_non_null(m.icmp.val);
}

/* ---- a slow client ---- */

static void media_waits_and_goes_in_order(void **state)
{
	uint32_t n;

	(void)state;
	lw_serve();
	fake_stall(lw.f);
	for (n = 100; n < 108; n++)
		lw_from_peer(&lw.peer, n, CSUM_GOOD);
	assert_int_equal(lw.f->out_len, 0);
	assert_int_equal(tcp_held(world.w), 8);
	assert_true(lw_reply(STUN_REFRESH, STUN_SUCCESS, 0)); /* does not wait behind them */
	assert_int_equal(lw.f->out_len, 20);
	lw.f->out_len = 0;
	/* what would not go out at once stays, so that it can still be dropped */
	fake_acked(lw.f, 150, UINT32_MAX);
	fake_run();
	lw_to_client(LW_CHANNEL, 100);
	lw_to_client(LW_CHANNEL, 101);
	assert_int_equal(lw.f->out_len, 0);
	fake_acked(lw.f, UINT32_MAX, UINT32_MAX);
	fake_run();
	for (n = 102; n < 108; n++)
		lw_to_client(LW_CHANNEL, n);
	assert_int_equal(tcp_held(world.w), 0);
	world_drops(DROP_NONE, 0);
	assert_int_equal(world_count(0, CNT_RELAY_TO_CLIENT), 8);
}

/* Nothing follows that would take it along. */
static void one_alone_waits_and_goes(void **state)
{
	(void)state;
	lw_serve();
	fake_stall(lw.f);
	lw_from_peer(&lw.peer, 30, CSUM_GOOD);
	fake_acked(lw.f, UINT32_MAX, UINT32_MAX);
	fake_run();
	lw_to_client(LW_CHANNEL, 30);
	fake_stall(lw.f);
	lw_from_peer(&lw.peer, 31, CSUM_GOOD);
	lw_after_ms(201);
	world_drops(DROP_MEDIA_OLD, 1);
	/* a window that opens otherwise is used by the next datagram, in order */
	lw_from_peer(&lw.peer, 32, CSUM_GOOD);
	lw.f->unsent = 0;
	lw.f->window = UINT32_MAX;
	lw_from_peer(&lw.peer, 33, CSUM_GOOD);
	lw_to_client(LW_CHANNEL, 32);
	lw_to_client(LW_CHANNEL, 33);
	assert_int_equal(lw.f->out_len, 0);
}

/* So that the stack asks for the window: it keeps one that does not go (RFC 9293 3.8.6.1). */
static void a_closed_window_is_given_one(void **state)
{
	(void)state;
	lw_serve();
	fake_acked(lw.f, 0, UINT32_MAX);
	lw_from_peer(&lw.peer, 20, CSUM_GOOD);
	lw_from_peer(&lw.peer, 21, CSUM_GOOD);
	lw_to_client(LW_CHANNEL, 20);
	assert_int_equal(lw.f->out_len, 0);
	assert_int_equal(tcp_held(world.w), 1);
}

/*
 * R4: what is beyond the allocation's limit is dropped, each way for itself; requests go on, and
 * who has no permission uses nothing up.
 */
static void limited(void **state)
{
	struct sock_addr stranger = at("10.2.0.9", 9);
	int i;

	(void)state;
	world.conf.turn.session_packets = 2;
	assert_true(limit_create(world.w));
	lw_serve();
	for (i = 0; i < 3; i++)
		lw_add_channel(LW_CHANNEL, 10);
	lw_add_send(&lw.peer, 10, false);
	lw_add_stun(STUN_BINDING, STUN_REQUEST, 0);
	lw_feed();
	lw_to_peer(&lw.peer, 10);
	lw_to_peer(&lw.peer, 10);
	world_no_out();
	world_drops(DROP_SESSION_RATE, 2);
	assert_int_equal(world_count(0, CNT_BINDING), 1);
	lw.f->out_len = 0;
	world_mark();
	for (i = 0; i < 3; i++)
		lw_from_peer(&stranger, 10, CSUM_GOOD);
	world_drops(DROP_NO_PERMISSION, 3);
	world_mark();
	for (i = 0; i < 3; i++)
		lw_from_peer(&lw.peer, 10, CSUM_GOOD);
	world_drops(DROP_SESSION_RATE, 1);
	lw_to_client(LW_CHANNEL, 10);
	lw_to_client(LW_CHANNEL, 10);
	assert_int_equal(lw.f->out_len, 0);
	lw_after_ms(500);
	lw_add_channel(LW_CHANNEL, 11);
	lw_feed();
	lw_to_peer(&lw.peer, 11);
	assert_true(world_accounts());
}

static void media_is_bounded_in_bytes(void **state)
{
	uint32_t n;

	(void)state;
	lw_serve();
	fake_stall(lw.f);
	world.seg_first = 320;
	world.seg_rest = 200;
	for (n = 1000; n < 1010; n++)
		lw_from_peer(&lw.peer, n, CSUM_GOOD);
	world_drops(DROP_MEDIA_FULL, 6); /* four of a bit more than 1,000 are 4096 bytes at most */
	assert_true(world_accounts());
	fake_acked(lw.f, UINT32_MAX, UINT32_MAX);
	fake_run();
	for (n = 1006; n < 1010; n++)
		lw_to_client(LW_CHANNEL, n);
	assert_int_equal(lw.f->out_len, 0);
	world_mark();
	/* one that is longer than the whole queue takes nobody's place */
	fake_stall(lw.f);
	lw_from_peer(&lw.peer, 5, CSUM_GOOD);
	world.seg_rest = 1500;
	lw_from_peer(&lw.peer, 4100, CSUM_GOOD);
	world_drops(DROP_MEDIA_FULL, 1);
	fake_acked(lw.f, UINT32_MAX, UINT32_MAX);
	fake_run();
	lw_to_client(LW_CHANNEL, 5);
	assert_int_equal(lw.f->out_len, 0);
}

static void media_is_bounded_in_age(void **state)
{
	(void)state;
	lw_serve();
	fake_stall(lw.f);
	lw_from_peer(&lw.peer, 100, CSUM_GOOD);
	lw_after_ms(150);
	lw_from_peer(&lw.peer, 101, CSUM_GOOD);
	lw_after_ms(50);
	world_drops(DROP_NONE, 0);
	lw_after_ms(1);
	world_drops(DROP_MEDIA_OLD, 1); /* though nothing was acknowledged */
	fake_acked(lw.f, UINT32_MAX, UINT32_MAX);
	fake_run();
	lw_to_client(LW_CHANNEL, 101);
	assert_int_equal(lw.f->out_len, 0);
	fake_stall(lw.f);
	lw_from_peer(&lw.peer, 102, CSUM_GOOD);
	world_clock_ms(world.w->now_ms + 300);
	fake_acked(lw.f, UINT32_MAX, UINT32_MAX);
	lw_from_peer(&lw.peer, 103, CSUM_GOOD); /* the old one is not sent before it */
	lw_to_client(LW_CHANNEL, 103);
	world_drops(DROP_MEDIA_OLD, 2);
}

static void media_holds_no_more_buffers_than_all_may(void **state)
{
	(void)state;
	world.conf.tcp.buffers = 3;
	lw_serve();
	fake_stall(lw.f);
	lw_from_peer(&lw.peer, 10, CSUM_GOOD);
	lw_from_peer(&lw.peer, 11, CSUM_GOOD);
	lw_from_peer(&lw.peer, 12, CSUM_GOOD);
	world_drops(DROP_NONE, 0);
	lw_from_peer(&lw.peer, 13, CSUM_GOOD);
	world_drops(DROP_TCP_MEMORY, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, lw_setup, lw_teardown)
	const struct CMUnitTest tests[] = {
		T(to_the_client),
		T(no_buffer_to_the_client),
		T(relay_to_relay),
		T(icmp_in_the_stream),
		T(media_waits_and_goes_in_order),
		T(one_alone_waits_and_goes),
		T(a_closed_window_is_given_one),
		T(limited),
		T(media_is_bounded_in_bytes),
		T(media_is_bounded_in_age),
		T(media_holds_no_more_buffers_than_all_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

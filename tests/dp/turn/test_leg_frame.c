/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages of a client over TCP (R7, R8; RFC 8656 3.1, 12.5, 15): they are cut out of the stream
 * wherever segments end, and each relays or is dropped as its datagram would be; what is no message
 * ends the connection.
 */
#include "tests/world/leg_world.h"

/* What came of a stream: datagrams, replies and requests in order, as one sum. */
static uint64_t outcome(void)
{
	const struct frame *o;
	const struct evt_punt *e;
	uint64_t h = 1;
	uint32_t i;

	while ((o = world_out(CORE)))
		for (i = 0; i < o->len; i++)
			/* identification and with it the header's checksum count up */
			if (i < 18 || (i > 19 && i < 24) || i > 25)
				h = (h ^ o->b[i]) * UINT64_C(0x100000001b3);
	while ((e = world_evt(0)))
		for (i = 0; i < e->payload_len; i++)
			h = (h ^ e->payload[i]) * UINT64_C(0x100000001b3);
	for (i = 0; i < lw.f->out_len; i++)
		h = (h ^ lw.f->out[i]) * UINT64_C(0x100000001b3);
	world_forget();
	((struct leg *)tcp_data(lw.f->c))->answers = 0;
	lw.f->out_len = 0;
	return h;
}

static void mixed_stream(void)
{
	lw_add_channel(LW_CHANNEL, 0);
	lw_add_channel(LW_CHANNEL + 1, 1);
	lw_add_stun(STUN_BINDING, STUN_REQUEST, 0);
	lw_add_send(&lw.peer, 3, false);
	lw_add_channel(LW_CHANNEL, 6);
	lw_add_stun(STUN_REFRESH, STUN_REQUEST, 7);
	lw_add_send(&lw.peer6, 40, true);
	lw_add_stun(STUN_BINDING, STUN_INDICATION, 0);
	lw_add_channel(LW_CHANNEL + 2, 5);
	lw_add_channel(LW_CHANNEL, 7);
}

static void cut(uint64_t want, const uint32_t *at, int n, bool at_end)
{
	uint32_t from = 0;
	int i;

	world_mark();
	for (i = 0; i <= n; i++) {
		uint32_t to = i < n ? at[i] : lw.len;

		if (to <= from)
			continue;
		fake_feed(world.w, lw.f, lw.stream + from, to - from, at_end);
		/* half of them come while the one before is still there */
		if ((from ^ to) & 1)
			fake_run();
		from = to;
	}
	fake_run();
	assert_true(outcome() == want);
	world_drops(DROP_NO_CHANNEL, 1);
	assert_int_equal(world_count(0, CNT_RELAY_TO_PEER), 6);
	assert_int_equal(world_count(0, CNT_BINDING), 1);
	assert_int_equal(world_count(0, CNT_PUNT), 1);
	assert_int_equal(tcp_held(world.w), 0);
	assert_true(world_accounts());
}

static void every_cut_gives_the_same(void **state)
{
	uint64_t seed = 7, want;
	uint32_t i, k, at[400];

	(void)state;
	lw_serve();
	mixed_stream();
	fake_feed(world.w, lw.f, lw.stream, lw.len, false);
	fake_run();
	assert_int_equal(world.n_out[CORE], 6);
	want = outcome();
	for (i = 1; i < lw.len; i++)
		cut(want, &i, 1, i & 2);
	for (i = 0; i < lw.len; i++)
		at[i] = i;
	cut(want, at, (int)lw.len, false);
	for (k = 0; k < 300; k++) {
		at[0] = 0;
		for (i = 1; i < 20; i++)
			at[i] = at[i - 1] + (uint32_t)(test_random(&seed) % 40);
		for (i = 0; i < 20; i++)
			at[i] = RTE_MIN(at[i], lw.len);
		cut(want, at, 20, k & 1);
	}
}

/* The last message of a buffer goes out in that buffer; others are copied. */
static void last_of_a_buffer_is_not_copied(void **state)
{
	(void)state;
	lw_serve();
	lw_add_channel(LW_CHANNEL, 100);
	lw_feed();
	lw_to_peer(&lw.peer, 100);
	assert_int_equal(world_count(0, CNT_MADE), 0);
	lw_add_channel(LW_CHANNEL, 101);
	lw_add_send(&lw.peer6, 99, false);
	lw_feed();
	lw_to_peer(&lw.peer, 101);
	lw_to_peer(&lw.peer6, 99);
	assert_int_equal(world_count(0, CNT_MADE), 1);
	world_no_out();
}

/* RFC 8656 12.5: padding belongs to the message, whatever it is. */
static void padding_is_waited_for(void **state)
{
	uint32_t n, whole;

	(void)state;
	lw_serve();
	for (n = 1; n < 4; n++) {
		lw_add_channel(LW_CHANNEL, n);
		whole = lw.len;
		lw.len = 4 + n;
		lw_feed();
		world_no_out();
		fake_feed(world.w, lw.f, lw.stream + 4 + n, whole - 4 - n, false);
		fake_run();
		lw_to_peer(&lw.peer, n);
	}
}

/* Longer than a buffer, up to what UDP carries. */
static void long_messages(void **state)
{
	(void)state;
	lw_serve();
	world.conf.port[CORE].mtu = 1500;
	lw_add_send(&lw.peer, 60000, false);
	lw_feed();
	assert_int_equal(world_count(0, CNT_RELAY_TO_PEER), 1);
	assert_int_equal(world_count(0, CNT_RELAY_TO_PEER_BYTES), 60000);
	lw_add_channel(LW_CHANNEL, 65507);
	lw_feed();
	assert_int_equal(world_count(0, CNT_RELAY_TO_PEER), 2);
	world_drops(DROP_NONE, 0);
	lw_add_channel(LW_CHANNEL + 1, 65507); /* more than IPv6 carries */
	lw_add_channel(LW_CHANNEL, 8);
	world_forget();
	lw_feed();
	world_drops(DROP_FRAG_NEEDED, 1);
	lw_to_peer(&lw.peer, 8);
}

/* RFC 8656 14.9: DF is the client's to ask for, and then nothing is cut. */
static void dont_fragment(void **state)
{
	struct udp_view v;

	(void)state;
	lw_serve();
	lw_add_send(&lw.peer, 50, true);
	lw_add_send(&lw.peer, 50, false);
	lw_feed();
	expect_udp(CORE, &v);
	assert_true(v.df);
	expect_udp(CORE, &v);
	assert_false(v.df);
	lw_add_send(&lw.peer, 1473, true);
	lw_feed();
	world_drops(DROP_FRAG_NEEDED, 1);
	world_no_out();
}

static void no_buffers(void **state)
{
	uint32_t round;

	(void)state;
	lw_serve();
	for (round = 0; round < 2; round++) {
		lw.len = 0;
		if (round)
			lw_add_send(&lw.peer, 10, false);
		else
			lw_add_channel(LW_CHANNEL, 10);
		lw_add_channel(LW_CHANNEL, 11);
		fake_feed(world.w, lw.f, lw.stream, lw.len, false);
		world_pool_take();
		fake_run();
		world_pool_give();
		/* the second of them is in the buffer that came */
		world_drops(DROP_NO_MBUF, round + 1);
		lw_to_peer(&lw.peer, 11);
		world_no_out();
	}
	lw.len = 0;
	lw_add_send(&lw.peer, 12, false);
	lw_add_channel(LW_CHANNEL, 13);
	fake_feed(world.w, lw.f, lw.stream, lw.len, false);
	fake_run();
	lw_to_peer(&lw.peer, 12);
	lw_to_peer(&lw.peer, 13);
	world_drops(DROP_NO_MBUF, 2);
}

/* More messages than one turn takes: the rest is not forgotten. */
static void many_small_messages(void **state)
{
	int i;

	(void)state;
	lw_serve();
	for (i = 0; i < 300; i++)
		lw_add_channel(LW_CHANNEL, 0);
	lw_feed();
	assert_int_equal(world_count(0, CNT_RELAY_TO_PEER), 300);
}

/* ---- invalid values ---- */

static void bad(const void *bytes, uint32_t n)
{
	struct sock_addr other = lw.client;
	struct fake_conn *g;

	other.port = be16_make(6001);
	g = fake_open(world.w, &lw.local, &other);
	fake_feed(world.w, g, bytes, n, false);
	fake_run();
	assert_false(g->open);
	assert_int_equal(g->why, TCP_END_FRAME_BAD);
}

static void lies_end_the_connection(void **state)
{
	static const uint8_t cookie[20] = { 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x43 };
	static const uint8_t odd[20] = { 0, 1, 0, 6, 0x21, 0x12, 0xa4, 0x42 };
	static const uint8_t tls[] = { 0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3 };

	(void)state;
	lw_serve();
	bad("\x80", 1);
	bad("\xc0", 1);
	bad("GET / HTTP/1.1\r\n\r\n", 18);
	bad("CONNECT", 7);
	bad("\x40\x01", 2); /* ChannelData, and never an allocation */
	bad(cookie, 8);
	bad(odd, 4);
	bad(tls, sizeof(tls));
	assert_int_equal(fake_peer.gone, 0);
	/* the others go on */
	lw_add_channel(LW_CHANNEL, 9);
	lw_feed();
	lw_to_peer(&lw.peer, 9);
	/* longer than any datagram */
	lw_add("\x40\x01\xff\xe4", 4);
	lw_feed();
	lw_ended(TCP_END_FRAME_BAD);
	assert_int_equal(fake_peer.gone, 1);
}

/* What can never be whole is not waited for. */
static void longer_than_the_window(void **state)
{
	(void)state;
	world.conf.tcp.receive_buffer = 4096;
	lw_serve();
	lw_add("\x40\x01\x10\x00", 4);
	lw_feed();
	lw_ended(TCP_END_FRAME_BAD);
}

/* As over UDP: one message goes nowhere, the next is read. */
static void bad_messages_are_dropped(void **state)
{
	(void)state;
	lw_serve();
	lw_add_stun(STUN_ALLOCATE, STUN_REQUEST, CTL_PAYLOAD_MAX);
	lw_feed();
	world_drops(DROP_STUN_LONG, 1);
	world_mark();
	lw_add_stun(STUN_BINDING, STUN_REQUEST, RING_MSG_SIZE);
	lw_feed();
	world_drops(DROP_STUN_LONG, 1);
	world_mark();
	lw_add_stun(STUN_CONNECTION_ATTEMPT, STUN_REQUEST, 0);
	lw_add_stun(STUN_ALLOCATE, STUN_SUCCESS, 0);
	lw_add_stun(STUN_DATA, STUN_INDICATION, 0);
	lw_feed();
	world_drops(DROP_STUN_METHOD, 3);
	world_mark();
	lw_add_stun(STUN_SEND, STUN_INDICATION, 0);
	lw_feed();
	world_drops(DROP_SEND_BAD, 1);
	world_mark();
	lw_add_send(&lw.relayed, 5, false);
	lw_feed();
	world_drops(DROP_NO_PERMISSION, 1);
	world_mark();
	lw_add_stun(STUN_REFRESH, STUN_REQUEST, 4);
	lw.stream[21] ^= 1; /* now a comprehension-required attribute: not ours to judge */
	lw.stream[23] = 60; /* past the end */
	lw_feed();
	world_drops(DROP_STUN_ATTR, 1);
	world_mark();
	world_clock_ms((world.w->now + 600) * 1000ull);
	lw_add_channel(LW_CHANNEL, 5);
	lw_add_send(&lw.peer, 5, false);
	lw_feed();
	world_drops(DROP_SESSION_EXPIRED, 2);
	assert_null(world_evt(0));
	assert_int_equal(lw.f->out_len, 0);
	assert_true(lw.f->open);
}

static void without_session(void **state)
{
	struct ctl_sid sid = { 0, 1 };

	(void)state;
	lw_add_send(&lw.peer, 5, false);
	lw_feed();
	world_drops(DROP_NO_SESSION, 1);
	lw_serve();
	assert_true(session_del(world.w, &sid));
	lw_add_channel(LW_CHANNEL, 5); /* on its way when the allocation ended */
	lw_feed();
	world_drops(DROP_NO_SESSION, 1);
	assert_true(lw.f->open);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, lw_setup, lw_teardown)
	const struct CMUnitTest tests[] = {
		T(every_cut_gives_the_same),
		T(last_of_a_buffer_is_not_copied),
		T(padding_is_waited_for),
		T(long_messages),
		T(dont_fragment),
		T(no_buffers),
		T(many_small_messages),
		T(lies_end_the_connection),
		T(longer_than_the_window),
		T(bad_messages_are_dropped),
		T(without_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

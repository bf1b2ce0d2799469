/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SYN cookies (RFC 4987 3.6): nothing is kept of a SYN, and the ACK that brings the cookie back
 * opens a connection with all that was agreed: segment size by the cookie; window scale, SACK and
 * ECN by the low bits of our timestamp. What is no cookie of ours opens nothing.
 */
#include "tests/world/tcp_world.h"

static int setup(void **state)
{
	(void)state;
	tcp_config();
	world.conf.tcp.cookies = COOKIES_ALWAYS;
	tcp_start();
	return 0;
}

static void syn(uint8_t flags)
{
	seg_in(SYN | flags, 0, 0, 0);
	seg_expect(SYN | ACK | (flags & ECE), 0, 1, 0);
	assert_int_equal(world.w->tcp->conns, 0);
	assert_int_equal(world.w->tcp->half_open, 0);
	assert_int_equal(rte_hash_count(world.w->tcp->table), 0);
}

static void all_options_survive(void **state)
{
	(void)state;
	syn(0);
	assert_int_equal(world_count(0, CNT_TCP_COOKIE_TX), 1);
	seg_in(ACK, 1, 1, 0);
	seg_none();
	assert_int_equal(app.opened, 1);
	assert_int_equal(world_count(0, CNT_TCP_COOKIE_OK), 1);
	assert_int_equal(app.c->snd_wscale, 7);
	/* Scale, both ways. */
	app_send(3 * MSS_TS);
	seg_expect(ACK, 1, 1, MSS_TS);
	seg_expect(ACK, 1 + MSS_TS, 1, MSS_TS);
	assert_int_equal(seg_window(seg_expect(ACK, 1 + 2 * MSS_TS, 1, MSS_TS)), TCP_FIRST_WINDOW);
	assert_int_equal(app.c->rcv_wscale, 3);
	/* SACK. */
	seg_in(ACK, 1001, 1 + 3 * MSS_TS, 10);
	seg_expect(ACK, 1 + 3 * MSS_TS, 1, 0, .n_sack = 1, .sack = { { 1001, 1011 } });
	peer_reset();
}

static void ecn_survives(void **state)
{
	(void)state;
	syn(ECE | CWR);
	seg_in(ACK, 1, 1, 0);
	app_send(100);
	assert_int_equal(seg_expect(ACK, 1, 1, 100)->tos & CE, ECT0);
	peer_reset();
}

/* Without timestamps there is no place for them: then they must not be offered. */
static void what_cannot_be_kept_is_not_offered(void **state)
{
	const struct seg *s;

	(void)state;
	peer.ts = false;
	seg_in(SYN, 0, 0, 0);
	s = seg_expect(SYN | ACK, 0, 1, 0);
	assert_false(s->sack_ok || s->ws || s->ts);
	seg_in(ACK, 1, 1, 0);
	assert_int_equal(app.opened, 1);
	assert_int_equal(app.c->snd_wscale, 0);
	seg_in(ACK, 1001, 1, 10);
	seg_expect(ACK, 1, 1, 0);
	peer_reset();
}

/* The size is one of few, never larger than what was announced. */
static void segment_sizes(void **state)
{
	static const uint16_t mss[] = { 400, 536, 1000, 1220, 1300, 1459, 1460, 9000 };
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(mss); i++) {
		const struct seg *s;

		peer.mss = mss[i];
		syn(0);
		seg_in(ACK, 1, 1, 0);
		app_send(1500);
		s = seg_next();
		assert_non_null(s);
		assert_in_range(s->len, (uint32_t)RTE_MIN(mss[i], 1460) / 2, mss[i] - 12u);
		peer_reset();
	}
}

static void the_ack_is_lost(void **state)
{
	(void)state;
	syn(0);
	seg_in(ACK, 1, 1, 100);
	seg_expect(ACK, 1, 101, 0);
	assert_int_equal(app.received, 100);
	close_peer_first(101, 1);
}

static void a_forged_one_opens_nothing(void **state)
{
	uint32_t i;

	(void)state;
	syn(0);
	world_mark();
	for (i = 0; i < 64; i++) {
		seg_in(ACK, 1, 1 + (1u << (i % 27)) * (i < 32 ? 1 : 3), 0);
		seg_skip();
	}
	world_drops(DROP_TCP_COOKIE, 64);
	/* Another sequence number of the peer's, or another of its ports. */
	seg_in(ACK, 2, 1, 0);
	seg_expect(RST, 1, 0, 0);
	peer.addr.port = be16_make(PEER_PORT + 1);
	seg_in(ACK, 1, 1, 0);
	seg_expect(RST, 1, 0, 0);
	world_drops(DROP_TCP_COOKIE, 66);
	assert_int_equal(world.w->tcp->conns, 0);
	assert_int_equal(app.opened, 0);
}

/* Nobody could have one: then a good guess is none. */
static void none_was_sent(void **state)
{
	uint32_t until;

	(void)state;
	syn(0);
	until = world.w->tcp->cookies_until;
	world.w->tcp->cookies_until = world.w->now;
	seg_in(ACK, 1, 1, 0);
	seg_expect(RST, 1, 0, 0);
	world_drops(DROP_TCP_COOKIE, 1);
	world.w->tcp->cookies_until = until;
	seg_in(ACK, 1, 1, 0);
	assert_int_equal(app.opened, 1);
	peer_reset();
}

/* The first thing that goes when buffers are short is new connections. */
static void buffers_are_short(void **state)
{
	uint32_t n = world.conf.tcp.buffers;

	(void)state;
	syn(0);
	world.w->tcp->held += n;
	seg_in(ACK, 1, 1, 0);
	seg_none();
	world_drops(DROP_TCP_MEMORY, 1);
	assert_int_equal(app.opened, 0);
	world.w->tcp->held -= n;
	seg_in(ACK, 1, 1, 0);
	assert_int_equal(app.opened, 1);
	peer_reset();
}

static void an_old_one_opens_nothing(void **state)
{
	(void)state;
	syn(0);
	world_clock_ms(world.w->now_ms + 300 * 1000);
	seg_in(ACK, 1, 1, 0);
	seg_expect(RST, 1, 0, 0);
	assert_int_equal(app.opened, 0);
	/* The clock's field wraps. */
	world_clock_ms(world.w->now_ms + 3600 * 1000);
	seg_in(ACK, 1, 1, 0);
	seg_expect(RST, 1, 0, 0);
	assert_int_equal(app.opened, 0);
}

/*
 * A cookie is good for the rest of its period of 64 s and for the next, however many are sent to
 * others meanwhile.
 */
static void it_is_good_for_a_period_more(void **state)
{
	enum { PERIOD_MS = 64 * 1000 };
	uint64_t begin = (world.w->now_ms / PERIOD_MS + 1) * PERIOD_MS;
	uint32_t irs[2], i;

	(void)state;
	world_clock_ms(begin);
	for (i = 0; i < 2; i++) {
		peer.addr.port = be16_make((uint16_t)(PEER_PORT + i));
		syn(0);
		irs[i] = peer.irs;
	}
	world_clock_ms(begin + 2 * PERIOD_MS - 1);
	peer.addr.port = be16_make(PEER_PORT + 2);
	syn(0);
	peer.addr.port = be16_make(PEER_PORT);
	peer.irs = irs[0];
	seg_in(ACK, 1, 1, 0);
	assert_int_equal(app.opened, 1);
	peer_reset();
	world_clock_ms(begin + 2 * PERIOD_MS);
	peer.addr.port = be16_make(PEER_PORT + 1);
	peer.irs = irs[1];
	seg_in(ACK, 1, 1, 0);
	seg_expect(RST, 1, 0, 0);
	world_drops(DROP_TCP_COOKIE, 1);
	assert_int_equal(app.opened, 1);
}

/* A SYN of a client that has a connection: not a cookie's. */
static void an_open_connection_is_left_alone(void **state)
{
	(void)state;
	syn(0);
	seg_in(ACK, 1, 1, 0);
	seg_in(SYN, 0, 0, 0);
	seg_expect(ACK, 1, 1, 0);
	assert_int_equal(world_count(0, CNT_TCP_COOKIE_TX), 1);
	peer_reset();
}

static void over_ipv6(void **state)
{
	(void)state;
	peer_v6();
	peer.mss = 1440;
	syn(0);
	seg_in(ACK, 1, 1, 0);
	assert_int_equal(app.opened, 1);
	app_send(1500);
	seg_expect(ACK, 1, 1, 1428);
	seg_expect(ACK, 1429, 1, 72);
	peer_reset();
}

#define cookie(f) cmocka_unit_test_setup_teardown(f, setup, tcp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cookie(all_options_survive),
		cookie(ecn_survives),
		cookie(what_cannot_be_kept_is_not_offered),
		cookie(segment_sizes),
		cookie(the_ack_is_lost),
		cookie(a_forged_one_opens_nothing),
		cookie(none_was_sent),
		cookie(buffers_are_short),
		cookie(an_old_one_opens_nothing),
		cookie(it_is_good_for_a_period_more),
		cookie(an_open_connection_is_left_alone),
		cookie(over_ipv6),
	};

	return tcp_run(tests);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Protection against wrapped sequence numbers (RFC 7323 5): what is older than the last timestamp
 * is answered and dropped, across the wrap of timestamps; RST is exempt; a timestamp that was not
 * renewed for 24 days proves nothing.
 */
#include "tests/world/tcp_world.h"

static void older_is_dropped(void **state)
{
	(void)state;
	open_passive();
	world_mark();
	seg_in(ACK, 1, 1, 100, .tsval = PEER_TS - 1);
	seg_expect(ACK, 1, 1, 0);
	world_drops(DROP_TCP_PAWS, 1);
	assert_int_equal(app.received, 0);
	/* Neither its ACK nor its FIN. */
	app_send(100);
	seg_expect(ACK, 1, 1, 100);
	seg_in(FIN | ACK, 1, 101, 0, .tsval = PEER_TS - 1);
	seg_skip();
	assert_int_equal(app.c->snd.bytes, 100);
	assert_int_equal(app.fins, 0);
	/* The same is not older. */
	seg_in(ACK, 1, 101, 100);
	seg_expect(ACK, 101, 101, 0);
	assert_int_equal(app.received, 100);
	peer_reset();
}

/* 5.3 R1: "regardless of timestamp": a RST of a peer that lost its clock counts. */
static void reset_is_exempt(void **state)
{
	static const uint8_t old[] = { 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0 };

	(void)state;
	open_passive();
	seg_in(RST, 1, 0, 0, .opt = old, .opt_len = sizeof(old));
	seg_none();
	app_gone(TCP_END_RESET);
}

/* 3.2: a segment without the option must not end the connection. */
static void without_timestamp(void **state)
{
	(void)state;
	open_passive();
	seg_in(ACK, 1, 1, 100, .no_ts = true);
	seg_skip();
	assert_int_equal(app.closed, 0);
	seg_in(ACK, 1, 1, 200);
	seg_skip();
	assert_int_equal(app.received, 200);
	peer_reset();
}

/* The peer's clock starts 256 ms before its wrap. */
static void timestamps_wrap(void **state)
{
	uint32_t i;

	(void)state;
	open_passive();
	for (i = 0; i < 10; i++) {
		const struct seg *s;

		world_pass_ms(50);
		seg_in(ACK, 1 + 100 * i, 1, 100);
		s = seg_expect(ACK, 1, 101 + 100 * i, 0);
		assert_int_equal(s->tsecr, (uint32_t)world.w->now_ms + peer.ts_base);
	}
	assert_true(world.w->now_ms - WORLD_START_S * 1000ull > 256);
	assert_int_equal(app.received, 1000);
	/* One of before. */
	world_mark();
	seg_in(ACK, 1001, 1, 100, .tsval = 0xfffffff0u);
	world_drops(DROP_TCP_PAWS, 1);
	seg_skip();
	peer_reset();
}

/* 5.5: an idle connection; the peer's clock went round by more than half. */
static void after_24_days(void **state)
{
	(void)state;
	open_passive();
	app.c->ts_recent_s -= 25 * 86400;
	seg_in(ACK, 1, 1, 100, .tsval = PEER_TS - 1000);
	seg_expect(ACK, 1, 101, 0);
	assert_int_equal(app.received, 100);
	/* From then on it is the last one. */
	seg_in(ACK, 101, 1, 100, .tsval = PEER_TS - 1001);
	seg_expect(ACK, 1, 101, 0);
	assert_int_equal(app.received, 100);
	peer_reset();
}

/* Who guesses a place in the window, but not what we have sent, must not set the clock ahead. */
static void a_forged_clock(void **state)
{
	(void)state;
	open_passive();
	seg_in(ACK, 1, 0x40000000, 100, .tsval = PEER_TS + 0x40000000);
	seg_expect(ACK, 1, 1, 0);
	seg_in(ACK, 1, 1, 100);
	seg_expect(ACK, 1, 101, 0);
	assert_int_equal(app.received, 100);
	peer_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(older_is_dropped), tcp_test(reset_is_exempt), tcp_test(without_timestamp),
		tcp_test(timestamps_wrap),  tcp_test(after_24_days),   tcp_test(a_forged_clock),
	};

	return tcp_run(tests);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A handshake that is not answered: SYN and SYN-ACK are sent again with twice the time between
 * (RFC 6298 2.1, 5.5), up to a limit; what follows starts slowly (RFC 6298 5.7, RFC 5681 3.1).
 */
#include "tests/world/tcp_world.h"

static void syn_again(void **state)
{
	uint32_t want = 1000, ms;
	int i;

	(void)state;
	peer_core();
	app_connect();
	seg_expect(SYN | ECE | CWR, 0, 0, 0);
	for (i = 0; i < 4; i++, want *= 2) {
		const struct seg *s;

		ms = seg_wait(2 * want);
		assert_in_range(ms, want, want + 2);
		/* RFC 3168 6.1.1.1: without ECN, which some path may not let through. */
		s = seg_expect(SYN, 0, 0, 0);
		assert_true(s->mss && s->sack_ok && s->ts && s->ws);
	}
	assert_int_equal(world_count(0, CNT_TCP_REXMIT_SYN), 4);
	seg_in(SYN | ACK, 0, 1, 0);
	seg_expect(ACK, 1, 1, 0);
	assert_int_equal(app.opened, 1);
	peer_reset();
}

static void nobody_answers(void **state)
{
	(void)state;
	peer_core();
	app_connect();
	for (; app.closed == 0 && world.w->now_ms < (WORLD_START_S + 300) * 1000ull; seg_skip())
		world_pass_ms(1);
	seg_none();
	app_gone(TCP_END_TIMEOUT);
	/* RFC 9293 3.8.3: a SYN is retried for at least three minutes, or as long as the owner
	 * says; ours have a shorter patience (tcp.connect-timeout). */
	assert_true(world.w->now_ms >= (WORLD_START_S + 60) * 1000ull);
}

static void syn_ack_again(void **state)
{
	uint32_t want = 1000, ms;
	int i;

	(void)state;
	peer_near_wrap();
	seg_in(SYN, 0, 0, 0);
	seg_expect(SYN | ACK, 0, 1, 0);
	for (i = 0; i < 3; i++, want *= 2) {
		ms = seg_wait(2 * want);
		assert_in_range(ms, want, want + 2);
		seg_expect(SYN | ACK, 0, 1, 0);
	}
	/* tcp.handshake-ms; a forged source hears no RST. */
	seg_quiet(world.conf.tcp.handshake_ms - 7000 + 10);
	assert_int_equal(world.w->tcp->conns, 0);
	assert_int_equal(world.w->counters->end[TCP_END_HALF_OPEN], 1);
	assert_int_equal(app.opened + app.closed, 0);
}

/*
 * Five times, each after twice as long (RFC 6298 5.5, 5.7): who answers the last of them, 31 s
 * after its SYN, is served.
 */
static void an_ack_that_comes_late(void **state)
{
	uint32_t want = 1000, ms;
	int i;

	(void)state;
	world.conf.tcp.handshake_ms = 33000;
	peer_near_wrap();
	seg_in(SYN, 0, 0, 0);
	seg_expect(SYN | ACK, 0, 1, 0);
	for (i = 0; i < 5; i++, want *= 2) {
		ms = seg_wait(2 * want);
		assert_in_range(ms, want, want + 2);
		seg_expect(SYN | ACK, 0, 1, 0);
	}
	seg_in(ACK, 1, 1, 0);
	assert_int_equal(app.opened, 1);
	seg_none();
	peer_reset();
}

/* However long a handshake may take, no more is sent to one who may never have asked. */
static void no_more_than_that(void **state)
{
	int i;

	(void)state;
	world.conf.tcp.handshake_ms = 120000;
	peer_near_wrap();
	seg_in(SYN, 0, 0, 0);
	for (i = 0; i < 6; i++) {
		seg_expect(SYN | ACK, 0, 1, 0);
		if (i < 5)
			seg_wait(40000);
	}
	seg_quiet(120000);
	assert_int_equal(world.w->tcp->conns, 0);
	assert_int_equal(world.w->counters->end[TCP_END_HALF_OPEN], 1);
	assert_int_equal(app.opened + app.closed, 0);
}

static void a_slow_start_after_that(void **state)
{
	(void)state;
	peer_near_wrap();
	seg_in(SYN, 0, 0, 0);
	seg_expect(SYN | ACK, 0, 1, 0);
	seg_wait(1100);
	seg_expect(SYN | ACK, 0, 1, 0);
	world_pass_ms(RTT_MS);
	seg_in(ACK, 1, 1, 0);
	assert_int_equal(app.opened, 1);
	/* RFC 6298 5.7: 3 s until there is a sample. */
	assert_true(app.c->rto_ms >= 3000);
	/* RFC 5681 3.1: a window of one segment. */
	app_send(10000);
	seg_expect(ACK, 1, 1, MSS_TS);
	seg_none();
	peer_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(syn_again),
		tcp_test(nobody_answers),
		tcp_test(syn_ack_again),
		tcp_test(an_ack_that_comes_late),
		tcp_test(no_more_than_that),
		tcp_test(a_slow_start_after_that),
	};

	return tcp_run(tests);
}

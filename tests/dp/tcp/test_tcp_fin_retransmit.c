/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A FIN takes a sequence number and is sent again like data (RFC 9293 3.4, 3.8.1), alone and with
 * what was before it; TIME-WAIT answers the peer's when that comes again (3.10.7.4 eighth).
 */
#include "tests/world/tcp_world.h"

static void ours_is_lost(void **state)
{
	int i;

	(void)state;
	open_passive();
	app_close();
	seg_expect(FIN | ACK, 1, 1, 0);
	for (i = 0; i < 4; i++) {
		seg_wait(4000);
		seg_expect(FIN | ACK, 1, 1, 0);
		seg_none();
	}
	seg_in(FIN | ACK, 1, 2, 0);
	seg_expect(ACK, 2, 2, 0);
	app_gone(TCP_END_DONE);
}

static void ours_is_lost_with_data(void **state)
{
	uint32_t n = 0;

	(void)state;
	open_passive();
	app_send(1000);
	app_shutdown();
	seg_expect(ACK, 1, 1, 1000);
	seg_expect(FIN | ACK, 1001, 1, 0);
	/* Nothing of it arrived: each piece again until it has. */
	while (n < 1001) {
		const struct seg *s;

		seg_wait(4000);
		s = seg_next();
		assert_true(s->seq + s->len + (s->flags & FIN) <= 1002);
		if (s->seq == 1 + n) {
			n += s->len + (s->flags & FIN ? 1 : 0);
			seg_in(ACK, 1, 1 + n, 0);
		}
	}
	assert_int_equal(tcp_state(app.c), TCP_FIN_WAIT_2);
	seg_skip();
	seg_in(FIN | ACK, 1, 1002, 0);
	seg_expect(ACK, 1002, 2, 0);
	app_gone(TCP_END_DONE);
}

/* The data arrived, the FIN did not. */
static void ours_is_lost_behind_data(void **state)
{
	(void)state;
	open_passive();
	app_send(1000);
	app_shutdown();
	seg_expect(ACK, 1, 1, 1000);
	seg_expect(FIN | ACK, 1001, 1, 0);
	world_pass_ms(RTT_MS);
	seg_in(ACK, 1, 1001, 0);
	seg_none();
	seg_wait(1000);
	seg_expect(FIN | ACK, 1001, 1, 0);
	seg_in(FIN | ACK, 1, 1002, 0);
	seg_expect(ACK, 1002, 2, 0);
	app_gone(TCP_END_DONE);
}

static void nobody_answers(void **state)
{
	uint32_t n = 0, ms;

	(void)state;
	open_passive();
	app_close();
	seg_expect(FIN | ACK, 1, 1, 0);
	for (ms = 0; app.closed == 0 && ms < 400000; ms++) {
		const struct seg *s;

		world_pass_ms(1);
		s = seg_next();
		n += s && s->flags & FIN;
		if (s && s->flags & RST)
			break;
	}
	assert_true(n > 3);
	assert_int_equal(world.w->tcp->conns, 0);
	assert_int_equal(app.closed, 1);
	/* tcp.stall-timeout: the next timeout after it. */
	assert_in_range(ms, 60000, 130000);
}

static void theirs_comes_again(void **state)
{
	int i;

	(void)state;
	open_passive();
	close_owner_first(1, 1);
	for (i = 0; i < 3; i++) {
		world_pass_ms(200);
		seg_in(FIN | ACK, 1, 2, 0);
		seg_expect(ACK, 2, 2, 0);
	}
	assert_int_equal(app.closed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(ours_is_lost),
		tcp_test(ours_is_lost_with_data),
		tcp_test(ours_is_lost_behind_data),
		tcp_test(nobody_answers),
		tcp_test(theirs_comes_again),
	};

	return tcp_run(tests);
}

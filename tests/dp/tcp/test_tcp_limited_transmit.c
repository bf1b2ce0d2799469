/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Limited transmit (RFC 3042): while it is not clear whether a segment is lost, each of the first
 * two that are reported to have arrived behind it lets a new one go, as long as the peer's window
 * has room; more do not.
 */
#include "tests/world/tcp_world.h"

enum { LEN = MSS_TS, OUT = 10 };

#define S(i) (1 + (i)*LEN)
#define B(from, to)            \
	{                      \
		S(from), S(to) \
	}

static void two_more(void **state)
{
	(void)state;
	open_passive();
	app_send(20 * LEN);
	assert_int_equal(seg_skip(), OUT);
	world_pass_ms(RTT_MS);
	seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { B(1, 2) });
	seg_expect(ACK, S(10), 1, LEN);
	seg_none();
	seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { B(1, 3) });
	seg_expect(ACK, S(11), 1, LEN);
	seg_none();
	seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { B(1, 4) });
	seg_expect(ACK, S(0), 1, LEN);
	seg_none();
	peer_reset();
}

static void not_beyond_the_window(void **state)
{
	(void)state;
	peer.ws = 1;
	peer.wnd = 10 * LEN;
	open_passive();
	app_send(20 * LEN);
	assert_int_equal(seg_skip(), OUT);
	world_pass_ms(RTT_MS);
	seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { B(1, 2) });
	seg_none();
	peer_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = { tcp_test(two_more), tcp_test(not_beyond_the_window) };

	return tcp_run(tests);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What we send as a segment (RFC 9293 3.8.6.2.1): full ones, all there is, or half of the largest
 * window seen; a window too small for that is used after the override timeout only. Nagle's rule
 * is off, as framing is ours: small messages go at once, those of one turn share a segment.
 */
#include "tests/world/tcp_world.h"

static void small_messages_go_at_once(void **state)
{
	uint32_t i;

	(void)state;
	open_passive();
	for (i = 0; i < 5; i++) {
		app_send(10);
		seg_expect(ACK, 1 + 10 * i, 1, 10);
	}
	peer_reset();
}

static void those_of_one_turn_share_a_segment(void **state)
{
	uint8_t b[1200];

	(void)state;
	open_passive();
	pattern_fill(b, 0, sizeof(b));
	assert_true(tcp_send_bytes(world.w, app.c, b, 10));
	assert_true(tcp_send_bytes(world.w, app.c, b + 10, 500));
	assert_true(tcp_send_bytes(world.w, app.c, b + 510, 1));
	assert_true(tcp_send_bytes(world.w, app.c, b + 511, 689));
	world_run();
	seg_expect(ACK, 1, 1, 1200);
	seg_none();
	peer_reset();
}

/* All that goes is full but the last. */
static void full_segments(void **state)
{
	(void)state;
	open_passive();
	app_send(3 * MSS_TS + 5);
	seg_expect(ACK, 1, 1, MSS_TS);
	seg_expect(ACK, 1 + MSS_TS, 1, MSS_TS);
	seg_expect(ACK, 1 + 2 * MSS_TS, 1, MSS_TS);
	seg_expect(ACK, 1 + 3 * MSS_TS, 1, 5);
	peer_reset();
}

static void a_silly_window_waits(void **state)
{
	uint32_t ms;

	(void)state;
	peer.ws = 1;
	peer.wnd = 10000;
	open_passive();
	peer.wnd = 500;
	seg_in(ACK, 1, 1, 1);
	seg_expect(ACK, 1, 2, 0);
	app_send(3000);
	seg_none();
	/* The override timeout: 0.1 to 1 s. */
	ms = seg_wait(1100);
	assert_true(ms >= 100);
	seg_expect(ACK, 1, 2, 500);
	seg_none();
	peer.wnd = 5000;
	seg_in(ACK, 2, 501, 0);
	seg_expect(ACK, 501, 2, MSS_TS);
	seg_expect(ACK, 501 + MSS_TS, 2, 2500 - MSS_TS);
	peer_reset();
}

/* Half of the largest window is enough of a peer whose windows are small. */
static void half_of_a_small_window_goes(void **state)
{
	(void)state;
	peer.ws = 1;
	peer.wnd = 1000;
	open_passive();
	peer.wnd = 600;
	seg_in(ACK, 1, 1, 1);
	seg_expect(ACK, 1, 2, 0);
	app_send(3000);
	seg_expect(ACK, 1, 2, 600);
	seg_none();
	seg_in(ACK, 2, 601, 0);
	seg_expect(ACK, 601, 2, 600);
	peer_reset();
}

/* 3.8.6: never beyond the right edge, also when the edge went back. */
static void the_edge_is_kept(void **state)
{
	uint32_t end = 0;
	const struct seg *s;

	(void)state;
	peer.ws = 1;
	peer.wnd = 4000;
	open_passive();
	app_send(10000);
	while ((s = seg_next()) != NULL)
		end = s->seq + s->len;
	assert_in_range(end, 1 + 2 * MSS_TS, 4001);
	/* The window shrinks below what is out: nothing more goes, what is out may still arrive. */
	peer.wnd = 1000;
	seg_in(ACK, 1, 1 + MSS_TS, 0);
	seg_none();
	peer.wnd = 8000;
	seg_in(ACK, 1, end, 0);
	s = seg_next();
	assert_non_null(s);
	assert_int_equal(s->seq, end);
	peer_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(small_messages_go_at_once),
		tcp_test(those_of_one_turn_share_a_segment),
		tcp_test(full_segments),
		tcp_test(a_silly_window_waits),
		tcp_test(half_of_a_small_window_goes),
		tcp_test(the_edge_is_kept),
	};

	return tcp_run(tests);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Segments that lie (RFC 9293 3.1; R74): each is dropped under one name, gets no answer and
 * changes nothing, whether it meets a connection, a listener or nobody.
 */
#include "tests/world/tcp_world.h"

static void expect_drop(enum drop why)
{
	world_drops(why, 1);
	seg_none();
	if (app.c) {
		assert_int_equal(tcp_state(app.c), TCP_ESTABLISHED);
		assert_int_equal(app.received, 0);
	}
	world_mark();
}

static void everything_once(void)
{
	static const uint8_t past_end[] = { 1, 1, 8, 10, 0, 0, 0, 1 };
	static const uint8_t cut_short[] = { 1, 1, 1, 8 };
	static const uint8_t no_length[] = { 1, 1, 8, 0 };
	static const uint8_t too_short[] = { 2, 1, 0, 0 };

	world_mark();
	seg_in(ACK, 1, 1, 100, .bad_csum = true);
	expect_drop(DROP_TCP_CSUM);
	seg_in(SYN, 0, 0, 0, .bad_csum = true);
	expect_drop(DROP_TCP_CSUM);
	seg_in(RST, 1, 0, 0, .bad_csum = true);
	expect_drop(DROP_TCP_CSUM);
	/* No whole header. */
	seg_in(ACK, 1, 1, 0, .no_ts = true, .cut = 1);
	expect_drop(DROP_TCP_SHORT);
	seg_in(ACK, 1, 1, 0, .no_ts = true, .cut = 20);
	expect_drop(DROP_TCP_SHORT);
	/* Data offset. */
	seg_in(ACK, 1, 1, 100, .off = 4);
	expect_drop(DROP_TCP_SHORT);
	seg_in(ACK, 1, 1, 100, .off = 1);
	expect_drop(DROP_TCP_SHORT);
	seg_in(ACK, 1, 1, 10, .no_ts = true, .off = 15);
	expect_drop(DROP_TCP_SHORT);
	/* Options. */
	seg_in(ACK, 1, 1, 100, .opt = past_end, .opt_len = sizeof(past_end));
	expect_drop(DROP_TCP_SHORT);
	seg_in(ACK, 1, 1, 100, .opt = cut_short, .opt_len = sizeof(cut_short));
	expect_drop(DROP_TCP_SHORT);
	seg_in(ACK, 1, 1, 100, .opt = no_length, .opt_len = sizeof(no_length));
	expect_drop(DROP_TCP_SHORT);
	seg_in(ACK, 1, 1, 100, .opt = too_short, .opt_len = sizeof(too_short));
	expect_drop(DROP_TCP_SHORT);
	/* Flags. */
	seg_in(SYN | FIN, 0, 0, 0);
	expect_drop(DROP_TCP_FLAGS);
	seg_in(SYN | FIN | ACK, 0, 1, 0);
	expect_drop(DROP_TCP_FLAGS);
	seg_in(SYN | RST, 0, 0, 0);
	expect_drop(DROP_TCP_FLAGS);
	seg_in(SYN | FIN | RST | PSH | ACK | URG, 1, 1, 0);
	expect_drop(DROP_TCP_FLAGS);
	if (app.deaf) /* these are answered with RST, see test_tcp_reset_unknown.c */
		return;
	seg_in(0, 1, 0, 10);
	expect_drop(DROP_TCP_FLAGS);
	seg_in(FIN, 1, 0, 0);
	expect_drop(DROP_TCP_FLAGS);
	seg_in(FIN | PSH | URG, 1, 0, 0);
	expect_drop(DROP_TCP_FLAGS);
}

static void at_a_connection(void **state)
{
	(void)state;
	open_passive();
	everything_once();
	seg_in(ACK, 1, 1, 100);
	seg_expect(ACK, 1, 101, 0);
	peer_reset();
}

static void at_a_listener(void **state)
{
	(void)state;
	everything_once();
	assert_int_equal(world.w->tcp->conns, 0);
}

static void at_nobody(void **state)
{
	(void)state;
	app.deaf = true;
	everything_once();
}

static void over_ipv6(void **state)
{
	(void)state;
	peer_v6();
	open_passive();
	everything_once();
	peer_reset();
}

/* Options nobody knows, and known ones of the wrong length, are no lie (RFC 9293 3.2). */
static void what_is_merely_strange(void **state)
{
	static const uint8_t unknown[] = { 253, 4, 1, 2, 1, 1, 1, 1 };
	static const uint8_t after_end[] = { 0, 255, 255, 255 };
	static const uint8_t odd_ts[] = { 8, 4, 0, 0 };

	(void)state;
	peer_plain();
	open_passive();
	seg_in(ACK, 1, 1, 10, .opt = unknown, .opt_len = sizeof(unknown));
	seg_expect(ACK, 1, 11, 0);
	seg_in(ACK, 11, 1, 10, .opt = after_end, .opt_len = sizeof(after_end));
	seg_expect(ACK, 1, 21, 0);
	seg_in(ACK, 21, 1, 10, .opt = odd_ts, .opt_len = sizeof(odd_ts));
	seg_expect(ACK, 1, 31, 0);
	peer_reset();
}

/* Chains of many small buffers are read as one. */
static void in_pieces(void **state)
{
	(void)state;
	open_passive();
	world.seg_first = 60;
	world.seg_rest = 7;
	world_mark();
	/* Headers that are no whole are put together, or dropped by name. */
	seg_in(ACK, 1, 1, 100);
	world.seg_first = world.seg_rest = 0;
	if (app.received == 0)
		seg_in(ACK, 1, 1, 100);
	seg_skip();
	assert_int_equal(app.received, 100);
	world.seg_first = 100;
	world.seg_rest = 33;
	seg_in(ACK, 101, 1, 1000);
	seg_skip();
	assert_int_equal(app.received, 1100);
	seg_in(ACK, 2101, 1, 500);
	seg_in(ACK, 1101, 1, 1000);
	seg_skip();
	assert_int_equal(app.received, 2600);
	world.seg_first = world.seg_rest = 0;
	peer_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(at_a_connection), tcp_test(at_a_listener),	     tcp_test(at_nobody),
		tcp_test(over_ipv6),	   tcp_test(what_is_merely_strange), tcp_test(in_pieces),
	};

	return tcp_run(tests);
}

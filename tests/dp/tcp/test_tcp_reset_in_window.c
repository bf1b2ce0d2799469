/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RST (RFC 5961 3.2, RFC 9293 3.10.7.4 second): at the very next number it ends the connection in
 * every state; elsewhere in the window it is answered with a challenge ACK; outside it is dropped
 * without a word.
 */
#include "tests/world/tcp_world.h"

static void only_the_next_number_resets(void **state)
{
	static const uint32_t in_window[] = { 2, 3, 1000, 30000 };
	static const uint32_t outside[] = { 0, -1u, 2 + 262144, 0x7fffffff, 0x80000001 };
	size_t i;

	(void)state;
	open_passive();
	world_mark();
	for (i = 0; i < RTE_DIM(in_window); i++) {
		seg_in(RST, in_window[i], 0, 0);
		seg_expect(ACK, 1, 1, 0);
	}
	world_drops(DROP_TCP_RST, RTE_DIM(in_window));
	assert_int_equal(world_count(0, CNT_TCP_CHALLENGE), RTE_DIM(in_window));
	world_mark();
	for (i = 0; i < RTE_DIM(outside); i++) {
		seg_in(RST, outside[i], 0, 0);
		seg_none();
	}
	world_drops(DROP_TCP_SEQ, RTE_DIM(outside));
	assert_int_equal(app.closed, 0);
	seg_in(RST, 1, 0, 0);
	seg_none();
	app_gone(TCP_END_RESET);
}

/* What is not read yet goes with it. */
static void in_established(void **state)
{
	(void)state;
	open_passive();
	app.hold = true;
	seg_in(ACK, 1, 1, 100);
	seg_expect(ACK, 1, 101, 0);
	app_send(5000);
	seg_skip();
	seg_in(RST | ACK, 101, 1, 0);
	seg_none();
	app_gone(TCP_END_RESET);
}

static void in_fin_wait_1(void **state)
{
	(void)state;
	open_passive();
	app_shutdown();
	seg_expect(FIN | ACK, 1, 1, 0);
	seg_in(RST, 1, 0, 0);
	seg_none();
	app_gone(TCP_END_RESET);
}

static void in_fin_wait_2(void **state)
{
	(void)state;
	open_passive();
	app_shutdown();
	seg_expect(FIN | ACK, 1, 1, 0);
	seg_in(ACK, 1, 2, 0);
	seg_in(RST, 1, 0, 0);
	seg_none();
	app_gone(TCP_END_RESET);
}

static void in_close_wait(void **state)
{
	(void)state;
	open_passive();
	seg_in(FIN | ACK, 1, 1, 0);
	seg_expect(ACK, 1, 2, 0);
	seg_in(RST, 2, 0, 0);
	seg_none();
	app_gone(TCP_END_RESET);
}

/* When both have closed, the owner hears of no reset. */
static void in_closing(void **state)
{
	(void)state;
	open_passive();
	app_shutdown();
	seg_expect(FIN | ACK, 1, 1, 0);
	seg_in(FIN | ACK, 1, 1, 0);
	seg_expect(ACK, 2, 2, 0);
	seg_in(RST, 2, 0, 0);
	seg_none();
	app_gone(TCP_END_DONE);
}

static void in_last_ack(void **state)
{
	(void)state;
	open_passive();
	seg_in(FIN | ACK, 1, 1, 0);
	seg_expect(ACK, 1, 2, 0);
	app_shutdown();
	seg_expect(FIN | ACK, 1, 2, 0);
	seg_in(RST, 2, 0, 0);
	seg_none();
	app_gone(TCP_END_DONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(only_the_next_number_resets),
		tcp_test(in_established),
		tcp_test(in_fin_wait_1),
		tcp_test(in_fin_wait_2),
		tcp_test(in_close_wait),
		tcp_test(in_closing),
		tcp_test(in_last_ack),
	};

	return tcp_run(tests);
}

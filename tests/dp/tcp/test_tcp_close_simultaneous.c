/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Both close at once (RFC 9293 3.6 figure 13): FINs cross, CLOSING, TIME-WAIT.
 */
#include "tests/world/tcp_world.h"

static void fins_cross(void **state)
{
	(void)state;
	open_passive();
	app_close();
	seg_expect(FIN | ACK, 1, 1, 0);
	seg_in(FIN | ACK, 1, 1, 0);
	seg_expect(ACK, 2, 2, 0);
	assert_int_equal(tcp_state(app.c), TCP_CLOSING);
	seg_in(ACK, 2, 2, 0);
	seg_none();
	app_gone(TCP_END_DONE);
	assert_int_equal(world.w->tcp->tw_n, 1);
}

static void with_data_under_way(void **state)
{
	(void)state;
	open_passive();
	app_send(100);
	seg_expect(ACK, 1, 1, 100);
	app_shutdown();
	seg_expect(FIN | ACK, 101, 1, 0);
	seg_in(FIN | ACK, 1, 1, 200);
	seg_expect(ACK, 102, 202, 0);
	assert_int_equal(app.received, 200);
	assert_int_equal(app.fins, 1);
	assert_int_equal(tcp_state(app.c), TCP_CLOSING);
	seg_in(ACK, 202, 101, 0);
	assert_int_equal(tcp_state(app.c), TCP_CLOSING);
	seg_in(ACK, 202, 102, 0);
	app_gone(TCP_END_DONE);
}

/* The peer's ACK of our FIN is lost: it comes with the FIN again, or not at all. */
static void the_ack_is_lost(void **state)
{
	(void)state;
	open_passive();
	app_close();
	seg_expect(FIN | ACK, 1, 1, 0);
	seg_in(FIN | ACK, 1, 1, 0);
	seg_expect(ACK, 2, 2, 0);
	seg_in(FIN | ACK, 1, 1, 0);
	seg_expect(ACK, 2, 2, 0);
	seg_wait(2000);
	seg_expect(FIN | ACK, 1, 2, 0);
	seg_in(ACK, 2, 2, 0);
	seg_none();
	app_gone(TCP_END_DONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(fins_cross),
		tcp_test(with_data_under_way),
		tcp_test(the_ack_is_lost),
	};

	return tcp_run(tests);
}

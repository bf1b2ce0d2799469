/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The peer closes first (RFC 9293 3.6, 3.10.7.4 eighth): CLOSE-WAIT and LAST-ACK; nothing is left
 * of the connection when our FIN is acknowledged. R59: a FIN is answered with a FIN.
 */
#include "tests/world/tcp_world.h"

static void close_wait_and_last_ack(void **state)
{
	(void)state;
	open_passive();
	seg_in(FIN | ACK, 1, 1, 0);
	seg_expect(ACK, 1, 2, 0);
	assert_int_equal(tcp_state(app.c), TCP_CLOSE_WAIT);
	assert_int_equal(app.fins, 1);
	app_close();
	seg_expect(FIN | ACK, 1, 2, 0);
	assert_int_equal(tcp_state(app.c), TCP_LAST_ACK);
	seg_in(ACK, 2, 2, 0);
	seg_none();
	app_gone(TCP_END_DONE);
	assert_int_equal(world.w->tcp->tw_n, 0);
}

static void the_owner_answers_at_once(void **state)
{
	(void)state;
	open_passive();
	app.close_on_fin = true;
	seg_in(FIN | ACK, 1, 1, 100);
	assert_int_equal(app.received, 100);
	seg_expect(FIN | ACK, 1, 102, 0);
	seg_in(ACK, 102, 2, 0);
	app_gone(TCP_END_DONE);
}

/* The peer sends its FIN again: our ACK of it was lost. */
static void the_fin_comes_again(void **state)
{
	(void)state;
	open_passive();
	seg_in(FIN | ACK, 1, 1, 0);
	seg_expect(ACK, 1, 2, 0);
	seg_in(FIN | ACK, 1, 1, 0);
	seg_expect(ACK, 1, 2, 0);
	assert_int_equal(app.fins, 1);
	app_close();
	seg_expect(FIN | ACK, 1, 2, 0);
	seg_in(FIN | ACK, 1, 1, 0);
	seg_expect(ACK, 2, 2, 0);
	assert_int_equal(tcp_state(app.c), TCP_LAST_ACK);
	seg_in(ACK, 2, 2, 0);
	app_gone(TCP_END_DONE);
}

/* 3.10.7.4 seventh: text after FIN is ignored. */
static void no_data_after_fin(void **state)
{
	(void)state;
	open_passive();
	seg_in(FIN | ACK, 1, 1, 0);
	seg_expect(ACK, 1, 2, 0);
	seg_in(ACK, 2, 1, 100);
	seg_skip();
	assert_int_equal(app.received, 0);
	assert_int_equal(tcp_state(app.c), TCP_CLOSE_WAIT);
	app_close();
	seg_expect(FIN | ACK, 1, 2, 0);
	seg_in(ACK, 2, 2, 0);
	app_gone(TCP_END_DONE);
}

/* What waits unread is still the owner's, whatever the peer has closed. */
static void an_owner_that_reads_late(void **state)
{
	(void)state;
	open_passive();
	app.hold = true;
	seg_in(FIN | ACK, 1, 1, 500);
	seg_expect(ACK, 1, 502, 0);
	assert_int_equal(app.fins, 0);
	assert_false(tcp_recv_fin(app.c));
	app_shutdown();
	seg_expect(FIN | ACK, 1, 502, 0);
	seg_in(ACK, 502, 2, 0);
	assert_int_equal(app.closed, 0);
	app.hold = false;
	app_take(200);
	assert_int_equal(app.closed, 0);
	app_take(300);
	assert_int_equal(app.received, 500);
	assert_int_equal(app.fins, 1);
	app_gone(TCP_END_DONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(close_wait_and_last_ack),  tcp_test(the_owner_answers_at_once),
		tcp_test(the_fin_comes_again),	    tcp_test(no_data_after_fin),
		tcp_test(an_owner_that_reads_late),
	};

	return tcp_run(tests);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The owner closes first (RFC 9293 3.6 figure 12, 3.10.4, 3.10.7.4 eighth): FIN-WAIT-1,
 * FIN-WAIT-2 and TIME-WAIT, in each order in which ACK and FIN can come.
 */
#include "tests/world/tcp_world.h"

static void ack_then_fin(void **state)
{
	(void)state;
	open_passive();
	app_close();
	seg_expect(FIN | ACK, 1, 1, 0);
	assert_int_equal(tcp_state(app.c), TCP_FIN_WAIT_1);
	seg_in(ACK, 1, 2, 0);
	seg_none();
	assert_int_equal(tcp_state(app.c), TCP_FIN_WAIT_2);
	seg_in(FIN | ACK, 1, 2, 0);
	seg_expect(ACK, 2, 2, 0);
	app_gone(TCP_END_DONE);
	assert_int_equal(world.w->tcp->tw_n, 1);
}

static void both_in_one(void **state)
{
	(void)state;
	open_passive();
	app_close();
	seg_expect(FIN | ACK, 1, 1, 0);
	seg_in(FIN | ACK, 1, 2, 0);
	seg_expect(ACK, 2, 2, 0);
	seg_none();
	app_gone(TCP_END_DONE);
	assert_int_equal(world.w->tcp->tw_n, 1);
}

/* What the owner gave before goes first, and all of it is acknowledged before the FIN is. */
static void data_goes_first(void **state)
{
	(void)state;
	open_passive();
	app_send(3000);
	app_close();
	seg_expect(ACK, 1, 1, MSS_TS);
	seg_expect(ACK, 1 + MSS_TS, 1, MSS_TS);
	seg_expect(ACK, 1 + 2 * MSS_TS, 1, 3000 - 2 * MSS_TS);
	seg_expect(FIN | ACK, 3001, 1, 0);
	seg_in(ACK, 1, 3001, 0);
	assert_int_equal(tcp_state(app.c), TCP_FIN_WAIT_1);
	seg_in(FIN | ACK, 1, 3002, 0);
	seg_expect(ACK, 3002, 2, 0);
	app_gone(TCP_END_DONE);
}

static void nothing_is_given_after_that(void **state)
{
	(void)state;
	open_passive();
	app_shutdown();
	seg_expect(FIN | ACK, 1, 1, 0);
	assert_false(tcp_send_bytes(world.w, app.c, "x", 1));
	assert_int_equal(tcp_send_room(world.w, app.c), 0);
	world_run();
	seg_none();
	/* A second close says nothing new. */
	app_shutdown();
	app_close();
	app_close();
	seg_none();
	seg_in(FIN | ACK, 1, 2, 0);
	seg_expect(ACK, 2, 2, 0);
	app_gone(TCP_END_DONE);
}

/* Closed by both in the turn in which it opened. */
static void closed_as_it_opens(void **state)
{
	(void)state;
	peer_near_wrap();
	seg_in(SYN, 0, 0, 0);
	seg_expect(SYN | ACK, 0, 1, 0);
	app.close_on_fin = true;
	seg_in(FIN | ACK, 1, 1, 0);
	seg_expect(FIN | ACK, 1, 2, 0);
	seg_in(ACK, 2, 2, 0);
	seg_none();
	app_gone(TCP_END_DONE);
}

static void over_ipv6(void **state)
{
	(void)state;
	peer_v6();
	open_passive();
	close_owner_first(1, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(ack_then_fin),	      tcp_test(both_in_one),
		tcp_test(data_goes_first),    tcp_test(nothing_is_given_after_that),
		tcp_test(closed_as_it_opens), tcp_test(over_ipv6),
	};

	return tcp_run(tests);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * FIN and data in one segment, in order, early and partly old (RFC 9293 3.10.7.4 seventh, eighth):
 * FIN counts where it stands, behind the data.
 */
#include "tests/world/tcp_world.h"

static void in_order(void **state)
{
	(void)state;
	open_passive();
	seg_in(FIN | ACK, 1, 1, 1000);
	seg_expect(ACK, 1, 1002, 0);
	assert_int_equal(app.received, 1000);
	assert_int_equal(app.fins, 1);
	app_close();
	seg_expect(FIN | ACK, 1, 1002, 0);
	seg_in(ACK, 1002, 2, 0);
	app_gone(TCP_END_DONE);
}

static void a_piece_is_missing(void **state)
{
	(void)state;
	open_passive();
	seg_in(FIN | ACK, 1001, 1, 500);
	seg_expect(ACK, 1, 1, 0, .n_sack = 1, .sack = { { 1001, 1501 } });
	assert_int_equal(app.fins, 0);
	assert_int_equal(tcp_state(app.c), TCP_ESTABLISHED);
	seg_in(ACK, 1, 1, 1000);
	seg_skip();
	assert_int_equal(app.received, 1500);
	/* The FIN may have to come again, but counts once. */
	seg_in(FIN | ACK, 1501, 1, 0);
	seg_expect(ACK, 1, 1502, 0);
	assert_int_equal(app.fins, 1);
	app_close();
	seg_expect(FIN | ACK, 1, 1502, 0);
	seg_in(ACK, 1502, 2, 0);
	app_gone(TCP_END_DONE);
}

static void partly_old(void **state)
{
	(void)state;
	open_passive();
	seg_in(ACK, 1, 1, 600);
	seg_expect(ACK, 1, 601, 0);
	seg_in(FIN | ACK, 1, 1, 1000);
	assert_int_equal(seg_next()->ack, 1002);
	assert_int_equal(app.received, 1000);
	assert_int_equal(app.fins, 1);
	app_close();
	seg_expect(FIN | ACK, 1, 1002, 0);
	seg_in(ACK, 1002, 2, 0);
	app_gone(TCP_END_DONE);
}

/* All data is old, the FIN behind it is new. */
static void only_the_fin_is_new(void **state)
{
	(void)state;
	open_passive();
	seg_in(ACK, 1, 1, 1000);
	seg_expect(ACK, 1, 1001, 0);
	seg_in(FIN | ACK, 1, 1, 1000);
	assert_int_equal(seg_next()->ack, 1002);
	assert_int_equal(app.received, 1000);
	assert_int_equal(app.fins, 1);
	app_close();
	seg_expect(FIN | ACK, 1, 1002, 0);
	seg_in(ACK, 1002, 2, 0);
	app_gone(TCP_END_DONE);
}

/* Ours: data that the window kept back takes the FIN along. */
static void ours_goes_with_the_last_data(void **state)
{
	(void)state;
	open_passive();
	peer.wnd = 0;
	seg_in(ACK, 1, 1, 10);
	seg_expect(ACK, 1, 11, 0);
	app_send(100);
	app_shutdown();
	seg_none();
	peer.wnd = UINT16_MAX;
	seg_in(ACK, 11, 1, 0);
	seg_expect(FIN | ACK, 1, 11, 100);
	/* Of the data only. */
	seg_in(ACK, 11, 101, 0);
	assert_int_equal(tcp_state(app.c), TCP_FIN_WAIT_1);
	seg_in(FIN | ACK, 11, 102, 0);
	seg_expect(ACK, 102, 12, 0);
	app_gone(TCP_END_DONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(in_order),
		tcp_test(a_piece_is_missing),
		tcp_test(partly_old),
		tcp_test(only_the_fin_is_new),
		tcp_test(ours_goes_with_the_last_data),
	};

	return tcp_run(tests);
}

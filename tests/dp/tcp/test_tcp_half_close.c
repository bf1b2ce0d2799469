/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One direction closed, the other not (RFC 9293 3.6 case 1 and 2): data goes on for as long as its
 * sender likes, in FIN-WAIT-2 and in CLOSE-WAIT.
 */
#include "tests/world/tcp_world.h"

static void the_peer_goes_on(void **state)
{
	uint32_t i;

	(void)state;
	open_passive();
	app_shutdown();
	seg_expect(FIN | ACK, 1, 1, 0);
	seg_in(ACK, 1, 2, 0);
	for (i = 0; i < 5; i++) {
		seg_in(ACK, 1 + i * MSS_TS, 2, MSS_TS);
		seg_expect(ACK, 2, 1 + (i + 1) * MSS_TS, 0);
	}
	assert_int_equal(app.received, 5 * MSS_TS);
	assert_int_equal(tcp_state(app.c), TCP_FIN_WAIT_2);
	seg_in(FIN | ACK, 1 + 5 * MSS_TS, 2, 0);
	seg_expect(ACK, 2, 2 + 5 * MSS_TS, 0);
	assert_int_equal(app.fins, 1);
	app_gone(TCP_END_DONE);
}

/* Before our FIN is acknowledged: FIN-WAIT-1. */
static void the_peer_goes_on_before_its_ack(void **state)
{
	(void)state;
	open_passive();
	app_shutdown();
	seg_expect(FIN | ACK, 1, 1, 0);
	seg_in(ACK, 1, 1, 100);
	seg_expect(ACK, 2, 101, 0);
	assert_int_equal(tcp_state(app.c), TCP_FIN_WAIT_1);
	assert_int_equal(app.received, 100);
	seg_in(FIN | ACK, 101, 2, 100);
	seg_expect(ACK, 2, 202, 0);
	assert_int_equal(app.received, 200);
	app_gone(TCP_END_DONE);
}

static void we_go_on(void **state)
{
	uint32_t i;

	(void)state;
	open_passive();
	seg_in(FIN | ACK, 1, 1, 0);
	seg_expect(ACK, 1, 2, 0);
	for (i = 0; i < 5; i++) {
		app_send(1000);
		seg_expect(ACK, 1 + i * 1000, 2, 1000);
		seg_in(ACK, 2, 1 + (i + 1) * 1000, 0);
	}
	assert_int_equal(tcp_state(app.c), TCP_CLOSE_WAIT);
	app_close();
	seg_expect(FIN | ACK, 5001, 2, 0);
	seg_in(ACK, 2, 5002, 0);
	app_gone(TCP_END_DONE);
}

/* In CLOSE-WAIT what is lost is sent again as ever. */
static void we_repeat(void **state)
{
	(void)state;
	open_passive();
	seg_in(FIN | ACK, 1, 1, 0);
	seg_expect(ACK, 1, 2, 0);
	app_send(1000);
	seg_expect(ACK, 1, 2, 1000);
	seg_wait(1000);
	seg_expect(ACK, 1, 2, 1000);
	seg_in(ACK, 2, 1001, 0);
	app_close();
	seg_expect(FIN | ACK, 1001, 2, 0);
	seg_in(ACK, 2, 1002, 0);
	app_gone(TCP_END_DONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(the_peer_goes_on),
		tcp_test(the_peer_goes_on_before_its_ack),
		tcp_test(we_go_on),
		tcp_test(we_repeat),
	};

	return tcp_run(tests);
}

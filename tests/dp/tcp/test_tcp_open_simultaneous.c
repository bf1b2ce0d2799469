/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Both sides open at once (RFC 9293 3.5 figure 7): SYN-SENT goes to SYN-RECEIVED by a SYN without
 * ACK, and one connection comes of it.
 */
#include "tests/world/tcp_world.h"

static int setup(void **state)
{
	tcp_setup(state);
	peer_core();
	app_connect();
	seg_expect(SYN | ECE | CWR, 0, 0, 0);
	return 0;
}

static void syns_cross(void **state)
{
	const struct seg *s;

	(void)state;
	seg_in(SYN, 0, 0, 0);
	s = seg_expect(SYN | ACK, 0, 1, 0);
	assert_int_equal(s->mss, 1460);
	assert_true(s->sack_ok && s->ts && s->ws);
	assert_int_equal(tcp_state(app.c), TCP_SYN_RECEIVED);
	/* The other side's SYN-ACK: its SYN is old, which is told; its ACK may open. */
	seg_in(SYN | ACK, 0, 1, 0);
	seg_expect(ACK, 1, 1, 0);
	seg_in(ACK, 1, 1, 0);
	seg_none();
	assert_int_equal(app.opened, 1);
	assert_int_equal(tcp_state(app.c), TCP_ESTABLISHED);
	app_send(100);
	seg_expect(ACK, 1, 1, 100);
	seg_in(ACK, 1, 101, 100);
	seg_expect(ACK, 101, 101, 0);
	close_peer_first(101, 101);
}

static void an_ack_alone_opens(void **state)
{
	(void)state;
	seg_in(SYN, 0, 0, 0);
	seg_expect(SYN | ACK, 0, 1, 0);
	seg_in(ACK, 1, 1, 10);
	seg_expect(ACK, 1, 11, 0);
	assert_int_equal(app.opened, 1);
	peer_reset();
}

static void the_answer_is_sent_again(void **state)
{
	(void)state;
	seg_in(SYN, 0, 0, 0);
	seg_expect(SYN | ACK, 0, 1, 0);
	assert_true(seg_wait(2000) >= 900);
	seg_expect(SYN | ACK, 0, 1, 0);
	seg_in(SYN, 0, 0, 0);
	seg_expect(SYN | ACK, 0, 1, 0);
	seg_in(ACK, 1, 1, 0);
	assert_int_equal(app.opened, 1);
	peer_reset();
}

/* 3.10.7.4 second: after an active open the owner is told that it was refused. */
static void a_reset_refuses(void **state)
{
	(void)state;
	seg_in(SYN, 0, 0, 0);
	seg_expect(SYN | ACK, 0, 1, 0);
	seg_in(RST, 1, 0, 0);
	seg_none();
	app_gone(TCP_END_REFUSED);
}

#define crossing(f) cmocka_unit_test_setup_teardown(f, setup, tcp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		crossing(syns_cross),
		crossing(an_ack_alone_opens),
		crossing(the_answer_is_sent_again),
		crossing(a_reset_refuses),
	};

	return tcp_run(tests);
}

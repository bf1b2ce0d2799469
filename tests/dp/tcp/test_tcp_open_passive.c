/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opening from outside (RFC 9293 3.5 figure 6; 3.10.7.2 LISTEN, 3.10.7.4 SYN-RECEIVED): options are
 * answered only if offered, the owner hears of it when the handshake is over, and what cannot be
 * part of the handshake is answered with RST, or not at all.
 */
#include "tests/world/tcp_world.h"

static void all_options_are_answered(void **state)
{
	const struct seg *s;

	(void)state;
	peer_near_wrap();
	seg_in(SYN, 0, 0, 0, .tsval = PEER_TS - 77);
	s = seg_expect(SYN | ACK, 0, 1, 0);
	assert_int_equal(s->mss, 1460);
	assert_true(s->sack_ok && s->ts && s->ws);
	assert_int_equal(s->tsecr, PEER_TS - 77);
	assert_true(s->df);
	assert_int_equal(app.opened, 0);
	assert_int_equal(world.w->tcp->half_open, 1);
	seg_in(ACK, 1, 1, 0);
	seg_none();
	assert_int_equal(app.opened, 1);
	assert_int_equal(world.w->tcp->half_open, 0);
	assert_int_equal(world_count(0, CNT_TCP_ACCEPTED), 1);
	close_peer_first(1, 1);
}

static void none_without_an_offer(void **state)
{
	const struct seg *s;

	(void)state;
	peer_plain();
	peer_near_wrap();
	seg_in(SYN, 0, 0, 0);
	s = seg_expect(SYN | ACK, 0, 1, 0);
	assert_false(s->sack_ok || s->ts || s->ws);
	seg_in(ACK, 1, 1, 0);
	app_send(100);
	s = seg_expect(ACK, 1, 1, 100);
	assert_false(s->ts);
	peer_reset();
}

static void the_last_ack_carries_data(void **state)
{
	(void)state;
	peer_near_wrap();
	seg_in(SYN, 0, 0, 0);
	seg_expect(SYN | ACK, 0, 1, 0);
	seg_in(ACK, 1, 1, 100);
	seg_expect(ACK, 1, 101, 0);
	assert_int_equal(app.opened, 1);
	assert_int_equal(app.received, 100);
	close_peer_first(101, 1);
}

static void the_last_ack_carries_fin(void **state)
{
	(void)state;
	peer_near_wrap();
	seg_in(SYN, 0, 0, 0);
	seg_expect(SYN | ACK, 0, 1, 0);
	seg_in(FIN | ACK, 1, 1, 10);
	seg_expect(ACK, 1, 12, 0);
	assert_int_equal(app.received, 10);
	assert_int_equal(app.fins, 1);
	assert_int_equal(tcp_state(app.c), TCP_CLOSE_WAIT);
	app_close();
	seg_expect(FIN | ACK, 1, 12, 0);
	seg_in(ACK, 12, 2, 0);
	app_gone(TCP_END_DONE);
}

static void the_last_ack_is_lost(void **state)
{
	(void)state;
	peer_near_wrap();
	seg_in(SYN, 0, 0, 0);
	seg_expect(SYN | ACK, 0, 1, 0);
	/* The second segment of data comes first and opens. */
	seg_in(ACK, 1001, 1, 500);
	seg_expect(ACK, 1, 1, 0, .n_sack = 1, .sack = { { 1001, 1501 } });
	seg_in(ACK, 1, 1, 1000);
	seg_expect(ACK, 1, 1501, 0);
	assert_int_equal(app.received, 1500);
	peer_reset();
}

/* Data of a SYN may be left to be sent again: it is not acknowledged then. */
static void data_of_a_syn_comes_once(void **state)
{
	const struct seg *s;

	(void)state;
	peer_near_wrap();
	seg_in(SYN, 0, 0, 20, .data = "never to be taken up");
	s = seg_expect(SYN | ACK, 0, 1, 0);
	seg_in(ACK, 1, 1, 20);
	s = seg_next();
	assert_non_null(s);
	assert_int_equal(s->ack, 21);
	assert_int_equal(app.received, 20);
	peer_reset();
}

/* 3.10.7.4 fifth: an ACK of what was not sent is answered with RST, and changes nothing. */
static void a_wrong_ack_opens_nothing(void **state)
{
	(void)state;
	peer_near_wrap();
	seg_in(SYN, 0, 0, 0);
	seg_expect(SYN | ACK, 0, 1, 0);
	world_mark();
	seg_in(ACK, 1, 2, 0);
	seg_expect(RST, 2, 0, 0);
	seg_in(ACK, 1, 0, 0);
	seg_expect(RST, 0, 0, 0);
	world_drops(DROP_TCP_ACK, 2);
	assert_int_equal(app.opened, 0);
	seg_in(ACK, 1, 1, 0);
	seg_none();
	assert_int_equal(app.opened, 1);
	peer_reset();
}

static void a_reset_returns_to_listen(void **state)
{
	(void)state;
	peer_near_wrap();
	seg_in(SYN, 0, 0, 0);
	seg_expect(SYN | ACK, 0, 1, 0);
	/* One that was guessed does not (RFC 5961 3). */
	world_mark();
	seg_in(RST, 2, 0, 0);
	seg_expect(ACK, 1, 1, 0);
	world_drops(DROP_TCP_RST, 1);
	seg_in(RST, 1, 0, 0);
	seg_none();
	assert_int_equal(world.w->tcp->conns, 0);
	assert_int_equal(app.opened + app.closed, 0);
	open_passive();
	peer_reset();
}

/* 3.10.7.4 fifth: "if the ACK bit is off, drop the segment". */
static void without_ack_nothing_opens(void **state)
{
	(void)state;
	peer_near_wrap();
	seg_in(SYN, 0, 0, 0);
	seg_expect(SYN | ACK, 0, 1, 0);
	seg_in(FIN, 1, 0, 0);
	seg_in(PSH, 1, 0, 10);
	seg_none();
	assert_int_equal(app.opened, 0);
	seg_in(ACK, 1, 1, 0);
	assert_int_equal(app.opened, 1);
	peer_reset();
}

/* 3.10.7.2: RST is ignored, an ACK of nothing is answered with RST. */
static void a_listener_takes_syns_only(void **state)
{
	(void)state;
	peer.irs = 5000;
	seg_in(RST, 0, 0, 0);
	seg_in(RST | ACK, 0, 7, 0);
	seg_none();
	seg_in(ACK, 0, 7, 0);
	seg_expect(RST, 7, 0, 0);
	seg_in(SYN | ACK, 0, 9, 0);
	seg_expect(RST, 9, 0, 0);
	seg_in(FIN | ACK, 0, 11, 5);
	seg_expect(RST, 11, 0, 0);
	assert_int_equal(world.w->tcp->conns, 0);
}

static void over_ipv6(void **state)
{
	const struct seg *s;

	(void)state;
	peer_v6();
	peer.mss = 1440;
	peer_near_wrap();
	seg_in(SYN, 0, 0, 0);
	s = seg_expect(SYN | ACK, 0, 1, 0);
	assert_int_equal(s->mss, 1440);
	seg_in(ACK, 1, 1, 0);
	seg_in(ACK, 1, 1, 1000);
	seg_expect(ACK, 1, 1001, 0);
	app_send(3000);
	seg_expect(ACK, 1, 1001, 1428);
	seg_expect(ACK, 1429, 1001, 1428);
	seg_expect(ACK, 2857, 1001, 144);
	seg_in(ACK, 1001, 3001, 0);
	close_peer_first(1001, 3001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(all_options_are_answered),
		tcp_test(none_without_an_offer),
		tcp_test(the_last_ack_carries_data),
		tcp_test(the_last_ack_carries_fin),
		tcp_test(the_last_ack_is_lost),
		tcp_test(data_of_a_syn_comes_once),
		tcp_test(a_wrong_ack_opens_nothing),
		tcp_test(a_reset_returns_to_listen),
		tcp_test(without_ack_nothing_opens),
		tcp_test(a_listener_takes_syns_only),
		tcp_test(over_ipv6),
	};

	return tcp_run(tests);
}

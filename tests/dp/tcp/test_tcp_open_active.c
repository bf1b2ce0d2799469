/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opening from here (RFC 9293 3.5, 3.10.1; 3.10.7.3 SYN-SENT): what the SYN offers, what an answer
 * must acknowledge, and who may refuse.
 */
#include "tests/world/tcp_world.h"

static int setup(void **state)
{
	tcp_setup(state);
	peer_core();
	return 0;
}

static void three_steps(void **state)
{
	const struct seg *s;

	(void)state;
	app_connect();
	s = seg_expect(SYN | ECE | CWR, 0, 0, 0);
	assert_int_equal(s->mss, 1460);
	assert_true(s->sack_ok && s->ts && s->ws);
	assert_int_equal(s->tsecr, 0);
	assert_int_equal(app.opened, 0);
	seg_in(SYN | ACK, 0, 1, 0, .tsval = PEER_TS - 4711);
	s = seg_expect(ACK, 1, 1, 0);
	assert_int_equal(s->tsecr, PEER_TS - 4711);
	assert_int_equal(app.opened, 1);
	assert_int_equal(world_count(0, CNT_TCP_CONNECTED), 1);
	app_send(100);
	seg_expect(ACK, 1, 1, 100);
	seg_in(ACK, 1, 101, 50);
	seg_expect(ACK, 101, 51, 0);
	close_peer_first(51, 101);
}

static void only_what_both_offer(void **state)
{
	const struct seg *s;

	(void)state;
	app_connect();
	seg_expect(SYN | ECE | CWR, 0, 0, 0);
	peer_plain();
	seg_in(SYN | ACK, 0, 1, 0);
	s = seg_expect(ACK, 1, 1, 0);
	assert_false(s->ts);
	seg_in(ACK, 101, 1, 10);
	seg_expect(ACK, 1, 1, 0);
	peer_reset();
}

/* 3.10.7.3 first: an ACK of what was never sent is answered with RST, unless it is one. */
static void a_wrong_ack_is_reset(void **state)
{
	(void)state;
	app_connect();
	seg_expect(SYN | ECE | CWR, 0, 0, 0);
	world_mark();
	seg_in(SYN | ACK, 0, 0, 0);
	seg_expect(RST, 0, 0, 0);
	seg_in(ACK, 0, 2, 0);
	seg_expect(RST, 2, 0, 0);
	seg_in(RST | ACK, 0, 2, 0);
	seg_none();
	world_drops(DROP_TCP_ACK, 3);
	assert_int_equal(tcp_state(app.c), TCP_SYN_SENT);
	seg_in(SYN | ACK, 0, 1, 0);
	seg_expect(ACK, 1, 1, 0);
	peer_reset();
}

/* Second: RST must acknowledge the SYN, or anybody could refuse. */
static void only_who_saw_the_syn_refuses(void **state)
{
	(void)state;
	app_connect();
	seg_expect(SYN | ECE | CWR, 0, 0, 0);
	seg_in(RST, 0, 0, 0);
	seg_in(RST, 1, 0, 0);
	seg_none();
	assert_int_equal(app.closed, 0);
	seg_in(RST | ACK, 0, 1, 0);
	seg_none();
	app_gone(TCP_END_REFUSED);
	assert_int_equal(app.opened, 0);
}

/* Fifth: neither SYN nor RST. */
static void what_is_no_answer_is_dropped(void **state)
{
	(void)state;
	app_connect();
	seg_expect(SYN | ECE | CWR, 0, 0, 0);
	seg_in(ACK, 1, 1, 0);
	seg_in(ACK, 1, 1, 10);
	seg_in(FIN | ACK, 1, 1, 0);
	seg_none();
	assert_int_equal(tcp_state(app.c), TCP_SYN_SENT);
	seg_in(RST | ACK, 0, 1, 0);
	app_gone(TCP_END_REFUSED);
}

static void what_was_given_early_goes_with_the_ack(void **state)
{
	(void)state;
	app_connect();
	seg_expect(SYN | ECE | CWR, 0, 0, 0);
	app_send(2000);
	seg_none();
	seg_in(SYN | ACK, 0, 1, 0);
	seg_expect(ACK, 1, 1, MSS_TS);
	seg_expect(ACK, 1 + MSS_TS, 1, 2000 - MSS_TS);
	seg_none();
	seg_in(ACK, 1, 2001, 0);
	close_peer_first(1, 2001);
}

/* The SYN-ACK once more: our ACK was lost (3.10.7.4 first). */
static void an_answer_twice_is_acknowledged_twice(void **state)
{
	(void)state;
	open_active();
	seg_in(SYN | ACK, 0, 1, 0);
	seg_expect(ACK, 1, 1, 0);
	assert_int_equal(app.opened, 1);
	close_peer_first(1, 1);
}

static void the_owner_changes_its_mind(void **state)
{
	(void)state;
	app_connect();
	seg_expect(SYN | ECE | CWR, 0, 0, 0);
	app_close();
	seg_none();
	app_gone(TCP_END_DONE);
	app.closed = 0;
	app_connect();
	seg_expect(SYN | ECE | CWR, 0, 0, 0);
	app_abort();
	seg_none();
	app_gone(TCP_END_CLOSED);
	/* The answer that comes too late is reset. */
	seg_in(SYN | ACK, 0, 1, 0);
	seg_expect(RST, 1, 0, 0);
}

static void each_pair_of_addresses_once(void **state)
{
	struct tcp_request r = { .local = peer.us, .remote = peer.addr };
	enum tcp_end why;

	(void)state;
	open_active();
	assert_null(tcp_connect(world.w, &r, tcp_app(app.c), &why));
	assert_int_equal(why, TCP_END_EXISTS);
	peer_reset();
}

/* RFC 6056: ports are ours to choose, and differ. */
static void ports_are_chosen(void **state)
{
	struct be16 first;

	(void)state;
	peer.us.port = be16_make(0);
	open_active();
	first = peer.us.port;
	assert_true(be16_get(first) >= 1024);
	peer_reset();
	peer.us.port = be16_make(0);
	open_active();
	assert_int_not_equal(be16_get(peer.us.port), be16_get(first));
	close_owner_first(1, 1);
}

static void a_source_must_be_ours(void **state)
{
	struct tcp_request other = { .local = at("10.2.0.77", 4000), .remote = peer.addr };
	struct tcp_request v6 = { .local = peer.us, .remote = at("fd00:2::2", 80) };
	enum tcp_end why = TCP_END_MAX;

	(void)state;
	open_active();
	assert_null(tcp_connect(world.w, &other, tcp_app(app.c), &why));
	assert_int_equal(why, TCP_END_UNREACHABLE);
	why = TCP_END_MAX;
	assert_null(tcp_connect(world.w, &v6, tcp_app(app.c), &why));
	assert_int_equal(why, TCP_END_UNREACHABLE);
	peer_reset();
}

static void over_ipv6(void **state)
{
	(void)state;
	peer_v6();
	peer_core();
	open_active();
	app_send(100);
	seg_expect(ACK, 1, 1, 100);
	seg_in(ACK, 1, 101, 100);
	seg_expect(ACK, 101, 101, 0);
	close_owner_first(101, 101);
}

#define active(f) cmocka_unit_test_setup_teardown(f, setup, tcp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		active(three_steps),
		active(only_what_both_offer),
		active(a_wrong_ack_is_reset),
		active(only_who_saw_the_syn_refuses),
		active(what_is_no_answer_is_dropped),
		active(what_was_given_early_goes_with_the_ack),
		active(an_answer_twice_is_acknowledged_twice),
		active(the_owner_changes_its_mind),
		active(each_pair_of_addresses_once),
		active(ports_are_chosen),
		active(a_source_must_be_ours),
		active(over_ipv6),
	};

	return tcp_run(tests);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SYNs that come twice, and old ones (RFC 9293 3.5 figures 8 and 9): a duplicate gets its answer
 * again; one of an earlier incarnation ends by the other side's RST, and the real one opens.
 */
#include "tests/world/tcp_world.h"

static void a_duplicate_gets_the_same_answer(void **state)
{
	(void)state;
	peer_near_wrap();
	seg_in(SYN, 0, 0, 0);
	seg_expect(SYN | ACK, 0, 1, 0);
	seg_in(SYN, 0, 0, 0);
	seg_expect(SYN | ACK, 0, 1, 0);
	assert_int_equal(world.w->tcp->conns, 1);
	assert_int_equal(world.w->tcp->half_open, 1);
	seg_in(ACK, 1, 1, 0);
	assert_int_equal(app.opened, 1);
	/* And once more when all is open (RFC 5961 4). */
	seg_in(SYN, 0, 0, 0);
	seg_expect(ACK, 1, 1, 0);
	assert_int_equal(tcp_state(app.c), TCP_ESTABLISHED);
	peer_reset();
}

/* Figure 8: line 3 is the old SYN, 5 the RST that tells so. */
static void an_old_one_is_reset_by_its_sender(void **state)
{
	(void)state;
	peer_near_wrap();
	seg_in(SYN, 0, 0, 0);
	seg_expect(SYN | ACK, 0, 1, 0);
	seg_in(RST, 1, 0, 0);
	seg_none();
	assert_int_equal(world.w->tcp->conns, 0);
	peer.iss += 100000;
	open_passive();
	close_peer_first(1, 1);
}

/* The real SYN comes while the old one holds the place: what it is told lets its sender reset. */
static void the_real_one_comes_meanwhile(void **state)
{
	const struct seg *s;

	(void)state;
	peer_near_wrap();
	seg_in(SYN, 0, 0, 0);
	seg_expect(SYN | ACK, 0, 1, 0);
	seg_in(SYN, 1000, 0, 0);
	s = seg_next();
	assert_non_null(s);
	/* To the sender of SYN 1000 this is an ACK of what it never sent in this life. */
	assert_true(s->flags & ACK);
	assert_int_equal(s->ack, 1);
	seg_none();
	assert_int_equal(app.opened, 0);
	seg_in(RST, 1, 0, 0);
	peer.iss += 1000;
	open_passive();
	close_peer_first(1, 1);
}

/* Figure 9: the peer has crashed and opens again; we have no data, it finds out by our ACK. */
static void a_peer_that_crashed(void **state)
{
	(void)state;
	open_passive();
	seg_in(SYN, 50000, 0, 0);
	seg_expect(ACK, 1, 1, 0);
	assert_int_equal(app.closed, 0);
	seg_in(RST, 1, 0, 0);
	seg_none();
	app_gone(TCP_END_RESET);
	peer.iss += 50000;
	open_passive();
	close_peer_first(1, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(a_duplicate_gets_the_same_answer),
		tcp_test(an_old_one_is_reset_by_its_sender),
		tcp_test(the_real_one_comes_meanwhile),
		tcp_test(a_peer_that_crashed),
	};

	return tcp_run(tests);
}

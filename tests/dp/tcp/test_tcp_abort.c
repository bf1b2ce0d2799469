/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ends that are no closing (RFC 9293 3.10.5 ABORT, 3.6.1; RFC 2525 2.17): an RST at the right
 * number tells the peer, also when bytes are left unread or come when nobody reads any more;
 * everything that waited is given back.
 */
#include "tests/world/tcp_world.h"

static void abort_in_established(void **state)
{
	const struct seg *s;

	(void)state;
	open_passive();
	app.hold = true;
	seg_in(ACK, 1, 1, 500);
	seg_expect(ACK, 1, 501, 0);
	app_send(100000);
	assert_int_equal(seg_skip(), 10);
	seg_in(ACK, 1001, 1, 500);
	seg_skip();
	world_mark();
	app_abort();
	/* After all that was sent, or the peer would not take it. */
	s = seg_next();
	assert_non_null(s);
	assert_int_equal(s->flags, RST | ACK);
	assert_int_equal(s->seq, 1 + 10 * MSS_TS);
	assert_int_equal(s->ack, 501);
	seg_none();
	app_gone(TCP_END_CLOSED);
	assert_int_equal(world_count(0, CNT_TCP_RST_TX), 1);
	assert_int_equal(tcp_held(world.w), 0);
}

static void abort_in_every_state(void **state)
{
	(void)state;
	/* FIN-WAIT-1 */
	open_passive();
	app_shutdown();
	seg_expect(FIN | ACK, 1, 1, 0);
	app_abort();
	seg_expect(RST | ACK, 2, 1, 0);
	assert_int_equal(app.closed, 1);
	/* FIN-WAIT-2 */
	open_passive();
	app_shutdown();
	seg_expect(FIN | ACK, 1, 1, 0);
	seg_in(ACK, 1, 2, 0);
	app_abort();
	seg_expect(RST | ACK, 2, 1, 0);
	assert_int_equal(app.closed, 2);
	/* CLOSE-WAIT */
	open_passive();
	seg_in(FIN | ACK, 1, 1, 0);
	seg_expect(ACK, 1, 2, 0);
	app_abort();
	seg_expect(RST | ACK, 1, 2, 0);
	assert_int_equal(app.closed, 3);
	/* Twice is once. */
	open_passive();
	tcp_abort(world.w, app.c, TCP_END_CLOSED);
	tcp_abort(world.w, app.c, TCP_END_IDLE);
	world_run();
	seg_expect(RST | ACK, 1, 1, 0);
	seg_none();
	assert_int_equal(app.closed, 4);
	assert_int_equal(app.why, TCP_END_CLOSED);
}

static void closed_with_bytes_unread(void **state)
{
	(void)state;
	open_passive();
	app.hold = true;
	seg_in(ACK, 1, 1, 500);
	seg_expect(ACK, 1, 501, 0);
	app_close();
	seg_expect(RST | ACK, 1, 501, 0);
	seg_none();
	app_gone(TCP_END_DONE);
}

static void bytes_after_close(void **state)
{
	(void)state;
	open_passive();
	app_close();
	seg_expect(FIN | ACK, 1, 1, 0);
	seg_in(ACK, 1, 2, 0);
	seg_in(ACK, 1, 2, 100);
	seg_expect(RST | ACK, 2, 1, 0);
	seg_none();
	assert_int_equal(app.closed, 1);
	assert_int_equal(world.w->tcp->conns, 0);
	/* And what comes behind it. */
	seg_in(ACK, 101, 2, 100);
	seg_expect(RST, 2, 0, 0);
}

/* Before our FIN is acknowledged: FIN-WAIT-1. */
static void bytes_that_crossed_the_close(void **state)
{
	(void)state;
	open_passive();
	app_close();
	seg_expect(FIN | ACK, 1, 1, 0);
	seg_in(ACK, 1, 1, 100);
	seg_expect(RST | ACK, 2, 1, 0);
	assert_int_equal(app.closed, 1);
	assert_int_equal(world.w->tcp->conns, 0);
}

/* The control process sees in the turn of the end that nobody is there, not a tick later: whoever
 * ends what it lists ends no more than there is. */
static void its_row_goes_with_it(void **state)
{
	const struct ctl_conn_info *row;
	uint32_t seq;

	(void)state;
	open_passive();
	tcp_tick(world.w);
	row = &world.w->tcp->info[0];
	assert_int_not_equal(row->gen, 0);
	seq = atomic_load(&row->seq);
	assert_int_equal(seq & 1, 0);
	app_abort();
	seg_skip();
	assert_int_equal(row->gen, 0);
	assert_int_not_equal(atomic_load(&row->seq), seq);
	assert_int_equal(atomic_load(&row->seq) & 1, 0);
	tcp_tick(world.w);
	assert_int_equal(row->gen, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(abort_in_established),		tcp_test(abort_in_every_state),
		tcp_test(closed_with_bytes_unread),	tcp_test(bytes_after_close),
		tcp_test(bytes_that_crossed_the_close), tcp_test(its_row_goes_with_it),
	};

	return tcp_run(tests);
}

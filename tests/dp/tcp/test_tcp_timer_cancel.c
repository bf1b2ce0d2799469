/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Timers that are stopped do not fire, even when they are due in the same tick as the one that
 * stops them; the owner's timer fires once, and what ends a connection ends all its timers.
 */
#include "tests/world/tcp_world.h"

static struct tcp_conn *first, *second;
static unsigned int fired;
static bool abort_other;

/* The first to be told stops, or ends, the other. */
static void on_timeout(struct worker *w, struct tcp_conn *c)
{
	struct tcp_conn *other = c == first ? second : first;

	fired++;
	if (abort_other)
		tcp_abort(w, other, TCP_END_CLOSED);
	else
		tcp_app_timer(w, other, 0);
}

static struct tcp_app stopper;

static void two_open(void)
{
	fired = 0;
	open_passive();
	first = app.c;
	peer.addr.port = be16_make(PEER_PORT + 1);
	open_passive();
	second = app.c;
	stopper = *tcp_app(first);
	stopper.timeout = on_timeout;
	tcp_own(first, &stopper);
	tcp_own(second, &stopper);
}

static void both_reset(void)
{
	world_forget();
	if (second->gen & CONN_GEN_LIVE) {
		app.c = second;
		peer.irs = second->iss;
		peer_reset();
	}
	if (first->gen & CONN_GEN_LIVE) {
		peer.addr.port = be16_make(PEER_PORT);
		app.c = first;
		peer.irs = first->iss;
		peer_reset();
	}
}

static void one_stops_the_other_in_the_same_tick(void **state)
{
	(void)state;
	abort_other = false;
	two_open();
	tcp_app_timer(world.w, first, 100);
	tcp_app_timer(world.w, second, 100);
	world_pass_ms(200);
	assert_int_equal(fired, 1);
	world_pass_ms(1000);
	assert_int_equal(fired, 1);
	both_reset();
}

static void one_ends_the_other_in_the_same_tick(void **state)
{
	(void)state;
	abort_other = true;
	two_open();
	tcp_app_timer(world.w, first, 100);
	tcp_app_timer(world.w, second, 100);
	world_pass_ms(200);
	assert_int_equal(fired, 1);
	assert_int_equal(app.closed, 1);
	both_reset();
}

static void it_fires_once_when_due(void **state)
{
	(void)state;
	open_passive();
	tcp_app_timer(world.w, app.c, 100);
	world_pass_ms(99);
	assert_int_equal(app.timeouts, 0);
	world_pass_ms(3);
	assert_int_equal(app.timeouts, 1);
	world_pass_ms(1000);
	assert_int_equal(app.timeouts, 1);
	/* Moved, later and sooner. */
	tcp_app_timer(world.w, app.c, 100);
	tcp_app_timer(world.w, app.c, 500);
	world_pass_ms(400);
	assert_int_equal(app.timeouts, 1);
	world_pass_ms(102);
	assert_int_equal(app.timeouts, 2);
	tcp_app_timer(world.w, app.c, 500);
	tcp_app_timer(world.w, app.c, 50);
	world_pass_ms(52);
	assert_int_equal(app.timeouts, 3);
	tcp_app_timer(world.w, app.c, 50);
	tcp_app_timer(world.w, app.c, 0);
	world_pass_ms(1000);
	assert_int_equal(app.timeouts, 3);
	peer_reset();
}

/* The ACK that comes in the tick in which the retransmission is due. */
static void an_ack_stops_the_retransmission(void **state)
{
	uint32_t ms;

	(void)state;
	peer.sack = false;
	open_passive();
	app_send(100);
	seg_expect(ACK, 1, 1, 100);
	ms = app.c->rto_ms;
	world_pass_ms(ms - 1);
	seg_none();
	seg_in(ACK, 1, 101, 0);
	seg_quiet(2 * ms);
	assert_int_equal(world_count(0, CNT_TCP_RTO), 0);
	peer_reset();
}

/* The delayed ACK goes with data; its timer sends nothing. */
static void data_stops_the_delayed_ack(void **state)
{
	(void)state;
	open_passive();
	app.c->quick_acks = 0;
	seg_in(ACK, 1, 1, 100);
	app_send(10);
	seg_expect(ACK, 1, 101, 10);
	seg_in(ACK, 101, 11, 0);
	seg_quiet(1000);
	assert_int_equal(world_count(0, CNT_TCP_DELAYED_ACK), 0);
	peer_reset();
}

static void an_end_stops_all(void **state)
{
	(void)state;
	open_passive();
	app.c->quick_acks = 0;
	tcp_app_timer(world.w, app.c, 100);
	app_send(1000);
	seg_expect(ACK, 1, 1, 1000);
	seg_in(ACK, 1, 1, 100);
	peer_reset();
	assert_int_equal(world.w->tcp->wheel.armed, 0);
	seg_quiet(5000);
	assert_int_equal(app.timeouts, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(one_stops_the_other_in_the_same_tick),
		tcp_test(one_ends_the_other_in_the_same_tick),
		tcp_test(it_fires_once_when_due),
		tcp_test(an_ack_stops_the_retransmission),
		tcp_test(data_stops_the_delayed_ack),
		tcp_test(an_end_stops_all),
	};

	return tcp_run(tests);
}

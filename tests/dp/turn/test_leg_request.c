/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests of a client over TCP (R7, R8, R4; RFC 8489 6.2.2): each goes up once and in order,
 * however long the control process is behind or away, and has its answer, also behind a FIN and
 * while the client does not read; how many and how often is the connection's own.
 */
#include "tests/world/leg_world.h"

#include "dp/boundary.h"
#include "dp/turn/forward.h"
#include "dp/turn/turn.h"

enum { PREFIX_RATE = 20, OWN_RATE = 2, ASKED = 4 }; /* setup_rate() */

static void requests_go_up(void **state)
{
	const struct evt_punt *e;
	struct ctl_leg leg = lw_leg(lw.f);
	uint32_t n;

	(void)state;
	n = lw_add_stun(STUN_ALLOCATE, STUN_REQUEST, 30);
	fake_feed(world.w, lw.f, lw.stream, 7, false);
	fake_feed(world.w, lw.f, lw.stream + 7, n - 7, false);
	fake_run();
	e = world_evt(0);
	assert_non_null(e);
	assert_int_equal(e->hdr.type, EVT_PUNT);
	assert_memory_equal(&e->leg.client, &lw.client, sizeof(lw.client));
	assert_int_equal(e->leg.listener, TCP4);
	assert_int_equal(e->leg.conn, leg.conn);
	assert_int_equal(e->leg.conn_gen, leg.conn_gen);
	assert_memory_equal(&e->local, &lw.local.ip, sizeof(lw.local.ip));
	assert_int_equal(e->payload_len, n);
	assert_memory_equal(e->payload, lw.stream, n);
	world_drops(DROP_NONE, 0);
}

/* Requests that are told apart by their attribute, from number `from` on. */
static void add_numbered(uint32_t from, uint32_t n)
{
	for (; n; n--, from++) {
		lw_add_stun(STUN_ALLOCATE, STUN_REQUEST, 4);
		memset(lw.stream + lw.len - 4, (int)from, 4);
	}
}

/* The control process reads n events at most, which must be those from number `from` on. */
static uint32_t take_numbered(uint32_t from, uint32_t n)
{
	const struct evt_punt *e;
	uint32_t i = 0;

	while (i < n && (e = world_evt(0))) {
		assert_int_equal(e->hdr.type, EVT_PUNT);
		assert_int_equal(e->payload[24], (uint8_t)(from + i));
		i++;
	}
	return i;
}

/*
 * RFC 8489 6.2.2: over a stream a request is sent once. While the control process is behind or
 * away they wait, the first in the queue and the others unread, and each is passed on once, in
 * order.
 */
static void requests_wait_for_room(void **state)
{
	uint32_t i, n = 0, round;

	(void)state;
	lw_fill_ring();
	world_mark();
	add_numbered(0, 20);
	lw_feed();
	assert_true(lw.f->paused);
	assert_int_equal(tcp_readable(lw.f->c), 19 * 28);
	while (world_evt(0)) /* those over UDP */
		;
	for (round = 0; n < 20 && round < 100; round++) {
		fake_run();
		i = take_numbered(n, 3);
		for (n += i; i; i--)
			assert_true(lw_reply(STUN_ALLOCATE, STUN_ERROR, 0));
	}
	assert_int_equal(n, 20);
	assert_int_equal(lw.f->out_len, 20 * 20);
	assert_int_equal(tcp_held(world.w), 0);
	world_drops(DROP_NONE, 0);
}

/* The same where it has died, or lied, and is away for long. */
static void requests_outlive_the_control_process(void **state)
{
	(void)state;
	world.w->boundary.rings_ok = false;
	add_numbered(0, 3);
	fake_feed(world.w, lw.f, lw.stream, lw.len, false);
	tcp_app(lw.f->c)->readable(world.w, lw.f->c);
	world_clock_ms(world.w->now_ms + 11000);
	assert_int_equal(punt_queue(world.w), 0);
	world.w->boundary.rings_ok = true;
	fake_run();
	assert_int_equal(take_numbered(0, 9), 3);
	world_drops(DROP_NONE, 0);
}

/* A request that is in the queue is out of the way of what follows it. */
static void media_passes_a_request_that_waits(void **state)
{
	(void)state;
	lw_serve();
	lw_fill_ring();
	world_mark();
	add_numbered(0, 1);
	lw_add_channel(LW_CHANNEL, 77);
	add_numbered(1, 1);
	lw_add_channel(LW_CHANNEL, 78);
	lw_feed();
	lw_to_peer(&lw.peer, 77);
	world_no_out();
	while (world_evt(0))
		;
	fake_run();
	assert_int_equal(take_numbered(0, 9), 2);
	lw_to_peer(&lw.peer, 78);
	world_drops(DROP_NONE, 0);
}

/* Whoever asks over UDP from anywhere has half of a ring that is full all the time. */
static void streams_have_their_share(void **state)
{
	uint32_t n = 0, i, mine = 0;

	(void)state;
	add_numbered(0, 16);
	lw_feed();
	for (i = 0; i < 200 && n < 16; i++) {
		const struct evt_punt *e = world_evt(0);

		assert_non_null(e);
		if (e->leg.conn_gen) {
			assert_int_equal(e->payload[24], n);
			n++;
		} else {
			mine++;
		}
		lw_fill_ring();
		fake_run();
	}
	assert_int_equal(n, 16);
	assert_in_range(mine, 8, 40);
}

/* A connection that ends takes its request along. */
static void a_request_without_connection(void **state)
{
	(void)state;
	lw_fill_ring();
	world_mark();
	add_numbered(0, 2);
	lw_feed();
	assert_int_equal(tcp_held(world.w), 2);
	fake_end(world.w, lw.f, TCP_END_RESET);
	fake_run();
	while (world_evt(0))
		;
	fake_run();
	world_drops(DROP_TCP_CLOSED, 1);
	assert_null(world_evt(0));
	assert_int_equal(tcp_held(world.w), 0);
}

/* ---- answers ---- */

/* So many have no answer yet; more are not read, until one comes or nobody waits for it. */
static void answers_are_owed(void **state)
{
	uint32_t i, n = 0;

	(void)state;
	add_numbered(0, 40);
	lw_feed();
	for (i = 0; i < 100; i++) {
		n += take_numbered(n, 9);
		fake_run();
	}
	assert_int_equal(n, 16);
	assert_true(lw_reply(STUN_ALLOCATE, STUN_ERROR, 0));
	assert_true(lw_reply(STUN_CONNECTION_ATTEMPT, STUN_INDICATION, 0)); /* answers nothing */
	fake_run();
	n += take_numbered(n, 9);
	assert_int_equal(n, 17);
	world_clock_ms(world.w->now_ms + 39499);
	fake_run();
	assert_int_equal(take_numbered(n, 9), 0);
	world_clock_ms(world.w->now_ms + 1);
	for (i = 0; i < 100; i++) {
		fake_run();
		n += take_numbered(n, 9);
	}
	assert_int_equal(n, 33);
}

/* A client that has said all it wants to gets its answers before we close. */
static void answers_after_fin(void **state)
{
	(void)state;
	add_numbered(0, 2);
	fake_feed(world.w, lw.f, lw.stream, lw.len, false);
	fake_fin(world.w, lw.f);
	fake_run();
	assert_int_equal(take_numbered(0, 9), 2);
	lw.len = 0;
	assert_true(lw_reply(STUN_ALLOCATE, STUN_ERROR, 0));
	fake_run();
	assert_true(lw.f->open);
	assert_true(lw_reply(STUN_ALLOCATE, STUN_ERROR, 0));
	assert_int_equal(lw.f->out_len, 40);
	lw_ended(TCP_END_DONE);
}

/* It may die with an answer of its owing. */
static void no_answers_after_fin(void **state)
{
	(void)state;
	lw_serve();
	add_numbered(0, 1);
	fake_feed(world.w, lw.f, lw.stream, lw.len, false);
	fake_fin(world.w, lw.f);
	fake_run();
	world_clock_ms(world.w->now_ms + 39499);
	fake_run();
	assert_true(lw.f->open);
	world_clock_ms(world.w->now_ms + 1);
	lw_ended(TCP_END_DONE);
}

static void binding_over_the_stream(void **state)
{
	struct sock_addr a;
	struct stun_msg m;

	(void)state;
	lw_add_stun(STUN_BINDING, STUN_REQUEST, 0);
	lw_feed();
	assert_int_equal(stun_parse(&m, lw.f->out, lw.f->out_len), STUN_OK);
	assert_int_equal(m.method, STUN_BINDING);
	assert_int_equal(m.cls, STUN_SUCCESS);
	assert_true(stun_get_xor_addr(&m, &m.xor_mapped, &a) != 0);
	assert_memory_equal(&a, &lw.client, sizeof(a));
	assert_int_equal(world_count(0, CNT_BINDING), 1);
}

/* RFC 9293 3.8.6: who does not read his answers is not read either; he gets them all. */
static void a_client_that_does_not_read(void **state)
{
	uint32_t i, one;

	(void)state;
	fake_acked(lw.f, 0, BINDING_REPLY_MAX);
	for (i = 0; i < 200; i++)
		lw_add_stun(i & 1 ? STUN_BINDING : STUN_ALLOCATE, STUN_REQUEST, 0);
	lw_feed();
	assert_int_equal(world_count(0, CNT_PUNT), 1);
	assert_int_equal(world_count(0, CNT_BINDING), 1);
	assert_true(lw.f->paused);
	one = lw.f->out_len;
	for (i = 0; i < 1000 && world_count(0, CNT_PUNT) < 100; i++) {
		while (world_evt(0))
			assert_true(lw_reply(STUN_ALLOCATE, STUN_ERROR, 0));
		fake_acked(lw.f, 0, BINDING_REPLY_MAX);
		fake_run();
	}
	while (world_evt(0))
		assert_true(lw_reply(STUN_ALLOCATE, STUN_ERROR, 0));
	fake_acked(lw.f, UINT32_MAX, UINT32_MAX);
	fake_run();
	assert_int_equal(world_count(0, CNT_BINDING), 100);
	assert_int_equal(lw.f->out_len, 100 * (20 + one));
	world_drops(DROP_NONE, 0);
}

static void replies(void **state)
{
	(void)state;
	assert_true(lw_reply(STUN_ALLOCATE, STUN_ERROR, 0));
	assert_int_equal(lw.f->out_len, 20);
	assert_int_equal(world_count(0, CNT_REPLY), 1);
	assert_false(
	    lw_reply(STUN_ALLOCATE, STUN_SUCCESS, SEND_HOLD)); /* it asked for no such thing */
	fake_acked(lw.f, 0, 19);
	assert_true(lw_reply(STUN_ALLOCATE, STUN_ERROR, 0)); /* media may have had the room */
	assert_int_equal(lw.f->out_len, 40);
	fake_end(world.w, lw.f, TCP_END_RESET);
	assert_false(lw_reply(STUN_ALLOCATE, STUN_ERROR, 0));
	fake_run();
	assert_false(lw_reply(STUN_ALLOCATE, STUN_ERROR, 0));
	assert_int_equal(lw.f->out_len, 40);
	world_no_out();
}

/* ---- rates ---- */

/* R4: the rate is the connection's own, and what is beyond it waits. */
static void rates(void **state)
{
	struct fake_conn *first = lw.f;
	struct sock_addr other = lw.client;
	int i;

	(void)state;
	world.w->turn->own_request = world.w->turn->own_binding = meter_rate_make(2, 0, 1000);
	for (i = 0; i < 4; i++) {
		lw_add_stun(STUN_ALLOCATE, STUN_REQUEST, 0);
		lw_add_stun(STUN_BINDING, STUN_REQUEST, 0);
	}
	lw_feed();
	assert_int_equal(world_count(0, CNT_PUNT), 1);
	assert_int_equal(world_count(0, CNT_BINDING), 1);
	other.port = be16_make(6001);
	lw.f = fake_open(world.w, &lw.local, &other);
	lw_add_stun(STUN_BINDING, STUN_REQUEST, 0);
	lw_feed();
	assert_int_equal(world_count(0, CNT_BINDING), 2);
	lw.f = first;
	for (i = 2; i < 8; i++) {
		while (world_evt(0))
			;
		world_clock_ms(world.w->now_ms + 499);
		fake_run();
		assert_int_equal(world_count(0, CNT_PUNT) + world_count(0, CNT_BINDING), i + 1);
		world_clock_ms(world.w->now_ms + 1);
		fake_run();
		assert_int_equal(world_count(0, CNT_PUNT) + world_count(0, CNT_BINDING), i + 2);
	}
	assert_int_equal(world_count(0, CNT_PUNT), 4);
	world_drops(DROP_NONE, 0);
}

static int setup_rate(void **state)
{
	(void)state;
	return lw_start(PREFIX_RATE);
}

/* Datagrams in the name of the client's prefix, until one is dropped: how many were not. */
static uint32_t spend(enum stun_method method, enum drop why)
{
	static const uint8_t tid[STUN_TID_LEN] = "a datagram";
	const _Atomic uint64_t *drops = &world.w->counters->drop[why];
	struct sock_addr forged = at("10.1.0.3", 5000);
	uint64_t before = *drops;
	struct stun_builder b;
	uint32_t n;

	stun_begin(&b, lw.msg, sizeof(lw.msg), stun_type(method, STUN_REQUEST), tid);
	frame_udp(&lw.frame, ACCESS, &forged, &world.conf.listener[0].addr, lw.msg, stun_end(&b),
		  NULL);
	for (n = 0; *drops == before; n++) {
		assert_true(n <= PREFIX_RATE);
		world_feed(ACCESS, &lw.frame);
		while (world_evt(0))
			;
	}
	world_forget();
	return n - 1;
}

/* So many over the stream: each is served when the connection's own meter has it; none is lost. */
static void asks(enum stun_method method, enum counter c)
{
	uint32_t i;

	spend(STUN_BINDING, DROP_BINDING_RATE);
	spend(STUN_ALLOCATE, DROP_PUNT_RATE);
	world_mark();
	for (i = 0; i < ASKED; i++)
		lw_add_stun((uint16_t)method, STUN_REQUEST, 0);
	lw_feed();
	for (i = 0; i < ASKED * 1000 / OWN_RATE; i += 100) {
		assert_in_range(world_count(0, c), 1, OWN_RATE + i * OWN_RATE / 1000);
		world_clock_ms(world.w->now_ms + 100);
		fake_run();
		while (world_evt(0))
			;
	}
	assert_int_equal(world_count(0, c), ASKED);
	world_drops(DROP_NONE, 0);
	assert_true(lw.f->open);
}

/*
 * R4: a prefix's bucket is for sources that may be forged. Whoever empties it takes nothing from a
 * connection, and a connection takes nothing of it.
 */
static void rate_of_a_prefix(void **state)
{
	(void)state;
	asks(STUN_BINDING, CNT_BINDING);
	asks(STUN_ALLOCATE, CNT_PUNT);
	world_clock_ms(world.w->now_ms + 2000);
	lw_add_stun(STUN_BINDING, STUN_REQUEST, 0);
	lw_add_stun(STUN_ALLOCATE, STUN_REQUEST, 0);
	lw_feed();
	assert_int_equal(spend(STUN_BINDING, DROP_BINDING_RATE), PREFIX_RATE);
	assert_int_equal(spend(STUN_ALLOCATE, DROP_PUNT_RATE), PREFIX_RATE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, lw_setup, lw_teardown)
	const struct CMUnitTest tests[] = {
		T(requests_go_up),
		T(requests_wait_for_room),
		T(requests_outlive_the_control_process),
		T(media_passes_a_request_that_waits),
		T(streams_have_their_share),
		T(a_request_without_connection),
		T(answers_are_owed),
		T(answers_after_fin),
		T(no_answers_after_fin),
		T(binding_over_the_stream),
		T(a_client_that_does_not_read),
		T(replies),
		T(rates),
		cmocka_unit_test_setup_teardown(rate_of_a_prefix, setup_rate, lw_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

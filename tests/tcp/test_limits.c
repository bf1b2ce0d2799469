/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bounds by configuration (R73): packet buffers of all connections, with the order of refusal
 * (first new connections, then what is out of order, then what comes), and the table of
 * connections. Nothing else suffers, and what was refused goes when there is room again.
 */
#include "tcp_world.h"

enum { BUFFERS = 64, CONNS = 16 };

static int setup(void **state)
{
	(void)state;
	tcp_config();
	world.conf.tcp.buffers = BUFFERS;
	world.conf.tcp.connections = CONNS;
	world.conf.tcp.cookies = COOKIES_NEVER;
	tcp_start();
	return 0;
}

/* Full segments to an owner that reads nothing, until there are no more buffers. */
static uint32_t fill_buffers(void)
{
	uint32_t at = 1;
	int i;

	app.hold = true;
	for (i = 0; i < 2 * BUFFERS; i++) {
		seg_in(ACK, at, 1, MSS_TS);
		at = app.c->rcv_nxt - peer.iss;
		seg_skip();
		assert_true(tcp_held(world.w) <= BUFFERS);
	}
	return at;
}

static void buffers_of_all_connections(void **state)
{
	uint32_t next;
	struct tcp_conn *c;
	int i;

	(void)state;
	open_passive();
	c = app.c;
	next = fill_buffers();
	assert_true(tcp_held(world.w) > BUFFERS / 2);
	/* New ones are refused by name. */
	world_mark();
	peer.addr.port = be16_make(PEER_PORT + 1);
	seg_in(SYN, 0, 0, 0);
	seg_none();
	world_drops(DROP_TCP_MEMORY, 1);
	peer.addr.port = be16_make(PEER_PORT);
	peer.irs = c->iss;
	/* The owner reads: all goes on, from where it was. */
	app.hold = false;
	app_take(tcp_readable(app.c));
	seg_skip();
	for (i = 0; i < 10; i++, next += MSS_TS)
		seg_in(ACK, next, 1, MSS_TS);
	world_pass_ms(100);
	seg_skip();
	assert_int_equal(app.received, next - 1);
	close_peer_first(next, 1);
	peer.addr.port = be16_make(PEER_PORT + 1);
	open_passive();
	peer_reset();
}

static void out_of_order_goes_first(void **state)
{
	uint32_t at, i;

	(void)state;
	open_passive();
	app.hold = true;
	/* A hole at the front, then as much as may be held. */
	for (i = 1; i < 20; i++)
		seg_in(ACK, 1 + i * MSS_TS, 1, MSS_TS);
	seg_skip();
	assert_true(app.c->ooo.n > 0);
	/* What comes in order on a second connection needs the room. */
	peer.addr.port = be16_make(PEER_PORT + 1);
	open_passive();
	at = fill_buffers();
	assert_true(at > 1 + 20 * MSS_TS);
	assert_true(tcp_held(world.w) <= BUFFERS);
	peer_reset();
	peer.addr.port = be16_make(PEER_PORT);
	app.c = NULL;
	for (i = 0; i < CONNS; i++)
		if (world.w->tcp->conn[i].gen & CONN_GEN_LIVE)
			app.c = &world.w->tcp->conn[i];
	peer_reset();
}

/* An owner that gives more than there is room for is asked to wait, and told when there is some. */
static void what_an_owner_gives(void **state)
{
	uint32_t next = 1, ms;
	const struct seg *s;

	(void)state;
	open_passive();
	app_send(400000);
	assert_true(app.to_send > 0);
	for (ms = 0; next < 400001 && ms < 60000; ms++) {
		while ((s = seg_next()) != NULL)
			next = RTE_MAX(next, s->seq + s->len);
		seg_queue(ACK, 1, next, 0);
		world_pass_ms(1);
		assert_true(tcp_held(world.w) <= BUFFERS + 4);
	}
	assert_int_equal(next, 400001);
	assert_true(app.writable > 0);
	close_peer_first(1, next);
}

static int setup_small_window(void **state)
{
	(void)state;
	tcp_config();
	world.conf.tcp.buffers = BUFFERS;
	world.conf.tcp.receive_buffer = 4096;
	tcp_start();
	return 0;
}

/* Buffers lack, and the owner waits for the rest of a message: when there are some, it is told. */
static void a_window_that_others_closed(void **state)
{
	const uint32_t rest = 4096 - 2 * MSS_TS, next = 1 + 4096;
	const struct seg *s;

	(void)state;
	app.hold = true;
	open_passive();
	assert_true(tcp_hold(world.w, BUFFERS - 4));
	seg_in(ACK, 1, 1, MSS_TS);
	seg_in(ACK, 1 + MSS_TS, 1, MSS_TS);
	app_take(2 * MSS_TS);
	seg_in(ACK, 1 + 2 * MSS_TS, 1, rest);
	app_take(rest - 100);
	world_pass_ms(100);
	seg_skip();
	assert_int_equal(app.c->rcv_adv, app.c->rcv_nxt);
	tcp_unhold(world.w, BUFFERS - 4);
	world_pass_ms(30);
	s = seg_expect(ACK, 1, next, 0);
	assert_true(seg_window(s) >= 2 * MSS_TS);
	app_take(100);
	peer_reset();
}

static void connections(void **state)
{
	struct tcp_request r = { .local = at("10.2.0.1", 4000), .remote = at("10.2.0.2", 80) };
	enum tcp_end why;
	uint32_t i;

	(void)state;
	for (i = 0; i < CONNS; i++) {
		peer.addr.port = be16_make((uint16_t)(PEER_PORT + i));
		open_passive();
	}
	world_mark();
	peer.addr.port = be16_make(PEER_PORT + CONNS);
	seg_in(SYN, 0, 0, 0);
	seg_none();
	world_drops(DROP_TCP_FULL, 1);
	assert_null(tcp_connect(world.w, &r, tcp_app(app.c), &why));
	assert_int_equal(why, TCP_END_NO_BUFFER);
	/* One goes, one may come. */
	peer.addr.port = be16_make(PEER_PORT + CONNS - 1);
	peer_reset();
	peer.addr.port = be16_make(PEER_PORT + CONNS);
	open_passive();
	for (i = 0; i < CONNS; i++)
		tcp_abort(world.w, &world.w->tcp->conn[i], TCP_END_CLOSED);
	world_run();
	world_forget();
	assert_int_equal(world.w->tcp->conns, 0);
}

#define bounded(f) cmocka_unit_test_setup_teardown(f, setup, tcp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		bounded(buffers_of_all_connections),
		bounded(out_of_order_goes_first),
		bounded(what_an_owner_gives),
		cmocka_unit_test_setup_teardown(a_window_that_others_closed, setup_small_window,
						tcp_teardown),
		bounded(connections),
	};

	return tcp_run(tests);
}

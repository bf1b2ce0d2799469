/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bounds by configuration (R73): packet buffers of all connections and the table of connections.
 * Nothing else suffers, and what was refused goes when there is room again.
 */
#include "tests/world/tcp_world.h"
#include "dp/tcp/ledger.h"

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

/* Full segments to an owner that reads nothing, until no more are taken. */
static void fill_buffers(void)
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
}

static void abort_all(void)
{
	uint32_t i;

	for (i = 0; i < CONNS; i++)
		if (world.w->tcp->conn[i].gen & CONN_GEN_LIVE)
			tcp_abort(world.w, &world.w->tcp->conn[i], TCP_END_CLOSED);
	world_run();
	world_forget();
	assert_int_equal(world.w->tcp->conns, 0);
}

/* Who holds much leaves as much to the next; who holds little gets it, until nearly all is held. */
static void buffers_of_all_connections(void **state)
{
	uint32_t held = 0, had, i, more;

	(void)state;
	for (i = 0; i < 3; i++) {
		peer.addr.port = be16_make((uint16_t)(PEER_PORT + i));
		open_passive();
		fill_buffers();
		world_pass_ms(100); /* its last ACK */
		seg_skip();
		had = held;
		held = tcp_held(world.w);
		assert_in_range(held - had, LEDGER_FEW, BUFFERS / 8 * 3 + 1);
	}
	/* All they can have leaves room for new ones; where there is none they are refused by name. */
	assert_true(held <= BUFFERS / 16 * 13 + 1);
	more = BUFFERS - BUFFERS / 8 + 1 - held;
	assert_true(tcp_hold(world.w, NULL, more));
	world_mark();
	peer.addr.port = be16_make(PEER_PORT + 3);
	seg_in(SYN, 0, 0, 0);
	seg_none();
	world_drops(DROP_TCP_MEMORY, 1);
	tcp_unhold(world.w, NULL, more);
	/* An owner reads: its connection goes on. */
	peer.addr.port = be16_make(PEER_PORT + 2);
	app.hold = false;
	app_take(tcp_readable(app.c));
	seg_skip();
	seg_in(ACK, app.c->rcv_nxt - peer.iss, 1, MSS_TS);
	assert_int_equal(tcp_readable(app.c), 0);
	seg_skip();
	abort_all();
	open_passive();
	abort_all();
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

static int setup_window(void **state)
{
	(void)state;
	tcp_config();
	world.conf.tcp.buffers = BUFFERS;
	world.conf.tcp.receive_buffer = (LEDGER_FEW + 1) * MSS_TS;
	tcp_start();
	return 0;
}

/* Buffers lack, and the owner waits for more: when there are some, the other side is told. */
static void a_window_that_others_closed(void **state)
{
	uint32_t at = 1, i;
	const struct seg *s;

	(void)state;
	app.hold = true;
	open_passive();
	world.w->tcp->held += BUFFERS - LEDGER_FEW;
	for (i = 0; i < LEDGER_FEW; i++, at += MSS_TS)
		seg_in(ACK, at, 1, MSS_TS);
	app_take(2 * MSS_TS);
	world_pass_ms(100);
	seg_skip();
	assert_in_range(app.c->rcv_adv - app.c->rcv_nxt, 1, 2 * MSS_TS - 1);
	world.w->tcp->held -= BUFFERS - LEDGER_FEW;
	world_pass_ms(30);
	s = seg_expect(ACK, 1, at, 0);
	assert_true(seg_window(s) >= 2 * MSS_TS);
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
	abort_all();
}

#define bounded(f) cmocka_unit_test_setup_teardown(f, setup, tcp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		bounded(buffers_of_all_connections),
		bounded(what_an_owner_gives),
		cmocka_unit_test_setup_teardown(a_window_that_others_closed, setup_window,
						tcp_teardown),
		bounded(connections),
	};

	return tcp_run(tests);
}

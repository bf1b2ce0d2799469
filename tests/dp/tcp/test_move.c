/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection that moves to another worker (dp/tcp/move.c; R7: ConnectionBind may land on any
 * worker): its bytes, in, out and out of order, go with it and none is lost or comes twice; its
 * segments still come to the worker they came to, which forwards them until it hears of the end,
 * and keeps TIME-WAIT. Where there is no room it ends on both sides, and no entry stays behind.
 */
#include "tests/world/unit.h"
#include "tests/world/tcp_host.h"
#include "dp/clock.h"
#include "dp/tcp/conn.h"

#include <rte_hash.h>

/* ---- an owner that sends back what it gets, unless it is told to wait ---- */

static struct tcp_conn *conn;
static struct worker *owner; /* conn's */
static uint32_t arrived, closed, timeouts;
static enum tcp_end why_closed;
static bool echo;

static void echo_readable(struct worker *w, struct tcp_conn *c)
{
	struct rte_mbuf *m;

	if (!echo)
		return;
	while ((m = tcp_recv_peek(c)) && tcp_send_room(w, c) >= m->data_len)
		assert_true(tcp_send(w, c, tcp_recv(w, c)));
	if (m)
		tcp_send_wait(c);
	else if (tcp_recv_fin(c))
		tcp_shutdown(w, c);
}

static void echo_established(struct worker *w, struct tcp_conn *c)
{
	conn = c;
	owner = w;
}

static void echo_arrived(struct worker *w, struct tcp_conn *c)
{
	conn = c;
	owner = w;
	arrived++;
	assert_int_equal(*(uint64_t *)tcp_data(c), 0x4321);
}

static void echo_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	(void)w;
	(void)c;
	conn = NULL;
	closed++;
	why_closed = why;
}

static void echo_timeout(struct worker *w, struct tcp_conn *c)
{
	assert_ptr_equal(w, owner);
	assert_ptr_equal(c, conn);
	timeouts++;
}

static const struct tcp_app echo_app = {
	.name = "echo",
	.established = echo_established,
	.readable = echo_readable,
	.writable = echo_readable,
	.timeout = echo_timeout,
	.arrived = echo_arrived,
	.closed = echo_closed,
};

static const struct tcp_app *accept_all(struct worker *w, struct tcp_request *r)
{
	(void)w;
	*(uint64_t *)r->data = 0x4321;
	return &echo_app;
}

/* ---- a client whose segments come to worker `home` ---- */

static struct host *h;
static uint16_t home, away;

static struct worker *worker(uint16_t i)
{
	return world.dp.worker[i];
}

static uint32_t entries(uint16_t i)
{
	return (uint32_t)rte_hash_count(worker(i)->tcp->table);
}

static uint64_t ends(uint16_t i, enum tcp_end why)
{
	return worker(i)->counters->end[why];
}

static void client_open(uint16_t port)
{
	struct sock_addr us = at("10.1.0.1", 3478), them = at("10.1.0.2", port);

	h = host_new(ACCESS, &them, &us, 1, 1);
	host_connect(h);
	assert_true(h->open);
	assert_ptr_equal(owner, worker(home));
}

static void world_two(void)
{
	struct sock_addr them = at("10.1.0.2", 5000);

	world.conf.dataplane.n_workers = 2;
	world.conf.listener[0].transport = TRANSPORT_TCP;
	world.conf.tcp.time_wait_ms = 1000;
	world_start();
	tcp_listen(worker(0), accept_all);
	tcp_listen(worker(1), accept_all);
	home = dplane_client_worker(&world.dp, &them.ip, them.port);
	away = !home;
	hosts_reset();
	arrived = closed = timeouts = 0;
	echo = true;
	client_open(5000);
}

static int setup(void **state)
{
	(void)state;
	world_config();
	world_two();
	return 0;
}

static int teardown(void **state)
{
	uint16_t i;

	(void)state;
	hosts_pass_ms(3000);
	for (i = 0; i < 2; i++) {
		assert_int_equal(worker(i)->tcp->conns, 0);
		assert_int_equal(tcp_held(worker(i)), 0);
		assert_int_equal(entries(i), 0);
		assert_int_equal(worker(i)->tcp->moved, 0);
		assert_int_equal(worker(i)->tcp->records, 0);
	}
	world_stop();
	return 0;
}

static void move(void)
{
	tcp_move(owner, conn, away);
	hosts_run();
	assert_int_equal(arrived, 1);
	assert_ptr_equal(owner, worker(away));
	assert_int_equal(worker(home)->tcp->conns, 0);
	assert_int_equal(worker(away)->tcp->conns, 1);
	assert_int_equal(closed, 0);
}

static void echoed(void)
{
	assert_int_equal(h->received, h->to_send);
	assert_int_equal(h->acked, h->to_send);
}

static void close_client_first(void)
{
	h->fin = true;
	hosts_run();
	assert_true(h->fin_rcvd && h->fin_acked);
	assert_int_equal(closed, 1);
	assert_int_equal(why_closed, TCP_END_DONE);
}

static void segments_follow(void **state)
{
	(void)state;
	h->to_send = 50000;
	hosts_run();
	echoed();
	move();
	h->to_send += 200000;
	hosts_run();
	echoed();
	assert_int_equal(world_count(home, CNT_TCP_MOVED), 1);
	assert_int_equal(entries(home), 1);
	close_client_first();
	assert_int_equal(entries(home), 0);
	assert_int_equal(entries(away), 0);
	assert_int_equal(ends(away, TCP_END_DONE), 1);
	assert_int_equal(ends(home, TCP_END_MOVED), 0);
}

/* Bytes nobody took, and bytes nobody acknowledged. */
static void queues_go_along(void **state)
{
	(void)state;
	echo = false;
	h->to_send = 30000;
	hosts_run();
	assert_int_equal(tcp_readable(conn), 30000);
	echo = true;
	h->silent = true; /* what is sent back is not acknowledged */
	echo_readable(owner, conn);
	world_run();
	world_forget();
	assert_true(conn->snd.bytes == 30000);
	assert_int_equal(tcp_held(worker(away)), 0);
	tcp_move(owner, conn, away);
	world_run();
	world_forget();
	assert_int_equal(tcp_held(worker(home)), 0);
	assert_true(tcp_held(worker(away)) > 0);
	assert_int_equal(conn->snd.bytes, 30000);
	assert_true(world_accounts());
	h->silent = false;
	hosts_pass_ms(5000);
	assert_ptr_equal(owner, worker(away));
	echoed();
	h->to_send += 10000;
	hosts_run();
	echoed();
	close_client_first();
}

/* The same with a hole in what came. */
static void out_of_order_goes_along(void **state)
{
	(void)state;
	h->sent = 1000;
	h->to_send = 5000;
	hosts_run();
	assert_int_equal(conn->ooo.bytes, 4000);
	move();
	assert_int_equal(conn->ooo.bytes, 4000);
	assert_int_equal(h->received, 0);
	h->sent = 0;
	h->to_send = 1000;
	hosts_run();
	h->sent = h->to_send = 5000;
	hosts_run();
	echoed();
	close_client_first();
}

/* Unread bytes wait for the new owner; so does a FIN. */
static void fin_goes_along(void **state)
{
	(void)state;
	echo = false;
	h->to_send = 3000;
	h->fin = true;
	hosts_run();
	tcp_recv_pause(owner, conn, true);
	echo = true;
	move();
	assert_int_equal(h->received, 0);
	tcp_recv_pause(owner, conn, false);
	hosts_run();
	assert_int_equal(h->received, 3000);
	assert_true(h->fin_rcvd && h->fin_acked);
	assert_int_equal(entries(home), 0);
}

static void reset_ends_it_at_home_too(void **state)
{
	(void)state;
	h->to_send = 3000;
	move();
	host_rst(h);
	assert_int_equal(closed, 1);
	assert_int_equal(why_closed, TCP_END_RESET);
	assert_int_equal(entries(home), 0);
	hosts_reset();
	client_open(5000);
	tcp_abort(owner, conn, TCP_END_CLOSED);
	hosts_run();
	assert_true(h->rst);
}

/* We closed first: the last ACK may be asked for again, and a new SYN is for home to judge. */
static void time_wait_is_at_home(void **state)
{
	(void)state;
	move();
	tcp_close(owner, conn, TCP_END_DONE);
	hosts_run();
	assert_true(h->fin_rcvd);
	h->fin = true;
	hosts_run();
	assert_true(h->fin_acked);
	assert_int_equal(closed, 1);
	assert_int_equal(worker(away)->tcp->conns, 0);
	assert_int_equal(worker(home)->tcp->conns, 0);
	assert_int_equal(worker(home)->tcp->tw_n, 1);
	assert_int_equal(worker(away)->tcp->tw_n, 0);
	assert_int_equal(entries(away), 0);
	assert_int_equal(ends(away, TCP_END_DONE), 1);
	assert_int_equal(ends(home, TCP_END_DONE), 0);
}

/* Timers go along: what is lost on the way is sent again by the new worker. */
static void timers_go_along(void **state)
{
	(void)state;
	tcp_app_timer(owner, conn, 3000);
	h->silent = true;
	assert_true(tcp_send_bytes(owner, conn, "x", 1));
	hosts_run();
	move();
	assert_true(conn_timer_on(conn, TCP_TIMER_REXMIT));
	assert_true(conn_timer_on(conn, TCP_TIMER_APP));
	h->silent = false;
	h->any = true;
	hosts_pass_ms(2500);
	assert_int_equal(h->received, 1);
	assert_true(conn_timer_on(conn, TCP_TIMER_APP));
	hosts_pass_ms(600);
	assert_int_equal(timeouts, 1);
	host_rst(h);
}

/* Nothing else happens: the owner's time comes all the same. */
static void an_idle_owner_has_its_timer(void **state)
{
	(void)state;
	tcp_app_timer(owner, conn, 3000);
	hosts_pass_ms(1000);
	move();
	hosts_pass_ms(1999);
	assert_int_equal(timeouts, 0);
	hosts_pass_ms(2);
	assert_int_equal(timeouts, 1);
	host_rst(h);
}

/*
 * What was in flight tells no round-trip time (RFC 6298 3), and the clock of the new worker, which
 * is its own, does not make times of the old one ones to come.
 */
static void clocks_differ(void **state)
{
	uint64_t late_us = world.w->now_us + 700;
	uint32_t srtt_us = 8 * 50000;

	(void)state;
	h->silent = true;
	conn->srtt_us = srtt_us;
	assert_true(tcp_send_bytes(owner, conn, "x", 1));
	hosts_run();
	clock_set(worker(home), late_us);
	move();
	assert_int_equal(worker(away)->now_us, late_us);
	h->silent = false;
	h->received = 1; /* it had come */
	h->ack_due = true;
	hosts_run();
	assert_int_equal(conn->snd.bytes, 0);
	assert_int_equal(conn->srtt_us, srtt_us);
	host_rst(h);
}

static void it_moves_once(void **state)
{
	(void)state;
	move();
	tcp_move(owner, conn, home);
	hosts_run();
	assert_true(h->rst);
	assert_int_equal(closed, 1);
	assert_int_equal(why_closed, TCP_END_NO_BUFFER);
	assert_int_equal(world_count(away, CNT_TCP_MOVED), 0);
	assert_int_equal(entries(home), 0);
}

/* ---- no room ---- */

static uint32_t ring_fill(uint16_t from, uint16_t to, bool full)
{
	struct rte_ring *r = world.dp.handover[from][to];
	uint32_t n = 0;
	void *p;

	while (full ? rte_ring_sp_enqueue(r, r) == 0 : rte_ring_sc_dequeue(r, &p) == 0)
		n++;
	return n;
}

static void way_is_full(void **state)
{
	(void)state;
	h->to_send = 1000;
	echo = false;
	hosts_run();
	ring_fill(home, away, true);
	assert_false(tcp_move(owner, conn, away));
	ring_fill(home, away, false);
	hosts_run();
	assert_false(h->rst);
	assert_int_equal(arrived + closed, 0);
	assert_int_equal(world_count(home, CNT_TCP_MOVED), 0);
	assert_true(tcp_move(owner, conn, away));
	hosts_run();
	assert_int_equal(arrived, 1);
	host_rst(h);
}

/* As many as the table has room for beside its own. */
static void too_many_moved(void **state)
{
	(void)state;
	worker(home)->tcp->moved = world.conf.tcp.connections;
	tcp_move(owner, conn, away);
	hosts_run();
	worker(home)->tcp->moved = 0;
	assert_true(h->rst);
	assert_int_equal(arrived, 0);
	assert_int_equal(why_closed, TCP_END_NO_BUFFER);
}

/* All slots there are taken: the client hears of it, and home forgets. */
static void no_slot_there(void **state)
{
	struct worker *w = worker(away);
	uint32_t slots = w->tcp->conn_free;

	(void)state;
	echo = false;
	h->to_send = 30000;
	hosts_run();
	w->tcp->conn_free = SLOT_NONE;
	tcp_move(owner, conn, away);
	hosts_run();
	w->tcp->conn_free = slots;
	assert_true(h->rst);
	assert_int_equal(arrived, 0);
	assert_int_equal(entries(home), 0);
	assert_int_equal(ends(away, TCP_END_NO_BUFFER), 1);
	assert_int_equal(tcp_held(w), 0);
}

/* The notice of the end waits for room in the ring, and for a buffer. */
static void notice_waits_for_the_ring(void **state)
{
	(void)state;
	move();
	tcp_abort(owner, conn, TCP_END_CLOSED);
	ring_fill(away, home, true);
	worker_turn(worker(away));
	worker_turn(worker(away));
	ring_fill(away, home, false);
	assert_int_equal(closed, 1);
	assert_int_equal(entries(home), 1);
	hosts_run();
	assert_int_equal(entries(home), 0);
}

static void notice_waits_for_a_buffer(void **state)
{
	static struct rte_mbuf *m[4096];
	uint32_t n = 0, i;

	(void)state;
	move();
	tcp_abort(owner, conn, TCP_END_CLOSED);
	while ((m[n] = rte_pktmbuf_alloc(worker(away)->pool)))
		n++;
	worker_turn(worker(away));
	assert_int_equal(entries(home), 1);
	assert_int_equal(closed, 0);
	for (i = 0; i < n; i++)
		rte_pktmbuf_free(m[i]);
	hosts_run();
	assert_int_equal(closed, 1);
	assert_int_equal(entries(home), 0);
}

/* Many, each with bytes on the way, all at once. */
static void many_move(void **state)
{
	struct host *all[10];
	uint16_t port = 5000;
	int i;

	(void)state;
	host_rst(h);
	for (i = 0; i < 10; i++) {
		struct sock_addr them = at("10.1.0.2", 0);

		do
			them.port = be16_make(++port);
		while (dplane_client_worker(&world.dp, &them.ip, them.port) != home);
		client_open(port);
		all[i] = h;
		h->to_send = 1000u * (uint32_t)i;
		hosts_run();
		h->to_send += 20000;
		tcp_move(owner, conn, away);
	}
	hosts_run();
	assert_int_equal(arrived, 10);
	for (i = 0; i < 10; i++) {
		assert_int_equal(all[i]->received, 1000u * (uint32_t)i + 20000);
		all[i]->fin = true;
	}
	hosts_run();
	assert_int_equal(entries(home), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(segments_follow),
		T(queues_go_along),
		T(out_of_order_goes_along),
		T(fin_goes_along),
		T(reset_ends_it_at_home_too),
		T(time_wait_is_at_home),
		T(timers_go_along),
		T(an_idle_owner_has_its_timer),
		T(clocks_differ),
		T(it_moves_once),
		T(way_is_full),
		T(too_many_moved),
		T(no_slot_there),
		T(notice_waits_for_the_ring),
		T(notice_waits_for_a_buffer),
		T(many_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Peers of TCP allocations (dp/turn/peer_conn.h; R7, R37, R58, RFC 6062 4.3, 4.4, 5.2 to 5.5): a
 * connection to a peer, made or not, and one from a peer, if it is permitted, are told of; nothing
 * is read from either before it is joined with a client's, on this worker or another; who is not
 * joined in time is gone; all of a session's connections end with it, whatever state they are in.
 */
#include "tests/world/unit.h"
#include "tests/world/control.h"
#include "tests/world/tcp_host.h"
#include "dp/boundary.h"
#include "dp/tcp/accounts.h"
#include "dp/tcp/conn.h"
#include "dp/tcp/ledger.h"
#include "dp/dispatch.h"
#include "dp/turn/leg.h"
#include "dp/turn/peer_conn.h"
#include "dp/net/net.h"

#include <rte_hash.h>
#include <stddef.h>

enum { SLOT = 3, GEN = 9, SEQ = 7 /* of world_cmd() */, PAIRS = 6 };

static struct sock_addr client_addr, listener, peer_addr, relayed;
static struct host *client, *peer;

/* ---- a client's leg that is held, as dp/turn/leg.c leaves it ---- */

static struct tcp_conn *client_conn;
static struct worker *client_worker;
static uint32_t client_closed;
static enum tcp_end client_why;

static void client_established(struct worker *w, struct tcp_conn *c)
{
	struct leg *l = tcp_data(c);

	l->slot = SLOT_NONE;
	l->flags = LEG_HELD;
	tcp_recv_pause(w, c, true);
	client_conn = c;
	client_worker = w;
}

static void client_on_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	(void)w;
	(void)c;
	client_closed++;
	client_why = why;
}

static const struct tcp_app client_app = {
	.name = "test client",
	.role = CONN_CLIENT,
	.established = client_established,
	.closed = client_on_closed,
};

static const struct tcp_app *accept_any(struct worker *w, struct tcp_request *r)
{
	return sock_addr_eq(&r->local, &listener) ? &client_app : dispatch_accept(w, r);
}

/* ---- the world ---- */

static struct worker *worker(uint16_t i)
{
	return world.dp.worker[i];
}

static uint64_t ends(enum tcp_end why)
{
	return worker(0)->counters->end[why] +
	       (world.dp.n_workers > 1 ? worker(1)->counters->end[why] : 0);
}

static uint32_t session_rate; /* turn.session-rate, of the next world */

static int start(uint32_t workers)
{
	uint16_t i;

	world_config();
	if (session_rate) {
		world.conf.turn.session_rate = session_rate;
		/* What waits finds room: what hosts send they do not send again. */
		world.conf.dataplane.mbufs = 4095;
		world.conf.tcp.buffers = 3000;
		session_rate = 0;
	}
	world.conf.dataplane.n_workers = workers;
	world.conf.dataplane.ring_slots = 128;
	world.conf.listener[0].transport = TRANSPORT_TCP;
	world.conf.tcp.connections = 128;
	world.conf.tcp.time_wait_ms = 1000;
	world_start();
	for (i = 0; i < workers; i++)
		tcp_listen(worker(i), accept_any);
	client_addr = at("10.1.0.2", 5000);
	listener = at("10.1.0.1", 3478);
	peer_addr = at("10.2.0.2", 4000);
	relayed = at("10.2.0.1", RELAY_PORT);
	hosts_reset();
	client_closed = 0;
	client = host_new(ACCESS, &client_addr, &listener, 1, 2);
	peer = host_new(CORE, &peer_addr, &relayed, 2, 1);
	assert_true(
	    session_add(0, SLOT, GEN, &client_addr, 0, RELAY_PORT, RELAY_PORT, SESSION_TCP));
	world_mark();
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return start(1);
}

static int setup_limited(void **state)
{
	(void)state;
	session_rate = 50000;
	return start(1);
}

static int setup_two(void **state)
{
	(void)state;
	start(2);
	/* A client whose segments come to the other worker than its relayed port's. */
	while (dplane_client_worker(&world.dp, &client->addr.ip, client->addr.port) == 0)
		client->addr.port = be16_make((uint16_t)(be16_get(client->addr.port) + 1));
	return 0;
}

/* Nothing is left once the session is gone. */
static int teardown(void **state)
{
	uint16_t i;

	(void)state;
	session_del(worker(0), &(struct ctl_sid){ SLOT, GEN });
	hosts_pass_ms(3000);
	for (i = 0; i < world.dp.n_workers; i++) {
		assert_int_equal(worker(i)->tcp->conns, 0);
		assert_int_equal(tcp_held(worker(i)), 0);
		assert_int_equal(rte_hash_count(worker(i)->tcp->table), 0);
	}
	assert_null(worker(0)->session[SLOT].peer_conns);
	assert_int_equal(worker(0)->session[SLOT].peers_waiting, 0);
	world_stop();
	return 0;
}

static bool cmd(uint16_t on, uint16_t type, void *c, uint16_t len)
{
	bool done = world_cmd(on, type, c, len);

	hosts_run();
	return done;
}

static bool connect_to(const struct sock_addr *to)
{
	struct cmd_connect c = { .sid = { SLOT, GEN }, .peer = *to };

	return cmd(0, CMD_CONNECT, &c, sizeof(c));
}

/* Of joined connections, apart from all else that is told: the last of each kind, and how many. */
static struct {
	struct evt_joined last[JOINED_EVENTS];
	int n[JOINED_EVENTS];
} told_joined;

/* The next event that is about nothing joined, or NULL. */
static const void *event(uint16_t on)
{
	const union ctl_evt *e;

	while ((e = world_evt(on)) && e->hdr.type == EVT_JOINED) {
		assert_int_equal(e->hdr.len, sizeof(e->joined));
		assert_in_range(e->joined.what, 0, JOINED_EVENTS - 1);
		told_joined.last[e->joined.what] = e->joined;
		told_joined.n[e->joined.what]++;
	}
	return e;
}

static void no_event(void)
{
	assert_null(event(0));
}

/* The next event is this one, of our session and peer. */
static struct ctl_conn expect(enum ctl_evt_type type, uint32_t seq, const struct sock_addr *from,
			      enum tcp_end why)
{
	const struct evt_peer_conn *e = event(0);

	assert_non_null(e);
	assert_int_equal(e->hdr.type, type);
	assert_int_equal(e->hdr.len, sizeof(*e));
	assert_int_equal(e->hdr.seq, seq);
	assert_int_equal(e->sid.slot, SLOT);
	assert_int_equal(e->sid.gen, GEN);
	assert_true(sock_addr_eq(&e->peer, from));
	if (type == EVT_CONNECT_FAILED)
		assert_int_equal(e->conn.gen, 0);
	else
		assert_non_null(tcp_find(worker(0), e->conn));
	assert_int_equal(e->why, type == EVT_CONNECT_FAILED ? why : 0);
	return e->conn;
}

static void expect_gone(struct ctl_conn conn, enum tcp_end why)
{
	const struct evt_conn_gone *e = event(0);

	assert_non_null(e);
	assert_int_equal(e->hdr.type, EVT_CONN_GONE);
	assert_int_equal(e->hdr.len, sizeof(*e));
	assert_int_equal(e->sid.slot, SLOT);
	assert_int_equal(e->sid.gen, GEN);
	assert_memory_equal(&e->conn, &conn, sizeof(conn));
	assert_int_equal(e->role, CONN_PEER);
	assert_int_equal(e->why, why);
}

static struct ctl_conn connected(void)
{
	assert_true(connect_to(&peer_addr));
	assert_true(peer->open);
	return expect(EVT_CONNECTED, SEQ, &peer_addr, 0);
}

static struct ctl_conn attempted(void)
{
	assert_true(perm_add(0, SLOT, "10.2.0.2", world.w->now + 300));
	host_connect(peer);
	assert_true(peer->open);
	return expect(EVT_PEER_ATTEMPT, 0, &peer_addr, 0);
}

static void client_in(void)
{
	host_connect(client);
	assert_true(client->open);
	assert_non_null(client_conn);
}

static bool join_named(struct ctl_conn mine, struct ctl_conn peers)
{
	struct cmd_join j = {
		.client = mine, .peer = peers, .peer_worker = 0, .sid = { SLOT, GEN }
	};

	return cmd(client_worker->id, CMD_JOIN, &j, sizeof(j));
}

static bool join_with(struct ctl_conn c)
{
	return join_named(tcp_name(client_worker, client_conn), c);
}

static bool close_conn(uint16_t on, struct ctl_conn c)
{
	struct cmd_conn_close x = { .conn = c };

	return cmd(on, CMD_CONN_CLOSE, &x, sizeof(x));
}

static void delete_session(void)
{
	struct cmd_session_del c = { .sid = { SLOT, GEN } };

	assert_true(cmd(0, CMD_SESSION_DEL, &c, sizeof(c)));
}

static void streams_pass(void)
{
	client->to_send += 100000;
	peer->to_send += 150000;
	hosts_run();
	assert_int_equal(peer->received, client->to_send);
	assert_int_equal(client->received, peer->to_send);
}

static void both_reset(void)
{
	assert_true(client->rst);
	assert_true(peer->rst);
}

/* ---- connections to peers ---- */

/* No permission is asked for: what the policy says of the peer the control process knows. */
static void connect_comes_through(void **state)
{
	struct ctl_conn c;

	(void)state;
	c = connected();
	no_event();
	/* Not a byte is taken before the join; the window is the bound. */
	peer->to_send = 10000000;
	hosts_run();
	assert_in_range(peer->sent, 1, world.conf.tcp.receive_buffer);
	assert_int_equal(tcp_readable(tcp_find(world.w, c)), peer->sent);
	host_rst(peer);
	expect_gone(c, TCP_END_RESET);
}

static void connect_over_ipv6(void **state)
{
	struct sock_addr from = at("fd00:2::1", RELAY_PORT), to = at("fd00:2::2", 4000);

	(void)state;
	peer = host_new(CORE, &to, &from, 2, 1);
	assert_true(connect_to(&to));
	assert_true(peer->open);
	expect(EVT_CONNECTED, SEQ, &to, 0);
}

static void connect_is_refused(void **state)
{
	(void)state;
	peer->refuse = true;
	assert_true(connect_to(&peer_addr));
	expect(EVT_CONNECT_FAILED, SEQ, &peer_addr, TCP_END_REFUSED);
	assert_null(world.w->session[SLOT].peer_conns);
}

static void connect_takes_too_long(void **state)
{
	(void)state;
	peer->silent = true;
	world.conf.tcp.connect_timeout = 5;
	assert_true(connect_to(&peer_addr));
	hosts_pass_ms(4999);
	no_event();
	assert_true(peer->syns > 1);
	hosts_pass_ms(2);
	expect(EVT_CONNECT_FAILED, SEQ, &peer_addr, TCP_END_TIMEOUT);
	no_event();
	assert_int_equal(world.w->tcp->conns, 0);
}

/* R4: strangers have the whole subnet asked for; who is to be connected to is asked for as well. */
static void connect_beside_a_scan(void **state)
{
	struct sock_addr near = at("10.2.0.77", 4000);

	(void)state;
	world_ghosts(2 * NEIGH_ASKS);
	assert_true(world_count(0, CNT_NEIGH_PUT_OFF) > 0);
	assert_true(connect_to(&near));
	assert_true(neigh_asked(neigh_lookup(world.w->net->neigh, CORE, &near.ip)));
}

/* RFC 6062 5.2: 446, both while the first is opening and when it is open. */
static void connect_twice(void **state)
{
	struct ctl_conn c;

	(void)state;
	peer->silent = true;
	assert_true(connect_to(&peer_addr));
	no_event();
	assert_true(connect_to(&peer_addr));
	expect(EVT_CONNECT_FAILED, SEQ, &peer_addr, TCP_END_EXISTS);
	peer->silent = false;
	hosts_pass_ms(2000);
	c = expect(EVT_CONNECTED, SEQ, &peer_addr, 0);
	assert_true(connect_to(&peer_addr));
	expect(EVT_CONNECT_FAILED, SEQ, &peer_addr, TCP_END_EXISTS);
	assert_non_null(tcp_find(world.w, c));
}

static void connect_without_session(void **state)
{
	struct cmd_connect c = { .sid = { SLOT, GEN }, .peer = peer_addr };

	(void)state;
	delete_session();
	assert_true(cmd(0, CMD_CONNECT, &c, sizeof(c)));
	expect(EVT_CONNECT_FAILED, SEQ, &peer_addr, TCP_END_CLOSED);
	assert_int_equal(peer->syns, 0);
	/* of UDP, of the next tenant, expired */
	assert_true(session_add(0, SLOT, GEN, &client_addr, 0, RELAY_PORT, 0, 0));
	assert_true(connect_to(&peer_addr));
	expect(EVT_CONNECT_FAILED, SEQ, &peer_addr, TCP_END_CLOSED);
	delete_session();
	assert_true(session_add(0, SLOT, GEN + 1, &client_addr, 0, RELAY_PORT, 0, SESSION_TCP));
	assert_true(connect_to(&peer_addr));
	expect(EVT_CONNECT_FAILED, SEQ, &peer_addr, TCP_END_CLOSED);
	assert_true(session_del(world.w, &(struct ctl_sid){ SLOT, GEN + 1 }));
	assert_true(session_add(0, SLOT, GEN, &client_addr, 0, RELAY_PORT, 0, SESSION_TCP));
	world_clock_ms((WORLD_START_S + 600) * 1000ull);
	assert_true(connect_to(&peer_addr));
	expect(EVT_CONNECT_FAILED, SEQ, &peer_addr, TCP_END_CLOSED);
	assert_int_equal(peer->syns, 0);
}

static void impossible_commands(void **state)
{
	struct cmd_connect c = { .sid = { SLOT, GEN }, .peer = at("10.2.0.2", 0) };
	struct cmd_join j = { 0 };

	(void)state;
	assert_false(cmd(0, CMD_CONNECT, &c, sizeof(c)));
	delete_session();
	assert_true(session_add(0, SLOT, GEN, &client_addr, 0, RELAY_PORT, 0, SESSION_TCP));
	c.peer = at("fd00:2::2", 4000);
	assert_false(cmd(0, CMD_CONNECT, &c, sizeof(c)));
	/* a slot out of range is no session */
	c = (struct cmd_connect){ .sid = { 0xffffffff, 1 }, .peer = peer_addr };
	assert_true(cmd(0, CMD_CONNECT, &c, sizeof(c)));
	assert_non_null(world_evt(0));
	j.client = connected();
	j.peer = j.client;
	j.sid = (struct ctl_sid){ SLOT, GEN };
	assert_false(cmd(0, CMD_JOIN, &j, sizeof(j))); /* a peer's is no client's */
	client_in();
	j.client = tcp_name(client_worker, client_conn);
	j.peer_worker = 1;
	assert_false(cmd(0, CMD_JOIN, &j, sizeof(j)));
	((struct leg *)tcp_data(client_conn))->flags = 0; /* not held */
	assert_false(join_with(j.peer));
	((struct leg *)tcp_data(client_conn))->flags = LEG_HELD;
	((struct leg *)tcp_data(client_conn))->slot = SLOT; /* a control connection */
	assert_false(join_with(j.peer));
	assert_false(client->rst || peer->rst);
	/* a connection out of range is none */
	j.client.idx = 0xffffffff;
	j.peer_worker = 0;
	assert_true(cmd(0, CMD_JOIN, &j, sizeof(j)));
	assert_true(close_conn(0, j.client));
	assert_false(client->rst);
	assert_true(peer->rst);
	expect_gone(j.peer, TCP_END_PARTNER);
	host_rst(client);
}

/*
 * What an owner keeps with a connection is its own: the bytes of a peer's, or of one that is on its
 * way to another worker, may look like a client's leg that is held.
 */
static void no_clients_leg_is_joined(void **state)
{
	static const enum ctl_conn_role role[] = { CONN_OTHER, CONN_PEER, CONN_DATA };
	const struct tcp_app *own;
	struct tcp_app app;
	struct ctl_conn c;

	(void)state;
	c = connected();
	client_in();
	own = tcp_app(client_conn);
	app = *own;
	for (size_t i = 0; i < RTE_DIM(role); i++) {
		app.role = role[i];
		client_conn->app = &app;
		assert_false(join_with(c));
		assert_ptr_equal(tcp_app(client_conn), &app);
		assert_false(client->rst || peer->rst);
	}
	client_conn->app = own;
	assert_true(join_with(c));
	streams_pass();
}

/* Events that cannot be told: a connection nobody knows of must not wait for anybody. */
static void no_room_for_the_event(void **state)
{
	uint32_t i, n = world.conf.dataplane.ring_slots;

	(void)state;
	for (i = 0; i < n; i++)
		conn_gone_event(world.w, (struct ctl_sid){ 1, 1 }, (struct ctl_conn){ 1, 1 },
				CONN_PEER, 0);
	assert_true(connect_to(&peer_addr));
	assert_true(peer->rst);
	assert_int_equal(ends(TCP_END_NO_BUFFER), 1);
	peer->rst = peer->open = false;
	assert_true(perm_add(0, SLOT, "10.2.0.2", world.w->now + 300));
	peer->addr.port = be16_make(4001);
	host_connect(peer);
	assert_true(peer->rst);
	while (world_evt(0))
		;
}

/* ---- connections from peers ---- */

static void attempt_of_a_permitted_peer(void **state)
{
	struct ctl_conn c = { 0 };

	(void)state;
	c = attempted();
	no_event();
	assert_int_equal(world.w->session[SLOT].peers_waiting, 1);
	peer->to_send = 5000;
	peer->fin = true;
	hosts_run();
	no_event(); /* what it sent, and that it sends no more, waits */
	assert_int_equal(tcp_readable(tcp_find(world.w, c)), 5000);
}

static void attempts_that_meet_a_closed_port(void **state)
{
	(void)state;
	host_connect(peer); /* no permission */
	assert_true(peer->rst);
	assert_true(perm_add(0, SLOT, "10.2.0.2", world.w->now + 300));
	peer->rst = false;
	peer->us.port = be16_make(RELAY_PORT + 1); /* no session */
	host_connect(peer);
	assert_true(peer->rst);
	peer->rst = false;
	peer->us.port = be16_make(22); /* no relayed port */
	host_connect(peer);
	assert_true(peer->rst);
	peer->rst = false;
	peer->us = relayed;
	world_clock_ms((WORLD_START_S + 300) * 1000ull); /* the permission is over */
	world_neighbours();
	host_connect(peer);
	assert_true(peer->rst);
	no_event();
	assert_int_equal(world_count(0, CNT_TCP_ACCEPTED), 0);
}

static void attempt_at_a_udp_session(void **state)
{
	(void)state;
	delete_session();
	assert_true(session_add(0, SLOT, GEN, &client_addr, 0, RELAY_PORT, 0, 0));
	assert_true(perm_add(0, SLOT, "10.2.0.2", world.w->now + 300));
	host_connect(peer);
	assert_true(peer->rst);
	no_event();
}

/* No event before the handshake is over: a forged SYN says nothing. */
static void half_open_attempts_are_not_told(void **state)
{
	(void)state;
	assert_true(perm_add(0, SLOT, "10.2.0.2", world.w->now + 300));
	peer->silent = true;
	host_connect(peer);
	assert_int_equal(world.w->tcp->conns, 1);
	no_event();
	delete_session();
	peer->silent = false;
	hosts_pass_ms(5000); /* the SYN-ACK comes again, and is answered */
	assert_true(peer->rst);
	no_event();
}

/* One session's peers do not take the connections of all. */
static void attempts_are_bounded(void **state)
{
	uint32_t i, told = 0;

	(void)state;
	assert_true(perm_add(0, SLOT, "10.2.0.2", world.w->now + 300));
	for (i = 0; i < 100; i++) {
		hosts_reset();
		peer_addr.port = be16_make((uint16_t)(10000 + i));
		peer = host_new(CORE, &peer_addr, &relayed, 2, 1);
		host_connect(peer);
		told += world_evt(0) != NULL;
		assert_int_equal(peer->rst, told <= i);
	}
	assert_int_equal(told, 64);
	assert_int_equal(world.w->session[SLOT].peers_waiting, 64);
}

static void nobody_binds(void **state)
{
	struct ctl_conn a, b;
	struct sock_addr second = at("10.2.0.3", 4000);
	struct host *other;

	(void)state;
	world.conf.tcp.bind_timeout = 5;
	a = connected();
	assert_true(perm_add(0, SLOT, "10.2.0.3", world.w->now + 300));
	other = host_new(CORE, &second, &relayed, 2, 1);
	host_connect(other);
	b = expect(EVT_PEER_ATTEMPT, 0, &second, 0);
	hosts_pass_ms(4999);
	no_event();
	hosts_pass_ms(2);
	expect_gone(a, TCP_END_IDLE);
	expect_gone(b, TCP_END_IDLE);
	no_event();
	assert_true(peer->rst && other->rst);
	assert_int_equal(world.w->session[SLOT].peers_waiting, 0);
	assert_null(world.w->session[SLOT].peer_conns);
}

/* ---- joined ---- */

/* Nobody's user: both are charged to the client's source. */
static void charged_to_the_client(void)
{
	const struct tcp *t = world.w->tcp;
	uint32_t i, n = 0;

	for (i = 0; i < world.conf.tcp.connections; i++) {
		if (!(t->conn[i].gen & CONN_GEN_LIVE))
			continue;
		assert_true(t->conn[i].charged);
		assert_int_equal(account_of(t, &t->conn[i])->key, ip_source(&client_addr.ip));
		n++;
	}
	assert_int_equal(n, 2);
}

static void joined(struct ctl_conn (*open)(void))
{
	struct ctl_conn c = open();

	client_in();
	client->to_send = 3000; /* before the answer, which is no error */
	peer->to_send = 2000;
	hosts_run();
	assert_int_equal(client->received + peer->received, 0);
	assert_true(join_with(c));
	assert_int_equal(client->received, 2000);
	assert_int_equal(peer->received, 3000);
	charged_to_the_client();
	streams_pass();
	assert_int_equal(world_count(0, CNT_TCP_SPLICED), 1);
	/* tcp.bind-timeout is not for the joined */
	hosts_pass_ms(world.conf.tcp.bind_timeout * 1000 + 1000);
	streams_pass();
	no_event();
	client->fin = true;
	hosts_run();
	assert_true(peer->fin_rcvd);
	peer->to_send += 1000;
	peer->fin = true;
	hosts_run();
	assert_int_equal(client->received, peer->to_send);
	assert_true(client->fin_rcvd);
	assert_false(client->rst || peer->rst);
	hosts_pass_ms(2000);
	assert_int_equal(ends(TCP_END_DONE), 2);
	assert_int_equal(client_closed, 0); /* it had another owner */
	assert_null(world.w->session[SLOT].peer_conns);
	assert_int_equal(world.w->session[SLOT].peers_waiting, 0);
	no_event();
}

static void join_here(void **state)
{
	(void)state;
	joined(connected);
}

static void join_an_attempt(void **state)
{
	(void)state;
	joined(attempted);
}

/* The client's connection comes to another worker than the one that has the relayed port. */
static void join_there(void **state)
{
	(void)state;
	joined(connected);
	assert_ptr_equal(client_worker, worker(1));
	assert_int_equal(world_count(1, CNT_TCP_MOVED), 1);
}

/* The whole of RFC 6062 4.3 as the dataplane sees it, on the leg of a real client. */
static void bind_and_join(void **state)
{
	static const uint8_t tid[STUN_TID_LEN] = "abcdefghijk";
	struct cmd_send reply = { .flags = SEND_HOLD, .payload_len = STUN_HDR_LEN };
	struct ctl_conn c = connected();
	const struct evt_punt *e;
	struct cmd_join j = { .peer = c, .sid = { SLOT, GEN } };
	uint16_t on = dplane_client_worker(&world.dp, &client->addr.ip, client->addr.port), i;
	struct stun_builder b;
	uint8_t msg[64];

	(void)state;
	for (i = 0; i < world.dp.n_workers; i++)
		tcp_listen(worker(i), dispatch_accept);
	client->any = peer->any = true;
	host_connect(client);
	stun_begin(&b, msg, sizeof(msg), stun_type(STUN_CONNECTION_BIND, STUN_REQUEST), tid);
	host_say(client, msg, (uint16_t)stun_end(&b));
	e = world_evt(on);
	assert_non_null(e);
	assert_int_equal(e->hdr.type, EVT_PUNT);
	reply.leg = e->leg;
	j.client = (struct ctl_conn){ e->leg.conn, e->leg.conn_gen };
	host_say(client, "early", 5); /* no STUN, and nobody takes it for that */
	assert_false(cmd(on, CMD_JOIN, &j, sizeof(j)));
	stun_begin(&b, reply.payload, sizeof(reply.payload),
		   stun_type(STUN_CONNECTION_BIND, STUN_SUCCESS), tid);
	stun_end(&b);
	assert_true(cmd(on, CMD_SEND, &reply,
			(uint16_t)(offsetof(struct cmd_send, payload) + STUN_HDR_LEN)));
	assert_int_equal(client->received, STUN_HDR_LEN);
	host_say(client, " and late", 9);
	assert_int_equal(peer->received, 0);
	assert_true(cmd(on, CMD_JOIN, &j, sizeof(j)));
	assert_int_equal(peer->received, 14);
	assert_memory_equal(peer->last, "early and late", peer->last_len);
	host_say(peer, "hello", 5);
	assert_memory_equal(client->last, "hello", 5);
	/* longer than any patience with a client's leg */
	hosts_pass_ms(world.conf.tcp.idle_timeout * 1000 + 1000);
	host_say(client, "bye", 3);
	assert_memory_equal(peer->last, "bye", 3);
	client->fin = peer->fin = true;
	hosts_run();
	assert_true(client->fin_rcvd && peer->fin_rcvd);
	no_event();
}

/* Whoever fills the way between two workers with packets to nobody must not end the move. */
static void move_meets_a_flood(void **state)
{
	const struct sock_addr stranger = at("10.2.0.3", 9);
	struct ctl_conn c = connected();
	struct cmd_join j = { .peer = c, .sid = { SLOT, GEN } };
	struct frame f;
	int i;

	(void)state;
	client_in();
	j.client = tcp_name(client_worker, client_conn);
	frame_udp(&f, CORE, &stranger, &relayed, "flood", 5, NULL);
	for (i = 0; i < 100; i++)
		world_in(CORE, 1, &f);
	for (i = 0; i < 10; i++)
		worker_turn(worker(1));
	world_cmd_put(1, CMD_JOIN, &j, sizeof(j));
	worker_turn(worker(1));
	assert_int_equal(world_count(1, CNT_TCP_MOVED), 0);
	hosts_pass_ms(10);
	assert_int_equal(world_count(1, CNT_TCP_MOVED), 1);
	streams_pass();
}

static void reset_of_one_there(void **state)
{
	struct ctl_conn c = attempted();

	(void)state;
	client_in();
	assert_true(join_with(c));
	streams_pass();
	host_rst(peer);
	assert_true(client->rst);
}

/* Nothing of it is read: they take together what one would, however many they are (R4). */
static void data_connections_share_an_account(void **state)
{
	const uint32_t most = world.conf.tcp.buffers / 8 * 3 + LEDGER_SMALL;
	struct ctl_conn c;
	uint32_t i;

	(void)state;
	for (i = 0; i < PAIRS; i++) {
		if (i) {
			peer_addr.port = be16_make((uint16_t)(4000 + i));
			client_addr.port = be16_make((uint16_t)(5000 + i));
			peer = host_new(CORE, &peer_addr, &relayed, 2, 1);
			client = host_new(ACCESS, &client_addr, &listener, 1, 2);
		}
		c = connected();
		client_in();
		assert_true(join_with(c));
		client->stop = true;
		peer->to_send = 1000000;
		hosts_run();
		assert_in_range(tcp_held(world.w), 2 * LEDGER_SMALL, most);
	}
	assert_int_equal(world.w->session[SLOT].peer_held, tcp_held(world.w));
}

/* "If the peer's is gone, the client's is closed." */
static void join_with_what_is_gone(void **state)
{
	struct ctl_conn c = connected();

	(void)state;
	client_in();
	host_rst(peer);
	expect_gone(c, TCP_END_RESET);
	assert_true(join_with(c));
	assert_true(client->rst);
	assert_int_equal(ends(TCP_END_PARTNER), 1);
	assert_int_equal(client_closed, world.dp.n_workers == 1); /* else it was the mover's */
}

/* Its CONNECTION-ID is used up, so the peer hears at once that nobody will read what it sends. */
static void client_goes_before_the_join(void **state)
{
	struct ctl_conn c = connected(), j;

	(void)state;
	client_in();
	j = tcp_name(client_worker, client_conn);
	host_rst(client);
	assert_null(tcp_find(client_worker, j));
	assert_true(join_named(j, c));
	hosts_run();
	assert_true(peer->rst);
	assert_null(tcp_find(world.w, c));
	expect_gone(c, TCP_END_PARTNER);
	/* A word about what is gone meanwhile is a word about nothing. */
	assert_true(join_named(j, c));
	hosts_run();
	no_event();
}

/* The way to the peer's worker is full, and the client's connection ends while it waits. */
static void client_goes_before_the_move(void **state)
{
	const struct sock_addr stranger = at("10.2.0.3", 9);
	struct ctl_conn c = connected();
	struct cmd_join j = { .peer = c, .sid = { SLOT, GEN } };
	struct frame f;
	int i;

	(void)state;
	client_in();
	frame_udp(&f, CORE, &stranger, &relayed, "flood", 5, NULL);
	for (i = 0; i < 100; i++)
		world_in(CORE, 1, &f);
	for (i = 0; i < 10; i++)
		worker_turn(worker(1));
	j.client = tcp_name(client_worker, client_conn);
	world_cmd_put(1, CMD_JOIN, &j, sizeof(j));
	worker_turn(worker(1));
	host_rst(client);
	hosts_run();
	assert_int_equal(world_count(1, CNT_TCP_MOVED), 0);
	assert_true(peer->rst);
	expect_gone(c, TCP_END_PARTNER);
}

/* A name of another session's connection joins nothing. */
static void join_with_anothers(void **state)
{
	struct ctl_conn c = connected();
	struct cmd_join j = { .peer = c, .sid = { SLOT + 1, GEN } };
	struct sock_addr second = at("10.1.0.3", 5000);

	(void)state;
	assert_true(session_add(0, SLOT + 1, GEN, &second, 0, RELAY_PORT + 1, 0, SESSION_TCP));
	client_in();
	j.client = tcp_name(client_worker, client_conn);
	assert_true(cmd(client_worker->id, CMD_JOIN, &j, sizeof(j)));
	assert_true(client->rst);
	assert_false(peer->rst);
	assert_int_equal(client_why, TCP_END_PARTNER);
	assert_true(session_del(world.w, &(struct ctl_sid){ SLOT + 1, GEN }));
	assert_non_null(tcp_find(world.w, c));
}

/* The session went while the client's connection was on its way. */
static void session_goes_during_the_move(void **state)
{
	struct ctl_conn c = connected();
	struct cmd_join j = { .client = { 0 }, .peer = c, .sid = { SLOT, GEN } };

	(void)state;
	client_in();
	j.client = tcp_name(client_worker, client_conn);
	assert_true(peer_conn_join(client_worker, &j));
	assert_true(session_del(worker(0), &j.sid));
	hosts_run();
	both_reset();
	expect_gone(c, TCP_END_CLOSED);
}

/* RFC 8656 8.2: one of two relayed addresses goes, and the connections by it alone. */
static void a_relayed_address_goes(void **state)
{
	const struct sock_addr peer6 = at("fd00:2::2", 4000),
			       relayed6 = at("fd00:2::1", RELAY_PORT);
	struct host *six = host_new(CORE, &peer6, &relayed6, 3, 1);
	struct ctl_conn c = connected(), c6;

	(void)state;
	assert_true(connect_to(&peer6));
	c6 = expect(EVT_CONNECTED, SEQ, &peer6, 0);
	client_in();
	assert_true(join_with(c));
	streams_pass();
	assert_true(session_add(0, SLOT, GEN, &client_addr, 0, RELAY_PORT, 0, SESSION_TCP));
	hosts_run();
	assert_true(six->rst);
	expect_gone(c6, TCP_END_CLOSED);
	assert_non_null(tcp_find(worker(0), c));
	assert_int_equal(client_closed, 0);
	streams_pass();
}

/* The client's end of a pair is by none, and goes with the peer's. */
static void a_pair_goes_with_its_relayed_address(void **state)
{
	struct ctl_conn c = connected();

	(void)state;
	client_in();
	assert_true(join_with(c));
	assert_true(session_add(0, SLOT, GEN, &client_addr, 0, 0, RELAY_PORT, SESSION_TCP));
	hosts_run();
	both_reset();
	assert_null(world.w->session[SLOT].peer_conns);
}

/* ---- the end of the session ---- */

static void session_goes_while_connecting(void **state)
{
	(void)state;
	peer->silent = true;
	assert_true(connect_to(&peer_addr));
	delete_session();
	expect(EVT_CONNECT_FAILED, SEQ, &peer_addr, TCP_END_CLOSED);
	assert_int_equal(world.w->tcp->conns, 0);
}

static void session_goes_before_the_join(void **state)
{
	struct ctl_conn c = attempted();

	(void)state;
	delete_session();
	assert_true(peer->rst);
	expect_gone(c, TCP_END_CLOSED);
}

static void session_goes_with_the_joined(void **state)
{
	struct ctl_conn c = connected();

	(void)state;
	client_in();
	assert_true(join_with(c));
	streams_pass();
	delete_session();
	both_reset();
	assert_int_equal(ends(TCP_END_CLOSED), 2);
	no_event();
}

/* With bytes on the way, and one direction closed. */
static void session_goes_with_the_half_closed(void **state)
{
	struct ctl_conn c = connected();

	(void)state;
	client_in();
	assert_true(join_with(c));
	client->fin = true;
	client->stop = true;
	peer->to_send = 300000;
	hosts_run();
	assert_true(tcp_held(world.w) > 0);
	delete_session();
	both_reset();
	assert_int_equal(tcp_held(world.w), 0);
}

/* ---- what an allocation may relay ---- */

enum { RATE = 50000, AT_ONCE = 65536 /* one piece of the largest size may always come */ };

/* R4: what is beyond stays unread, nothing is lost, each way for itself, and FIN is behind it. */
static void rate_of_the_allocation(void **state)
{
	enum { ALL = 200000 };
	struct ctl_conn c = connected();
	uint64_t before;

	(void)state;
	client_in();
	assert_true(join_with(c));
	world_mark();
	client->to_send += ALL;
	client->fin = true;
	hosts_run();
	assert_in_range(peer->received, AT_ONCE - 2 * HOST_MSS, AT_ONCE);
	for (int second = 0; second < 2; second++) {
		before = peer->received;
		hosts_pass_ms(1000);
		/* less than a segment may have been kept from before at either side */
		assert_in_range(peer->received - before, RATE * 9 / 10, RATE + 2 * HOST_MSS);
	}
	assert_false(peer->fin_rcvd);
	peer->to_send += AT_ONCE / 2;
	hosts_run();
	assert_int_equal(client->received, AT_ONCE / 2);
	hosts_pass_ms(1000);
	assert_int_equal(peer->received, ALL);
	assert_true(peer->fin_rcvd);
	world_drops(DROP_NONE, 0);
	peer->fin = true;
	hosts_run();
	assert_true(client->fin_rcvd);
	assert_false(client->rst || peer->rst);
}

/* Bytes that wait are few: the windows are closed. */
static void what_is_beyond_is_not_read(void **state)
{
	struct ctl_conn c = connected();

	(void)state;
	client_in();
	assert_true(join_with(c));
	peer->to_send += 10000000;
	hosts_pass_ms(1000);
	assert_in_range(client->received, AT_ONCE, AT_ONCE + RATE + HOST_MSS);
	assert_in_range(peer->sent - client->received, 1, world.conf.tcp.receive_buffer);
	host_rst(peer);
}

/* The connections of one allocation share what it has, and none of them all of it. */
static void rate_of_several_connections(void **state)
{
	enum { N = 4, SECONDS = 20 };
	struct host *from[N], *to[N];
	uint64_t sum = 0;

	(void)state;
	for (uint16_t i = 0; i < N; i++) {
		struct sock_addr a = at("10.1.0.2", (uint16_t)(5001 + i));
		struct sock_addr b = at("10.2.0.2", (uint16_t)(4001 + i));

		from[i] = host_new(ACCESS, &a, &listener, 1, 2);
		to[i] = host_new(CORE, &b, &relayed, 2, 1);
		assert_true(connect_to(&b));
		host_connect(from[i]);
		assert_true(join_with(expect(EVT_CONNECTED, SEQ, &b, 0)));
	}
	for (int i = 0; i < N; i++)
		from[i]->to_send += 10000000;
	hosts_pass_ms(SECONDS * 1000);
	for (int i = 0; i < N; i++) {
		assert_true(to[i]->received > RATE * SECONDS / N / 3);
		sum += to[i]->received;
	}
	assert_in_range(sum, (AT_ONCE + RATE * SECONDS) * 9 / 10,
			AT_ONCE + RATE * SECONDS + N * HOST_MSS);
	for (int i = 0; i < N; i++)
		host_rst(to[i]);
}

/* Part of what the user may have, and less than the allocation might. */
static void rate_of_the_user(void **state)
{
	struct cmd_session_set s = { .sid = { SLOT, GEN },
				     .leg = { client_addr, 0, 0, 0 },
				     .relay = { { 0, be16_make(RELAY_PORT) },
						{ 1, be16_make(RELAY_PORT) } },
				     .flags = SESSION_TCP,
				     .expiry = world.w->now + 600,
				     .share = RATE / 5 };
	struct ctl_conn c = connected();
	uint64_t before;

	(void)state;
	assert_true(cmd(0, CMD_SESSION_SET, &s, sizeof(s)));
	client_in();
	assert_true(join_with(c));
	client->to_send += 10000000;
	hosts_run();
	before = peer->received;
	hosts_pass_ms(5000);
	assert_in_range(peer->received - before, RATE * 9 / 10, RATE + HOST_MSS);
	host_rst(peer);
}

/* Nobody deletes it: its time is over all the same. */
static void session_expires(void **state)
{
	struct ctl_conn c = connected();

	(void)state;
	client_in();
	assert_true(join_with(c));
	world_clock_ms((WORLD_START_S + 599) * 1000ull);
	world_neighbours();
	hosts_pass_ms(500);
	assert_false(client->rst || peer->rst);
	hosts_pass_ms(3000);
	both_reset();
}

/* A slot's next tenant, of the same name even, has nothing of the former's. */
static void session_comes_again(void **state)
{
	struct ctl_conn c = connected();

	(void)state;
	client_in();
	assert_true(join_with(c));
	assert_true(session_del(world.w, &(struct ctl_sid){ SLOT, GEN }));
	assert_true(session_add(0, SLOT, GEN, &client_addr, 0, RELAY_PORT, 0, SESSION_TCP));
	hosts_run();
	both_reset();
	assert_null(world.w->session[SLOT].peer_conns);
	*peer = (struct host){ .port = CORE, .addr = peer_addr, .us = relayed, .iss = 1 };
	peer->seed = 2;
	hosts_pass_ms(2000);
	connected();
	assert_non_null(world.w->session[SLOT].peer_conns);
}

/* ---- CMD_CONN_CLOSE ---- */

static void close_of_a_peers(void **state)
{
	struct ctl_conn c = attempted();

	(void)state;
	assert_true(close_conn(0, c));
	assert_true(peer->rst);
	expect_gone(c, TCP_END_CLOSED);
	assert_true(close_conn(0, c)); /* it is gone already: nothing is wrong with that */
}

static void close_of_a_pair(void **state)
{
	struct ctl_conn c = attempted();

	(void)state;
	client_in();
	assert_true(join_with(c));
	streams_pass();
	assert_true(close_conn(0, c));
	both_reset();
	no_event();
}

/* The session has the bytes of its pairs, which come in no packets. */
static void bytes_of_a_pair(void **state)
{
	const struct ctl_use *u = &world.w->boundary.use[SLOT];
	struct ctl_conn c = attempted();

	(void)state;
	client_in();
	assert_true(join_with(c));
	streams_pass();
	assert_int_equal(u->bytes[CTL_TO_PEER] >> CTL_USE_GEN, client->to_send);
	assert_int_equal(u->bytes[CTL_TO_CLIENT] >> CTL_USE_GEN, peer->to_send);
	assert_int_equal(u->packets[CTL_TO_PEER] >> CTL_USE_SECOND, 0);
	assert_int_equal(u->packets[CTL_TO_PEER], world.w->now);
	assert_int_equal(u->bytes[CTL_TO_PEER] & 0xffff, GEN & 0xffff);
}

/*
 * Records of who spoke with whom are made of it: both ends and ours between them, whose allocation,
 * and at the end what passed and why. The live table shows the same meanwhile.
 */
static void told_of_a_pair(void **state)
{
	const struct evt_joined *e = &told_joined.last[JOINED_BEGUN];
	struct ctl_conn_info row = { 0 }, other = { 0 };
	struct ctl_conn c = attempted();
	struct sock_addr us = at("10.1.0.1", 3478), own = at("10.2.0.1", RELAY_PORT);

	(void)state;
	memset(&told_joined, 0, sizeof(told_joined));
	client_in();
	assert_true(join_with(c));
	no_event();
	assert_int_equal(told_joined.n[JOINED_BEGUN], 1);
	assert_int_equal(e->sid.slot, SLOT);
	assert_int_equal(e->sid.gen, GEN);
	assert_true(sock_addr_eq(&e->from, &client_addr));
	assert_true(sock_addr_eq(&e->to, &us));
	assert_true(sock_addr_eq(&e->own, &own));
	assert_true(sock_addr_eq(&e->peer, &peer_addr));
	assert_int_equal(e->passed[CTL_TO_PEER] | e->passed[CTL_TO_CLIENT], 0);
	assert_string_equal(e->service, "");
	streams_pass();
	tcp_info(world.w, tcp_find(world.w, e->client), &row);
	tcp_info(world.w, tcp_find(world.w, c), &other);
	assert_int_equal(row.joined, 1 + c.idx);
	assert_int_equal(row.passed, client->to_send);
	assert_int_equal(other.joined, 0);
	assert_int_equal(other.passed, peer->to_send);
	assert_int_equal(row.session, SLOT);
	assert_int_equal(other.session, SLOT);
	hosts_pass_ms(5000);
	host_rst(peer);
	no_event();
	assert_int_equal(told_joined.n[JOINED_ENDED], 1);
	e = &told_joined.last[JOINED_ENDED];
	assert_memory_equal(&e->client, &told_joined.last[JOINED_BEGUN].client, sizeof(e->client));
	assert_true(sock_addr_eq(&e->from, &client_addr));
	assert_true(sock_addr_eq(&e->peer, &peer_addr));
	assert_int_equal(e->sid.gen, GEN);
	assert_int_equal(e->passed[CTL_TO_PEER], client->to_send);
	assert_int_equal(e->passed[CTL_TO_CLIENT], peer->to_send);
	assert_int_equal(e->why, TCP_END_RESET);
	assert_in_range(e->age_s, 5, 7);
}

/* A full ring costs a record, no connection. */
static void nobody_listens(void **state)
{
	struct ctl_conn c = attempted();

	(void)state;
	memset(&told_joined, 0, sizeof(told_joined));
	client_in();
	while (evt_slot(world.w))
		evt_publish(world.w);
	assert_true(join_with(c));
	streams_pass();
	assert_int_equal(world_count(0, CNT_TCP_JOINED_UNTOLD), 1);
	while (world_evt(0))
		;
	client->fin = peer->fin = true;
	hosts_pass_ms(3000);
	no_event();
	assert_int_equal(told_joined.n[JOINED_ENDED], 1);
	assert_int_equal(world_count(0, CNT_TCP_JOINED_UNTOLD), 1);
}

/* In order: what was sent before must arrive. */
static void close_of_a_clients(void **state)
{
	(void)state;
	client->any = true;
	client_in();
	assert_true(tcp_send_bytes(client_worker, client_conn, "an error", 8));
	assert_true(close_conn(client_worker->id, tcp_name(client_worker, client_conn)));
	assert_int_equal(client->received, 8);
	assert_true(client->fin_rcvd);
	assert_false(client->rst);
	client->fin = true;
	hosts_run();
	assert_int_equal(client_why, TCP_END_CLOSED);
}

/* An operator's: nothing is waited for. */
static void kill_of_a_clients(void **state)
{
	struct cmd_conn_close x = { .killed = 1 };

	(void)state;
	client->any = true;
	client_in();
	x.conn = tcp_name(client_worker, client_conn);
	assert_true(tcp_send_bytes(client_worker, client_conn, "an error", 8));
	assert_true(cmd(client_worker->id, CMD_CONN_CLOSE, &x, sizeof(x)));
	assert_true(client->rst);
	assert_int_equal(client_why, TCP_END_KILLED);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define T2(name) cmocka_unit_test_setup_teardown(name, setup_two, teardown)
#define TL(name) cmocka_unit_test_setup_teardown(name, setup_limited, teardown)
	const struct CMUnitTest tests[] = {
		TL(rate_of_the_allocation),
		TL(what_is_beyond_is_not_read),
		TL(rate_of_several_connections),
		TL(rate_of_the_user),
		T(connect_comes_through),
		T(connect_over_ipv6),
		T(a_relayed_address_goes),
		T(a_pair_goes_with_its_relayed_address),
		T(connect_is_refused),
		T(connect_takes_too_long),
		T(connect_twice),
		T(connect_beside_a_scan),
		T(connect_without_session),
		T(impossible_commands),
		T(no_clients_leg_is_joined),
		T(no_room_for_the_event),
		T(attempt_of_a_permitted_peer),
		T(attempts_that_meet_a_closed_port),
		T(attempt_at_a_udp_session),
		T(half_open_attempts_are_not_told),
		T(attempts_are_bounded),
		T(nobody_binds),
		T(join_here),
		T(join_an_attempt),
		T2(join_there),
		T(bind_and_join),
		T2(bind_and_join),
		T2(move_meets_a_flood),
		T2(reset_of_one_there),
		T(data_connections_share_an_account),
		T(join_with_what_is_gone),
		T2(join_with_what_is_gone),
		T(client_goes_before_the_join),
		T2(client_goes_before_the_join),
		T2(client_goes_before_the_move),
		T(join_with_anothers),
		T2(session_goes_during_the_move),
		T(session_goes_while_connecting),
		T(session_goes_before_the_join),
		T(session_goes_with_the_joined),
		T2(session_goes_with_the_joined),
		T(session_goes_with_the_half_closed),
		T(session_expires),
		T2(session_expires),
		T(session_comes_again),
		T(close_of_a_peers),
		T(close_of_a_pair),
		T2(close_of_a_pair),
		T(close_of_a_clients),
		T(bytes_of_a_pair),
		T(told_of_a_pair),
		T(nobody_listens),
		T2(bytes_of_a_pair),
		T(kill_of_a_clients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

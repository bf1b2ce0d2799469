/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections of TCP allocations (R7, R37): Connect, ConnectionBind and ConnectionAttempt as RFC
 * 6062 5.2 to 5.4 say, each error code, each event of the dataplane in and out of turn, limits and
 * times. A CONNECTION-ID is good once, for the user of its allocation, from any worker.
 */
#include "tests/world/cp_env.h"
#include "tests/world/fake_auth.h"

static const struct ctl_conn control = { 17, 3 }, data = { 40, 9 }, peer_conn = { 21, 6 };

enum { PORT = 1000, DATA_PORT = 2000 };

static void begin_as(struct ask *a, enum stun_method method, uint16_t port, struct ctl_conn conn,
		     const char *user)
{
	ask_begin_as(a, method, port, user);
	ask_over_tcp(a, conn);
}

/* A TCP allocation of alice's on worker 0. */
static struct table_alloc *allocate(struct env *e, uint16_t port)
{
	struct answer ans;
	struct ask q;

	begin_as(&q, STUN_ALLOCATE, port, control, "alice");
	ask_transport_tcp(&q);
	ask_expect(e, &q, &ans, 0);
	return env_alloc_tcp(e, port);
}

static void begin_connect(struct ask *q, const char *ip, uint16_t port)
{
	begin_as(q, STUN_CONNECT, PORT, control, "alice");
	ask_peer(q, ip, port);
}

/* Sends a Connect that is not answered yet; the command it leads to. */
static void send_connect(struct env *e, struct ask *q, union ctl_cmd *c)
{
	size_t len = stun_end(&q->b);

	fake_dp_punt_leg(&e->dp, q->worker, &q->leg, q->buf, len, e->now_ms * 1000);
	env_poll(e);
	assert_true(fake_dp_take(&e->dp, q->worker, c));
	assert_int_equal(c->hdr.type, CMD_CONNECT);
	assert_int_equal(c->hdr.len, sizeof(c->connect));
	assert_false(fake_dp_take(&e->dp, q->worker, &(union ctl_cmd){ 0 }));
}

static void connect_to(struct env *e, uint16_t port, struct ask *q, union ctl_cmd *c)
{
	begin_connect(q, "203.0.113.1", port);
	send_connect(e, q, c);
}

/* The dataplane's answer to c. */
static void outcome(struct env *e, const union ctl_cmd *c, struct ctl_conn conn, enum tcp_end why)
{
	struct evt_peer_conn ev = {
		.sid = c->connect.sid, .peer = c->connect.peer, .conn = conn, .why = (uint16_t)why
	};

	fake_dp_peer_conn(&e->dp, 0, conn.gen ? EVT_CONNECTED : EVT_CONNECT_FAILED, c->hdr.seq,
			  &ev);
	env_poll(e);
}

static void failed(struct env *e, const union ctl_cmd *c, enum tcp_end why)
{
	outcome(e, c, (struct ctl_conn){ 0 }, why);
}

/* The late answer to a Connect: a reply on the control connection, signed; its error code. */
static int answer(struct env *e, const struct ask *q, struct answer *ans)
{
	union ctl_cmd c;

	assert_true(env_take(e, q->worker, CMD_SEND, &c));
	ans->send = c.send;
	assert_int_equal(c.send.flags, 0);
	assert_memory_equal(&c.send.leg, &q->leg, sizeof(q->leg));
	assert_int_equal(stun_parse(&ans->m, ans->send.payload, c.send.payload_len), STUN_OK);
	assert_int_equal(ans->m.method, STUN_CONNECT);
	assert_memory_equal(ans->m.tid, q->tid, STUN_TID_LEN);
	assert_int_equal(ans->m.integrity.len, STUN_MI_LEN);
	for (int i = 0; i < STUN_MI_LEN; i++)
		assert_int_equal(ans->m.integrity.val[i], FAKE_KEY_BYTE);
	if (ans->m.cls == STUN_SUCCESS)
		return 0;
	assert_int_equal(ans->m.cls, STUN_ERROR);
	return stun_get_error(&ans->m.error_code);
}

/* A connection to a port of the peer's, made and not bound; its id. */
static uint32_t connected(struct env *e, uint16_t port)
{
	struct answer ans;
	union ctl_cmd c;
	struct ask q;
	uint32_t id;

	connect_to(e, port, &q, &c);
	outcome(e, &c, (struct ctl_conn){ peer_conn.idx + port, peer_conn.gen }, 0);
	assert_int_equal(answer(e, &q, &ans), 0);
	assert_true(stun_get_u32(&ans.m.connection_id, &id));
	return id;
}

static void begin_bind(struct ask *q, uint32_t id, const char *user)
{
	begin_as(q, STUN_CONNECTION_BIND, DATA_PORT, data, user);
	stun_put_u32(&q->b, STUN_ATTR_CONNECTION_ID, id);
}

/* Binds it from a worker; the CMD_JOIN goes to *c. */
static void bind_expect(struct env *e, uint32_t id, uint32_t worker, struct cmd_join *join)
{
	struct answer ans;
	struct ask q;

	begin_bind(&q, id, "alice");
	q.worker = worker;
	ask_expect(e, &q, &ans, 0);
	assert_int_equal(ans.send.flags, SEND_HOLD);
	assert_int_equal(ans.n_cmd, 1);
	assert_int_equal(ans.cmd[0].hdr.type, CMD_JOIN);
	*join = ans.cmd[0].join;
}

static void bind_refused(struct env *e, uint32_t id, const char *user, int code)
{
	struct answer ans;
	struct ask q;

	begin_bind(&q, id, user);
	ask_expect(e, &q, &ans, code);
	assert_int_equal(ans.send.flags, 0);
}

static void expect_close(struct env *e, uint32_t worker, struct ctl_conn conn)
{
	union ctl_cmd c;

	assert_true(env_take(e, worker, CMD_CONN_CLOSE, &c));
	assert_memory_equal(&c.conn_close.conn, &conn, sizeof(conn));
}

/* ---- nonces ---- */

/*
 * RFC 8489 9.2.4, RFC 6062 4.3: a ConnectionBind may come with the nonce of the control connection
 * that its CONNECTION-ID belongs to, if it comes from there, and nothing else may.
 */
static void a_connection_bind_shares_the_control_connections_nonce(void **state)
{
	struct env *e = *state;
	struct cmd_join join;
	struct answer ans;
	struct ask q;
	uint32_t id;

	allocate(e, PORT);
	assert_int_equal(be16_get(fake_auth_control.port), 0);
	id = connected(e, 80);
	assert_int_equal(be16_get(fake_auth_client.port), PORT);
	assert_int_equal(be16_get(fake_auth_control.port), 0);
	bind_refused(e, id + 1, "alice", 400); /* another id: it is about no connection */
	assert_int_equal(be16_get(fake_auth_control.port), 0);
	begin_bind(&q, id, "mallory");
	q.leg.client = addr("198.51.100.8", DATA_PORT); /* another host */
	ask_expect(e, &q, &ans, 441);
	assert_int_equal(be16_get(fake_auth_control.port), 0);
	begin_as(&q, STUN_CONNECT, PORT, control, "alice"); /* another method */
	stun_put_u32(&q.b, STUN_ATTR_CONNECTION_ID, id);
	ask_expect(e, &q, &ans, 400);
	assert_int_equal(be16_get(fake_auth_control.port), 0);
	bind_expect(e, id, 0, &join);
	assert_int_equal(be16_get(fake_auth_client.port), DATA_PORT);
	assert_int_equal(be16_get(fake_auth_control.port), PORT);
	bind_refused(e, id, "alice", 400); /* bound: it is good once */
	assert_int_equal(be16_get(fake_auth_control.port), 0);
}

/* A call that began in time may use further connections when its credential is over. */
static void a_credential_that_is_over_binds_what_is_its_own(void **state)
{
	struct env *e = *state;
	struct answer ans;
	union ctl_cmd c;
	uint32_t id = 0;
	struct ask q;

	begin_as(&q, STUN_ALLOCATE, PORT, control, "rest:bob");
	ask_transport_tcp(&q);
	ask_expect(e, &q, &ans, 0);
	begin_as(&q, STUN_CONNECT, PORT, control, "over:bob");
	ask_peer(&q, "203.0.113.1", 80);
	send_connect(e, &q, &c);
	outcome(e, &c, peer_conn, 0);
	assert_int_equal(answer(e, &q, &ans), 0);
	assert_true(stun_get_u32(&ans.m.connection_id, &id));
	begin_bind(&q, id, "over:eve");
	ask_expect(e, &q, &ans, 401);
	begin_bind(&q, id + 1, "over:bob");
	ask_expect(e, &q, &ans, 401);
	begin_bind(&q, id, "over:bob");
	ask_expect(e, &q, &ans, 0);
}

/* ---- Connect ---- */

static void connect_success(void **state)
{
	struct env *e = *state;
	struct ctl_sid sid = allocate(e, PORT)->sid;
	struct sock_addr peer = addr("203.0.113.1", 80);
	struct answer ans;
	union ctl_cmd c;
	uint32_t id = 0;
	struct ask q;

	connect_to(e, 80, &q, &c);
	assert_memory_equal(&c.connect.sid, &sid, sizeof(sid));
	assert_true(sock_addr_eq(&c.connect.peer, &peer));
	assert_int_equal(e->s.stats.success[SERVER_CONNECT], 0);
	outcome(e, &c, peer_conn, 0);
	assert_int_equal(answer(e, &q, &ans), 0);
	assert_null(ans.m.fingerprint.val);
	assert_true(stun_get_u32(&ans.m.connection_id, &id));
	assert_int_not_equal(id, 0);
	assert_int_equal(e->s.stats.requests[SERVER_CONNECT], 1);
	assert_int_equal(e->s.stats.success[SERVER_CONNECT], 1);
	assert_int_equal(e->s.stats.connects_made, 1);
	/* FINGERPRINT if the request had it. */
	begin_connect(&q, "203.0.113.1", 81);
	stun_put_fingerprint(&q.b);
	send_connect(e, &q, &c);
	outcome(e, &c, peer_conn, 0);
	assert_int_equal(answer(e, &q, &ans), 0);
	assert_non_null(ans.m.fingerprint.val);
}

/* What is answered at once, and no command given for it. */
static void connect_refused_at_once(void **state)
{
	struct env *e = *state;
	static const struct {
		const char *peer;
		uint16_t port;
		int code;
	} t[] = {
		{ NULL, 0, 400 },	    { "203.0.113.1", 0, 400 },
		{ "2001:db8::1", 80, 443 },				/* an allocation of IPv4 */
		{ "127.0.0.1", 80, 403 },   { "192.0.2.1", 3478, 403 }, /* our own listener */
	};
	struct answer ans;
	struct ask q;

	begin_connect(&q, "203.0.113.1", 80);
	ask_expect(e, &q, &ans, 437); /* no allocation */
	allocate(e, PORT);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		begin_as(&q, STUN_CONNECT, PORT, control, "alice");
		if (t[i].peer)
			ask_peer(&q, t[i].peer, t[i].port);
		ask_expect(e, &q, &ans, t[i].code);
	}
	begin_as(&q, STUN_CONNECT, PORT, control, "mallory");
	ask_peer(&q, "203.0.113.1", 80);
	ask_expect(e, &q, &ans, 441);
	begin_as(&q, STUN_CONNECT, PORT, control, NULL);
	ask_expect(e, &q, &ans, 401);
	assert_int_equal(pending_used(e->s.pending), 0);
}

static void connect_from_a_udp_allocation_403(void **state)
{
	struct env *e = *state;
	struct sock_addr relayed;
	struct answer ans;
	struct ask q;

	begin_as(&q, STUN_ALLOCATE, PORT, control, "alice");
	ask_transport(&q);
	ask_expect(e, &q, &ans, 0);
	begin_connect(&q, "203.0.113.1", 80);
	ask_expect(e, &q, &ans, 403);
	ask_allocate(e, PORT, &relayed);
	ask_begin(&q, STUN_CONNECT, PORT); /* over UDP */
	ask_peer(&q, "203.0.113.1", 80);
	ask_expect(e, &q, &ans, 403);
}

static void connect_twice_446(void **state)
{
	struct env *e = *state;
	struct answer ans;
	union ctl_cmd c;
	struct ask q, again;

	allocate(e, PORT);
	connect_to(e, 80, &q, &c);
	begin_connect(&again, "203.0.113.1", 80);
	ask_expect(e, &again, &ans, 446); /* under way */
	outcome(e, &c, peer_conn, 0);
	assert_int_equal(answer(e, &q, &ans), 0);
	begin_connect(&again, "203.0.113.1", 80);
	ask_expect(e, &again, &ans, 446); /* not bound yet */
	connect_to(e, 81, &q, &c);	  /* another port is another connection */
	failed(e, &c, TCP_END_EXISTS);	  /* bound or of the peer's making: the dataplane knows */
	assert_int_equal(answer(e, &q, &ans), 446);
	assert_int_equal(pending_used(e->s.pending), 1);
}

static void connect_failure_447(void **state)
{
	struct env *e = *state;
	struct answer ans;
	union ctl_cmd c;
	struct ask q;

	allocate(e, PORT);
	for (int why = 0; why < TCP_END_MAX; why++) {
		if (why == TCP_END_EXISTS)
			continue;
		connect_to(e, 80, &q, &c);
		failed(e, &c, (enum tcp_end)why);
		assert_int_equal(answer(e, &q, &ans), 447);
		assert_int_equal(pending_used(e->s.pending), 0);
	}
	assert_int_equal(e->s.stats.connects_failed, TCP_END_MAX - 1);
	assert_int_equal(e->s.stats.error[STUN_ERROR_447], TCP_END_MAX - 1);
}

/* Should the dataplane never answer, the client hears of it all the same. */
static void connect_without_an_outcome_447(void **state)
{
	struct env *e = *state;
	struct answer ans;
	union ctl_cmd c;
	struct ask q;

	allocate(e, PORT);
	connect_to(e, 80, &q, &c);
	env_advance(e, 30000); /* tcp.connect-timeout is the dataplane's to keep */
	assert_false(env_take(e, 0, CMD_SEND, &(union ctl_cmd){ 0 }));
	env_advance(e, 5100);
	assert_int_equal(answer(e, &q, &ans), 447);
	assert_int_equal(pending_used(e->s.pending), 0);
	outcome(e, &c, peer_conn, 0); /* and then it does */
	expect_close(e, 0, peer_conn);
	assert_int_equal(dplink_stats(e->s.link)->events_stale, 1);
}

static void connections_per_allocation_508(void **state)
{
	struct env *e = *state;
	struct ask q, last;
	struct answer ans;
	union ctl_cmd c;

	allocate(e, PORT);
	connected(e, 80);
	connect_to(e, 81, &q, &c);
	connect_to(e, 82, &last, &c);
	begin_connect(&q, "203.0.113.1", 83);
	ask_expect(e, &q, &ans, 508);
	failed(e, &c, TCP_END_REFUSED);
	assert_int_equal(answer(e, &last, &ans), 447);
	connect_to(e, 83, &q, &c);
}

/* Those of all allocations together: turn.allocations-max times the limit of each. */
static void table_full_508(void **state)
{
	struct env *e = *state;
	struct sock_addr peer = addr("203.0.113.1", 80);
	struct answer ans;
	struct ask q;

	allocate(e, PORT);
	while (pending_add(e->s.pending, 1, (struct ctl_sid){ 1, 1 }, &peer))
		;
	begin_connect(&q, "203.0.113.1", 80);
	ask_expect(e, &q, &ans, 508);
}

/*
 * A worker that takes no commands, and whose event ring is full, so that events are taken for all
 * that (lib/ring.h): the Connect waits until it can be told, and is served then.
 */
static void a_full_command_ring_is_waited_for(void **state)
{
	struct env *e = *state;
	struct cmd_conn_close c = { .conn = peer_conn };
	struct ctl_sid sid = allocate(e, PORT)->sid;
	union ctl_cmd cmd;
	struct ask q;
	size_t len;

	while (dplink_room(e->s.link, 0))
		assert_true(dplink_cmd(e->s.link, 0, CMD_CONN_CLOSE, &c, sizeof(c)));
	begin_connect(&q, "203.0.113.1", 80);
	len = stun_end(&q.b);
	fake_dp_punt_leg(&e->dp, 0, &q.leg, q.buf, len, e->now_ms * 1000);
	env_poll(e);
	assert_int_equal(e->s.stats.requests[SERVER_CONNECT], 0);
	while (ring_room(&e->dp.evt[0], 1) > 0)
		fake_dp_conn_gone(&e->dp, 0, sid, peer_conn, CONN_OTHER);
	env_poll(e);
	assert_int_equal(ring_room(&e->dp.evt[0], 1), 1);
	assert_int_equal(e->s.stats.requests[SERVER_CONNECT], 0);
	while (fake_dp_take(&e->dp, 0, &cmd))
		;
	assert_true(env_take(e, 0, CMD_CONNECT, &cmd));
	assert_int_equal(e->s.stats.requests[SERVER_CONNECT], 1);
	assert_int_equal(e->s.stats.error[STUN_ERROR_508], 0);
	assert_int_equal(pending_used(e->s.pending), 1);
	assert_int_equal(dplink_stats(e->s.link)->commands_full, 0);
}

/* An outcome counts for its command only: session, worker and number. */
static void stale_outcomes(void **state)
{
	struct env *e = *state;
	struct answer ans;
	union ctl_cmd c, other;
	struct ask q;

	allocate(e, PORT);
	connect_to(e, 80, &q, &c);
	other = c;
	other.hdr.seq++;
	failed(e, &other, TCP_END_REFUSED);
	outcome(e, &other, peer_conn, 0);
	expect_close(e, 0, peer_conn);
	other = c;
	other.connect.sid.gen++;
	failed(e, &other, TCP_END_REFUSED);
	outcome(e, &other, peer_conn, 0);
	expect_close(e, 0, peer_conn);
	assert_int_equal(dplink_stats(e->s.link)->events_stale, 4);
	outcome(e, &c, peer_conn, 0);
	assert_int_equal(answer(e, &q, &ans), 0);
	failed(e, &c, TCP_END_REFUSED); /* answered once */
	assert_int_equal(dplink_stats(e->s.link)->events_stale, 5);
	assert_int_equal(pending_used(e->s.pending), 1);
}

/* ---- ConnectionBind ---- */

static void bind_from_every_worker(void **state)
{
	struct env *e = *state;
	struct ctl_sid sid = allocate(e, PORT)->sid;
	struct cmd_join join;

	for (uint32_t w = 0; w < 2; w++) {
		uint32_t id = connected(e, 80);

		bind_expect(e, id, w, &join);
		assert_memory_equal(&join.client, &data, sizeof(data));
		assert_int_equal(join.peer.idx, peer_conn.idx + 80);
		assert_int_equal(join.peer.gen, peer_conn.gen);
		assert_int_equal(join.peer_worker, 0);
		assert_memory_equal(&join.sid, &sid, sizeof(sid));
		assert_int_equal(pending_used(e->s.pending), 0);
	}
	assert_int_equal(e->s.stats.success[SERVER_CONNECTION_BIND], 2);
	env_advance(e, 60000); /* nobody waits any more */
	assert_false(env_take(e, 0, CMD_CONN_CLOSE, &(union ctl_cmd){ 0 }));
	assert_int_equal(e->s.stats.binds_late, 0);
}

static void bind_refusals(void **state)
{
	struct env *e = *state;
	struct cmd_join join;
	struct answer ans;
	union ctl_cmd c;
	struct ask q, pending;
	uint32_t id;

	allocate(e, PORT);
	id = connected(e, 80);
	bind_refused(e, id + 1, "alice", 400);
	bind_refused(e, 0, "alice", 400);
	bind_refused(e, id, "mallory", 441);
	bind_refused(e, id, NULL, 401);
	bind_refused(e, id, "stale", 438);
	begin_as(&q, STUN_CONNECTION_BIND, DATA_PORT, data, "alice");
	ask_expect(e, &q, &ans, 400); /* no CONNECTION-ID */
	begin_as(&q, STUN_CONNECTION_BIND, DATA_PORT, data, "alice");
	stun_put(&q.b, STUN_ATTR_CONNECTION_ID, &id, 3);
	ask_expect(e, &q, &ans, 400);
	ask_begin(&q, STUN_CONNECTION_BIND, DATA_PORT); /* over UDP */
	stun_put_u32(&q.b, STUN_ATTR_CONNECTION_ID, id);
	ask_expect(e, &q, &ans, 400);
	begin_as(&q, STUN_CONNECTION_BIND, PORT, control, "alice"); /* has an allocation */
	stun_put_u32(&q.b, STUN_ATTR_CONNECTION_ID, id);
	ask_expect(e, &q, &ans, 437);
	connect_to(e, 81, &pending, &c);
	bind_refused(e, pending_find_seq(e->s.pending, 0, c.connect.sid, c.hdr.seq)->id, "alice",
		     400);
	/* None of these used it up. */
	bind_expect(e, id, 0, &join);
	bind_refused(e, id, "alice", 400); /* replayed */
	assert_int_equal(e->s.stats.success[SERVER_CONNECTION_BIND], 1);
}

/* RFC 6062 5.2, 5.3: 30 seconds, then the peer's connection is closed. */
static void bind_too_late(void **state)
{
	struct env *e = *state;
	uint32_t id;

	allocate(e, PORT);
	id = connected(e, 80);
	env_advance(e, 29900);
	assert_int_equal(pending_used(e->s.pending), 1);
	env_advance(e, 100);
	assert_int_equal(pending_used(e->s.pending), 0);
	expect_close(e, 0, (struct ctl_conn){ peer_conn.idx + 80, peer_conn.gen });
	assert_int_equal(e->s.stats.binds_late, 1);
	bind_refused(e, id, "alice", 400);
}

static void peer_gone_before_the_bind(void **state)
{
	struct env *e = *state;
	struct ctl_sid sid = allocate(e, PORT)->sid;
	struct ctl_conn conn = { peer_conn.idx + 80, peer_conn.gen };
	uint32_t id = connected(e, 80);

	fake_dp_conn_gone(&e->dp, 0, sid, (struct ctl_conn){ conn.idx, conn.gen + 1 }, CONN_PEER);
	fake_dp_conn_gone(&e->dp, 0, (struct ctl_sid){ sid.slot, sid.gen + 1 }, conn, CONN_PEER);
	fake_dp_conn_gone(&e->dp, 1, sid, conn, CONN_PEER);
	fake_dp_conn_gone(&e->dp, 0, sid, conn, CONN_DATA);
	env_poll(e);
	assert_int_equal(dplink_stats(e->s.link)->events_stale, 4);
	assert_int_equal(pending_used(e->s.pending), 1);
	fake_dp_conn_gone(&e->dp, 0, sid, conn, CONN_PEER);
	env_poll(e);
	assert_int_equal(e->s.stats.peers_gone, 1);
	assert_int_equal(pending_used(e->s.pending), 0);
	bind_refused(e, id, "alice", 400);
	connected(e, 80); /* the peer's port may be connected to again */
}

/* ---- ConnectionAttempt ---- */

static void attempt(struct env *e, struct ctl_sid sid, uint16_t port)
{
	struct evt_peer_conn ev = { .sid = sid,
				    .conn = { peer_conn.idx + port, peer_conn.gen },
				    .peer = addr("203.0.113.9", port) };

	fake_dp_peer_conn(&e->dp, 0, EVT_PEER_ATTEMPT, 0, &ev);
	env_poll(e);
}

static void attempt_is_announced_and_bound(void **state)
{
	struct env *e = *state;
	struct table_alloc *a = allocate(e, PORT);
	struct sock_addr peer = addr("203.0.113.9", 80), got;
	struct cmd_join join;
	union ctl_cmd c;
	struct stun_msg m;
	uint32_t id;

	attempt(e, a->sid, 80);
	assert_true(env_take(e, 0, CMD_SEND, &c));
	assert_memory_equal(&c.send.leg, &a->leg, sizeof(a->leg));
	assert_int_equal(c.send.flags, 0);
	assert_int_equal(c.hdr.len, offsetof(struct cmd_send, payload) + c.send.payload_len);
	assert_int_equal(stun_parse(&m, c.send.payload, c.send.payload_len), STUN_OK);
	assert_int_equal(m.cls, STUN_INDICATION);
	assert_int_equal(m.method, STUN_CONNECTION_ATTEMPT);
	assert_int_equal(m.n_xor_peer, 1);
	assert_int_not_equal(stun_get_xor_addr(&m, &m.xor_peer[0], &got), 0);
	assert_true(sock_addr_eq(&got, &peer));
	assert_true(stun_get_u32(&m.connection_id, &id));
	assert_null(m.integrity.val);
	assert_null(m.fingerprint.val);
	assert_int_equal(e->s.stats.attempts, 1);
	bind_expect(e, id, 1, &join);
	assert_int_equal(join.peer.idx, peer_conn.idx + 80);
	atomic_fetch_or(&a->flags, SESSION_FINGERPRINT);
	attempt(e, a->sid, 81);
	assert_true(env_take(e, 0, CMD_SEND, &c));
	assert_int_equal(stun_parse(&m, c.send.payload, c.send.payload_len), STUN_OK);
	assert_non_null(m.fingerprint.val);
}

static void attempts_in_vain(void **state)
{
	struct env *e = *state;
	struct ctl_sid sid = allocate(e, PORT)->sid, udp;
	struct sock_addr relayed;
	union ctl_cmd c;

	attempt(e, (struct ctl_sid){ sid.slot, sid.gen + 1 }, 80);
	expect_close(e, 0, (struct ctl_conn){ peer_conn.idx + 80, peer_conn.gen });
	ask_allocate(e, PORT, &relayed);
	udp = env_alloc(e, PORT)->sid;
	attempt(e, udp, 80);
	expect_close(e, 0, (struct ctl_conn){ peer_conn.idx + 80, peer_conn.gen });
	assert_int_equal(dplink_stats(e->s.link)->events_stale, 2);
	for (uint16_t port = 80; port < 83; port++)
		attempt(e, sid, port);
	assert_int_equal(e->s.stats.attempts, 3);
	while (fake_dp_take(&e->dp, 0, &c))
		assert_int_equal(c.hdr.type, CMD_SEND);
	attempt(e, sid, 83); /* turn.connections-per-allocation */
	assert_int_equal(e->s.stats.attempts_refused, 1);
	assert_true(fake_dp_take(&e->dp, 0, &c));
	assert_int_equal(c.hdr.type, CMD_CONN_CLOSE);
	assert_int_equal(c.conn_close.conn.idx, peer_conn.idx + 83);
	assert_false(fake_dp_take(&e->dp, 0, &c));
	env_advance(e, 30000); /* no bind comes */
	assert_int_equal(e->s.stats.binds_late, 3);
	assert_int_equal(pending_used(e->s.pending), 0);
}

/* ---- with the allocation ---- */

/* One under way (*q), one made, one announced. */
static struct ctl_sid busy(struct env *e, struct ask *q, union ctl_cmd *c)
{
	struct ctl_sid sid = allocate(e, PORT)->sid;

	connected(e, 80);
	attempt(e, sid, 81);
	assert_true(env_take(e, 0, CMD_SEND, &(union ctl_cmd){ 0 }));
	connect_to(e, 82, q, c);
	assert_int_equal(pending_used(e->s.pending), 3);
	return sid;
}

/* Nothing is left, no timer speaks, and what the dataplane still had to say is stale. */
static void expect_forgotten(struct env *e, const union ctl_cmd *c)
{
	uint64_t stale = dplink_stats(e->s.link)->events_stale;

	assert_int_equal(pending_used(e->s.pending), 0);
	env_advance(e, 60000);
	assert_false(env_take(e, 0, CMD_CONN_CLOSE, &(union ctl_cmd){ 0 }));
	outcome(e, c, peer_conn, 0);
	assert_int_equal(dplink_stats(e->s.link)->events_stale, stale + 1);
	expect_close(e, 0, peer_conn);
}

/*
 * A Refresh with lifetime 0, of all or of one family, while a Connect is under way: that is
 * answered with `code`, then the Refresh.
 */
static void give_up(struct env *e, uint8_t family, const struct ask *connect, int code)
{
	struct answer ans;
	union ctl_cmd c;
	struct ask q;
	size_t len;

	begin_as(&q, STUN_REFRESH, PORT, control, "alice");
	if (family)
		ask_family(&q, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, family);
	stun_put_u32(&q.b, STUN_ATTR_LIFETIME, 0);
	len = stun_end(&q.b);
	fake_dp_punt_leg(&e->dp, q.worker, &q.leg, q.buf, len, e->now_ms * 1000);
	assert_int_equal(answer(e, connect, &ans), code);
	assert_true(env_take(e, q.worker, CMD_SEND, &c));
	assert_int_equal(stun_parse(&ans.m, c.send.payload, c.send.payload_len), STUN_OK);
	assert_int_equal(ans.m.method, STUN_REFRESH);
	assert_int_equal(ans.m.cls, STUN_SUCCESS);
}

/* The Connect that was under way has no allocation any more (RFC 6062 5.2). */
static void connections_end_with_the_allocation(void **state)
{
	struct env *e = *state;
	union ctl_cmd c;
	struct ask q;

	busy(e, &q, &c);
	give_up(e, 0, &q, 437);
	assert_int_equal(e->s.stats.connects_failed, 1);
	expect_forgotten(e, &c);
}

static void connections_end_as_the_allocation_expires(void **state)
{
	struct env *e = *state;
	struct answer ans;
	union ctl_cmd c;
	struct ask q;

	allocate(e, PORT);
	env_advance(e, (e->conf.turn.lifetime_default - 1) * 1000);
	connect_to(e, 82, &q, &c);
	env_advance(e, 2000);
	assert_null(env_alloc_tcp(e, PORT));
	assert_int_equal(answer(e, &q, &ans), 437);
	expect_forgotten(e, &c);
}

/* Nobody is there to hear of it. */
static void connections_end_with_their_client(void **state)
{
	struct env *e = *state;
	union ctl_cmd c;
	struct ask q;

	fake_dp_conn_gone(&e->dp, 0, busy(e, &q, &c), control, CONN_CLIENT);
	env_poll(e);
	assert_false(env_take(e, 0, CMD_SEND, &(union ctl_cmd){ 0 }));
	expect_forgotten(e, &c);
}

/* One of two families goes (RFC 8656 8.2), with the connections by its address and no others. */
static void connections_end_with_their_family(void **state)
{
	struct env *e = *state;
	struct ask q, q6;
	struct answer ans;
	union ctl_cmd c, c6;
	uint32_t id;

	begin_as(&q, STUN_ALLOCATE, PORT, control, "alice");
	ask_transport_tcp(&q);
	ask_family(&q, STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY, STUN_FAMILY_IPV6);
	ask_expect(e, &q, &ans, 0);
	id = connected(e, 81);
	connect_to(e, 80, &q, &c);
	begin_connect(&q6, "2001:db8::1", 80);
	send_connect(e, &q6, &c6);
	give_up(e, STUN_FAMILY_IPV6, &q6, 447);
	assert_non_null(env_alloc_tcp(e, PORT));
	assert_int_equal(pending_used(e->s.pending), 2);
	outcome(e, &c, peer_conn, 0);
	assert_int_equal(answer(e, &q, &ans), 0);
	bind_expect(e, id, 0, &(struct cmd_join){ 0 });
}

/* Connections made for an earlier control process are known to nobody. */
static void a_new_control_process_knows_none(void **state)
{
	struct env *e = *state;
	struct ctl_conn announced = { peer_conn.idx + 81, peer_conn.gen };
	char err[256] = "";
	union ctl_cmd c;
	struct ask q;
	struct ctl_sid sid = busy(e, &q, &c);

	server_close(&e->s);
	assert_true(server_open(&e->s, &e->conf, NULL, e->now_ms, 0, err, sizeof(err)));
	fake_dp_close(&e->dp);
	fake_dp_open(&e->dp, &e->conf, 256);
	assert_true(fake_dp_attach(&e->dp, &e->s, err, sizeof(err)));
	env_poll(e);
	while (fake_dp_take(&e->dp, 0, &c))
		;
	assert_int_equal(pending_used(e->s.pending), 0);
	fake_dp_conn_gone(&e->dp, 0, sid, announced, CONN_PEER); /* tcp.bind-timeout there */
	env_poll(e);
	assert_int_equal(dplink_stats(e->s.link)->events_stale, 1);
	connected(e, 81);
}

#define T(name) cmocka_unit_test_setup_teardown(name, env_setup_started, env_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_connection_bind_shares_the_control_connections_nonce),
		T(a_credential_that_is_over_binds_what_is_its_own),
		T(connect_success),
		T(connect_refused_at_once),
		T(connect_from_a_udp_allocation_403),
		T(connect_twice_446),
		T(connect_failure_447),
		T(connect_without_an_outcome_447),
		T(connections_per_allocation_508),
		T(table_full_508),
		T(a_full_command_ring_is_waited_for),
		T(stale_outcomes),
		T(bind_from_every_worker),
		T(bind_refusals),
		T(bind_too_late),
		T(peer_gone_before_the_bind),
		T(attempt_is_announced_and_bound),
		T(attempts_in_vain),
		T(connections_end_with_the_allocation),
		T(connections_end_as_the_allocation_expires),
		T(connections_end_with_their_client),
		T(connections_end_with_their_family),
		T(a_new_control_process_knows_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

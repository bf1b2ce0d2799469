/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clients over TCP and TCP allocations (R5 to R7, R70): RFC 6062 5.1's checks; the five-tuple lives
 * as long as its connection (RFC 8656 2.1), so an allocation goes with the news of its end, with a
 * new connection between the same ends, and with a restart of the dataplane, but not with one of
 * the control process; what cannot be so in an event ends the attachment.
 */
#include "tests/world/cp_env.h"
#include "tests/world/fake_auth.h"

static const struct ctl_conn conn = { 17, 3 };

static void begin(struct ask *a, enum stun_method method, uint16_t port)
{
	ask_begin(a, method, port);
	ask_over_tcp(a, conn);
}

/* Allocates over TCP: relayed transport UDP, or TCP. */
static struct table_alloc *allocate(struct env *e, uint16_t port, bool tcp)
{
	struct table_alloc *a;
	struct answer ans;
	struct ask q;

	begin(&q, STUN_ALLOCATE, port);
	if (tcp)
		ask_transport_tcp(&q);
	else
		ask_transport(&q);
	ask_expect(e, &q, &ans, 0);
	assert_int_equal(ans.n_cmd, 1);
	assert_memory_equal(&ans.cmd[0].session_set.leg, &q.leg, sizeof(q.leg));
	assert_int_equal(ans.cmd[0].session_set.flags, tcp ? SESSION_TCP : 0);
	a = env_alloc_tcp(e, port);
	assert_non_null(a);
	return a;
}

/* ---- requests ---- */

static void every_method_over_tcp(void **state)
{
	struct env *e = *state;
	struct table_alloc *a = allocate(e, 1000, false);
	struct answer ans;
	struct ask q;

	assert_false(table_relays_tcp(a));
	begin(&q, STUN_CREATE_PERMISSION, 1000);
	ask_peer(&q, "203.0.113.1", 0);
	ask_expect(e, &q, &ans, 0);
	begin(&q, STUN_CHANNEL_BIND, 1000);
	ask_channel(&q, 0x4000);
	ask_peer(&q, "203.0.113.1", 80);
	ask_expect(e, &q, &ans, 0);
	begin(&q, STUN_REFRESH, 1000);
	ask_expect(e, &q, &ans, 0);
	assert_int_equal(ans.cmd[0].session_set.leg.conn_gen, conn.gen);
	begin(&q, STUN_REFRESH, 1000);
	stun_put_u32(&q.b, STUN_ATTR_LIFETIME, 0);
	ask_expect(e, &q, &ans, 0);
	assert_null(env_alloc_tcp(e, 1000));
}

/* The same address and port over UDP is another five-tuple. */
static void transports_are_told_apart(void **state)
{
	struct env *e = *state;
	struct sock_addr relayed;

	ask_allocate(e, 1000, &relayed);
	allocate(e, 1000, true);
	assert_int_equal(table_stats(e->s.table)->allocs, 2);
	assert_ptr_not_equal(env_alloc(e, 1000), env_alloc_tcp(e, 1000));
}

/* RFC 8489 6.2.2: nothing is retransmitted over a stream. */
static void a_second_allocate_is_a_mismatch(void **state)
{
	struct env *e = *state;
	struct answer ans;
	struct ask q;

	begin(&q, STUN_ALLOCATE, 1000);
	ask_transport(&q);
	ask_expect(e, &q, &ans, 0);
	ask_expect(e, &q, &ans, 437); /* the same bytes */
	assert_int_equal(e->s.stats.retransmissions, 0);
}

/* Nor is it sent again after we were away: the client waits, and is answered (R70). */
static void what_waited_is_answered(void **state)
{
	struct env *e = *state;
	union ctl_cmd c;
	struct ask q;

	begin(&q, STUN_ALLOCATE, 1000);
	ask_transport(&q);
	fake_dp_punt_leg(&e->dp, 0, &q.leg, q.buf, stun_end(&q.b), (e->now_ms - 60000) * 1000);
	env_poll(e);
	assert_int_equal(e->s.stats.too_old, 0);
	assert_non_null(env_alloc_tcp(e, 1000));
	assert_true(fake_dp_take(&e->dp, 0, &c));
}

/* RFC 8489 9.2.4: many are behind one address, and what one sent must not serve another. */
static void nonces_of_streams_are_for_one_port(void **state)
{
	struct env *e = *state;

	allocate(e, 1000, true);
	assert_int_equal(be16_get(fake_auth_client.port), 1000);
	assert_int_equal(be16_get(fake_auth_control.port), 0);
}

static void tcp_allocation(void **state)
{
	struct env *e = *state;
	struct table_alloc *a = allocate(e, 1000, true);
	struct answer ans;
	struct ask q;

	assert_true(table_relays_tcp(a));
	begin(&q, STUN_REFRESH, 1000);
	ask_expect(e, &q, &ans, 0);
	assert_int_equal(ans.cmd[0].session_set.flags, SESSION_TCP);
	begin(&q, STUN_CREATE_PERMISSION, 1000);
	ask_peer(&q, "203.0.113.1", 0);
	ask_expect(e, &q, &ans, 0);
	begin(&q, STUN_CHANNEL_BIND, 1000);
	ask_channel(&q, 0x4000);
	ask_peer(&q, "203.0.113.1", 80);
	ask_expect(e, &q, &ans, 403);
	begin(&q, STUN_ALLOCATE, 1001);
	ask_transport_tcp(&q);
	stun_put_fingerprint(&q.b);
	ask_expect(e, &q, &ans, 0);
	assert_int_equal(ans.cmd[0].session_set.flags, SESSION_TCP | SESSION_FINGERPRINT);
	begin(&q, STUN_ALLOCATE, 1002);
	ask_transport_tcp(&q);
	ask_family(&q, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, STUN_FAMILY_IPV6);
	ask_expect(e, &q, &ans, 0);
	assert_int_equal(ans.cmd[0].session_set.relay[RELAY_V4].relay, CTL_RELAY_NONE);
}

/* RFC 6062 5.1, numbers 1 to 3. */
static void tcp_allocation_bad_requests(void **state)
{
	static const uint8_t token[8], sctp[4] = { 132 }, even = 0;
	struct env *e = *state;
	struct answer ans;
	struct ask q;

	ask_begin(&q, STUN_ALLOCATE, 1000); /* over UDP */
	ask_transport_tcp(&q);
	ask_expect(e, &q, &ans, 400);
	begin(&q, STUN_ALLOCATE, 1000);
	ask_transport_tcp(&q);
	stun_put(&q.b, STUN_ATTR_DONT_FRAGMENT, NULL, 0);
	ask_expect(e, &q, &ans, 400);
	begin(&q, STUN_ALLOCATE, 1000);
	ask_transport_tcp(&q);
	stun_put(&q.b, STUN_ATTR_EVEN_PORT, &even, 1);
	ask_expect(e, &q, &ans, 400);
	begin(&q, STUN_ALLOCATE, 1000);
	ask_transport_tcp(&q);
	stun_put(&q.b, STUN_ATTR_RESERVATION_TOKEN, token, sizeof(token));
	ask_expect(e, &q, &ans, 400);
	begin(&q, STUN_ALLOCATE, 1000);
	stun_put(&q.b, STUN_ATTR_REQUESTED_TRANSPORT, sctp, sizeof(sctp));
	ask_expect(e, &q, &ans, 442);
	assert_int_equal(table_stats(e->s.table)->allocs, 0);
}

/* A reserved port may be of another worker: a connection cannot be handed over. */
static void reserved_port_of_another_worker_508(void **state)
{
	static const uint8_t pair = 0x80;
	struct env *e = *state;
	uint8_t token[TABLE_TOKEN_LEN];
	struct answer ans;
	struct ask q;

	ask_begin(&q, STUN_ALLOCATE, 1000);
	ask_transport(&q);
	stun_put(&q.b, STUN_ATTR_EVEN_PORT, &pair, 1);
	ask_expect(e, &q, &ans, 0);
	memcpy(token, ans.m.reservation_token.val, sizeof(token));
	begin(&q, STUN_ALLOCATE, 1001);
	q.worker = 1;
	ask_transport(&q);
	stun_put(&q.b, STUN_ATTR_RESERVATION_TOKEN, token, sizeof(token));
	ask_expect(e, &q, &ans, 508);
	begin(&q, STUN_ALLOCATE, 1001); /* the port's worker: the reservation is still there */
	ask_transport(&q);
	stun_put(&q.b, STUN_ATTR_RESERVATION_TOKEN, token, sizeof(token));
	ask_expect(e, &q, &ans, 0);
}

/* ---- the end of connections ---- */

static void gone(struct env *e, uint32_t worker, struct ctl_sid sid, struct ctl_conn c,
		 enum ctl_conn_role role)
{
	fake_dp_conn_gone(&e->dp, worker, sid, c, role);
	env_poll(e);
}

static void an_allocation_ends_with_its_connection(void **state)
{
	struct env *e = *state;
	struct table_alloc *a = allocate(e, 1000, true);
	struct ctl_sid sid = a->sid;
	union ctl_cmd c;

	gone(e, 0, sid, conn, CONN_CLIENT);
	assert_null(env_alloc_tcp(e, 1000));
	assert_int_equal(e->s.stats.allocs_gone, 1);
	assert_false(fake_dp_take(&e->dp, 0, &c)); /* the dataplane knows */
	gone(e, 0, sid, conn, CONN_CLIENT);
	assert_int_equal(dplink_stats(e->s.link)->events_stale, 1);
	for (uint32_t i = 0; i < e->conf.n_relay; i++)
		assert_int_equal(ports_used(e->s.ports, i), a->relay[RELAY_V4].relay == i);
	env_advance(e, 31000);
	allocate(e, 1001, true);
}

static void stale_ends_change_nothing(void **state)
{
	struct env *e = *state;
	struct ctl_sid sid = allocate(e, 1000, false)->sid;
	struct sock_addr relayed;

	gone(e, 1, sid, conn, CONN_CLIENT);
	gone(e, 0, (struct ctl_sid){ sid.slot, sid.gen + 1 }, conn, CONN_CLIENT);
	gone(e, 0, (struct ctl_sid){ 1u << 30, 1 }, conn, CONN_CLIENT);
	gone(e, 0, sid, (struct ctl_conn){ conn.idx, conn.gen + 1 }, CONN_CLIENT);
	gone(e, 0, sid, (struct ctl_conn){ conn.idx + 1, conn.gen }, CONN_CLIENT);
	gone(e, 0, sid, conn, CONN_PEER);
	gone(e, 0, sid, conn, CONN_DATA);
	gone(e, 0, sid, conn, CONN_OTHER);
	assert_non_null(env_alloc_tcp(e, 1000));
	assert_int_equal(dplink_stats(e->s.link)->events_stale, 8);
	/* One of UDP is no connection's. */
	ask_allocate(e, 1001, &relayed);
	gone(e, 0, env_alloc(e, 1001)->sid, conn, CONN_CLIENT);
	assert_non_null(env_alloc(e, 1001));
}

/* The news of the first one's end may be late, or lost. */
static void a_new_connection_between_the_same_ends(void **state)
{
	static const struct ctl_conn later[] = { { 17, 4 }, { 18, 4 } };
	struct env *e = *state;
	struct ctl_sid sid = allocate(e, 1000, true)->sid;
	struct answer ans;
	struct ask q;

	for (size_t i = 0; i < 2; i++) {
		ask_begin(&q, STUN_ALLOCATE, 1000);
		ask_over_tcp(&q, later[i]);
		ask_transport_tcp(&q);
		ask_expect(e, &q, &ans, 0);
		assert_int_equal(ans.n_cmd, 2);
		assert_int_equal(ans.cmd[0].hdr.type, CMD_SESSION_DEL);
		assert_memory_equal(&ans.cmd[0].session_del.sid, &sid, sizeof(sid));
		assert_int_equal(ans.cmd[1].hdr.type, CMD_SESSION_SET);
		sid = ans.cmd[1].session_set.sid;
	}
	ask_begin(&q, STUN_REFRESH, 1000); /* of the first connection's numbers, on worker 1 */
	ask_over_tcp(&q, later[1]);
	q.worker = 1;
	ask_expect(e, &q, &ans, 437);
	assert_int_equal(table_stats(e->s.table)->allocs, 0);
	assert_int_equal(e->s.stats.allocs_gone, 3);
}

/* ---- restarts ---- */

static void attach(struct env *e, uint64_t generation)
{
	char err[256];

	dplink_detach(e->s.link);
	fake_dp_close(&e->dp);
	fake_dp_open(&e->dp, &e->conf, 256);
	e->dp.region->generation = generation;
	if (!fake_dp_attach(&e->dp, &e->s, err, sizeof(err)))
		fail_msg("%s", err);
}

/* Takes what the replay brought. */
static void drain(struct env *e)
{
	union ctl_cmd c;

	for (uint32_t w = 0; w < e->conf.dataplane.n_workers; w++)
		assert_false(env_take(e, w, 0, &c));
}

/* R70: UDP allocations survive a restart of the dataplane; TCP clients reconnect. */
static void a_new_dataplane_has_no_connections(void **state)
{
	struct env *e = *state;
	struct sock_addr relayed;
	union ctl_cmd c;

	attach(e, 5);
	drain(e);
	ask_allocate(e, 1000, &relayed);
	allocate(e, 1001, false);
	allocate(e, 1002, true);
	attach(e, 5); /* the same dataplane: the socket was lost, no more */
	assert_int_equal(table_stats(e->s.table)->allocs, 3);
	attach(e, 6);
	env_poll(e);
	assert_int_equal(table_stats(e->s.table)->allocs, 1);
	assert_int_equal(e->s.stats.allocs_gone, 2);
	assert_non_null(env_alloc(e, 1000));
	for (uint32_t n = 0; fake_dp_take(&e->dp, 0, &c); n++) {
		static const uint16_t want[] = { CMD_SYNC_BEGIN, CMD_SESSION_SET, CMD_SYNC_END };

		assert_in_range(n, 0, 2);
		assert_int_equal(c.hdr.type, want[n]);
	}
}

/*
 * A million of them are not one turn, or all else would wait. Nothing of the new dataplane is taken
 * before they are gone: its connections could be taken for theirs.
 */
static void many_connections_are_lost_in_steps(void **state)
{
	enum { N = 2 * SERVER_WALK_BUDGET + 100, LEFT = N - SERVER_WALK_BUDGET };
	struct env *e = *state;
	struct answer ans;
	struct ask q;
	size_t len;

	e->conf.turn.allocations_max = N + 1;
	e->conf.dataplane.sessions = N + 1;
	env_start(e, 256);
	for (uint32_t i = 0; i < N; i++) {
		struct table_alloc p = { .families = FAMILY_V4, .expiry = { 5000, 5000 } };

		p.leg.client = addr("198.51.100.9", (uint16_t)(1 + i));
		p.leg.listener = 1;
		p.leg.conn_gen = 1;
		p.relay[RELAY_V4] = (struct ctl_relay){ 0, be16_make(49152) };
		p.relay[RELAY_V6].relay = CTL_RELAY_NONE;
		assert_non_null(table_add(e->s.table, &p));
	}
	attach(e, 6);
	begin(&q, STUN_ALLOCATE, 1000);
	ask_transport_tcp(&q);
	len = stun_end(&q.b);
	fake_dp_punt_leg(&e->dp, 0, &q.leg, q.buf, len, e->now_ms * 1000);
	assert_int_equal(server_poll(&e->s), DPLINK_MORE);
	assert_int_equal(table_stats(e->s.table)->allocs, LEFT);
	assert_int_equal(e->s.stats.requests[SERVER_ALLOCATE], 0);
	assert_int_not_equal(table_generation(e->s.table), 6); /* who comes after goes on with it */
	env_poll(e);
	assert_int_equal(e->s.stats.allocs_gone, N);
	assert_int_equal(table_generation(e->s.table), 6);
	assert_int_equal(e->s.stats.success[SERVER_ALLOCATE], 1);
	assert_int_equal(table_stats(e->s.table)->allocs, 1);
	drain(e);
	begin(&q, STUN_REFRESH, 1000);
	ask_expect(e, &q, &ans, 0);
}

/* A new control process takes them over, and the dataplane knows which connections there are. */
static void a_new_control_process_keeps_them(void **state)
{
	struct env *e = *state;
	struct ctl_sid sid[2];
	union ctl_cmd c;
	char err[256] = "";

	attach(e, 5);
	drain(e);
	sid[0] = allocate(e, 1000, true)->sid;
	sid[1] = allocate(e, 1001, true)->sid;
	server_close(&e->s);
	assert_true(server_open(&e->s, &e->conf, NULL, e->now_ms, 0, err, sizeof(err)));
	assert_int_equal(table_stats(e->s.table)->kept, 2);
	attach(e, 5);
	for (int i = 0; i < 2; i++) {
		assert_true(env_take(e, 0, CMD_SESSION_SET, &c));
		assert_int_equal(c.session_set.flags, SESSION_TCP);
		assert_int_equal(c.session_set.leg.conn_gen, conn.gen);
	}
	fake_dp_result(&e->dp, 0, EVT_SESSION_REFUSED, c.hdr.seq, sid[1]);
	env_poll(e);
	assert_non_null(env_alloc_tcp(e, 1000));
	assert_null(env_alloc_tcp(e, 1001));
	/* Both processes are new: the numbers of connections mean nothing any more. */
	server_close(&e->s);
	assert_true(server_open(&e->s, &e->conf, NULL, e->now_ms, 0, err, sizeof(err)));
	assert_int_equal(table_stats(e->s.table)->allocs, 1);
	attach(e, 6);
	env_poll(e);
	assert_int_equal(table_stats(e->s.table)->allocs, 0);
}

/* A record that cannot be: nobody over UDP has a TCP allocation. */
static void a_damaged_record_is_skipped(void **state)
{
	struct env *e = *state;
	struct sock_addr relayed;
	char err[256] = "";

	ask_allocate(e, 1000, &relayed);
	atomic_fetch_or(&env_alloc(e, 1000)->flags, SESSION_TCP);
	server_close(&e->s);
	assert_true(server_open(&e->s, &e->conf, NULL, e->now_ms, 0, err, sizeof(err)));
	assert_int_equal(table_stats(e->s.table)->damaged, 1);
	assert_int_equal(table_stats(e->s.table)->allocs, 0);
}

/* ---- invalid values ---- */

static void what_cannot_be_ends_the_attachment(void **state)
{
	static const struct evt_peer_conn no_gen = { .sid = { 0, 1 } },
					  no_why = { .conn = { 1, 1 }, .why = TCP_END_MAX };
	static const struct {
		uint16_t type, len;
		uint16_t role, why;
		uint32_t gen;
	} bad[] = {
		{ EVT_CONN_GONE, sizeof(struct evt_conn_gone), CONN_ROLES, 0, 1 },
		{ EVT_CONN_GONE, sizeof(struct evt_conn_gone), CONN_CLIENT, TCP_END_MAX, 1 },
		{ EVT_CONN_GONE, sizeof(struct evt_conn_gone), CONN_CLIENT, 0, 0 },
		{ EVT_CONN_GONE, sizeof(struct evt_conn_gone) - 4, CONN_CLIENT, 0, 1 },
	};
	static const uint16_t short_ones[] = { EVT_CONNECTED, EVT_CONNECT_FAILED,
					       EVT_PEER_ATTEMPT };
	static const struct ctl_leg impossible[] = { { .listener = 0, .conn_gen = 1 },
						     { .listener = 1, .conn_gen = 0 } };
	struct env *e = *state;
	uint64_t faults = 0;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct evt_conn_gone g = { .hdr = { bad[i].type, bad[i].len, 0 },
					   .role = bad[i].role,
					   .why = bad[i].why,
					   .conn.gen = bad[i].gen };

		fake_dp_event(&e->dp, 0, &g, sizeof(g));
		env_poll(e);
		assert_int_equal(dplink_stats(e->s.link)->faults, ++faults);
		attach(e, 0);
	}
	for (size_t i = 0; i < 3; i++) {
		struct evt_peer_conn p = { .hdr = { short_ones[i], sizeof(p) - 4, 0 },
					   .conn.gen = 1 };

		fake_dp_event(&e->dp, 0, &p, sizeof(p));
		env_poll(e);
		assert_int_equal(dplink_stats(e->s.link)->faults, ++faults);
		attach(e, 0);
		fake_dp_peer_conn(&e->dp, 0, short_ones[i], 0,
				  short_ones[i] == EVT_CONNECT_FAILED ? &no_why : &no_gen);
		env_poll(e);
		assert_int_equal(dplink_stats(e->s.link)->faults, ++faults);
		attach(e, 0);
	}
	for (size_t i = 0; i < 2; i++) {
		fake_dp_punt_leg(&e->dp, 0, &impossible[i], "", 0, e->now_ms * 1000);
		env_poll(e);
		assert_int_equal(dplink_stats(e->s.link)->faults, ++faults);
		attach(e, 0);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, env_setup_started, env_teardown)
#define T_OWN(name) cmocka_unit_test_setup_teardown(name, env_setup, env_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_method_over_tcp),
		T(transports_are_told_apart),
		T(a_second_allocate_is_a_mismatch),
		T(what_waited_is_answered),
		T(nonces_of_streams_are_for_one_port),
		T(tcp_allocation),
		T(tcp_allocation_bad_requests),
		T(reserved_port_of_another_worker_508),
		T(an_allocation_ends_with_its_connection),
		T(stale_ends_change_nothing),
		T(a_new_connection_between_the_same_ends),
		T(a_new_dataplane_has_no_connections),
		T_OWN(many_connections_are_lost_in_steps),
		T(a_new_control_process_keeps_them),
		T(a_damaged_record_is_skipped),
		T(what_cannot_be_ends_the_attachment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

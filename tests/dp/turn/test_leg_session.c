/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What becomes of a client's connection (R7, R8, R59; RFC 8656 7.3): whose it is when it comes,
 * unfinished messages and idleness end it, connection and session end together.
 */
#include "tests/world/leg_world.h"

#include "dp/demux.h"
#include "dp/dispatch.h"
#include "dp/tls/tls.h"

static uint16_t listener_of(const struct tcp_request *r)
{
	struct leg l;

	memcpy(&l, r->data, sizeof(l));
	assert_int_equal(l.slot, SLOT_NONE);
	return l.listener;
}

static void who_listens(void **state)
{
	struct tcp_request r = { .local = lw.local, .remote = lw.client };
	struct sock_addr udp = at("10.1.0.3", 7000);

	(void)state;
	assert_ptr_equal(dispatch_accept(world.w, &r), &leg_app);
	assert_int_equal(listener_of(&r), TCP4);
	r.local = at("fd00:1::1", 3478);
	assert_ptr_equal(dispatch_accept(world.w, &r), &leg_app);
	assert_int_equal(listener_of(&r), TCP6);
	r.local = at("10.1.0.1", 5349);
	assert_null(r.layer);
	assert_ptr_equal(dispatch_accept(world.w, &r), &demux_app);
	assert_int_equal(*(const uint16_t *)(const void *)r.data, TLS4);
	assert_ptr_equal(r.layer, &tls_server_layer);
	assert_int_equal(r.layer_arg, 3);
	assert_int_equal(fake_peer.accepts, 0);
	r.layer = NULL;
	r.local = lw.local;
	world.conf.listener[TCP4].has_service = true;
	assert_ptr_equal(dispatch_accept(world.w, &r), &demux_app);
	assert_int_equal(*(const uint16_t *)(const void *)r.data, TCP4);
	assert_null(r.layer);
	assert_true(r.stranger);
	r.layer = NULL;
	r.local = lw.relayed;
	assert_null(dispatch_accept(world.w, &r)); /* nobody's */
	assert_true(session_add(0, 1, 1, &udp, 0, RELAY_PORT, 0, 0));
	assert_ptr_equal(dispatch_accept(world.w, &r), &peer_conn_app);
	assert_int_equal(fake_peer.accepts, 1);
}

/* ---- patience ---- */

static void unfinished_messages(void **state)
{
	uint32_t i;

	(void)state;
	lw_serve();
	/* many messages, each begun in the segment before: none is late */
	lw_add_channel(LW_CHANNEL, 12);
	lw_add_channel(LW_CHANNEL, 12);
	for (i = 0; i < 10; i++) {
		fake_feed(world.w, lw.f, lw.stream + (i ? 8 : 0), i ? 16 : 24, false);
		fake_run();
		lw_after_ms(4000);
	}
	assert_int_equal(world_count(0, CNT_RELAY_TO_PEER), 10);
	lw_after_ms(999);
	assert_true(lw.f->open);
	lw_after_ms(1);
	lw_ended(TCP_END_FRAME_TIMEOUT);
	assert_int_equal(fake_peer.gone, 1);
}

/* One byte a second is not progress. */
static void slow_loris(void **state)
{
	uint32_t i;

	(void)state;
	lw_add_stun(STUN_ALLOCATE, STUN_REQUEST, 100);
	for (i = 0; i < 5; i++) {
		assert_true(lw.f->open);
		fake_feed(world.w, lw.f, lw.stream + i, 1, false);
		fake_run();
		lw_after_ms(1000);
	}
	lw_ended(TCP_END_FRAME_TIMEOUT);
	assert_int_equal(fake_peer.gone, 0);
}

/* Who may not send the rest, for it waits for credit, is not late. */
static void withheld(void **state)
{
	(void)state;
	lw_add_stun(STUN_ALLOCATE, STUN_REQUEST, 100);
	fake_feed(world.w, lw.f, lw.stream, 10, false);
	fake_run();
	lw.f->withheld = true;
	lw_after_ms(2 * 5000);
	assert_true(lw.f->open);
	lw.f->withheld = false;
	lw_after_ms(4999);
	assert_true(lw.f->open);
	lw_after_ms(1);
	lw_ended(TCP_END_FRAME_TIMEOUT);
}

static void idle(void **state)
{
	uint64_t limit = world.conf.tcp.idle_timeout * 1000ull;
	struct ctl_sid sid = { 0, 1 };

	(void)state;
	lw_after_ms(limit - 1);
	lw_add_stun(STUN_ALLOCATE, STUN_REQUEST, 0);
	lw_feed();
	lw_after_ms(limit - 1);
	assert_true(lw.f->open);
	lw_serve();
	lw_after_ms(10 * limit);
	assert_true(lw.f->open);
	session_del(world.w, &sid);
	lw_add_stun(STUN_BINDING, STUN_INDICATION, 0); /* is no request */
	lw_feed();
	lw_after_ms(limit - 1);
	assert_true(lw.f->open);
	lw_after_ms(1);
	lw_ended(TCP_END_IDLE);
}

/* ---- sessions ---- */

static void session_and_connection_end_together(void **state)
{
	struct ctl_leg leg = lw_leg(lw.f);

	(void)state;
	lw_serve();
	fake_stall(lw.f);
	lw_from_peer(&lw.peer, 10, CSUM_GOOD);
	fake_end(world.w, lw.f, TCP_END_RESET);
	fake_run();
	world_drops(DROP_TCP_CLOSED, 1);
	assert_int_equal(fake_peer.gone, 1);
	assert_int_equal(fake_peer.sid.slot, 0);
	assert_int_equal(fake_peer.sid.gen, 1);
	assert_int_equal(fake_peer.conn.idx, leg.conn);
	assert_int_equal(fake_peer.conn.gen, leg.conn_gen);
	assert_int_equal(fake_peer.role, CONN_CLIENT);
	assert_int_equal(fake_peer.why, TCP_END_RESET);
	assert_int_equal(world.w->session[0].gen, 0);
	world_mark();
	lw_from_peer(&lw.peer, 10, CSUM_GOOD);
	world_drops(DROP_RELAY_PORT, 1);
	assert_int_equal(world.w->flows.n, 0);
	assert_false(lw_session(lw.f, 0, 0)); /* too late */
	assert_int_equal(world.w->session[0].gen, 0);
}

/*
 * What waited when an allocation was deleted is not the next one's, whose channels have the same
 * numbers (RFC 8656 7.3).
 */
static void media_ends_with_its_session(void **state)
{
	struct sock_addr other = at("10.2.0.3", 4000);

	(void)state;
	lw_serve();
	fake_stall(lw.f);
	lw_from_peer(&lw.peer, 10, CSUM_GOOD);
	lw_from_peer(&lw.peer, 11, CSUM_GOOD);
	assert_true(session_del(world.w, &(struct ctl_sid){ 0, 1 }));
	world_drops(DROP_SESSION_EXPIRED, 2);
	assert_int_equal(tcp_held(world.w), 0);
	assert_true(lw_session(lw.f, 1, 0));
	assert_true(chan_add(0, 1, &other, LW_CHANNEL, world.w->now + 300));
	fake_acked(lw.f, UINT32_MAX, UINT32_MAX);
	fake_run();
	assert_int_equal(lw.f->out_len, 0);
}

/* RFC 9293 3.6, R59: a client that closes has its FIN answered. */
static void fin(void **state)
{
	(void)state;
	lw_serve();
	lw_add_channel(LW_CHANNEL, 3);
	fake_feed(world.w, lw.f, lw.stream, lw.len, false);
	fake_fin(world.w, lw.f);
	lw_ended(TCP_END_DONE);
	lw_to_peer(&lw.peer, 3);
	assert_int_equal(fake_peer.gone, 1);
}

static void sessions_of_connections(void **state)
{
	struct cmd_session_set s = { .sid = { 3, 1 },
				     .leg = lw_leg(lw.f),
				     .relay = { { 0, be16_make(RELAY_PORT + 6) },
						{ CTL_RELAY_NONE, { { 0 } } } },
				     .expiry = world.w->now + 600 };
	const struct leg *l = tcp_data(lw.f->c);

	(void)state;
	lw_serve();
	assert_true(lw_session(lw.f, 0, 0)); /* a refresh */
	assert_int_equal(l->slot, 0);
	/* another one on the same connection: as over UDP, the first goes */
	assert_true(session_set(world.w, &s));
	assert_int_equal(l->slot, 3);
	assert_int_equal(world.w->session[0].gen, 0);
	s.leg.conn_gen += 2;
	assert_false(session_set(world.w, &s)); /* that of an earlier tenant of the slot */
	assert_int_equal(l->slot, SLOT_NONE);
	s.leg.conn = 5;
	s.leg.conn_gen = 0;
	assert_false(session_set(world.w, &s)); /* conn without generation is no connection */
	assert_int_equal(world.w->flows.n, 0);
	/* what a replay does not name goes, the connection stays */
	lw_serve();
	session_sync_begin(world.w);
	session_sync_end(world.w);
	world_run();
	assert_int_equal(world.w->session[0].gen, 0);
	assert_int_equal(l->slot, SLOT_NONE);
	assert_true(lw.f->open);
}

/* A TCP allocation (RFC 6062) has relayed connections, not datagrams. */
static void tcp_allocations_relay_no_udp(void **state)
{
	struct ctl_sid sid = { 0, 1 };

	(void)state;
	assert_true(lw_session(lw.f, 0, SESSION_TCP));
	assert_true(chan_add(0, 0, &lw.peer, LW_CHANNEL, world.w->now + 300));
	lw_from_peer(&lw.peer, 10, CSUM_GOOD);
	world_drops(DROP_RELAY_PORT, 1);
	world_mark();
	lw_add_channel(LW_CHANNEL, 10);
	lw_feed();
	world_drops(DROP_NO_CHANNEL, 1);
	world_mark();
	lw_add_send(&lw.peer, 10, false);
	lw_feed();
	world_drops(DROP_STUN_METHOD, 1);
	world_no_out();
	assert_int_equal(lw.f->out_len, 0);
	assert_int_equal(fake_peer.sessions, 0);
	assert_true(session_del(world.w, &sid));
	assert_int_equal(fake_peer.sessions, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, lw_setup, lw_teardown)
	const struct CMUnitTest tests[] = {
		T(who_listens),
		T(unfinished_messages),
		T(slow_loris),
		T(withheld),
		T(idle),
		T(session_and_connection_end_together),
		T(media_ends_with_its_session),
		T(fin),
		T(sessions_of_connections),
		T(tcp_allocations_relay_no_udp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

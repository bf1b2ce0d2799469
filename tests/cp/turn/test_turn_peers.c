/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Refresh, CreatePermission and ChannelBind of an allocation, with every error code of RFC 8656
 * sections 8, 10 and 12; deadlines; and what the dataplane refuses. As in test_turn.c, requests
 * are STUN bytes through the rings and credentials are faked.
 */
#include "tests/world/cp_env.h"

/* ---- Refresh, RFC 8656 8.2 ---- */

static void refresh_extends_and_deletes(void **state)
{
	struct env *e = *state;
	struct sock_addr relayed;
	struct answer ans;
	uint32_t lifetime;
	struct ask a;

	ask_allocate(e, 1000, &relayed);
	env_advance(e, 500000);
	ask_begin(&a, STUN_REFRESH, 1000);
	stun_put_u32(&a.b, STUN_ATTR_LIFETIME, 1200);
	ask_expect(e, &a, &ans, 0);
	assert_true(stun_get_u32(&ans.m.lifetime, &lifetime));
	assert_int_equal(lifetime, 1200);
	assert_int_equal(ans.n_cmd, 1);
	assert_int_equal(ans.cmd[0].hdr.type, CMD_SESSION_SET);
	assert_int_equal(ans.cmd[0].session_set.expiry, e->now_ms / 1000 + 1200);
	ask_begin(&a, STUN_REFRESH, 1000);
	ask_family(&a, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, STUN_FAMILY_IPV6);
	ask_expect(e, &a, &ans, 443);
	ask_begin(&a, STUN_REFRESH, 1000);
	stun_put(&a.b, STUN_ATTR_LIFETIME, "\0", 2);
	ask_expect(e, &a, &ans, 400);
	ask_begin(&a, STUN_REFRESH, 1000);
	stun_put_u32(&a.b, STUN_ATTR_LIFETIME, 0);
	ask_expect(e, &a, &ans, 0);
	assert_true(stun_get_u32(&ans.m.lifetime, &lifetime));
	assert_int_equal(lifetime, 0);
	assert_int_equal(ans.cmd[0].hdr.type, CMD_SESSION_DEL);
	assert_null(env_alloc(e, 1000));
	ask_begin(&a, STUN_REFRESH, 1000);
	ask_expect(e, &a, &ans, 437);
}

static void slot_is_reused_under_another_generation(void **state)
{
	struct env *e = *state;
	struct sock_addr relayed;
	struct ctl_sid first;
	struct answer ans;
	struct ask a;

	e->conf.dataplane.sessions = 1;
	env_start(e, 256);
	ask_allocate(e, 1000, &relayed);
	first = env_alloc(e, 1000)->sid;
	ask_begin(&a, STUN_REFRESH, 1000);
	stun_put_u32(&a.b, STUN_ATTR_LIFETIME, 0);
	ask_expect(e, &a, &ans, 0);
	ask_allocate(e, 1000, &relayed);
	assert_int_equal(env_alloc(e, 1000)->sid.slot, first.slot);
	assert_int_not_equal(env_alloc(e, 1000)->sid.gen, first.gen);
}

/* Ports in use on a relay when those at rest are free again, which drawing another one does. */
static uint32_t ports_left(struct env *e, const struct ctl_relay *r)
{
	uint32_t worker = relay_port_worker(be16_get(r->port), e->conf.dataplane.n_workers);
	uint32_t rested = server_now(&e->s) + PORTS_QUARANTINE_S;

	assert_int_not_equal(ports_take(e->s.ports, r->relay, worker, PORTS_ANY, rested), 0);
	return ports_used(e->s.ports, r->relay) - 1;
}

static void one_family_of_two_is_deleted(void **state)
{
	struct env *e = *state;
	struct answer ans;
	struct ctl_relay relay[2];
	struct ask a;

	ask_begin(&a, STUN_ALLOCATE, 1000);
	ask_transport(&a);
	ask_family(&a, STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY, STUN_FAMILY_IPV6);
	ask_expect(e, &a, &ans, 0);
	memcpy(relay, env_alloc(e, 1000)->relay, sizeof(relay));
	ask_begin(&a, STUN_CREATE_PERMISSION, 1000);
	ask_peer(&a, "203.0.113.1", 1);
	ask_peer(&a, "2001:db8::1", 1);
	ask_expect(e, &a, &ans, 0);
	ask_begin(&a, STUN_REFRESH, 1000);
	ask_family(&a, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, STUN_FAMILY_IPV4);
	stun_put_u32(&a.b, STUN_ATTR_LIFETIME, 0);
	ask_expect(e, &a, &ans, 0);
	/* the session is told without the address; all else of it stays as it is */
	assert_int_equal(ans.n_cmd, 1);
	assert_int_equal(ans.cmd[0].hdr.type, CMD_SESSION_SET);
	assert_int_equal(ans.cmd[0].session_set.relay[RELAY_V4].relay, CTL_RELAY_NONE);
	assert_int_equal(ans.cmd[0].session_set.relay[RELAY_V6].relay, 2);
	ask_begin(&a, STUN_CREATE_PERMISSION, 1000);
	ask_peer(&a, "203.0.113.1", 1);
	ask_expect(e, &a, &ans, 443);
	/* its port is given back (and rests), the other family's is not */
	assert_int_equal(ports_left(e, &relay[RELAY_V4]), 0);
	assert_int_equal(ports_left(e, &relay[RELAY_V6]), 1);
}

/* ---- CreatePermission, RFC 8656 10.2 ---- */

static void permissions_all_or_none(void **state)
{
	struct env *e = *state;
	struct sock_addr relayed;
	struct answer ans;
	struct ask a;

	ask_allocate(e, 1000, &relayed);
	ask_begin(&a, STUN_CREATE_PERMISSION, 1000);
	ask_expect(e, &a, &ans, 400); /* no peer */
	ask_begin(&a, STUN_CREATE_PERMISSION, 1000);
	ask_peer(&a, "203.0.113.1", 1);
	ask_peer(&a, "127.0.0.1", 1);
	ask_expect(e, &a, &ans, 403);
	ask_begin(&a, STUN_CREATE_PERMISSION, 1000);
	ask_peer(&a, "203.0.113.1", 1);
	ask_peer(&a, "2001:db8::1", 1);
	ask_expect(e, &a, &ans, 443);
	ask_begin(&a, STUN_CREATE_PERMISSION, 1000);
	ask_peer(&a, "203.0.113.1", 1);
	stun_put(&a.b, STUN_ATTR_XOR_PEER_ADDRESS, "\0\1", 2);
	ask_expect(e, &a, &ans, 400);
	assert_int_equal(table_stats(e->s.table)->perms, 0);
	ask_begin(&a, STUN_CREATE_PERMISSION, 1000);
	ask_peer(&a, "203.0.113.1", 1);
	ask_peer(&a, "203.0.113.2", 1);
	ask_peer(&a, "203.0.113.1", 2); /* the same address: one permission */
	ask_expect(e, &a, &ans, 0);
	assert_int_equal(ans.n_cmd, 2);
	assert_int_equal(ans.cmd[0].hdr.type, CMD_PERM_SET);
	assert_int_equal(ans.cmd[0].perm_set.expiry, e->now_ms / 1000 + 300);
	assert_int_equal(table_stats(e->s.table)->perms, 2);
}

static void permission_limit_508(void **state)
{
	struct env *e = *state;
	struct sock_addr relayed;
	struct answer ans;
	char ip[32];
	struct ask a;

	ask_allocate(e, 1000, &relayed);
	for (int round = 0; round < 2; round++) { /* refreshing needs no more room */
		ask_begin(&a, STUN_CREATE_PERMISSION, 1000);
		for (int i = 1; i <= 8; i++) {
			snprintf(ip, sizeof(ip), "203.0.113.%d", i);
			ask_peer(&a, ip, 1);
		}
		ask_expect(e, &a, &ans, 0);
	}
	ask_begin(&a, STUN_CREATE_PERMISSION, 1000);
	ask_peer(&a, "203.0.113.9", 1);
	ask_expect(e, &a, &ans, 508);
	e->now_ms += 301000; /* what is over makes room, also before a timer has seen to it */
	ask_begin(&a, STUN_CREATE_PERMISSION, 1000);
	ask_peer(&a, "203.0.113.9", 1);
	ask_expect(e, &a, &ans, 0);
}

/* As many as are read of a message; what is behind them would be granted unseen. */
static void more_peers_than_are_read_508(void **state)
{
	struct env *e = *state;
	struct sock_addr relayed;
	struct answer ans;
	struct ask a;

	ask_allocate(e, 1000, &relayed);
	for (int more = 0; more < 2; more++) {
		ask_begin(&a, STUN_CREATE_PERMISSION, 1000);
		for (int i = 0; i < STUN_PEERS_MAX + more; i++)
			ask_peer(&a, "203.0.113.1", 1); /* one address: no other limit is met */
		ask_expect(e, &a, &ans, more ? 508 : 0);
	}
}

static void own_addresses_and_other_clients(void **state)
{
	struct env *e = *state;
	struct sock_addr relayed;
	struct answer ans;
	struct ask a;

	ask_allocate(e, 1000, &relayed);
	ask_begin(&a, STUN_CREATE_PERMISSION, 1000);
	ask_peer(&a, "192.0.2.1", 3478); /* the listener */
	ask_expect(e, &a, &ans, 403);
	ask_begin(&a, STUN_CREATE_PERMISSION, 1000);
	ask_peer(&a, "192.0.2.11", 1);
	ask_expect(e, &a, &ans, 0);
	ask_begin(&a, STUN_CHANNEL_BIND, 1000);
	ask_channel(&a, 0x4000);
	ask_peer(&a, "192.0.2.11", 80); /* no relayed port */
	ask_expect(e, &a, &ans, 403);
	ask_begin(&a, STUN_CHANNEL_BIND, 1000);
	ask_channel(&a, 0x4000);
	ask_peer(&a, "192.0.2.11", 50000);
	ask_expect(e, &a, &ans, 0);
	assert_int_equal(e->s.stats.peers_denied, 2);
}

/*
 * Relay 1 is TURN's and a realm's. A client may have a permission for its address, for other
 * clients are there, but no channel to a termination nor to a port that nobody has.
 */
static void terminations_are_out_of_reach(void **state)
{
	struct env *e = *state;
	struct ctl_relay term, turn;
	struct sock_addr relayed;
	struct answer ans;
	struct ask a;

	env_config_gateway(&e->conf);
	e->conf.relay[0].turn = false;
	env_start(e, 256);
	term =
	    ports_take_realm(e->s.ports, 1, false, 0, PORTS_ANY, PORTS_ORDINARY, server_now(&e->s));
	ask_allocate(e, 1001, &relayed);
	turn = env_alloc(e, 1001)->relay[RELAY_V4];
	ask_allocate(e, 1000, &relayed);
	ask_begin(&a, STUN_CREATE_PERMISSION, 1000);
	ask_peer(&a, "192.0.2.12", 0);
	ask_expect(e, &a, &ans, 0);
	ask_begin(&a, STUN_CREATE_PERMISSION, 1000);
	ask_peer(&a, "192.0.2.11", 0); /* a realm's only */
	ask_expect(e, &a, &ans, 403);
	ask_begin(&a, STUN_CHANNEL_BIND, 1000);
	ask_channel(&a, 0x4000);
	ask_peer(&a, "192.0.2.12", be16_get(term.port));
	ask_expect(e, &a, &ans, 403);
	ask_begin(&a, STUN_CHANNEL_BIND, 1000);
	ask_channel(&a, 0x4000);
	ask_peer(&a, "192.0.2.12", be16_get(turn.port));
	ask_expect(e, &a, &ans, 0);
}

/* ---- ChannelBind, RFC 8656 12.2 ---- */

static void bind(struct env *e, uint16_t number, const char *ip, uint16_t port, struct answer *ans,
		 int code)
{
	struct ask a;

	ask_begin(&a, STUN_CHANNEL_BIND, 1000);
	if (number)
		ask_channel(&a, number);
	if (ip)
		ask_peer(&a, ip, port);
	ask_expect(e, &a, ans, code);
}

static void channel_bind(void **state)
{
	struct env *e = *state;
	struct sock_addr relayed;
	const struct cmd_chan_set *c;
	struct answer ans;

	ask_allocate(e, 1000, &relayed);
	bind(e, 0, "203.0.113.1", 9, &ans, 400);
	bind(e, 0x4000, NULL, 0, &ans, 400);
	bind(e, 0x3fff, "203.0.113.1", 9, &ans, 400);
	bind(e, 0x5000, "203.0.113.1", 9, &ans, 400);
	bind(e, 0x4000, "10.0.0.1", 9, &ans, 403);
	bind(e, 0x4000, "2001:db8::1", 9, &ans, 443);
	assert_int_equal(table_stats(e->s.table)->chans, 0);
	bind(e, 0x4000, "203.0.113.1", 9, &ans, 0);
	assert_int_equal(ans.n_cmd, 1);
	c = &ans.cmd[0].chan_set;
	assert_int_equal(c->hdr.type, CMD_CHAN_SET);
	assert_int_equal(c->channel, 0x4000);
	assert_int_equal(c->expiry, e->now_ms / 1000 + 600);
	assert_int_equal(c->perm_expiry, e->now_ms / 1000 + 300);
	assert_int_equal(table_stats(e->s.table)->perms, 1); /* comes with it */
	bind(e, 0x4000, "203.0.113.1", 9, &ans, 0);	     /* refresh */
	bind(e, 0x4000, "203.0.113.1", 10, &ans, 400);	     /* other peer */
	bind(e, 0x4001, "203.0.113.1", 9, &ans, 400);	     /* other number */
	bind(e, 0x4fff, "203.0.113.1", 10, &ans, 0);
	bind(e, 0x4002, "203.0.113.1", 11, &ans, 0);
	bind(e, 0x4003, "203.0.113.1", 12, &ans, 0);
	bind(e, 0x4004, "203.0.113.1", 13, &ans, 508);
}

static void channel_numbers_of_older_clients(void **state)
{
	struct env *e = *state;
	struct sock_addr relayed;
	struct answer ans;

	e->conf.turn.rfc5766_channels = true;
	ask_allocate(e, 1000, &relayed);
	bind(e, 0x7fff, "203.0.113.1", 9, &ans, 0);
	bind(e, 0x8000, "203.0.113.1", 10, &ans, 400);
}

static void channel_is_free_again_when_over(void **state)
{
	struct env *e = *state;
	struct answer ans;
	struct ask a;

	ask_begin(&a, STUN_ALLOCATE, 1000);
	ask_transport(&a);
	stun_put_u32(&a.b, STUN_ATTR_LIFETIME, 3600);
	ask_expect(e, &a, &ans, 0);
	bind(e, 0x4000, "203.0.113.1", 9, &ans, 0);
	env_advance(e, 599000);
	assert_int_equal(table_stats(e->s.table)->perms, 0);
	assert_int_equal(table_stats(e->s.table)->chans, 1);
	bind(e, 0x4000, "203.0.113.2", 9, &ans, 400);
	env_advance(e, 1000);
	assert_int_equal(table_stats(e->s.table)->chans, 0);
	bind(e, 0x4000, "203.0.113.2", 9, &ans, 0);
}

/* ---- time, and what the dataplane says ---- */

static void allocation_expires(void **state)
{
	struct env *e = *state;
	struct sock_addr relayed;
	union ctl_cmd c;
	struct ctl_sid sid;

	ask_allocate(e, 1000, &relayed);
	sid = env_alloc(e, 1000)->sid;
	env_advance(e, 599900);
	assert_non_null(env_alloc(e, 1000));
	env_advance(e, 100);
	assert_null(env_alloc(e, 1000));
	assert_true(fake_dp_take(&e->dp, 0, &c));
	assert_int_equal(c.hdr.type, CMD_SESSION_DEL);
	assert_memory_equal(&c.session_del.sid, &sid, sizeof(sid));
	assert_int_equal(e->s.stats.allocs_expired, 1);
}

/*
 * A worker that hangs takes no commands; the other's time goes on, and what the hanging one should
 * have heard it is told by a replay once it goes on.
 */
static void a_worker_that_hangs_stops_no_time(void **state)
{
	struct env *e = *state;
	struct sock_addr relayed;
	struct answer ans;
	union ctl_cmd c;
	struct ask a;

	ask_begin(&a, STUN_ALLOCATE, 1001);
	a.worker = 1;
	ask_transport(&a);
	ask_expect(e, &a, &ans, 0);
	ask_allocate(e, 1000, &relayed);
	while (dplink_room(e->s.link, 1)) {
		struct cmd_conn_close junk = { .conn = { 1, 1 } };

		dplink_cmd(e->s.link, 1, CMD_CONN_CLOSE, &junk, sizeof(junk));
	}
	for (int i = 0; i < 650; i++) /* the lifetime is 600 */
		env_advance(e, 1000);
	assert_null(env_alloc(e, 1000));
	assert_null(env_alloc(e, 1001));
	assert_int_equal(e->s.stats.allocs_expired, 2);
	assert_true(env_take(e, 0, CMD_SESSION_DEL, &c));
	/* One that is slow for a moment is waited for: a replay costs more. */
	while (fake_dp_take(&e->dp, 1, &c))
		;
	assert_true(env_take(e, 1, CMD_SYNC_BEGIN, &c));
	assert_true(env_take(e, 1, CMD_SYNC_END, &c));
	fake_dp_result(&e->dp, 1, EVT_SYNCED, c.hdr.seq, (struct ctl_sid){ 0 });
	env_poll(e);
	ask_allocate(e, 1000, &relayed);
	env_advance(e, 599900);
	while (dplink_room(e->s.link, 0)) {
		struct cmd_conn_close junk = { .conn = { 1, 1 } };

		dplink_cmd(e->s.link, 0, CMD_CONN_CLOSE, &junk, sizeof(junk));
	}
	env_poll(e);
	env_advance(e, 500);
	assert_non_null(env_alloc(e, 1000));
	while (fake_dp_take(&e->dp, 0, &c))
		;
	env_poll(e);
	assert_null(env_alloc(e, 1000));
	assert_true(env_take(e, 0, CMD_SESSION_DEL, &c));
	assert_int_equal(dplink_stats(e->s.link)->replays,
			 3); /* two at the start, the hanging one's */
}

static void refused_session_is_deleted(void **state)
{
	struct env *e = *state;
	struct sock_addr relayed;
	struct ctl_sid sid, old;

	ask_allocate(e, 1000, &relayed);
	sid = old = env_alloc(e, 1000)->sid;
	old.gen--;
	fake_dp_result(&e->dp, 0, EVT_SESSION_REFUSED, 0, old); /* an earlier tenant */
	env_poll(e);
	assert_non_null(env_alloc(e, 1000));
	assert_int_equal(dplink_stats(e->s.link)->events_stale, 1);
	fake_dp_result(&e->dp, 0, EVT_SESSION_REFUSED, 0, sid);
	env_poll(e);
	assert_null(env_alloc(e, 1000));
	assert_true(dplink_attached(e->s.link));
}

static int ask_perm(struct env *e, const char *ip)
{
	struct answer ans;
	struct ask a;

	ask_begin(&a, STUN_CREATE_PERMISSION, 1000);
	ask_peer(&a, ip, 0);
	ask_send(e, &a, &ans);
	return ans.code;
}

static int ask_chan(struct env *e, const char *ip, uint16_t number)
{
	struct answer ans;
	struct ask a;

	ask_begin(&a, STUN_CHANNEL_BIND, 1000);
	ask_channel(&a, number);
	ask_peer(&a, ip, 7);
	ask_send(e, &a, &ans);
	return ans.code;
}

/*
 * What the dataplane has no room for goes, and nothing else; the client gets 508 when it comes for
 * it again, once: then there may be room.
 */
static void refused_permission_is_deleted(void **state)
{
	struct env *e = *state;
	struct sock_addr relayed, gone = addr("203.0.113.2", 0), kept = addr("203.0.113.1", 7);
	struct table_alloc *a;
	union ctl_cmd c;

	ask_allocate(e, 1000, &relayed);
	a = env_alloc(e, 1000);
	assert_int_equal(ask_chan(e, "203.0.113.1", 0x4000), 0);
	assert_int_equal(ask_perm(e, "203.0.113.2"), 0);
	fake_dp_peer_refused(&e->dp, 0, a->sid, &gone, 0);
	env_poll(e);
	assert_int_equal(e->s.stats.peers_refused, 1);
	assert_null(table_perm_find(e->s.table, a, &gone.ip));
	assert_non_null(table_perm_find(e->s.table, a, &kept.ip));
	assert_int_equal(table_n_chans(e->s.table, a), 1);
	assert_int_equal(table_stats(e->s.table)->perms, 1);
	assert_false(fake_dp_take(&e->dp, 0, &c));
	assert_int_equal(ask_perm(e, "203.0.113.1"), 0); /* that one is there */
	assert_int_equal(ask_perm(e, "203.0.113.2"), 508);
	assert_int_equal(ask_perm(e, "203.0.113.2"), 0);
}

static void refused_channel_is_deleted(void **state)
{
	struct env *e = *state;
	struct sock_addr relayed, peer = addr("203.0.113.2", 7);
	struct table_alloc *a;
	union ctl_cmd c;

	ask_allocate(e, 1000, &relayed);
	a = env_alloc(e, 1000);
	assert_int_equal(ask_chan(e, "203.0.113.1", 0x4000), 0);
	assert_int_equal(ask_chan(e, "203.0.113.2", 0x4001), 0);
	assert_int_equal(ask_chan(e, "203.0.113.3", 0x4002), 0);
	fake_dp_peer_refused(&e->dp, 0, a->sid, &peer, 0x4001);
	env_poll(e);
	assert_null(table_chan_find(e->s.table, a, 0x4001));
	assert_non_null(table_chan_find(e->s.table, a, 0x4000));
	assert_non_null(table_chan_find(e->s.table, a, 0x4002));
	/* the permission is asked for alone, and goes if that is refused, too */
	assert_true(fake_dp_take(&e->dp, 0, &c));
	assert_int_equal(c.hdr.type, CMD_PERM_SET);
	assert_true(ip_eq(&c.perm_set.peer, &peer.ip));
	assert_false(fake_dp_take(&e->dp, 0, &c));
	fake_dp_peer_refused(&e->dp, 0, a->sid, &peer, 0);
	fake_dp_peer_refused(&e->dp, 0, a->sid, &peer, 0); /* twice does no harm */
	fake_dp_peer_refused(&e->dp, 0, a->sid, &peer, 0x4fff);
	env_poll(e);
	assert_false(fake_dp_take(&e->dp, 0, &c));
	assert_null(table_perm_find(e->s.table, a, &peer.ip));
	assert_int_equal(table_n_perms(e->s.table, a), 2);
	assert_int_equal(table_n_chans(e->s.table, a), 2);
	assert_int_equal(ask_chan(e, "203.0.113.1", 0x4000), 0);
	assert_int_equal(ask_chan(e, "203.0.113.2", 0x4001), 508);
	assert_int_equal(ask_chan(e, "203.0.113.2", 0x4001), 0);
	assert_true(dplink_attached(e->s.link));
}

#define T(f) cmocka_unit_test_setup_teardown(f, env_setup_started, env_teardown)
#define T_OWN(f) cmocka_unit_test_setup_teardown(f, env_setup, env_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(refresh_extends_and_deletes),
		T_OWN(slot_is_reused_under_another_generation),
		T(one_family_of_two_is_deleted),
		T(permissions_all_or_none),
		T(permission_limit_508),
		T(more_peers_than_are_read_508),
		T(own_addresses_and_other_clients),
		T_OWN(terminations_are_out_of_reach),
		T(channel_bind),
		T(channel_numbers_of_older_clients),
		T(channel_is_free_again_when_over),
		T(allocation_expires),
		T(a_worker_that_hangs_stops_no_time),
		T(refused_session_is_deleted),
		T(refused_permission_is_deleted),
		T(refused_channel_is_deleted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

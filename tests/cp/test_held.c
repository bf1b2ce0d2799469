/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What users hold: clients of several users ask for allocations of all kinds at random, give them
 * up, use each other's reservations; the dataplane refuses, its rings are full, it is restarted;
 * the control process is restarted with other limits, relays and listeners, with its state file and
 * without. After each step what is counted for each user is what is there, no relayed port has two
 * owners, and no slot is lost; when all is over nothing is left.
 */
#include "tests/world/cp_env.h"

#include "cp/adopt.h"
#include "cp/table_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PORTS = 12, TOKENS = 4, STEPS = 1000, SLOTS = 16, KNOWN = 64 };

static const char *const user[] = { "alice", "single", "triple", "rest:alice", "over:alice", "" };
static uint64_t seed;
static uint8_t token[TOKENS][TABLE_TOKEN_LEN];
static struct evt_session known[2][KNOWN]; /* what the dataplane has, by worker and slot */

static uint32_t draw(uint32_t n)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(seed >> 33) % n;
}

/* ---- the dataplane ---- */

static void known_set(uint32_t worker, const struct cmd_session_set *c)
{
	struct evt_session *k = &known[worker][c->sid.slot];

	assert_true(c->sid.slot < KNOWN);
	*k = (struct evt_session){
		.hdr = { EVT_SESSION, sizeof(*k), 0 },
		.sid = c->sid,
		.leg = c->leg,
		.relay = { c->relay[0], c->relay[1] },
		.expiry = c->expiry,
		.redirect = c->redirect,
		.flags = c->flags,
	};
}

static void tell(struct env *e, uint32_t worker, uint32_t seq)
{
	for (uint32_t i = 0; i < KNOWN; i++) {
		if (!known[worker][i].sid.gen)
			continue;
		fake_dp_event(&e->dp, worker, &known[worker][i], sizeof(known[worker][i]));
		env_poll(e);
	}
	env_audited(e, worker, seq);
}

static void obey(struct env *e, uint32_t worker, const union ctl_cmd *c)
{
	const struct evt_session *k;

	switch (c->hdr.type) {
	case CMD_SESSION_SET:
		if (draw(60) == 0)
			fake_dp_result(&e->dp, worker, EVT_SESSION_REFUSED, c->hdr.seq,
				       c->session_set.sid);
		else
			known_set(worker, &c->session_set);
		break;
	case CMD_SESSION_DEL:
		k = &known[worker][c->session_del.sid.slot];
		if (k->sid.gen == c->session_del.sid.gen)
			known[worker][c->session_del.sid.slot].sid.gen = 0;
		break;
	case CMD_PERM_SET:
		if (draw(20) == 0)
			fake_dp_peer_refused(&e->dp, worker, c->perm_set.sid,
					     &(struct sock_addr){ .ip = c->perm_set.peer }, 0);
		break;
	case CMD_CHAN_SET:
		if (draw(20) == 0)
			fake_dp_peer_refused(&e->dp, worker, c->chan_set.sid, &c->chan_set.peer,
					     c->chan_set.channel);
		break;
	case CMD_SEND:
		break;
	case CMD_AUDIT:
		tell(e, worker, c->hdr.seq);
		break;
	case CMD_SYNC_END:
		fake_dp_result(&e->dp, worker, EVT_SYNCED, c->hdr.seq, (struct ctl_sid){ 0 });
		break;
	default:
		break;
	}
}

/* Obeys at most n commands of each worker. Answers are looked at for tokens. */
static void turn(struct env *e, uint32_t n)
{
	union ctl_cmd c;
	struct stun_msg m;

	for (uint32_t i = 0; i < n; i++) {
		env_poll(e);
		for (uint32_t w = 0; w < 2; w++) {
			if (!fake_dp_take(&e->dp, w, &c))
				continue;
			obey(e, w, &c);
			if (c.hdr.type == CMD_SEND &&
			    stun_parse(&m, c.send.payload, c.send.payload_len) == STUN_OK &&
			    m.reservation_token.val)
				memcpy(token[draw(TOKENS)], m.reservation_token.val,
				       TABLE_TOKEN_LEN);
		}
	}
	env_poll(e);
}

/* ---- what is there ---- */

static uint32_t held_by(struct table *t, const uint8_t id[TABLE_USER_ID], uint32_t *records)
{
	uint32_t n = 0, at = 0;
	struct table_alloc *a;
	struct table_resv *r;

	*records = 0;
	while ((a = table_next(t, &at))) {
		if (memcmp(a->user_id, id, TABLE_USER_ID) != 0)
			continue;
		*records += t->entry[a - t->alloc].records;
		n++;
	}
	at = 0;
	while ((r = table_resv_next(t, &at)))
		n += memcmp(r->user_id, id, TABLE_USER_ID) == 0;
	return n;
}

static uint8_t port_count[CTL_RELAYS_MAX][65536];

static uint32_t port_seen(struct env *e, const struct ctl_relay *r)
{
	const uint16_t port = be16_get(r->port);

	assert_int_equal(ports_owner(e->s.ports, r->relay, port), PORTS_TURN);
	return ++port_count[r->relay][port];
}

/* Records that a worker needs for an allocation (table_records()), from what it has. */
static uint32_t records_of(struct table *t, const struct table_alloc *a)
{
	uint32_t n = table_n_perms(t, a) + table_n_chans(t, a), bare = 0;
	const struct table_chan *c = NULL;

	while ((c = table_chan_next(t, a, c)))
		bare += !table_perm_find(t, a, &c->peer.ip);
	return n == 0 ? 0 : n - (table_n_chans(t, a) && !bare ? 2 : 1);
}

static uint32_t ports_owned(struct env *e)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < e->conf.n_relay; i++) {
		for (uint32_t p = 49152; p <= 65535; p++)
			n += ports_owner(e->s.ports, i, (uint16_t)p) != PORTS_NOBODY;
	}
	return n;
}

/* all: ports that have an owner, too, which takes time. */
static void look(struct env *e, bool all)
{
	struct table *t = e->s.table;
	uint32_t at = 0, records, sum = 0, ports = 0;
	struct table_alloc *a;
	struct table_resv *r;

	memset(port_count, 0, sizeof(port_count));
	while ((a = table_next(t, &at))) {
		assert_int_equal(table_user_held(t, a->user_id), held_by(t, a->user_id, &records));
		assert_int_equal(table_user_records(t, a), records);
		assert_int_equal(t->entry[a - t->alloc].records, records_of(t, a));
		assert_true(a->sum == table_alloc_sum(t, a));
		sum += t->entry[a - t->alloc].records;
		for (int f = RELAY_V4; f <= RELAY_V6; f++) {
			if (a->families & 1u << f) {
				assert_int_equal(port_seen(e, &a->relay[f]), 1);
				ports++;
			}
		}
	}
	at = 0;
	while ((r = table_resv_next(t, &at))) {
		assert_int_equal(table_user_held(t, r->user_id), held_by(t, r->user_id, &records));
		assert_int_equal(port_seen(e, &r->relay), 1);
		ports++;
	}
	assert_int_equal(t->records[0] + t->records[1], sum);
	for (uint32_t w = 0; w < 2; w++) {
		uint32_t taken = 0;

		for (uint32_t i = 0; i < t->sessions; i++)
			taken += t->slots[w].owner[i] != SLOT_NONE;
		if (!table_partial(t))
			assert_int_equal(taken + t->slots[w].n_free, t->sessions);
	}
	if (all)
		assert_int_equal(ports_owned(e), ports);
}

/* ---- steps ---- */

static void ask(struct env *e)
{
	static const uint8_t r_bit = 0x80, even = 0;
	const uint32_t what = draw(12);
	struct ask a;
	enum stun_method method = what < 6    ? STUN_ALLOCATE
				  : what < 9  ? STUN_REFRESH
				  : what < 11 ? STUN_CREATE_PERMISSION
					      : STUN_CHANNEL_BIND;
	char ip[32];

	ask_begin_as(&a, method, (uint16_t)(1000 + draw(PORTS)), user[draw(6)]);
	a.worker = draw(2);
	if (draw(5) == 0 && e->conf.n_listener > 1)
		ask_over_tcp(&a, (struct ctl_conn){ draw(3), 1 + draw(2) });
	if (method == STUN_ALLOCATE) {
		if (a.leg.conn_gen && draw(2))
			ask_transport_tcp(&a);
		else
			ask_transport(&a);
		switch (draw(6)) {
		case 0:
			stun_put(&a.b, STUN_ATTR_EVEN_PORT, &r_bit, 1);
			break;
		case 1:
			stun_put(&a.b, STUN_ATTR_EVEN_PORT, &even, 1);
			break;
		case 2:
			stun_put(&a.b, STUN_ATTR_RESERVATION_TOKEN, token[draw(TOKENS)], 8);
			break;
		case 3:
			ask_family(&a, STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY, STUN_FAMILY_IPV6);
			break;
		case 4:
			ask_family(&a, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, STUN_FAMILY_IPV6);
			break;
		}
	}
	if (method == STUN_REFRESH) {
		if (draw(2))
			stun_put_u32(&a.b, STUN_ATTR_LIFETIME, 0);
		if (draw(2))
			ask_family(&a, STUN_ATTR_REQUESTED_ADDRESS_FAMILY,
				   draw(2) ? STUN_FAMILY_IPV4 : STUN_FAMILY_IPV6);
	}
	if (method == STUN_CREATE_PERMISSION || method == STUN_CHANNEL_BIND) {
		for (uint32_t n = draw(3); n-- && method == STUN_CREATE_PERMISSION;) {
			snprintf(ip, sizeof(ip), "203.0.113.%u", draw(6));
			ask_peer(&a, ip, 0);
		}
		snprintf(ip, sizeof(ip), draw(3) ? "203.0.113.%u" : "2001:db8::%u", draw(6));
		ask_peer(&a, ip, (uint16_t)(1 + draw(2)));
	}
	if (method == STUN_CHANNEL_BIND)
		ask_channel(&a, (uint16_t)(0x4000 + draw(4)));
	fake_dp_punt_leg(&e->dp, a.worker, &a.leg, a.buf, stun_end(&a.b), e->now_ms * 1000);
	turn(e, draw(4) ? 10 : 1);
}

static void attach(struct env *e)
{
	char err[256] = "";

	fake_dp_open(&e->dp, &e->conf, draw(2) ? 64 : SLOTS);
	assert_true(fake_dp_attach(&e->dp, &e->s, err, sizeof(err)));
	turn(e, 400);
}

static void begin(struct env *e)
{
	char err[256] = "";

	if (!server_open(&e->s, &e->conf, NULL, e->now_ms, 0, err, sizeof(err)))
		fail_msg("%s", err);
	if (!adopt_due(&e->s))
		ports_resume(e->s.ports, server_now(&e->s));
}

static void restart(struct env *e)
{
	static const uint32_t allocs[] = { 2, 20, 100 }, peers[] = { 0, 3, 128 };
	struct config *c = &e->conf;
	struct config_relay first = c->relay[0];
	char path[CONFIG_STR_MAX + 8];

	env_stop(e);
	if (draw(4) == 0)
		unlink(c->control.state);
	if (draw(6) == 0) {
		snprintf(path, sizeof(path), "%s.ports", c->control.state);
		unlink(path);
	}
	if (draw(2)) {
		c->turn.allocations_max = allocs[draw(3)];
		c->dataplane.peers = peers[draw(3)];
	}
	if (draw(4) == 0) { /* with the dataplane, which forgets */
		memset(known, 0, sizeof(known));
		c->n_relay = 2 + (uint16_t)draw(2);
		c->n_listener = 1 + (uint16_t)draw(2);
		c->relay[0] = c->relay[1];
		c->relay[1] = first;
	}
	begin(e);
	env_advance(e, draw(3) ? 0 : draw(40) * 1000);
	attach(e);
}

static void step(struct env *e)
{
	switch (draw(40)) {
	case 0:
		restart(e);
		break;
	case 1:
		dplink_detach(e->s.link);
		fake_dp_close(&e->dp);
		if (draw(2))
			memset(known, 0, sizeof(known));
		attach(e);
		break;
	case 2:
		env_advance(e, draw(700) * 1000);
		turn(e, 30);
		break;
	case 3:
		fake_dp_conn_gone(&e->dp, draw(2), known[draw(2)][draw(4)].sid,
				  (struct ctl_conn){ draw(3), 1 + draw(2) }, CONN_CLIENT);
		turn(e, 5);
		break;
	case 4:
		env_advance(e, draw(20) * 1000);
		break;
	default:
		ask(e);
	}
	look(e, draw(50) == 0);
}

static void what_users_hold_is_counted(void **state)
{
	struct env *e = *state;
	const struct table_stats *st;
	uint64_t allocations = 0;

	seed = getenv("HELD_SEED") ? strtoull(getenv("HELD_SEED"), NULL, 0) : 1;
	begin(e);
	attach(e);
	for (int i = 0; i < STEPS; i++) {
		uint64_t before = e->s.stats.allocs_made;

		step(e);
		allocations += e->s.stats.allocs_made > before;
	}
	assert_true(allocations > STEPS / 20);
	for (int i = 0; i < 50; i++) {
		env_advance(e, 100000);
		turn(e, 30);
		look(e, false);
	}
	st = table_stats(e->s.table);
	assert_int_equal(st->allocs, 0);
	assert_int_equal(st->resvs, 0);
	assert_int_equal(st->perms, 0);
	assert_int_equal(st->chans, 0);
	assert_int_equal(st->users, 0);
	assert_int_equal(e->s.table->records[0] + e->s.table->records[1], 0);
	assert_int_equal(ports_owned(e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_users_hold_is_counted, env_setup,
						env_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

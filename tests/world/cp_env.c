/* SPDX-License-Identifier: BSD-3-Clause */
#include "cp_env.h"

#include "cp/adopt.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct sock_addr addr(const char *ip, uint16_t port)
{
	struct sock_addr a = { .port = be16_make(port) };

	assert_true(ip_parse(ip, &a.ip));
	return a;
}

static void relay(struct config *c, const char *ip)
{
	struct config_relay *r = &c->relay[c->n_relay++];

	assert_true(ip_parse(ip, &r->addr));
	r->port_min = 49152;
	r->port_max = 65535;
	r->turn = true;
}

static void prefix(struct ip_prefix *p, const char *text)
{
	assert_true(ip_prefix_parse(text, p));
}

void env_config(struct config *c, const char *dir)
{
	memset(c, 0, sizeof(*c));
	c->dataplane.n_workers = 2;
	c->dataplane.sessions = 64;
	c->dataplane.peers = 128;
	c->n_port = 1;
	c->port[0].n_addr = 1;
	prefix(&c->port[0].addr[0], "192.0.2.1/24");
	c->n_listener = 2;
	c->listener[0].addr = addr("192.0.2.1", 3478);
	c->listener[1].addr = addr("192.0.2.1", 3478);
	c->listener[1].transport = TRANSPORT_TCP;
	relay(c, "192.0.2.11");
	relay(c, "192.0.2.12");
	relay(c, "2001:db8:ffff::1");
	c->turn.lifetime_default = 600;
	c->turn.lifetime_max = 3600;
	c->turn.permission_lifetime = 300;
	c->turn.channel_lifetime = 600;
	c->turn.reservation_lifetime = 30;
	c->turn.allocations_max = 100;
	c->turn.permissions_per_allocation = 8;
	c->turn.channels_per_allocation = 4;
	c->turn.connections_per_allocation = 3;
	c->tcp.connect_timeout = 30;
	c->tcp.bind_timeout = 30;
	prefix(&c->peers.allow[c->peers.n_allow++], "203.0.113.0/24");
	prefix(&c->peers.allow[c->peers.n_allow++], "2001:db8::/32");
	c->peers.relay_to_relay = true;
	snprintf(c->control.state, sizeof(c->control.state), "%s/state", dir);
	snprintf(c->control.contexts, sizeof(c->control.contexts), "%s/contexts", dir);
	snprintf(c->dataplane.socket, sizeof(c->dataplane.socket), "%s/dp", dir);
}

void env_config_gateway(struct config *c)
{
	struct config_gateway *g = &c->gateway;

	c->n_realm = 2;
	snprintf(c->realm[0].name, CTL_NAME_MAX, "access");
	snprintf(c->realm[1].name, CTL_NAME_MAX, "core");
	c->n_domain = 1;
	snprintf(c->domain[0].name, CTL_NAME_MAX, "default");
	c->realm[1].domain_index = CONFIG_DOMAINS_MAX;
	for (uint16_t i = 0; i < c->n_relay; i++)
		c->relay[i].realm_index = i == 1;
	g->contexts = 32;
	g->streams = 16;
	g->lifetime = 3600;
	g->answer_timeout = 180;
	g->connect_timeout = 30;
	g->ended_timeout = 20;
	g->fingerprint_ms = 10000;
	g->latch_ms = 3000;
	g->inactivity = 60;
	g->events = 64;
}

void env_open(struct env *e)
{
	memset(e, 0, sizeof(*e));
	snprintf(e->dir, sizeof(e->dir), "/tmp/fairlead-test-XXXXXX");
	assert_non_null(mkdtemp(e->dir));
	env_config(&e->conf, e->dir);
	e->now_ms = 1000000;
}

void env_audited(struct env *e, uint32_t worker, uint32_t seq)
{
	struct ctl_hdr told = { EVT_AUDITED, sizeof(told), seq };

	fake_dp_event(&e->dp, worker, &told, sizeof(told));
}

/*
 * Takes the commands of the replay, and of the audit before it where there is one, and says that
 * they were carried out: the dataplane has nothing.
 */
static void env_sync(struct env *e)
{
	union ctl_cmd c;

	for (int round = 0; round < 3; round++) {
		env_poll(e);
		for (uint32_t w = 0; w < e->conf.dataplane.n_workers; w++) {
			while (fake_dp_take(&e->dp, w, &c)) {
				if (c.hdr.type == CMD_AUDIT)
					env_audited(e, w, c.hdr.seq);
				if (c.hdr.type == CMD_SYNC_END)
					fake_dp_result(&e->dp, w, EVT_SYNCED, c.hdr.seq,
						       (struct ctl_sid){ 0 });
			}
		}
	}
	env_poll(e);
}

void env_start(struct env *e, uint32_t slots)
{
	char err[256] = "";

	if (!server_open(&e->s, &e->conf, NULL, e->now_ms, e->wall_ms, err, sizeof(err)))
		fail_msg("%s", err);
	if (e->conf.gateway.contexts && !(e->s.gateway = gate_open(&e->s, err, sizeof(err))))
		fail_msg("%s", err);
	if (!adopt_due(&e->s))
		ports_resume(e->s.ports, server_now(&e->s));
	fake_dp_open(&e->dp, &e->conf, slots);
	if (!fake_dp_attach(&e->dp, &e->s, err, sizeof(err)))
		fail_msg("%s", err);
	env_sync(e);
}

/* Contexts are counted as they change; a look at all of them comes to the same. */
static void assert_phases(struct gateway *g)
{
	uint64_t phase[GATE_PHASES] = { 0 };
	uint32_t cursor = 0, look = UINT32_MAX;
	const struct context *c;

	while ((c = gate_next(g, &cursor, &look)) != NULL)
		phase[gate_phase(c)]++;
	assert_memory_equal(gate_stats(g)->phase, phase, sizeof(phase));
}

void env_stop(struct env *e)
{
	if (e->s.gateway)
		assert_phases(e->s.gateway);
	gate_close(e->s.gateway);
	server_close(&e->s);
	fake_dp_close(&e->dp);
}

void env_close(struct env *e)
{
	char beside[CONFIG_STR_MAX + 16];

	snprintf(beside, sizeof(beside), "%s.ports", e->conf.control.state);
	unlink(beside);
	snprintf(beside, sizeof(beside), "%s.dataplane", e->conf.control.state);
	unlink(beside);
	snprintf(beside, sizeof(beside), "%s.drain", e->conf.control.state);
	unlink(beside);
	unlink(e->conf.control.state);
	unlink(e->conf.control.contexts);
	snprintf(beside, sizeof(beside), "%s.h248", e->conf.control.contexts);
	unlink(beside);
	assert_int_equal(rmdir(e->dir), 0);
}

void env_poll(struct env *e)
{
	for (int i = 0; i < 100; i++) {
		server_clock(&e->s, e->now_ms, e->wall_ms);
		if (server_poll(&e->s) != DPLINK_MORE)
			return;
	}
	fail_msg("the server does not come to rest");
}

void env_advance(struct env *e, uint64_t ms)
{
	e->now_ms += ms;
	env_poll(e);
}

/* ---- fixtures ---- */

int env_setup(void **state)
{
	static struct env e;

	env_open(&e);
	*state = &e;
	return 0;
}

int env_teardown(void **state)
{
	struct env *e = *state;

	env_stop(e);
	env_close(e);
	return 0;
}

int env_setup_started(void **state)
{
	env_setup(state);
	env_start(*state, 256);
	return 0;
}

/* ---- requests ---- */

void ask_begin_as(struct ask *a, enum stun_method method, uint16_t port, const char *user)
{
	static uint32_t serial;

	memset(a, 0, sizeof(*a));
	serial++;
	memcpy(a->tid, &serial, sizeof(serial));
	a->leg.client = addr("198.51.100.7", port);
	stun_begin(&a->b, a->buf, sizeof(a->buf), stun_type(method, STUN_REQUEST), a->tid);
	if (user)
		stun_put(&a->b, STUN_ATTR_USERNAME, user, strlen(user));
}

void ask_begin(struct ask *a, enum stun_method method, uint16_t port)
{
	ask_begin_as(a, method, port, "alice");
}

void ask_over_tcp(struct ask *a, struct ctl_conn conn)
{
	a->leg.listener = 1;
	a->leg.conn = conn.idx;
	a->leg.conn_gen = conn.gen;
}

void ask_transport(struct ask *a)
{
	static const uint8_t udp[4] = { 17 };

	stun_put(&a->b, STUN_ATTR_REQUESTED_TRANSPORT, udp, sizeof(udp));
}

void ask_transport_tcp(struct ask *a)
{
	static const uint8_t tcp[4] = { 6 };

	stun_put(&a->b, STUN_ATTR_REQUESTED_TRANSPORT, tcp, sizeof(tcp));
}

void ask_family(struct ask *a, uint16_t attr, uint8_t family)
{
	uint8_t v[4] = { family };

	stun_put(&a->b, attr, v, sizeof(v));
}

void ask_peer(struct ask *a, const char *ip, uint16_t port)
{
	struct sock_addr peer = addr(ip, port);

	stun_put_xor_addr(&a->b, STUN_ATTR_XOR_PEER_ADDRESS, &peer);
}

void ask_channel(struct ask *a, uint16_t number)
{
	uint8_t v[4] = { (uint8_t)(number >> 8), (uint8_t)number };

	stun_put(&a->b, STUN_ATTR_CHANNEL_NUMBER, v, sizeof(v));
}

void ask_send(struct env *e, struct ask *a, struct answer *ans)
{
	size_t len = stun_end(&a->b);
	union ctl_cmd c;
	bool answered = false;

	assert_true(len > 0);
	memset(ans, 0, sizeof(*ans));
	fake_dp_punt_leg(&e->dp, a->worker, &a->leg, a->buf, len, e->now_ms * 1000);
	env_poll(e);
	while (fake_dp_take(&e->dp, a->worker, &c)) {
		/* State comes before the reply, and a data connection is joined behind it. */
		assert_true(!answered || c.hdr.type == CMD_JOIN);
		if (c.hdr.type == CMD_SEND) {
			ans->send = c.send;
			answered = true;
		} else {
			ans->cmd[ans->n_cmd++] = c;
		}
	}
	assert_true(answered);
	assert_memory_equal(&ans->send.leg, &a->leg, sizeof(a->leg));
	assert_int_equal(stun_parse(&ans->m, ans->send.payload, ans->send.payload_len), STUN_OK);
	assert_memory_equal(ans->m.tid, a->tid, STUN_TID_LEN);
	if (ans->m.cls == STUN_ERROR)
		ans->code = stun_get_error(&ans->m.error_code);
	else
		assert_int_equal(ans->m.cls, STUN_SUCCESS);
}

void ask_expect(struct env *e, struct ask *a, struct answer *ans, int code)
{
	ask_send(e, a, ans);
	assert_int_equal(ans->code, code);
	if (code)
		assert_int_equal(ans->n_cmd, 0); /* an error changes nothing */
	if (code != 401 && code != 438)
		assert_non_null(ans->m.integrity.val);
}

void ask_allocate(struct env *e, uint16_t port, struct sock_addr *relayed)
{
	struct answer ans;
	struct ask a;

	ask_begin(&a, STUN_ALLOCATE, port);
	ask_transport(&a);
	ask_expect(e, &a, &ans, 0);
	assert_int_not_equal(stun_get_xor_addr(&ans.m, &ans.m.xor_relayed, relayed), 0);
}

struct table_alloc *env_alloc(struct env *e, uint16_t port)
{
	struct ctl_leg leg = { .client = addr("198.51.100.7", port) };

	return table_find(e->s.table, &leg);
}

struct table_alloc *env_alloc_tcp(struct env *e, uint16_t port)
{
	struct ctl_leg leg = { .client = addr("198.51.100.7", port), .listener = 1 };

	return table_find(e->s.table, &leg);
}

/* ---- commands ---- */

bool env_take(struct env *e, uint32_t worker, uint16_t type, union ctl_cmd *c)
{
	env_poll(e);
	while (fake_dp_take(&e->dp, worker, c)) {
		if (c->hdr.type == type)
			return true;
	}
	return false;
}

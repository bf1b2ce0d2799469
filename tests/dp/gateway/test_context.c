/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of contexts (R28, R42): commands and what is refused, each value of a command at its
 * bounds, ports that are somebody's, replay, sweep, expiry, and terminations that move.
 */
#include "tests/world/unit.h"
#include "tests/world/media_world.h"
#include "dp/gateway/gateway.h"

static const struct ctl_cid cid1 = { 1, 5 };

static uint32_t entry(const struct ctl_term *t, uint32_t i)
{
	return *relayed_slot(world.w, t->local.relay, (uint16_t)(be16_get(t->local.port) + i));
}

static uint64_t contexts(void)
{
	return world.w->counters->cnt[CNT_GATE_CONTEXTS];
}

static bool set(uint32_t slot, uint32_t gen, uint16_t flags)
{
	struct cmd_context_set c = media_cmd(slot, gen, flags);

	return media_put(&c);
}

static bool del(struct ctl_cid cid)
{
	struct cmd_context c = { .cid = cid };

	return world_cmd(0, CMD_CONTEXT_DEL, &c, sizeof(c));
}

static void all_free(void)
{
	uint32_t r, p;

	assert_int_equal(contexts(), 0);
	for (r = 0; r < world.conf.n_relay; r++)
		for (p = 0; p < 65536; p++)
			assert_int_equal(*relayed_slot(world.w, r, (uint16_t)(p)), SLOT_NONE);
}

static void set_change_delete(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, TERM_RTP);

	(void)state;
	assert_int_equal(world.dp.region->worker[0].contexts_max, MEDIA_CONTEXTS);
	assert_true(media_put(&c));
	assert_int_equal(contexts(), 1);
	assert_int_equal(entry(&c.term[0], 0), gate_component(1, 0));
	assert_int_equal(entry(&c.term[0], 1), gate_component(1, 1));
	assert_int_equal(entry(&c.term[1], 0), gate_component(1, 2));
	assert_int_equal(entry(&c.term[1], 1), gate_component(1, 3));
	assert_true(relayed_kind(entry(&c.term[1], 1)) == RELAYED_TERM);
	assert_false(relayed_kind(SLOT_NONE) == RELAYED_TERM);
	/* No RTCP any more, then no second side, then other ports. */
	c.term[0] = media_term(SIDE_A, 1, 0, false);
	assert_true(media_put(&c));
	assert_int_equal(entry(&c.term[0], 1), SLOT_NONE);
	c.term[1].transport = TERM_NONE;
	assert_true(media_put(&c));
	assert_int_equal(entry(&c.term[1], 0), SLOT_NONE);
	assert_int_equal(contexts(), 1);
	c.term[0].local.port = be16_make(MEDIA_A + 100);
	assert_true(media_put(&c));
	media_no_evt();
	assert_true(del(cid1));
	media_evt(EVT_CONTEXT_STATS, cid1);
	media_no_evt();
	all_free();
	assert_false(del(cid1));
	media_no_evt();
}

static void a_slot_is_taken_over(void **state)
{
	struct cmd_context_set a = media_cmd(1, 5, TERM_RTP), b = media_cmd(1, 6, 0);

	(void)state;
	assert_true(media_put(&a));
	b.term[0].local.port = be16_make(MEDIA_A + 200);
	assert_true(media_put(&b));
	assert_int_equal(contexts(), 1);
	assert_int_equal(entry(&a.term[0], 0), SLOT_NONE);
	assert_int_equal(entry(&a.term[1], 0), gate_component(1, 2)); /* of both */
	assert_int_equal(entry(&a.term[1], 1), SLOT_NONE);
	assert_false(del(cid1));
	assert_true(del((struct ctl_cid){ 1, 6 }));
	all_free();
}

static void sides_exchange_ports(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, TERM_RTP);
	struct ctl_term t = c.term[0];

	(void)state;
	assert_true(media_put(&c));
	c.term[0] = c.term[1];
	c.term[1] = t;
	assert_true(media_put(&c));
	assert_int_equal(entry(&c.term[0], 1), gate_component(1, 1));
	assert_int_equal(entry(&c.term[1], 1), gate_component(1, 3));
}

/* What is of datagrams stays so: the two kinds keep their own. */
static void a_kind_for_life(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, 0);

	(void)state;
	assert_true(media_put(&c));
	for (int i = 0; i < 2; i++) {
		c.term[i].transport = TERM_TCP;
		c.term[i].flags = TERM_IN | TERM_OUT;
	}
	assert_false(media_put(&c));
	media_refused(c.cid, REFUSED_BAD);
	c.cid.gen++;
	assert_false(media_put(&c)); /* no streams here */
	media_refused(c.cid, REFUSED_FULL);
}

/* CMD_SESSION_SET with a port of side B. */
static bool session_put(uint32_t slot, uint32_t gen, uint16_t client, uint16_t port)
{
	struct cmd_session_set c = { .sid = { slot, gen },
				     .leg.client = at("10.1.0.2", client),
				     .relay = { { 0, be16_make(port) },
						{ CTL_RELAY_NONE, { { 0 } } } },
				     .expiry = world.w->now + 600 };
	bool ok = world_cmd(0, CMD_SESSION_SET, &c, sizeof(c));

	while (world_evt(0))
		;
	return ok;
}

static void ports_of_others(void **state)
{
	struct cmd_context_set c = media_cmd(2, 5, 0);
	struct sock_addr client = at("10.1.0.2", 5000);

	(void)state;
	assert_true(set(1, 5, TERM_RTP));
	c.term[0].local.port = be16_make(MEDIA_A + 4 + 1); /* RTCP of slot 1 */
	assert_false(media_put(&c));
	media_refused(c.cid, REFUSED_PORT);
	assert_int_equal(contexts(), 1);
	/* A session's port is no component's, nor the other way round. */
	assert_true(session_add(0, 3, 1, &client, 0, MEDIA_B + 8, 0, 0));
	c = media_cmd(2, 5, 0);
	assert_false(media_put(&c));
	media_refused(c.cid, REFUSED_PORT);
	assert_false(session_put(4, 1, 5001, MEDIA_B + 4));
	assert_true(session_put(4, 1, 5001, MEDIA_B + 12));
}

struct row {
	const char *what;
	void (*spoil)(struct cmd_context_set *c);
};

#define ROW(name, code)                                     \
	static void spoil_##name(struct cmd_context_set *c) \
	{                                                   \
		code;                                       \
	}
ROW(gen, c->cid.gen = 0)
ROW(flags, c->flags = CONTEXT_HOLD << 1)
ROW(transport, c->term[0].transport = TERM_TLS + 1)
ROW(term_flags, c->term[0].flags |= TERM_CONNECT)
ROW(term_flags_unknown, c->term[0].flags |= 1 << 12)
ROW(srtp_alone, c->term[0] = media_term(SIDE_A, 1, TERM_SRTP, false))
ROW(relearn_alone, c->term[0].flags |= TERM_RELEARN)
ROW(mux_alone, c->term[0] = media_term(SIDE_A, 1, TERM_RTCP_MUX, false))
ROW(rtcp_alone, c->term[0].flags = TERM_IN)
ROW(any_port_of_ice, c->term[0].flags |= TERM_ICE | TERM_LATCH_ADDR;
    memset(c->term[0].ufrag, 'u', 4); memset(c->term[0].pwd, 'p', 22))
ROW(client_latches, *c = media_cmd(1, 5, TERM_CONNECT | TERM_LATCH);
    c->term[0].transport = c->term[1].transport = TERM_TCP)
ROW(relay, c->term[0].local.relay = 4)
ROW(no_relay, c->term[0].local.relay = CTL_RELAY_NONE)
ROW(port_low, c->term[0].local.port = be16_make(RELAY_MIN - 2))
ROW(port_high, c->term[0].local.port = be16_make(RELAY_MAX + 1))
ROW(port_high_rtcp, c->term[0].local.port = be16_make(RELAY_MAX))
ROW(port_odd, c->term[0].local.port = be16_make(MEDIA_A + 1))
ROW(family, c->term[0].remote[0] = at("fd00:1::2", 6000))
ROW(family_rtcp, c->term[0].remote[1] = at("fd00:1::2", 6001))
ROW(family_latched, c->term[0].latched[1] = at("fd00:1::2", 6001))
ROW(family_alone, c->term[0].remote[0] = at("fd00:1::2", 0))
ROW(port_alone, c->term[0] = media_term(SIDE_A, 1, 0, true);
    c->term[0].remote[0].ip = (struct ip_addr){ { 0 } })
ROW(no_address, c->term[0] = media_term(SIDE_A, 1, TERM_LATCH | TERM_LATCH_ADDR, true);
    c->term[0].remote[0] = (struct sock_addr){ 0 })
ROW(burst_alone, c->term[0].burst = 1)
ROW(dscp, c->term[0].dscp = 64)
ROW(burst, c->term[0].rate = 1)
ROW(ufrag_end, memset(c->term[0].ufrag, 'a', sizeof(c->term[0].ufrag)))
ROW(pwd_end, memset(c->term[0].pwd, 'a', sizeof(c->term[0].pwd)))
ROW(host_end, memset(c->term[0].host, 'a', sizeof(c->term[0].host)))
ROW(ufrag_short, c->term[0].flags |= TERM_ICE; memcpy(c->term[0].ufrag, "abc", 3);
    memset(c->term[0].pwd, 'p', 22))
ROW(pwd_short, c->term[0].flags |= TERM_ICE; memcpy(c->term[0].ufrag, "abcd", 4);
    memset(c->term[0].pwd, 'p', 21))
ROW(fingerprint, c->term[0].n_fingerprint = 1)
ROW(both, c->term[1] = media_term(SIDE_B, 1, 0, false); c->term[1].transport = TERM_TCP)
ROW(overlap, c->term[1].local = c->term[0].local; c->term[1].remote[0].port = be16_make(0);
    c->term[1].remote[1].port = be16_make(0))

#define R(name)                     \
	{                           \
#name, spoil_##name \
	}
static const struct row rows[] = {
	R(gen),	       R(flags),       R(transport),	   R(term_flags),     R(term_flags_unknown),
	R(mux_alone),  R(relay),       R(no_relay),	   R(port_low),	      R(relearn_alone),
	R(port_high),  R(port_odd),    R(port_high_rtcp),  R(family),	      R(family_rtcp),
	R(dscp),       R(burst),       R(family_latched),  R(ufrag_end),      R(pwd_end),
	R(host_end),   R(ufrag_short), R(pwd_short),	   R(fingerprint),    R(both),
	R(overlap),    R(rtcp_alone),  R(any_port_of_ice), R(client_latches), R(family_alone),
	R(port_alone), R(no_address),  R(burst_alone),	   R(srtp_alone),
};

static void values(void **state)
{
	struct cmd_context_set c;
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(rows); i++) {
		print_message("%s\n", rows[i].what);
		c = media_cmd(1, 5, TERM_RTP);
		rows[i].spoil(&c);
		assert_false(media_put(&c));
		media_refused(c.cid, REFUSED_BAD);
		all_free();
		/* What is there is not touched by what cannot be. */
		c = media_cmd(1, 5, TERM_RTP);
		assert_true(media_put(&c));
		rows[i].spoil(&c);
		assert_false(media_put(&c));
		media_refused(c.cid, REFUSED_BAD);
		assert_int_equal(contexts(), 1);
		c = media_cmd(1, 5, TERM_RTP);
		assert_int_equal(entry(&c.term[0], 1), gate_component(1, 1));
		assert_true(del(cid1));
		media_evt(EVT_CONTEXT_STATS, cid1);
	}
}

static void values_that_just_pass(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, TERM_RTP | TERM_RTCP_MUX | TERM_ICE);

	(void)state;
	c.term[0].dscp = 63;
	c.term[0].rate = 1;
	c.term[0].burst = 1;
	memset(c.term[0].ufrag, 'a', CTL_UFRAG_MAX - 1);
	memset(c.term[0].pwd, 'a', CTL_PWD_MAX - 1);
	memset(c.term[0].host, 'a', CTL_HOST_MAX - 1);
	memset(c.term[1].ufrag, 'a', 4);
	memset(c.term[1].pwd, 'a', 22);
	c.term[1].local.port = be16_make(RELAY_MAX - 1);
	assert_true(media_put(&c));
	media_no_evt();
	/* Addresses of no port are not looked at: nothing is known of the remote yet. */
	c = media_cmd(2, 5, TERM_LATCH);
	memset(c.term[0].remote, 0, sizeof(c.term[0].remote));
	c.term[0].local.port = be16_make(RELAY_MAX);
	assert_true(media_put(&c));
	c.term[0].flags |= TERM_LATCH_ADDR;
	assert_false(media_put(&c));
	media_refused(c.cid, REFUSED_BAD);
}

static void slots(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, 0);

	(void)state;
	c.cid.slot = MEDIA_CONTEXTS;
	assert_false(media_put(&c));
	media_refused(c.cid, REFUSED_FULL);
	assert_false(del(c.cid));
	c.cid.slot = MEDIA_CONTEXTS - 1;
	assert_true(media_put(&c));
	assert_non_null(context_find(world.w, c.cid));
	assert_null(context_find(world.w, (struct ctl_cid){ c.cid.slot, 6 }));
	assert_null(context_find(world.w, (struct ctl_cid){ 0, 0 }));
	assert_null(context_find(world.w, (struct ctl_cid){ MEDIA_CONTEXTS, 5 }));
}

static void audit(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, TERM_RTP);
	struct cmd_context unknown = { .cid = { 1, 6 } };
	struct ctl_term_stats s;

	(void)state;
	assert_true(media_put(&c));
	s = media_audit(cid1, SIDE_A);
	assert_int_equal(s.packets, 0);
	assert_int_equal(s.silent_s, UINT32_MAX);
	assert_false(world_cmd(0, CMD_CONTEXT_AUDIT, &unknown, sizeof(unknown)));
	media_no_evt();
}

static void no_gateway(void **state)
{
	struct cmd_context_set c;
	struct cmd_context_move m = { .cid = cid1, .to = { 2, 1 } };

	(void)state;
	media_config();
	world.conf.gateway.contexts = 0;
	world_start();
	assert_null(world.w->gateway->context);
	assert_null(world.w->media_path);
	c = media_cmd(0, 1, 0);
	assert_false(media_put(&c));
	media_refused(c.cid, REFUSED_FULL);
	assert_false(del(c.cid));
	assert_false(world_cmd(0, CMD_CONTEXT_MOVE, &m, sizeof(m)));
	media_refused(m.cid, REFUSED_GONE);
	media_later(5000);
	assert_true(world_cmd(0, CMD_SYNC_BEGIN, &(struct ctl_hdr){ 0 }, sizeof(struct ctl_hdr)));
	assert_true(world_cmd(0, CMD_SYNC_END, &(struct ctl_hdr){ 0 }, sizeof(struct ctl_hdr)));
	world_stop();
}

/* ---- replay ---- */

static void sync_cmd(uint16_t type)
{
	struct ctl_hdr c = { 0 };

	assert_true(world_cmd(0, type, &c, sizeof(c)));
	while (world_evt(0))
		;
}

static void a_replay_ends_the_rest(void **state)
{
	struct cmd_context_set c = media_cmd(2, 5, TERM_RTP);

	(void)state;
	assert_true(set(1, 5, TERM_RTP));
	assert_true(media_put(&c));
	sync_cmd(CMD_SYNC_BEGIN);
	assert_int_equal(contexts(), 2);
	assert_true(media_put(&c));
	sync_cmd(CMD_SYNC_END);
	assert_int_equal(contexts(), 1);
	media_passes(&c, SIDE_A, 0);
	sync_cmd(CMD_SYNC_BEGIN);
	sync_cmd(CMD_SYNC_END);
	all_free();
}

/* The control process forgot slot 1 and gave its ports to slot 2. */
static void a_replay_takes_ports(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, TERM_RTP);

	(void)state;
	assert_true(media_put(&c));
	c.cid = (struct ctl_cid){ 2, 5 };
	assert_false(media_put(&c));
	media_refused(c.cid, REFUSED_PORT);
	sync_cmd(CMD_SYNC_BEGIN);
	assert_true(media_put(&c));
	media_no_evt();
	media_passes(&c, SIDE_B, 1);
	assert_int_equal(contexts(), 2); /* one has no side any more */
	sync_cmd(CMD_SYNC_END);
	assert_int_equal(contexts(), 1);
	assert_null(context_find(world.w, cid1));
	media_passes(&c, SIDE_B, 1);
}

/*
 * Ports pass between sessions and contexts: who is named in a replay has them, whatever had them
 * and is not named yet; who was named keeps them.
 */
static void a_replay_takes_ports_of_sessions(void **state)
{
	struct cmd_context_set c = media_cmd(2, 5, TERM_RTP);
	const uint16_t rtcp = (uint16_t)(be16_get(c.term[SIDE_B].local.port) + 1);

	(void)state;
	assert_true(session_put(3, 1, 5000, rtcp));
	sync_cmd(CMD_SYNC_BEGIN);
	assert_true(media_put(&c));
	media_no_evt();
	assert_int_equal(world.w->session[3].gen, 0);
	media_passes(&c, SIDE_A, 1);
	assert_false(session_put(3, 1, 5000, rtcp));
	media_passes(&c, SIDE_A, 1);
	sync_cmd(CMD_SYNC_END);
	assert_int_equal(contexts(), 1);

	sync_cmd(CMD_SYNC_BEGIN);
	assert_true(session_put(3, 1, 5000, rtcp));
	assert_int_equal(*relayed_slot(world.w, 0, rtcp), 3);
	assert_int_equal(*relayed_slot(world.w, 0, (uint16_t)(rtcp - 1)), SLOT_NONE);
	assert_false(media_put(&c));
	media_refused(c.cid, REFUSED_PORT);
	sync_cmd(CMD_SYNC_END);
	assert_int_equal(contexts(), 0);
	assert_int_equal(*relayed_slot(world.w, 0, rtcp), 3);
	assert_true(session_del(world.w, &(struct ctl_sid){ 3, 1 }));
	all_free();
}

/* A command that is refused takes no port from whoever a replay has not named yet. */
static void a_refused_session_takes_no_port(void **state)
{
	struct cmd_context_set c = media_cmd(2, 5, TERM_RTP), other = media_cmd(1, 5, TERM_RTP);
	const uint16_t rtcp = (uint16_t)(be16_get(c.term[SIDE_B].local.port) + 1);
	struct cmd_session_set s = { .sid = { 3, 1 },
				     .leg = { at("10.1.0.2", 5000), 0, 7, 9 },
				     .relay = { { 0, be16_make(rtcp) },
						{ CTL_RELAY_NONE, { { 0 } } } },
				     .expiry = world.w->now + 600 };

	(void)state;
	assert_true(media_put(&c));
	assert_true(media_put(&other));
	sync_cmd(CMD_SYNC_BEGIN);
	assert_true(media_put(&other));
	assert_false(session_put(world.conf.dataplane.sessions, 1, 5000, rtcp));
	assert_false(session_put(3, 0, 5000, rtcp));
	assert_false(session_put(3, 1, 0, rtcp));
	assert_false(world_cmd(0, CMD_SESSION_SET, &s, sizeof(s))); /* its connection has gone */
	while (world_evt(0))
		;
	media_passes(&c, SIDE_A, 0);
	media_passes(&c, SIDE_B, 1);
	assert_true(media_put(&c));
	sync_cmd(CMD_SYNC_END);
	assert_int_equal(media_audit(c.cid, SIDE_A).packets, 1);
}

static void a_refused_context_takes_no_port(void **state)
{
	struct cmd_context_set c = media_cmd(2, 5, TERM_RTP), other = media_cmd(1, 5, TERM_RTP);
	const uint16_t port = be16_get(c.term[SIDE_B].local.port);

	(void)state;
	/* Of its ports side A's are a context's, and side B's two sessions', one of which is named.
	 */
	c.term[SIDE_A].local = other.term[SIDE_A].local;
	assert_true(session_put(3, 1, 5000, port));
	assert_true(session_put(4, 1, 5001, (uint16_t)(port + 1)));
	assert_true(media_put(&other));
	sync_cmd(CMD_SYNC_BEGIN);
	assert_true(session_put(4, 1, 5001, (uint16_t)(port + 1)));
	assert_false(media_put(&c));
	media_refused(c.cid, REFUSED_PORT);
	assert_int_equal(*relayed_slot(world.w, 0, port), 3);
	assert_true(session_del(world.w, &(struct ctl_sid){ 4, 1 }));
	c.cid.gen = 0;
	assert_false(media_put(&c));
	media_refused(c.cid, REFUSED_BAD);
	c.cid.gen = 5;
	for (int i = 0; i < 2; i++) {
		c.term[i] = media_term((uint32_t)i, i == SIDE_A ? 1 : 2, 0, false);
		c.term[i].transport = TERM_TCP;
	}
	assert_false(media_put(&c)); /* no streams here */
	media_refused(c.cid, REFUSED_FULL);
	assert_int_equal(*relayed_slot(world.w, 0, port), 3);
	assert_int_equal(world.w->session[3].gen, 1);
	media_passes(&other, SIDE_A, 0);
	assert_true(media_put(&other));
	assert_true(session_put(3, 1, 5000, port));
	sync_cmd(CMD_SYNC_END);
	assert_int_equal(media_audit(other.cid, SIDE_A).packets, 1);
	assert_true(session_del(world.w, &(struct ctl_sid){ 3, 1 }));
}

/*
 * The control process was killed between its note of a move and the command: side B stays where it
 * is, with what it has learnt.
 */
static void a_replay_after_a_lost_move(void **state)
{
	struct cmd_context_set a = media_cmd(2, 5, TERM_RTP), b = media_cmd(1, 9, TERM_RTP);
	const struct sock_addr who = at("10.2.0.3", 40000);

	(void)state;
	a.term[SIDE_B].flags |= TERM_LATCH;
	b.term[SIDE_A].transport = TERM_NONE;
	assert_true(media_put(&a));
	assert_true(media_put(&b));
	media_from(&a, SIDE_B, 0, &who);
	media_out(&a, SIDE_A, 0, &a.term[SIDE_A].remote[0], NULL);
	media_latched(a.cid, SIDE_B, 0, &who);
	sync_cmd(CMD_SYNC_BEGIN);
	b.term[SIDE_A] = a.term[SIDE_A];
	assert_true(media_put(&b));
	media_no_evt();
	assert_int_equal(contexts(), 2);
	assert_int_equal(entry(&a.term[SIDE_A], 1), gate_component(1, 1));
	assert_int_equal(entry(&a.term[SIDE_B], 1), gate_component(2, 3));
	media_passes(&b, SIDE_A, 0);
	media_passes(&b, SIDE_B, 1);
	a.term[SIDE_A].transport = TERM_NONE;
	assert_true(media_put(&a));
	sync_cmd(CMD_SYNC_END);
	assert_int_equal(media_audit(a.cid, SIDE_B).packets, 1);
	/* With another partner it goes on. */
	a.term[SIDE_A] = media_term(SIDE_A, 3, TERM_RTP, false);
	assert_true(media_put(&a));
	media_from(&a, SIDE_A, 0, &a.term[SIDE_A].remote[0]);
	media_out(&a, SIDE_B, 0, &who, NULL);
	media_from(&a, SIDE_B, 0, &who);
	media_out(&a, SIDE_A, 0, &a.term[SIDE_A].remote[0], NULL);
}

static void expiry(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, TERM_RTP);

	(void)state;
	c.expiry = world.w->now + 10;
	assert_true(media_put(&c));
	media_later(8000);
	assert_int_equal(contexts(), 1);
	media_passes(&c, SIDE_A, 0);
	media_later(1000);
	all_free();
	media_drops(&c, SIDE_A, 0, DROP_RELAY_PORT);
}

/* ---- move ---- */

static bool move(struct ctl_cid cid, uint8_t side, struct ctl_cid to, uint8_t to_side)
{
	struct cmd_context_move m = { .cid = cid, .to = to, .side = side, .to_side = to_side };

	return world_cmd(0, CMD_CONTEXT_MOVE, &m, sizeof(m));
}

static void a_termination_moves(void **state)
{
	struct cmd_context_set a = media_cmd(1, 5, TERM_RTP), b = media_cmd(2, 9, TERM_RTP), ab;

	(void)state;
	b.term[SIDE_A].transport = TERM_NONE;
	assert_true(media_put(&a));
	assert_true(media_put(&b));
	media_passes(&a, SIDE_A, 0);
	assert_true(move(a.cid, SIDE_A, b.cid, SIDE_A));
	media_no_evt();
	ab = b;
	ab.term[SIDE_A] = a.term[SIDE_A];
	assert_int_equal(entry(&a.term[SIDE_A], 1), gate_component(2, 1));
	media_passes(&ab, SIDE_A, 0);
	media_passes(&ab, SIDE_B, 1);
	media_drops(&a, SIDE_B, 0, DROP_GATE_PARTNER);
	/* It brought its counters. */
	assert_int_equal(media_audit(b.cid, SIDE_A).packets, 2);
	assert_int_equal(media_audit(a.cid, SIDE_A).packets, 0);
	/* What follows says the same. */
	a.term[SIDE_A].transport = TERM_NONE;
	assert_true(media_put(&a));
	assert_true(media_put(&ab));
	media_passes(&ab, SIDE_B, 0);
	assert_int_equal(media_audit(b.cid, SIDE_A).packets, 2);
}

static void to_the_other_side(void **state)
{
	struct cmd_context_set a = media_cmd(1, 5, 0), b = media_cmd(2, 9, 0);

	(void)state;
	memset(b.term, 0, sizeof(b.term));
	assert_true(media_put(&a));
	assert_true(media_put(&b));
	assert_int_equal(contexts(), 2);
	assert_true(move(a.cid, SIDE_A, b.cid, SIDE_B));
	assert_int_equal(entry(&a.term[SIDE_A], 0), gate_component(2, 2));
	media_drops(&a, SIDE_A, 0, DROP_GATE_PARTNER);
}

static void moves_that_cannot_be(void **state)
{
	struct cmd_context_set a = media_cmd(1, 5, 0), b = media_cmd(2, 9, 0);
	const struct ctl_cid gone = { 3, 1 };

	(void)state;
	b.term[SIDE_A].transport = TERM_NONE;
	assert_true(media_put(&a));
	assert_true(media_put(&b));
	assert_false(move(gone, SIDE_A, b.cid, SIDE_A));
	media_refused(gone, REFUSED_GONE);
	assert_false(move(a.cid, SIDE_A, gone, SIDE_A));
	media_refused(a.cid, REFUSED_GONE);
	assert_false(move(a.cid, SIDE_A, b.cid, SIDE_B)); /* it has one */
	media_refused(a.cid, REFUSED_GONE);
	assert_false(move(b.cid, SIDE_A, a.cid, SIDE_A)); /* it has none */
	media_refused(b.cid, REFUSED_GONE);
	assert_false(move(a.cid, SIDES, b.cid, SIDE_A));
	media_refused(a.cid, REFUSED_GONE);
	assert_false(move(a.cid, SIDE_A, b.cid, SIDES));
	media_refused(a.cid, REFUSED_GONE);
	media_passes(&a, SIDE_A, 0);
}

/* An owner of a port is asked by all who come to it. */
static void other_users_of_the_table(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, 0);
	struct sock_addr to = media_local(&c.term[0], 0), from = c.term[0].remote[0];
	uint8_t syn[20] = { [12] = 5 << 4, [13] = 2, [14] = 0xff };
	static struct frame f;

	(void)state;
	assert_true(media_put(&c));
	memcpy(syn, from.port.b, 2);
	memcpy(syn + 2, to.port.b, 2);
	frame_ip(&f, ACCESS, &from.ip, &to.ip, 6, syn, sizeof(syn), &(struct frame_opt){ 0 });
	world_mark();
	world.rx_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	world_feed(ACCESS, &f);
	world.rx_flags = 0;
	world_drops(DROP_TCP_PORT, 1);
	world_forget();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, media_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(set_change_delete),
		T(a_slot_is_taken_over),
		T(sides_exchange_ports),
		T(a_kind_for_life),
		T(ports_of_others),
		T(values),
		T(values_that_just_pass),
		T(slots),
		T(audit),
		cmocka_unit_test(no_gateway),
		T(expiry),
		T(a_replay_ends_the_rest),
		T(a_replay_takes_ports),
		T(a_replay_takes_ports_of_sessions),
		T(a_refused_session_takes_no_port),
		T(a_refused_context_takes_no_port),
		T(a_replay_after_a_lost_move),
		T(a_termination_moves),
		T(to_the_other_side),
		T(moves_that_cannot_be),
		T(other_users_of_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

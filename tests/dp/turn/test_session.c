/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sessions, permissions and channels as a worker keeps them: what a command may do and what is
 * refused, that slots and generations are not mixed up, that pools run out and recover, that a
 * permission covers every record of its address (RFC 8656 9, 12), and that a replay ends what it
 * did not name.
 */
#include "tests/world/unit.h"
#include "tests/world/control.h"
#include "dp/turn/turn.h"

#include "lib/chandata.h"

#define NOW WORLD_START_S

enum { PORT = RELAY_PORT };

static struct sock_addr client_a, client_b;

static int setup(void **state)
{
	client_a = at("10.1.0.2", 5000);
	client_b = at("10.1.0.2", 5001);
	return world_setup(state);
}

static uint64_t gauge(enum counter c)
{
	return world.w->counters->cnt[c];
}

static struct session *session(uint32_t slot)
{
	return &world.w->session[slot];
}

static bool permitted(uint32_t slot, const char *ip)
{
	struct ip_addr a = at(ip, 0).ip;

	return session_permission(world.w, slot, &a) != NULL;
}

/* Whether a client's ChannelData finds its session, and which. */
static uint32_t slot_of_client(const struct sock_addr *a)
{
	return session_find(world.w, flow_hash(world.dp.hash_key, &a->ip, a->port, 0), &a->ip,
			    a->port, 0);
}

static void install_replace_delete(void **state)
{
	struct ctl_sid sid = { 3, 1 };

	(void)state;
	assert_int_equal(slot_of_client(&client_a), SLOT_NONE);
	assert_true(session_add(0, 3, 1, &client_a, 0, PORT, PORT, SESSION_FINGERPRINT));
	assert_int_equal(slot_of_client(&client_a), 3);
	assert_int_equal(*relayed_slot(world.w, 0, PORT), 3);
	assert_int_equal(*relayed_slot(world.w, 1, PORT), 3);
	assert_int_equal(session(3)->expiry, NOW + 600);
	assert_true(chan_add(0, 3, &client_b, 0x4000, NOW + 10));
	/* the same again changes expiry and flags, and keeps what hangs on it */
	world_clock_ms((NOW + 5) * 1000ull);
	assert_true(session_add(0, 3, 1, &client_a, 0, PORT, PORT, 0));
	assert_int_equal(session(3)->expiry, NOW + 605);
	assert_int_equal(session(3)->flags, 0);
	assert_non_null(session_channel(world.w, 3, 0x4000));
	assert_int_equal(gauge(CNT_SESSIONS), 1);
	/* another tenant of the slot starts afresh */
	assert_true(session_add(0, 3, 2, &client_b, 0, PORT + 1, 0, 0));
	assert_int_equal(slot_of_client(&client_a), SLOT_NONE);
	assert_int_equal(slot_of_client(&client_b), 3);
	assert_int_equal(*relayed_slot(world.w, 0, PORT), SLOT_NONE);
	assert_int_equal(*relayed_slot(world.w, 1, PORT), SLOT_NONE);
	assert_int_equal(*relayed_slot(world.w, 0, (uint16_t)(PORT + 1)), 3);
	assert_null(session_channel(world.w, 3, 0x4000));
	assert_false(permitted(3, "10.1.0.2"));
	assert_int_equal(gauge(CNT_SESSIONS), 1);
	/* commands about the earlier tenant miss */
	assert_false(session_del(world.w, &sid));
	sid.gen = 0;
	assert_false(session_del(world.w, &sid));
	sid.gen = 2;
	assert_true(session_del(world.w, &sid));
	assert_false(session_del(world.w, &sid));
	assert_int_equal(slot_of_client(&client_b), SLOT_NONE);
	assert_int_equal(*relayed_slot(world.w, 0, (uint16_t)(PORT + 1)), SLOT_NONE);
	assert_int_equal(gauge(CNT_SESSIONS), 0);
}

/* A five-tuple that comes back in another slot ends the session it had. */
static void one_session_a_client(void **state)
{
	(void)state;
	assert_true(session_add(0, 1, 1, &client_a, 0, PORT, 0, 0));
	assert_true(session_add(0, 2, 1, &client_a, 0, PORT + 1, 0, 0));
	assert_int_equal(session(1)->gen, 0);
	assert_int_equal(*relayed_slot(world.w, 0, PORT), SLOT_NONE);
	assert_int_equal(slot_of_client(&client_a), 2);
	assert_int_equal(gauge(CNT_SESSIONS), 1);
	/* the same client on another listener is another client; of another family it is a lie */
	assert_false(session_add(0, 3, 1, &client_a, 1, PORT + 2, 0, 0));
}

static void impossible_sessions(void **state)
{
	const struct cmd_session_set good = {
		.sid = { 1, 1 },
		.leg = { .client = client_a, .listener = 0 },
		.expiry = NOW + 60,
		.relay = { { 0, be16_make(PORT) }, { 1, be16_make(PORT) } },
	};
	struct cmd_session_set c = good;
	uint16_t i;

	(void)state;
#define REFUSED(change)                                 \
	do {                                            \
		c = good;                               \
		change;                                 \
		assert_false(session_set(world.w, &c)); \
	} while (0)
	REFUSED(c.sid.slot = world.w->turn->sessions_max);
	REFUSED(c.sid.slot = UINT32_MAX);
	REFUSED(c.sid.gen = 0);
	REFUSED(c.leg.conn = 1);
	REFUSED(c.leg.listener = 2);
	REFUSED(c.leg.listener = 0xffff);
	REFUSED(c.leg.client.port = be16_make(0));
	REFUSED(c.leg.client = at("fd00:1::2", 5000));
	REFUSED(c.relay[0].relay = 2);
	REFUSED(c.relay[0].relay = 0xfffe);
	REFUSED(c.relay[0].relay = 1); /* families swapped */
	REFUSED(c.relay[1].relay = 0);
	REFUSED(c.relay[0].port = be16_make(RELAY_MIN - 1));
	REFUSED(c.relay[0].port = be16_make(RELAY_MAX + 1));
	REFUSED(c.relay[0].port = be16_make(0));
	REFUSED(c.relay[0].relay = c.relay[1].relay = CTL_RELAY_NONE);
	for (i = 0; i < world.w->turn->sessions_max; i++)
		assert_int_equal(session(i)->gen, 0);
	assert_int_equal(gauge(CNT_SESSIONS), 0);
	assert_int_equal(slot_of_client(&client_a), SLOT_NONE);
	/* a relayed port that another session has */
	assert_true(session_set(world.w, &good));
	assert_false(session_add(0, 2, 1, &client_b, 0, PORT, 0, 0));
	assert_false(session_add(0, 2, 1, &client_b, 0, 0, PORT, 0));
	assert_true(session_add(0, 2, 1, &client_b, 0, PORT + 1, 0, 0));
}

static void ports_of_other_workers(void **state)
{
	(void)state;
	world_stop();
	world_config();
	world.conf.dataplane.n_workers = 2;
	world_start();
	/* pairs go round: 49152 and 49153 are worker 0's, 49154 and 49155 worker 1's */
	assert_true(session_add(0, 1, 1, &client_a, 0, 49152, 0, 0));
	assert_false(session_add(0, 2, 1, &client_b, 0, 49154, 0, 0));
	assert_false(session_add(0, 2, 1, &client_b, 0, 49153, 49155, 0));
	assert_false(session_add(1, 1, 1, &client_a, 0, 49152, 0, 0));
	assert_true(session_add(1, 1, 1, &client_a, 0, 49155, 49154, 0));
}

static void slots_run_out(void **state)
{
	uint32_t i, n = world.w->turn->sessions_max;
	struct ctl_sid sid = { 0, 1 };

	(void)state;
	for (i = 0; i < n; i++) {
		client_a.port = be16_make((uint16_t)(6000 + i));
		assert_true(session_add(0, i, 1, &client_a, 0, (uint16_t)(PORT + i), 0, 0));
	}
	client_a.port = be16_make(7000);
	assert_false(session_add(0, n, 1, &client_a, 0, (uint16_t)(PORT + n), 0, 0));
	assert_true(session_del(world.w, &sid));
	assert_true(session_add(0, 0, 2, &client_a, 0, (uint16_t)(PORT + n), 0, 0));
	assert_int_equal(gauge(CNT_SESSIONS), n);
}

static const char *peer_ip(uint32_t i)
{
	static char text[32];

	snprintf(text, sizeof(text), "10.2.%u.%u", 1 + i / 200, 1 + i % 200);
	return text;
}

static void records_run_out(void **state)
{
	uint32_t i, n = world.w->turn->peers_max;
	struct sock_addr p = at("10.2.77.77", 1);
	struct ctl_sid sid = { 0, 1 };

	(void)state;
	assert_true(session_add(0, 0, 1, &client_a, 0, PORT, 0, 0));
	assert_true(session_add(0, 1, 1, &client_b, 0, PORT + 1, 0, 0));
	for (i = 0; i < n + 1; i++) /* the first stands in the session */
		assert_true(perm_add(0, 0, peer_ip(i), NOW + 100));
	assert_int_equal(gauge(CNT_PEERS), n);
	assert_false(perm_add(0, 0, "10.2.99.99", NOW + 100));
	assert_false(permitted(0, "10.2.99.99"));
	/* half of a channel does not stay when the other half finds no room */
	assert_true(chan_add(0, 1, &p, 0x4000, NOW + 100));
	assert_false(chan_add(0, 1, &client_b, 0x4001, NOW + 100));
	assert_null(session_channel(world.w, 1, 0x4001));
	assert_false(permitted(1, "10.1.0.2"));
	/* those that are there are refreshed all the same */
	assert_true(perm_add(0, 0, peer_ip(n), NOW + 200));
	/* what is over makes room, and so does a session that goes */
	world_clock_ms((NOW + 100) * 1000ull);
	assert_true(perm_add(0, 0, "10.2.99.99", NOW + 300));
	assert_true(permitted(0, "10.2.99.99"));
	assert_true(permitted(0, peer_ip(n)));
	assert_false(permitted(0, peer_ip(1)));
	assert_true(session_del(world.w, &sid));
	assert_int_equal(gauge(CNT_PEERS), 0);
	/* the session's own channel is over, too: its place is the first that is taken */
	for (i = 0; i < n + 2; i++) {
		p.port = be16_make((uint16_t)(100 + i));
		assert_int_equal(chan_add(0, 1, &p, (uint16_t)(0x4100 + i), NOW + 300), i < n + 1);
	}
	sid.slot = 1;
	assert_true(session_del(world.w, &sid));
	assert_int_equal(gauge(CNT_PEERS), 0);
}

/* RFC 8656 8.2: one of two relayed addresses goes, with what the client had by it and no more. */
static void a_relayed_address_goes(void **state)
{
	struct sock_addr four = at("10.2.0.2", 7), six = at("fd00:2::2", 7);

	(void)state;
	for (int first = 0; first < 2; first++) { /* who has the session's own record */
		const uint16_t port = (uint16_t)(PORT + 4 * first);
		const uint32_t slot = (uint32_t)first;
		uint64_t before = gauge(CNT_PEERS);

		assert_true(
		    session_add(0, slot, 1, first ? &client_b : &client_a, 0, port, port, 0));
		assert_true(chan_add(0, slot, first ? &four : &six, 0x4000, NOW + 100));
		assert_true(chan_add(0, slot, first ? &six : &four, 0x4001, NOW + 100));
		assert_true(perm_add(0, slot, "10.2.0.3", NOW + 100));
		assert_true(perm_add(0, slot, "fd00:2::3", NOW + 100));
		assert_int_equal(*relayed_slot(world.w, 1, port), slot);
		assert_true(session_add(0, slot, 1, first ? &client_b : &client_a, 0, port, 0, 0));
		assert_int_equal(*relayed_slot(world.w, 0, port), slot);
		assert_int_equal(*relayed_slot(world.w, 1, port), SLOT_NONE);
		assert_true(permitted(slot, "10.2.0.2"));
		assert_true(permitted(slot, "10.2.0.3"));
		assert_false(permitted(slot, "fd00:2::2"));
		assert_false(permitted(slot, "fd00:2::3"));
		assert_non_null(session_channel(world.w, slot, first ? 0x4000 : 0x4001));
		assert_null(session_channel(world.w, slot, first ? 0x4001 : 0x4000));
		assert_false(perm_add(0, slot, "fd00:2::3", NOW + 100));
		assert_in_range(gauge(CNT_PEERS) - before, 1, 3);
		assert_true(session_del(world.w, &(struct ctl_sid){ slot, 1 }));
		assert_int_equal(gauge(CNT_PEERS), before);
	}
}

/* A session that lives long does not keep what is over: the next it adds gives all of it back. */
static void records_that_are_over_come_back(void **state)
{
	uint32_t i, n = world.w->turn->peers_max;
	struct sock_addr dead = at("10.2.66.66", 1), half = at("10.2.66.67", 1);
	struct ctl_sid sid = { 0, 1 };

	(void)state;
	assert_true(session_add(0, 0, 1, &client_a, 0, PORT, 0, 0));
	assert_true(session_add(0, 1, 1, &client_b, 0, PORT + 1, 0, 0));
	assert_true(perm_add(0, 0, "10.2.88.88", NOW + 500));  /* stands in the session */
	assert_true(chan_add(0, 0, &dead, 0x4000, NOW + 100)); /* two records each */
	assert_true(chan_add(0, 0, &half, 0x4001, NOW + 100));
	assert_true(perm_add(0, 0, "10.2.66.67", NOW + 300)); /* outlives its channel */
	for (i = 0; i < n - 4; i++)
		assert_true(perm_add(0, 0, peer_ip(i), NOW + (i % 2 ? 100 : 300)));
	assert_int_equal(gauge(CNT_PEERS), n);
	/* a second too early, */
	world_clock_ms((NOW + 99) * 1000ull);
	assert_false(perm_add(0, 0, "10.2.99.99", NOW + 300));
	assert_int_equal(gauge(CNT_PEERS), n);
	/* and as early as can be */
	world_clock_ms((NOW + 100) * 1000ull);
	assert_true(perm_add(0, 0, "10.2.99.99", NOW + 300));
	assert_int_equal(gauge(CNT_PEERS), 2 + (n - 4 + 1) / 2 + 1);
	assert_null(session_channel(world.w, 0, 0x4000));
	assert_null(session_peer(world.w, 0, &dead));
	assert_non_null(session_peer(world.w, 0, &half));
	assert_true(permitted(0, "10.2.88.88") && permitted(0, "10.2.66.67"));
	for (i = 0; i < n - 4; i++)
		assert_int_equal(permitted(0, peer_ip(i)), i % 2 == 0);
	/* another session gets all that was given back */
	for (i = gauge(CNT_PEERS) - 1; i < n; i++) /* its first takes no record */
		assert_true(perm_add(0, 1, peer_ip(100 + i), NOW + 300));
	assert_int_equal(gauge(CNT_PEERS), n);
	assert_false(perm_add(0, 1, "10.2.99.98", NOW + 300));
	assert_true(session_del(world.w, &sid));
	sid.slot = 1;
	assert_true(session_del(world.w, &sid));
	assert_int_equal(gauge(CNT_PEERS), 0);
}

static void permission_covers_all_channels_of_its_address(void **state)
{
	struct sock_addr p = at("10.2.0.2", 1), other = at("10.2.0.3", 1);
	uint16_t i;

	(void)state;
	assert_true(session_add(0, 0, 1, &client_a, 0, PORT, 0, 0));
	assert_true(chan_add(0, 0, &other, 0x4100, NOW + 50));
	for (i = 0; i < 4; i++) {
		p.port = be16_make((uint16_t)(100 + i));
		assert_true(chan_add(0, 0, &p, (uint16_t)(0x4000 + i), NOW + 50));
	}
	world_clock_ms((NOW + 40) * 1000ull);
	assert_true(perm_add(0, 0, "10.2.0.2", NOW + 90));
	assert_true(perm_add(0, 0, "10.2.0.3", NOW + 80));
	for (i = 0; i < 4; i++) {
		struct peer *c = session_channel(world.w, 0, (uint16_t)(0x4000 + i));

		assert_int_equal(c->perm_expiry, NOW + 90);
		assert_int_equal(c->chan_expiry, NOW + 50);
	}
	assert_int_equal(session_channel(world.w, 0, 0x4100)->perm_expiry, NOW + 80);
	world_clock_ms((NOW + 89) * 1000ull);
	assert_true(permitted(0, "10.2.0.2"));
	assert_false(permitted(0, "10.2.0.3"));
	world_clock_ms((NOW + 90) * 1000ull);
	assert_false(permitted(0, "10.2.0.2"));
}

/* A number keeps its peer, and a peer its number, while the binding lasts (RFC 8656 12.1). */
static void channels_are_bound_one_to_one(void **state)
{
	struct sock_addr p[3] = { at("10.2.0.2", 1), at("10.2.0.2", 2), at("10.2.0.3", 1) };
	unsigned int first;

	(void)state;
	for (first = 0; first < 2; first++) {
		/* the binding in question stands in the session, then in the pool */
		uint32_t now = world.w->now, slot = first;
		struct sock_addr extra = at("10.2.9.9", 9);

		assert_true(session_add(0, slot, 1, first ? &client_b : &client_a, 0,
					(uint16_t)(PORT + first), 0, 0));
		if (first)
			assert_true(chan_add(0, slot, &extra, 0x4fff, now + 1000));
		assert_true(chan_add(0, slot, &p[0], 0x4000, now + 10));
		assert_true(chan_add(0, slot, &p[0], 0x4000, now + 20));
		assert_false(chan_add(0, slot, &p[1], 0x4000, now + 20));
		assert_false(chan_add(0, slot, &p[2], 0x4000, now + 20));
		assert_false(chan_add(0, slot, &p[0], 0x4001, now + 20));
		assert_int_equal(session_channel(world.w, slot, 0x4000)->chan_expiry, now + 20);
		assert_true(chan_add(0, slot, &p[1], 0x4001, now + 20));
		assert_true(perm_add(0, slot, "10.2.0.2", now + 100));
		world_clock_ms((now + 20) * 1000ull);
		/* numbers and peers change partners once it is over */
		assert_true(chan_add(0, slot, &p[1], 0x4000, now + 60));
		assert_true(chan_add(0, slot, &p[0], 0x4001, now + 60));
		assert_true(sock_addr_eq(
		    &p[1], &(struct sock_addr){ session_channel(world.w, slot, 0x4000)->ip,
						session_channel(world.w, slot, 0x4000)->port }));
		assert_int_equal(session_peer(world.w, slot, &p[0])->channel, 0x4001);
		assert_int_equal(session_peer(world.w, slot, &p[1])->channel, 0x4000);
		assert_true(permitted(slot, "10.2.0.2"));
	}
}

static void impossible_channels_and_permissions(void **state)
{
	static const uint16_t bad[] = { 0, 1, 0x3fff, 0x8000, 0xffff };
	struct sock_addr p = at("10.2.0.2", 1), v6 = at("fd00:2::2", 1), none = at("10.2.0.2", 0);
	struct cmd_perm_set c = { .sid = { 0, 2 }, .peer = p.ip, .expiry = NOW + 9 };
	unsigned int i;

	(void)state;
	assert_false(perm_add(0, 0, "10.2.0.2", NOW + 9)); /* no session */
	assert_true(session_add(0, 0, 1, &client_a, 0, PORT, 0, 0));
	assert_false(session_perm_set(world.w, &c)); /* an earlier or later tenant's */
	c.sid = (struct ctl_sid){ UINT32_MAX, 1 };
	assert_false(session_perm_set(world.w, &c));
	for (i = 0; i < RTE_DIM(bad); i++)
		assert_false(chan_add(0, 0, &p, bad[i], NOW + 9));
	assert_false(chan_add(0, 0, &none, 0x4000, NOW + 9));
	assert_false(chan_add(0, 0, &v6, 0x4000, NOW + 9)); /* no relayed address of that family */
	assert_false(perm_add(0, 0, "fd00:2::2", NOW + 9));
	assert_false(perm_add(0, 0, "::", NOW + 9));
	assert_false(permitted(0, "10.2.0.2"));
	assert_int_equal(gauge(CNT_PEERS), 0);
	assert_true(chan_add(0, 0, &p, 0x4000, NOW + 9));
	assert_true(chan_add(0, 0, &client_b, 0x7fff, NOW + 9));
}

static void replay_ends_what_it_does_not_name(void **state)
{
	uint32_t i, n;

	(void)state;
	for (i = 0; i < 10; i++) {
		client_a.port = be16_make((uint16_t)(6000 + i));
		assert_true(session_add(0, i, 1, &client_a, 0, (uint16_t)(PORT + i), 0, 0));
		assert_true(perm_add(0, i, "10.2.0.2", NOW + 100));
		assert_true(perm_add(0, i, "10.2.0.3", NOW + 100));
	}
	assert_int_equal(session_sweep(world.w, 1000), 0);
	session_sync_begin(world.w);
	assert_int_equal(session_sweep(world.w, 1000), 0);
	for (i = 0; i < 10; i += 2) {
		client_a.port = be16_make((uint16_t)(6000 + i));
		assert_true(session_add(0, i, 1, &client_a, 0, (uint16_t)(PORT + i), 0, 0));
	}
	session_sync_end(world.w);
	/* a session made while the sweep goes on stays */
	assert_int_equal(session_sweep(world.w, 3), 3);
	assert_true(session_add(0, 12, 1, &client_b, 0, PORT + 12, 0, 0));
	for (n = 0; (i = session_sweep(world.w, 3)) != 0; n += i)
		assert_true(i <= 3);
	assert_int_equal(n, world.w->turn->sessions_max - 3);
	for (i = 0; i < 10; i++)
		assert_int_equal(session(i)->gen, i % 2 ? 0 : 1);
	assert_int_equal(session(12)->gen, 1);
	assert_true(permitted(4, "10.2.0.2") && permitted(4, "10.2.0.3"));
	assert_int_equal(gauge(CNT_SESSIONS), 6);
	assert_int_equal(gauge(CNT_PEERS), 5);
	/* a second replay that names nothing ends all */
	session_sync_begin(world.w);
	session_sync_end(world.w);
	session_sweep(world.w, 1000);
	assert_int_equal(gauge(CNT_SESSIONS), 0);
	assert_int_equal(gauge(CNT_PEERS), 0);
}

/*
 * A relayed address is one session's. One that the control process has forgotten gives way to who
 * a replay names: its turn in the sweep comes later.
 */
static void replay_takes_the_port_of_who_is_forgotten(void **state)
{
	(void)state;
	assert_true(session_add(0, 1, 1, &client_a, 0, PORT, PORT, 0));
	assert_false(session_add(0, 2, 1, &client_b, 0, PORT, 0, 0));
	session_sync_begin(world.w);
	assert_true(session_add(0, 2, 1, &client_b, 0, PORT, 0, 0));
	assert_int_equal(*relayed_slot(world.w, 0, PORT), 2);
	assert_int_equal(*relayed_slot(world.w, 1, PORT), SLOT_NONE);
	assert_int_equal(session(1)->gen, 0);
	assert_false(session_add(0, 1, 1, &client_a, 0, PORT, 0, 0)); /* of who is named it is */
	session_sync_end(world.w);
	assert_false(session_add(0, 1, 1, &client_a, 0, PORT, 0, 0));
	session_sweep(world.w, 1000);
	assert_int_equal(*relayed_slot(world.w, 0, PORT), 2);
	assert_int_equal(gauge(CNT_SESSIONS), 1);
	assert_int_equal(world.w->flows.n, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(install_replace_delete),
		T(one_session_a_client),
		T(impossible_sessions),
		T(ports_of_other_workers),
		T(slots_run_out),
		T(records_run_out),
		T(a_relayed_address_goes),
		T(records_that_are_over_come_back),
		T(permission_covers_all_channels_of_its_address),
		T(channels_are_bound_one_to_one),
		T(impossible_channels_and_permissions),
		T(replay_ends_what_it_does_not_name),
		T(replay_takes_the_port_of_who_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A table that is full of strangers and of a service's clients makes room fairly by source (an
 * address, or a /64 of IPv6): who comes from elsewhere gets in and stays, whoever holds most gives
 * way, by a named reason, and who is vouched for never does. While there is room nobody is asked
 * how many are behind his address.
 */
#include "tests/world/crowd.h"
#include "dp/service/backend.h"
#include "dp/tcp/accounts.h"
#include "dp/tcp/ledger.h"

enum { CONNS = 64, KEPT = 4, SERVICE_PORT = 443, GUEST_CONNS = 2 };
enum { GUESTS_MAX = (CONNS - KEPT) / GUEST_CONNS };

/* ---- world ---- */

static void to_service(struct worker *w, struct tcp_conn *c)
{
	backend_join(w, c, 0);
}

static void was_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	(void)w;
	(void)c;
	(void)why;
}

static const struct tcp_app service_door = {
	.name = "door",
	.role = CONN_CLIENT,
	.established = to_service,
	.closed = was_closed,
};

static tcp_accept_fn *accept_pause;

/* Who connects to a service is a stranger, all others are what `app` says. */
static const struct tcp_app *accept_service(struct worker *w, struct tcp_request *r)
{
	if (be16_get(r->local.port) != SERVICE_PORT)
		return accept_pause(w, r);
	r->stranger = true;
	return &service_door;
}

static int setup(void **state)
{
	(void)state;
	crowd_config(CONNS);
	world.conf.n_service = 1;
	world.conf.service[0] = (struct config_service){ .name = "sip",
							 .backend = at("10.2.0.2", 5060),
							 .domain_index = CONFIG_DOMAINS_MAX };
	crowd_route("0.0.0.0/0", "10.1.0.2");
	crowd_route("::/0", "fd00:1::2");
	tcp_start();
	accept_pause = world.w->tcp->accept;
	tcp_listen(world.w, accept_service);
	crowd_backend = true;
	app.any_data = true;
	return 0;
}

/* Member i connects from an address to a port of ours. */
static bool opens(uint32_t i, const char *ip, uint16_t port)
{
	peer_new();
	if (strchr(ip, ':'))
		peer_v6();
	peer.addr.ip = at(ip, 0).ip;
	peer.us.port = be16_make(port);
	return crowd_open(i);
}

static void guest(uint32_t i, const char *ip)
{
	assert_true(opens(i, ip, SERVICE_PORT));
}

static uint64_t ended(enum tcp_end why)
{
	return world.w->counters->end[why];
}

static uint32_t left_of(uint32_t from, uint32_t n)
{
	uint32_t i, left = 0;

	for (i = from; i < from + n; i++)
		left += !crowd[i].rst;
	return left;
}

/* ---- by source ---- */

/*
 * Guests from three sources hold all there is. Somebody from elsewhere has a place at once, also
 * while they come without end; who is vouched for keeps his, although he is silent for longest.
 */
static void a_newcomer_gets_in(void **state)
{
	static const char *const source[] = { "198.51.100.1", "198.51.100.2", "198.51.100.3" };
	uint32_t i;

	(void)state;
	assert_true(opens(0, "192.0.2.1", APP_PORT));
	crowd_pass_ms(1000);
	for (i = 1; i < 100; i++)
		guest(i, source[i % 3]);
	assert_true(world.w->tcp->conns >= CONNS - KEPT - 1);
	assert_true(ended(TCP_END_SHARE) > 0);
	guest(200, "203.0.113.1");
	for (i = 100; i < 180; i++)
		guest(i, source[i % 3]);
	assert_false(crowd[200].rst);
	assert_false(crowd[0].rst);
	assert_in_range(left_of(1, 179), GUESTS_MAX - 3, GUESTS_MAX);
	assert_int_equal(ended(TCP_END_SHARE), 179 - left_of(1, 179));
	assert_int_equal(ended(TCP_END_PARTNER), ended(TCP_END_SHARE));
	assert_int_equal(ended(TCP_END_ROOM), 0);
	/* And those that came last are there, a third of them from each. */
	assert_int_equal(left_of(170, 10), 10);
	crowd_say(200, 100);
	crowd_end();
}

/* A stranger that is about to authenticate has time to. */
static void a_client_has_time_to_authenticate(void **state)
{
	struct tcp_conn *c;
	uint32_t i;

	(void)state;
	for (i = 0; i < 40; i++)
		guest(i, i & 1 ? "198.51.100.1" : "198.51.100.2");
	app.stranger = true;
	assert_true(opens(200, "203.0.113.1", APP_PORT));
	c = crowd[200].c;
	for (i = 40; i < 100; i++)
		guest(i, i & 1 ? "198.51.100.1" : "198.51.100.2");
	assert_false(crowd[200].rst);
	tcp_trust(world.w, c, true);
	for (i = 100; i < 180; i++)
		guest(i, "198.51.100.4");
	assert_false(crowd[200].rst);
	assert_int_equal(ended(TCP_END_ROOM), 0);
	crowd_end();
}

/* R4: all of them may be subscribers. */
static void one_address_may_have_all(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < GUESTS_MAX - 1; i++)
		guest(i, "198.51.100.1");
	crowd_pass_ms(100);
	assert_int_equal(left_of(0, i), GUESTS_MAX - 1);
	assert_int_equal(ended(TCP_END_SHARE), 0);
	/* Until others come: half of it for each of two, and no more. */
	for (i = 100; i < 180; i++)
		guest(i, "198.51.100.2");
	assert_in_range(left_of(0, GUESTS_MAX - 1), GUESTS_MAX / 2 - 2, GUESTS_MAX / 2);
	assert_in_range(left_of(100, 80), GUESTS_MAX / 2 - 2, GUESTS_MAX / 2 + 1);
	crowd_end();
}

/* Of IPv6 it is the /64 that counts, whose addresses are one host's to choose. */
static void addresses_of_a_prefix_are_one(void **state)
{
	char ip[64];
	uint32_t i;

	(void)state;
	guest(200, "2001:db8:0:1::1");
	guest(201, "2001:db8:0:2::1");
	for (i = 0; i < 80; i++) {
		snprintf(ip, sizeof(ip), "2001:db8:0:3::%x", i + 1);
		guest(i, ip);
	}
	assert_false(crowd[200].rst);
	assert_false(crowd[201].rst);
	assert_in_range(left_of(0, 80), GUESTS_MAX - 4, GUESTS_MAX - 2);
	guest(202, "2001:db8:0:4::1");
	assert_false(crowd[200].rst || crowd[201].rst || crowd[202].rst);
	crowd_end();
}

/* Of those that hold most the one that has been silent for longest. */
static void who_speaks_stays(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < GUESTS_MAX - 1; i++)
		guest(i, "198.51.100.1");
	crowd_pass_ms(2000);
	for (i = 0; i < 10; i++)
		crowd_say(i, 100);
	for (i = 100; i < 110; i++)
		guest(i, "198.51.100.2");
	assert_int_equal(left_of(0, 10), 10);
	assert_true(left_of(10, GUESTS_MAX - 11) < GUESTS_MAX - 11);
	crowd_end();
}

/* ---- strangers and guests ---- */

/* Who has shown nothing for so long goes first, wherever he comes from. */
static void settled_strangers_go_first(void **state)
{
	uint32_t i;

	(void)state;
	app.stranger = true;
	for (i = 0; i < 10; i++)
		assert_true(opens(200 + i, "203.0.113.1", APP_PORT));
	crowd_pass_ms(10001);
	for (i = 0; i < 29; i++)
		guest(i, "198.51.100.1");
	assert_true(left_of(200, 10) < 10);
	assert_int_equal(ended(TCP_END_ROOM), 10 - left_of(200, 10));
	assert_int_equal(ended(TCP_END_SHARE), 0);
	crowd_end();
}

/* Nor do strangers that come and go take their neighbours' places: an eighth of those is theirs. */
static void strangers_leave_their_neighbours(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < GUESTS_MAX - 1; i++)
		guest(i, "198.51.100.1");
	app.stranger = true;
	for (i = 100; i < 300; i++)
		assert_true(opens(i, "198.51.100.1", APP_PORT));
	assert_true(ended(TCP_END_ROOM) > 180);
	assert_in_range(left_of(0, GUESTS_MAX - 1), GUESTS_MAX - 4, GUESTS_MAX - 1);
	/* And those have time, too. */
	assert_int_equal(left_of(298, 2), 2);
	crowd_end();
}

/* Nor is a newcomer refused because others are there behind his address: one of those goes. */
static void a_newcomer_beside_his_neighbours(void **state)
{
	char ip[32];
	uint32_t i;

	(void)state;
	for (i = 0; i < GUESTS_MAX - 1; i++) {
		snprintf(ip, sizeof(ip), "198.51.100.%u", i / 2);
		guest(i, ip);
	}
	app.stranger = true;
	assert_true(opens(200, "198.51.100.1", APP_PORT));
	for (i = 201; i < 203; i++) {
		snprintf(ip, sizeof(ip), "203.0.113.%u", i);
		assert_true(opens(i, ip, APP_PORT));
	}
	assert_int_equal(left_of(200, 3), 3);
	assert_int_equal(left_of(0, GUESTS_MAX - 1), GUESTS_MAX - 2);
	assert_int_equal(left_of(2, 2), 1);
	crowd_end();
}

/* Where each has one, nobody has too many: who comes last finds no room. */
static void one_each(void **state)
{
	char ip[32];
	uint32_t i;

	(void)state;
	for (i = 0; i < GUESTS_MAX - 1; i++) {
		snprintf(ip, sizeof(ip), "198.51.100.%u", i);
		guest(i, ip);
	}
	app.stranger = true;
	for (i = 100; i < 110; i++) {
		snprintf(ip, sizeof(ip), "203.0.113.%u", i);
		opens(i, ip, APP_PORT);
	}
	assert_int_equal(left_of(0, GUESTS_MAX - 1), GUESTS_MAX - 1);
	assert_int_equal(ended(TCP_END_SHARE), 0);
	assert_true(ended(TCP_END_ROOM) > 0);
	crowd_end();
}

/* ---- the account ---- */

/* Places follow what is said of a connection, and what is not open has none. */
static void places_follow(void **state)
{
	const struct rank *all = &world.w->tcp->places[TCP_TABLE_CONNS].rank;

	(void)state;
	app.stranger = true;
	peer_new();
	peer_near_wrap();
	seg_queue(SYN, 0, 0, 0);
	crowd_run();
	assert_int_equal(all->left, CONNS);
	assert_true(opens(1, "10.1.0.2", APP_PORT));
	assert_int_equal(all->left, CONNS - 1);
	tcp_guest(world.w, crowd[1].c);
	assert_int_equal(all->left, CONNS - 1);
	assert_int_equal(all->top, 1);
	tcp_trust(world.w, crowd[1].c, true);
	assert_int_equal(all->left, CONNS);
	tcp_trust(world.w, crowd[1].c, false);
	assert_int_equal(all->left, CONNS - 1);
	tcp_abort(world.w, crowd[1].c, TCP_END_CLOSED);
	assert_int_equal(all->left, CONNS);
	assert_int_equal(all->top, 0);
	crowd_run();
	crowd_end();
}

/* What leads to a back end is charged to the source that it is for. */
static void a_back_end_is_its_clients(void **state)
{
	const struct tcp *t = world.w->tcp;
	const struct tcp_conn *c;
	uint32_t i, n = 0;

	(void)state;
	guest(0, "198.51.100.1");
	for (i = 0; i < CONNS; i++) {
		c = &t->conn[i];
		if (!(c->gen & CONN_GEN_LIVE))
			continue;
		assert_true(c->charged);
		assert_int_equal(account_of(t, c)->key, ip_source(&crowd[0].p.addr.ip));
		n++;
	}
	assert_int_equal(n, GUEST_CONNS);
	crowd_end();
}

#define full(f) cmocka_unit_test_setup_teardown(f, setup, tcp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		full(a_newcomer_gets_in),
		full(a_client_has_time_to_authenticate),
		full(one_address_may_have_all),
		full(addresses_of_a_prefix_are_one),
		full(who_speaks_stays),
		full(settled_strangers_go_first),
		full(strangers_leave_their_neighbours),
		full(a_newcomer_beside_his_neighbours),
		full(one_each),
		full(places_follow),
		full(a_back_end_is_its_clients),
	};

	return tcp_run(tests);
}

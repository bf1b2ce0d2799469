/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Redirects (SESSION_REDIRECT of lib/ctl_abi.h): a client whose relayed port is another worker's
 * than the one its packets come to is served all the same, by whichever queue they come in (RFC
 * 8656 7.2: a reserved port goes to any five-tuple of the user). What a redirect may be, that it
 * goes like a session, that two of them do not send a packet round, and both workers' books.
 */
#include "tests/world/unit.h"
#include "tests/world/control.h"

#include "lib/chandata.h"

enum { CHANNEL = 0x4001, SLOT = 5, LEG_SLOT = 9, GEN = 3 };

static struct sock_addr listener, peer, client, relayed;
static uint16_t leg, home; /* the client's packets come to leg, its session is at home */
static struct frame f;
static uint8_t msg[512];

static struct cmd_session_set redirect(uint16_t to)
{
	return (struct cmd_session_set){
		.sid = { LEG_SLOT, GEN },
		.leg = { .client = client },
		.relay = { { .relay = CTL_RELAY_NONE }, { .relay = CTL_RELAY_NONE } },
		.flags = SESSION_REDIRECT,
		.expiry = WORLD_START_S + 600,
		.redirect = to,
	};
}

static bool redirect_set(uint16_t worker, const struct cmd_session_set *set)
{
	struct cmd_session_set c = *set;

	return world_cmd(worker, CMD_SESSION_SET, &c, sizeof(c));
}

static int setup(void **state)
{
	uint16_t port;

	(void)state;
	world_config();
	world.conf.dataplane.n_workers = 2;
	world_start();
	listener = at("10.1.0.1", 3478);
	peer = at("10.2.0.2", 4000);
	client = at("10.1.0.2", 5000);
	leg = dplane_client_worker(&world.dp, &client.ip, client.port);
	home = !leg;
	port = (uint16_t)(RELAY_MIN + 2 * home);
	relayed = at("10.2.0.1", port);
	assert_true(session_add(home, SLOT, GEN, &client, 0, port, 0, 0));
	assert_true(chan_add(home, SLOT, &peer, CHANNEL, WORLD_START_S + 300));
	return 0;
}

static int setup_redirected(void **state)
{
	struct cmd_session_set c;

	setup(state);
	c = redirect(home);
	assert_true(redirect_set(leg, &c));
	world_mark();
	return 0;
}

/* From the client, by one worker's queue. */
static void from_client(uint16_t worker, size_t len)
{
	frame_udp(&f, ACCESS, &client, &listener, msg, len, NULL);
	world_in(ACCESS, worker, &f);
	world_run();
}

/* Without the redirect, what the test shows would not be there. */
static void lost_without(void **state)
{
	(void)state;
	world_mark();
	from_client(leg, chandata(msg, CHANNEL, "x", 1));
	world_no_out();
	world_drops(DROP_NO_SESSION, 1);
}

static void data_goes_both_ways(void **state)
{
	struct udp_view v;
	uint16_t worker;

	(void)state;
	for (worker = 0; worker < 2; worker++) {
		from_client(worker, chandata(msg, CHANNEL, "by channel", 10));
		expect_udp_is(CORE, &relayed, &peer, "by channel", 10, &v);
		assert_int_equal(v.ttl, 63); /* hand-overs are no hops */
		from_client(worker, send_ind(msg, sizeof(msg), &peer, "by Send", 7, false, false));
		expect_udp_is(CORE, &relayed, &peer, "by Send", 7, &v);
		chandata(msg, CHANNEL, "back", 4);
		frame_udp(&f, CORE, &peer, &relayed, "back", 4, NULL);
		world_in(CORE, worker, &f);
		world_run();
		expect_udp_is(ACCESS, &listener, &client, msg, 8, &v);
		world_no_out();
	}
	assert_int_equal(world_count(home, CNT_RELAY_TO_PEER), 4);
	assert_int_equal(world_count(home, CNT_RELAY_TO_CLIENT), 2);
	world_drops(DROP_NONE, 0);
}

/* Frames of one burst keep their order, and steered and redirected ones are not mixed up. */
static void bursts_are_whole(void **state)
{
	struct sock_addr stranger = client;
	struct udp_view v;
	uint16_t i;

	(void)state;
	do /* a client whose packets belong where the first one's session is */
		stranger.port = be16_make((uint16_t)(be16_get(stranger.port) + 1));
	while (dplane_client_worker(&world.dp, &stranger.ip, stranger.port) != home);
	for (i = 0; i < 40; i++) {
		const struct sock_addr *from = i % 3 == 2 ? &stranger : &client;
		uint8_t data[4] = { (uint8_t)i };

		frame_udp(&f, ACCESS, from, &listener, msg, chandata(msg, CHANNEL, data, 4), NULL);
		world_in(ACCESS, leg, &f);
	}
	world_run();
	for (i = 0; i < 40; i++) {
		uint8_t data[4] = { (uint8_t)i };

		if (i % 3 != 2)
			expect_udp_is(CORE, &relayed, &peer, data, 4, &v);
	}
	world_no_out();
	world_drops(DROP_NO_SESSION, 13);
}

/*
 * The client's own worker punts: an Allocate behind the Refresh that ends the session is of a
 * client whose packets come there, and no redirect will lead on.
 */
static void requests_are_punted_where_they_come(void **state)
{
	static const enum stun_method method[] = { STUN_REFRESH, STUN_ALLOCATE };
	static const uint8_t tid[STUN_TID_LEN] = "abcdefghijk";
	const struct evt_punt *e;
	struct stun_builder b;

	(void)state;
	for (size_t i = 0; i < RTE_DIM(method); i++) {
		stun_begin(&b, msg, sizeof(msg), stun_type(method[i], STUN_REQUEST), tid);
		frame_udp(&f, ACCESS, &client, &listener, msg, stun_end(&b), NULL);
		world_in(ACCESS, leg, &f);
	}
	world_run();
	for (size_t i = 0; i < RTE_DIM(method); i++) {
		e = world_evt(leg);
		assert_non_null(e);
		assert_int_equal(e->hdr.type, EVT_PUNT);
		assert_memory_equal(&e->leg.client, &client, sizeof(client));
		assert_int_equal(e->payload[0] << 8 | e->payload[1],
				 stun_type(method[i], STUN_REQUEST));
	}
	assert_null(world_evt(home));
	assert_null(world_evt(leg));
	assert_int_equal(world_count(leg, CNT_HANDOVER_OUT), 0);
	world_drops(DROP_NONE, 0);
}

/* And answers what needs no session. */
static void binding_is_answered_where_it_comes(void **state)
{
	static const uint8_t tid[STUN_TID_LEN] = "abcdefghijk";
	struct stun_builder b;
	struct udp_view v;

	(void)state;
	stun_begin(&b, msg, sizeof(msg), stun_type(STUN_BINDING, STUN_REQUEST), tid);
	from_client(leg, stun_end(&b));
	expect_udp(ACCESS, &v);
	assert_int_equal(v.payload[0] << 8 | v.payload[1], stun_type(STUN_BINDING, STUN_SUCCESS));
	assert_int_equal(world_count(leg, CNT_BINDING), 1);
	world_drops(DROP_NONE, 0);
}

/* Each sends to the other, which no control process in its right mind asks for. */
static void two_redirects_play_no_ball(void **state)
{
	struct cmd_session_set c = redirect(leg);

	(void)state;
	assert_true(redirect_set(home, &c)); /* ends the session of this leg */
	world_mark();
	from_client(leg, chandata(msg, CHANNEL, "x", 1));
	world_no_out();
	world_drops(DROP_REDIRECT_LOOP, 1);
	assert_int_equal(world_count(leg, CNT_HANDOVER_OUT), 1);
	assert_int_equal(world_count(home, CNT_HANDOVER_OUT), 0);
}

static void impossible_redirects(void **state)
{
	struct cmd_session_set c;

	(void)state;
	c = redirect(leg); /* to itself */
	assert_false(redirect_set(leg, &c));
	c = redirect(2);
	assert_false(redirect_set(leg, &c));
	c = redirect(0xffff);
	assert_false(redirect_set(leg, &c));
	c = redirect(home);
	c.relay[RELAY_V4] = (struct ctl_relay){ 0, be16_make(RELAY_MIN + 2 * leg) };
	assert_false(redirect_set(leg, &c));
	assert_int_equal(world.dp.worker[leg]->session[LEG_SLOT].gen, 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(((const struct ctl_hdr *)world_evt(leg))->type,
				 EVT_SESSION_REFUSED);
	/* nor does it take permissions or channels */
	c = redirect(home);
	assert_true(redirect_set(leg, &c));
	assert_false(perm_add(leg, LEG_SLOT, "10.2.0.2", WORLD_START_S + 300));
	assert_false(chan_add(leg, LEG_SLOT, &peer, CHANNEL, WORLD_START_S + 300));
}

/* Deleted, it is gone; a session may follow in its slot, and a redirect a session. */
static void goes_and_changes_like_a_session(void **state)
{
	struct cmd_session_del del = { .sid = { LEG_SLOT, GEN } };
	struct cmd_session_set c = redirect(home);
	uint16_t port = (uint16_t)(RELAY_MIN + 2 * leg);
	struct sock_addr own = at("10.2.0.1", port);
	struct udp_view v;

	(void)state;
	assert_true(session_add(leg, LEG_SLOT, GEN, &client, 0, port, 0, 0));
	assert_true(chan_add(leg, LEG_SLOT, &peer, CHANNEL, WORLD_START_S + 300));
	from_client(leg, chandata(msg, CHANNEL, "own", 3));
	expect_udp_is(CORE, &own, &peer, "own", 3, &v);
	assert_true(redirect_set(leg, &c));
	from_client(leg, chandata(msg, CHANNEL, "redirected", 10));
	expect_udp_is(CORE, &relayed, &peer, "redirected", 10, &v);
	assert_int_equal(*relayed_slot(world.dp.worker[leg], 0, port), SLOT_NONE);
	assert_true(world_cmd(leg, CMD_SESSION_DEL, &del, sizeof(del)));
	world_mark();
	from_client(leg, chandata(msg, CHANNEL, "x", 1));
	world_no_out();
	world_drops(DROP_NO_SESSION, 1);
}

/* A replay that does not name it sweeps it away. */
static void swept_by_a_replay(void **state)
{
	struct ctl_hdr begin = { 0 }, end = { 0 };

	(void)state;
	assert_true(world_cmd(leg, CMD_SYNC_BEGIN, &begin, sizeof(begin)));
	assert_true(world_cmd(leg, CMD_SYNC_END, &end, sizeof(end)));
	world_run();
	assert_int_equal(world.dp.worker[leg]->session[LEG_SLOT].gen, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup_redirected, world_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lost_without, setup, world_teardown),
		cmocka_unit_test_setup_teardown(impossible_redirects, setup, world_teardown),
		T(data_goes_both_ways),
		T(bursts_are_whole),
		T(requests_are_punted_where_they_come),
		T(binding_is_answered_where_it_comes),
		T(two_redirects_play_no_ball),
		T(goes_and_changes_like_a_session),
		T(swept_by_a_replay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

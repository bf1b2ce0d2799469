/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * turn.user-rate, turn.user-packets: what the dataplane is told that each allocation of a user may
 * relay. Equal parts with few allocations; with many the sum stays below one and a half times the
 * rate whatever comes and goes, for two commands a time; a Refresh brings an allocation's part up
 * to date. And whose each is, so that what it holds is charged to him.
 */
#include "tests/world/cp_env.h"

#include <stdlib.h>

#include "tests/world/unit.h"

enum { RATE = 840000, MOST = 60, PORT = 1000 };

/* Of the allocation of each client's port: what the dataplane has; 0: there is none. */
static uint32_t share[MOST], packets[MOST];
static uint64_t charged[MOST];

static uint32_t live(void)
{
	uint32_t n = 0;

	for (int i = 0; i < MOST; i++)
		n += share[i] > 0;
	return n;
}

static void hear(const struct answer *ans)
{
	assert_true(ans->n_cmd <= 3);
	for (uint32_t i = 0; i < ans->n_cmd; i++) {
		const struct cmd_session_set *c = &ans->cmd[i].session_set;

		if (c->hdr.type == CMD_SESSION_SET)
			share[be16_get(c->leg.client.port) - PORT] = c->share;
		if (c->hdr.type == CMD_SESSION_SET)
			packets[be16_get(c->leg.client.port) - PORT] = c->share_packets;
		if (c->hdr.type == CMD_SESSION_SET)
			charged[be16_get(c->leg.client.port) - PORT] = c->user;
	}
}

static uint32_t allocate(struct env *e, int i, const char *user)
{
	struct answer ans;
	struct ask a;

	ask_begin_as(&a, STUN_ALLOCATE, (uint16_t)(PORT + i), user);
	ask_transport(&a);
	ask_expect(e, &a, &ans, 0);
	hear(&ans);
	return share[i];
}

static uint32_t refresh(struct env *e, int i, uint32_t lifetime)
{
	struct answer ans;
	struct ask a;

	ask_begin(&a, STUN_REFRESH, (uint16_t)(PORT + i));
	stun_put_u32(&a.b, STUN_ATTR_LIFETIME, lifetime);
	ask_expect(e, &a, &ans, 0);
	hear(&ans);
	if (lifetime == 0)
		share[i] = 0;
	return share[i];
}

static void bounded(void)
{
	uint64_t sum = 0;

	for (int i = 0; i < MOST; i++)
		sum += share[i];
	assert_true(sum < RATE * UINT64_C(3) / 2);
}

static int setup_rate(void **state)
{
	struct env *e;

	env_setup(state);
	e = *state;
	e->conf.turn.user_rate = RATE;
	env_start(e, 256);
	memset(share, 0, sizeof(share));
	return 0;
}

static void equal_parts(void **state)
{
	struct env *e = *state;

	assert_int_equal(allocate(e, 0, "alice"), RATE);
	assert_int_equal(allocate(e, 1, "alice"), RATE / 2);
	assert_int_equal(share[0], RATE / 2);
	assert_int_equal(allocate(e, 2, "alice"), RATE / 3);
	assert_int_equal(share[0], RATE / 3);
	assert_int_equal(share[1], RATE / 3);
	assert_int_equal(refresh(e, 1, 0), 0);
	assert_int_equal(share[0], RATE / 2);
	assert_int_equal(share[2], RATE / 2);
	assert_int_equal(refresh(e, 0, 0), 0);
	assert_int_equal(share[2], RATE);
}

/* Packets are divided as bytes are, with them or alone. */
static void parts_of_packets(void **state)
{
	enum { PACKETS = 1200 };
	struct env *e = *state;

	e->conf.turn.user_packets = PACKETS;
	allocate(e, 0, "alice");
	assert_int_equal(packets[0], PACKETS);
	assert_int_equal(share[0], RATE);
	e->conf.turn.user_rate = 0;
	allocate(e, 1, "alice");
	allocate(e, 2, "alice");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(packets[i], PACKETS / 3);
		assert_int_equal(share[i], 0);
	}
	allocate(e, 3, "bob");
	assert_int_equal(packets[3], PACKETS);
	refresh(e, 1, 0);
	assert_int_equal(packets[0], PACKETS / 2);
	assert_int_equal(packets[2], PACKETS / 2);
}

static void others_have_their_own(void **state)
{
	struct env *e = *state;

	for (int i = 0; i < 5; i++)
		allocate(e, i, "alice");
	assert_int_equal(allocate(e, 5, "bob"), RATE);
	assert_int_equal(refresh(e, 4, 600), RATE / 5);
}

static void never_half_as_much_again(void **state)
{
	struct env *e = *state;
	uint64_t seed = 11;

	for (int i = 0; i < MOST; i++) {
		allocate(e, i, "alice");
		bounded();
	}
	for (int k = 0; k < 2000; k++) {
		int i = (int)(test_random(&seed) % MOST);
		bool few = k / 200 & 1;

		if (!share[i])
			allocate(e, i, "alice");
		else if (few || test_random(&seed) % 4 == 0)
			refresh(e, i, 0);
		bounded();
	}
	for (int i = 0; i < MOST; i++)
		if (share[i])
			assert_int_equal(refresh(e, i, 600), RATE / live());
}

/* The dataplane is attached anew, or another one; what the replay says. */
static void attach(struct env *e, uint64_t generation)
{
	char err[256];

	dplink_detach(e->s.link);
	fake_dp_close(&e->dp);
	fake_dp_open(&e->dp, &e->conf, 256);
	e->dp.region->generation = generation;
	assert_true(fake_dp_attach(&e->dp, &e->s, err, sizeof(err)));
	env_poll(e);
}

/* To a dataplane that is attached anew each has its part of today. */
static void a_replay_tells_all(void **state)
{
	struct env *e = *state;
	uint32_t told = 0;
	union ctl_cmd c;

	for (int i = 0; i < 4; i++)
		allocate(e, i, "alice");
	attach(e, e->dp.region->generation);
	while (fake_dp_take(&e->dp, 0, &c)) {
		if (c.hdr.type != CMD_SESSION_SET)
			continue;
		assert_int_equal(c.session_set.share, RATE / 4);
		told++;
	}
	assert_int_equal(told, 4);
}

/* Its connections are not those of the records: nothing may be said of them. */
static void another_dataplane(void **state)
{
	struct env *e = *state;
	uint32_t told = 0;
	union ctl_cmd c;
	struct answer ans;
	struct ask a;

	attach(e, 5);
	while (fake_dp_take(&e->dp, 0, &c))
		;
	allocate(e, 0, "alice");
	for (uint32_t i = 1; i < 4; i++) {
		ask_begin(&a, STUN_ALLOCATE, (uint16_t)(PORT + i));
		ask_over_tcp(&a, (struct ctl_conn){ i, 1 });
		ask_transport(&a);
		ask_expect(e, &a, &ans, 0);
	}
	attach(e, 6);
	while (fake_dp_take(&e->dp, 0, &c)) {
		if (c.hdr.type != CMD_SESSION_SET)
			continue;
		assert_int_equal(c.session_set.leg.conn_gen, 0);
		assert_int_equal(c.session_set.share, RATE);
		told++;
	}
	assert_int_equal(told, 1);
}

/* Whom to charge for packet buffers: what is one user's is, and it is nobody else's. */
static void users_are_told_apart(void **state)
{
	struct env *e = *state;

	env_start(e, 256);
	allocate(e, 0, "alice");
	allocate(e, 1, "bob");
	allocate(e, 2, "alice");
	assert_true(charged[0] && charged[1]);
	assert_true(charged[0] == charged[2] && charged[0] != charged[1]);
}

static void no_limit(void **state)
{
	struct env *e = *state;

	env_start(e, 256);
	for (int i = 0; i < 3; i++)
		assert_int_equal(allocate(e, i, "alice"), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup_rate, env_teardown)
	const struct CMUnitTest tests[] = {
		T(equal_parts),
		T(parts_of_packets),
		T(others_have_their_own),
		T(never_half_as_much_again),
		T(a_replay_tells_all),
		T(another_dataplane),
		cmocka_unit_test_setup_teardown(users_are_told_apart, env_setup, env_teardown),
		cmocka_unit_test_setup_teardown(no_limit, env_setup, env_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

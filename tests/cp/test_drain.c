/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A node that is drained: who asks for an allocation is sent elsewhere, or gets 508; what lives
 * goes on, whoever sends again is answered alike, and calls that there are may grow. At the
 * deadline the rest ends, with a reason. A control process that is restarted goes on with it;
 * undrain ends it.
 */
#include "tests/world/gate_env.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MANY = 96 }; /* more than one turn ends */

static void begin(struct env *e, uint32_t seconds)
{
	char err[256] = "";

	if (!drain_begin(&e->s, seconds, err, sizeof(err)))
		fail_msg("%s", err);
}

static void end(struct env *e)
{
	char err[256] = "";

	if (!drain_end(&e->s, err, sizeof(err)))
		fail_msg("%s", err);
}

static void ask_for(struct ask *a, uint16_t port)
{
	ask_begin(a, STUN_ALLOCATE, port);
	ask_transport(a);
}

static void no_new_allocation(void **state)
{
	struct env *e = *state;
	struct sock_addr relayed;
	struct answer ans;
	struct ask old, a;

	ask_for(&old, 1);
	ask_expect(e, &old, &ans, 0);
	begin(e, 0);
	ask_for(&a, 2);
	ask_expect(e, &a, &ans, 508);
	assert_null(env_alloc(e, 2));
	ask_begin(&a, STUN_ALLOCATE, 3); /* what is wrong with it goes first */
	ask_expect(e, &a, &ans, 400);
	ask_begin(&a, STUN_REFRESH, 1);
	ask_expect(e, &a, &ans, 0);
	ask_begin(&a, STUN_CREATE_PERMISSION, 1);
	ask_peer(&a, "203.0.113.1", 9);
	ask_expect(e, &a, &ans, 0);
	end(e);
	ask_allocate(e, 2, &relayed);
}

/* By turns, and of the client's family; the reply is signed and says where. */
static void sent_elsewhere(void **state)
{
	static const char *const want[] = { "192.0.2.7", "192.0.2.8", "192.0.2.7" };
	struct env *e = *state;
	struct answer ans;
	struct ask a;

	for (uint16_t i = 0; i < 3; i++) {
		const struct sock_addr to = addr(want[i], 3400);
		struct sock_addr got;

		ask_for(&a, (uint16_t)(10 + i));
		ask_expect(e, &a, &ans, 300);
		assert_int_equal(ans.m.alternate_server.len, 8);
		assert_int_equal(ans.m.alternate_server.val[1], STUN_FAMILY_IPV4);
		got = (struct sock_addr){ .ip = ip_from_v4(be32_make(0)) };
		memcpy(got.ip.b + 12, ans.m.alternate_server.val + 4, 4);
		memcpy(got.port.b, ans.m.alternate_server.val + 2, 2);
		assert_memory_equal(&got.ip, &to.ip, sizeof(got.ip));
		assert_int_equal(be16_get(got.port), 3400);
		assert_true(ans.m.integrity.val || ans.m.integrity256.val);
	}
	assert_int_equal(e->s.stats.error[STUN_ERROR_300], 3);
}

static int alternate_setup(void **state)
{
	struct env *e;

	if (env_setup(state))
		return -1;
	e = *state;
	e->conf.turn.alternate[0].addr = addr("192.0.2.7", 3400);
	e->conf.turn.alternate[1].addr = addr("2001:db8::7", 3400);
	e->conf.turn.alternate[2].addr = addr("192.0.2.8", 3400);
	snprintf(e->conf.turn.alternate[2].domain, sizeof(e->conf.turn.alternate[2].domain),
		 "b.example");
	e->conf.turn.n_alternate = 3;
	env_start(e, 256);
	begin(e, 0);
	return 0;
}

/* None of the client's family: 508. */
static void nobody_of_the_family(void **state)
{
	struct env *e = *state;
	struct answer ans;
	struct ask a;

	e->conf.turn.alternate[0] = e->conf.turn.alternate[1];
	e->conf.turn.n_alternate = 2;
	ask_for(&a, 20);
	ask_expect(e, &a, &ans, 508);
}

static void no_new_call(void **state)
{
	struct env *e = *state;
	struct term_spec a = spec_udp(0), b = spec_udp(1);
	struct gate_plan other = plan_default, more = plan_default;
	struct context *c = gate_added_udp(e);
	struct gate_fail f;

	begin(e, 0);
	snprintf(other.call, sizeof(other.call), "other");
	assert_null(gate_add(e->s.gateway, &other, &a, &b, &f));
	assert_int_equal(f.error, GATE_BUSY);
	assert_non_null(strstr(f.text, "drained"));
	*other.call = '\0';
	assert_null(gate_add(e->s.gateway, &other, &a, &b, &f));
	more.media = 1; /* the live call gets another stream */
	assert_non_null(gate_add(e->s.gateway, &more, &a, &b, &f));
	assert_true(gate_set(e->s.gateway, c, 0, &a, &f));
	end(e);
	snprintf(other.call, sizeof(other.call), "other");
	assert_non_null(gate_add(e->s.gateway, &other, &a, &b, &f));
}

/* Some in each turn, until all are gone; not a second before the deadline. */
static void the_rest_ends_at_the_deadline(void **state)
{
	struct env *e = *state;
	struct sock_addr relayed;
	struct answer ans;
	struct ask a;
	int turns = 0;

	for (uint16_t i = 0; i < MANY; i++) {
		ask_for(&a, (uint16_t)(100 + i));
		a.worker = i & 1;
		ask_expect(e, &a, &ans, 0);
	}
	gate_added_udp(e);
	begin(e, 5);
	gate_pass(e, 4);
	assert_int_equal(drain_left(&e->s), MANY + 1);
	env_advance(e, 2000);
	while (drain_left(&e->s) && turns++ < 5)
		env_poll(e);
	assert_int_equal(drain_left(&e->s), 0);
	assert_int_equal(e->s.stats.allocs_drained, MANY);
	assert_int_equal(gate_stats(e->s.gateway)->ended[CONTEXT_END_DRAIN], 1);
	assert_int_equal(gate_last_event(e)->end, CONTEXT_END_DRAIN);
	gate_drain(e);
	end(e);
	ask_allocate(e, 100, &relayed);
	env_advance(e, 2000);
	assert_int_equal(drain_left(&e->s), 1); /* the deadline went with it */
}

static void a_restart_goes_on_with_it(void **state)
{
	struct env *e = *state;
	struct sock_addr relayed;
	struct answer ans;
	struct ask a;

	ask_allocate(e, 1, &relayed);
	begin(e, 20);
	env_advance(e, 5000);
	e->wall_ms += 5000;
	gate_restart(e);
	assert_true(e->s.drain.on);
	ask_for(&a, 2);
	ask_send(e, &a, &ans); /* with the first one's session before it: it is replayed */
	assert_int_equal(ans.code, 508);
	gate_pass(e, 13);
	assert_int_equal(drain_left(&e->s), 1);
	gate_pass(e, 4);
	env_poll(e);
	assert_int_equal(drain_left(&e->s), 0);
	end(e);
	gate_restart(e);
	assert_false(e->s.drain.on);
}

/* A deadline that is taken back, and a new one. */
static void the_deadline_changes(void **state)
{
	struct env *e = *state;
	struct sock_addr relayed;

	ask_allocate(e, 1, &relayed);
	begin(e, 2);
	begin(e, 0);
	gate_pass(e, 4);
	assert_int_equal(drain_left(&e->s), 1);
	begin(e, 2);
	gate_pass(e, 4);
	env_poll(e);
	assert_int_equal(drain_left(&e->s), 0);
}

/* What cannot be kept for the next control process is not begun. */
static void a_disk_that_refuses(void **state)
{
	struct env *e = *state;
	char err[256] = "", state_file[CONFIG_STR_MAX];

	snprintf(state_file, sizeof(state_file), "%s", e->conf.control.state);
	snprintf(e->conf.control.state, sizeof(e->conf.control.state), "/nowhere/a.state");
	assert_false(drain_begin(&e->s, 0, err, sizeof(err)));
	assert_string_equal(err,
			    "/nowhere/a.state.drain: cannot be written: No such file or directory");
	assert_false(e->s.drain.on);
	snprintf(e->conf.control.state, sizeof(e->conf.control.state), "%s", state_file);
}

#define T(f) cmocka_unit_test_setup_teardown(f, gate_setup, env_teardown)
#define T_ALT(f) cmocka_unit_test_setup_teardown(f, alternate_setup, env_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(no_new_allocation),
		T_ALT(sent_elsewhere),
		T_ALT(nobody_of_the_family),
		T(no_new_call),
		T(the_rest_ends_at_the_deadline),
		T(a_restart_goes_on_with_it),
		T(the_deadline_changes),
		T(a_disk_that_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clients over DTLS (RFC 7350): requests are datagrams, which are sent again and may be lost, but
 * an allocation goes with its association, as one over TCP does with its connection; nothing of TCP
 * is relayed for them; what a leg names must be of its listener's transport.
 */
#include "tests/world/cp_env.h"

#include "cp/session.h"

enum { DTLS_PORT = 5349 };

static const struct ctl_conn conn = { CTL_CONN_DTLS | 17, 3 };

static int setup(void **state)
{
	struct env *e;

	if (env_setup(state))
		return -1;
	e = *state;
	e->conf.listener[1].transport = TRANSPORT_DTLS;
	e->conf.listener[1].addr.port = be16_make(DTLS_PORT);
	env_start(e, 256);
	return 0;
}

static void begin(struct ask *a, enum stun_method method, uint16_t port)
{
	ask_begin(a, method, port);
	ask_over_tcp(a, conn); /* the same listener, an association's name */
}

static struct table_alloc *allocate(struct env *e, uint16_t port)
{
	struct table_alloc *a;
	struct answer ans;
	struct ask q;

	begin(&q, STUN_ALLOCATE, port);
	ask_transport(&q);
	ask_expect(e, &q, &ans, 0);
	assert_memory_equal(&ans.cmd[0].session_set.leg, &q.leg, sizeof(q.leg));
	assert_memory_equal(&ans.send.leg, &q.leg, sizeof(q.leg));
	a = env_alloc_tcp(e, port);
	assert_non_null(a);
	return a;
}

/* RFC 8656 7.2, step 2. */
static void a_repeated_allocate_is_answered(void **state)
{
	struct env *e = *state;
	struct answer ans;
	struct ask q;

	begin(&q, STUN_ALLOCATE, 1000);
	ask_transport(&q);
	ask_expect(e, &q, &ans, 0);
	ask_expect(e, &q, &ans, 0);
	assert_int_equal(e->s.stats.retransmissions, 1);
}

/* RFC 6062 5.1: by TCP or TLS alone. */
static void no_tcp_allocation(void **state)
{
	struct env *e = *state;
	struct answer ans;
	struct ask q;

	begin(&q, STUN_ALLOCATE, 1000);
	ask_transport_tcp(&q);
	ask_expect(e, &q, &ans, 400);
	assert_null(env_alloc_tcp(e, 1000));
}

static void it_goes_with_its_association(void **state)
{
	struct env *e = *state;
	struct table_alloc *a = allocate(e, 1000);

	fake_dp_conn_gone(&e->dp, 0, a->sid, (struct ctl_conn){ conn.idx, conn.gen + 1 },
			  CONN_CLIENT);
	env_poll(e);
	assert_non_null(env_alloc_tcp(e, 1000));
	fake_dp_conn_gone(&e->dp, 0, a->sid, conn, CONN_CLIENT);
	env_poll(e);
	assert_null(env_alloc_tcp(e, 1000));
}

/* From the same address and port, and the word of the first one's end is still on its way. */
static void another_association(void **state)
{
	struct env *e = *state;
	struct answer ans;
	struct ask q;

	allocate(e, 1000);
	begin(&q, STUN_REFRESH, 1000);
	q.leg.conn_gen++;
	ask_send(e, &q, &ans);
	assert_int_equal(ans.code, 437);
	assert_null(env_alloc_tcp(e, 1000));
}

static void killed(void **state)
{
	struct env *e = *state;
	union ctl_cmd c;

	session_kill(&e->s, allocate(e, 1000));
	assert_true(env_take(e, 0, CMD_CONN_CLOSE, &c));
	assert_int_equal(c.conn_close.conn.idx, conn.idx);
	assert_int_equal(c.conn_close.conn.gen, conn.gen);
	assert_int_equal(c.conn_close.killed, 1);
}

static void of_another_transport(void **state)
{
	static const struct ctl_leg impossible[] = {
		{ .listener = 0, .conn = CTL_CONN_DTLS, .conn_gen = 1 },
		{ .listener = 1, .conn_gen = 1 },
		{ .listener = 1, .conn = CTL_CONN_DTLS },
		{ .listener = 1 },
	};
	struct env *e = *state;
	char err[256];

	for (size_t i = 0; i < sizeof(impossible) / sizeof(impossible[0]); i++) {
		fake_dp_punt_leg(&e->dp, 0, &impossible[i], "", 0, e->now_ms * 1000);
		env_poll(e);
		assert_int_equal(dplink_stats(e->s.link)->faults, i + 1);
		dplink_detach(e->s.link);
		fake_dp_close(&e->dp);
		fake_dp_open(&e->dp, &e->conf, 256);
		if (!fake_dp_attach(&e->dp, &e->s, err, sizeof(err)))
			fail_msg("%s", err);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, env_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_repeated_allocate_is_answered),
		T(no_tcp_allocation),
		T(it_goes_with_its_association),
		T(another_association),
		T(killed),
		T(of_another_transport),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

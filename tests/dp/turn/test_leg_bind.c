/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ConnectionBind (RFC 6062 4.3): the connection that asked for it is held until it is joined, and
 * nothing behind the request is read; refused, it speaks STUN on.
 */
#include "tests/world/leg_world.h"

static bool is_held(void)
{
	const struct leg *l = tcp_data(lw.f->c);

	return l->flags & LEG_HELD;
}

static void bind_held(void **state)
{
	(void)state;
	lw_add_stun(STUN_CONNECTION_BIND, STUN_REQUEST, 0);
	lw_add("GET / HTTP/1.1\r\n", 16); /* is for the peer, not for us */
	lw_feed();
	assert_non_null(world_evt(0));
	assert_true(lw.f->paused);
	assert_true(lw.f->open);
	assert_true(lw_reply(STUN_ALLOCATE, STUN_ERROR, 0)); /* answers something else */
	assert_true(lw.f->paused);
	assert_false(is_held());
	assert_true(lw_reply(STUN_CONNECTION_BIND, STUN_SUCCESS, SEND_HOLD));
	assert_true(is_held());
	assert_true(lw.f->paused);
	assert_int_equal(tcp_readable(lw.f->c), 16);
	assert_false(lw_session(lw.f, 0, 0)); /* it is no control connection any more */
	fake_fin(world.w, lw.f);
	fake_run();
	assert_true(lw.f->open);
	/* nobody joins it */
	world_clock_ms((world.w->now + world.conf.tcp.idle_timeout) * 1000ull);
	fake_run();
	lw_ended(TCP_END_IDLE);
}

static void bind_refused(void **state)
{
	(void)state;
	lw_add_stun(STUN_CONNECTION_BIND, STUN_REQUEST, 0);
	lw_add_stun(STUN_BINDING, STUN_REQUEST, 0);
	lw_feed();
	assert_int_equal(world_count(0, CNT_BINDING), 0);
	assert_true(lw_reply(STUN_CONNECTION_BIND, STUN_ERROR, 0));
	fake_run();
	assert_int_equal(world_count(0, CNT_BINDING), 1);
	assert_false(lw.f->paused);
	/* a FIN right behind waits for the answer, too */
	lw.len = 0;
	lw_add_stun(STUN_CONNECTION_BIND, STUN_REQUEST, 0);
	fake_fin(world.w, lw.f);
	lw_feed();
	assert_true(lw.f->open);
	assert_true(lw_reply(STUN_CONNECTION_BIND, STUN_ERROR, 0));
	lw_ended(TCP_END_DONE);
}

/* It waits for room as others do, and nothing behind it is read; a control connection is never
 * joined. */
static void bind_waits_for_room(void **state)
{
	(void)state;
	lw_fill_ring();
	world_mark();
	lw_add_stun(STUN_CONNECTION_BIND, STUN_REQUEST, 0);
	lw_add("GET / HTTP/1.1\r\n", 16);
	lw_feed();
	assert_true(lw.f->paused);
	assert_int_equal(tcp_readable(lw.f->c), 16);
	while (world_evt(0))
		;
	fake_run();
	assert_non_null(world_evt(0));
	assert_int_equal(tcp_readable(lw.f->c), 16);
	assert_true(lw_reply(STUN_CONNECTION_BIND, STUN_SUCCESS, SEND_HOLD));
	world_drops(DROP_NONE, 0);
}

static void bind_of_a_control_connection(void **state)
{
	(void)state;
	lw_serve();
	lw_add_stun(STUN_CONNECTION_BIND, STUN_REQUEST, 0);
	lw_feed();
	assert_non_null(world_evt(0));
	assert_false(lw.f->paused);
	assert_false(lw_reply(STUN_CONNECTION_BIND, STUN_SUCCESS, SEND_HOLD));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, lw_setup, lw_teardown)
	const struct CMUnitTest tests[] = {
		T(bind_held),
		T(bind_refused),
		T(bind_waits_for_room),
		T(bind_of_a_control_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

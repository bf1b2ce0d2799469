/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How terminations connect and listen: 3GPP TS 23.334 5.11.2.x.5.1, which tests are named after;
 * R43, R58. On request and no sooner, from whom it may be and from nobody else, once.
 */
#include "tests/world/stream_world.h"

/* On request only, and then alone (R58). */
static void test_5_11_2_x_5_1_connect_on_request(void **state)
{
	(void)state;
	gate_want(0, TERM_TCP, TERM_CONNECT);
	gate_term(0)->attempt = 0;
	gate_set();
	gate_pass_ms(50);
	assert_int_equal(gate.far[0].host->syns, 0);
	gate_term(0)->attempt = 1;
	gate_set();
	assert_int_equal(gate.far[0].host->syns, 1);
	assert_int_equal(be16_get(gate.far[0].host->us.port), LOCAL_PORT);
	gate_event(0, TERM_UP);
	gate_set(); /* it is told what it is already */
	assert_int_equal(gate.far[0].host->syns, 1);
	gate_no_event();
}

/* A server does not hear anybody before, either. */
static void test_5_11_2_x_5_1_listen_on_request(void **state)
{
	(void)state;
	gate_want(0, TERM_TCP, 0);
	gate_term(0)->attempt = 0;
	gate_set();
	host_connect(gate.far[0].host);
	assert_true(gate.far[0].host->rst);
	gate_want(0, TERM_TCP, 0);
	gate_set();
	far_connect(0);
	gate_event(0, TERM_UP);
}

/* Somebody at 10.1.0.2, where this is the remote address. */
static void somebody(const char *announced, uint16_t flags, bool welcome)
{
	gate_want(0, TERM_TCP, flags);
	gate_term(0)->remote[0] = at(announced, 9);
	gate_set();
	far_connect(0);
	assert_int_equal(gate.far[0].host->open, welcome);
	assert_int_equal(gate.far[0].host->rst, !welcome);
	if (welcome)
		gate_event(0, TERM_UP);
	gate_again();
}

/* The address that was announced, by any port; with TERM_LATCH anybody (R14, R28). */
static void test_5_11_2_x_5_1_who_may_connect(void **state)
{
	(void)state;
	somebody("10.1.0.2", 0, true);
	somebody("10.1.0.3", 0, false);
	somebody("10.1.0.3", TERM_LATCH, true);
	somebody("10.1.0.2", TERM_LATCH | TERM_LATCH_ADDR, true);
	somebody("10.1.0.3", TERM_LATCH | TERM_LATCH_ADDR, false);
}

static struct host *second(uint16_t port)
{
	struct sock_addr us = at("10.1.0.1", LOCAL_PORT), it = at("10.1.0.2", port);
	struct host *h = host_client(&it, &us);

	return h;
}

/* To a termination of TLS, and it says nothing. */
static struct host *silent(void)
{
	struct host *h;

	gate_want(0, TERM_TLS, 0);
	gate_set();
	h = second(7000);
	assert_true(h->open);
	return h;
}

/* What it says now is said to nobody. */
static void too_late(struct host *h)
{
	host_say(h, "\26\3\1\0\1\1", 6);
	assert_true(h->rst);
	gate_no_event();
}

/* One connection a termination. */
static void test_5_11_2_x_5_1_one_connection(void **state)
{
	struct host *h;

	(void)state;
	gate_up(TERM_TCP, 0, TERM_TCP, 0);
	h = second(7000);
	assert_true(h->rst && !h->open);
	gate_passes();
}

/* With TLS the one is who first says something: who only connects keeps nobody out. */
static void test_5_11_2_x_5_1_silent_connections(void **state)
{
	struct host *h = silent();

	(void)state;
	far_connect(0);
	gate_event(0, TERM_UP);
	too_late(h);
}

/* Nor who connected for an attempt that has been given up. */
static void test_5_11_2_x_5_1_begun_anew_meanwhile(void **state)
{
	struct host *h = silent();

	(void)state;
	gate_want(0, TERM_TLS, 0);
	gate_set();
	too_late(h);
	far_connect(0);
	assert_int_equal(gate_event(0, TERM_UP)->attempt, 2);
}

/* Who connected to what it was to be before is not the one it waits for. */
static void test_5_11_2_x_5_1_changed_meanwhile(void **state)
{
	struct host *h = silent();

	(void)state;
	gate_term(0)->transport = TERM_TCP;
	gate_term(0)->n_fingerprint = 0;
	gate_set();
	too_late(h);
	h = second(7001);
	gate_run();
	assert_true(h->open);
	gate_event(0, TERM_UP);
}

/* Nor who had its address before. */
static void test_5_11_2_x_5_1_remote_changed_meanwhile(void **state)
{
	struct host *h = silent();

	(void)state;
	gate_term(0)->remote[0].ip = at("10.1.0.3", 0).ip;
	gate_set();
	too_late(h);
}

static void test_5_11_2_x_5_1_refused(void **state)
{
	(void)state;
	gate_want(0, TERM_TCP, TERM_CONNECT);
	gate_want(1, TERM_TCP, 0);
	gate.far[0].host->refuse = true;
	gate_term(0)->attempt = 0;
	gate_set();
	far_connect(1);
	gate_event(1, TERM_UP);
	gate_term(0)->attempt = 1;
	gate_set();
	gate_ended(0, TCP_END_REFUSED);
	gate_ended(1, TCP_END_PARTNER);
	far_reset(1);
	/* Another attempt begins anew, and both may. */
	gate_want(0, TERM_TCP, TERM_CONNECT);
	gate_want(1, TERM_TCP, 0);
	gate_set();
	far_connect(1);
	gate_event(0, TERM_UP);
	gate_event(1, TERM_UP);
	gate_passes();
}

static void test_5_11_2_x_5_1_no_answer(void **state)
{
	(void)state;
	world.conf.tcp.connect_timeout = 2;
	gate_want(0, TERM_TLS, TERM_CONNECT);
	gate.far[0].host->silent = true;
	gate_set();
	gate_pass_ms(1999);
	gate_no_event();
	gate_pass_ms(2);
	gate_ended(0, TCP_END_TIMEOUT);
}

static void test_5_11_2_x_5_1_no_remote(void **state)
{
	(void)state;
	gate_want(0, TERM_TCP, TERM_CONNECT);
	gate_term(0)->remote[0] = (struct sock_addr){ 0 };
	gate_set();
	gate_ended(0, TCP_END_UNREACHABLE);
}

/* A live connection makes way for another attempt; its partner stays. */
static void test_5_11_2_x_5_1_another_attempt(void **state)
{
	struct host *old;

	(void)state;
	gate_up(TERM_TCP, 0, TERM_TLS, 0);
	old = gate.far[0].host;
	gate_want(0, TERM_TCP, 0);
	gate_set();
	assert_true(old->fin_rcvd && !old->rst);
	old->fin = true;
	far_say(1, "meanwhile ", 10);
	far_connect(0);
	assert_int_equal(gate_event(0, TERM_UP)->attempt, 2);
	far_heard(0, "meanwhile ", 10);
	gate_passes();
}

/* Between the same ports as an earlier one, which is in TIME-WAIT here (RFC 9293 3.6.1). */
static void test_5_11_2_x_5_1_over_time_wait(void **state)
{
	struct sock_addr remote;

	(void)state;
	gate_want(0, TERM_TCP, TERM_CONNECT);
	remote = gate_term(0)->remote[0];
	gate_set();
	gate_event(0, TERM_UP);
	gate_again();
	assert_int_equal(world.w->counters->cnt[CNT_TCP_TIME_WAIT], 1);
	gate_want(0, TERM_TCP, TERM_CONNECT);
	gate_term(0)->remote[0] = remote;
	gate.far[0].host->addr = remote;
	gate_set();
	gate_event(0, TERM_UP);
	assert_int_equal(world.w->counters->cnt[CNT_TCP_TIME_WAIT], 0);
}

/* No stream is left for a third context. */
static void test_5_11_2_x_5_1_full(void **state)
{
	(void)state;
	gate_want(0, TERM_TCP, 0);
	for (uint32_t i = 0; i < 3; i++) {
		gate.want.cid.slot = i;
		gate_term(0)->local.port = be16_make((uint16_t)(LOCAL_PORT + 8 * i));
		gate_set();
		assert_int_equal(gate.refused, i / 2);
	}
	while (gate.want.cid.slot--)
		gate_del();
	gate.want.cid.slot = 0;
}

/* A TLS domain that does not exist. */
static void test_5_11_2_x_5_1_no_domain(void **state)
{
	(void)state;
	gate_want(0, TERM_TLS, 0);
	gate_term(0)->domain = world.conf.n_domain;
	gate_set();
	assert_int_equal(gate.refused, 1);
	gate_term(0)->domain--;
	gate_set();
	assert_int_equal(gate.refused, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		gate_test(test_5_11_2_x_5_1_connect_on_request),
		gate_test(test_5_11_2_x_5_1_listen_on_request),
		gate_test(test_5_11_2_x_5_1_who_may_connect),
		gate_test(test_5_11_2_x_5_1_one_connection),
		gate_test(test_5_11_2_x_5_1_silent_connections),
		gate_test(test_5_11_2_x_5_1_begun_anew_meanwhile),
		gate_test(test_5_11_2_x_5_1_changed_meanwhile),
		gate_test(test_5_11_2_x_5_1_remote_changed_meanwhile),
		gate_test(test_5_11_2_x_5_1_refused),
		gate_test(test_5_11_2_x_5_1_no_answer),
		gate_test(test_5_11_2_x_5_1_no_remote),
		gate_test(test_5_11_2_x_5_1_another_attempt),
		gate_test(test_5_11_2_x_5_1_over_time_wait),
		gate_test(test_5_11_2_x_5_1_full),
		gate_test(test_5_11_2_x_5_1_no_domain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

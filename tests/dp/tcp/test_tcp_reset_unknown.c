/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Segments of no connection (RFC 9293 3.10.7.1, 3.5.2 group 1): RST with the number they
 * acknowledge, or with an ACK of all they hold; none in answer to RST; so many a second and source
 * only (R27).
 */
#include "tests/world/tcp_world.h"

enum { RATE = 20 };

static int setup(void **state)
{
	(void)state;
	tcp_config();
	world.conf.dataplane.icmp_rate = RATE;
	tcp_start();
	app.deaf = true;
	world_mark();
	return 0;
}

static void each_kind(void **state)
{
	const struct seg *s;

	(void)state;
	peer.irs = 12345;
	seg_in(SYN, 0, 0, 0);
	peer.irs = 0;
	seg_expect(RST | ACK, 0, 1, 0);
	seg_in(SYN, 0, 0, 100);
	seg_expect(RST | ACK, 0, 101, 0);
	peer.irs = 12345;
	seg_in(ACK, 5, 777, 100);
	s = seg_expect(RST, 777, 0, 0);
	assert_int_equal(s->wnd, 0);
	assert_false(s->ts);
	seg_in(SYN | ACK, 0, 777, 0);
	seg_expect(RST, 777, 0, 0);
	seg_in(FIN | ACK, 5, 777, 10);
	seg_expect(RST, 777, 0, 0);
	/* Neither SYN nor ACK nor RST: what each holds is acknowledged. */
	peer.irs = 0;
	seg_in(FIN, 5, 0, 0);
	seg_expect(RST | ACK, 0, 6, 0);
	seg_in(FIN | PSH | URG, 5, 0, 10);
	seg_expect(RST | ACK, 0, 16, 0);
	seg_in(0, 5, 0, 10);
	seg_expect(RST | ACK, 0, 15, 0);
	seg_in(0, 5, 0, 0);
	seg_expect(RST | ACK, 0, 5, 0);
	peer.irs = 12345;
	world_drops(DROP_TCP_PORT, 9);
	assert_int_equal(world_count(0, CNT_TCP_RST_TX), 9);
	seg_in(RST, 5, 0, 0);
	seg_in(RST | ACK, 5, 777, 0);
	seg_none();
	world_drops(DROP_TCP_PORT, 11);
}

static void over_ipv6(void **state)
{
	(void)state;
	peer_v6();
	seg_in(SYN, 0, 0, 0);
	seg_expect(RST | ACK, 0, 1, 0);
	world_drops(DROP_TCP_PORT, 1);
}

static uint32_t scan(uint32_t n)
{
	uint32_t i, answers = 0;

	for (i = 0; i < n; i++) {
		peer.us.port = be16_make((uint16_t)(1000 + i));
		seg_in(SYN, 0, 0, 0);
		answers += seg_skip();
	}
	return answers;
}

static void so_many_a_second(void **state)
{
	(void)state;
	peer.irs = 0;
	assert_in_range(scan(200), 1, 2 * RATE);
	assert_true(world.w->counters->drop[DROP_TCP_RATE] - world.drop[0][DROP_TCP_RATE] >=
		    200 - 2 * RATE);
	/* Others are still answered. */
	peer.addr.ip = at("10.2.0.3", 0).ip;
	peer.us.ip = at("10.2.0.1", 0).ip;
	peer.port = CORE;
	assert_true(scan(1) == 1);
	world_pass_ms(1000);
	assert_true(scan(5) == 5);
}

#define unknown(f) cmocka_unit_test_setup_teardown(f, setup, tcp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		unknown(each_kind),
		unknown(over_ipv6),
		unknown(so_many_a_second),
	};

	return tcp_run(tests);
}

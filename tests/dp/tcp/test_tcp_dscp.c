/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The DSCP that an owner asks for is that of every segment of its connection (RFC 2474 3), from
 * the first SYN or SYN-ACK to the last ACK of TIME-WAIT, and changes when the owner says so. ECN's
 * two bits go their own way (RFC 3168 5). seg_next() compares each segment with app.dscp.
 */
#include "tests/world/tcp_world.h"

enum { EF = 46, AF11 = 10 };

static int setup(void **state)
{
	tcp_setup(state);
	app.dscp = EF;
	return 0;
}

static int setup_cookies(void **state)
{
	(void)state;
	tcp_config();
	world.conf.tcp.cookies = COOKIES_ALWAYS;
	tcp_start();
	app.dscp = EF;
	return 0;
}

/* Its life after the handshake: ACK, data, what is lost, the change, the end. */
static void all_its_life(void)
{
	seg_in(ACK, 1, 1, MSS_TS);
	seg_wait(100);
	seg_expect(ACK, 1, 1 + MSS_TS, 0);
	app_send(100);
	seg_expect(ACK, 1, 1 + MSS_TS, 100);
	seg_wait(2000); /* a probe of the tail, or the timeout */
	seg_expect(ACK, 1, 1 + MSS_TS, 100);
	app.dscp = AF11;
	tcp_dscp(app.c, AF11);
	seg_in(ACK, 1 + MSS_TS, 101, 100);
	seg_wait(100);
	seg_expect(ACK, 101, 101 + MSS_TS, 0);
	app_send(100);
	seg_expect(ACK, 101, 101 + MSS_TS, 100);
	seg_in(ACK, 101 + MSS_TS, 201, 0);
	close_owner_first(101 + MSS_TS, 201);
	seg_in(FIN | ACK, 101 + MSS_TS, 202, 0);
	seg_expect(ACK, 202, 102 + MSS_TS, 0);
}

static void from_outside(void **state)
{
	(void)state;
	open_passive();
	all_its_life();
}

static void from_here(void **state)
{
	(void)state;
	peer_core();
	open_active();
	all_its_life();
}

static void over_ipv6(void **state)
{
	(void)state;
	peer_v6();
	open_passive();
	app_send(100);
	seg_expect(ACK, 1, 1, 100);
	peer_reset();
	peer_core();
	open_active();
	app_send(100);
	seg_expect(ACK, 1, 1, 100);
	peer_reset();
}

static void a_syn_again(void **state)
{
	(void)state;
	peer_core();
	app_connect();
	seg_expect(SYN | ECE | CWR, 0, 0, 0);
	seg_wait(1100);
	seg_expect(SYN, 0, 0, 0);
	seg_in(SYN | ACK, 0, 1, 0);
	seg_expect(ACK, 1, 1, 0);
	peer_reset();
}

/* Because time passes, and because the peer asks again. */
static void a_syn_ack_again(void **state)
{
	(void)state;
	peer_near_wrap();
	seg_in(SYN, 0, 0, 0);
	seg_expect(SYN | ACK, 0, 1, 0);
	seg_wait(1100);
	seg_expect(SYN | ACK, 0, 1, 0);
	seg_in(SYN, 0, 0, 0);
	seg_expect(SYN | ACK, 0, 1, 0);
	seg_in(ACK, 1, 1, 0);
	peer_reset();
}

static void a_cookie(void **state)
{
	int v6;

	(void)state;
	for (v6 = 0; v6 < 2; v6++) {
		seg_in(SYN, 0, 0, 0);
		seg_expect(SYN | ACK, 0, 1, 0);
		assert_int_equal(world.w->tcp->conns, 0);
		seg_in(ACK, 1, 1, 0);
		assert_int_equal(app.opened, 1 + v6);
		app_send(100);
		seg_expect(ACK, 1, 1, 100);
		peer_reset();
		peer_v6();
	}
}

static void no_cookie(void **state)
{
	(void)state;
	seg_in(SYN, 0, 0, 0);
	seg_expect(SYN | ACK, 0, 1, 0);
	seg_in(ACK, 1, 2, 0);
	seg_expect(RST, 2, 0, 0);
}

/* RFC 3168 6.1.5: data is ECN-capable when it is sent first, and not again. */
static void ecn_beside_it(void **state)
{
	(void)state;
	peer_core();
	app_connect();
	seg_expect(SYN | ECE | CWR, 0, 0, 0);
	seg_in(SYN | ACK | ECE, 0, 1, 0);
	seg_expect(ACK, 1, 1, 0);
	app_send(100);
	assert_int_equal(seg_expect(ACK, 1, 1, 100)->tos & CE, ECT0);
	seg_wait(2000);
	assert_int_equal(seg_expect(ACK, 1, 1, 100)->tos & CE, 0);
	app.dscp = 63;
	tcp_dscp(app.c, 63);
	seg_in(ACK, 1, 101, 0);
	app_send(100);
	assert_int_equal(seg_expect(ACK, 101, 1, 100)->tos & CE, ECT0);
	peer_reset();
}

static void resets(void **state)
{
	(void)state;
	open_passive();
	app_abort();
	seg_expect(RST | ACK, 1, 1, 0);
	/* What comes in the same burst as the end finds a connection that is over. */
	open_passive();
	seg_queue(RST, 1, 0, 0);
	seg_in(ACK, 1, 1, 100);
	seg_expect(RST, 1, 0, 0);
	/* Of connections that are not open yet: for an ACK of what was never sent. */
	seg_in(SYN, 0, 0, 0);
	seg_expect(SYN | ACK, 0, 1, 0);
	seg_in(ACK, 1, 2, 0);
	seg_expect(RST, 2, 0, 0);
	seg_in(RST, 1, 0, 0);
	peer_core();
	app_connect();
	seg_expect(SYN | ECE | CWR, 0, 0, 0);
	seg_in(SYN | ACK, 0, 2, 0);
	seg_expect(RST, 2, 0, 0);
	seg_in(RST | ACK, 0, 1, 0);
	assert_int_equal(app.why, TCP_END_REFUSED);
}

#define dscp(f) cmocka_unit_test_setup_teardown(f, setup, tcp_teardown)
#define dscp_cookies(f) cmocka_unit_test_setup_teardown(f, setup_cookies, tcp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		dscp(from_outside),	 dscp(from_here),	dscp(over_ipv6),
		dscp(a_syn_again),	 dscp(a_syn_ack_again), dscp_cookies(a_cookie),
		dscp_cookies(no_cookie), dscp(ecn_beside_it),	dscp(resets),
	};

	return tcp_run(tests);
}

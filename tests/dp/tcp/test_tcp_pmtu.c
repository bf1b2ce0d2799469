/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Path MTU (RFC 1191, RFC 8201): every segment says DF; "too big" that quotes what is under way
 * (RFC 5927 4.1) makes segments shorter and sends again what was too long; forged ones do nothing.
 * Where no ICMP comes, timeouts of full segments do the same (RFC 2923 2.1). "Unreachable" ends
 * only what is not open yet (RFC 9293 3.9.2.2).
 */
#include "tests/world/tcp_world.h"

enum { LEN = MSS_TS, MTU = 1000, LESS = MTU - 52 };

static void segments_become_shorter(void **state)
{
	uint32_t at = 1;

	(void)state;
	open_passive();
	app_send(3 * LEN);
	assert_true(seg_expect(ACK, 1, 1, LEN)->df);
	assert_int_equal(seg_skip(), 2);
	icmp_in(1, MTU, &peer.us, &peer.addr);
	assert_int_equal(app.c->mss, LESS);
	assert_int_equal(world_count(0, CNT_TCP_PMTU), 1);
	/* What was too long goes again, in pieces that fit, without a timeout. */
	while (at < 1 + 3 * LEN) {
		const struct seg *s = seg_next();

		assert_non_null(s);
		assert_int_equal(s->seq, at);
		assert_true(s->len <= LESS);
		at += s->len;
		seg_in(ACK, 1, at, 0);
	}
	assert_int_equal(world_count(0, CNT_TCP_RTO), 0);
	app_send(2000);
	assert_int_equal(seg_next()->len, LESS);
	seg_skip();
	peer_reset();
}

static void of_what_is_not_under_way(void **state)
{
	struct sock_addr other = peer.addr;

	(void)state;
	open_passive();
	app_send(3 * LEN);
	seg_skip();
	seg_in(ACK, 1, 1 + LEN, 0);
	world_mark();
	icmp_in(1, MTU, &peer.us, &peer.addr);
	icmp_in(LEN, MTU, &peer.us, &peer.addr);
	icmp_in(1 + 3 * LEN, MTU, &peer.us, &peer.addr);
	icmp_in(0x50000000, MTU, &peer.us, &peer.addr);
	other.port = be16_make(PEER_PORT + 1);
	icmp_in(1 + LEN, MTU, &peer.us, &other);
	assert_int_equal(app.c->mss, LEN);
	assert_int_equal(world_count(0, CNT_TCP_PMTU), 0);
	seg_none();
	world_drops(DROP_ICMP_NO_SESSION, 5);
	peer_reset();
}

/* RFC 1191 3: 68 is possible, and of use to an attacker only. */
static void not_below_the_least(void **state)
{
	(void)state;
	open_passive();
	app_send(3 * LEN);
	seg_skip();
	icmp_in(1, 68, &peer.us, &peer.addr);
	assert_true(app.c->mss >= 536 - 12);
	seg_skip();
	peer_reset();
}

static void larger_is_no_news(void **state)
{
	(void)state;
	open_passive();
	app_send(3 * LEN);
	seg_skip();
	icmp_in(1, 1500, &peer.us, &peer.addr);
	icmp_in(1, 9000, &peer.us, &peer.addr);
	assert_int_equal(app.c->mss, LEN);
	seg_none();
	peer_reset();
}

static void over_ipv6(void **state)
{
	(void)state;
	peer_v6();
	peer.mss = 1440;
	open_passive();
	app_send(3 * 1428);
	assert_int_equal(seg_skip(), 3);
	icmp_in(1, 1300, &peer.us, &peer.addr);
	assert_int_equal(app.c->mss, 1300 - 72);
	assert_int_equal(seg_next()->len, 1300 - 72);
	/* RFC 8201 4: never below 1280. */
	icmp_in(1, 600, &peer.us, &peer.addr);
	assert_int_equal(app.c->mss, 1280 - 72);
	seg_skip();
	peer_reset();
}

static void unreachable_ends_what_is_not_open(void **state)
{
	(void)state;
	peer_core();
	app_connect();
	seg_expect(SYN | ECE | CWR, 0, 0, 0);
	/* By one who does not know our number. */
	icmp_in(1, 0, &peer.us, &peer.addr);
	icmp_in(-1u, 0, &peer.us, &peer.addr);
	assert_int_equal(app.closed, 0);
	icmp_in(0, 0, &peer.us, &peer.addr);
	seg_none();
	app_gone(TCP_END_UNREACHABLE);
}

static void unreachable_is_soft_when_open(void **state)
{
	(void)state;
	open_passive();
	app_send(100);
	seg_expect(ACK, 1, 1, 100);
	icmp_in(1, 0, &peer.us, &peer.addr);
	assert_int_equal(app.closed, 0);
	seg_in(ACK, 1, 101, 0);
	peer_reset();
}

static void a_black_hole(void **state)
{
	uint32_t ms, at = 1;

	(void)state;
	open_passive();
	app_send(3 * LEN);
	/* Nothing longer than 600 bytes arrives. */
	for (ms = 0; at < 1 + 3 * LEN && ms < 30000; ms++) {
		const struct seg *s;

		world_pass_ms(1);
		while ((s = seg_next()) != NULL) {
			if (s->len > 600 || s->seq > at)
				continue;
			at = RTE_MAX(at, s->seq + s->len);
			seg_in(ACK, 1, at, 0);
		}
	}
	assert_int_equal(at, 1 + 3 * LEN);
	assert_int_equal(world_count(0, CNT_TCP_PMTU), 1);
	peer_reset();
}

/* Nothing at all arrives for a while: segments are long again then, and so must the window be. */
static void a_path_that_was_away(void **state)
{
	uint32_t ms, at = 1;

	(void)state;
	open_passive();
	app_send(20 * LEN);
	seg_skip();
	/* It had all; its first acknowledgement that comes through answers the sixth timeout. */
	for (ms = 0; world_count(0, CNT_TCP_RTO) < 6; ms++) {
		world_pass_ms(1);
		seg_skip();
		assert_true(ms < 60000);
	}
	assert_int_equal(app.c->mss, LEN);
	at += app.c->snd_max - app.c->snd_una;
	seg_in(ACK, 1, at, 0);
	for (ms = 0; at < 1 + 20 * LEN && ms < 1000; ms++) {
		const struct seg *s;

		while ((s = seg_next()) != NULL) {
			assert_int_equal(s->seq, at);
			at += s->len;
			seg_in(ACK, 1, at, 0);
		}
		world_pass_ms(1);
	}
	assert_int_equal(at, 1 + 20 * LEN);
	peer_reset();
}

/* ---- several queues ---- */

static int start_two(bool reta)
{
	struct port *port = &world.dp.port[ACCESS];
	uint16_t i;

	tcp_config();
	world.conf.dataplane.n_workers = 2;
	world.conf.listener[0].addr = at("10.1.0.1", APP_PORT);
	world.conf.listener[0].transport = TRANSPORT_TCP;
	tcp_start();
	port->flow_sticky = true;
	if (reta) {
		fill(port->rss.key, sizeof(port->rss.key), 7);
		port->rss.reta_size = 64;
		for (i = 0; i < 64; i++)
			port->rss.reta[i] = i & 1;
	}
	/* A client whose segments come by the second queue. */
	world.w = world.dp.worker[1];
	peer.worker = 1;
	while (reta && rss_queue(&port->rss, &peer.addr, &peer.us) != 1)
		peer.addr.port = be16_make((uint16_t)(be16_get(peer.addr.port) + 1));
	return 0;
}

static int setup_reta(void **state)
{
	(void)state;
	return start_two(true);
}

static int setup_sticky(void **state)
{
	(void)state;
	return start_two(false);
}

static int teardown_two(void **state)
{
	world.w = world.dp.worker[0];
	return tcp_teardown(state);
}

/*
 * A router's error comes by the queue of its own address, the first: it reaches the connection all
 * the same, by the hash of the client's segments or, where that is not known, as a copy.
 */
static void by_another_queue(void **state)
{
	struct sock_addr nobody;

	(void)state;
	open_passive();
	app_send(3 * LEN);
	assert_int_equal(seg_skip(), 3);
	world_mark();
	icmp_in(1, MTU, &peer.us, &peer.addr);
	assert_int_equal(app.c->mss, LESS);
	assert_int_equal(world_count(1, CNT_TCP_PMTU), 1);
	world_drops(DROP_NONE, 0);
	seg_skip();
	/* What nobody sent changes nothing. */
	nobody = peer.addr;
	nobody.port = be16_make((uint16_t)(be16_get(nobody.port) + 1));
	icmp_in(1, 700, &peer.us, &nobody);
	assert_int_equal(app.c->mss, LESS);
	assert_int_equal(world_count(1, CNT_TCP_PMTU), 1);
	peer_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(segments_become_shorter),
		tcp_test(of_what_is_not_under_way),
		tcp_test(not_below_the_least),
		tcp_test(larger_is_no_news),
		tcp_test(over_ipv6),
		tcp_test(unreachable_ends_what_is_not_open),
		tcp_test(unreachable_is_soft_when_open),
		tcp_test(a_black_hole),
		tcp_test(a_path_that_was_away),
		cmocka_unit_test_setup_teardown(by_another_queue, setup_reta, teardown_two),
		cmocka_unit_test_setup_teardown(by_another_queue, setup_sticky, teardown_two),
	};

	return tcp_run(tests);
}

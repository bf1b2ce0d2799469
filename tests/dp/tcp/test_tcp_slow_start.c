/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How the congestion window grows (RFC 5681 3.1, RFC 6928): ten segments at first, twice as many
 * each round trip up to ssthresh, one more a round trip from there; not while it is not used, and
 * after silence it starts again (4.1).
 */
#include "tests/world/tcp_world.h"

enum { LEN = MSS_TS };

static uint32_t seen; /* next byte we expect */

static void open_flow(void)
{
	open_passive();
	seen = 1;
}

/* Takes a flight, and acknowledges each segment a round trip later. Returns how many there were. */
static uint32_t flight(void)
{
	uint32_t ends[256], n = 0, i;
	const struct seg *s;

	while ((s = seg_next()) != NULL) {
		assert_int_equal(s->seq, seen);
		seen += s->len;
		ends[n++] = seen;
	}
	world_pass_ms(RTT_MS);
	for (i = 0; i < n; i++)
		seg_queue(ACK, 1, ends[i], 0);
	world_run();
	return n;
}

static void twice_each_round_trip(void **state)
{
	(void)state;
	open_flow();
	app_send(200 * LEN);
	assert_int_equal(flight(), 10);
	assert_int_equal(flight(), 20);
	assert_int_equal(flight(), 40);
	peer_reset();
}

static void one_more_from_ssthresh_on(void **state)
{
	(void)state;
	open_flow();
	app.c->ssthresh = 10 * LEN;
	app_send(200 * LEN);
	assert_int_equal(flight(), 10);
	assert_in_range(flight(), 10, 11);
	assert_in_range(flight(), 11, 12);
	assert_in_range(flight(), 12, 13);
	peer_reset();
}

/* 3.1: at most a segment for each ACK: a peer that acknowledges byte by byte gains nothing. */
static void acks_of_crumbs(void **state)
{
	uint32_t i;

	(void)state;
	open_flow();
	app_send(10 * LEN);
	assert_int_equal(seg_skip(), 10);
	world_pass_ms(RTT_MS);
	for (i = 1; i <= LEN; i += 10)
		seg_in(ACK, 1, i, 0);
	seg_in(ACK, 1, 1 + LEN, 0);
	assert_in_range(app.c->cwnd, 10 * LEN, 11 * LEN);
	peer_reset();
}

static void not_while_it_is_not_used(void **state)
{
	uint32_t i;

	(void)state;
	open_flow();
	for (i = 0; i < 50; i++) {
		app_send(2 * LEN);
		assert_int_equal(flight(), 2);
	}
	assert_int_equal(app.c->cwnd, 10 * LEN);
	peer_reset();
}

static void silence_starts_it_again(void **state)
{
	(void)state;
	open_flow();
	app_send(70 * LEN);
	assert_int_equal(flight() + flight() + flight(), 70);
	assert_int_equal(app.c->snd.bytes, 0);
	assert_true(app.c->cwnd >= 70 * LEN);
	world_pass_ms(5000);
	app_send(70 * LEN);
	assert_int_equal(flight(), 10);
	peer_reset();
}

/* RFC 6928 2: no more than 14,600 bytes, at least two segments. */
static void large_segments(void **state)
{
	(void)state;
	peer_plain();
	open_flow();
	app_send(30000);
	assert_in_range(flight(), 10, 10);
	peer_reset();
}

static int setup_cubic(void **state)
{
	(void)state;
	tcp_config();
	world.conf.tcp.congestion = CONGESTION_CUBIC;
	tcp_start();
	return 0;
}

/* RFC 9438 4.6, 4.2: down to 0.7, then back up towards where it was. */
static void cubic(void **state)
{
	uint32_t before, i, n = 0;

	(void)state;
	open_flow();
	app_send(100 * LEN);
	assert_int_equal(flight(), 10);
	before = seg_skip();
	assert_int_equal(before, 20);
	before = app.c->cwnd;
	world_pass_ms(RTT_MS);
	seg_in(ACK, 1, seen, 0, .n_sack = 1, .sack = { { seen + LEN, seen + 20 * LEN } });
	assert_in_range(app.c->ssthresh, before * 69 / 100, before * 71 / 100);
	seg_skip();
	seen = app.c->snd_max - peer.irs;
	world_pass_ms(RTT_MS);
	seg_in(ACK, 1, seen, 0);
	assert_in_range(app.c->cwnd, before * 69 / 100 - LEN, before * 71 / 100 + LEN);
	for (i = 0; i < 60; i++) {
		app_send(RTE_MIN(tcp_send_room(world.w, app.c), 60u * LEN));
		n = flight();
	}
	assert_true(n * LEN > before);
	peer_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(twice_each_round_trip),
		tcp_test(one_more_from_ssthresh_on),
		tcp_test(acks_of_crumbs),
		tcp_test(not_while_it_is_not_used),
		tcp_test(silence_starts_it_again),
		tcp_test(large_segments),
		cmocka_unit_test_setup_teardown(cubic, setup_cubic, tcp_teardown),
	};

	return tcp_run(tests);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Records of what was sent: a segment of 64 bytes needs one as a large one does, and a connection
 * that acknowledges nothing keeps them. Nobody's windows are cut short by it, his own included; and
 * nobody has more than his bound: a dozen whom nobody vouches for, others as many as a send buffer
 * has segments of the smallest size that all must take (536, RFC 9293 3.7.1). Of what is shared,
 * all whom nobody vouches for have half.
 */
#include "tests/world/crowd.h"
#include "dp/snapshot.h"

#include <stdlib.h>

enum {
	BUFFERS = 256,
	CONNS = 128,
	HOSTILE = 100,
	HONEST = 200,
	IW = 10,
	SMALLEST = 64,
	DOZEN = 12,
	SEND_RECORDS = 24,
	FEWER_RECORDS = 18,
};

static int setup(void **state)
{
	(void)state;
	crowd_config(CONNS);
	world.conf.tcp.buffers = BUFFERS;
	tcp_start();
	return 0;
}

static void give(uint32_t i, uint32_t bytes)
{
	app.c = crowd[i].c;
	app_send(bytes);
	crowd_run();
}

/* Acknowledges all along, until it has n bytes. */
static void gets(uint32_t i, uint32_t n, uint32_t max_ms)
{
	uint32_t ms;

	for (ms = 0; crowd[i].seen != 1 + n && ms < max_ms; ms++) {
		crowd_pass_ms(1);
		crowd_ack(i);
	}
	assert_int_equal(crowd[i].seen, 1 + n);
	crowd_ack(i);
	assert_int_equal(crowd[i].c->snd.bytes, 0);
	assert_int_equal(crowd[i].c->records, 0);
}

static void small_segments_without_ack(bool stranger)
{
	uint32_t i;

	app.stranger = stranger;
	peer.ts = false;
	for (i = 0; i < HOSTILE; i++) {
		peer.mss = 1; /* it is taken for 64 */
		assert_true(crowd_open(i));
		give(i, IW * SMALLEST);
		/* However few its records are, what its window lets go goes. */
		assert_int_equal(crowd[i].segs, IW);
		assert_int_equal(crowd[i].seen, 1 + IW * SMALLEST);
	}
	peer.mss = PEER_MSS;
	assert_true(crowd_open(HONEST));
	give(HONEST, 50000);
	gets(HONEST, 50000, 100);
	crowd_end();
}

static void of_strangers(void **state)
{
	(void)state;
	small_segments_without_ack(true);
}

static void of_others(void **state)
{
	(void)state;
	small_segments_without_ack(false);
}

/* What all share: strangers have half of it, however many they are, and the rest is others'. */
static void half_of_what_is_shared(void **state)
{
	uint32_t i;

	(void)state;
	app.stranger = true;
	peer.ts = false;
	peer.mss = 1;
	for (i = 0; i < HOSTILE; i++) {
		assert_true(crowd_open(i));
		give(i, IW * SMALLEST);
	}
	assert_int_equal(world.w->tcp->records_shared, BUFFERS / 2);
	app.stranger = false;
	assert_true(crowd_open(HONEST));
	give(HONEST, IW * SMALLEST);
	assert_int_equal(crowd[HONEST].c->records, IW);
	gets(HONEST, IW * SMALLEST, 100);
	crowd_end();
	peer.mss = PEER_MSS;
}

static int setup_small_buffer(void **state)
{
	(void)state;
	tcp_config();
	world.conf.tcp.buffers = BUFFERS;
	world.conf.tcp.send_buffer = SEND_RECORDS * TCP_MSS_DEFAULT;
	tcp_start();
	return 0;
}

/* Its window is opened by what it acknowledges; then it takes all of it, and acknowledges no more.
 */
static void no_more_than(bool stranger, uint32_t bound)
{
	uint32_t n, i, sent = 0;

	app.stranger = stranger;
	peer.ts = false;
	peer.mss = 1;
	assert_true(crowd_open(0));
	for (n = IW; n < 4 * bound; n *= 2) {
		give(0, n * SMALLEST);
		sent += n * SMALLEST;
		gets(0, sent, 1000);
	}
	for (i = 0; i < 2 * bound; i++) {
		give(0, SMALLEST);
		assert_true(crowd[0].c->records <= bound);
	}
	/* More of them left than there are records. */
	assert_true(crowd[0].seen > 1 + sent + bound * SMALLEST);
	assert_int_equal(crowd[0].c->records, bound);
	gets(0, sent + 2 * bound * SMALLEST, 1000);
	crowd_end();
	peer.mss = PEER_MSS;
}

static void a_dozen_of_a_stranger(void **state)
{
	(void)state;
	no_more_than(true, DOZEN);
}

static void a_send_buffer_of_others(void **state)
{
	(void)state;
	no_more_than(false, SEND_RECORDS);
}

/* Of one that a reload has made smaller. */
static void a_send_buffer_of_a_reload(void **state)
{
	struct config *c = malloc(sizeof(*c));

	(void)state;
	assert_non_null(c);
	*c = world.conf;
	c->tcp.send_buffer = FEWER_RECORDS * TCP_MSS_DEFAULT;
	world_reload(c);
	world_pass_ms(2 * NEIGH_TICK_MS);
	no_more_than(false, FEWER_RECORDS);
	snapshot_close(&world.dp);
}

#define records(f) cmocka_unit_test_setup_teardown(f, setup, tcp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		records(of_strangers),
		records(of_others),
		records(half_of_what_is_shared),
		records(a_dozen_of_a_stranger),
		cmocka_unit_test_setup_teardown(a_send_buffer_of_a_reload, setup_small_buffer,
						tcp_teardown),
		cmocka_unit_test_setup_teardown(a_send_buffer_of_others, setup_small_buffer,
						tcp_teardown),
	};

	return tcp_run(tests);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Records of what was sent: a segment of 64 bytes needs one as a large one does, and a connection
 * that acknowledges nothing keeps them. Nobody's windows are cut short by it, his own included.
 */
#include "crowd.h"

enum { BUFFERS = 256, CONNS = 128, HOSTILE = 100, HONEST = 200, IW = 10, SMALLEST = 64 };

static int setup(void **state)
{
	(void)state;
	tcp_config();
	world.conf.tcp.connections = CONNS;
	world.conf.tcp.half_open = CONNS;
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

#define records(f) cmocka_unit_test_setup_teardown(f, setup, tcp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		records(of_strangers),
		records(of_others),
	};

	return tcp_run(tests);
}

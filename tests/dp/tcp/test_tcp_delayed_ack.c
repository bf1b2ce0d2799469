/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When data is acknowledged (RFC 9293 3.8.6.3, RFC 5681 4.2): the second full segment at once,
 * one alone within 500 ms, data of ours takes the ACK along; the first segments of a stream and
 * whatever is unusual at once.
 */
#include "tests/world/tcp_world.h"

static void quick_at_the_start(void **state)
{
	uint32_t i;

	(void)state;
	open_passive();
	for (i = 0; i < 4; i++) {
		seg_in(ACK, 1 + i * 100, 1, 100);
		seg_expect(ACK, 1, 101 + i * 100, 0);
	}
	/* Not for ever. */
	for (; i < 100; i++)
		seg_in(ACK, 1 + i * 100, 1, 100);
	assert_true(seg_skip() <= 10 + 90 / 2);
	world_pass_ms(500);
	seg_skip();
	peer_reset();
}

static void one_alone_waits(void **state)
{
	uint32_t ms;

	(void)state;
	open_passive();
	app.c->quick_acks = 0;
	seg_in(ACK, 1, 1, MSS_TS);
	seg_none();
	ms = seg_wait(500);
	assert_true(ms > 1);
	seg_expect(ACK, 1, 1 + MSS_TS, 0);
	assert_int_equal(world_count(0, CNT_TCP_DELAYED_ACK), 1);
	seg_quiet(1000);
	peer_reset();
}

static void the_second_does_not(void **state)
{
	uint32_t i;

	(void)state;
	open_passive();
	app.c->quick_acks = 0;
	for (i = 0; i < 10; i++) {
		seg_in(ACK, 1 + 2 * i * MSS_TS, 1, MSS_TS);
		seg_none();
		seg_in(ACK, 1 + (2 * i + 1) * MSS_TS, 1, MSS_TS);
		seg_expect(ACK, 1, 1 + (2 * i + 2) * MSS_TS, 0);
	}
	seg_quiet(1000);
	peer_reset();
}

/* Segments of a peer whose path is narrower than it announced. */
static void full_is_what_the_peer_sends(void **state)
{
	uint32_t i;

	(void)state;
	open_passive();
	app.c->quick_acks = 0;
	for (i = 0; i < 40; i++)
		seg_in(ACK, 1 + i * 1000, 1, 1000);
	assert_true(seg_skip() >= 19);
	world_pass_ms(500);
	seg_skip();
	peer_reset();
}

/* What a device has put together is as many segments as it was, and does not make them longer. */
static void put_together_by_the_device(void **state)
{
	const uint32_t large = 5 * MSS_TS;

	(void)state;
	open_passive();
	app.c->quick_acks = 0;
	world.rx_flags = RTE_MBUF_F_RX_LRO;
	world.rx_segsz = MSS_TS;
	world.seg_first = world.seg_rest = 2048;
	seg_in(ACK, 1, 1, (uint16_t)large);
	world.rx_flags = 0;
	world.seg_first = world.seg_rest = 0;
	seg_expect(ACK, 1, 1 + large, 0);
	seg_in(ACK, 1 + large, 1, MSS_TS);
	seg_none();
	seg_in(ACK, 1 + large + MSS_TS, 1, MSS_TS);
	seg_expect(ACK, 1, 1 + large + 2 * MSS_TS, 0);
	assert_int_equal(app.received, large + 2 * MSS_TS);
	peer_reset();
}

static void data_takes_it_along(void **state)
{
	(void)state;
	open_passive();
	app.c->quick_acks = 0;
	seg_in(ACK, 1, 1, 100);
	seg_none();
	app_send(10);
	seg_expect(ACK, 1, 101, 10);
	seg_in(ACK, 101, 11, 0);
	seg_quiet(1000);
	peer_reset();
}

static void what_comes_twice_is_told(void **state)
{
	(void)state;
	peer.sack = false;
	open_passive();
	app.c->quick_acks = 0;
	seg_in(ACK, 1, 1, 100);
	seg_none();
	seg_in(ACK, 1, 1, 100);
	seg_expect(ACK, 1, 101, 0);
	seg_in(ACK, 201, 1, 100);
	seg_expect(ACK, 1, 101, 0);
	peer_reset();
}

/* An ACK is not acknowledged (3.10.7.4). */
static void an_ack_is_no_reason(void **state)
{
	(void)state;
	open_passive();
	seg_in(ACK, 1, 1, 0);
	seg_in(ACK, 1, 1, 0);
	seg_quiet(1000);
	peer_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(quick_at_the_start),	      tcp_test(one_alone_waits),
		tcp_test(the_second_does_not),	      tcp_test(full_is_what_the_peer_sends),
		tcp_test(put_together_by_the_device), tcp_test(data_takes_it_along),
		tcp_test(what_comes_twice_is_told),   tcp_test(an_ack_is_no_reason),
	};

	return tcp_run(tests);
}

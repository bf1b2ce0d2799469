/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A megabyte each way across the wrap of sequence numbers (RFC 9293 3.4): the numbers of both
 * directions start just below 2^32, and so do the timestamps (RFC 7323 5.2). In order, with losses
 * in between, and with both directions at once.
 */
#include "tests/world/tcp_world.h"

enum { MB = 1 << 20, LEN = MSS_TS };

static void in(void **state)
{
	uint32_t at = 1, n;

	(void)state;
	open_passive();
	while (at < 1 + MB) {
		n = RTE_MIN((uint32_t)LEN, 1 + MB - at);
		/* Every 50th comes after its successor. */
		if (at / LEN % 50 == 49 && at + 2 * LEN < 1 + MB) {
			seg_in(ACK, at + LEN, 1, LEN);
			seg_in(ACK, at, 1, LEN);
			at += 2 * LEN;
		} else {
			seg_in(ACK, at, 1, n);
			at += n;
		}
		seg_skip();
	}
	world_pass_ms(100);
	seg_skip();
	assert_int_equal(app.received, MB);
	close_peer_first(at, 1);
}

/* The peer acknowledges what came in order; drop every n-th first transmission (0: none). */
static uint32_t out_to(uint32_t bytes, uint32_t every)
{
	uint32_t next = 1, high = 1, ms = 0, n = 0;
	const struct seg *s;

	while (next < 1 + bytes) {
		bool got = false;

		while ((s = seg_next()) != NULL) {
			bool fresh = s->seq >= high;

			high = RTE_MAX(high, s->seq + s->len);
			if (fresh && every && ++n % every == 0)
				continue;
			if (s->seq <= next)
				next = RTE_MAX(next, s->seq + s->len);
			got = true;
		}
		if (got)
			seg_queue(ACK, 1, next, 0);
		world_pass_ms(1);
		assert_true(++ms < 600000);
	}
	return next;
}

static void out(void **state)
{
	uint32_t next;

	(void)state;
	open_passive();
	app_send(MB);
	next = out_to(MB, 0);
	assert_int_equal(next, 1 + MB);
	assert_int_equal(app.c->snd.bytes, 0);
	assert_int_equal(app.c->retransmits, 0);
	close_peer_first(1, next);
}

static void out_with_losses(void **state)
{
	uint32_t next;

	(void)state;
	peer.sack = false;
	open_passive();
	app_send(MB);
	next = out_to(MB, 37);
	assert_int_equal(next, 1 + MB);
	world_pass_ms(10);
	seg_skip();
	close_peer_first(1, next);
}

static void both_ways_at_once(void **state)
{
	uint32_t theirs = 1, ours = 1, ms;
	const struct seg *s;

	(void)state;
	open_passive();
	app_send(MB);
	for (ms = 0; ours < 1 + MB || theirs < 1 + MB; ms++) {
		uint32_t n = RTE_MIN((uint32_t)LEN, 1 + MB - theirs);

		while ((s = seg_next()) != NULL)
			ours = RTE_MAX(ours, s->seq + s->len);
		seg_queue(ACK, theirs, ours, n);
		theirs += n;
		world_pass_ms(1);
		assert_true(ms < 60000);
	}
	world_pass_ms(100);
	seg_skip();
	assert_int_equal(app.received, MB);
	assert_int_equal(ours, 1 + MB);
	seg_in(ACK, theirs, ours, 0);
	close_peer_first(theirs, ours);
}

int main(void)
{
	const struct CMUnitTest tests[] = { tcp_test(in), tcp_test(out), tcp_test(out_with_losses),
					    tcp_test(both_ways_at_once) };

	return tcp_run(tests);
}

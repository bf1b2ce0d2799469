/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SACK blocks we send (RFC 2018 3, 4): the one with the latest segment first, then those reported
 * most recently; as many as fit; merged when holes close; none when all is in order, or unasked.
 */
#include "tests/world/tcp_world.h"

enum { LEN = 100 };

static void part(uint32_t i)
{
	seg_in(ACK, 1 + i * LEN, 1, LEN);
}

#define B(from, to)                          \
	{                                    \
		1 + (from)*LEN, 1 + (to)*LEN \
	}

static void the_latest_first(void **state)
{
	(void)state;
	open_passive();
	part(2);
	seg_expect(ACK, 1, 1, 0, .n_sack = 1, .sack = { B(2, 3) });
	part(6);
	seg_expect(ACK, 1, 1, 0, .n_sack = 2, .sack = { B(6, 7), B(2, 3) });
	part(4);
	seg_expect(ACK, 1, 1, 0, .n_sack = 3, .sack = { B(4, 5), B(6, 7), B(2, 3) });
	/* Three fit beside timestamps; the one reported longest ago is left out. */
	part(8);
	seg_expect(ACK, 1, 1, 0, .n_sack = 3, .sack = { B(8, 9), B(4, 5), B(6, 7) });
	/* It is told again when it grows. */
	part(3);
	seg_expect(ACK, 1, 1, 0, .n_sack = 3, .sack = { B(2, 5), B(8, 9), B(6, 7) });
	/* All of it that has come in order is gone. */
	part(0);
	seg_expect(ACK, 1, 1 + LEN, 0, .n_sack = 3, .sack = { B(2, 5), B(8, 9), B(6, 7) });
	part(1);
	seg_expect(ACK, 1, 1 + 5 * LEN, 0, .n_sack = 2, .sack = { B(8, 9), B(6, 7) });
	part(5);
	seg_expect(ACK, 1, 1 + 7 * LEN, 0, .n_sack = 1, .sack = { B(8, 9) });
	part(7);
	seg_expect(ACK, 1, 1 + 9 * LEN, 0);
	assert_int_equal(app.received, 9 * LEN);
	close_peer_first(1 + 9 * LEN, 1);
}

static void four_without_timestamps(void **state)
{
	uint32_t i;

	(void)state;
	peer.ts = false;
	open_passive();
	for (i = 1; i < 5; i++) {
		part(2 * i);
		assert_int_equal(seg_next()->n_sack, i);
	}
	part(10);
	seg_expect(ACK, 1, 1, 0, .n_sack = 4, .sack = { B(10, 11), B(8, 9), B(6, 7), B(4, 5) });
	peer_reset();
}

static void none_unasked(void **state)
{
	(void)state;
	peer.sack = false;
	open_passive();
	part(2);
	seg_expect(ACK, 1, 1, 0);
	peer_reset();
}

/* Data we send carries them as well. */
static void beside_data(void **state)
{
	(void)state;
	open_passive();
	part(2);
	seg_skip();
	app_send(100);
	seg_expect(ACK, 1, 1, 100, .n_sack = 1, .sack = { B(2, 3) });
	peer_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(the_latest_first),
		tcp_test(four_without_timestamps),
		tcp_test(none_unasked),
		tcp_test(beside_data),
	};

	return tcp_run(tests);
}

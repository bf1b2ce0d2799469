/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where no record of what was sent is left but a connection's own three, and the path loses each
 * n-th segment: what is lost is found by what is acknowledged (RFC 6675, 8985), as it is where the
 * window has room for three segments, and not by a timeout (RFC 6298) for each or two. R36.
 */
#include "tests/world/far_end.h"

enum { OWN = 3, LOSE_FIRST = 4, LOSE_LAST = 12 };

/* Of all paths. */
struct outcome {
	uint64_t ms, timeouts;
};

static void over(uint32_t lose, uint32_t window, struct outcome *sum)
{
	const struct far_path path = { .lose = lose, .window = window };

	open_passive();
	world_mark();
	sum->ms += far_streams(&path);
	sum->timeouts += world_count(0, CNT_TCP_RTO);
	assert_int_equal(app.c->records, 0);
	world_pass_ms(RTT_MS);
	peer_reset();
}

static void fresh(void **state, bool sack, bool ts)
{
	tcp_teardown(state);
	tcp_setup(state);
	peer.sack = sack;
	peer.ts = ts;
}

/* The same path for one that has records for a small window, and one that has few for a large. */
static void compare(void **state, bool sack, bool ts)
{
	struct outcome small = { 0, 0 }, few = { 0, 0 };
	uint32_t lose;

	for (lose = LOSE_FIRST; lose <= LOSE_LAST; lose++) {
		fresh(state, sack, ts);
		over(lose, OWN * PEER_MSS, &small);
		fresh(state, sack, ts);
		world.w->tcp->records_pool = 0;
		over(lose, FAR_BYTES, &few);
	}
	assert_true(few.timeouts <= small.timeouts);
	assert_true(few.ms <= small.ms);
}

static void with_sack(void **state)
{
	compare(state, true, true);
}

static void without_timestamps(void **state)
{
	compare(state, true, false);
}

static void without_sack(void **state)
{
	compare(state, false, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(with_sack),
		tcp_test(without_timestamps),
		tcp_test(without_sack),
	};

	return tcp_run(tests);
}

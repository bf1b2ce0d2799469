/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Acknowledgements without sense, at random: whatever comes, no byte counts as delivered that no
 * valid block named, lists and sums stay whole, what is sent again stays within the window, and all
 * records come back. R36, R71.
 */
#include "tests/world/recovery_bench.h"

#include <rte_mempool.h>
#include <string.h>

enum { STREAM = 4000000, STEPS = 20000 };

static uint64_t seed;
static uint8_t named[STREAM]; /* by a SACK block, at any time */

static uint32_t below(uint32_t n)
{
	return (uint32_t)(test_random(&seed) % n);
}

/* A position near what is outstanding. */
static uint32_t somewhere(void)
{
	uint32_t una = b.c.snd_una - b.base, flight = b.c.snd_max - b.c.snd_una, at;

	switch (below(8)) {
	case 0:
		return una;
	case 1:
		return una + flight;
	case 2:
		return (uint32_t)test_random(&seed);
	case 3:
		return una - below(5 * MSS);
	default:
		at = below(flight + 2);
		return una + (below(2) ? at : at - at % MSS);
	}
}

static void name(uint32_t from, uint32_t to)
{
	uint64_t una = b.c.snd_una - b.base, max = b.c.snd_max - b.base;

	if (from < to && from >= una && to <= max)
		memset(named + from, 1, to - from);
}

static void acknowledge(void)
{
	uint32_t to = below(3) ? b.c.snd_una - b.base : somewhere(), i, p[4][2];

	if ((int32_t)(to - (b.c.snd_una - b.base)) < 0 || (int32_t)(b.c.snd_max - b.base - to) < 0)
		to = b.c.snd_una - b.base; /* the stack sees to that */
	if (below(4))
		to = RTE_MIN(to, b.c.snd_una - b.base + below(4) * MSS);
	for (i = 0; i < 4; i++) {
		p[i][0] = somewhere();
		p[i][1] = below(2) ? somewhere() : p[i][0] + below(4 * MSS);
		name(p[i][0], p[i][1]);
	}
	b.seg.has_ts = below(2);
	b.seg.tsecr = (uint32_t)test_random(&seed);
	b.seg.len = below(2) ? 0 : 100;
	bench_ack(to, below(5), p[0][0], p[0][1], p[1][0], p[1][1], p[2][0], p[2][1], p[3][0],
		  p[3][1]);
}

static void check(void)
{
	const struct tcp_sent *r;
	uint32_t i;

	for (r = b.c.sent_first; r; r = r->next)
		for (i = r->seq - b.base; r->flags & SENT_SACKED && i != r->end - b.base; i++)
			assert_true(named[i]);
}

static void output(void)
{
	uint32_t room, left;

	bench_resend();
	while ((room = recovery_room(&b.w, &b.c)) >= MSS && b.tcp.records < BENCH_RECORDS / 2) {
		left = STREAM - (b.c.snd_max - b.base);
		room = RTE_MIN(room / MSS * MSS, 1 + below(8 * MSS));
		room = RTE_MIN(room, left);
		if (room == 0)
			break;
		if (!bench_try(room))
			break;
		assert_true(recovery_pipe(&b.c) <= b.c.cwnd);
	}
	b.c.snd.bytes = b.c.snd_max - b.c.snd_una;
	recovery_arm(&b.w, &b.c);
}

static void nonsense(void **state)
{
	uint32_t step;

	(void)state;
	memset(named, 0, sizeof(named));
	b.c.cwnd = 40 * MSS;
	for (step = 0; step < STEPS && b.c.snd_una - b.base < STREAM; step++) {
		output();
		bench_wait(below(20 * MS));
		if (b.timer_on && below(20) == 0)
			bench_timer();
		else
			acknowledge();
		if (step % 16 == 0)
			check();
		if (below(500) == 0) {
			b.c.mss = (uint16_t)(500 + below(MSS - 500));
			recovery_resegment(&b.w, &b.c);
			b.c.mss = MSS;
		}
	}
}

static int setup_sack(void **state)
{
	seed = 0x5ac5;
	return bench_setup(state);
}

static int setup_plain(void **state)
{
	int rc = setup_sack(state);

	seed = 0x9e40;
	b.c.flags = CONN_TS;
	b.c.cc = &tcp_cubic;
	return rc;
}

static int setup_all(void **state)
{
	int rc = setup_sack(state);

	seed = 0xa11;
	b.c.flags |= CONN_TS | CONN_ECN;
	b.c.cc = &tcp_cubic;
	return rc;
}

/* No more records than its own. */
static int setup_few(void **state)
{
	int rc = setup_sack(state);

	seed = 0xfe3;
	b.c.flags |= CONN_TS;
	b.tcp.records_pool = 0;
	return rc;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nonsense, setup_sack, bench_teardown),
		cmocka_unit_test_setup_teardown(nonsense, setup_plain, bench_teardown),
		cmocka_unit_test_setup_teardown(nonsense, setup_all, bench_teardown),
		cmocka_unit_test_setup_teardown(nonsense, setup_few, bench_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

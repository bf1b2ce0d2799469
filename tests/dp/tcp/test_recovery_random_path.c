/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loop closed: a sender, a path that loses, repeats and reorders at random (but the same in
 * each run), and a receiver with SACK and DSACK, or without. Whatever the path does, all arrives,
 * in bounded time; after each step the scoreboard knows just what the ACKs that came have said,
 * RACK has left nothing in flight that is lost by its rule, and no more is in flight than the
 * window allows. On a path without fault nothing is sent twice. R36, R37.
 */
#include "tests/world/recovery_bench.h"

#include <string.h>

enum {
	SEGMENTS = 1500,
	EVENTS = 4096,
	DELAY_US = 20 * MS, /* one way */
};

struct path {
	uint32_t loss, dup, reorder, ack_loss; /* of 1000 */
	bool sack, ts;
	bool few; /* it has no records but its own */
	const struct tcp_cc_ops *cc;
};

/* Something under way: a segment, or with `ack` an acknowledgement. */
struct event {
	uint64_t at;
	uint32_t pos, len; /* ack: pos is what it acknowledges */
	uint32_t tsval;
	uint8_t n_sack;
	bool ack;
	uint32_t block[TCP_SACK_MAX][2];
};

static struct {
	const struct path *path;
	uint64_t random;
	struct event event[EVENTS];
	uint32_t n_event;
	bool has[SEGMENTS],
	    known[SEGMENTS];		   /* at the receiver; and SACKed, as far as sender heard */
	uint32_t next;			   /* segment the receiver waits for */
	uint32_t recent[TCP_SACK_MAX - 1]; /* segments out of order, latest first */
	uint32_t n_recent;
	uint32_t ts_recent;
	uint32_t sent; /* segments, again or not */
	uint64_t end, timer_at;
} sim;

static bool chance(uint32_t per_mille)
{
	return test_random(&sim.random) % 1000 < per_mille;
}

/* ---- path ---- */

static void put(struct event e)
{
	assert_true(sim.n_event < EVENTS);
	sim.event[sim.n_event++] = e;
}

static void transmit(uint32_t pos, uint32_t len)
{
	struct event e = { .tsval = conn_tsval(&b.w, &b.c), .len = MSS };

	for (; len; pos += MSS, len -= MSS) {
		assert_int_equal(pos % MSS, 0);
		sim.sent++;
		if (chance(sim.path->loss))
			continue;
		e.pos = pos;
		e.at = b.w.now_us + DELAY_US;
		if (chance(sim.path->reorder))
			e.at += test_random(&sim.random) % DELAY_US;
		put(e);
		e.at += 100;
		if (chance(sim.path->dup))
			put(e);
	}
}

/* The earliest; of those the first that was put. */
static uint32_t earliest(void)
{
	uint32_t i, at = 0;

	for (i = 1; i < sim.n_event; i++)
		if (sim.event[i].at < sim.event[at].at)
			at = i;
	return at;
}

/* ---- receiver ---- */

static void block_of(uint32_t seg, uint32_t *block)
{
	uint32_t from = seg, to = seg;

	while (from > 0 && sim.has[from - 1])
		from--;
	while (to < SEGMENTS && sim.has[to])
		to++;
	block[0] = from * MSS;
	block[1] = to * MSS;
}

static void remember(uint32_t seg)
{
	uint32_t i, keep[TCP_SACK_MAX] = { seg }, n = 1, block[2], other[2];

	block_of(seg, block);
	for (i = 0; i < sim.n_recent && n < N_OF(sim.recent); i++) {
		block_of(sim.recent[i], other);
		if (sim.recent[i] >= sim.next && other[0] != block[0])
			keep[n++] = sim.recent[i];
	}
	memcpy(sim.recent, keep, n * sizeof(keep[0]));
	sim.n_recent = n;
}

static void receive(const struct event *in)
{
	struct event e = { .ack = true, .at = b.w.now_us + DELAY_US };
	uint32_t seg = in->pos / MSS, i;
	bool dup = sim.has[seg];

	if (seg == sim.next || (dup && seg < sim.next))
		sim.ts_recent = seq_max(sim.ts_recent, in->tsval);
	sim.has[seg] = true;
	while (sim.next < SEGMENTS && sim.has[sim.next])
		sim.next++;
	if (dup && sim.path->sack) {
		e.block[0][0] = in->pos;
		e.block[0][1] = in->pos + MSS;
		e.n_sack = 1;
	} else if (seg > sim.next) {
		remember(seg);
	}
	for (i = 0; i < sim.n_recent && sim.path->sack && e.n_sack < TCP_SACK_MAX; i++)
		if (sim.recent[i] > sim.next)
			block_of(sim.recent[i], e.block[e.n_sack++]);
	e.pos = sim.next * MSS;
	e.tsval = sim.ts_recent;
	if (!chance(sim.path->ack_loss))
		put(e);
}

/* ---- sender ---- */

/* What the scoreboard must know now; with few records it may know less, but nothing false. */
static void model_check(uint32_t una, bool same_state)
{
	uint32_t i, n = 0;
	struct tcp_sent *r;

	for (r = b.c.sent_first; r && sim.path->few; r = r->next)
		for (i = (r->seq - b.base) / MSS; i < (r->end - b.base) / MSS; i++)
			assert_true(sim.known[i] || !(r->flags & SENT_SACKED));
	if (sim.path->few)
		return;
	for (i = una / MSS; i < SEGMENTS; i++)
		n += sim.known[i];
	assert_int_equal(b.c.sacked_bytes, n * MSS);
	for (r = b.c.sent_first; r; r = r->next) {
		assert_int_equal(sim.known[(r->seq - b.base) / MSS], (r->flags & SENT_SACKED) != 0);
		assert_false(
		    same_state && sent_in_flight(r) && b.c.rack_rtt_us &&
		    seq_lt(r->xmit_us, b.c.rack_xmit_us) &&
		    seq_lt(r->xmit_us + b.c.rack_rtt_us + rack_window(&b.c), tcp_us(&b.w)));
	}
}

static void acknowledge(const struct event *e)
{
	uint32_t una = b.c.snd_una - b.base, i, seg;
	uint8_t ca = b.c.ca;

	b.seg.has_ts = sim.path->ts;
	b.seg.tsecr = e->tsval;
	if (e->pos < una)
		return; /* as the stack does */
	for (i = 0; i < e->n_sack; i++)
		for (seg = e->block[i][0] / MSS; seg < e->block[i][1] / MSS; seg++)
			sim.known[seg] |= e->block[i][0] > e->pos;
	bench_ack(e->pos, e->n_sack, e->block[0][0], e->block[0][1], e->block[1][0], e->block[1][1],
		  e->block[2][0], e->block[2][1], e->block[3][0], e->block[3][1]);
	if (sim.path->sack)
		model_check(e->pos, b.c.ca == ca);
}

static void output(void)
{
	uint32_t left, n;

	bench_resend();
	for (;;) {
		left = SEGMENTS * MSS - (b.c.snd_max - b.base);
		n = RTE_MIN(recovery_room(&b.w, &b.c), left) / MSS;
		if (n == 0)
			break;
		n = RTE_MIN(n, 1 + (uint32_t)(test_random(&sim.random) % 4));
		if (!bench_try(n * MSS)) {
			assert_true(sim.path->few);
			break;
		}
		assert_true(recovery_pipe(&b.c) <= b.c.cwnd);
	}
	b.c.snd.bytes = SEGMENTS * MSS - (b.c.snd_una - b.base);
	recovery_arm(&b.w, &b.c);
	sim.timer_at = b.timer_on ? b.w.now_us + b.timer_ms * 1000 : UINT64_MAX;
}

static void step(void)
{
	uint32_t i = earliest();
	struct event e = { .at = UINT64_MAX };
	bool timer;

	if (sim.n_event)
		e = sim.event[i];
	timer = sim.timer_at <= e.at;
	assert_true(timer || sim.n_event); /* or nobody would ever do anything */
	bench_wait((uint32_t)((timer ? sim.timer_at : e.at) - b.w.now_us));
	if (timer) {
		bench_timer();
	} else {
		memmove(&sim.event[i], &sim.event[i + 1],
			(--sim.n_event - i) * sizeof(sim.event[0]));
		if (!e.ack) {
			receive(&e);
			return;
		}
		acknowledge(&e);
	}
	output();
}

static void run(const struct path *path, uint64_t seed)
{
	uint64_t start;

	memset(&sim, 0, sizeof(sim));
	sim.path = path;
	sim.random = seed;
	b.out = transmit;
	if (path->few)
		b.tcp.records_pool = 0;
	b.c.cc = path->cc;
	b.c.cc->init(&b.w, &b.c);
	b.c.flags = (path->sack ? CONN_SACK : 0) | (path->ts ? CONN_TS : 0);
	b.c.snd.bytes = SEGMENTS * MSS;
	start = b.w.now_us;
	output();
	while (b.c.snd_una - b.base < SEGMENTS * MSS) {
		step();
		assert_true(b.w.now_us - start < 1200 * UINT64_C(1000000));
	}
	assert_false(b.timer_on);
	assert_null(b.c.sent_first);
}

/* ---- */

static void faultless(void **state)
{
	static const struct path path[] = {
		{ .sack = true, .ts = true, .cc = &tcp_cubic },
		{ .cc = &tcp_reno },
	};
	uint32_t i;

	for (i = 0; i < N_OF(path); i++) {
		run(&path[i], 1);
		assert_int_equal(sim.sent, SEGMENTS);
		assert_int_equal(b.c.retransmits, 0);
		assert_int_equal(bench_count(CNT_TCP_RTO), 0);
		bench_teardown(state);
		bench_setup(state);
	}
}

/* Loss is repaired without many timeouts, and little is sent that had arrived. */
static void loss(void **state)
{
	static const struct path path = { .loss = 20, .sack = true, .cc = &tcp_cubic };

	(void)state;
	run(&path, 2);
	assert_true(b.c.retransmits > 10);
	assert_true(sim.sent < SEGMENTS * 11 / 10);
	assert_true(bench_count(CNT_TCP_RTO) <= 2);
}

/* With three records it is a hole a round trip, and hardly a timeout more. */
static void loss_with_few_records(void **state)
{
	static const struct path path = {
		.loss = 20, .sack = true, .ts = true, .few = true, .cc = &tcp_cubic
	};

	(void)state;
	run(&path, 2);
	assert_true(b.c.retransmits > 10);
	assert_true(sim.sent < SEGMENTS * 11 / 10);
	assert_true(bench_count(CNT_TCP_RTO) <= 5);
}

/* RFC 8985 6.2: once reordering is known, it costs little. */
static void reordering(void **state)
{
	static const struct path path = { .reorder = 250, .sack = true, .cc = &tcp_cubic };

	(void)state;
	run(&path, 3);
	assert_true(b.c.reordering_seen);
	assert_true(b.c.retransmits < SEGMENTS / 10);
	assert_int_equal(bench_count(CNT_TCP_RTO), 0);
	assert_true(bench_count(CNT_TCP_UNDO) > 0);
}

static void everything(void **state)
{
	uint64_t seed;

	for (seed = 1; seed <= 40; seed++) {
		uint64_t r = seed * UINT64_C(0x9e3779b97f4a7c15);
		struct path path = {
			.loss = (uint32_t)(test_random(&r) % 200),
			.dup = (uint32_t)(test_random(&r) % 100),
			.reorder = (uint32_t)(test_random(&r) % 300),
			.ack_loss = (uint32_t)(test_random(&r) % 200),
			.sack = seed & 1,
			.few = seed & 8,
			.ts = seed & 2,
			.cc = seed & 4 ? &tcp_cubic : &tcp_reno,
		};

		run(&path, r);
		bench_teardown(state);
		bench_setup(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(faultless, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(loss, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(loss_with_few_records, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(reordering, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(everything, bench_setup, bench_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

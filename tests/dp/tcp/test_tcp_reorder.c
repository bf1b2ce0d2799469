/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pins: data out of order. What came first stays, whatever later segments say about the same
 * bytes; SACK blocks are exactly the ranges that are held, the latest first (RFC 2018 4), and a
 * DSACK is exactly what came twice, told once (RFC 2883 4). Bytes, buffers and the length of a
 * search are bounded (R58): what does not fit is dropped by name, what is in order always gets in.
 * A random test holds it against a map of bytes, across the wrap of sequence numbers.
 */
#include "tests/world/parts.h"

enum { WINDOW = 1 << 16 };

static struct tcp_conn *const c = &parts_conn;

static int setup(void **state)
{
	parts_setup(state);
	c->rcv_nxt = 1000;
	return 0;
}

/* [start, end) comes, each byte `b`. */
static void put(uint32_t start, uint32_t end, uint8_t b)
{
	static uint8_t buf[WINDOW];

	memset(buf, b, end - start);
	reorder_put(world.w, c, parts_packet(buf, end - start, 0), start);
}

/* What is reported; each is told once, as output does. */
static void expect_sack(const struct tcp_sack_block *want, uint8_t n)
{
	struct tcp_sack_block b[TCP_SACK_MAX];
	uint8_t i;

	assert_int_equal(reorder_sack(c, b, TCP_SACK_MAX), n);
	for (i = 0; i < n; i++) {
		assert_int_equal(b[i].start, want[i].start);
		assert_int_equal(b[i].end, want[i].end);
	}
	c->dsack.start = c->dsack.end;
}

#define EXPECT_SACK(...)                                                               \
	expect_sack((const struct tcp_sack_block[]){ __VA_ARGS__ },                    \
		    (uint8_t)(sizeof((const struct tcp_sack_block[]){ __VA_ARGS__ }) / \
			      sizeof(struct tcp_sack_block)))

/* What has become in order, in turn: each byte's value. */
static void expect_rcv(const char *want)
{
	char is[256] = { 0 };

	assert_int_equal(c->rcv.bytes, strlen(want));
	queue_copy(&c->rcv, 0, is, c->rcv.bytes);
	assert_string_equal(is, want);
	queue_clear(world.w, &c->rcv, DROP_TCP_CLOSED);
}

/* [rcv_nxt, + len) comes in order, as input.c has it. */
static void in_order(uint32_t len, uint8_t b)
{
	static uint8_t buf[WINDOW];

	memset(buf, b, len);
	queue_put(world.w, &c->rcv, parts_packet(buf, len, 0));
	c->rcv_nxt += len;
	reorder_take(world.w, c);
}

/* ---- blocks ---- */

/* RFC 2018 4, case 2: the first segment is lost, seven follow. */
static void test_sack_grows(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 1; i < 8; i++) {
		put(1000 + 500 * i, 1500 + 500 * i, 'x');
		EXPECT_SACK({ 1500, 1500 + 500 * i });
	}
}

/* Case 3: each second one is lost; then the fourth and the second come. */
static void test_sack_latest_first(void **state)
{
	(void)state;
	c->rcv_nxt = 5500;
	put(6000, 6500, 'x');
	EXPECT_SACK({ 6000, 6500 });
	put(7000, 7500, 'x');
	EXPECT_SACK({ 7000, 7500 }, { 6000, 6500 });
	put(8000, 8500, 'x');
	EXPECT_SACK({ 8000, 8500 }, { 7000, 7500 }, { 6000, 6500 });
	put(6500, 7000, 'x');
	EXPECT_SACK({ 6000, 7500 }, { 8000, 8500 });
	in_order(500, 'x');
	assert_int_equal(c->rcv_nxt, 7500);
	EXPECT_SACK({ 8000, 8500 });
	in_order(500, 'x');
	assert_int_equal(c->rcv_nxt, 8500);
	assert_int_equal(reorder_sack(c, c->sack_recent, TCP_SACK_MAX), 0);
}

/* No more than four, the oldest is forgotten; with timestamps three. */
static void test_sack_bounds(void **state)
{
	struct tcp_sack_block b[TCP_SACK_MAX];
	uint32_t i;

	(void)state;
	for (i = 1; i <= 5; i++)
		put(1000 + 20 * i, 1010 + 20 * i, 'x');
	assert_int_equal(reorder_sack(c, b, 3), 3);
	assert_int_equal(b[2].start, 1060);
	EXPECT_SACK({ 1100, 1110 }, { 1080, 1090 }, { 1060, 1070 }, { 1040, 1050 });
	put(1120, 1130, 'x');
	put(1122, 1124, 'x');
	assert_int_equal(reorder_sack(c, b, 1), 1);
	assert_int_equal(b[0].start, 1122);
	reorder_clear(world.w, c);
	c->dsack.start = c->dsack.end;
	assert_int_equal(reorder_sack(c, b, TCP_SACK_MAX), 0);
	assert_int_equal(parts_drop(DROP_TCP_MEMORY), 6);
}

/* RFC 2883 4.1.1 to 4.2.3: a second copy of what is acknowledged, of a range, of part of one. */
static void test_dsack(void **state)
{
	(void)state;
	c->rcv_nxt = 4000;
	reorder_dup(c, 3000, 3500);
	EXPECT_SACK({ 3000, 3500 });
	put(4500, 5000, 'x');
	EXPECT_SACK({ 4500, 5000 });
	reorder_dup(c, 3000, 3500);
	EXPECT_SACK({ 3000, 3500 }, { 4500, 5000 });
	put(5000, 5500, 'x');
	put(5000, 5500, 'y');
	EXPECT_SACK({ 5000, 5500 }, { 4500, 5500 });
	assert_int_equal(world_count(0, CNT_TCP_DUP), 1);
	put(5200, 5700, 'y');
	EXPECT_SACK({ 5200, 5500 }, { 4500, 5700 });
	EXPECT_SACK({ 4500, 5700 }); /* told once */
	put(4300, 4600, 'y');
	EXPECT_SACK({ 4500, 4600 }, { 4300, 5700 });
	assert_int_equal(world_count(0, CNT_TCP_DUP), 1);
}

/* A duplicate inside an older range: the second block is the one it lies in (4 (3)). */
static void test_dsack_block(void **state)
{
	(void)state;
	put(2000, 2500, 'x');
	put(3000, 3500, 'x');
	put(2100, 2200, 'y');
	EXPECT_SACK({ 2100, 2200 }, { 2000, 2500 }, { 3000, 3500 });
}

/* ---- bytes ---- */

static void test_first_stays(void **state)
{
	(void)state;
	put(1004, 1006, 'a');
	put(1008, 1010, 'b');
	put(1003, 1012, 'c'); /* before, between and behind */
	assert_int_equal(c->ooo.bytes, 9);
	put(1001, 1012, 'd');
	EXPECT_SACK({ 1003, 1012 }, { 1001, 1012 });
	put(1000, 1013, 'e');
	assert_int_equal(reorder_take(world.w, c), 13);
	assert_int_equal(c->rcv_nxt, 1013);
	expect_rcv("eddcaaccbbcce");
}

/* Data in order that runs into what is held: that was acknowledged as it is delivered. */
static void test_take(void **state)
{
	(void)state;
	put(1004, 1006, 'a');
	put(1006, 1010, 'b');
	put(1020, 1022, 'c');
	assert_int_equal(reorder_take(world.w, c), 0);
	in_order(8, 'd');
	assert_int_equal(c->rcv_nxt, 1010);
	EXPECT_SACK({ 1004, 1008 }, { 1020, 1022 });
	expect_rcv("ddddddddbb");
	in_order(20, 'e');
	assert_int_equal(c->rcv_nxt, 1030);
	EXPECT_SACK({ 1020, 1022 });
	assert_null(c->ooo.head);
}

static void test_chain(void **state)
{
	const char *text = "abcdefghij";

	(void)state;
	put(1006, 1007, 'X');
	reorder_put(world.w, c, parts_packet(text, 10, 3), 998);
	assert_int_equal(reorder_take(world.w, c), 8);
	expect_rcv("cdefghXj");
	assert_int_equal(c->rcv_nxt, 1008);
}

/* ---- limits ---- */

static void test_bytes_bound(void **state)
{
	(void)state;
	world.conf.tcp.reorder_buffer = 4000;
	put(2000, 5000, 'x');
	put(6000, 7001, 'x');
	assert_int_equal(c->ooo.bytes, 3000);
	assert_int_equal(parts_drop(DROP_TCP_OOO_FULL), 1);
	put(6000, 7000, 'x');
	assert_int_equal(c->ooo.bytes, 4000);
	put(5000, 5001, 'x');
	EXPECT_SACK({ 6000, 7000 }, { 2000, 5000 });
	put(1000, 2000, 'y'); /* in order: or the hole would never be filled */
	assert_int_equal(parts_drop(DROP_TCP_OOO_FULL), 2);
	assert_int_equal(reorder_take(world.w, c), 4000);
}

/* R58: crumbs hold few buffers; next to each other they share them. */
static void test_crumbs(void **state)
{
	uint32_t i;

	(void)state;
	world.conf.tcp.reorder_buffer = 16384;
	for (i = 0; i < 3000; i++)
		put(2000 + 2 * i, 2001 + 2 * i, 'x');
	assert_int_equal(c->ooo.n, 16384 / QUEUE_FILL + 8);
	assert_int_equal(world.w->tcp->held, c->ooo.n);
	reorder_clear(world.w, c);
	for (i = 0; i < 3000; i++)
		put(2000 + i, 2001 + i, 'x');
	assert_int_equal(c->ooo.n, 2);
	EXPECT_SACK({ 2000, 5000 });
	world.conf.tcp.reorder_buffer = 0;
	put(7000, 7001, 'x');
	assert_int_equal(c->ooo.bytes, 3000);
}

/* Ranges without end do not make a search long: the front is found, and the end. */
static void test_walk_bound(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < 400; i++)
		put(2000 + 10 * i, 2001 + 10 * i, 'x');
	put(2000 + 10 * 300 + 5, 2000 + 10 * 300 + 6, 'x');
	assert_int_equal(parts_drop(DROP_TCP_OOO_FULL), 1);
	put(2005, 2006, 'x');
	put(6005, 6006, 'x');
	assert_int_equal(c->ooo.n, 402);
	in_order(1000 + 4000, 'y');
	assert_int_equal(c->ooo.n, 1);
	assert_int_equal(parts_drop(DROP_TCP_OOO_FULL), 1);
}

/* ---- against a map of bytes ---- */

static struct model {
	uint32_t base; /* sequence number of the first of the map */
	bool have[WINDOW];
	uint8_t byte[WINDOW];
	uint32_t next; /* rcv_nxt - base */
} model;

static uint8_t *map(uint32_t seq)
{
	assert_true(seq - model.base < WINDOW);
	return &model.byte[seq - model.base];
}

/* What lies in ooo, buffer for buffer. */
static void check_bytes(void)
{
	uint32_t sum = 0, n = 0, i, held = 0, end = c->rcv_nxt;
	const struct rte_mbuf *m;

	for (m = c->ooo.head; m; m = m->next) {
		uint32_t at = m->hash.usr;

		assert_true(seq_ge(at, end));
		assert_memory_equal(rte_pktmbuf_mtod(m, uint8_t *), map(at), m->data_len);
		for (i = 0; i < m->data_len; i++)
			assert_true(model.have[at - model.base + i]);
		end = at + m->data_len;
		sum += m->data_len;
		n++;
	}
	for (i = model.next; i < WINDOW; i++)
		held += model.have[i];
	assert_int_equal(held, sum);
	assert_int_equal(c->ooo.bytes, sum);
	assert_int_equal(c->ooo.n, n);
	assert_int_equal(world.w->tcp->held, n + c->rcv.n);
}

/* Each block is a run of held bytes, as long as it gets, and none comes twice. */
static void check_sack(uint32_t latest, bool held)
{
	struct tcp_sack_block b[TCP_SACK_MAX];
	uint8_t n, i, j;
	uint32_t k;

	c->dsack.start = c->dsack.end;
	n = reorder_sack(c, b, TCP_SACK_MAX);
	assert_int_equal(n != 0, c->ooo.n != 0);
	for (i = 0; i < n; i++) {
		uint32_t start = b[i].start - model.base, end = b[i].end - model.base;

		assert_true(start > model.next && end < WINDOW && start < end);
		assert_false(model.have[start - 1] || model.have[end]);
		for (k = start; k < end; k++)
			assert_true(model.have[k]);
		for (j = 0; j < i; j++)
			assert_true(b[i].start != b[j].start);
	}
	if (held)
		assert_true(seq_le(b[0].start, latest) && seq_gt(b[0].end, latest));
}

/* A segment with bytes of its own into the map; whether the DSACK must say something. */
static bool model_put(const uint8_t *buf, uint32_t at, uint32_t len)
{
	bool dup = false;
	uint32_t i;

	for (i = 0; i < len; i++) {
		dup |= model.have[at + i];
		if (!model.have[at + i])
			model.byte[at + i] = buf[i];
	}
	return dup;
}

static void check_dsack(uint32_t at, uint32_t len, bool dup)
{
	uint32_t start = c->dsack.start - model.base, end = c->dsack.end - model.base, i;

	assert_int_equal(start != end, dup);
	if (!dup)
		return;
	assert_true(start >= at && end <= at + len && start < end);
	for (i = start; i < end; i++)
		assert_true(model.have[i]);
}

static void random_segment(uint64_t *seed, uint32_t max)
{
	static uint8_t buf[4096];
	uint32_t back = RTE_MIN(model.next, 200u);
	uint32_t at = model.next - back + (uint32_t)test_random(seed) % 3000, i;
	uint32_t len = 1 + (uint32_t)test_random(seed) % max;
	bool dup;

	if (at == model.next || (at < model.next && at + len > model.next))
		at = model.next + 1; /* not in order, yet */
	for (i = 0; i < len; i++)
		buf[i] = (uint8_t)test_random(seed);
	dup = model_put(buf, at, len);
	reorder_put(world.w, c, parts_packet(buf, len, (uint16_t)(test_random(seed) % 300)),
		    model.base + at);
	check_dsack(at, len, dup);
	memset(model.have + at, true, len);
	check_sack(model.base + at, at > model.next);
}

/* In order, past what is held: as input.c does it, or through reorder_put(). */
static void random_order(uint64_t *seed)
{
	uint32_t len = 1 + (uint32_t)test_random(seed) % 300, i, from = model.next, is;
	static uint8_t buf[WINDOW];
	bool direct = test_random(seed) & 1;

	for (i = 0; i < len; i++)
		buf[i] = (uint8_t)test_random(seed);
	if (direct)
		memcpy(model.byte + from, buf, len);
	else
		model_put(buf, from, len);
	memset(model.have + from, true, len);
	while (model.have[model.next])
		model.next++;
	if (direct) {
		queue_put(world.w, &c->rcv, parts_packet(buf, len, 0));
		c->rcv_nxt += len;
	} else {
		reorder_put(world.w, c, parts_packet(buf, len, 0), c->rcv_nxt);
	}
	is = c->rcv_nxt;
	assert_int_equal(reorder_take(world.w, c), model.base + model.next - is);
	assert_int_equal(c->rcv_nxt, model.base + model.next);
	assert_int_equal(c->rcv.bytes, model.next - from);
	queue_copy(&c->rcv, 0, buf, c->rcv.bytes);
	assert_memory_equal(buf, model.byte + from, model.next - from);
	queue_clear(world.w, &c->rcv, DROP_TCP_CLOSED);
	check_sack(0, false);
}

static void random_run(uint32_t base, uint64_t seed, uint32_t max)
{
	memset(&model, 0, sizeof(model));
	model.base = base;
	c->rcv_nxt = base;
	while (model.next < WINDOW - 8192) {
		if (test_random(&seed) % 8)
			random_segment(&seed, max);
		else
			random_order(&seed);
		check_bytes();
	}
	assert_int_equal(parts_drop(DROP_TCP_OOO_FULL), 0);
	reorder_clear(world.w, c);
}

static void test_model(void **state)
{
	uint64_t i;

	(void)state;
	for (i = 1; i <= 4; i++) {
		random_run((uint32_t)(0 - 20000 * i), i, 40);
		random_run((uint32_t)(0x80000000 - 20000 * i), i, 1500);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, parts_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_sack_grows),	TEST(test_sack_latest_first),
		TEST(test_sack_bounds), TEST(test_dsack),
		TEST(test_dsack_block), TEST(test_first_stays),
		TEST(test_take),	TEST(test_chain),
		TEST(test_bytes_bound), TEST(test_crumbs),
		TEST(test_walk_bound),	TEST(test_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

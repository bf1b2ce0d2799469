/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pins: buffers of a stream in a row. Whatever way bytes come in (chains, empty pieces, crumbs)
 * they come out the same and in order; bytes, buffers and what the worker holds are counted right
 * after each step, and a chain becomes as many packets as it has pieces. Small segments share a
 * buffer, but never one that somebody else may read.
 */
#include "tests/world/parts.h"

#include <stdlib.h>

static struct mbuf_queue *const q = &parts_conn.snd;

static void pattern(uint8_t *p, uint32_t len, uint32_t from)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		p[i] = (uint8_t)((from + i) * 7 + ((from + i) >> 8));
}

static void put(uint32_t from, uint32_t len, uint16_t seg)
{
	static uint8_t buf[16384];

	pattern(buf, len, from);
	queue_put(world.w, q, parts_packet(buf, len, seg));
}

/* The queue holds [from, from + bytes) in n buffers. */
static void expect(uint32_t from, uint32_t bytes, uint32_t n)
{
	static uint8_t is[1 << 20], want[1 << 20];
	const struct rte_mbuf *m, *last = NULL;
	uint32_t sum = 0, buffers = 0;

	for (m = q->head; m; last = m, m = m->next) {
		assert_int_equal(m->nb_segs, 1);
		assert_int_equal(m->pkt_len, m->data_len);
		assert_int_not_equal(m->data_len, 0);
		sum += m->data_len;
		buffers++;
	}
	assert_ptr_equal(q->tail, last);
	assert_int_equal(q->bytes, bytes);
	assert_int_equal(sum, bytes);
	assert_int_equal(q->n, n);
	assert_int_equal(buffers, n);
	assert_int_equal(world.w->tcp->held, n);
	queue_copy(q, 0, is, bytes);
	pattern(want, bytes, from);
	assert_memory_equal(is, want, bytes);
}

static void test_put(void **state)
{
	(void)state;
	put(0, 1000, 0);
	expect(0, 1000, 1);
	put(1000, 1400, 0);
	expect(0, 2400, 2);
	assert_int_equal(world_count(0, CNT_MADE), 2);
	assert_int_equal(world_count(0, CNT_CONSUMED), 0);
}

static void test_chain(void **state)
{
	(void)state;
	put(0, 3000, 1000);
	expect(0, 3000, 3);
	assert_int_equal(world_count(0, CNT_MADE), 3); /* one that came, two that it became */
}

/* Pieces without bytes are no packets; a packet without any ends. */
static void test_empty(void **state)
{
	struct rte_mbuf *m = pkt_make(world.w);
	int i;

	(void)state;
	queue_put(world.w, q, m);
	expect(0, 0, 0);
	assert_int_equal(world_count(0, CNT_CONSUMED), 1);
	m = pkt_make(world.w);
	for (i = 0; i < 6; i++) {
		struct rte_mbuf *s = rte_pktmbuf_alloc(world.w->pool);

		if (i == 1 || i == 3)
			pattern((uint8_t *)rte_pktmbuf_append(s, 500), 500, (uint32_t)i / 2 * 500);
		assert_int_equal(rte_pktmbuf_chain(m, s), 0);
	}
	queue_put(world.w, q, m);
	expect(0, 1000, 2);
	assert_int_equal(world_count(0, CNT_MADE), 3);
	m = pkt_make(world.w);
	assert_int_equal(rte_pktmbuf_chain(m, rte_pktmbuf_alloc(world.w->pool)), 0);
	queue_put(world.w, q, m);
	expect(0, 1000, 2);
	assert_int_equal(world_count(0, CNT_CONSUMED), 2);
}

/* R58: one byte a segment must not hold a buffer each. */
static void test_crumbs(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < 4000; i++)
		put(i, 1, 0);
	expect(0, 4000, 2);
	put(4000, 300, 0); /* worth its own */
	expect(0, 4300, 3);
	put(4300, 256, 0);
	expect(0, 4556, 3);
	assert_int_equal(world_count(0, CNT_CONSUMED), 4000 - 2 + 1);
}

/* A buffer that is on its way out, or part of another, is not written to. */
static void test_shared(void **state)
{
	struct rte_mbuf *out = rte_pktmbuf_alloc(world.w->pool), *part;

	(void)state;
	put(0, 10, 0);
	rte_pktmbuf_attach(out, q->tail);
	put(10, 10, 0);
	expect(0, 20, 2);
	assert_int_equal(out->data_len, 10);
	rte_pktmbuf_free(out);
	put(20, 10, 0); /* behind the second, which is ours alone */
	expect(0, 30, 2);
	/* Indirect itself: its room is somebody else's. */
	part = pkt_make(world.w);
	rte_pktmbuf_attach(part, q->head);
	part->data_len = 0;
	part->pkt_len = 0;
	pattern((uint8_t *)rte_pktmbuf_append(part, 10), 10, 30);
	pattern(rte_pktmbuf_mtod(q->head, uint8_t *), 10, 0);
	queue_clear(world.w, q, DROP_TCP_CLOSED);
	queue_put(world.w, q, part);
	put(40, 10, 0);
	assert_int_equal(q->n, 2);
}

static void test_take(void **state)
{
	struct rte_mbuf *m;

	(void)state;
	assert_null(queue_take(world.w, q));
	put(0, 3000, 1000);
	m = queue_take(world.w, q);
	assert_int_equal(m->pkt_len, 1000);
	assert_null(m->next);
	expect(1000, 2000, 2);
	pkt_consume(world.w, m);
	pkt_consume(world.w, queue_take(world.w, q));
	pkt_consume(world.w, queue_take(world.w, q));
	expect(0, 0, 0);
	put(7, 5, 0);
	expect(7, 5, 1);
}

static void test_drop(void **state)
{
	(void)state;
	put(0, 3000, 1000);
	queue_drop(world.w, q, 0);
	expect(0, 3000, 3);
	queue_drop(world.w, q, 999);
	expect(999, 2001, 3);
	queue_drop(world.w, q, 1);
	expect(1000, 2000, 2);
	queue_drop(world.w, q, 1500);
	expect(2500, 500, 1);
	queue_drop(world.w, q, 500);
	expect(0, 0, 0);
	assert_int_equal(world_count(0, CNT_CONSUMED), 3);
	put(0, 3000, 1000);
	queue_clear(world.w, q, DROP_TCP_CLOSED);
	expect(0, 0, 0);
	assert_int_equal(parts_drop(DROP_TCP_CLOSED), 3);
}

static void test_copy(void **state)
{
	uint8_t is[64], want[64];
	uint32_t off, n;

	(void)state;
	put(0, 60, 20);
	assert_int_equal(q->n, 1);
	queue_clear(world.w, q, DROP_TCP_CLOSED);
	put(0, 900, 300);
	for (off = 280; off < 620; off += 10) {
		for (n = 0; n <= 64; n += 8) {
			memset(is, 0xee, sizeof(is));
			memset(want, 0xee, sizeof(want));
			pattern(want, n, off);
			queue_copy(q, off, is, n);
			assert_memory_equal(is, want, sizeof(is));
		}
	}
}

static void test_random_steps(void **state)
{
	uint32_t from = 0, to = 0;
	uint64_t seed = 3;
	int i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		uint32_t r = (uint32_t)test_random(&seed), len = r >> 8 & 0x7ff;

		if (r & 1 && q->bytes + len < 100000) {
			len = r & 2 ? len : len % 40;
			put(to, len, (uint16_t)(r & 4 ? 0 : 1 + (r >> 20)));
			to += len;
		} else if (r & 2) {
			struct rte_mbuf *m = queue_take(world.w, q);

			if (m) {
				from += m->data_len;
				pkt_consume(world.w, m);
			}
		} else {
			len = RTE_MIN(len, q->bytes);
			queue_drop(world.w, q, len);
			from += len;
		}
		if (i % 16 == 0)
			expect(from, to - from, q->n);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, parts_setup, parts_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_put),	   TEST(test_chain),  TEST(test_empty),
		TEST(test_crumbs), TEST(test_shared), TEST(test_take),
		TEST(test_drop),   TEST(test_copy),   TEST(test_random_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

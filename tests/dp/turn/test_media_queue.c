/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Datagrams for a slow client over TCP: they go in their order and only while each would go out at
 * once, chains included; the queue is bounded in bytes, each datagram counting for 256 at least, in
 * buffers and in age, and who is oldest goes first, by a named reason. Every packet is accounted
 * for.
 */
#include "tests/world/fake_tcp.h"

#include "dp/turn/media_queue.h"
#include "tests/world/worker.h"
#include "tests/world/unit.h"

enum { QUEUE_BYTES = 2048, AGE_MS = 100, BUFFERS = 16 };

static struct fake_conn *f;
static struct media_queue q;
static uint32_t seen; /* of what was sent */

static int setup(void **state)
{
	struct sock_addr client = at("10.1.0.2", 6000), local = at("10.1.0.1", 3478);

	(void)state;
	world_config();
	world_listener(&local, TRANSPORT_TCP);
	world.conf.tcp.connections = FAKE_CONNS;
	world.conf.tcp.buffers = BUFFERS;
	world.conf.tcp.media_queue = QUEUE_BYTES;
	world.conf.tcp.media_age_ms = AGE_MS;
	world.conf.tcp.idle_timeout = 60;
	world_start();
	q = (struct media_queue){ 0 };
	seen = 0;
	f = fake_open(world.w, &local, &client);
	assert_non_null(f);
	world_mark();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	media_queue_clear(world.w, f->c, &q, DROP_TCP_CLOSED);
	assert_true(media_queue_empty(&q));
	assert_int_equal(q.bytes, 0);
	assert_int_equal(tcp_held(world.w), 0);
	fake_end(world.w, f, TCP_END_RESET);
	fake_run();
	world_stop();
	return 0;
}

/* A message of len bytes of this value, in n segments. */
static struct rte_mbuf *message(uint8_t value, uint16_t len, uint16_t n)
{
	struct rte_mbuf *m = pkt_make(world.w), *s;

	assert_non_null(m);
	memset(rte_pktmbuf_append(m, len), value, len);
	while (--n) {
		s = rte_pktmbuf_alloc(world.w->pool);
		assert_non_null(s);
		memset(rte_pktmbuf_append(s, len), value, len);
		assert_int_equal(rte_pktmbuf_chain(m, s), 0);
	}
	return m;
}

static bool sends(uint8_t value, uint16_t len)
{
	return media_queue_send(world.w, f->c, &q, message(value, len, 1));
}

/* What the client has got next: len bytes of this value. */
static void got(uint8_t value, uint32_t len)
{
	uint32_t i;

	assert_true(seen + len <= f->out_len);
	for (i = 0; i < len; i++)
		assert_int_equal(f->out[seen + i], value);
	seen += len;
}

static void got_no_more(void)
{
	assert_int_equal(seen, f->out_len);
}

static void flush(void)
{
	media_queue_flush(world.w, f->c, &q);
}

static void what_would_go_out_is_sent(void **state)
{
	(void)state;
	assert_true(sends(1, 100));
	assert_true(media_queue_empty(&q));
	got(1, 100);
	assert_false(f->wants_room);
	assert_true(world_accounts());
}

static void order_is_kept(void **state)
{
	(void)state;
	fake_stall(f);
	assert_true(sends(1, 100));
	assert_true(media_queue_send(world.w, f->c, &q, message(2, 50, 3)));
	assert_true(sends(3, 100));
	assert_int_equal(tcp_held(world.w), 5);
	assert_true(f->wants_room);
	assert_true(world_accounts());
	/* As far as the window goes, and one that opens it; what comes then is behind the others.
	 */
	fake_acked(f, 120, UINT32_MAX);
	flush();
	got(1, 100);
	got(2, 150);
	got_no_more();
	fake_acked(f, UINT32_MAX, UINT32_MAX);
	assert_true(sends(4, 100));
	got(3, 100);
	got(4, 100);
	assert_true(media_queue_empty(&q));
	assert_int_equal(tcp_held(world.w), 0);
	assert_true(world_accounts());
}

static void no_room_no_message(void **state)
{
	(void)state;
	fake_acked(f, UINT32_MAX, 99);
	assert_true(sends(1, 100));
	got_no_more();
	flush();
	got_no_more();
	fake_acked(f, UINT32_MAX, 100);
	flush();
	got(1, 100);
}

static void bytes_are_bounded(void **state)
{
	uint8_t i;

	(void)state;
	fake_stall(f);
	/* Eight small ones are all there is room for. */
	for (i = 0; i < 10; i++)
		assert_true(sends(i, 1));
	assert_int_equal(q.bytes, QUEUE_BYTES);
	world_drops(DROP_MEDIA_FULL, 2);
	/* A long one takes the place of several; one longer than all that there is, nobody's. */
	assert_true(sends(10, 1000));
	world_drops(DROP_MEDIA_FULL, 6);
	assert_false(media_queue_send(world.w, f->c, &q, message(11, 1025, 2)));
	world_drops(DROP_MEDIA_FULL, 7);
	fake_acked(f, UINT32_MAX, UINT32_MAX);
	flush();
	for (i = 6; i < 10; i++)
		got(i, 1);
	got(10, 1000);
	assert_int_equal(q.bytes, 0);
	assert_true(world_accounts());
}

static void buffers_are_bounded(void **state)
{
	uint8_t i;

	(void)state;
	world.conf.tcp.media_queue = UINT16_MAX;
	fake_stall(f);
	for (i = 0; i < BUFFERS / 2; i++)
		assert_true(media_queue_send(world.w, f->c, &q, message(i, 10, 2)));
	assert_false(sends(i, 10));
	world_drops(DROP_TCP_MEMORY, 1);
	assert_int_equal(tcp_held(world.w), BUFFERS);
	assert_true(world_accounts());
	media_queue_clear(world.w, f->c, &q, DROP_TCP_MEMORY);
	world_drops(DROP_TCP_MEMORY, 1 + BUFFERS / 2);
	assert_true(world_accounts());
}

static void age_is_bounded(void **state)
{
	uint32_t came_ms = (uint32_t)world.w->now_ms;

	(void)state;
	fake_stall(f);
	assert_true(sends(1, 100));
	world_clock_ms(world.w->now_ms + AGE_MS);
	assert_true(sends(2, 100));
	assert_int_equal(media_queue_came_ms(&q), came_ms);
	media_queue_expire(world.w, f->c, &q);
	world_drops(DROP_NONE, 0);
	world_clock_ms(world.w->now_ms + 1);
	media_queue_expire(world.w, f->c, &q);
	world_drops(DROP_MEDIA_OLD, 1);
	assert_int_equal(media_queue_came_ms(&q), came_ms + AGE_MS);
	/* What is too old is not sent, although it might go now. */
	world_clock_ms(world.w->now_ms + AGE_MS);
	fake_acked(f, UINT32_MAX, UINT32_MAX);
	assert_true(sends(3, 100));
	world_drops(DROP_MEDIA_OLD, 2);
	got(3, 100);
	got_no_more();
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_would_go_out_is_sent), T(order_is_kept),	      T(no_room_no_message),
		T(bytes_are_bounded),	      T(buffers_are_bounded), T(age_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

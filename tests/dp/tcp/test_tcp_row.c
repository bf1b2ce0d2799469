/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the row of a connection in the region tells of its stream (dp/conn_row.h): packets, which
 * are segments with new data, as many as a device put together or takes apart; bytes; and rates
 * each way, which are those of a second or more, also where the lower half of a counter ends, and
 * none of another connection that had the row.
 */
#include "tests/world/tcp_world.h"
#include "tests/world/packet.h"
#include "dp/conn_row.h"

static const struct ctl_conn_info *shown(void)
{
	tcp_show(world.w, app.c);
	return &world.w->tcp->info[conn_idx(world.w, app.c)];
}

static void segments_with_new_data(void **state)
{
	const struct ctl_conn_info *row;

	(void)state;
	open_passive();
	row = shown();
	assert_int_equal(row->rx_packets | row->tx_packets, 0);
	seg_in(ACK, 1, 1, 100);
	seg_in(ACK, 101, 1, 200);
	seg_in(ACK, 401, 1, 50); /* a hole before it, which is filled */
	seg_in(ACK, 301, 1, 100);
	seg_in(ACK, 101, 1, 200); /* once more */
	seg_in(ACK, 451, 1, 0);	  /* no data */
	app_send(2 * MSS_TS + 7);
	seg_in(ACK, 451, 1 + 2 * MSS_TS + 7, 0);
	seg_skip();
	row = shown();
	assert_int_equal(row->rx_packets, 4);
	assert_int_equal(row->rx_bytes, 450);
	assert_int_equal(row->tx_packets, 3);
	assert_int_equal(row->tx_bytes, 2 * MSS_TS + 7);
	peer_reset();
}

static void of_one_that_we_open(void **state)
{
	const struct ctl_conn_info *row;

	(void)state;
	open_active();
	row = shown();
	assert_int_equal(row->rx_packets | row->tx_packets, 0);
	seg_in(ACK, 1, 1, 100);
	seg_skip();
	assert_int_equal(shown()->rx_packets, 1);
	peer_reset();
}

/* Both sides have closed, and its owner is still reading: the row has what it had. */
static void over_and_not_read(void **state)
{
	const struct ctl_conn_info *row;

	(void)state;
	open_passive();
	app.hold = true;
	seg_in(FIN | ACK, 1, 1, 300);
	seg_skip();
	assert_int_equal(shown()->rx_packets, 1);
	app_shutdown();
	seg_skip();
	seg_in(ACK, 302, 2, 0);
	assert_int_equal(tcp_state(app.c), TCP_CLOSED);
	row = shown();
	assert_int_equal(row->rx_packets, 1);
	assert_int_equal(row->tx_packets, 0);
	app.hold = false;
	app_take(300);
	app_gone(TCP_END_DONE);
}

static void put_together_by_the_device(void **state)
{
	const uint32_t large = 4 * MSS_TS + 1;

	(void)state;
	open_passive();
	world.rx_flags = RTE_MBUF_F_RX_LRO;
	world.rx_segsz = MSS_TS;
	world.seg_first = world.seg_rest = 2048;
	seg_in(ACK, 1, 1, (uint16_t)large);
	world.rx_flags = 0;
	world.seg_first = world.seg_rest = 0;
	seg_skip();
	assert_int_equal(shown()->rx_packets, 5);
	peer_reset();
}

/* A row of `bytes` and `packets`, at now_ms. */
static void counts(struct ctl_conn_info *row, bool fresh, uint64_t rx, uint64_t tx, uint32_t now_ms)
{
	row->rx_bytes = 100 * rx;
	row->tx_bytes = 200 * tx;
	conn_row_count(row, fresh, (uint32_t)rx, (uint32_t)tx, now_ms);
	assert_int_equal(row->rx_packets, rx);
	assert_int_equal(row->tx_packets, tx);
}

static void rates(const struct ctl_conn_info *row, uint32_t rx, uint32_t tx)
{
	assert_int_equal(row->rx.packets_per_s, rx);
	assert_int_equal(row->rx.bytes_per_s, 100 * rx);
	assert_int_equal(row->tx.packets_per_s, tx);
	assert_int_equal(row->tx.bytes_per_s, 200 * tx);
}

static void rates_of_a_second(void **state)
{
	const uint32_t at = UINT32_MAX - 500; /* the clock's lower half ends, too */
	struct ctl_conn_info row = { .rx_packets = 7, .rx = { .packets_per_s = 9 } };

	(void)state;
	counts(&row, true, 10, 20, at);
	rates(&row, 0, 0);
	counts(&row, false, 60, 70, at + 999);
	rates(&row, 0, 0);
	counts(&row, false, 110, 220, at + 2000);
	rates(&row, 50, 100);
	counts(&row, false, 110, 220, at + 2999); /* it stays until a second is over */
	rates(&row, 50, 100);
	counts(&row, false, 110, 220, at + 3000);
	rates(&row, 0, 0);
	/* Another's row by now. */
	counts(&row, true, 3, 0, at + 9000);
	rates(&row, 0, 0);
}

static void beyond_the_lower_half(void **state)
{
	const uint64_t most = UINT64_C(1) << 32;
	struct ctl_conn_info row = { 0 };

	(void)state;
	counts(&row, true, 0, 0, 1);
	for (uint64_t n = 1; n <= 3; n++) {
		counts(&row, false, n * most / 2, n * most / 2, (uint32_t)n * 1000 + 1);
		assert_int_equal(row.rx.packets_per_s, most / 2);
	}
	/* No rate is above what it can say. */
	counts(&row, false, 2 * most, 2 * most, 3001 + 1000);
	assert_int_equal(row.rx.packets_per_s, most / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(segments_with_new_data),    tcp_test(of_one_that_we_open),
		tcp_test(over_and_not_read),	     tcp_test(put_together_by_the_device),
		cmocka_unit_test(rates_of_a_second), cmocka_unit_test(beyond_the_lower_half),
	};

	return tcp_run(tests);
}

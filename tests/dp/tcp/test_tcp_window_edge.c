/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The right edge of the window never goes back (RFC 9293 3.8.6: SHOULD NOT), although the field
 * tells it in units of the scale (RFC 7323 2.3) and data comes in odd pieces; and what may wait is
 * no more for it.
 */
#include "tests/world/tcp_world.h"

static void edge_of(bool v6)
{
	static const uint16_t piece[] = { 1, 3, 20, 5, 28, 1001, 7, 2, 1440, 13 };
	uint32_t at = 1, edge = 0, n = 0, len;
	const struct seg *s;

	if (v6)
		peer_v6();
	open_passive();
	app.hold = true;
	while (app.c->rcv_adv != app.c->rcv_nxt && n < 3000 && tcp_readable(app.c) < world.conf.tcp.receive_buffer) {
		len = RTE_MIN((uint32_t)piece[n++ % RTE_DIM(piece)],
			      app.c->rcv_adv - app.c->rcv_nxt);
		seg_in(ACK, at, 1, len);
		at += len;
		world_pass_ms(50);
		while ((s = seg_next()) != NULL) {
			assert_int_equal(s->ack, at);
			assert_true(s->ack + seg_window(s) >= edge);
			edge = s->ack + seg_window(s);
		}
	}
	assert_true(tcp_readable(app.c) > world.conf.tcp.receive_buffer / 2);
	assert_true(tcp_readable(app.c) <= world.conf.tcp.receive_buffer / 8 * 9);
	peer_reset();
}

static void over_ipv4(void **state)
{
	(void)state;
	edge_of(false);
}

static void over_ipv6(void **state)
{
	(void)state;
	edge_of(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = { tcp_test(over_ipv4), tcp_test(over_ipv6) };

	return tcp_run(tests);
}

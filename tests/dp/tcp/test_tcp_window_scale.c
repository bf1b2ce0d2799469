/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Window scale (RFC 7323 2): never in SYNs themselves, only if both offer it, 14 at most, and as
 * large as the receive buffer needs.
 */
#include "tests/world/tcp_world.h"

static void the_syn_is_not_scaled(void **state)
{
	const struct seg *s;

	(void)state;
	peer.wnd = 100;
	peer_near_wrap();
	seg_in(SYN, 0, 0, 0);
	s = seg_expect(SYN | ACK, 0, 1, 0);
	assert_int_equal(s->ws, 1 + 3); /* 256 KB */
	assert_int_equal(s->wnd, TCP_FIRST_WINDOW);
	/* 100 << 7 from here on: eight segments. */
	seg_in(ACK, 1, 1, 0);
	app_send(20000);
	assert_int_equal(tcp_send_unsent(app.c), 20000 - 100 * 128 / MSS_TS * MSS_TS);
	seg_skip();
	peer_reset();
}

static void ours_reaches_the_buffer(void **state)
{
	uint32_t at, most = 0;
	const struct seg *s;

	(void)state;
	open_passive();
	for (at = 1; at < 300000; at += 1000) {
		seg_in(ACK, at, 1, 1000);
		while ((s = seg_next()) != NULL)
			most = RTE_MAX(most, seg_window(s));
	}
	assert_in_range(most, 262144 - 3 * MSS_TS, 262144);
	assert_int_equal(app.c->rcv_wscale, 3);
	peer_reset();
}

static void not_without_an_offer(void **state)
{
	const struct seg *s;

	(void)state;
	peer.ws = 0;
	peer.wnd = 5000;
	peer_near_wrap();
	seg_in(SYN, 0, 0, 0);
	s = seg_expect(SYN | ACK, 0, 1, 0);
	assert_int_equal(s->ws, 0);
	seg_in(ACK, 1, 1, 100);
	s = seg_expect(ACK, 1, 101, 0);
	assert_int_equal(app.c->rcv_wscale, 0);
	assert_in_range(s->wnd, TCP_FIRST_WINDOW - 100, TCP_FIRST_WINDOW);
	app_send(20000);
	assert_in_range(tcp_send_unsent(app.c), 15000, 15000 + 1460);
	seg_skip();
	peer_reset();
}

/* 2.3: a shift above 14 is taken for 14. */
static void not_above_14(void **state)
{
	(void)state;
	peer.ws = 1 + 15;
	peer.wnd = 1;
	open_passive();
	assert_int_equal(app.c->snd_wnd, 1 << 14);
	peer_reset();
}

/* 2.3: from the peer's SYN-ACK as well. */
static void when_we_open(void **state)
{
	const struct seg *s;

	(void)state;
	peer_core();
	app_connect();
	s = seg_expect(SYN | ECE | CWR, 0, 0, 0);
	assert_int_equal(s->ws, 1 + 3);
	assert_int_equal(s->wnd, TCP_FIRST_WINDOW);
	peer.wnd = 10;
	seg_in(SYN | ACK, 0, 1, 0);
	seg_expect(ACK, 1, 1, 0);
	assert_int_equal(app.c->snd_wnd, 10); /* of the SYN, not scaled */
	seg_in(ACK, 1, 1, 0);
	assert_int_equal(app.c->snd_wnd, 10 << 7);
	peer_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(the_syn_is_not_scaled), tcp_test(ours_reaches_the_buffer),
		tcp_test(not_without_an_offer),	 tcp_test(not_above_14),
		tcp_test(when_we_open),
	};

	return tcp_run(tests);
}

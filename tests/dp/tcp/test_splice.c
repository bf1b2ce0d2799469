/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two connections joined (dp/tcp/splice.h; R37, R58, R59, RFC 6062 5.4, 5.5): bytes pass both ways
 * as they came, early ones first; a side that takes nothing stops the other (R7's back-pressure)
 * and holds no more than the buffers of two connections; FIN passes behind the bytes and closes one
 * direction only; what ends one otherwise ends the other with RST. Buffers and connections are back
 * after each.
 */
#include "tests/world/unit.h"
#include "tests/world/tcp_host.h"
#include "dp/tcp/conn.h"
#include "dp/tcp/splice.h"

/* ---- an owner that waits for the other connection ---- */

static struct tcp_conn *conn[2];
static uint32_t opened, gone, ended[TCP_END_MAX];
static uint64_t kept[2];

static void wait_established(struct worker *w, struct tcp_conn *c)
{
	tcp_recv_pause(w, c, true);
	conn[opened++] = c;
}

static void wait_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	(void)w;
	(void)c;
	ended[why]++;
}

static const struct tcp_app wait_app = {
	.name = "wait",
	.established = wait_established,
	.closed = wait_closed,
};

static const struct tcp_app *accept_all(struct worker *w, struct tcp_request *r)
{
	(void)w;
	(void)r;
	return &wait_app;
}

static void on_gone(struct worker *w, struct tcp_conn *c)
{
	(void)w;
	gone++;
	kept[0] ^= *(uint64_t *)tcp_data(c);
}

/* Once a pair, whoever ends first. */
static struct splice_end over;
static int overs;

static void on_over(struct worker *w, const struct splice_end *e)
{
	(void)w;
	over = *e;
	overs++;
}

static const struct splice_ops ops = { .gone = on_gone, .over = on_over };

/* ---- a pair: host 0 on the client's side, host 1 on the peer's ---- */

static struct host *h[2];

static uint64_t ends(enum tcp_end why)
{
	return world.w->counters->end[why];
}

static uint64_t held(void)
{
	return tcp_held(world.w);
}

static void open_pair(void)
{
	struct sock_addr us[2] = { at("10.1.0.1", 3478), at("10.2.0.1", RELAY_PORT) };
	struct sock_addr them[2] = { at("10.1.0.2", 5000), at("10.2.0.2", 6000) };
	int i;

	opened = gone = 0;
	kept[0] = 0;
	hosts_reset();
	for (i = 0; i < 2; i++) {
		h[i] = host_new(i ? CORE : ACCESS, &them[i], &us[i], (uint8_t)(1 + i),
				(uint8_t)(2 - i));
		host_connect(h[i]);
		assert_true(h[i]->open);
	}
	assert_int_equal(opened, 2);
}

static void join(void)
{
	*(uint64_t *)tcp_data(conn[0]) = 0x1111;
	*(uint64_t *)tcp_data(conn[1]) = 0x2222;
	overs = 0;
	splice_join(world.w, conn[0], conn[1], &ops, 7);
	hosts_run();
}

static int setup(void **state)
{
	(void)state;
	world_config();
	world.conf.dataplane.mbufs = 2047;
	world.conf.tcp.buffers = 1024;
	world.conf.tcp.time_wait_ms = 1000;
	world_start();
	tcp_listen(world.w, accept_all);
	memset(ended, 0, sizeof(ended));
	open_pair();
	join();
	return 0;
}

/* Every connection ended, TIME-WAIT too, and nothing is held. */
static int teardown(void **state)
{
	(void)state;
	hosts_pass_ms(3000);
	assert_int_equal(world.w->tcp->conns, 0);
	assert_int_equal(held(), 0);
	assert_int_equal(gone, 2);
	assert_int_equal(overs, 1);
	assert_int_equal(over.tag, 7);
	assert_true(over.a == conn[0] && over.b == conn[1]);
	assert_int_equal(kept[0], 0x3333); /* each had its own bytes */
	world_stop();
	return 0;
}

/* Both close in order. */
static void close_both(void)
{
	h[0]->fin = h[1]->fin = true;
	hosts_run();
	assert_true(h[0]->fin_acked && h[1]->fin_acked && h[0]->fin_rcvd && h[1]->fin_rcvd);
	assert_false(h[0]->rst || h[1]->rst);
}

static void whole(int from)
{
	assert_int_equal(h[!from]->received, h[from]->to_send);
	assert_int_equal(h[from]->acked, h[from]->to_send);
}

static void bytes_pass_both_ways(void **state)
{
	(void)state;
	h[0]->to_send = 1000000;
	h[1]->to_send = 777777;
	hosts_run();
	whole(0);
	whole(1);
	assert_int_equal(world_count(0, CNT_TCP_SPLICED), 1);
	assert_int_equal(world_count(0, CNT_TCP_SPLICE_BYTES), 1777777);
	close_both();
	hosts_pass_ms(3000);
	assert_int_equal(over.passed[CTL_TO_PEER], 1000000);
	assert_int_equal(over.passed[CTL_TO_CLIENT], 777777);
	assert_int_equal(over.why, TCP_END_DONE);
	assert_int_equal(ends(TCP_END_DONE), 2);
}

/* Pieces of any size at any time, either side stopping for a while. */
static void windows_open_and_close(void **state)
{
	uint32_t seed = 12345, i;

	(void)state;
	for (i = 0; i < 400; i++) {
		struct host *x = h[(seed >> 20) & 1];

		seed = seed * 1103515245 + 12345;
		if ((seed >> 16) % 4 == 0)
			x->stop = true;
		else if ((seed >> 16) % 4 == 1)
			host_go(x);
		x->to_send += (seed >> 8) % 20000;
		hosts_run();
		hosts_pass_ms((seed >> 12) % 8);
	}
	host_go(h[0]);
	host_go(h[1]);
	hosts_pass_ms(1000);
	whole(0);
	whole(1);
	close_both();
}

/* The window is the back-pressure: buffers of two connections, and not a byte more. */
static void a_slow_side_stops_the_other(void **state)
{
	const struct config_tcp *t = &world.conf.tcp;
	uint64_t most = HOST_WND + t->send_buffer + t->receive_buffer;

	(void)state;
	h[1]->stop = true;
	h[0]->to_send = 10000000;
	hosts_run();
	assert_in_range(h[0]->sent, HOST_WND + t->send_buffer / 2, most);
	assert_in_range(held(), 1, t->buffers);
	hosts_pass_ms(10000);
	assert_in_range(h[0]->sent, HOST_WND + t->send_buffer / 2, most);
	h[1]->to_send = 100000; /* the other direction is not stopped */
	hosts_run();
	whole(1);
	host_go(h[1]);
	hosts_pass_ms(10000);
	whole(0);
	close_both();
}

/* What others hold must not cost the stream a byte: what moves on needs no buffer. */
static void more_is_held_than_may_be(void **state)
{
	uint32_t others;

	(void)state;
	h[1]->stop = true;
	h[0]->to_send = 1000000;
	hosts_run();
	host_go(h[1]);
	/* As connections that come from another worker bring it along. */
	others = world.conf.tcp.buffers + 8;
	world.w->tcp->held += others;
	hosts_pass_ms(100);
	world.w->tcp->held -= others;
	hosts_pass_ms(10000);
	whole(0);
	close_both();
}

/* R59: one direction ends, the other goes on for as long as it likes. */
static void half_closed(int first)
{
	struct host *a = h[first], *b = h[!first];

	a->to_send = 100000;
	a->fin = true;
	b->to_send = 5000;
	hosts_run();
	whole(first);
	assert_true(a->fin_acked && b->fin_rcvd);
	assert_false(a->fin_rcvd);
	b->to_send += 300000;
	hosts_run();
	whole(!first);
	assert_false(a->fin_rcvd);
	b->fin = true;
	hosts_run();
	assert_true(a->fin_rcvd && b->fin_acked);
	assert_false(a->rst || b->rst);
	hosts_pass_ms(3000);
	assert_int_equal(ends(TCP_END_DONE), 2);
}

static void client_half_closes(void **state)
{
	(void)state;
	half_closed(0);
}

static void peer_half_closes(void **state)
{
	(void)state;
	half_closed(1);
}

/* FIN waits behind what the other side does not take yet. */
static void fin_is_behind_the_bytes(void **state)
{
	(void)state;
	h[1]->stop = true;
	h[0]->to_send = HOST_WND + 100000;
	h[0]->fin = true;
	hosts_run();
	assert_true(h[0]->fin_sent);
	assert_false(h[1]->fin_rcvd);
	host_go(h[1]);
	hosts_pass_ms(1000);
	whole(0);
	assert_true(h[1]->fin_rcvd);
	h[1]->fin = true;
	hosts_run();
	assert_true(h[0]->fin_rcvd);
	assert_false(h[0]->rst || h[1]->rst);
}

static void reset_passes(int from)
{
	h[from]->to_send = 5000;
	h[!from]->to_send = 5000;
	hosts_run();
	host_rst(h[from]);
	assert_true(h[!from]->rst);
	assert_int_equal(over.why, TCP_END_RESET);
	assert_int_equal(ends(TCP_END_RESET), 1);
	assert_int_equal(ends(TCP_END_PARTNER), 1);
}

static void client_resets(void **state)
{
	(void)state;
	reset_passes(0);
}

static void peer_resets(void **state)
{
	(void)state;
	reset_passes(1);
}

/* Even when one direction had ended in order, and with bytes on the way. */
static void reset_after_fin(void **state)
{
	(void)state;
	h[0]->to_send = 1000;
	h[0]->fin = true;
	hosts_run();
	h[0]->stop = true;
	h[1]->to_send = 300000;
	hosts_run();
	assert_true(held() > 0);
	host_rst(h[1]);
	assert_true(h[0]->rst);
	assert_int_equal(held(), 0);
}

/* A limit of the stack: what is lost on one side must not look whole on the other. */
static void a_stalled_side_ends_both(void **state)
{
	(void)state;
	h[1]->silent = true;
	h[0]->to_send = 5000;
	hosts_pass_ms(world.conf.tcp.stall_timeout * 1000 + 130000);
	assert_true(h[0]->rst);
	assert_int_equal(ends(TCP_END_PARTNER), 1);
}

static void abort_of_one(void **state)
{
	(void)state;
	tcp_abort(world.w, conn[0], TCP_END_CLOSED);
	hosts_run();
	assert_true(h[0]->rst && h[1]->rst);
	assert_int_equal(ends(TCP_END_CLOSED), 1);
	assert_int_equal(ends(TCP_END_PARTNER), 1);
}

/* One is over, its slot another's, while the other still delivers: they have nothing in common. */
static void the_first_to_end_is_forgotten(void **state)
{
	struct sock_addr us = at("10.1.0.1", 3478), them = at("10.1.0.3", 7000);
	struct tcp_conn *first = conn[0];
	struct host *other;

	(void)state;
	h[1]->stop = true;
	h[1]->fin = true;
	h[0]->to_send = HOST_WND + 10000;
	h[0]->fin = true;
	hosts_run();
	assert_true(h[0]->fin_acked && h[0]->fin_rcvd);
	assert_int_equal(ends(TCP_END_DONE), 1);
	assert_int_equal(gone, 1);
	opened = 0;
	other = host_new(ACCESS, &them, &us, 1, 2);
	host_connect(other);
	assert_ptr_equal(conn[0], first);
	host_rst(h[1]);
	assert_int_equal(gone, 2);
	assert_false(other->rst || other->fin_rcvd);
	host_rst(other);
}

/* What came before the join, FIN included, goes first. */
static void early_bytes_go_first(void **state)
{
	(void)state;
	close_both();
	hosts_pass_ms(3000);
	open_pair();
	h[1]->to_send = 50000;
	h[1]->fin = true;
	h[0]->to_send = 3000;
	hosts_run();
	assert_int_equal(h[0]->received + h[1]->received, 0);
	join();
	whole(0);
	whole(1);
	assert_true(h[0]->fin_rcvd);
	assert_false(h[1]->fin_rcvd);
	h[0]->to_send += 7000;
	h[0]->fin = true;
	hosts_run();
	whole(0);
	assert_true(h[1]->fin_rcvd);
	assert_int_equal(ended[TCP_END_DONE], 0); /* of the first owner */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(bytes_pass_both_ways),
		T(windows_open_and_close),
		T(a_slow_side_stops_the_other),
		T(more_is_held_than_may_be),
		T(client_half_closes),
		T(peer_half_closes),
		T(fin_is_behind_the_bytes),
		T(client_resets),
		T(peer_resets),
		T(reset_after_fin),
		T(a_stalled_side_ends_both),
		T(abort_of_one),
		T(the_first_to_end_is_forgotten),
		T(early_bytes_go_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

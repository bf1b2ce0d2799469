/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A closed window is probed (RFC 9293 3.8.6.1): first after a retransmission timeout, then ever
 * more rarely, and for as long as probes are answered, up to tcp.stall-timeout (R73). Probes of the
 * peer are answered by our window, and nothing of theirs is taken.
 */
#include "tests/world/tcp_world.h"

static void close_window(uint32_t give)
{
	open_passive();
	peer.wnd = 0;
	seg_in(ACK, 1, 1, 1);
	seg_expect(ACK, 1, 2, 0);
	app_send(give);
	seg_none();
}

/* A probe: something the peer must answer. Answers it, with its window. */
static void answer_probe(void)
{
	const struct seg *s = seg_next();

	assert_non_null(s);
	assert_int_equal(s->flags, ACK);
	/* The byte before the window, or the first in it. */
	assert_true((s->seq == 0 && s->len <= 1) || (s->seq == 1 && s->len == 1));
	seg_in(ACK, 2, 1, 0);
}

static void it_is_probed_until_it_opens(void **state)
{
	uint32_t ms, last;
	int i;

	(void)state;
	close_window(1000);
	last = seg_wait(1000);
	assert_true(last >= 150);
	answer_probe();
	for (i = 0; i < 5; i++) {
		ms = seg_wait(60001);
		assert_in_range(ms, 2 * last - 10, 2 * last + 10);
		last = ms;
		answer_probe();
		seg_none();
	}
	assert_true(world_count(0, CNT_TCP_PROBE_WINDOW) >= 6);
	peer.wnd = 500;
	seg_in(ACK, 2, 1, 0);
	seg_wait(60001);
	seg_skip();
	peer.wnd = UINT16_MAX;
	seg_in(ACK, 2, 1, 0);
	seg_skip();
	seg_in(ACK, 2, 1001, 0);
	seg_quiet(1000);
	assert_int_equal(app.c->snd.bytes, 0);
	peer_reset();
}

static void it_opens_at_once(void **state)
{
	(void)state;
	close_window(1000);
	peer.wnd = UINT16_MAX;
	seg_in(ACK, 2, 1, 0);
	seg_expect(ACK, 1, 2, 1000);
	seg_in(ACK, 2, 1001, 0);
	/* No probe is left over. */
	seg_quiet(5000);
	peer_reset();
}

/* With a FIN only the window does not matter: it goes. */
static void a_fin_needs_no_window(void **state)
{
	(void)state;
	open_passive();
	peer.wnd = 0;
	seg_in(ACK, 1, 1, 1);
	seg_expect(ACK, 1, 2, 0);
	app_shutdown();
	seg_expect(FIN | ACK, 1, 2, 0);
	seg_in(FIN | ACK, 2, 2, 0);
	seg_expect(ACK, 2, 3, 0);
	app_gone(TCP_END_DONE);
}

/* The window closes while data is out: what is lost is sent again into it, and probes after. */
static void data_out_when_it_closes(void **state)
{
	(void)state;
	open_passive();
	app_send(2000);
	seg_expect(ACK, 1, 1, MSS_TS);
	seg_expect(ACK, 1 + MSS_TS, 1, 2000 - MSS_TS);
	peer.wnd = 0;
	seg_in(ACK, 1, 1 + MSS_TS, 0);
	seg_none();
	seg_wait(2000);
	assert_int_equal(seg_next()->seq, 1 + MSS_TS);
	seg_in(ACK, 1, 2001, 0);
	seg_quiet(3000);
	peer_reset();
}

/* tcp.stall-timeout. */
static void not_for_ever(void **state)
{
	const struct seg *s;
	uint32_t ms;

	(void)state;
	close_window(1000);
	for (ms = 0; !app.closed && ms < 200000; ms++) {
		world_pass_ms(1);
		s = seg_next();
		if (s && s->flags == ACK)
			seg_in(ACK, 2, 1, 0);
		else if (s)
			assert_int_equal(s->flags, RST | ACK);
	}
	assert_in_range(ms, 60000, 121000);
	app_gone(TCP_END_STALLED);
}

/* One that does not even answer. */
static void not_without_an_answer(void **state)
{
	uint32_t ms;

	(void)state;
	close_window(1000);
	for (ms = 0; !app.closed && ms < 200000; ms++) {
		world_pass_ms(1);
		seg_skip();
	}
	assert_in_range(ms, 60000, 121000);
	assert_int_equal(app.closed, 1);
	assert_int_equal(world.w->tcp->conns, 0);
}

enum { BUFFER = 4096 };

static int setup_small(void **state)
{
	(void)state;
	tcp_config();
	world.conf.tcp.receive_buffer = BUFFER;
	tcp_start();
	return 0;
}

static void theirs_are_answered(void **state)
{
	const struct seg *s;
	int i;

	(void)state;
	app.hold = true;
	open_passive();
	seg_in(ACK, 1, 1, 1400);
	seg_in(ACK, 1401, 1, 1400);
	seg_in(ACK, 2801, 1, BUFFER - 2800);
	world_pass_ms(100);
	seg_skip();
	/* A byte beyond, as RFC 9293 has it; and the byte before, as others do. */
	for (i = 0; i < 5; i++) {
		world_pass_ms(1000);
		seg_in(ACK, 1 + BUFFER, 1, 1);
		s = seg_expect(ACK, 1, 1 + BUFFER, 0);
		assert_int_equal(s->wnd, 0);
		world_pass_ms(1000);
		seg_in(ACK, BUFFER, 1, 0);
		s = seg_expect(ACK, 1, 1 + BUFFER, 0);
		assert_int_equal(s->wnd, 0);
	}
	assert_int_equal(tcp_readable(app.c), BUFFER);
	/* What a probe acknowledges counts all the same. */
	app_send(100);
	seg_expect(ACK, 1, 1 + BUFFER, 100);
	seg_in(ACK, 1 + BUFFER, 101, 1);
	seg_skip();
	assert_int_equal(app.c->snd.bytes, 0);
	app_take(BUFFER);
	s = seg_expect(ACK, 101, 1 + BUFFER, 0);
	assert_true(s->wnd > 0);
	seg_in(ACK, 1 + BUFFER, 101, 1000);
	seg_skip();
	app_take(1000);
	peer_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(it_is_probed_until_it_opens),
		tcp_test(it_opens_at_once),
		tcp_test(a_fin_needs_no_window),
		tcp_test(data_out_when_it_closes),
		tcp_test(not_for_ever),
		tcp_test(not_without_an_answer),
		cmocka_unit_test_setup_teardown(theirs_are_answered, setup_small, tcp_teardown),
	};

	return tcp_run(tests);
}

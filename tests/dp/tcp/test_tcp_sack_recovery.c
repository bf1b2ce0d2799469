/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loss recovery by SACK (RFC 6675, RFC 8985): three later segments acknowledged mean that the one
 * before is lost; only what is lost is sent again, once; the window goes down once; recovery ends
 * when all that was out is acknowledged. Blocks that cannot be are no evidence.
 */
#include "tests/world/tcp_world.h"

enum { LEN = MSS_TS, OUT = 10 };

#define S(i) (1 + (i)*LEN)
#define B(from, to)            \
	{                      \
		S(from), S(to) \
	}

/* Ten segments out, one round trip ago. */
static void ten_out(void)
{
	open_passive();
	app_send(OUT * LEN);
	assert_int_equal(seg_skip(), OUT);
	world_pass_ms(RTT_MS);
}

static void one_is_lost(void **state)
{
	uint32_t i;

	(void)state;
	ten_out();
	seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { B(1, 2) });
	seg_none();
	seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { B(1, 3) });
	seg_none();
	seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { B(1, 4) });
	seg_expect(ACK, S(0), 1, LEN);
	seg_none();
	assert_int_equal(world_count(0, CNT_TCP_RECOVERY), 1);
	assert_int_equal(world_count(0, CNT_TCP_REXMIT_FAST), 1);
	for (i = 5; i <= OUT; i++) {
		seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { B(1, i) });
		seg_none();
	}
	world_pass_ms(RTT_MS);
	seg_in(ACK, 1, S(OUT), 0);
	seg_none();
	assert_int_equal(app.c->ca, CA_OPEN);
	assert_int_equal(app.c->cwnd, 5 * LEN);
	assert_int_equal(app.c->snd.bytes, 0);
	seg_quiet(1000);
	peer_reset();
}

static void several_are_lost(void **state)
{
	(void)state;
	ten_out();
	/* 0, 3 and 4. */
	seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { B(1, 2) });
	seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { B(1, 3) });
	seg_none();
	seg_in(ACK, 1, S(0), 0, .n_sack = 2, .sack = { B(5, 6), B(1, 3) });
	seg_expect(ACK, S(0), 1, LEN);
	seg_in(ACK, 1, S(0), 0, .n_sack = 2, .sack = { B(5, 7), B(1, 3) });
	seg_in(ACK, 1, S(0), 0, .n_sack = 2, .sack = { B(5, 8), B(1, 3) });
	seg_in(ACK, 1, S(0), 0, .n_sack = 2, .sack = { B(5, 9), B(1, 3) });
	seg_in(ACK, 1, S(0), 0, .n_sack = 2, .sack = { B(5, 10), B(1, 3) });
	seg_expect(ACK, S(3), 1, LEN);
	seg_expect(ACK, S(4), 1, LEN);
	seg_none();
	world_pass_ms(RTT_MS);
	seg_in(ACK, 1, S(3), 0, .n_sack = 1, .sack = { B(5, 10) });
	seg_in(ACK, 1, S(4), 0, .n_sack = 1, .sack = { B(5, 10) });
	assert_int_equal(app.c->ca, CA_RECOVERY);
	seg_in(ACK, 1, S(10), 0);
	seg_none();
	assert_int_equal(app.c->ca, CA_OPEN);
	assert_int_equal(world_count(0, CNT_TCP_RECOVERY), 1);
	assert_int_equal(world_count(0, CNT_TCP_REXMIT_FAST), 3);
	assert_int_equal(world_count(0, CNT_TCP_RTO), 0);
	peer_reset();
}

/* What was sent again is lost again: RACK knows by what was sent after it (8985 1). */
static void lost_again(void **state)
{
	uint32_t i;

	(void)state;
	ten_out();
	seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { B(1, 10) });
	seg_expect(ACK, S(0), 1, LEN);
	/* More data goes out behind it, and arrives. */
	app_send(5 * LEN);
	for (i = 0; seg_next(); i++)
		;
	assert_true(i > 0);
	world_pass_ms(RTT_MS);
	seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { B(1, 10 + i) });
	seg_wait(RTT_MS);
	seg_expect(ACK, S(0), 1, LEN);
	assert_int_equal(world_count(0, CNT_TCP_RTO), 0);
	peer_reset();
}

/* The receiver may forget what it SACKed (RFC 2018 8): after a timeout all is sent again. */
static void the_receiver_forgets(void **state)
{
	uint32_t next = 0, ms;
	const struct seg *s;

	(void)state;
	ten_out();
	seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { B(5, 10) });
	for (ms = 0; next < OUT && ms < 60000; ms++) {
		while ((s = seg_next()) != NULL) {
			if (s->seq == S(next))
				next++;
			seg_in(ACK, 1, S(next), 0);
		}
		world_pass_ms(1);
	}
	assert_int_equal(next, OUT);
	assert_int_equal(app.c->snd.bytes, 0);
	peer_reset();
}

static void impossible_blocks(void **state)
{
	(void)state;
	ten_out();
	/* Beyond what was sent, before what is out, turned round, empty. */
	seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { B(11, 20) });
	seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { { S(5), S(10) + 1 } });
	seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { { S(9), S(2) } });
	seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { { S(9), S(9) } });
	seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { { S(0) - 0x70000000u, S(5) } });
	seg_none();
	assert_int_equal(app.c->sacked_bytes, 0);
	assert_int_equal(world_count(0, CNT_TCP_RACK_LOST), 0);
	seg_in(ACK, 1, S(OUT), 0);
	assert_int_equal(app.c->snd.bytes, 0);
	peer_reset();
}

/* A block that is no multiple of segments marks only those it covers whole, or cuts them. */
static void odd_blocks(void **state)
{
	(void)state;
	ten_out();
	seg_in(ACK, 1, S(0), 0, .n_sack = 1, .sack = { { S(1) + 100, S(8) + 7 } });
	seg_wait(RTT_MS);
	assert_int_equal(seg_next()->seq, S(0));
	seg_skip();
	assert_true(app.c->sacked_bytes >= 6 * LEN && app.c->sacked_bytes <= 7 * LEN);
	seg_in(ACK, 1, S(OUT), 0);
	assert_int_equal(app.c->snd.bytes, 0);
	seg_quiet(1000);
	peer_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(one_is_lost),		tcp_test(several_are_lost),  tcp_test(lost_again),
		tcp_test(the_receiver_forgets), tcp_test(impossible_blocks), tcp_test(odd_blocks),
	};

	return tcp_run(tests);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hosted NAT (R14): the remote of a leg is who sends, learnt while there is time and locked then;
 * the control process hears of it, and says it again after a restart.
 */
#include "media_world.h"
#include "../../dp/gateway/media.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void latching(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, TERM_RTP);
	const struct sock_addr nat = at("10.1.0.3", 40000), other = at("10.1.0.3", 40002),
			       third = at("10.1.0.2", 40004);

	(void)state;
	c.term[SIDE_A].flags |= TERM_LATCH;
	assert_true(media_put(&c));
	/* Until somebody sends, who was announced is sent to. */
	media_passes(&c, SIDE_B, 0);
	media_from(&c, SIDE_A, 0, &nat);
	world_drops(DROP_MAX, 0);
	media_out(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0], NULL);
	assert_int_equal(world_count(0, CNT_GATE_LATCHED), 1);
	media_latched(c.cid, SIDE_A, 0, &nat);
	media_from(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0]);
	media_out(&c, SIDE_A, 0, &nat, NULL);
	/* RTCP is learnt apart. */
	media_passes(&c, SIDE_B, 1);
	media_from(&c, SIDE_A, 1, &third);
	media_out(&c, SIDE_B, 1, &c.term[SIDE_B].remote[1], NULL);
	media_latched(c.cid, SIDE_A, 1, &third);
	/* Another, while there is time: it is told as time goes by. */
	world_clock_ms(world.w->now_ms + MEDIA_LATCH_MS - 1);
	media_from(&c, SIDE_A, 0, &other);
	media_out(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0], NULL);
	media_from(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0]);
	media_out(&c, SIDE_A, 0, &other, NULL);
	/* Then no more. */
	world_clock_ms(world.w->now_ms + 1);
	media_from(&c, SIDE_A, 0, &nat);
	world_drops(DROP_GATE_SOURCE, 1);
	assert_true(world.w->media_path[LEGS].flags & MEDIA_SHORT); /* from here on */
	media_from(&c, SIDE_A, 0, &other);
	media_out(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0], NULL);
	media_later(0);
	media_latched(c.cid, SIDE_A, 0, &other);
	media_from(&c, SIDE_A, 1, &nat);
	world_drops(DROP_GATE_SOURCE, 1);
	media_no_evt();
}

/* Who was announced is learnt like anybody else. */
static void who_was_announced(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, 0);
	const struct sock_addr other = at("10.1.0.3", 40000);

	(void)state;
	c.term[SIDE_A].flags |= TERM_LATCH;
	assert_true(media_put(&c));
	media_passes(&c, SIDE_A, 0);
	media_latched(c.cid, SIDE_A, 0, &c.term[SIDE_A].remote[0]);
	media_later(MEDIA_LATCH_MS);
	media_from(&c, SIDE_A, 0, &other);
	world_drops(DROP_GATE_SOURCE, 1);
	media_passes(&c, SIDE_A, 0);
	media_no_evt();
}

static void latching_from_one_address(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, 0);
	const struct sock_addr port = at("10.1.0.2", 40000), addr = at("10.1.0.3", 6004);

	(void)state;
	c.term[SIDE_A].flags |= TERM_LATCH | TERM_LATCH_ADDR;
	c.term[SIDE_A].remote[0].port = be16_make(0);
	assert_true(media_put(&c));
	media_drops(&c, SIDE_B, 0, DROP_GATE_PARTNER);
	media_from(&c, SIDE_A, 0, &addr);
	world_drops(DROP_GATE_SOURCE, 1);
	media_from(&c, SIDE_A, 0, &port);
	media_out(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0], NULL);
	media_latched(c.cid, SIDE_A, 0, &port);
	media_from(&c, SIDE_A, 0, &addr);
	world_drops(DROP_GATE_SOURCE, 1);
}

static void no_time_to_learn(void **state)
{
	struct cmd_context_set c;
	const struct sock_addr a = at("10.1.0.3", 40000), b = at("10.1.0.3", 40002);

	(void)state;
	media_config();
	world.conf.gateway.latch_ms = 0;
	world_start();
	c = media_call(TERM_LATCH);
	media_from(&c, SIDE_A, 0, &a);
	media_out(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0], NULL);
	media_from(&c, SIDE_A, 0, &b);
	world_drops(DROP_GATE_SOURCE, 1);
	world_stop();
}

/* Neither a packet that is damaged nor one that may not come in says who the remote is. */
static void what_does_not_latch(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, TERM_LATCH);
	const struct sock_addr a = at("10.1.0.3", 40000);
	struct sock_addr to = media_local(&c.term[SIDE_A], 0);
	static struct frame f;

	(void)state;
	assert_true(media_put(&c));
	frame_udp(&f, ACCESS, &a, &to, media_packet, sizeof(media_packet),
		  &(struct frame_opt){ .csum = CSUM_BAD });
	world_mark();
	world_feed(ACCESS, &f);
	world_drops(DROP_UDP_CSUM, 1);
	c.term[SIDE_A].flags &= (uint16_t)~TERM_IN;
	assert_true(media_put(&c));
	media_from(&c, SIDE_A, 0, &a);
	world_drops(DROP_GATE_CLOSED, 1);
	media_no_evt();
	media_passes(&c, SIDE_B, 0);
}

/* What was learnt stays as commands repeat themselves, and goes when they say something else. */
static void learning_anew(void **state)
{
	struct cmd_context_set c = media_call(TERM_LATCH);
	const struct sock_addr a = at("10.1.0.3", 40000), b = at("10.1.0.3", 40002);

	(void)state;
	media_from(&c, SIDE_A, 0, &a);
	media_latched(c.cid, SIDE_A, 0, &a);
	world_forget();
	media_later(MEDIA_LATCH_MS);
	c.term[SIDE_A].dscp = 46;
	assert_true(media_put(&c));
	media_from(&c, SIDE_A, 0, &b);
	world_drops(DROP_GATE_SOURCE, 1);
	c.term[SIDE_A].remote[0].port = be16_make(6666);
	assert_true(media_put(&c));
	media_from(&c, SIDE_A, 0, &b);
	world_drops(DROP_MAX, 0);
	media_latched(c.cid, SIDE_A, 0, &b);
	media_later(MEDIA_LATCH_MS);
	c.term[SIDE_A].attempt++;
	assert_true(media_put(&c));
	media_from(&c, SIDE_A, 0, &a);
	world_drops(DROP_MAX, 0);
	media_latched(c.cid, SIDE_A, 0, &a);
	world_forget();
}

/* An address of ours of the other family: what was learnt by the one is of no use to the other. */
static void another_family(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, TERM_LATCH);
	const struct sock_addr a = at("10.1.0.3", 40000), a6 = at("fd00:1::2", 40000);
	struct ctl_term v6;

	(void)state;
	memset(c.term[SIDE_A].remote, 0, sizeof(c.term[SIDE_A].remote));
	c.term[SIDE_B].flags &= (uint16_t)~TERM_LATCH;
	assert_true(media_put(&c));
	media_from(&c, SIDE_A, 0, &a);
	media_out(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0], NULL);
	media_latched(c.cid, SIDE_A, 0, &a);
	media_later(MEDIA_LATCH_MS);
	v6 = media_term(SIDE_A, 1, TERM_LATCH, true);
	c.term[SIDE_A].local = v6.local;
	assert_true(media_put(&c));
	media_drops(&c, SIDE_B, 0, DROP_GATE_PARTNER);
	media_from(&c, SIDE_A, 0, &a6);
	media_out(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0], NULL);
	media_latched(c.cid, SIDE_A, 0, &a6);
	media_from(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0]);
	media_out(&c, SIDE_A, 0, &a6, NULL);
}

/* After a restart the control process says what had been learnt. */
static void learnt_before(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, TERM_RTP | TERM_LATCH);
	const struct sock_addr a = at("10.1.0.3", 40000), b = at("10.1.0.3", 40002);

	(void)state;
	c.term[SIDE_A].latched[0] = a;
	assert_true(media_put(&c));
	media_from(&c, SIDE_A, 0, &b);
	world_drops(DROP_GATE_SOURCE, 1);
	media_from(&c, SIDE_A, 0, &a);
	media_out(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0], NULL);
	media_no_evt();
	media_from(&c, SIDE_A, 1, &b);
	media_out(&c, SIDE_B, 1, &c.term[SIDE_B].remote[1], NULL);
	media_latched(c.cid, SIDE_A, 1, &b);
}

/* A control process that began anew before it had kept the news. */
static void news_again(void **state)
{
	struct cmd_context_set c = media_call(TERM_RTP | TERM_LATCH);
	const struct sock_addr a = at("10.1.0.3", 40000);

	(void)state;
	media_from(&c, SIDE_A, 1, &a);
	media_out(&c, SIDE_B, 1, &c.term[SIDE_B].remote[1], NULL);
	media_latched(c.cid, SIDE_A, 1, &a);
	media_later(MEDIA_LATCH_MS);
	assert_true(media_put(&c));
	media_later(0);
	media_latched(c.cid, SIDE_A, 1, &a);
	c.term[SIDE_A].latched[1] = a;
	assert_true(media_put(&c));
	media_later(0);
	media_no_evt();
}

/* News is not lost while the ring is full. */
static void news_waits(void **state)
{
	struct cmd_context_set c = media_call(TERM_LATCH);
	struct cmd_context audit = { .cid = c.cid };
	const struct sock_addr a = at("10.1.0.3", 40000);
	uint32_t i;

	(void)state;
	for (i = 0; i < world.conf.dataplane.ring_slots; i++)
		assert_true(world_cmd(0, CMD_CONTEXT_AUDIT, &audit, sizeof(audit)));
	media_from(&c, SIDE_A, 0, &a);
	media_out(&c, SIDE_B, 0, &c.term[SIDE_B].remote[0], NULL);
	media_later(0);
	for (i = 0; i < world.conf.dataplane.ring_slots; i++)
		media_evt(EVT_CONTEXT_STATS, c.cid);
	media_no_evt();
	media_later(0);
	media_latched(c.cid, SIDE_A, 0, &a);
	media_later(MEDIA_LATCH_MS);
	media_no_evt();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, media_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(latching),
		T(who_was_announced),
		T(latching_from_one_address),
		cmocka_unit_test(no_time_to_learn),
		T(what_does_not_latch),
		T(learning_anew),
		T(another_family),
		T(learnt_before),
		T(news_waits),
		T(news_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

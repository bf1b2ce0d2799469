/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a worker tells of RTP that it passes (EVT_CONTEXT_STATS): loss that was, the codec of a
 * session description, a MOS for who hears it, the counters by class; through a command that
 * repeats itself, a move, and T.38 and back.
 */
#include "tests/world/unit.h"
#include "tests/world/media_world.h"
#include "dp/gateway/gateway.h"
#include "dp/gateway/media.h"

static void rtp(const struct cmd_context_set *c, uint32_t side, uint16_t number, uint8_t type)
{
	uint8_t msg[20] = { 0x80, type };
	const struct sock_addr to = media_local(&c->term[side], 0);
	struct udp_view v;

	memcpy(msg + 2, be16_make(number).b, 2);
	memcpy(msg + 4, be32_make(160u * number).b, 4);
	msg[11] = (uint8_t)(1 + side);
	media_feed(side, &c->term[side].remote[0], &to, msg, sizeof(msg));
	expect_udp(side == SIDE_A ? CORE : ACCESS, &v);
}

/* Each tenth is missing. */
static void speak(const struct cmd_context_set *c, uint32_t side, uint16_t from, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		if (i % 10 != 5)
			rtp(c, side, (uint16_t)(from + i), 8);
}

static void told(void **state)
{
	struct cmd_context_set c = media_call(TERM_RTP);
	struct ctl_quality q, p;

	(void)state;
	media_later(1000);
	speak(&c, SIDE_A, 65500, 100);
	media_later(1000 * (QUALITY_S + 1));
	q = media_audit(c.cid, SIDE_A).quality;
	assert_int_equal(q.ssrc, 1);
	assert_int_equal(q.sources, 1);
	assert_int_equal(q.codec, CODEC_PCMA);
	assert_int_equal(q.lost, 10);
	assert_int_equal(q.received, 90);
	assert_int_equal(q.samples, 0); /* A heard nothing */
	p = media_audit(c.cid, SIDE_B).quality;
	assert_int_equal(p.sources, 0);
	assert_int_equal(p.samples, 1);
	assert_int_equal(p.last.loss, 1000);
	assert_int_equal(p.lowest.mos, p.highest.mos);
	assert_int_equal(p.mean.mos, p.lowest.mos);
	assert_in_range(p.mean.mos, 300, 370);
	assert_int_equal(
	    world.w->counters->quality[QUALITY_LOSS][quality_class(QUALITY_LOSS, 1000)], 1);
	assert_int_equal(world.w->counters->quality_sum[QUALITY_MOS], p.mean.mos);
}

/* A call that ends before an interval does has a MOS as well. */
static void short_call(void **state)
{
	struct cmd_context_set c = media_call(TERM_RTP);

	(void)state;
	media_later(1000);
	speak(&c, SIDE_A, 1, 50);
	assert_int_equal(media_audit(c.cid, SIDE_B).quality.samples, 1);
}

/* Payload types are what the description says, of either side. */
static void formats(void **state)
{
	struct cmd_context_set c = media_cmd(1, 5, TERM_RTP);

	(void)state;
	c.term[SIDE_B].format[0] = (struct ctl_format){ 96, CODEC_OPUS };
	assert_true(media_put(&c));
	rtp(&c, SIDE_A, 1, 96);
	assert_int_equal(media_audit(c.cid, SIDE_A).quality.codec, CODEC_OPUS);
	/* The same again changes nothing. */
	rtp(&c, SIDE_A, 2, 96);
	assert_true(media_put(&c));
	rtp(&c, SIDE_A, 4, 96);
	assert_int_equal(media_audit(c.cid, SIDE_A).quality.lost, 1);
	assert_int_equal(media_audit(c.cid, SIDE_A).quality.received, 3);
	/* T.38, and speech again: nothing of between is missing. */
	c.term[SIDE_A].flags &= (uint16_t)~TERM_RTP;
	c.term[SIDE_B].flags &= (uint16_t)~TERM_RTP;
	c.term[SIDE_A].remote[1] = c.term[SIDE_B].remote[1] = (struct sock_addr){ 0 };
	assert_true(media_put(&c));
	rtp(&c, SIDE_A, 9, 96);
	c.term[SIDE_A].flags |= TERM_RTP;
	c.term[SIDE_B].flags |= TERM_RTP;
	assert_true(media_put(&c));
	rtp(&c, SIDE_A, 30, 96);
	rtp(&c, SIDE_A, 31, 96);
	assert_int_equal(media_audit(c.cid, SIDE_A).quality.received, 5);
	assert_int_equal(media_audit(c.cid, SIDE_A).quality.lost, 1);
	c.term[SIDE_A].format[0] = (struct ctl_format){ 96, CODECS };
	assert_false(media_put(&c));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, media_setup, world_teardown)
	const struct CMUnitTest t[] = { T(told), T(short_call), T(formats) };

	return cmocka_run_group_tests(t, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A side that is silent: payloads of RTP become silence of their codec (RFC 3551, 3389), and all
 * else of a packet stays (RFC 3550 5.1); what has no silence does not pass.
 */
#include "tests/world/unit.h"
#include "tests/world/media_world.h"

/* 12 bytes, two sources, an extension of a word, five of audio, three of padding. */
static const uint8_t spoken[] = { 0xb2, 0x80, 0, 9, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0,
				  0,	5,    1, 2, 0, 1, 9, 8, 7, 6, 1, 2, 3, 4, 5, 0, 0, 3 };

/* Of type, changed by silence alone; 0: it does not pass. */
static void silent(const struct cmd_context_set *c, uint8_t type, uint8_t silence)
{
	const struct sock_addr to = media_local(&c->term[SIDE_A], 0);
	uint8_t said[sizeof(spoken)], heard[sizeof(spoken)];
	struct udp_view v;

	memcpy(said, spoken, sizeof(said));
	said[1] |= type;
	memcpy(heard, said, sizeof(heard));
	memset(&heard[28], silence, 5);
	world_mark();
	media_feed(SIDE_A, &c->term[SIDE_A].remote[0], &to, said, sizeof(said));
	if (!silence) {
		world_drops(DROP_GATE_SILENT, 1);
		world_no_out();
		return;
	}
	expect_udp(CORE, &v);
	assert_true(v.csum_ok);
	assert_int_equal(v.len, sizeof(heard));
	assert_memory_equal(v.payload, heard, sizeof(heard));
}

/* What a side says is replaced, and nothing else of it: codecs by either SDP, or RFC 3551. */
static void a_side_is_silent(void **state)
{
	struct cmd_context_set c = media_call(TERM_RTP);
	const struct sock_addr to_a = media_local(&c.term[SIDE_A], 0),
			       to_b = media_local(&c.term[SIDE_B], 0);
	uint8_t bad[sizeof(spoken)];
	struct udp_view v;

	(void)state;
	media_feed(SIDE_A, &c.term[SIDE_A].remote[0], &to_a, spoken, sizeof(spoken));
	expect_udp(CORE, &v);
	assert_memory_equal(v.payload, spoken, sizeof(spoken));
	c.term[SIDE_A].flags |= TERM_SILENT;
	c.term[SIDE_A].format[0] = (struct ctl_format){ 97, CODEC_PCMA };
	c.term[SIDE_B].format[3] = (struct ctl_format){ 98, CODEC_OPUS };
	assert_true(media_put(&c));
	silent(&c, 0, 0xff);
	silent(&c, 8, 0xd5);
	silent(&c, 9, 0xfa);
	silent(&c, 13, 0x7f);
	silent(&c, 97, 0xd5);
	silent(&c, 98, 0);
	silent(&c, 99, 0);
	silent(&c, 18, 0);
	media_passes(&c, SIDE_A, 1);
	media_feed(SIDE_B, &c.term[SIDE_B].remote[0], &to_b, spoken, sizeof(spoken));
	expect_udp(ACCESS, &v);
	assert_memory_equal(v.payload, spoken, sizeof(spoken));
	/* More around its payload than there is: padding, an extension, sources; no RTP. */
	static const struct {
		uint32_t len, at;
		uint8_t byte;
	} wrong[] = { { sizeof(spoken), 35, 9 },
		      { sizeof(spoken), 35, 255 },
		      { sizeof(spoken), 23, 4 },
		      { sizeof(spoken), 22, 255 },
		      { 22, 0, 0xb2 },
		      { 19, 0, 0x82 },
		      { 11, 0, 0x80 },
		      { sizeof(spoken), 0, 0x32 },
		      { 0, 0, 0 } };
	for (size_t i = 0; wrong[i].len; i++) {
		memcpy(bad, spoken, sizeof(bad));
		bad[wrong[i].at] = wrong[i].byte;
		world_mark();
		media_feed(SIDE_A, &c.term[SIDE_A].remote[0], &to_a, bad, wrong[i].len);
		world_drops(DROP_GATE_SILENT, 1);
		world_no_out();
	}
	c.term[SIDE_A].flags &= (uint16_t)~TERM_RTP; /* a fax in its place has no silence */
	c.term[SIDE_B].flags &= (uint16_t)~TERM_RTP;
	c.term[SIDE_A].remote[1] = c.term[SIDE_B].remote[1] = (struct sock_addr){ 0 };
	assert_true(media_put(&c));
	media_feed(SIDE_A, &c.term[SIDE_A].remote[0], &to_a, spoken, sizeof(spoken));
	expect_udp(CORE, &v);
	assert_memory_equal(v.payload, spoken, sizeof(spoken));
}

/* What was damaged on its way does not become whole. */
static void a_damaged_packet_stays_away(void **state)
{
	struct cmd_context_set c = media_call(TERM_RTP);
	const struct sock_addr to = media_local(&c.term[SIDE_A], 0);
	struct frame f;

	(void)state;
	c.term[SIDE_A].flags |= TERM_SILENT;
	assert_true(media_put(&c));
	frame_udp(&f, ACCESS, &c.term[SIDE_A].remote[0], &to, spoken, sizeof(spoken),
		  &(struct frame_opt){ .csum = CSUM_BAD });
	world_mark();
	world_feed(ACCESS, &f);
	world_drops(DROP_UDP_CSUM, 1);
	world_no_out();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, media_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(a_side_is_silent),
		T(a_damaged_packet_stays_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

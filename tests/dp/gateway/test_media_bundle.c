/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bundles (R39, RFC 9143 9.2): m-lines of one transport are contexts of their own, and one carries
 * the others. What comes to its port is told apart by name, else by source, else by payload type;
 * what goes to any of them leaves by its port and its keys. RTCP goes where the sources are. Who
 * carries may move, go, and have no room.
 */
#include "tests/world/unit.h"
#include "tests/world/media_world.h"
#include "tests/world/srtp.h"

#include "dp/gateway/gateway.h"
#include "dp/gateway/media_srtp.h"

enum { AUDIO = 1, VIDEO = 2, MID = 4, PCMA = 8, VP8 = 96 };

static struct srtp *engine;
static struct srtp_stream sends, hears;
static struct srtp_key *key[2];

static int setup(void **state)
{
	(void)state;
	media_config();
	world.conf.gateway.srtp = 4;
	world_start();
	engine = srtp_engine_create(NULL);
	assert_non_null(engine);
	return 0;
}

static int teardown(void **state)
{
	free(key[0]);
	free(key[1]);
	key[0] = key[1] = NULL;
	srtp_engine_free(engine);
	return world_teardown(state);
}

/* An m-line of the browser on side A, of that type and name. */
static struct cmd_context_set line(uint32_t slot, uint8_t type, const char *mid)
{
	struct cmd_context_set c = media_cmd(slot, 5, TERM_RTP | TERM_RTCP_MUX);
	struct ctl_term *a = &c.term[SIDE_A];

	a->flags |= TERM_SRTP;
	a->demux.types[type / 8] |= (uint8_t)(1u << type % 8);
	a->demux.mid_ext = MID;
	snprintf(a->demux.mid, sizeof(a->demux.mid), "%s", mid);
	return c;
}

static void carried_by(struct cmd_context_set *c, uint32_t slot)
{
	c->term[SIDE_A].flags |= TERM_BUNDLED;
	c->term[SIDE_A].bundle = (struct ctl_cid){ slot, 5 };
}

static void keys_put(struct ctl_cid cid)
{
	struct cmd_srtp_set s = { .cid = cid, .side = SIDE_A };

	for (int i = 0; i < 2; i++) {
		const struct srtp_master m = srtp_test_master(SRTP_AES_CM_128_80, (uint8_t)(i + 1));
		struct ctl_srtp_key *k = i ? &s.out : &s.in;

		k->set = 1;
		k->suite = SRTP_AES_CM_128_80;
		memcpy(k->master, m.key, sizeof(m.key));
		srtp_stream_init(i ? &hears : &sends, 0);
		key[i] = srtp_test_key(engine, &m);
		assert_true(srtp_stream_add(i ? &hears : &sends, key[i]));
	}
	assert_true(world_cmd(0, CMD_SRTP_SET, &s, sizeof(s)));
}

static struct cmd_context_set audio, video;

static void bundle(void)
{
	audio = line(AUDIO, PCMA, "a");
	video = line(VIDEO, VP8, "v");
	carried_by(&video, AUDIO);
	assert_true(media_put(&audio));
	keys_put(audio.cid);
	assert_true(media_put(&video));
}

static void rtp(struct srtp_test_packet *p, uint32_t ssrc, uint16_t seq, uint8_t type)
{
	srtp_test_rtp(p, ssrc, seq, 20);
	p->b[1] = type;
}

/* With the name of an m-line in an extension, of one byte's headers or of two. */
static void named(struct srtp_test_packet *p, const char *mid, bool two)
{
	uint8_t x[12] = { two ? 0x10 : 0xbe, two ? 0x00 : 0xde, 0, 2, 0 };
	const uint32_t n = (uint32_t)strlen(mid);

	if (two) {
		x[5] = MID;
		x[6] = (uint8_t)n;
	} else {
		x[6] = (uint8_t)(MID << 4 | (n - 1));
	}
	memcpy(x + 7, mid, n);
	memmove(p->b + 12 + sizeof(x), p->b + 12, p->len - 12);
	memcpy(p->b + 12, x, sizeof(x));
	p->b[0] |= 0x10;
	p->len += sizeof(x);
}

/* To the port of a context, from where the browser is. */
static void feed(const struct cmd_context_set *c, const struct srtp_test_packet *p)
{
	const struct sock_addr to = media_local(&c->term[SIDE_A], 0);

	world_mark();
	media_feed(SIDE_A, &audio.term[SIDE_A].remote[0], &to, p->b, p->len);
}

/* From the browser, for the phone of that context. */
static void comes(const struct srtp_test_packet *plain, bool rtcp, const struct cmd_context_set *c)
{
	struct srtp_test_packet p = *plain;
	struct udp_view v;

	assert_int_equal(srtp_test_protect(engine, &sends, &p, rtcp, 1), DROP_NONE);
	feed(&audio, &p);
	world_drops(DROP_NONE, 0);
	expect_udp(CORE, &v);
	assert_true(v.csum_ok);
	assert_int_equal(be16_get(v.src.port), be16_get(c->term[SIDE_B].local.port));
	assert_int_equal(be16_get(v.dst.port), be16_get(c->term[SIDE_B].remote[0].port));
	assert_int_equal(v.len, plain->len);
	assert_memory_equal(v.payload, plain->b, plain->len);
	world_no_out();
	world_forget();
}

static void refused(const struct srtp_test_packet *plain, enum drop why)
{
	struct srtp_test_packet p = *plain;

	assert_int_equal(srtp_test_protect(engine, &sends, &p, false, 1), DROP_NONE);
	feed(&audio, &p);
	world_drops(why, 1);
	world_no_out();
}

/* From the phone of a context: by the one port, from where it leaves to the browser. */
static void goes(const struct srtp_test_packet *plain, bool rtcp, const struct cmd_context_set *c)
{
	const struct sock_addr to = media_local(&c->term[SIDE_B], 0);
	struct srtp_test_packet got;
	struct udp_view v;

	world_mark();
	media_feed(SIDE_B, &c->term[SIDE_B].remote[0], &to, plain->b, plain->len);
	world_drops(DROP_NONE, 0);
	expect_udp(ACCESS, &v);
	assert_true(v.csum_ok);
	assert_int_equal(be16_get(v.src.port), be16_get(audio.term[SIDE_A].local.port));
	assert_int_equal(be16_get(v.dst.port), be16_get(audio.term[SIDE_A].remote[0].port));
	memcpy(got.b, v.payload, v.len);
	got.len = (uint32_t)v.len;
	assert_int_equal(srtp_test_unprotect(engine, &hears, &got, rtcp, 1), DROP_NONE);
	assert_int_equal(got.len, plain->len);
	assert_memory_equal(got.b, plain->b, plain->len);
	world_no_out();
	world_forget();
}

static void by_payload_type_then_by_source(void **state)
{
	struct srtp_test_packet p;

	(void)state;
	bundle();
	for (uint16_t seq = 1; seq < 4; seq++) {
		rtp(&p, 7, seq, PCMA);
		comes(&p, false, &audio);
		rtp(&p, 8, seq, VP8 | 0x80);
		comes(&p, false, &video);
		rtp(&p, 17, seq, PCMA);
		goes(&p, false, &audio);
		rtp(&p, 18, seq, VP8);
		goes(&p, false, &video);
	}
	/* Of a source that is known, whatever its type; and of none. */
	rtp(&p, 8, 4, 97);
	comes(&p, false, &video);
	rtp(&p, 9, 1, 97);
	refused(&p, DROP_GATE_BUNDLE);
	assert_true(media_audit(video.cid, SIDE_A).packets == 4);
	assert_true(media_audit(audio.cid, SIDE_A).packets == 3);
}

static void by_name(void **state)
{
	struct srtp_test_packet p;

	(void)state;
	bundle();
	rtp(&p, 7, 1, VP8);
	named(&p, "a", false);
	comes(&p, false, &audio);
	/* Its source is known by it. */
	rtp(&p, 7, 2, VP8);
	comes(&p, false, &audio);
	/* It changes its m-line (9143 9.2), and the extension's form. */
	rtp(&p, 7, 3, PCMA);
	named(&p, "v", true);
	comes(&p, false, &video);
	rtp(&p, 7, 4, PCMA);
	comes(&p, false, &video);
	rtp(&p, 7, 5, PCMA);
	named(&p, "w", false);
	refused(&p, DROP_GATE_BUNDLE);
	rtp(&p, 7, 6, PCMA);
	named(&p, "vv", false);
	refused(&p, DROP_GATE_BUNDLE);
	/* An element that is longer than the extension names nobody. */
	rtp(&p, 7, 7, PCMA);
	named(&p, "a", true);
	p.b[18] = 200;
	comes(&p, false, &video);
	rtp(&p, 7, 8, PCMA);
	named(&p, "a", false);
	p.b[18] = MID << 4 | 15;
	comes(&p, false, &video);
}

/* A report is of its sender; who only hears says of whom. */
static void rtcp_goes_where_its_sources_are(void **state)
{
	struct srtp_test_packet p;

	(void)state;
	bundle();
	rtp(&p, 8, 1, VP8);
	comes(&p, false, &video);
	rtp(&p, 18, 1, VP8);
	goes(&p, false, &video);
	srtp_test_rtcp(&p, 8, 0);
	comes(&p, true, &video);
	srtp_test_rtcp(&p, 1, 0);
	p.b[1] = 206; /* a picture is asked for */
	memcpy(p.b + 8, be32_make(18).b, 4);
	comes(&p, true, &video);
	memcpy(p.b + 8, be32_make(19).b, 4);
	comes(&p, true, &audio);
	srtp_test_rtcp(&p, 18, 0);
	goes(&p, true, &video);
}

static void ports_and_strangers(void **state)
{
	struct srtp_test_packet p;
	struct sock_addr to;

	(void)state;
	bundle();
	rtp(&p, 8, 1, VP8);
	assert_int_equal(srtp_test_protect(engine, &sends, &p, false, 1), DROP_NONE);
	/* Nothing comes to the port that a carried one has. */
	feed(&video, &p);
	world_drops(DROP_GATE_SOURCE, 1);
	world_no_out();
	to = media_local(&audio.term[SIDE_A], 0);
	world_mark();
	media_feed(SIDE_A, &video.term[SIDE_A].remote[0], &to, p.b, p.len);
	world_drops(DROP_GATE_SOURCE, 1);
	world_no_out();
	feed(&audio, &p);
	world_drops(DROP_NONE, 0);
	world_forget();
}

/* Who carries is elsewhere, and so are all; it goes, and nothing passes. */
static void who_carries_moves_and_goes(void **state)
{
	struct cmd_context del = { .cid = { AUDIO, 5 } };
	struct srtp_test_packet p;
	struct sock_addr to;

	(void)state;
	bundle();
	audio.term[SIDE_A].remote[0] = at("10.1.0.3", 8888);
	assert_true(media_put(&audio));
	rtp(&p, 18, 1, VP8);
	goes(&p, false, &video);
	rtp(&p, 8, 1, VP8);
	comes(&p, false, &video);
	/* The gate is that of the m-line. */
	video.term[SIDE_A].flags &= (uint16_t)~TERM_IN;
	assert_true(media_put(&video));
	rtp(&p, 8, 2, VP8);
	refused(&p, DROP_GATE_CLOSED);
	rtp(&p, 7, 2, PCMA);
	comes(&p, false, &audio);
	assert_true(world_cmd(0, CMD_CONTEXT_DEL, &del, sizeof(del)));
	media_evt(EVT_CONTEXT_STATS, del.cid);
	to = media_local(&video.term[SIDE_B], 0);
	rtp(&p, 18, 2, VP8);
	world_mark();
	media_feed(SIDE_B, &video.term[SIDE_B].remote[0], &to, p.b, p.len);
	world_drops(DROP_SRTP_KEY, 1);
	world_no_out();
}

/* A replay may name them in any order; the rest finds itself. */
static void order_is_of_no_matter(void **state)
{
	struct srtp_test_packet p;

	(void)state;
	audio = line(AUDIO, PCMA, "a");
	video = line(VIDEO, VP8, "v");
	carried_by(&video, AUDIO);
	assert_true(media_put(&video));
	assert_true(media_put(&audio));
	keys_put(audio.cid);
	media_later(1000);
	media_latched(video.cid, SIDE_A, 0, &audio.term[SIDE_A].remote[0]);
	rtp(&p, 8, 1, VP8);
	comes(&p, false, &video);
	rtp(&p, 18, 1, VP8);
	goes(&p, false, &video);
	/* It leaves, and the other is alone. */
	video.term[SIDE_A].flags &= (uint16_t)~TERM_BUNDLED;
	video.term[SIDE_A].bundle = (struct ctl_cid){ 0 };
	assert_true(media_put(&video));
	rtp(&p, 7, 2, PCMA);
	comes(&p, false, &audio);
	rtp(&p, 8, 2, VP8);
	comes(&p, false, &audio);
}

static void there_is_an_end_to_it(void **state)
{
	struct srtp_test_packet p;

	(void)state;
	bundle();
	for (uint32_t slot = 3; slot <= CTL_BUNDLE_MAX + 1; slot++) {
		struct cmd_context_set c = line(slot, (uint8_t)(100 + slot), "x");

		carried_by(&c, AUDIO);
		assert_true(media_put(&c));
		rtp(&p, 30 + slot, 1, (uint8_t)(100 + slot));
		if (slot <= CTL_BUNDLE_MAX)
			comes(&p, false, &c);
		else
			refused(&p, DROP_GATE_BUNDLE);
	}
	/* Nobody is carried by who is carried. */
	{
		struct cmd_context_set c = line(6, 110, "y");

		carried_by(&c, VIDEO);
		assert_true(media_put(&c));
		rtp(&p, 50, 1, 110);
		refused(&p, DROP_GATE_BUNDLE);
	}
}

static void what_cannot_be(void **state)
{
	struct cmd_context_set c;

	(void)state;
	bundle();
	c = video;
	c.term[SIDE_A].flags &= (uint16_t)~TERM_RTCP_MUX;
	assert_false(media_put(&c));
	media_refused(c.cid, REFUSED_BAD);
	c = video;
	c.term[SIDE_A].bundle.gen = 0;
	assert_false(media_put(&c));
	media_refused(c.cid, REFUSED_BAD);
	c = video;
	c.term[SIDE_A].flags &= (uint16_t)~TERM_BUNDLED;
	assert_false(media_put(&c));
	media_refused(c.cid, REFUSED_BAD);
	c = video;
	memset(c.term[SIDE_A].demux.mid, 'x', sizeof(c.term[0].demux.mid));
	assert_false(media_put(&c));
	media_refused(c.cid, REFUSED_BAD);
	c = video;
	c.term[SIDE_A].bundle.slot = UINT32_MAX;
	assert_true(media_put(&c));
}

/* Each carries the other, on one side: whoever answers has another order than who offered. */
static void each_carries_the_other(void **state)
{
	struct cmd_srtp_set keys = { .cid = { VIDEO, 5 }, .side = SIDE_B };
	struct srtp_test_packet p;

	(void)state;
	bundle();
	video.term[SIDE_B].flags |= TERM_SRTP;
	assert_true(media_put(&video));
	for (int i = 0; i < 2; i++) {
		const struct srtp_master m = srtp_test_master(SRTP_AES_CM_128_80, (uint8_t)(i + 3));
		struct ctl_srtp_key *k = i ? &keys.out : &keys.in;

		k->set = 1;
		k->suite = SRTP_AES_CM_128_80;
		memcpy(k->master, m.key, sizeof(m.key));
	}
	assert_true(world_cmd(0, CMD_SRTP_SET, &keys, sizeof(keys)));
	audio.term[SIDE_B].flags |= TERM_SRTP | TERM_BUNDLED;
	audio.term[SIDE_B].bundle = video.cid;
	assert_true(media_put(&audio));
	assert_true(media_put(&video));
	rtp(&p, 7, 1, PCMA);
	assert_int_equal(srtp_test_protect(engine, &sends, &p, false, 1), DROP_NONE);
	feed(&audio, &p);
	world_drops(DROP_NONE, 0);
	assert_non_null(world_out(CORE)); /* by the port and the keys of the other's side */
}

/*
 * The transport goes to another m-line, and the slot of the one that had it becomes somebody
 * else's: what is known of sources there is nobody's.
 */
static void a_slot_that_is_used_again(void **state)
{
	struct cmd_context gone = { .cid = { AUDIO, 5 } };
	struct cmd_context_move move = {
		.cid = { AUDIO, 5 }, .to = { VIDEO, 5 }, .side = SIDE_A, .to_side = SIDE_A
	};
	const struct ctl_term none = { 0 };
	struct cmd_context_set third, v, stranger;
	struct srtp_test_packet p;

	(void)state;
	bundle();
	third = line(3, 100, "t");
	carried_by(&third, AUDIO);
	assert_true(media_put(&third));
	rtp(&p, 7, 1, PCMA);
	comes(&p, false, &audio);
	v = video;
	v.term[SIDE_A] = none;
	assert_true(media_put(&v));
	assert_true(world_cmd(0, CMD_CONTEXT_MOVE, &move, sizeof(move)));
	v.term[SIDE_A] = audio.term[SIDE_A];
	v.term[SIDE_A].demux = video.term[SIDE_A].demux;
	assert_true(media_put(&v));
	third.term[SIDE_A].bundle = v.cid;
	assert_true(media_put(&third));
	assert_true(world_cmd(0, CMD_CONTEXT_DEL, &gone, sizeof(gone)));
	media_evt(EVT_CONTEXT_STATS, gone.cid);
	stranger = media_cmd(AUDIO, 6, TERM_RTP | TERM_RTCP_MUX);
	stranger.term[SIDE_A].local.port =
	    be16_make((uint16_t)(be16_get(third.term[SIDE_A].local.port) + 20));
	assert_true(media_put(&stranger));
	rtp(&p, 7, 2, PCMA);
	refused(&p, DROP_GATE_BUNDLE);
}

/* An extension whose name is empty names nobody. */
static void an_empty_name(void **state)
{
	struct srtp_test_packet p;

	(void)state;
	bundle();
	rtp(&p, 7, 1, PCMA);
	named(&p, "", true);
	comes(&p, false, &audio);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(by_payload_type_then_by_source),
		T(by_name),
		T(rtcp_goes_where_its_sources_are),
		T(ports_and_strangers),
		T(who_carries_moves_and_goes),
		T(order_is_of_no_matter),
		T(there_is_an_end_to_it),
		T(what_cannot_be),
		T(each_carries_the_other),
		T(a_slot_that_is_used_again),
		T(an_empty_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SRTP in contexts (R24, R89): RTP to SRTP and back, SRTP to SRTP by other keys, RTCP beside and on
 * the port of RTP, whole bursts; what has no key, a wrong tag, or was there before; keys that
 * change, that are repeated, that go; and that a packet which is forged teaches no address.
 */
#include "tests/world/unit.h"
#include "tests/world/media_world.h"
#include "tests/world/srtp.h"

#include "dp/gateway/gateway.h"
#include "dp/gateway/media_srtp.h"

static struct srtp *engine;

/* A phone: what it sends by, and what it hears by. */
struct phone {
	struct srtp_stream sends, hears;
	struct srtp_key *key[2];
};

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
	srtp_engine_free(engine);
	return world_teardown(state);
}

static void phone_make(struct phone *p, enum srtp_suite suite, uint8_t sends, uint8_t hears)
{
	const struct srtp_master m[2] = { srtp_test_master(suite, sends),
					  srtp_test_master(suite, hears) };

	srtp_stream_init(&p->sends, 0);
	srtp_stream_init(&p->hears, 0);
	for (int i = 0; i < 2; i++)
		p->key[i] = srtp_test_key(engine, &m[i]);
	assert_true(srtp_stream_add(&p->sends, p->key[0]));
	assert_true(srtp_stream_add(&p->hears, p->key[1]));
}

static void phone_free(struct phone *p)
{
	free(p->key[0]);
	free(p->key[1]);
}

static struct ctl_srtp_key key_of_number(enum srtp_suite suite, uint8_t number)
{
	const struct srtp_master m = srtp_test_master(suite, number);
	struct ctl_srtp_key k = { .set = 1, .suite = (uint8_t)suite };

	memcpy(k.master, m.key, sizeof(m.key));
	return k;
}

static bool keys_put(const struct cmd_context_set *c, uint8_t side, enum srtp_suite suite,
		     uint8_t in, uint8_t out)
{
	struct cmd_srtp_set s = { .cid = c->cid, .side = side };

	if (in)
		s.in = key_of_number(suite, in);
	if (out)
		s.out = key_of_number(suite, out);
	return world_cmd(0, CMD_SRTP_SET, &s, sizeof(s));
}

static struct cmd_context_set call(uint16_t a, uint16_t b)
{
	struct cmd_context_set c = media_cmd(1, 5, TERM_RTP);

	c.term[SIDE_A].flags |= a;
	c.term[SIDE_B].flags |= b;
	assert_true(media_put(&c));
	media_no_evt();
	return c;
}

static void feed(const struct cmd_context_set *c, uint32_t side, uint32_t rtcp,
		 const struct srtp_test_packet *p)
{
	const struct ctl_term *t = &c->term[side];
	const struct sock_addr to = media_local(t, rtcp);

	world_mark();
	media_feed(side, &t->remote[rtcp && !(t->flags & TERM_RTCP_MUX)], &to, p->b, p->len);
}

/* What goes out on a side. */
static void out(uint32_t side, struct srtp_test_packet *p)
{
	struct udp_view v;

	expect_udp(side == SIDE_A ? ACCESS : CORE, &v);
	assert_true(v.csum_ok);
	assert_true(v.len <= sizeof(p->b));
	memcpy(p->b, v.payload, v.len);
	p->len = (uint32_t)v.len;
	world_no_out();
	world_forget();
}

static void same(const struct srtp_test_packet *a, const struct srtp_test_packet *b)
{
	assert_int_equal(a->len, b->len);
	assert_memory_equal(a->b, b->b, a->len);
}

static void packet_make(struct srtp_test_packet *p, uint32_t rtcp, uint16_t seq)
{
	if (rtcp)
		srtp_test_rtcp(p, 7, 0);
	else
		srtp_test_rtp(p, 7, seq, 160);
}

/* From a phone with SRTP on side A (from) to one on B (to; NULL: plain), n-th packet. */
static void crosses(const struct cmd_context_set *c, uint32_t side, struct phone *from,
		    struct phone *to, uint32_t rtcp, uint16_t seq)
{
	struct srtp_test_packet plain, p, got;

	packet_make(&plain, rtcp, seq);
	p = plain;
	if (from)
		assert_int_equal(srtp_test_protect(engine, &from->sends, &p, rtcp, 1), DROP_NONE);
	feed(c, side, rtcp, &p);
	world_drops(DROP_NONE, 0);
	assert_int_equal(world_count(0, CNT_GATE_PACKETS), 1);
	assert_int_equal(world_count(0, CNT_GATE_RTCP), rtcp);
	out(!side, &got);
	if (to)
		assert_int_equal(srtp_test_unprotect(engine, &to->hears, &got, rtcp, 1), DROP_NONE);
	same(&got, &plain);
}

static void drops(const struct cmd_context_set *c, uint32_t side, uint32_t rtcp,
		  const struct srtp_test_packet *p, enum drop why)
{
	feed(c, side, rtcp, p);
	world_drops(why, 1);
	world_no_out();
	assert_int_equal(world_count(0, CNT_GATE_PACKETS), 0);
}

/* Every suite, both directions, RTCP on a port of its own and on that of RTP. */
static void to_plain(void **state)
{
	static const uint16_t mux[] = { 0, TERM_RTCP_MUX };
	struct phone a;

	(void)state;
	for (uint32_t i = 0; i < 2 * SRTP_SUITES; i++) {
		const enum srtp_suite suite = i / 2;
		struct cmd_context_set c = call(TERM_SRTP | mux[i % 2], 0);
		struct cmd_context del = { .cid = c.cid };

		phone_make(&a, suite, 1, 2);
		assert_true(keys_put(&c, SIDE_A, suite, 1, 2));
		for (uint16_t seq = 1; seq < 4; seq++) {
			crosses(&c, SIDE_A, &a, NULL, 0, seq);
			crosses(&c, SIDE_A, &a, NULL, 1, seq);
			crosses(&c, SIDE_B, NULL, &a, 0, seq);
			crosses(&c, SIDE_B, NULL, &a, 1, seq);
		}
		assert_true(media_audit(c.cid, SIDE_A).packets == 3);
		assert_true(media_audit(c.cid, SIDE_A).bytes >= 3 * 172u);
		assert_true(world_cmd(0, CMD_CONTEXT_DEL, &del, sizeof(del)));
		media_evt(EVT_CONTEXT_STATS, c.cid);
		phone_free(&a);
	}
}

/* A side that is silent is so between what is deciphered and what is sealed anew. */
static void silent_by_two_keys(void **state)
{
	struct cmd_context_set c = call(TERM_SRTP | TERM_SILENT, TERM_SRTP);
	struct srtp_test_packet plain, p, got;
	struct phone a, b;

	(void)state;
	phone_make(&a, SRTP_AES_CM_128_80, 1, 2);
	phone_make(&b, SRTP_GCM_128, 3, 4);
	assert_true(keys_put(&c, SIDE_A, SRTP_AES_CM_128_80, 1, 2));
	assert_true(keys_put(&c, SIDE_B, SRTP_GCM_128, 3, 4));
	packet_make(&plain, 0, 1);
	plain.b[1] &= 0x80; /* PCMU */
	p = plain;
	assert_int_equal(srtp_test_protect(engine, &a.sends, &p, false, 1), DROP_NONE);
	feed(&c, SIDE_A, 0, &p);
	out(SIDE_B, &got);
	assert_int_equal(srtp_test_unprotect(engine, &b.hears, &got, false, 1), DROP_NONE);
	memset(plain.b + 12, 0xff, plain.len - 12);
	same(&got, &plain);
	crosses(&c, SIDE_A, &a, &b, 1, 0);
	crosses(&c, SIDE_B, &b, &a, 0, 1);
	/* Of a codec without any nothing is sealed, and its number is not used up. */
	packet_make(&plain, 0, 2);
	plain.b[1] = 111;
	assert_int_equal(srtp_test_protect(engine, &a.sends, &plain, false, 1), DROP_NONE);
	drops(&c, SIDE_A, 0, &plain, DROP_GATE_SILENT);
	phone_free(&a);
	phone_free(&b);
}

static void two_keys(void **state)
{
	struct cmd_context_set c = call(TERM_SRTP, TERM_SRTP);
	struct phone a, b;

	(void)state;
	phone_make(&a, SRTP_AES_CM_128_80, 1, 2);
	phone_make(&b, SRTP_GCM_128, 3, 4);
	assert_true(keys_put(&c, SIDE_A, SRTP_AES_CM_128_80, 1, 2));
	assert_true(keys_put(&c, SIDE_B, SRTP_GCM_128, 3, 4));
	for (uint16_t seq = 65530; seq != 6; seq++) { /* over a roll-over */
		crosses(&c, SIDE_A, &a, &b, 0, seq);
		crosses(&c, SIDE_B, &b, &a, 0, seq);
	}
	crosses(&c, SIDE_A, &a, &b, 1, 0);
	phone_free(&a);
	phone_free(&b);
}

static void refused_packets(void **state)
{
	struct cmd_context_set c = call(TERM_SRTP, 0);
	struct srtp_test_packet plain, p, short_one = { { 0x80 }, 13 };
	struct phone a;

	(void)state;
	phone_make(&a, SRTP_AES_CM_128_80, 1, 2);
	packet_make(&plain, 0, 1);
	p = plain;
	assert_int_equal(srtp_test_protect(engine, &a.sends, &p, false, 1), DROP_NONE);
	/* Before the keys, and with one of them. */
	drops(&c, SIDE_A, 0, &p, DROP_SRTP_KEY);
	drops(&c, SIDE_B, 0, &plain, DROP_SRTP_KEY);
	assert_true(keys_put(&c, SIDE_A, SRTP_AES_CM_128_80, 1, 0));
	drops(&c, SIDE_B, 0, &plain, DROP_SRTP_KEY);
	assert_true(keys_put(&c, SIDE_A, SRTP_AES_CM_128_80, 1, 2));
	/* RTP where SRTP is agreed, and what is neither. */
	drops(&c, SIDE_A, 0, &plain, DROP_SRTP_AUTH);
	drops(&c, SIDE_A, 0, &short_one, DROP_SRTP_BAD);
	p.b[p.len - 1] ^= 1;
	drops(&c, SIDE_A, 0, &p, DROP_SRTP_AUTH);
	p.b[p.len - 1] ^= 1;
	feed(&c, SIDE_A, 0, &p);
	out(SIDE_B, &plain);
	drops(&c, SIDE_A, 0, &p, DROP_SRTP_REPLAY);
	assert_true(media_audit(c.cid, SIDE_A).dropped == 5);
	phone_free(&a);
}

/* Who cannot send a packet that verifies is not learnt, and who is another costs no deciphering. */
static void forged_teach_nothing(void **state)
{
	const struct sock_addr stranger = at("10.1.0.9", 6000), phone = at("10.1.0.3", 7777);
	struct cmd_context_set c = media_cmd(1, 5, TERM_RTP);
	const struct sock_addr to = media_local(&c.term[SIDE_A], 0);
	struct srtp_test_packet p, plain;
	struct phone a;

	(void)state;
	c.term[SIDE_A].flags |= TERM_SRTP | TERM_LATCH;
	assert_true(media_put(&c));
	phone_make(&a, SRTP_AES_CM_128_80, 1, 2);
	assert_true(keys_put(&c, SIDE_A, SRTP_AES_CM_128_80, 1, 2));
	packet_make(&plain, 0, 1);
	world_mark();
	media_feed(SIDE_A, &stranger, &to, plain.b, plain.len);
	world_drops(DROP_SRTP_AUTH, 1);
	media_no_evt();
	p = plain;
	assert_int_equal(srtp_test_protect(engine, &a.sends, &p, false, 1), DROP_NONE);
	world_mark();
	media_feed(SIDE_A, &phone, &to, p.b, p.len);
	out(SIDE_B, &p);
	same(&p, &plain);
	media_latched(c.cid, SIDE_A, 0, &phone);
	media_later(MEDIA_LATCH_MS);
	world_mark();
	media_feed(SIDE_A, &stranger, &to, plain.b, plain.len);
	world_drops(DROP_GATE_SOURCE, 1);
	phone_free(&a);
}

static bool is_zero(const void *p, size_t n)
{
	const uint8_t *b = p;

	while (n && *b == 0)
		n--, b++;
	return n == 0;
}

/* Side A, which was heard by the first key; b has the one that is to replace it. */
static struct cmd_context_set two_phones(struct phone *a, struct phone *b)
{
	struct cmd_context_set c = call(TERM_SRTP, 0);

	phone_make(a, SRTP_AES_CM_128_80, 1, 2);
	phone_make(b, SRTP_AES_CM_128_80, 5, 2);
	assert_true(keys_put(&c, SIDE_A, SRTP_AES_CM_128_80, 1, 2));
	crosses(&c, SIDE_A, a, NULL, 0, 1);
	return c;
}

static void another_key(void **state)
{
	const struct media_srtp *x = &world.w->gateway->srtp->side[0];
	struct srtp_test_packet late, later, got;
	struct phone a, b;
	struct cmd_context_set c = two_phones(&a, &b);

	(void)state;
	packet_make(&late, 0, 2);
	packet_make(&later, 0, 3);
	assert_int_equal(srtp_test_protect(engine, &a.sends, &late, false, 1), DROP_NONE);
	assert_int_equal(srtp_test_protect(engine, &a.sends, &later, false, 1), DROP_NONE);
	/* The same keys again are no other keys: what was there stays there. */
	assert_true(keys_put(&c, SIDE_A, SRTP_AES_CM_128_80, 1, 2));
	crosses(&c, SIDE_B, NULL, &a, 0, 1);
	/* Nor does a replay take any away: a control process that has restarted has none. */
	assert_true(media_put(&c));
	crosses(&c, SIDE_B, NULL, &a, 0, 2);
	assert_true(keys_put(&c, SIDE_A, SRTP_AES_CM_128_80, 5, 2));
	crosses(&c, SIDE_A, &b, NULL, 0, 4);
	feed(&c, SIDE_A, 0, &late);
	world_drops(DROP_NONE, 0);
	out(SIDE_B, &got);
	drops(&c, SIDE_A, 0, &late, DROP_SRTP_REPLAY);
	/* Our own key went on. */
	crosses(&c, SIDE_B, NULL, &a, 0, 3);
	media_later(1000 * (SRTP_LATE_S + 1));
	drops(&c, SIDE_A, 0, &later, DROP_SRTP_AUTH);
	crosses(&c, SIDE_A, &b, NULL, 0, 5);
	assert_true(is_zero(x->in_key[!x->in_at], sizeof(x->in_key[0])));
	assert_true(is_zero(&x->late, sizeof(x->late)));
	phone_free(&a);
	phone_free(&b);
}

/* Each of a forger's packets would be deciphered twice: the key before is tried for so many. */
static void late_tries_end(void **state)
{
	struct srtp_test_packet late, forged;
	struct phone a, b;
	struct cmd_context_set c = two_phones(&a, &b);

	(void)state;
	packet_make(&late, 0, 2);
	assert_int_equal(srtp_test_protect(engine, &a.sends, &late, false, 1), DROP_NONE);
	forged = late;
	forged.b[forged.len - 1] ^= 1;
	assert_true(keys_put(&c, SIDE_A, SRTP_AES_CM_128_80, 5, 2));
	for (int i = 0; i < SRTP_LATE_TRIES; i++)
		drops(&c, SIDE_A, 0, &forged, DROP_SRTP_AUTH);
	drops(&c, SIDE_A, 0, &late, DROP_SRTP_AUTH);
	crosses(&c, SIDE_A, &b, NULL, 0, 3);
	phone_free(&a);
	phone_free(&b);
}

/* What a termination had of keys is not there any more when it is not SRTP, or not there. */
static void wiped(void **state)
{
	struct cmd_context_set c = call(TERM_SRTP, 0);
	struct srtp_pool *s = world.w->gateway->srtp;
	const size_t from = offsetof(struct media_srtp, flags);

	(void)state;
	assert_true(keys_put(&c, SIDE_A, SRTP_AES_CM_128_80, 1, 2));
	assert_false(is_zero(s->side[0].out_key, sizeof(s->side[0].out_key)));
	c.term[SIDE_A].flags &= (uint16_t)~TERM_SRTP;
	assert_true(media_put(&c));
	assert_true(is_zero((uint8_t *)&s->side[0] + from, sizeof(s->side[0]) - from));
	media_passes(&c, SIDE_A, 0);
	c.term[SIDE_A].flags |= TERM_SRTP;
	assert_true(media_put(&c));
	assert_true(keys_put(&c, SIDE_A, SRTP_AES_CM_128_80, 1, 2));
	c.cid.gen++;
	assert_true(media_put(&c));
	assert_true(is_zero((uint8_t *)&s->side[0] + from, sizeof(s->side[0]) - from));
	assert_null(world.w->gateway->media[1].term[SIDE_A].srtp);
}

static void refused_keys(void **state)
{
	struct cmd_context_set c = call(TERM_SRTP, 0);
	struct cmd_srtp_set s = { .cid = c.cid, .in = key_of_number(0, 1) }, bad;

	(void)state;
	assert_false(keys_put(&c, SIDE_B, 0, 1, 2));
	media_refused(c.cid, REFUSED_BAD);
	assert_false(keys_put(&c, SIDE_A, 0, 1, 1)); /* one key both ways */
	media_refused(c.cid, REFUSED_BAD);
	assert_false(keys_put(&c, 2, 0, 1, 2));
	media_refused(c.cid, REFUSED_GONE);
	bad = s;
	bad.in.suite = SRTP_SUITES;
	assert_false(world_cmd(0, CMD_SRTP_SET, &bad, sizeof(bad)));
	media_refused(c.cid, REFUSED_BAD);
	bad = s;
	bad.in.mki_len = SRTP_MKI_MAX + 1;
	assert_false(world_cmd(0, CMD_SRTP_SET, &bad, sizeof(bad)));
	media_refused(c.cid, REFUSED_BAD);
	bad = s;
	bad.flags = 4;
	assert_false(world_cmd(0, CMD_SRTP_SET, &bad, sizeof(bad)));
	media_refused(c.cid, REFUSED_BAD);
	for (uint32_t slot = 2; slot < 7; slot++) {
		struct cmd_context_set d = media_cmd(slot, 1, TERM_RTP | TERM_SRTP);

		assert_true(media_put(&d));
		if (keys_put(&d, SIDE_A, 0, 1, 2))
			continue;
		assert_int_equal(slot, 6);
		media_refused(d.cid, REFUSED_FULL);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(to_plain),
		T(two_keys),
		T(silent_by_two_keys),
		T(refused_packets),
		T(forged_teach_nothing),
		T(another_key),
		T(late_tries_end),
		T(wiped),
		T(refused_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pins: TCP headers and options in (RFC 9293 3.1, 3.2; RFC 7323 2, 3; RFC 2018 2, 3) against
 * vectors written by hand; what lies about its length is refused (MUST-68); unknown options,
 * options of a wrong length and second ones are skipped. What we write is laid out as in wide use,
 * never longer than 40 bytes, and parses to what went in.
 */
#include "tests/world/unit.h"
#include "dp/tcp/wire.h"

#include <stdlib.h>

static const uint8_t head[TCP_HDR] = { 0x0d, 0x96, 0xc0, 0x01, 1,    2, 3, 4, 5, 6,
				       7,    8,	   0x50, 0x18, 0xfa, 0, 0, 0, 0, 0 };

/* A segment with these options (padded by the caller) and `data` bytes behind them. */
static bool parse(struct tcp_seg *s, const void *opts, size_t len, uint32_t data)
{
	uint8_t *p = malloc(TCP_HDR + len); /* to the byte, for the sanitizer */
	bool ok;

	assert_non_null(p);
	assert_int_equal(len % 4, 0);
	memcpy(p, head, TCP_HDR);
	p[12] = (uint8_t)((TCP_HDR + len) << 2);
	if (len)
		memcpy(p + TCP_HDR, opts, len);
	ok = tcp_parse(s, p, (uint32_t)(TCP_HDR + len), (uint32_t)(TCP_HDR + len) + data);
	free(p);
	return ok;
}

#define PARSE(s, data, ...) \
	parse(s, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }), data)

static void test_header(void **state)
{
	struct tcp_seg s;

	(void)state;
	assert_true(parse(&s, NULL, 0, 100));
	assert_int_equal(s.seq, 0x01020304);
	assert_int_equal(s.ack, 0x05060708);
	assert_int_equal(s.flags, TCP_ACK | TCP_PSH);
	assert_int_equal(s.wnd, 0xfa00);
	assert_int_equal(s.hdr_len, 20);
	assert_int_equal(s.len, 100);
	assert_false(s.has_ts || s.has_mss || s.has_wscale || s.sack_ok || s.n_sack);
	assert_int_equal(tcp_seg_seqs(&s), 100);
	s.flags = TCP_SYN | TCP_FIN;
	assert_int_equal(tcp_seg_seqs(&s), 102);
}

static void test_header_invalid(void **state)
{
	uint8_t p[TCP_HDR_MAX] = { 0 };
	struct tcp_seg s;

	(void)state;
	memcpy(p, head, TCP_HDR);
	assert_false(tcp_parse(&s, p, 19, 19));
	assert_false(tcp_parse(&s, p, 20, 19));
	assert_false(tcp_parse(&s, p, 19, 20));
	assert_false(tcp_parse(&s, p, 0, 0));
	assert_true(tcp_parse(&s, p, 20, 20));
	p[12] = 0x40; /* 16 bytes */
	assert_false(tcp_parse(&s, p, 40, 40));
	p[12] = 0xf0; /* 60 */
	assert_false(tcp_parse(&s, p, 60, 59));
	assert_false(tcp_parse(&s, p, 59, 60));
	assert_true(tcp_parse(&s, p, 60, 60));
	assert_int_equal(s.hdr_len, 60);
	assert_int_equal(s.len, 0);
	assert_false(tcp_parse(&s, p, 60, 65536));
	assert_true(tcp_parse(&s, p, 60, 65535));
	assert_int_equal(s.len, 65535 - 60);
}

/* Linux's SYN, and the two orders of the same options of others. */
static void test_syn(void **state)
{
	struct tcp_seg s[3];
	int i;

	(void)state;
	assert_true(
	    PARSE(&s[0], 0, 2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7));
	assert_true(PARSE(&s[1], 0, 2, 4, 5, 0xb4, 1, 3, 3, 7, 1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0,
			  4, 2, 0, 0));
	assert_true(PARSE(&s[2], 0, 1, 3, 3, 7, 4, 2, 1, 2, 4, 5, 0xb4, 8, 10, 0, 0, 0, 9, 0, 0, 0,
			  0, 0, 77, 77));
	for (i = 0; i < 3; i++) {
		assert_true(s[i].has_mss && s[i].has_wscale && s[i].has_ts && s[i].sack_ok);
		assert_int_equal(s[i].mss, 1460);
		assert_int_equal(s[i].wscale, 7);
		assert_int_equal(s[i].tsval, 9);
		assert_int_equal(s[i].tsecr, 0);
	}
}

static void test_limits(void **state)
{
	struct tcp_seg s;

	(void)state;
	assert_true(PARSE(&s, 0, 2, 4, 0, 0, 3, 3, 255, 0));
	assert_int_equal(s.mss, TCP_MSS_MIN);
	assert_int_equal(s.wscale, TCP_WSCALE_MAX); /* RFC 7323 2.3 */
	assert_true(PARSE(&s, 0, 2, 4, 0, TCP_MSS_MIN + 1, 3, 3, 14, 0));
	assert_int_equal(s.mss, TCP_MSS_MIN + 1);
	assert_int_equal(s.wscale, 14);
	/* The first of two counts. */
	assert_true(PARSE(&s, 0, 2, 4, 1, 0, 2, 4, 2, 0, 3, 3, 1, 3, 3, 2, 0, 0));
	assert_int_equal(s.mss, 256);
	assert_int_equal(s.wscale, 1);
}

static void test_ts(void **state)
{
	struct tcp_seg s;

	(void)state;
	assert_true(PARSE(&s, 7, 1, 1, 8, 10, 0x80, 1, 2, 3, 4, 5, 6, 7)); /* the fast way */
	assert_true(s.has_ts);
	assert_int_equal(s.tsval, 0x80010203);
	assert_int_equal(s.tsecr, 0x04050607);
	assert_int_equal(s.len, 7);
	assert_true(PARSE(&s, 7, 8, 10, 0x80, 1, 2, 3, 4, 5, 6, 7, 0, 0));
	assert_true(s.has_ts);
	assert_int_equal(s.tsecr, 0x04050607);
	assert_true(PARSE(&s, 0, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 8, 10, 0, 0, 0, 3, 0, 0, 0, 4));
	assert_int_equal(s.tsval, 1);
	assert_int_equal(s.tsecr, 2);
	/* As long as one with timestamps and none. */
	assert_true(PARSE(&s, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1));
	assert_false(s.has_ts);
}

static void test_sack(void **state)
{
	struct tcp_seg s;

	(void)state;
	assert_true(
	    PARSE(&s, 0, 1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 255, 255, 255, 255, 0, 0, 0, 5));
	assert_int_equal(s.n_sack, 2);
	assert_int_equal(s.sack[0].start, 1);
	assert_int_equal(s.sack[0].end, 2);
	assert_int_equal(s.sack[1].start, 0xffffffff);
	assert_int_equal(s.sack[1].end, 5);
	/* Four are all there is room for. */
	assert_true(PARSE(&s, 0, 5, 34, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5,
			  0, 0, 0, 6, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0));
	assert_int_equal(s.n_sack, 4);
	assert_int_equal(s.sack[3].end, 8);
	/* No blocks, or part of one. */
	assert_true(PARSE(&s, 0, 5, 2, 1, 1));
	assert_int_equal(s.n_sack, 0);
	assert_true(PARSE(&s, 0, 5, 12, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0));
	assert_int_equal(s.n_sack, 0);
}

static void test_option_invalid(void **state)
{
	struct tcp_seg s;

	(void)state;
	assert_false(PARSE(&s, 0, 1, 1, 1, 8));	 /* kind without length */
	assert_false(PARSE(&s, 0, 2, 0, 1, 1));	 /* RFC 9293 MUST-68: never ends */
	assert_false(PARSE(&s, 0, 99, 1, 1, 1)); /* shorter than itself */
	assert_false(PARSE(&s, 9, 1, 2, 4, 5));	 /* a byte too long: it would be data */
	assert_false(PARSE(&s, 9, 1, 99, 255, 0));
	assert_false(PARSE(&s, 9, 8, 10, 0, 0));
	assert_true(PARSE(&s, 9, 0, 99, 255, 0)); /* behind the end of the list: no options */
	/* Unknown, and known of a length that is not theirs. */
	assert_true(PARSE(&s, 9, 99, 4, 2, 4, 254, 2, 30, 3, 8, 3, 4, 1, 2, 2, 3, 4, 4, 2, 1, 1));
	assert_true(s.sack_ok);
	assert_false(s.has_mss || s.has_ts || s.has_wscale);
}

/* ---- out ---- */

static void expect_opts(const struct tcp_out_opts *o, const void *is, uint8_t len)
{
	uint8_t p[TCP_HDR_MAX - TCP_HDR + 1];

	memset(p, 0xee, sizeof(p));
	assert_int_equal(tcp_opts_len(o), len);
	assert_int_equal(tcp_opts_write(p, o), len);
	assert_memory_equal(p, is, len);
	assert_int_equal(p[len], 0xee);
}

#define EXPECT_OPTS(o, ...)                              \
	expect_opts(o, (const uint8_t[]){ __VA_ARGS__ }, \
		    (uint8_t)sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void test_write(void **state)
{
	struct tcp_out_opts o = { .mss = 1460,
				  .ts = true,
				  .sack_ok = true,
				  .wscale_ok = true,
				  .wscale = 7,
				  .tsval = 0x01020304,
				  .tsecr = 5 };

	(void)state;
	EXPECT_OPTS(&o, 2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 5, 1, 3, 3, 7);
	o.ts = false;
	EXPECT_OPTS(&o, 2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7);
	o = (struct tcp_out_opts){ .ts = true, .tsval = 1, .tsecr = 2 };
	EXPECT_OPTS(&o, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2);
	o = (struct tcp_out_opts){ .n_sack = 1, .sack = { { 3, 4 } } };
	EXPECT_OPTS(&o, 1, 1, 5, 10, 0, 0, 0, 3, 0, 0, 0, 4);
	o = (struct tcp_out_opts){ 0 };
	assert_int_equal(tcp_opts_len(&o), 0);
	assert_int_equal(tcp_opts_write(NULL, &o), 0);
	/* RFC 2018 3: four blocks, three beside timestamps. */
	o.n_sack = 4;
	assert_int_equal(tcp_opts_len(&o), 36);
	o.ts = true;
	assert_int_equal(tcp_opts_len(&o), 40);
}

static void expect_round(const struct tcp_out_opts *o)
{
	uint8_t p[TCP_HDR_MAX], n = tcp_opts_len(o);
	struct tcp_seg s;
	int i;

	assert_true(n <= TCP_HDR_MAX - TCP_HDR && n % 4 == 0);
	assert_int_equal(tcp_opts_write(p, o), n);
	assert_true(parse(&s, p, n, 0));
	assert_int_equal(s.has_ts, o->ts);
	assert_int_equal(s.sack_ok, o->sack_ok);
	assert_int_equal(s.has_mss, o->mss != 0);
	assert_int_equal(s.has_wscale, o->wscale_ok);
	assert_int_equal(s.mss, o->mss);
	assert_int_equal(s.wscale, o->wscale_ok ? o->wscale : 0);
	assert_int_equal(s.tsval, o->ts ? o->tsval : 0);
	assert_int_equal(s.tsecr, o->ts ? o->tsecr : 0);
	assert_true(s.n_sack <= o->n_sack);
	/* A block is left out only where there is no room for it. */
	assert_true(s.n_sack == o->n_sack || n + 8 > TCP_HDR_MAX - TCP_HDR);
	for (i = 0; i < s.n_sack; i++) {
		assert_int_equal(s.sack[i].start, o->sack[i].start);
		assert_int_equal(s.sack[i].end, o->sack[i].end);
	}
}

static void test_round(void **state)
{
	uint64_t seed = 1;
	int i, j;

	(void)state;
	for (i = 0; i < 16 * (TCP_SACK_MAX + 1); i++) {
		struct tcp_out_opts o = { .ts = i & 1, .sack_ok = i & 2, .wscale_ok = i & 4 };

		o.mss = i & 8 ? (uint16_t)(TCP_MSS_MIN + test_random(&seed) % 60000) : 0;
		o.wscale = (uint8_t)(test_random(&seed) % (TCP_WSCALE_MAX + 1));
		o.n_sack = (uint8_t)(i / 16);
		o.tsval = (uint32_t)test_random(&seed);
		o.tsecr = (uint32_t)test_random(&seed);
		for (j = 0; j < TCP_SACK_MAX; j++)
			o.sack[j] = (struct tcp_sack_block){ (uint32_t)test_random(&seed),
							     (uint32_t)test_random(&seed) };
		expect_round(&o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_header_invalid),
		cmocka_unit_test(test_syn),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_ts),
		cmocka_unit_test(test_sack),
		cmocka_unit_test(test_option_invalid),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

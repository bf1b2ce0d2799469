/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * a=crypto (RFC 4568): the RFC's own examples, what is left out or padded otherwise by others, each
 * way of being malformed, what cannot be served; which line is chosen and which one an answer is
 * to.
 */
#include "tests/world/unit.h"
#include "lib/sdes.h"

#define KEY_80 "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
#define OTHER "NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj"
#define GCM_128 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw"
#define CM_256 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLQ"

static enum sdes_verdict parse(const char *text, struct sdes_crypto *c)
{
	return sdes_parse((struct sdp_text){ text, (uint32_t)strlen(text) }, c);
}

static const char *put(const struct sdes_crypto *c, bool pad)
{
	static char text[1024];
	struct wr w = wr_init(text, sizeof(text) - 1);

	sdes_put(&w, c, pad);
	assert_false(w.failed);
	text[wr_len(&w)] = '\0';
	return text;
}

/* What is read is written the same. */
static void test_same(void **state)
{
	static const char *const line[] = {
		"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 "|2^20|1:32",
		"2 AES_CM_128_HMAC_SHA1_32 inline:" KEY_80 "|1:4",
		"999999999 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 "|2^48",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 "|1000000|1066:128",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 "|2^20|1:4;inline:" OTHER "|2^20|2:4",
		"7 AEAD_AES_128_GCM inline:" GCM_128 "==",
		"7 AES_256_CM_HMAC_SHA1_80 inline:" CM_256 "== UNENCRYPTED_SRTCP WSH=128",
		"0 NULL_HMAC_SHA1_80 inline:" KEY_80 " UNENCRYPTED_SRTP UNENCRYPTED_SRTCP",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 "|9223372036854775807:8",
	};
	struct sdes_crypto c;
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(line); i++) {
		assert_int_equal(parse(line[i], &c), SDES_OK);
		assert_string_equal(put(&c, true), line[i]);
	}
}

static void test_fields(void **state)
{
	struct sdes_crypto c;
	int i;

	(void)state;
	assert_int_equal(parse("1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 "|2^20|1:4;inline:" OTHER
			       "|1000|2:4 WSH=256",
			       &c),
			 SDES_OK);
	assert_int_equal(c.tag, 1);
	assert_int_equal(c.suite, SRTP_AES_CM_128_80);
	assert_int_equal(c.keys, 2);
	assert_int_equal(c.window, 256);
	assert_memory_equal(c.key[0].master, "wDfvg&T+)xG7@fb5jU,RaA}\\|p0%*#", 30);
	assert_int_equal(c.key[0].lifetime, 1 << 20);
	assert_int_equal(c.key[1].lifetime, 1000);
	assert_int_equal(c.key[1].mki, 2);
	assert_int_equal(c.key[1].mki_len, 4);
	assert_int_equal(parse("7 AEAD_AES_128_GCM inline:" GCM_128, &c), SDES_OK);
	for (i = 0; i < 28; i++)
		assert_int_equal(c.key[0].master[i], i);
	assert_int_equal(parse("7 AES_256_CM_HMAC_SHA1_80 inline:" CM_256, &c), SDES_OK);
	for (i = 0; i < 46; i++)
		assert_int_equal(c.key[0].master[i], i);
	assert_int_equal(c.key[0].lifetime, 0);
	assert_int_equal(c.key[0].mki_len, 0);
}

/* Case of words, spaces, parameters that may be ignored, padding that is left out. */
static void test_liberal(void **state)
{
	struct sdes_crypto c;

	(void)state;
	assert_int_equal(parse("  1  aes_cm_128_hmac_sha1_80  INLINE:" KEY_80 "  KDR=0 -x=y ", &c),
			 SDES_OK);
	assert_string_equal(put(&c, true), "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80);
	assert_int_equal(parse("01 AEAD_AES_128_GCM inline:" GCM_128, &c), SDES_OK);
	assert_string_equal(put(&c, false), "1 AEAD_AES_128_GCM inline:" GCM_128);
}

static const struct {
	enum sdes_verdict verdict;
	const char *text;
} refused[] = {
	{ SDES_BAD, "" },
	{ SDES_BAD, "1" },
	{ SDES_BAD, "x AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 },
	{ SDES_BAD, "1000000000 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 },
	{ SDES_BAD, "1 AES_CM_128_HMAC_SHA1_80" },
	{ SDES_BAD, "1 AES_CM_128_HMAC_SHA1_80 " KEY_80 },
	{ SDES_BAD, "1 AES_CM_128_HMAC_SHA1_80 inline:" },
	{ SDES_BAD, "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 "A" },
	{ SDES_BAD, "1 AES_CM_128_HMAC_SHA1_80 inline:" GCM_128 },
	{ SDES_BAD, "1 AES_CM_128_HMAC_SHA1_80 inline:!0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj" },
	{ SDES_BAD, "1 AEAD_AES_128_GCM inline:" GCM_128 "=" },
	{ SDES_BAD, "1 AEAD_AES_128_GCM inline:" GCM_128 "=A" },
	{ SDES_BAD, "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 "|2^49" },
	{ SDES_BAD, "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 "|2^" },
	{ SDES_BAD, "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 "|0" },
	{ SDES_BAD, "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 "|281474976710657" },
	{ SDES_BAD, "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 "|-1" },
	{ SDES_BAD, "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 "|2^20|256:1" },
	{ SDES_BAD, "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 "|2^20|1:0" },
	{ SDES_BAD, "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 "|2^20|1:129" },
	{ SDES_BAD, "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 "|2^20|1:" },
	{ SDES_BAD, "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 "|2^20|1:4|1:4" },
	{ SDES_BAD, "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 "|1:4|2^20" },
	/* Several keys must be told apart. */
	{ SDES_BAD, "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 ";inline:" OTHER },
	{ SDES_BAD, "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 "|1:4;inline:" OTHER "|1:4" },
	{ SDES_BAD, "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 "|1:4;inline:" OTHER "|2:2" },
	{ SDES_BAD, "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 " WSH=63" },
	{ SDES_SUITE, "1 F8_128_HMAC_SHA1_80 inline:" KEY_80 },
	{ SDES_SUITE, "1 AES_CM_128_HMAC_SHA1_8 inline:" KEY_80 },
	{ SDES_PARAM, "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 " KDR=1" },
	{ SDES_PARAM, "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 " UNAUTHENTICATED_SRTP" },
	{ SDES_PARAM, "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 " FEC_ORDER=FEC_SRTP" },
	{ SDES_PARAM, "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 " unknown" },
	{ SDES_PARAM, "1 AEAD_AES_128_GCM inline:" GCM_128 " UNENCRYPTED_SRTP" },
	{ SDES_PARAM, "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 "|1:1;inline:" KEY_80
		      "|2:1;inline:" KEY_80 "|3:1;inline:" KEY_80 "|4:1;inline:" KEY_80 "|5:1" },
};

/* And nothing of a key is left. */
static void test_refused(void **state)
{
	static const struct sdes_crypto zero;
	struct sdes_crypto c;
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(refused); i++) {
		memset(&c, 0xee, sizeof(c));
		assert_int_equal(parse(refused[i].text, &c), refused[i].verdict);
		assert_memory_equal(&c, &zero, sizeof(c));
	}
}

static void test_answer(void **state)
{
	struct sdes_crypto offer[3], answer;
	const uint32_t gcm = 1u << SRTP_GCM_128, cm = 1u << SRTP_AES_CM_128_80;

	(void)state;
	assert_int_equal(parse("1 AEAD_AES_128_GCM inline:" GCM_128, &offer[0]), SDES_OK);
	assert_int_equal(parse("2 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80, &offer[1]), SDES_OK);
	assert_int_equal(
	    parse("3 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 " UNENCRYPTED_SRTCP", &offer[2]),
	    SDES_OK);
	assert_int_equal(sdes_choose(offer, 3, gcm | cm), 0);
	assert_int_equal(sdes_choose(offer, 3, cm), 1);
	assert_int_equal(sdes_choose(offer, 3, 1u << SRTP_NULL_80), -1);
	assert_int_equal(parse("2 AES_CM_128_HMAC_SHA1_80 inline:" OTHER "|2^20", &answer),
			 SDES_OK);
	assert_int_equal(sdes_answered(offer, 3, &answer), 1);
	answer.tag = 1; /* of another suite */
	assert_int_equal(sdes_answered(offer, 3, &answer), -1);
	answer.tag = 3; /* another parameter */
	assert_int_equal(sdes_answered(offer, 3, &answer), -1);
	answer.clear_rtcp = true;
	assert_int_equal(sdes_answered(offer, 3, &answer), 2);
}

static void test_goes_on(void **state)
{
	struct sdes_crypto a, b;

	(void)state;
	assert_int_equal(parse("1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 "|1:4", &a), SDES_OK);
	assert_int_equal(parse("5 AES_CM_128_HMAC_SHA1_80 inline:" KEY_80 "|2^9|1:4", &b), SDES_OK);
	assert_true(sdes_same(&a, &b));
	b.key[0].master[29] ^= 1;
	assert_false(sdes_same(&a, &b));
	b = a;
	b.key[0].mki = 2;
	assert_false(sdes_same(&a, &b));
	b = a;
	b.suite = SRTP_AES_CM_128_32;
	assert_false(sdes_same(&a, &b));
	b = a;
	b.clear_rtp = true;
	assert_false(sdes_same(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),	cmocka_unit_test(test_fields),
		cmocka_unit_test(test_liberal), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_answer),	cmocka_unit_test(test_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Keys, USERHASH and string preparation: the standards' known answers (RFC 5769 2.4, RFC 8489
 * B.1 with its errata) and what SASLprep refuses (RFC 4013). R75.
 */
#include "tests/world/auth_fixture.h"

#include "cp/auth/prep.h"

/* U+30DE U+30C8 U+30EA U+30C3 U+30AF U+30B9 */
#define MATRIX_USER "\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9"
/* "The<U+00AD>M<U+00AA>tr<U+2168>" */
#define MATRIX_PASSWORD "The\xc2\xadM\xc2\xaatr\xe2\x85\xa8"

/* RFC 5769 2.4 up to MESSAGE-INTEGRITY, its length as 14.5 wants it, and the expected value. */
static const uint8_t rfc5769_input[] = {
	0x00, 0x01, 0x00, 0x60, 0x21, 0x12, 0xa4, 0x42, 0x78, 0xad, 0x34, 0x33, 0xc6, 0xad,
	0x72, 0xc0, 0x29, 0xda, 0x41, 0x2e, 0x00, 0x06, 0x00, 0x12, 0xe3, 0x83, 0x9e, 0xe3,
	0x83, 0x88, 0xe3, 0x83, 0xaa, 0xe3, 0x83, 0x83, 0xe3, 0x82, 0xaf, 0xe3, 0x82, 0xb9,
	0x00, 0x00, 0x00, 0x15, 0x00, 0x1c, 0x66, 0x2f, 0x2f, 0x34, 0x39, 0x39, 0x6b, 0x39,
	0x35, 0x34, 0x64, 0x36, 0x4f, 0x4c, 0x33, 0x34, 0x6f, 0x4c, 0x39, 0x46, 0x53, 0x54,
	0x76, 0x79, 0x36, 0x34, 0x73, 0x41, 0x00, 0x14, 0x00, 0x0b, 0x65, 0x78, 0x61, 0x6d,
	0x70, 0x6c, 0x65, 0x2e, 0x6f, 0x72, 0x67, 0x00,
};
static const uint8_t rfc5769_mac[] = { 0xf6, 0x70, 0x24, 0x65, 0x6d, 0xd6, 0x4a, 0x3e, 0x02, 0xb8,
				       0xe0, 0x71, 0x2e, 0x85, 0xc9, 0xa2, 0x8c, 0xa8, 0x96, 0x66 };

static const uint8_t b1_userhash[] = {
	0x4a, 0x3c, 0xf3, 0x8f, 0xef, 0x69, 0x92, 0xbd, 0xa9, 0x52, 0xc6,
	0x78, 0x04, 0x17, 0xda, 0x0f, 0x24, 0x81, 0x94, 0x15, 0x56, 0x9e,
	0x60, 0xb2, 0x05, 0xc4, 0x6e, 0x41, 0x40, 0x7f, 0x17, 0x04,
};
static const uint8_t b1_mac[] = {
	0xb5, 0xc7, 0xbf, 0x00, 0x5b, 0x6c, 0x52, 0xa2, 0x1c, 0x51, 0xc5,
	0xe8, 0x92, 0xf8, 0x19, 0x24, 0x13, 0x62, 0x96, 0xcb, 0x92, 0x7c,
	0x43, 0x14, 0x93, 0x09, 0x27, 0x8c, 0xc6, 0x51, 0x8e, 0x65,
};

static void rfc5769_md5_key_signs_the_sample_request(void **state)
{
	const struct digest_span in = { rfc5769_input, sizeof(rfc5769_input) };
	uint8_t key[DIGEST_KEY_MAX], mac[DIGEST_SHA256_LEN];
	char password[64];

	(void)state;
	assert_true(
	    prep_opaque(MATRIX_PASSWORD, strlen(MATRIX_PASSWORD), password, sizeof(password)));
	assert_string_equal(password, "TheMatrIX");
	assert_int_equal(digest_key(STUN_PWALG_MD5, MATRIX_USER, REALM, password, key), 16);
	assert_int_equal(digest_hmac(STUN_ATTR_MESSAGE_INTEGRITY, key, 16, &in, 1, mac), 20);
	assert_memory_equal(mac, rfc5769_mac, sizeof(rfc5769_mac));
}

static void rfc8489_sha256_key_signs_the_sample_request(void **state)
{
	static const uint8_t tid[STUN_TID_LEN] = { 0x78, 0xad, 0x34, 0x33, 0xc6, 0xad,
						   0x72, 0xc0, 0x29, 0xda, 0x41, 0x2e };
	static const char nonce[] = "obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA";
	static const uint8_t alg[4] = { 0, STUN_PWALG_SHA256, 0, 0 };
	uint8_t buf[256], key[DIGEST_KEY_MAX], mac[DIGEST_SHA256_LEN], hash[STUN_USERHASH_LEN];
	struct digest_span in = { .p = buf };
	struct stun_builder b;

	(void)state;
	assert_true(digest_userhash(MATRIX_USER, REALM, hash));
	assert_memory_equal(hash, b1_userhash, sizeof(hash));
	stun_begin(&b, buf, sizeof(buf), stun_type(STUN_BINDING, STUN_REQUEST), tid);
	stun_put(&b, STUN_ATTR_USERHASH, hash, sizeof(hash));
	stun_put(&b, STUN_ATTR_NONCE, nonce, strlen(nonce));
	stun_put(&b, STUN_ATTR_REALM, REALM, strlen(REALM));
	stun_put(&b, STUN_ATTR_PASSWORD_ALGORITHM, alg, sizeof(alg));
	assert_non_null(stun_put_integrity(&b, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, &in.len));
	assert_int_equal(digest_key(STUN_PWALG_SHA256, MATRIX_USER, REALM, "TheMatrIX", key), 32);
	assert_int_equal(digest_hmac(STUN_ATTR_MESSAGE_INTEGRITY_SHA256, key, 32, &in, 1, mac), 32);
	assert_memory_equal(mac, b1_mac, sizeof(b1_mac));
}

/* Whatever was hashed before: the same key, another, one too long to be kept, nothing. */
static void a_key_used_again_signs_alike(void **state)
{
	static const uint16_t types[] = { STUN_ATTR_MESSAGE_INTEGRITY,
					  STUN_ATTR_MESSAGE_INTEGRITY_SHA256 };
	static const size_t before[] = { 0, 16, 32, 200, 16, 16, 32, 200, 200, 16 };
	const struct digest_span in = { rfc5769_input, sizeof(rfc5769_input) };
	uint8_t key[200], other[200], mac[DIGEST_SHA256_LEN], want[DIGEST_SHA256_LEN];

	(void)state;
	memset(other, 0x55, sizeof(other));
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	for (size_t i = 0; i < 2 * sizeof(before) / sizeof(before[0]); i++) {
		size_t len = before[i / 2];
		uint16_t type = types[i % 2];
		size_t n = digest_hmac(type, key, 16, &in, 1, want);

		if (len)
			digest_hmac(type, other, len, &in, 1, mac);
		for (int again = 0; again < 3; again++) {
			memset(mac, 0, sizeof(mac));
			assert_int_equal(digest_hmac_again(type, key, 16, &in, 1, mac), n);
			assert_memory_equal(mac, want, n);
		}
		assert_int_equal(digest_hmac_again(type, key, sizeof(key), &in, 1, mac), n);
		digest_hmac(type, key, sizeof(key), &in, 1, want);
		assert_memory_equal(mac, want, n);
	}
}

static bool prep(const char *in, size_t len, char *out)
{
	return prep_opaque(in, len, out, 32);
}

static void prep_follows_rfc4013(void **state)
{
	char out[32];

	(void)state;
	/* the examples of RFC 4013 3 */
	assert_true(prep("I\xc2\xadX", 4, out));
	assert_string_equal(out, "IX");
	assert_true(prep("user", 4, out));
	assert_string_equal(out, "user");
	assert_true(prep("USER", 4, out));
	assert_string_equal(out, "USER");
	assert_true(prep("\xc2\xaa", 2, out));
	assert_string_equal(out, "a");
	assert_true(prep("\xe2\x85\xa8", 3, out));
	assert_string_equal(out, "IX");
	assert_false(prep("\x07", 1, out));
	assert_false(prep("\xd8\xa7\x31", 3, out)); /* U+0627 U+0031: bidirectional check */
	/* e and a combining acute accent is the letter with the accent; U+00A0 is a space */
	assert_true(prep("e\xcc\x81", 3, out));
	assert_string_equal(out, "\xc3\xa9");
	assert_true(prep("a\xc2\xa0"
			 "b",
			 4, out));
	assert_string_equal(out, "a b");
}

static void prep_refuses_what_is_no_text(void **state)
{
	char out[32];
	char exact[33];

	(void)state;
	memset(exact, 'x', sizeof(exact));
	assert_false(prep("", 0, out));
	assert_false(prep("a\0b", 3, out));
	assert_false(prep("\xff\xfe", 2, out));
	assert_false(prep("\xc3", 1, out));	    /* cut short */
	assert_false(prep("\xed\xa0\x80", 3, out)); /* a surrogate */
	assert_false(prep("\xc0\xaf", 2, out));	    /* longer than it need be */
	assert_false(prep("\xc2\xad", 2, out));	    /* nothing is left of it */
	assert_true(prep(exact, 31, out));
	assert_false(prep(exact, 32, out)); /* no room for the NUL */
	/* U+FDFA becomes 18 characters: must fail rather than overrun */
	assert_false(prep("\xef\xb7\xba\xef\xb7\xba\xef\xb7\xba", 9, out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(rfc5769_md5_key_signs_the_sample_request),
		FIXTURE_TEST(rfc8489_sha256_key_signs_the_sample_request),
		FIXTURE_TEST(a_key_used_again_signs_alike),
		FIXTURE_TEST(prep_follows_rfc4013),
		FIXTURE_TEST(prep_refuses_what_is_no_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

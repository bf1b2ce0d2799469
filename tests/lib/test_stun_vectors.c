/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The messages printed in RFC 5769 and RFC 8489 B.1: our parser finds what is in them, OpenSSL
 * over the spans we name gives the printed integrity values, and our builder makes the same bytes
 * (R75).
 */
#include "tests/world/unit.h"

#include "lib/stun.h"
#include "tests/vectors/stun_vectors.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

static void assert_val(const struct stun_val *v, const char *want)
{
	assert_non_null(v->val);
	assert_int_equal(v->len, strlen(want));
	assert_memory_equal(v->val, want, v->len);
}

static void parse(struct stun_msg *m, const uint8_t *p, size_t len)
{
	assert_int_equal(stun_parse(m, p, len), STUN_OK);
}

/* HMAC of the two spans that the parser names is what stands in the attribute. */
static void assert_integrity(const struct stun_msg *m, const struct stun_val *v, const EVP_MD *md,
			     const void *key, size_t key_len)
{
	uint8_t input[1024], mac[EVP_MAX_MD_SIZE];
	const uint8_t *body;
	size_t body_len;
	unsigned int n = 0;

	assert_true(stun_integrity_input(m, v, input, &body, &body_len));
	assert_true(STUN_HDR_LEN + body_len <= sizeof(input));
	memcpy(input + STUN_HDR_LEN, body, body_len);
	assert_non_null(HMAC(md, key, (int)key_len, input, STUN_HDR_LEN + body_len, mac, &n));
	assert_int_equal(n, v->len);
	assert_memory_equal(mac, v->val, n);
}

/* Signs what is built so far the way the control process does. */
static void put_integrity(struct stun_builder *b, uint16_t type, const EVP_MD *md, const void *key,
			  size_t key_len)
{
	size_t covered;
	uint8_t *value = stun_put_integrity(b, type, &covered);

	assert_non_null(value);
	assert_non_null(HMAC(md, key, (int)key_len, b->w.start, covered, value, NULL));
}

static size_t long_term_key(const EVP_MD *md, uint8_t key[EVP_MAX_MD_SIZE])
{
	static const char text[] = VECTOR_USERNAME ":" VECTOR_REALM ":" VECTOR_PASSWORD;
	unsigned int n = 0;

	assert_int_equal(EVP_Digest(text, strlen(text), key, &n, md, NULL), 1);
	return n;
}

/* RFC 5769 2.1 */
static void request(void **state)
{
	struct stun_msg m;

	(void)state;
	parse(&m, rfc5769_request, sizeof(rfc5769_request));
	assert_int_equal(m.method, STUN_BINDING);
	assert_int_equal(m.cls, STUN_REQUEST);
	assert_memory_equal(m.tid, rfc5769_request + 8, STUN_TID_LEN);
	assert_val(&m.software, "STUN test client");
	assert_val(&m.username, "evtj:h6vY");
	assert_non_null(m.fingerprint.val);
	/* PRIORITY is ICE's: a relay does not know it. ICE-CONTROLLED is optional. */
	assert_int_equal(m.n_unknown, 1);
	assert_int_equal(m.unknown[0], STUN_ATTR_PRIORITY);
	assert_integrity(&m, &m.integrity, EVP_sha1(), RFC5769_PASSWORD, strlen(RFC5769_PASSWORD));
}

/* RFC 5769 2.2 and 2.3 */
static void responses(void **state)
{
	static const struct {
		const uint8_t *p;
		size_t len;
		int family;
		const char *addr;
	} t[] = {
		{ rfc5769_response4, sizeof(rfc5769_response4), STUN_FAMILY_IPV4,
		  "192.0.2.1:32853" },
		{ rfc5769_response6, sizeof(rfc5769_response6), STUN_FAMILY_IPV6,
		  "[2001:db8:1234:5678:11:2233:4455:6677]:32853" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		char text[ADDR_STR_MAX];
		struct sock_addr a;
		struct stun_msg m;

		parse(&m, t[i].p, t[i].len);
		assert_int_equal(m.cls, STUN_SUCCESS);
		assert_val(&m.software, "test vector");
		assert_int_equal(stun_get_xor_addr(&m, &m.xor_mapped, &a), t[i].family);
		assert_string_equal(sock_addr_format(&a, text, sizeof(text)), t[i].addr);
		assert_non_null(m.fingerprint.val);
		assert_integrity(&m, &m.integrity, EVP_sha1(), RFC5769_PASSWORD,
				 strlen(RFC5769_PASSWORD));
	}
}

/* RFC 5769 2.4 */
static void long_term(void **state)
{
	uint8_t key[EVP_MAX_MD_SIZE];
	struct stun_msg m;

	(void)state;
	parse(&m, rfc5769_long_term, sizeof(rfc5769_long_term));
	assert_val(&m.username, VECTOR_USERNAME);
	assert_val(&m.nonce, RFC5769_NONCE);
	assert_val(&m.realm, VECTOR_REALM);
	assert_null(m.fingerprint.val);
	assert_integrity(&m, &m.integrity, EVP_sha1(), key, long_term_key(EVP_md5(), key));
}

/* RFC 8489 B.1 */
static void sha256(void **state)
{
	static const char name[] = VECTOR_USERNAME ":" VECTOR_REALM;
	uint8_t key[EVP_MAX_MD_SIZE], hash[STUN_USERHASH_LEN];
	struct stun_msg m;

	(void)state;
	parse(&m, rfc8489_sha256, sizeof(rfc8489_sha256));
	assert_int_equal(EVP_Digest(name, strlen(name), hash, NULL, EVP_sha256(), NULL), 1);
	assert_int_equal(m.userhash.len, sizeof(hash));
	assert_memory_equal(m.userhash.val, hash, sizeof(hash));
	assert_val(&m.nonce, RFC8489_NONCE);
	assert_val(&m.realm, VECTOR_REALM);
	assert_int_equal(m.password_algorithm.len, 4);
	assert_int_equal(m.password_algorithm.val[1], STUN_PWALG_SHA256);
	assert_null(m.integrity.val);
	assert_integrity(&m, &m.integrity256, EVP_sha256(), key, long_term_key(EVP_sha256(), key));
}

/* RFC 5769 2.3 and 2.4, RFC 8489 B.1 built here; padding is not covered by "the same value". */
static void built_responses(void **state)
{
	uint8_t buf[256];
	struct stun_builder b;
	struct sock_addr a = { .port = be16_make(32853) };

	(void)state;
	assert_true(ip_parse("2001:db8:1234:5678:11:2233:4455:6677", &a.ip));
	stun_begin(&b, buf, sizeof(buf), stun_type(STUN_BINDING, STUN_SUCCESS),
		   rfc5769_response6 + 8);
	stun_put(&b, STUN_ATTR_SOFTWARE, "test vector", 11);
	b.w.pos[-1] = ' '; /* the vector pads with a space */
	stun_put_xor_addr(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, &a);
	put_integrity(&b, STUN_ATTR_MESSAGE_INTEGRITY, EVP_sha1(), RFC5769_PASSWORD,
		      strlen(RFC5769_PASSWORD));
	stun_put_fingerprint(&b);
	assert_int_equal(stun_end(&b), sizeof(rfc5769_response6));
	assert_memory_equal(buf, rfc5769_response6, sizeof(rfc5769_response6));

	assert_true(ip_parse("192.0.2.1", &a.ip));
	stun_begin(&b, buf, sizeof(buf), stun_type(STUN_BINDING, STUN_SUCCESS),
		   rfc5769_response4 + 8);
	stun_put(&b, STUN_ATTR_SOFTWARE, "test vector", 11);
	b.w.pos[-1] = ' ';
	stun_put_xor_addr(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, &a);
	put_integrity(&b, STUN_ATTR_MESSAGE_INTEGRITY, EVP_sha1(), RFC5769_PASSWORD,
		      strlen(RFC5769_PASSWORD));
	stun_put_fingerprint(&b);
	assert_int_equal(stun_end(&b), sizeof(rfc5769_response4));
	assert_memory_equal(buf, rfc5769_response4, sizeof(rfc5769_response4));
}

static void built_requests(void **state)
{
	static const uint8_t algorithm[4] = { 0, STUN_PWALG_SHA256 };
	uint8_t buf[256], key[EVP_MAX_MD_SIZE];
	struct stun_builder b;

	(void)state;
	stun_begin(&b, buf, sizeof(buf), stun_type(STUN_BINDING, STUN_REQUEST),
		   rfc5769_long_term + 8);
	stun_put(&b, STUN_ATTR_USERNAME, VECTOR_USERNAME, strlen(VECTOR_USERNAME));
	stun_put(&b, STUN_ATTR_NONCE, RFC5769_NONCE, strlen(RFC5769_NONCE));
	stun_put(&b, STUN_ATTR_REALM, VECTOR_REALM, strlen(VECTOR_REALM));
	put_integrity(&b, STUN_ATTR_MESSAGE_INTEGRITY, EVP_sha1(), key,
		      long_term_key(EVP_md5(), key));
	assert_int_equal(stun_end(&b), sizeof(rfc5769_long_term));
	assert_memory_equal(buf, rfc5769_long_term, sizeof(rfc5769_long_term));

	stun_begin(&b, buf, sizeof(buf), stun_type(STUN_BINDING, STUN_REQUEST), rfc8489_sha256 + 8);
	stun_put(&b, STUN_ATTR_USERHASH, rfc8489_sha256 + 24, STUN_USERHASH_LEN);
	stun_put(&b, STUN_ATTR_NONCE, RFC8489_NONCE, strlen(RFC8489_NONCE));
	stun_put(&b, STUN_ATTR_REALM, VECTOR_REALM, strlen(VECTOR_REALM));
	stun_put(&b, STUN_ATTR_PASSWORD_ALGORITHM, algorithm, sizeof(algorithm));
	put_integrity(&b, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, EVP_sha256(), key,
		      long_term_key(EVP_sha256(), key));
	assert_int_equal(stun_end(&b), sizeof(rfc8489_sha256));
	assert_memory_equal(buf, rfc8489_sha256, sizeof(rfc8489_sha256));
}

/*
 * One wrong byte anywhere in a fingerprinted message is noticed: by the structure, or by the CRC.
 * The transaction id and the values are covered by nothing but the CRC. A flipped bit in
 * FINGERPRINT's own type makes it an attribute nobody knows, which the header cannot tell.
 */
static void fingerprint_covers_every_byte(void **state)
{
	uint8_t buf[sizeof(rfc5769_request)];
	size_t type_at = sizeof(buf) - 8;
	struct stun_msg m;

	(void)state;
	for (size_t i = 0; i < sizeof(buf); i++) {
		if (i == type_at || i == type_at + 1)
			continue;
		memcpy(buf, rfc5769_request, sizeof(buf));
		buf[i] ^= 0x10;
		assert_int_not_equal(stun_parse(&m, buf, sizeof(buf)), STUN_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request),
		cmocka_unit_test(responses),
		cmocka_unit_test(long_term),
		cmocka_unit_test(sha256),
		cmocka_unit_test(built_responses),
		cmocka_unit_test(built_requests),
		cmocka_unit_test(fingerprint_covers_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

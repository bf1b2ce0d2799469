/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The STUN builder: what it writes is what the parser reads, exact layouts of RFC 8489 14 and
 * RFC 8656 18, and buffers that are too small, which never are written past.
 */
#include "tests/world/unit.h"

#include "lib/stun.h"

#include <stdlib.h>

static const uint8_t tid[STUN_TID_LEN] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };

static struct sock_addr addr(const char *ip, uint16_t port)
{
	struct sock_addr a = { .port = be16_make(port) };

	assert_true(ip_parse(ip, &a.ip));
	return a;
}

/* One of everything that a reply may carry. */
static size_t build_all(void *buf, size_t cap)
{
	static const uint16_t unknown[] = { 0x7ffe, 0x0002, 0x0003 };
	struct sock_addr v4 = addr("192.0.2.7", 40000), v6 = addr("2001:db8::7", 40001);
	struct stun_builder b;
	size_t covered;

	stun_begin(&b, buf, cap, stun_type(STUN_ALLOCATE, STUN_ERROR), tid);
	stun_put_error(&b, 420);
	stun_put_unknown(&b, unknown, N_OF(unknown));
	stun_put_address_error(&b, STUN_FAMILY_IPV6, 440);
	stun_put_u32(&b, STUN_ATTR_LIFETIME, 600);
	stun_put_xor_addr(&b, STUN_ATTR_XOR_RELAYED_ADDRESS, &v4);
	stun_put_xor_addr(&b, STUN_ATTR_XOR_RELAYED_ADDRESS, &v6);
	stun_put_xor_addr(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, &v6);
	stun_put_icmp(&b, 3, 4, 1400);
	stun_put(&b, STUN_ATTR_SOFTWARE, "Fairlead", 8);
	stun_put(&b, STUN_ATTR_DONT_FRAGMENT, NULL, 0);
	stun_put(&b, STUN_ATTR_NONCE, "12345", 5);
	stun_put_integrity(&b, STUN_ATTR_MESSAGE_INTEGRITY, &covered);
	stun_put_integrity(&b, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, &covered);
	stun_put_fingerprint(&b);
	return stun_end(&b);
}

static void assert_addr(int family, const struct sock_addr *a, const char *want)
{
	char text[ADDR_STR_MAX];

	assert_int_equal(family, ip_is_v4(&a->ip) ? STUN_FAMILY_IPV4 : STUN_FAMILY_IPV6);
	assert_string_equal(sock_addr_format(a, text, sizeof(text)), want);
}

static void round_trip(void **state)
{
	uint8_t buf[1024];
	size_t len = build_all(buf, sizeof(buf));
	struct sock_addr a;
	struct stun_msg m;
	uint32_t lifetime;

	(void)state;
	assert_int_not_equal(len, 0);
	assert_int_equal(stun_parse(&m, buf, len), STUN_OK);
	assert_int_equal(m.method, STUN_ALLOCATE);
	assert_int_equal(m.cls, STUN_ERROR);
	assert_memory_equal(m.tid, tid, sizeof(tid));
	assert_int_equal(stun_get_error(&m.error_code), 420);
	assert_int_equal(stun_get_error(&m.address_error_code), 440);
	assert_int_equal(m.address_error_code.val[0], STUN_FAMILY_IPV6);
	assert_true(stun_get_u32(&m.lifetime, &lifetime));
	assert_int_equal(lifetime, 600);
	assert_int_equal(m.n_relayed, 2);
	assert_addr(stun_get_xor_addr(&m, &m.xor_relayed, &a), &a, "192.0.2.7:40000");
	assert_addr(stun_get_xor_addr(&m, &m.xor_relayed2, &a), &a, "[2001:db8::7]:40001");
	assert_addr(stun_get_xor_addr(&m, &m.xor_mapped, &a), &a, "[2001:db8::7]:40001");
	assert_int_equal(m.nonce.len, 5);
	assert_int_equal(m.dont_fragment.len, 0);
	assert_int_equal(m.integrity.len, STUN_MI_LEN);
	assert_int_equal(m.integrity256.len, STUN_MI256_LEN);
	assert_int_equal(m.n_unknown, 0);
}

static void layouts(void **state)
{
	/* clang-format off */
	static const uint8_t want[] = {
		0x01, 0x13, 0x00, 0x40, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
		/* ERROR-CODE (RFC 8489 14.8), padded with zeros */
		0x00, 0x09, 0x00, 0x0d, 0, 0, 4, 3,
		'F', 'o', 'r', 'b', 'i', 'd', 'd', 'e', 'n', 0, 0, 0,
		/* UNKNOWN-ATTRIBUTES (14.13) */
		0x00, 0x0a, 0x00, 0x06, 0x7f, 0xfe, 0x00, 0x02, 0x00, 0x03, 0, 0,
		/* ICMP (RFC 8656 18.13): 16 bits reserved, 7 of type, 9 of code, 32 of data */
		0x80, 0x04, 0x00, 0x08, 0, 0, 0x06, 0x04, 0, 0, 0x05, 0x78,
		/* ADDRESS-ERROR-CODE (18.12) */
		0x80, 0x01, 0x00, 0x09, 2, 0, 4, 99, 'E', 'r', 'r', 'o', 'r', 0, 0, 0,
		/* an empty value */
		0x00, 0x20, 0x00, 0x00,
	};
	/* clang-format on */
	static const uint16_t unknown[] = { 0x7ffe, 0x0002, 0x0003 };
	uint8_t buf[256];
	struct stun_builder b;
	size_t len;

	(void)state;
	memset(buf, 0xaa, sizeof(buf));
	stun_begin(&b, buf, sizeof(buf), 0x0113, tid);
	stun_put_error(&b, 403);
	stun_put_unknown(&b, unknown, N_OF(unknown));
	stun_put_icmp(&b, 3, 4, 1400);
	stun_put_address_error(&b, STUN_FAMILY_IPV6, 499);
	stun_put(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, NULL, 0);
	len = stun_end(&b);
	assert_int_equal(len, sizeof(want));
	assert_memory_equal(buf, want, sizeof(want));
}

/* ICMPv6 types of errors are below 128 and fit the seven bits; codes have nine. */
static void icmp_fields(void **state)
{
	uint8_t buf[64];
	struct stun_builder b;

	(void)state;
	stun_begin(&b, buf, sizeof(buf), 0x0017, tid);
	stun_put_icmp(&b, 127, 255, UINT32_MAX);
	assert_int_equal(stun_end(&b), 32);
	assert_memory_equal(buf + 24, "\0\0\xfe\xff\xff\xff\xff\xff", 8);
}

static void reply_repeats_the_transaction(void **state)
{
	uint8_t req[STUN_HDR_LEN], buf[64];
	struct stun_builder b;
	struct stun_msg m;

	(void)state;
	stun_begin(&b, req, sizeof(req), stun_type(STUN_CHANNEL_BIND, STUN_REQUEST), tid);
	assert_int_equal(stun_end(&b), STUN_HDR_LEN);
	assert_int_equal(stun_parse(&m, req, sizeof(req)), STUN_OK);
	stun_begin_reply(&b, buf, sizeof(buf), &m, STUN_SUCCESS);
	assert_int_equal(stun_end(&b), STUN_HDR_LEN);
	assert_int_equal(stun_parse(&m, buf, STUN_HDR_LEN), STUN_OK);
	assert_int_equal(m.method, STUN_CHANNEL_BIND);
	assert_int_equal(m.cls, STUN_SUCCESS);
	assert_memory_equal(m.tid, tid, sizeof(tid));
}

/* The builder's span and header are those the parser names to whoever verifies. */
static void integrity_spans_agree(void **state)
{
	static const uint16_t type[] = { STUN_ATTR_MESSAGE_INTEGRITY,
					 STUN_ATTR_MESSAGE_INTEGRITY_SHA256 };

	(void)state;
	for (size_t i = 0; i < N_OF(type); i++) {
		uint8_t buf[256], signed_bytes[256], hdr[STUN_HDR_LEN], *value;
		const uint8_t *body;
		size_t covered, body_len, len;
		struct stun_builder b;
		struct stun_msg m;

		memset(buf, 0xff, sizeof(buf));
		stun_begin(&b, buf, sizeof(buf), 0x0003, tid);
		stun_put(&b, STUN_ATTR_USERNAME, "user", 4);
		value = stun_put_integrity(&b, type[i], &covered);
		assert_non_null(value);
		for (int j = 0; j < (i ? STUN_MI256_LEN : STUN_MI_LEN); j++)
			assert_int_equal(value[j], 0); /* nothing of the buffer's past goes out */
		memcpy(signed_bytes, buf, covered);
		stun_put_fingerprint(&b);
		len = stun_end(&b);
		assert_int_equal(stun_parse(&m, buf, len), STUN_OK);
		assert_true(stun_integrity_input(&m, i ? &m.integrity256 : &m.integrity, hdr, &body,
						 &body_len));
		assert_int_equal(STUN_HDR_LEN + body_len, covered);
		assert_memory_equal(hdr, signed_bytes, STUN_HDR_LEN);
		assert_memory_equal(body, signed_bytes + STUN_HDR_LEN, body_len);
	}
}

/* Each capacity short of what is needed gives 0 and leaves the bytes behind it alone. */
static void small_buffers(void **state)
{
	uint8_t whole[1024];
	size_t need = build_all(whole, sizeof(whole));

	(void)state;
	for (size_t cap = 0; cap <= need; cap++) {
		uint8_t *buf = malloc(cap + 8);

		assert_non_null(buf);
		memset(buf, 0x5a, cap + 8);
		assert_int_equal(build_all(buf, cap), cap < need ? 0 : need);
		for (size_t i = cap; i < cap + 8; i++)
			assert_int_equal(buf[i], 0x5a);
		free(buf);
	}
}

static void integrity_that_does_not_fit(void **state)
{
	uint8_t buf[STUN_HDR_LEN + STUN_ATTR_HDR_LEN + STUN_MI_LEN - 1];
	struct stun_builder b;
	size_t covered;

	(void)state;
	stun_begin(&b, buf, sizeof(buf), 0x0003, tid);
	assert_null(stun_put_integrity(&b, STUN_ATTR_MESSAGE_INTEGRITY, &covered));
	assert_int_equal(stun_end(&b), 0);
}

/* The largest message is 65,532 bytes; one attribute more, or a longer value, is none. */
static void largest(void **state)
{
	enum { BIG = 65532, VALUE = BIG - STUN_HDR_LEN - STUN_ATTR_HDR_LEN };
	uint8_t *buf = malloc(200000), *data = calloc(1, 70000);
	struct stun_builder b;
	struct stun_msg m;

	(void)state;
	assert_non_null(buf);
	assert_non_null(data);
	stun_begin(&b, buf, 200000, 0x0017, tid);
	stun_put(&b, STUN_ATTR_DATA, data, VALUE);
	assert_int_equal(stun_end(&b), BIG);
	assert_int_equal(stun_parse(&m, buf, BIG), STUN_OK);
	assert_int_equal(m.data.len, VALUE);

	for (size_t n = VALUE + 1; n <= 65537; n += n < VALUE + 8 ? 1 : 128) {
		stun_begin(&b, buf, 200000, 0x0017, tid);
		stun_put(&b, STUN_ATTR_DATA, data, n);
		stun_put_fingerprint(&b);
		assert_int_equal(stun_end(&b), 0);
	}
	stun_begin(&b, buf, 200000, 0x0017, tid); /* a length that would wrap in 16 bits */
	stun_put(&b, STUN_ATTR_DATA, data, 65536);
	assert_int_equal(stun_end(&b), 0);
	free(data);
	free(buf);
}

static void reasons(void **state)
{
	static const int code[] = { 300, 400, 401, 403, 405, 420, 437, 438, 440,
				    441, 442, 443, 446, 447, 486, 487, 500, 508 };

	(void)state;
	for (size_t i = 0; i < N_OF(code); i++)
		assert_string_not_equal(stun_reason(code[i]), "Error");
	assert_string_equal(stun_reason(299), "Error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(layouts),
		cmocka_unit_test(icmp_fields),
		cmocka_unit_test(reply_repeats_the_transaction),
		cmocka_unit_test(integrity_spans_agree),
		cmocka_unit_test(small_buffers),
		cmocka_unit_test(integrity_that_does_not_fit),
		cmocka_unit_test(largest),
		cmocka_unit_test(reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

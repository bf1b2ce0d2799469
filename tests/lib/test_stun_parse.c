/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The STUN parser against hostile and odd input: each error, what counts when an attribute comes
 * twice or behind an integrity attribute (RFC 8489 14, 14.5, 14.6), unknown attributes (6.3.1),
 * sizes up to the largest, and the decoding of values.
 */
#include "tests/world/unit.h"

#include "tests/world/stun_attrs.h"

#include <stdlib.h>

/* A message is written byte by byte here: the builder is not trusted to test the parser. */
struct bytes {
	uint8_t b[1024];
	size_t len;
};

static void set_len(struct bytes *m, size_t attrs)
{
	m->b[2] = (uint8_t)(attrs >> 8);
	m->b[3] = (uint8_t)attrs;
}

static struct bytes start(uint16_t type)
{
	struct bytes m = { .len = STUN_HDR_LEN };
	static const uint8_t rest[] = { 0x21, 0x12, 0xa4, 0x42, 1, 2,  3,  4,
					5,    6,    7,	  8,	9, 10, 11, 12 };

	m.b[0] = (uint8_t)(type >> 8);
	m.b[1] = (uint8_t)type;
	memcpy(m.b + 4, rest, sizeof(rest));
	return m;
}

/* Adds an attribute whose value is len bytes of fill, padded with 0xee. */
static void add(struct bytes *m, uint16_t type, size_t len, uint8_t fill)
{
	uint8_t *p = m->b + m->len;
	size_t padded = (len + 3) & ~(size_t)3;

	assert_true(m->len + 4 + padded <= sizeof(m->b));
	p[0] = (uint8_t)(type >> 8);
	p[1] = (uint8_t)type;
	p[2] = (uint8_t)(len >> 8);
	p[3] = (uint8_t)len;
	memset(p + 4, fill, len);
	memset(p + 4 + len, 0xee, padded - len);
	m->len += 4 + padded;
	set_len(m, m->len - STUN_HDR_LEN);
}

/* The value is right for a header that says attrs bytes. */
static void add_fingerprint_for(struct bytes *m, size_t attrs)
{
	uint32_t crc;

	add(m, STUN_ATTR_FINGERPRINT, 4, 0);
	set_len(m, attrs);
	crc = stun_crc32(0, m->b, m->len - 8) ^ STUN_FINGERPRINT_XOR;
	for (int i = 0; i < 4; i++)
		m->b[m->len - 4 + i] = (uint8_t)(crc >> (24 - 8 * i));
}

static void add_fingerprint(struct bytes *m)
{
	add_fingerprint_for(m, m->len + 8 - STUN_HDR_LEN);
}

/*
 * Parses an exact copy on the heap, so that a sanitizer sees a read one byte too far. The copy
 * lives until the next call.
 */
static enum stun_err parse_n(struct stun_msg *m, const struct bytes *in, size_t len)
{
	static uint8_t *copy;

	free(copy);
	copy = malloc(len ? len : 1);
	assert_non_null(copy);
	memcpy(copy, in->b, len);
	memset(m, 0xa5, sizeof(*m)); /* what is not set shows */
	return stun_parse(m, copy, len);
}

static enum stun_err parse(struct stun_msg *m, const struct bytes *in)
{
	return parse_n(m, in, in->len);
}

static void header_errors(void **state)
{
	struct bytes in = start(0x0001);
	struct stun_msg m;

	(void)state;
	assert_int_equal(parse(&m, &in), STUN_OK);
	assert_int_equal(m.len, STUN_HDR_LEN);
	for (size_t n = 0; n < STUN_HDR_LEN; n++)
		assert_int_equal(parse_n(&m, &in, n), STUN_ERR_SHORT);
	assert_int_equal(parse_n(&m, &in, STUN_HDR_LEN + 4), STUN_ERR_TRAILING);
	for (unsigned int top = 0x40; top <= 0xc0; top += 0x40) {
		in = start((uint16_t)(top << 8 | 0x0001));
		assert_int_equal(parse(&m, &in), STUN_ERR_COOKIE);
	}
	for (int i = 4; i < 8; i++) {
		in = start(0x0001);
		in.b[i] ^= 1;
		assert_int_equal(parse(&m, &in), STUN_ERR_COOKIE);
	}
	for (size_t n = 1; n < 8; n++) {
		in = start(0x0001);
		set_len(&in, n);
		assert_int_equal(parse(&m, &in), n % 4 ? STUN_ERR_LENGTH : STUN_ERR_SHORT);
		if (n % 4)
			assert_int_equal(parse_n(&m, &in, STUN_HDR_LEN + n), STUN_ERR_LENGTH);
	}
}

static void types(void **state)
{
	(void)state;
	/* The interleaving of RFC 8489 5, for methods of all twelve bits. */
	for (unsigned int method = 0; method < 0x1000; method++) {
		for (unsigned int c = 0; c < 4; c++) {
			uint16_t t = stun_type((enum stun_method)method, (enum stun_class)c);

			assert_int_equal(t & 0xc000, 0);
			assert_int_equal(stun_type_method(t), method);
			assert_int_equal(stun_type_class(t), c);
		}
	}
	assert_int_equal(stun_type(STUN_ALLOCATE, STUN_SUCCESS), 0x0103);
	assert_int_equal(stun_type(STUN_CHANNEL_BIND, STUN_ERROR), 0x0119);
	assert_int_equal(stun_type(STUN_DATA, STUN_INDICATION), 0x0017);
}

/* Every cut of a message with attributes, with the header's length lying or telling the truth. */
static void truncation(void **state)
{
	struct bytes in = start(0x0003), cut;
	struct stun_msg m;

	(void)state;
	add(&in, STUN_ATTR_USERNAME, 5, 'u');
	add(&in, STUN_ATTR_DONT_FRAGMENT, 0, 0);
	add(&in, STUN_ATTR_DATA, 7, 'd');
	assert_int_equal(parse(&m, &in), STUN_OK);
	for (size_t n = STUN_HDR_LEN; n < in.len; n++) {
		assert_int_equal(parse_n(&m, &in, n), STUN_ERR_SHORT);
		cut = in;
		set_len(&cut, n - STUN_HDR_LEN);
		if (n % 4 != 0)
			assert_int_equal(parse_n(&m, &cut, n), STUN_ERR_LENGTH);
		else if (n == 20 || n == 32 || n == 36) /* between two attributes */
			assert_int_equal(parse_n(&m, &cut, n), STUN_OK);
		else
			assert_int_equal(parse_n(&m, &cut, n), STUN_ERR_ATTR);
	}
	in = start(0x0003);
	add(&in, STUN_ATTR_DATA, 4, 'd');
	in.b[STUN_HDR_LEN + 3] = 5; /* one byte past the end */
	assert_int_equal(parse(&m, &in), STUN_ERR_ATTR);
	in.b[STUN_HDR_LEN + 2] = in.b[STUN_HDR_LEN + 3] = 0xff;
	assert_int_equal(parse(&m, &in), STUN_ERR_ATTR);
}

static void fingerprint(void **state)
{
	struct bytes in = start(0x0001);
	struct stun_msg m;

	(void)state;
	add(&in, STUN_ATTR_SOFTWARE, 3, 's');
	add_fingerprint(&in);
	assert_int_equal(parse(&m, &in), STUN_OK);
	assert_int_equal(m.fingerprint.len, 4);

	in.b[in.len - 1] ^= 1;
	assert_int_equal(parse(&m, &in), STUN_ERR_FINGERPRINT);

	/* Right for what stands before it, under the final length, but not last; then twice. */
	in = start(0x0001);
	add_fingerprint_for(&in, 16);
	add(&in, STUN_ATTR_SOFTWARE, 4, 's');
	assert_int_equal(parse(&m, &in), STUN_ERR_FINGERPRINT);
	in = start(0x0001);
	add_fingerprint_for(&in, 16);
	add_fingerprint(&in);
	assert_int_equal(parse(&m, &in), STUN_ERR_FINGERPRINT);

	for (size_t len = 0; len <= 8; len++) {
		if (len == 4)
			continue;
		in = start(0x0001);
		add(&in, STUN_ATTR_FINGERPRINT, len, 0);
		assert_int_equal(parse(&m, &in), STUN_ERR_FINGERPRINT);
	}
}

static void padding_may_hold_anything(void **state)
{
	struct stun_msg m;

	(void)state;
	for (size_t len = 0; len <= 8; len++) {
		struct bytes in = start(0x0001);

		add(&in, STUN_ATTR_USERNAME, len, 'u');
		add(&in, STUN_ATTR_REALM, 1, 'r');
		assert_int_equal(parse(&m, &in), STUN_OK);
		assert_non_null(m.username.val);
		assert_int_equal(m.username.len, len);
		assert_int_equal(m.realm.val[0], 'r');
	}
}

/* Every attribute is found under its own name. */
static void attributes(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(stun_attrs); i++) {
		struct bytes in = start(0x0001);
		struct stun_val v;
		struct stun_msg m;

		add(&in, stun_attrs[i].type, 6, (uint8_t)i);
		assert_int_equal(parse(&m, &in), STUN_OK);
		assert_int_equal(m.n_unknown, 0);
		v = stun_attr_get(&m, &stun_attrs[i]);
		assert_ptr_equal(v.val, m.base + STUN_HDR_LEN + STUN_ATTR_HDR_LEN);
		assert_int_equal(v.len, 6);
	}
}

static void first_occurrence_counts(void **state)
{
	struct bytes in = start(0x0003);
	struct stun_msg m;

	(void)state;
	add(&in, STUN_ATTR_DONT_FRAGMENT, 0, 0); /* an empty value is a value */
	add(&in, STUN_ATTR_USERNAME, 1, 'a');
	add(&in, STUN_ATTR_USERNAME, 2, 'b');
	add(&in, STUN_ATTR_DONT_FRAGMENT, 4, 'x');
	assert_int_equal(parse(&m, &in), STUN_OK);
	assert_int_equal(m.username.len, 1);
	assert_int_equal(m.dont_fragment.len, 0);
	assert_non_null(m.dont_fragment.val);
}

static void behind_integrity(void **state)
{
	struct bytes in = start(0x0003);
	struct stun_msg m;

	(void)state;
	add(&in, STUN_ATTR_REALM, 4, 'r');
	add(&in, STUN_ATTR_MESSAGE_INTEGRITY, 20, 1);
	add(&in, STUN_ATTR_MESSAGE_INTEGRITY, 20, 2);
	add(&in, STUN_ATTR_USERNAME, 4, 'u');
	add(&in, STUN_ATTR_XOR_PEER_ADDRESS, 8, 0);
	add(&in, STUN_ATTR_XOR_RELAYED_ADDRESS, 8, 0);
	add(&in, 0x7fff, 4, 0);
	add(&in, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, 32, 3);
	add(&in, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, 32, 4);
	add(&in, STUN_ATTR_NONCE, 4, 'n');
	add_fingerprint(&in);
	assert_int_equal(parse(&m, &in), STUN_OK);
	assert_int_equal(m.integrity.val[0], 1);
	assert_int_equal(m.integrity256.val[0], 3);
	assert_non_null(m.realm.val);
	assert_non_null(m.fingerprint.val);
	assert_null(m.username.val);
	assert_null(m.nonce.val);
	assert_int_equal(m.n_xor_peer, 0);
	assert_int_equal(m.n_relayed, 0);
	assert_int_equal(m.n_unknown, 0);

	in = start(0x0003); /* the other order: only FINGERPRINT follows the SHA-256 form */
	add(&in, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, 32, 3);
	add(&in, STUN_ATTR_MESSAGE_INTEGRITY, 20, 1);
	assert_int_equal(parse(&m, &in), STUN_OK);
	assert_null(m.integrity.val);
	assert_non_null(m.integrity256.val);

	add(&in, STUN_ATTR_NONCE, 4, 'n'); /* ignored, but still within the message's bounds */
	in.b[in.len - 5] = 5;
	assert_int_equal(parse(&m, &in), STUN_ERR_ATTR);
}

static void unknown_attributes(void **state)
{
	struct bytes in = start(0x0003);
	struct stun_msg m;

	(void)state;
	add(&in, 0x0002, 4, 0); /* RESPONSE-ADDRESS of RFC 3489 */
	add(&in, 0x7fff, 0, 0);
	add(&in, 0x8005, 4, 0); /* optional */
	add(&in, 0xffff, 4, 0);
	add(&in, 0x0002, 4, 0); /* again */
	add(&in, 0x0000, 4, 0);
	assert_int_equal(parse(&m, &in), STUN_OK);
	assert_int_equal(m.n_unknown, 3);
	assert_int_equal(m.unknown[0], 0x0002);
	assert_int_equal(m.unknown[1], 0x7fff);
	assert_int_equal(m.unknown[2], 0x0000);

	in = start(0x0003);
	for (uint16_t i = 0; i < 3 * STUN_UNKNOWN_MAX; i++)
		add(&in, 0x4000 + i, 0, 0);
	assert_int_equal(parse(&m, &in), STUN_OK);
	assert_int_equal(m.n_unknown, STUN_UNKNOWN_MAX);
	assert_int_equal(m.unknown[STUN_UNKNOWN_MAX - 1], 0x4000 + STUN_UNKNOWN_MAX - 1);

	/* Registered, not served: the client must hear 420, not be misunderstood. */
	in = start(0x0001);
	add(&in, 0x0003, 4, 0); /* CHANGE-REQUEST */
	add(&in, 0x001b, 8, 0); /* ACCESS-TOKEN */
	assert_int_equal(parse(&m, &in), STUN_OK);
	assert_int_equal(m.n_unknown, 2);
}

static void lists(void **state)
{
	struct bytes in = start(0x0008);
	struct stun_msg m;

	(void)state;
	for (int i = 0; i < STUN_PEERS_MAX; i++)
		add(&in, STUN_ATTR_XOR_PEER_ADDRESS, 8, (uint8_t)i);
	assert_int_equal(parse(&m, &in), STUN_OK);
	assert_int_equal(m.n_xor_peer, STUN_PEERS_MAX);
	assert_int_equal(m.xor_peer[STUN_PEERS_MAX - 1].val[0], STUN_PEERS_MAX - 1);
	assert_false(m.too_many_peers);
	add(&in, STUN_ATTR_XOR_PEER_ADDRESS, 8, 0);
	assert_int_equal(parse(&m, &in), STUN_OK);
	assert_int_equal(m.n_xor_peer, STUN_PEERS_MAX);
	assert_true(m.too_many_peers);

	in = start(0x0103);
	for (uint8_t i = 1; i <= 3; i++) {
		add(&in, STUN_ATTR_XOR_RELAYED_ADDRESS, 8, i);
		assert_int_equal(parse(&m, &in), STUN_OK);
		assert_int_equal(m.n_relayed, i);
		assert_int_equal(m.xor_relayed2.val != NULL, i >= 2);
	}
	assert_int_equal(m.xor_relayed.val[0], 1);
	assert_int_equal(m.xor_relayed2.val[0], 2);
}

/* Messages of 65,532 and 65,535 bytes and more: what a 16-bit length can say, and what we take. */
static void largest(void **state)
{
	enum { BIG = 65532 };
	uint8_t *p = calloc(1, STUN_HDR_LEN + 65535);
	struct bytes head = start(0x0016);
	struct stun_msg m;
	size_t len = BIG - STUN_HDR_LEN;

	(void)state;
	assert_non_null(p);
	set_len(&head, len);
	memcpy(p, head.b, STUN_HDR_LEN);
	p[STUN_HDR_LEN + 1] = STUN_ATTR_DATA;
	p[STUN_HDR_LEN + 2] = (uint8_t)((len - 4) >> 8);
	p[STUN_HDR_LEN + 3] = (uint8_t)(len - 4);
	assert_int_equal(stun_parse(&m, p, BIG), STUN_OK);
	assert_int_equal(m.data.len, len - 4);
	assert_int_equal(stun_parse(&m, p, 65535), STUN_ERR_TRAILING);
	p[STUN_HDR_LEN + 3] += 1;
	assert_int_equal(stun_parse(&m, p, BIG), STUN_ERR_ATTR);

	set_len(&head, 65532); /* 65,552 bytes in all: no datagram is that long */
	memcpy(p, head.b, STUN_HDR_LEN);
	assert_int_equal(stun_parse(&m, p, 65552), STUN_ERR_LENGTH);
	assert_int_equal(stun_parse(&m, p, 65535), STUN_ERR_LENGTH);

	/* As many attributes as fit: 16,378 empty ones. */
	set_len(&head, len);
	memcpy(p, head.b, STUN_HDR_LEN);
	for (size_t at = STUN_HDR_LEN; at < BIG; at += 4)
		memcpy(p + at, "\0\x12\0\0", 4);
	assert_int_equal(stun_parse(&m, p, BIG), STUN_OK);
	assert_int_equal(m.n_xor_peer, STUN_PEERS_MAX);
	assert_true(m.too_many_peers);
	free(p);
}

static void addresses(void **state)
{
	struct bytes in = start(0x0001);
	uint8_t addr[20] = { 0xff, STUN_FAMILY_IPV6, 0, 1, [14] = 0xff, 0xff, 10, 0, 0, 1 };
	struct stun_val v = { addr, 20 };
	struct sock_addr a;
	struct stun_msg m;

	(void)state;
	assert_int_equal(parse(&m, &in), STUN_OK);
	for (int i = 0; i < 2; i++)
		addr[2 + i] ^= m.base[4 + i];
	for (int i = 0; i < 16; i++)
		addr[4 + i] ^= m.base[4 + i];
	assert_int_equal(stun_get_xor_addr(&m, &v, &a), 0); /* ::ffff:10.0.0.1 would be an alias */
	addr[13] ^= 1;
	assert_int_equal(stun_get_xor_addr(&m, &v, &a), STUN_FAMILY_IPV6);
	assert_int_equal(be16_get(a.port), 1);

	addr[1] = STUN_FAMILY_IPV4;
	for (uint16_t len = 0; len <= 20; len++) {
		v.len = len;
		assert_int_equal(stun_get_xor_addr(&m, &v, &a), len == 8 ? STUN_FAMILY_IPV4 : 0);
	}
	addr[1] = STUN_FAMILY_IPV6;
	for (uint16_t len = 0; len < 20; len++) {
		v.len = len;
		assert_int_equal(stun_get_xor_addr(&m, &v, &a), 0);
	}
	v.len = 20;
	for (unsigned int family = 0; family < 256; family++) {
		addr[1] = (uint8_t)family;
		if (family != STUN_FAMILY_IPV6)
			assert_int_equal(stun_get_xor_addr(&m, &v, &a), 0);
	}
	assert_int_equal(stun_get_xor_addr(&m, &m.xor_mapped, &a), 0); /* absent */
}

static void numbers(void **state)
{
	static const uint8_t b[5] = { 0x01, 0x02, 0x03, 0x04, 0x05 };
	uint32_t out = 7;

	(void)state;
	for (uint16_t len = 0; len <= 5; len++)
		assert_int_equal(stun_get_u32(&(struct stun_val){ b, len }, &out), len == 4);
	assert_int_equal(out, 0x01020304);
	assert_false(stun_get_u32(&(struct stun_val){ NULL, 4 }, &out));

	for (unsigned int class = 0; class < 8; class ++) {
		for (unsigned int number = 0; number < 256; number++) {
			uint8_t e[4] = { 0xff, 0xff, (uint8_t)(0xf8 | class), (uint8_t)number };
			bool ok = class >= 3 && class <= 6 && number < 100;

			assert_int_equal(stun_get_error(&(struct stun_val){ e, 4 }),
					 ok ? class * 100 + number : 0);
		}
	}
	assert_int_equal(stun_get_error(&(struct stun_val){ (const uint8_t *)"\0\0\4\0", 3 }), 0);
	assert_int_equal(stun_get_error(&(struct stun_val){ NULL, 0 }), 0);
}

static void integrity_input(void **state)
{
	struct bytes in = start(0x0003), other = start(0x0003);
	uint8_t hdr[STUN_HDR_LEN];
	const uint8_t *body;
	size_t len;
	struct stun_msg m;
	struct stun_val v;

	(void)state;
	add(&in, STUN_ATTR_USERNAME, 3, 'u');
	add(&in, STUN_ATTR_MESSAGE_INTEGRITY, 20, 1);
	add(&in, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, 16, 1); /* truncated forms are legal */
	add_fingerprint(&in);
	assert_int_equal(parse(&m, &in), STUN_OK);

	assert_true(stun_integrity_input(&m, &m.integrity, hdr, &body, &len));
	assert_ptr_equal(body, m.base + STUN_HDR_LEN);
	assert_int_equal(len, 8);
	assert_int_equal(hdr[3], 8 + 24);
	assert_memory_equal(hdr + 4, m.base + 4, 16);
	assert_true(stun_integrity_input(&m, &m.integrity256, hdr, &body, &len));
	assert_int_equal(len, 8 + 24);
	assert_int_equal(hdr[3], 8 + 24 + 20);

	assert_false(stun_integrity_input(&m, &m.realm, hdr, &body, &len)); /* absent */
	v = (struct stun_val){ other.b + 24, 20 };			    /* elsewhere */
	assert_false(stun_integrity_input(&m, &v, hdr, &body, &len));
	v = (struct stun_val){ m.base + STUN_HDR_LEN, 4 }; /* no room for its header */
	assert_false(stun_integrity_input(&m, &v, hdr, &body, &len));
	v = (struct stun_val){ m.base + m.len - 4, 5 }; /* past the end */
	assert_false(stun_integrity_input(&m, &v, hdr, &body, &len));
}

/* Random bytes behind a valid header never make the parser read outside (seen by a sanitizer). */
static void noise(void **state)
{
	uint64_t seed = 1;
	struct stun_msg m;
	size_t accepted = 0;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct bytes in = start((uint16_t)(test_random(&seed) & 0x3fff));

		in.len = STUN_HDR_LEN + 4 * (test_random(&seed) % 20);
		for (size_t i = STUN_HDR_LEN; i < in.len; i++)
			in.b[i] = (uint8_t)(test_random(&seed) >> 40);
		for (size_t i = STUN_HDR_LEN; i + 4 <= in.len; i += 4) {
			uint64_t r = test_random(&seed);

			if (r % 3)
				continue;
			in.b[i] = r & 0x100 ? 0x80 : 0;
			in.b[i + 1] = (uint8_t)(r >> 16 & 0x2f);
			in.b[i + 2] = 0;
			in.b[i + 3] = (uint8_t)(r >> 24 & 0x0f);
		}
		set_len(&in, in.len - STUN_HDR_LEN);
		accepted += parse(&m, &in) == STUN_OK;
	}
	assert_true(accepted > 100); /* not all of it bounces off the first check */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_errors),
		cmocka_unit_test(types),
		cmocka_unit_test(truncation),
		cmocka_unit_test(fingerprint),
		cmocka_unit_test(padding_may_hold_anything),
		cmocka_unit_test(attributes),
		cmocka_unit_test(first_occurrence_counts),
		cmocka_unit_test(behind_integrity),
		cmocka_unit_test(unknown_attributes),
		cmocka_unit_test(lists),
		cmocka_unit_test(largest),
		cmocka_unit_test(addresses),
		cmocka_unit_test(numbers),
		cmocka_unit_test(integrity_input),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bursts of packets, each with a key and an algorithm of its own: both implementations agree, each
 * opens what the other sealed, and one packet that is wrong neither changes nor spoils others.
 */
#include "tests/world/unit.h"
#include "dp/cipher/cipher.h"

#include <string.h>

enum { LEN_MAX = 1500, CLEAR = 12, ROUNDS = 300, KEY_SPACE = CIPHER_LINE + CIPHER_GCM_STATE };

struct side {
	struct cipher *c;
	alignas(CIPHER_LINE) uint8_t key[CIPHER_BURST][KEY_SPACE];
	uint8_t packet[CIPHER_BURST][LEN_MAX];
	struct cipher_op op[CIPHER_BURST];
};

static struct side a, b;
static uint64_t seed = 5;

static uint32_t some(uint32_t below)
{
	return (uint32_t)(test_random(&seed) >> 32) % below;
}

static void some_bytes(uint8_t *p, size_t n)
{
	while (n--)
		*p++ = (uint8_t)some(256);
}

/* The same packet and key on both sides. */
static void packet_make(uint32_t i)
{
	const enum cipher_alg alg = (enum cipher_alg)some(CIPHER_ALGS);
	const bool raw = some(2);
	const uint32_t any = some(4) ? some(300) : some(LEN_MAX - CLEAR);
	const bool cbc = alg == CIPHER_CBC_SHA1, gmac = alg == CIPHER_GCM && some(2);
	const uint32_t len = cbc ? any & ~(CIPHER_BLOCK - 1u) : any;
	uint8_t key[CIPHER_KEY_MAX], mac[CIPHER_SHA1], iv[16];
	const struct cipher_secret s = { key, cbc || some(2) ? 16 : 32,
					 alg == CIPHER_GCM ? NULL : mac };
	struct side *side;

	some_bytes(key, sizeof(key));
	some_bytes(mac, sizeof(mac));
	some_bytes(iv, sizeof(iv));
	some_bytes(a.packet[i], CLEAR + len);
	memcpy(b.packet[i], a.packet[i], CLEAR + len);
	for (side = &a; side; side = side == &a ? &b : NULL) {
		struct cipher_key *k = (struct cipher_key *)side->key[i];
		uint8_t *p = side->packet[i];

		assert_true(cipher_key_set(side->c, k, alg, raw, &s));
		side->op[i] =
		    (struct cipher_op){ .key = k,
					.text = p + CLEAR,
					.text_len = gmac ? 0 : len,
					.auth = p,
					.auth_len = CLEAR + (alg == CIPHER_GCM && !gmac ? 0 : len),
					.tag_len = alg == CIPHER_GCM ? CIPHER_GCM_TAG : 10 };
		memcpy(side->op[i].iv, iv, sizeof(iv));
	}
}

static void same(uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		assert_memory_equal(a.packet[i], b.packet[i], CLEAR + a.op[i].text_len);
}

static void round_trip(uint32_t n)
{
	uint32_t i, bad = some(n);
	uint8_t was[LEN_MAX];

	for (i = 0; i < n; i++)
		packet_make(i);
	cipher_seal(a.c, a.op, n);
	cipher_seal(b.c, b.op, n);
	same(n);
	for (i = 0; i < n; i++) {
		assert_true(a.op[i].ok && b.op[i].ok);
		assert_memory_equal(a.op[i].tag, b.op[i].tag, a.op[i].tag_len);
	}
	memcpy(was, a.packet[bad], sizeof(was));
	a.op[bad].tag[some(a.op[bad].tag_len)] ^= 0x10;
	b.op[bad].tag[some(b.op[bad].tag_len)] ^= 0x01;
	cipher_unseal(a.c, a.op, n);
	cipher_unseal(b.c, b.op, n);
	same(n);
	for (i = 0; i < n; i++)
		assert_true(a.op[i].ok == (i != bad) && b.op[i].ok == (i != bad));
	assert_memory_equal(a.packet[bad], was, CLEAR + a.op[bad].text_len);
}

static void test_agree(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < ROUNDS; i++)
		round_trip(1 + some(CIPHER_BURST));
}

static void vector(struct side *x, enum cipher_alg alg, const uint8_t *key, const uint8_t *iv,
		   const char *text, const uint8_t *sealed, const uint8_t *tag)
{
	static const uint8_t mac[CIPHER_SHA1];
	const bool gcm = alg == CIPHER_GCM;
	const struct cipher_secret s = { key, 16, gcm ? NULL : mac };
	struct cipher_key *k = (struct cipher_key *)x->key[0];
	const uint32_t len = (uint32_t)strlen(text);
	struct cipher_op op = { .key = k,
				.text = x->packet[0],
				.text_len = len,
				.auth = x->packet[0],
				.auth_len = gcm ? 0 : len,
				.tag_len = gcm ? CIPHER_GCM_TAG : 12 };

	memcpy(x->packet[0], text, len);
	memcpy(op.iv, iv, gcm ? 12 : CIPHER_BLOCK);
	assert_true(cipher_key_set(x->c, k, alg, false, &s));
	cipher_seal(x->c, &op, 1);
	assert_true(op.ok);
	assert_memory_equal(x->packet[0], sealed, len);
	if (tag)
		assert_memory_equal(op.tag, tag, CIPHER_GCM_TAG);
	cipher_unseal(x->c, &op, 1);
	assert_true(op.ok);
	assert_memory_equal(x->packet[0], text, len);
}

/* RFC 3602 4, the first; AES-GCM without text, as NIST's test case 1 has it. */
static void test_vectors(void **state)
{
	static const uint8_t key1[] =
	    "\x06\xa9\x21\x40\x36\xb8\xa1\x5b\x51\x2e\x03\xd5\x34\x12\x00\x06",
			     iv1[] =
				 "\x3d\xaf\xba\x42\x9d\x9e\xb4\x30\xb4\x22\xda\x80\x2c\x9f\xac\x41",
			     out1[] =
				 "\xe3\x53\x77\x9c\x10\x79\xae\xb8\x27\x08\x94\x2d\xbe\x77\x18\x1a";
	static const uint8_t none[16], tag[] = "\x58\xe2\xfc\xce\xfa\x7e\x30\x61\x36\x7f\x1d\x57"
					       "\xa4\xe7\x45\x5a";
	struct side *x;

	(void)state;
	for (x = &a; x; x = x == &a ? &b : NULL) {
		vector(x, CIPHER_CBC_SHA1, key1, iv1, "Single block msg", out1, NULL);
		vector(x, CIPHER_GCM, none, none, "", none, tag);
	}
}

/* Keys of CBC are of one length. */
static void test_cbc_key(void **state)
{
	static const uint8_t key[CIPHER_KEY_MAX], mac[CIPHER_SHA1];
	const struct cipher_secret s = { key, 32, mac };

	(void)state;
	assert_false(
	    cipher_key_set(a.c, (struct cipher_key *)a.key[0], CIPHER_CBC_SHA1, false, &s));
}

static int start(void **state)
{
	(void)state;
	a.c = cipher_create(NULL); /* libipsec-mb, where it is there */
	b.c = cipher_create(&cipher_evp);
	if (!a.c || !b.c)
		return -1;
	assert_string_equal(cipher_backend(b.c), "evp");
	return 0;
}

static int stop(void **state)
{
	(void)state;
	cipher_free(a.c);
	cipher_free(b.c);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_agree),
					    cmocka_unit_test(test_vectors),
					    cmocka_unit_test(test_cbc_key) };

	return cmocka_run_group_tests(tests, start, stop);
}

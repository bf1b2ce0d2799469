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
	const uint32_t len = some(4) ? some(300) : some(LEN_MAX - CLEAR);
	uint8_t key[CIPHER_KEY_MAX], mac[CIPHER_SHA1], iv[16];
	const struct cipher_secret s = { key, some(2) ? 16 : 32, alg == CIPHER_GCM ? NULL : mac };
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
					.text_len = len,
					.auth = p,
					.auth_len = CLEAR + (alg == CIPHER_GCM ? 0 : len),
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
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_agree) };

	return cmocka_run_group_tests(tests, start, stop);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * AEADs over scattered bytes: the published vectors, whichever way they are cut; both
 * implementations agree on random lengths and cuts; a wrong tag, key, nonce or AAD is refused.
 */
#include "tests/world/unit.h"
#include "dp/tls/aead.h"
#include "tests/vectors/tls_vectors.h"
#include "tests/world/unhex.h"

#include <openssl/err.h>
#include <string.h>

enum { LEN_MAX = 4096, AAD_MAX = 32, ROUNDS = 2000 };

static const struct aead_ops *const implementation[] = { &aead_imb, &aead_evp };

/* What one AEAD operation works on. */
struct op {
	uint8_t key[32], nonce[AEAD_NONCE], aad[AAD_MAX], tag[AEAD_TAG];
	uint8_t in[LEN_MAX], out[LEN_MAX];
	uint32_t len, aad_len;
};

/* The same on each run. */
static uint32_t some(uint32_t below)
{
	static uint64_t x = 88172645463325252;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (uint32_t)(x >> 32) % below;
}

static void some_bytes(uint8_t *p, uint32_t n)
{
	while (n--)
		*p++ = (uint8_t)some(256);
}

/* Cuts n bytes at random into at most max pieces, some of them empty. */
static uint32_t cut(struct aead_piece *p, const uint8_t *from, uint8_t *to, uint32_t n,
		    uint32_t max)
{
	uint32_t at = 0, i;

	for (i = 0; i + 1 < max && at < n; i++) {
		uint32_t len = some(2) ? some(n - at + 1) : some(18) % (n - at + 1);

		p[i] = (struct aead_piece){ from + at, to + at, len };
		at += len;
	}
	p[i] = (struct aead_piece){ from + at, to + at, n - at };
	return i + 1;
}

static void seal(struct aead *a, const struct aead_key *k, struct op *o, uint32_t pieces)
{
	struct aead_piece p[AEAD_PIECES_MAX];
	uint32_t n = cut(p, o->in, o->out, o->len, pieces);

	aead_seal(a, k, o->nonce, o->aad, o->aad_len, p, n, o->tag);
}

/* From out back to in. */
static bool unseal(struct aead *a, const struct aead_key *k, struct op *o, uint32_t pieces)
{
	struct aead_piece p[AEAD_PIECES_MAX];
	uint32_t n = cut(p, o->out, o->in, o->len, pieces);

	return aead_unseal(a, k, o->nonce, o->aad, o->aad_len, p, n, o->tag);
}

static void vector(struct aead *a, const struct aead_vector *v, uint32_t pieces)
{
	uint8_t sealed[LEN_MAX], plain[LEN_MAX], tag[AEAD_TAG];
	struct aead_key k;
	struct op o;

	unhex(v->key, o.key);
	unhex(v->nonce, o.nonce);
	unhex(v->tag, tag);
	unhex(v->sealed, sealed);
	o.aad_len = unhex(v->aad, o.aad);
	o.len = unhex(v->plain, plain);
	memcpy(o.in, plain, o.len);
	assert_true(aead_key_set(a, &k, (enum aead_cipher)v->cipher, o.key));
	seal(a, &k, &o, pieces);
	assert_memory_equal(o.out, sealed, o.len);
	assert_memory_equal(o.tag, tag, AEAD_TAG);
	memset(o.in, 0xee, o.len);
	assert_true(unseal(a, &k, &o, pieces));
	assert_memory_equal(o.in, plain, o.len);
}

static void test_vectors(void **state)
{
	size_t i, v, n;

	(void)state;
	for (i = 0; i < sizeof(implementation) / sizeof(implementation[0]); i++) {
		struct aead *a = aead_create(implementation[i]);

		if (!a)
			continue; /* not in this build, or not on this machine */
		for (v = 0; v < sizeof(aead_vectors) / sizeof(aead_vectors[0]); v++)
			for (n = 1; n <= AEAD_PIECES_MAX; n++)
				if (strcmp(aead_backend(a, aead_vectors[v].cipher), "none") != 0)
					vector(a, &aead_vectors[v], (uint32_t)n);
		aead_free(a);
	}
}

/* One that serves each cipher; EVP alone does, too. */
static void test_choice(void **state)
{
	struct aead *a = aead_create(NULL), *evp = aead_create(&aead_evp);
	int c;

	(void)state;
	assert_non_null(a);
	assert_non_null(evp);
	for (c = 0; c < AEAD_CIPHERS; c++) {
		assert_string_not_equal(aead_backend(a, (enum aead_cipher)c), "none");
		assert_string_equal(aead_backend(evp, (enum aead_cipher)c), "evp");
	}
	aead_free(a);
	aead_free(evp);
}

/* Sealed by one, in pieces or in place, opened by the other. */
static void agree(struct aead *a, struct aead *b, enum aead_cipher c)
{
	struct aead_key ka, kb;
	struct aead_piece p[AEAD_PIECES_MAX];
	struct op x, y;
	uint32_t n;

	some_bytes((uint8_t *)&x, sizeof(x));
	x.len = some(some(2) ? 300 : LEN_MAX + 1);
	x.aad_len = some(2) ? 5 : 13;
	y = x;
	assert_true(aead_key_set(a, &ka, c, x.key));
	assert_true(aead_key_set(b, &kb, c, x.key));
	seal(a, &ka, &x, 1);
	memcpy(y.out, y.in, y.len);
	n = cut(p, y.out, y.out, y.len, 1 + some(AEAD_PIECES_MAX));
	aead_seal(b, &kb, y.nonce, y.aad, y.aad_len, p, n, y.tag);
	assert_memory_equal(x.out, y.out, x.len);
	assert_memory_equal(x.tag, y.tag, AEAD_TAG);
	assert_true(unseal(b, &kb, &x, 1 + some(AEAD_PIECES_MAX)));
	assert_memory_equal(x.in, y.in, x.len);
	memset(x.in, 0, x.len);
	assert_true(unseal(a, &ka, &x, 1 + some(AEAD_PIECES_MAX)));
	assert_memory_equal(x.in, y.in, x.len);
}

static void test_agree(void **state)
{
	struct aead *a = aead_create(NULL), *evp = aead_create(&aead_evp);
	uint32_t i;

	(void)state;
	for (i = 0; i < ROUNDS; i++)
		agree(some(2) ? a : evp, some(2) ? a : evp, i % AEAD_CIPHERS);
	aead_free(a);
	aead_free(evp);
}

/* Each bit of the tag counts, and each byte of what it covers; OpenSSL's error queue stays empty.
 */
static void refuse(struct aead *a, enum aead_cipher c, uint32_t pieces)
{
	struct aead_key k;
	struct op o;
	uint32_t i;

	some_bytes((uint8_t *)&o, sizeof(o));
	o.len = 67;
	o.aad_len = 13;
	aead_key_set(a, &k, c, o.key);
	seal(a, &k, &o, pieces);
	assert_true(unseal(a, &k, &o, pieces));
	for (i = 0; i < AEAD_TAG * 8; i++) {
		o.tag[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_false(unseal(a, &k, &o, pieces));
		o.tag[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (i = 0; i < o.len + o.aad_len + AEAD_NONCE; i++) {
		uint8_t *p = i < o.len		     ? o.out + i
			     : i < o.len + o.aad_len ? o.aad + (i - o.len)
						     : o.nonce + (i - o.len - o.aad_len);

		*p ^= 1;
		assert_false(unseal(a, &k, &o, pieces));
		*p ^= 1;
	}
	o.key[3] ^= 1;
	aead_key_set(a, &k, c, o.key);
	assert_false(unseal(a, &k, &o, pieces));
	assert_int_equal(ERR_peek_error(), 0);
}

static void test_refuse(void **state)
{
	struct aead *a = aead_create(NULL), *evp = aead_create(&aead_evp);
	int c;

	(void)state;
	for (c = 0; c < AEAD_CIPHERS; c++) {
		refuse(a, (enum aead_cipher)c, 1);
		refuse(a, (enum aead_cipher)c, 8);
		refuse(evp, (enum aead_cipher)c, 1);
		refuse(evp, (enum aead_cipher)c, 8);
	}
	aead_free(a);
	aead_free(evp);
}

/* A key is worth the same wherever it is copied to (connections change workers). */
static void test_key_moves(void **state)
{
	struct aead *a = aead_create(NULL), *b = aead_create(NULL);
	struct op o;
	int c;

	(void)state;
	for (c = 0; c < AEAD_CIPHERS; c++) {
		struct aead_key k, copy;

		some_bytes((uint8_t *)&o, sizeof(o));
		o.len = 1000;
		o.aad_len = 5;
		aead_key_set(a, &k, (enum aead_cipher)c, o.key);
		seal(a, &k, &o, 1);
		copy = k;
		memset(&k, 0, sizeof(k));
		assert_true(unseal(b, &copy, &o, 1));
	}
	aead_free(a);
	aead_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),	  cmocka_unit_test(test_choice),
		cmocka_unit_test(test_agree),	  cmocka_unit_test(test_refuse),
		cmocka_unit_test(test_key_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

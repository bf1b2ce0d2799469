/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * SipHash-2-4: the vectors of its authors (key 00..0f, message 00..n-1), and OpenSSL's
 * implementation for other keys, lengths and alignments.
 */
#include "tests/world/unit.h"

#include "lib/siphash.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

/* vectors.h of the reference implementation, bytes in order; lengths 0 to 15, then 63. */
static const uint8_t vectors[][8] = {
	{ 0x31, 0x0e, 0x0e, 0xdd, 0x47, 0xdb, 0x6f, 0x72 },
	{ 0xfd, 0x67, 0xdc, 0x93, 0xc5, 0x39, 0xf8, 0x74 },
	{ 0x5a, 0x4f, 0xa9, 0xd9, 0x09, 0x80, 0x6c, 0x0d },
	{ 0x2d, 0x7e, 0xfb, 0xd7, 0x96, 0x66, 0x67, 0x85 },
	{ 0xb7, 0x87, 0x71, 0x27, 0xe0, 0x94, 0x27, 0xcf },
	{ 0x8d, 0xa6, 0x99, 0xcd, 0x64, 0x55, 0x76, 0x18 },
	{ 0xce, 0xe3, 0xfe, 0x58, 0x6e, 0x46, 0xc9, 0xcb },
	{ 0x37, 0xd1, 0x01, 0x8b, 0xf5, 0x00, 0x02, 0xab },
	{ 0x62, 0x24, 0x93, 0x9a, 0x79, 0xf5, 0xf5, 0x93 },
	{ 0xb0, 0xe4, 0xa9, 0x0b, 0xdf, 0x82, 0x00, 0x9e },
	{ 0xf3, 0xb9, 0xdd, 0x94, 0xc5, 0xbb, 0x5d, 0x7a },
	{ 0xa7, 0xad, 0x6b, 0x22, 0x46, 0x2f, 0xb3, 0xf4 },
	{ 0xfb, 0xe5, 0x0e, 0x86, 0xbc, 0x8f, 0x1e, 0x75 },
	{ 0x90, 0x3d, 0x84, 0xc0, 0x27, 0x56, 0xea, 0x14 },
	{ 0xee, 0xf2, 0x7a, 0x8e, 0x90, 0xca, 0x23, 0xf7 },
	{ 0xe5, 0x45, 0xbe, 0x49, 0x61, 0xca, 0x29, 0xa1 },
	{ 0x72, 0x45, 0x06, 0xeb, 0x4c, 0x32, 0x8a, 0x95 },
};

static void published(void **state)
{
	struct siphash_key key;
	uint8_t in[64];

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;
	memcpy(&key, in, sizeof(key));
	for (size_t i = 0; i < N_OF(vectors); i++) {
		uint64_t h = siphash(&key, in, i < 16 ? i : 63);

		assert_memory_equal(&h, vectors[i], sizeof(h));
	}
}

static void like_openssl(void **state)
{
	size_t size = 8;
	OSSL_PARAM params[] = { OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
				OSSL_PARAM_construct_end() };
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
	uint64_t seed = 3;

	(void)state;
	assert_non_null(ctx);
	for (size_t len = 0; len < 300; len++) {
		struct siphash_key key = { { test_random(&seed), test_random(&seed) } };
		uint8_t in[304], want[8];
		size_t at = len % 5; /* any alignment */
		uint64_t h;

		for (size_t i = 0; i < sizeof(in); i++)
			in[i] = (uint8_t)test_random(&seed);
		assert_true(EVP_MAC_init(ctx, (const uint8_t *)&key, sizeof(key), params));
		assert_true(EVP_MAC_update(ctx, in + at, len));
		assert_true(EVP_MAC_final(ctx, want, NULL, sizeof(want)));
		h = siphash(&key, in + at, len);
		assert_memory_equal(&h, want, sizeof(h));
	}
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published),
		cmocka_unit_test(like_openssl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

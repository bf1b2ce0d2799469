/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tokens under IK, and under CK and IK (R61, R62), of the keys of set 1 of TS 35.207. What they are
 * was computed apart, by Python's hashlib and hmac.
 */
#include "tests/world/unit.h"

#include "cp/aka/token.h"

#include <openssl/crypto.h>

static const char der[] = "I-TLS test certificate DER bytes";

static struct aka_keys keys(void)
{
	struct aka_keys k = { .len = AKA_KEY };
	size_t n;

	OPENSSL_hexstr2buf_ex(k.ck, AKA_KEY, &n, "b40ba9a3c58b2a05bbf0d987b21bf8cb", '\0');
	OPENSSL_hexstr2buf_ex(k.ik, AKA_KEY, &n, "f769bcd751044604127672711c6d3441", '\0');
	return k;
}

static void expect(enum token_derivation d, const char *server, const char *client)
{
	const struct aka_keys k = keys();
	uint8_t s[TOKEN_LEN], c[TOKEN_LEN];
	char text[2 * TOKEN_LEN + 1];

	assert_true(token_server(d, &k, (const uint8_t *)der, sizeof(der) - 1, s));
	aka_hex(s, TOKEN_LEN, text);
	assert_string_equal(text, server);
	assert_true(token_client(d, &k, s, c));
	aka_hex(c, TOKEN_LEN, text);
	assert_string_equal(text, client);
}

static void under_ik(void **state)
{
	(void)state;
	expect(TOKEN_IK, "c56405278e6e1ec6ae2a0b64", "250c082d07db1ff9598abc98");
}

/* TS 33.220 B.2: FC ff f0, P0 the token's name, P1 SHA-256 of the certificate, or the token. */
static void under_ck_and_ik(void **state)
{
	(void)state;
	expect(TOKEN_CK_IK, "a779c768f778102fe09cc795", "d4263d35bc7bbf1a7cbbd3d1");
}

static void names(void **state)
{
	(void)state;
	assert_int_equal(token_derivation_find("ik"), TOKEN_IK);
	assert_int_equal(token_derivation_find("ck-ik"), TOKEN_CK_IK);
	assert_int_equal(token_derivation_find(""), TOKEN_DERIVATIONS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(under_ik),
		cmocka_unit_test(under_ck_and_ik),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

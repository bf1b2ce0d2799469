/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names of suites (lib/tls_name.h): OpenSSL gives the same name to the same number, and back; and
 * they are those that the record layer knows, no more and no fewer.
 */
#include "tests/world/unit.h"
#include "dp/tls/record.h"
#include "lib/tls_name.h"

#include <openssl/ssl.h>
#include <stdint.h>

enum { KNOWN = 19 };

static void names_are_openssl_s(void **state)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	unsigned known = 0;
	SSL *ssl;

	(void)state;
	assert_int_equal(SSL_CTX_set_cipher_list(ctx, "ALL:PSK"), 1);
	ssl = SSL_new(ctx);
	for (int i = 0; i < sk_SSL_CIPHER_num(SSL_get_ciphers(ssl)); i++) {
		const SSL_CIPHER *c = sk_SSL_CIPHER_value(SSL_get_ciphers(ssl), i);
		uint16_t id = SSL_CIPHER_get_protocol_id(c);

		if (tls_suite_name(id) == NULL)
			continue;
		known++;
		assert_string_equal(tls_suite_name(id), SSL_CIPHER_get_name(c));
		assert_true(SSL_CIPHER_is_aead(c));
		assert_int_equal(tls_suite_by_name(SSL_CIPHER_get_name(c)), id);
	}
	assert_int_equal(known, KNOWN);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

static void they_are_the_record_layer_s(void **state)
{
	size_t n;
	const struct tls_suite *s = tls_suites(&n);

	(void)state;
	assert_int_equal(n, KNOWN);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(tls_suite_name(s[i].id), s[i].name);
}

static void others_have_none(void **state)
{
	(void)state;
	assert_null(tls_suite_name(0));
	assert_null(tls_suite_name(0x002f)); /* AES128-SHA */
	assert_int_equal(tls_suite_by_name("AES128-SHA"), 0);
	assert_int_equal(tls_suite_by_name(""), 0);
	assert_string_equal(tls_version_name(0x0303), "TLS 1.2");
	assert_string_equal(tls_version_name(0x0304), "TLS 1.3");
	assert_string_equal(tls_version_name(0x0302), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_openssl_s),
		cmocka_unit_test(they_are_the_record_layer_s),
		cmocka_unit_test(others_have_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

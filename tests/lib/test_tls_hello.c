/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a ClientHello offers (lib/tls_hello.h; RFC 8446 4.1.2, RFC 7301 3.1; R2): protocol names,
 * whole and in their place; nothing of one that is cut anywhere, or of another message.
 */
#include "tests/world/client_hello.h"
#include "lib/tls_hello.h"

#include <stdlib.h>

/* In memory of its own length, so that a byte behind it is seen by the sanitizer. */
static bool offers(const uint8_t *record, size_t n, const char *name)
{
	uint8_t *p = malloc(n + !n);
	bool has;

	assert_non_null(p);
	if (n)
		memcpy(p, record, n);
	has = tls_alpn_has(tls_hello_alpn(p, n), name);
	free(p);
	return has;
}

static void names(void **state)
{
	uint8_t b[256];
	size_t n = client_hello(b, sizeof(b), "h2 acme-tls/1");

	(void)state;
	assert_true(offers(b, n, "h2"));
	assert_true(offers(b, n, "acme-tls/1"));
	assert_false(offers(b, n, "acme-tls/"));
	assert_false(offers(b, n, "acme-tls/11"));
	assert_false(offers(b, n, ""));
	n = client_hello(b, sizeof(b), "");
	assert_false(offers(b, n, "h2"));
	n = client_hello(b, sizeof(b), NULL);
	assert_false(offers(b, n, "h2"));
}

static void cut(void **state)
{
	uint8_t b[256];
	size_t n = client_hello(b, sizeof(b), "acme-tls/1"), i;

	(void)state;
	for (i = 0; i < n; i++)
		assert_false(offers(b, i, "acme-tls/1"));
	b[n] = 0; /* what follows the record is not looked at */
	assert_true(offers(b, n + 1, "acme-tls/1"));
}

/* Each length leads beyond the end: nothing is found behind it. */
static void lengths(void **state)
{
	/* record, message, session id, suites, compression, extensions, the first of them, ALPN's,
	 * its list, its name */
	static const size_t at[] = { 4, 8, 43, 45, 48, 51, 55, 62, 64, 65 };
	uint8_t b[256];
	size_t n, i;

	(void)state;
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		n = client_hello(b, sizeof(b), "acme-tls/1");
		assert_true(at[i] < n);
		b[at[i]] += 64;
		if (offers(b, n, "acme-tls/1"))
			fail_msg("length %zu", at[i]);
	}
}

static void others(void **state)
{
	uint8_t b[256];
	size_t n = client_hello(b, sizeof(b), "acme-tls/1");

	(void)state;
	b[0] = 23;
	assert_false(offers(b, n, "acme-tls/1"));
	b[0] = 22;
	b[5] = 2; /* ServerHello */
	assert_false(offers(b, n, "acme-tls/1"));
	b[5] = 1;
	assert_true(offers(b, n, "acme-tls/1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(cut),
		cmocka_unit_test(lengths),
		cmocka_unit_test(others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The value of an Authorization header of Digest (R83; RFC 3261 25.1, RFC 3310 3.2): parameters in
 * any order and case, with and without quotes, unknown ones; what is taken for something else.
 */
#include "tests/world/unit.h"

#include "lib/digest_auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct digest_auth a;

/* In a buffer of exactly its length. */
static bool parse(const char *value)
{
	const size_t len = strlen(value);
	char *exact = malloc(len ? len : 1);
	bool ok;

	memcpy(exact, value, len);
	memset(&a, 0x5a, sizeof(a));
	ok = digest_auth_parse(exact, len, &a);
	free(exact);
	return ok;
}

/* Example of TS 24.229 5.1.1.2.2's shape, and RFC 3310's auts. */
static void whole(void **state)
{
	(void)state;
	assert_true(parse("Digest username=\"user1_private@home1.net\", realm=\"home1.net\", "
			  "nonce=\"I1U8vpY3qJ0=\", uri=\"sip:home1.net\", "
			  "response=\"d631c17126f6ad3a5984ced4459958df\", algorithm=AKAv1-MD5, "
			  "cnonce=\"0a4f113b\", qop=auth, nc=00000001, "
			  "auts=\"uoU/PBI8z0TpNZbjVcY=\", opaque=\"x\", integrity-protected=no"));
	assert_string_equal(a.value[DIGEST_USERNAME], "user1_private@home1.net");
	assert_string_equal(a.value[DIGEST_REALM], "home1.net");
	assert_string_equal(a.value[DIGEST_NONCE], "I1U8vpY3qJ0=");
	assert_string_equal(a.value[DIGEST_URI], "sip:home1.net");
	assert_string_equal(a.value[DIGEST_RESPONSE], "d631c17126f6ad3a5984ced4459958df");
	assert_string_equal(a.value[DIGEST_ALGORITHM], "AKAv1-MD5");
	assert_string_equal(a.value[DIGEST_CNONCE], "0a4f113b");
	assert_string_equal(a.value[DIGEST_QOP], "auth");
	assert_string_equal(a.value[DIGEST_NC], "00000001");
	assert_string_equal(a.value[DIGEST_AUTS], "uoU/PBI8z0TpNZbjVcY=");
}

static void forms(void **state)
{
	(void)state;
	assert_true(
	    parse(" dIGEST\tUSERNAME = \"a\" ,\r\n realm=\"b \\\"c\\\\\" , qop = auth-int\t"));
	assert_string_equal(a.value[DIGEST_USERNAME], "a");
	assert_string_equal(a.value[DIGEST_REALM], "b \"c\\");
	assert_string_equal(a.value[DIGEST_QOP], "auth-int");
	assert_null(a.value[DIGEST_NONCE]);
	assert_true(parse("Digest nonce=\"\",response=\"\"")); /* the first REGISTER */
	assert_string_equal(a.value[DIGEST_NONCE], "");
	assert_string_equal(a.value[DIGEST_RESPONSE], "");
	assert_true(parse("Digest x=1,x=2,nonce=ab/+==")); /* twice, but unknown */
	assert_string_equal(a.value[DIGEST_NONCE], "ab/+==");
}

static void bad(void **state)
{
	static const char *const values[] = {
		"",
		"Digest",
		"Digest ",
		"Digestnonce=\"a\"",
		"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
		"Digest nonce",
		"Digest nonce=",
		"Digest nonce=,realm=a",
		"Digest =\"a\"",
		"Digest nonce=\"a",
		"Digest nonce=\"a\\",
		"Digest nonce=\"a\\\"",
		"Digest nonce=\"a\"b",
		"Digest nonce=\"a\" realm=\"b\"",
		"Digest nonce=\"a\",",
		"Digest nonce=\"a\",,realm=\"b\"",
		"Digest nonce=\"a\", NONCE=\"b\"",
		"Digest nonce=\"a\r\nb\"",
		"Digest nonce=\"a\\\nb\"",
		"Digest nonce=\"a\x7f\"",
		"Digest nonce=a;b",
		"Digest non\"ce=a",
	};

	(void)state;
	for (size_t i = 0; i < N_OF(values); i++)
		if (parse(values[i]))
			fail_msg("taken: %s", values[i]);
	assert_false(digest_auth_parse("Digest nonce=\"a\0b\"", 18, &a));
}

static void bounds(void **state)
{
	char value[DIGEST_AUTH_MAX + 2] = "Digest a=\"";
	size_t n = strlen(value);

	(void)state;
	memset(value + n, 'x', DIGEST_AUTH_MAX - n - 1);
	value[DIGEST_AUTH_MAX - 1] = '"';
	assert_true(digest_auth_parse(value, DIGEST_AUTH_MAX, &a));
	value[DIGEST_AUTH_MAX - 1] = 'x';
	value[DIGEST_AUTH_MAX] = '"';
	assert_false(digest_auth_parse(value, DIGEST_AUTH_MAX + 1, &a));
	for (size_t count = DIGEST_AUTH_COUNT; count <= DIGEST_AUTH_COUNT + 1; count++) {
		n = (size_t)snprintf(value, sizeof(value), "Digest a=1");
		for (size_t i = 1; i < count; i++)
			n += (size_t)snprintf(value + n, sizeof(value) - n, ",a=1");
		assert_int_equal(digest_auth_parse(value, n, &a), count == DIGEST_AUTH_COUNT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(whole), cmocka_unit_test(forms),
					    cmocka_unit_test(bad), cmocka_unit_test(bounds) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

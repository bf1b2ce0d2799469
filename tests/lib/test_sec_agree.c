/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Values of Security headers (R81; RFC 3329 2.2, TS 33.203 Annex H): parameters in any order
 * and case, unknown ones, what is something else, bounds; which two lists are the same (2.3.1).
 */
#include "tests/world/unit.h"

#include "lib/sec_agree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sec_list a, b;

/* In a buffer of exactly its length. */
static bool parse_to(struct sec_list *out, const char *value)
{
	const size_t len = strlen(value);
	char *exact = malloc(len ? len : 1);
	bool ok;

	memcpy(exact, value, len);
	memset(out, 0x5a, sizeof(*out));
	ok = sec_list_parse(exact, len, out);
	free(exact);
	return ok;
}

/* The shape that phones send. */
static void whole(void **state)
{
	const struct sec_mechanism *m = a.mechanism;

	(void)state;
	assert_true(parse_to(&a,
			     "ipsec-3gpp; alg=hmac-sha-1-96; ealg=aes-cbc; prot=esp; mod=trans; "
			     "spi-c=4097; spi-s=4098; port-c=5100; port-s=5101, "
			     "ipsec-3gpp;alg=aes-gmac;spi-c=4097,\r\n tls;q=0.1"));
	assert_int_equal(a.n, 3);
	assert_string_equal(m[0].name, "ipsec-3gpp");
	assert_int_equal(m[0].n, 8);
	assert_string_equal(sec_param(&m[0], "alg"), "hmac-sha-1-96");
	assert_string_equal(sec_param(&m[0], "EALG"), "aes-cbc");
	assert_string_equal(sec_param(&m[0], "port-s"), "5101");
	assert_null(sec_param(&m[0], "q"));
	assert_int_equal(m[1].n, 2);
	assert_string_equal(sec_param(&m[1], "alg"), "aes-gmac");
	assert_string_equal(m[2].name, "tls");
	assert_string_equal(sec_param(&m[2], "q"), "0.1");
}

static void forms(void **state)
{
	(void)state;
	assert_true(parse_to(&a, " TLS ; Q = 0.5 ;x; y=\"a \\\"b, c\\\\\" ; h=[::1]:5 \t, token "));
	assert_int_equal(a.n, 2);
	assert_int_equal(a.mechanism[0].n, 4);
	assert_string_equal(sec_param(&a.mechanism[0], "q"), "0.5");
	assert_string_equal(sec_param(&a.mechanism[0], "x"), "");
	assert_string_equal(sec_param(&a.mechanism[0], "y"), "\"a \\\"b, c\\\\\"");
	assert_string_equal(sec_param(&a.mechanism[0], "h"), "[::1]:5");
	assert_int_equal(a.mechanism[1].n, 0);
}

static void bad(void **state)
{
	static const char *const values[] = {
		"",
		" ",
		",",
		"tls,",
		",tls",
		"tls,,tls",
		"tls;",
		"tls;;q=1",
		"tls;q=",
		"tls;=1",
		"tls;q==1",
		"tls q=1",
		"tls;q=1 x",
		"tls;q=0.1;Q=0.1",
		"tls;x=\"a",
		"tls;x=\"a\\\"",
		"tls;x=\"a\rb\"",
		"tls;x=\"a\x7f\"",
		"tls;x=\"a\"b",
		"t:ls",
		"tls;a[=1",
		"<tls>",
	};

	(void)state;
	for (size_t i = 0; i < N_OF(values); i++)
		if (parse_to(&a, values[i]))
			fail_msg("taken: %s", values[i]);
	assert_false(sec_list_parse("tls\0", 4, &a));
	assert_false(sec_list_parse("tls;x=\"\0\"", 9, &a));
}

static void bounds(void **state)
{
	char value[SEC_LIST_MAX + 2];
	size_t n;

	(void)state;
	memset(value, 'x', sizeof(value));
	assert_true(sec_list_parse(value, SEC_LIST_MAX, &a));
	assert_int_equal(strlen(a.mechanism[0].name), SEC_LIST_MAX);
	assert_false(sec_list_parse(value, SEC_LIST_MAX + 1, &a));
	for (size_t count = SEC_MECHANISMS; count <= SEC_MECHANISMS + 1; count++) {
		n = (size_t)snprintf(value, sizeof(value), "a");
		for (size_t i = 1; i < count; i++)
			n += (size_t)snprintf(value + n, sizeof(value) - n, ",a");
		assert_int_equal(sec_list_parse(value, n, &a), count == SEC_MECHANISMS);
	}
	for (size_t count = SEC_PARAMS; count <= SEC_PARAMS + 1; count++) {
		n = (size_t)snprintf(value, sizeof(value), "a");
		for (size_t i = 0; i < count; i++)
			n += (size_t)snprintf(value + n, sizeof(value) - n, ";p%zu=1", i);
		assert_int_equal(sec_list_parse(value, n, &a), count == SEC_PARAMS);
	}
}

static void same(void **state)
{
	static const char list[] = "ipsec-3gpp;q=0.1;alg=null;ealg=aes-gcm;spi-c=1000,tls;d=\"A\"";
	static const char *const others[] = {
		"ipsec-3gpp;q=0.1;alg=null;ealg=aes-gcm;spi-c=1000",
		"tls;d=\"A\",ipsec-3gpp;q=0.1;alg=null;ealg=aes-gcm;spi-c=1000",
		"ipsec-3gpp;q=0.1;alg=null;ealg=aes-gcm;spi-c=1001,tls;d=\"A\"",
		"ipsec-3gpp;q=0.1;alg=null;ealg=aes-gcm,tls;d=\"A\"",
		"ipsec-3gpp;q=0.1;alg=null;ealg=aes-gcm;spi-c=1000;x,tls;d=\"A\"",
		"ipsec-3gpp;q=0.1;alg=null;ealg=aes-gcm;spi-s=1000,tls;d=\"A\"",
		"ipsec-3gpp;q=0.1;alg=null;ealg=aes-gcm;spi-c=1000,tls;d=\"a\"",
		"ipsec-man;q=0.1;alg=null;ealg=aes-gcm;spi-c=1000,tls;d=\"A\"",
		"ipsec-3gpp;q=0.1;alg=null;ealg=aes-gcm;spi-c=1000,tls;d=\"A\",tls",
	};

	(void)state;
	assert_true(parse_to(&a, list));
	assert_true(parse_to(&b, "IPSEC-3GPP; ealg=AES-GCM; spi-c=1000; ALG=null; q=0.1 , "
				 "sdes-srtp;mediasec, tls; D=\"A\""));
	assert_true(sec_list_same(&a, &b));
	assert_true(sec_list_same(&b, &a));
	for (size_t i = 0; i < N_OF(others); i++) {
		assert_true(parse_to(&b, others[i]));
		if (sec_list_same(&a, &b) || sec_list_same(&b, &a))
			fail_msg("the same: %s", others[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(whole), cmocka_unit_test(forms),
					    cmocka_unit_test(bad), cmocka_unit_test(bounds),
					    cmocka_unit_test(same) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */

/* Fingerprints as text (R50, RFC 8122 5): names in either case, digits too, never MD5. */
#include "tests/world/unit.h"

#include "lib/fingerprint.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* The digest has bytes 1, 2, 3 and so on, then 0xa0 upwards from the eleventh. */
static uint8_t digest_byte(size_t i)
{
	return (uint8_t)(i < 10 ? i + 1 : 0xa0 + i - 10);
}

static size_t text_of(const char *name, size_t n, char *text)
{
	size_t at = (size_t)sprintf(text, "%s ", name);

	for (size_t i = 0; i < n; i++)
		at += (size_t)sprintf(text + at, i + 1 < n ? "%02X:" : "%02X", digest_byte(i));
	return at;
}

static const struct {
	const char *name;
	size_t len;
} hashes[] = {
	{ "sha-1", 20 }, { "sha-224", 28 }, { "sha-256", 32 }, { "sha-384", 48 }, { "sha-512", 64 },
};

static void each_hash(void **state)
{
	char text[FP_TEXT_MAX], out[FP_TEXT_MAX];
	struct fingerprint fp;

	(void)state;
	for (size_t h = 0; h < N_OF(hashes); h++) {
		const size_t n = text_of(hashes[h].name, hashes[h].len, text);

		assert_true(fingerprint_parse(text, n, &fp));
		assert_int_equal(fp.hash, h);
		for (size_t i = 0; i < FP_MAX; i++)
			assert_int_equal(fp.digest[i], i < hashes[h].len ? digest_byte(i) : 0);
		assert_int_equal(fingerprint_format(&fp, out, sizeof(out)), n);
		assert_string_equal(out, text);
	}
}

/* Hash names are case-insensitive (RFC 8122 5); digits are capitals there, and taken as they come.
 */
static void either_case(void **state)
{
	char text[FP_TEXT_MAX], out[FP_TEXT_MAX], upper[FP_TEXT_MAX];
	const size_t n = text_of("sha-256", 32, text);
	struct fingerprint fp, low;

	(void)state;
	for (size_t i = 0; i <= n; i++)
		upper[i] = (char)toupper(text[i]);
	assert_true(fingerprint_parse(upper, n, &fp));
	for (size_t i = 0; i < n; i++)
		upper[i] = (char)tolower(text[i]);
	assert_true(fingerprint_parse(upper, n, &low));
	assert_memory_equal(&fp, &low, sizeof(fp));
	fingerprint_format(&fp, out, sizeof(out));
	assert_string_equal(out, text);
}

static void refused(const char *text, size_t len)
{
	static const struct fingerprint zeros;
	struct fingerprint fp = { 1, { 2 } };

	if (fingerprint_parse(text, len, &fp))
		fail_msg("taken: '%.*s'", (int)len, text);
	assert_memory_equal(&fp, &zeros, sizeof(fp));
}

static void anything_else(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"sha-256",
		"sha-256 ",
		"sha-1 00:11",
		"sha-1  00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33",
		" sha-1 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33",
		"sha-1\t00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33",
		"sha-1 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:",
		"sha-1 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33 ",
		"sha-1 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:3",
		"sha-1 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:3G",
		"sha-1 00:11:22:33:44:55:66:77:88:99-AA:BB:CC:DD:EE:FF:00:11:22:33",
		"sha-1 0011:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:333",
		"sha1 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33",
		"sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33",
		"md5 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
		"MD5 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
		"md2 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
	};
	char text[FP_TEXT_MAX];
	size_t n;

	(void)state;
	for (size_t i = 0; i < N_OF(bad); i++)
		refused(bad[i], strlen(bad[i]));
	n = text_of("sha-512", 64, text);
	for (size_t i = 0; i < n; i++)
		refused(text, i);
	text[n - 5] = '\0'; /* a digit */
	refused(text, n);
}

static void format_cuts(void **state)
{
	struct fingerprint fp = { FP_SHA1, { 0xab, 0xcd } };
	char text[16];

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(fingerprint_format(&fp, text, 9), 65);
	assert_string_equal(text, "sha-1 AB");
	assert_int_equal(text[9], 'x');
	fp.hash = FP_HASHES;
	assert_int_equal(fingerprint_format(&fp, text, sizeof(text)), 0);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_hash),
		cmocka_unit_test(either_case),
		cmocka_unit_test(anything_else),
		cmocka_unit_test(format_cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

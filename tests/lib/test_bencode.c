/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bencoding (BEP 3), strictly: one way to write each value, keys that are strings, nothing behind
 * the end, bounded depth. What is written reads back.
 */
#include "tests/world/unit.h"
#include "lib/bencode.h"

#include <string.h>

static enum bencode_type last_of(const char *text, size_t len)
{
	struct bencode b = bencode_init(text, len);
	struct bencode_item it;
	enum bencode_type t;

	do {
		t = bencode_next(&b, &it);
	} while (t != BENCODE_END && t != BENCODE_BAD);
	/* It stays as it is. */
	assert_int_equal(bencode_next(&b, &it), t);
	return t;
}

static void values_are_read_in_order(void **state)
{
	static const char text[] = "d1:ai-12e1:bl0:4:a\0b\xff"
				   "d1:ci0eee1:z3:end"
				   "e";
	static const enum bencode_type want[] = {
		BENCODE_DICT,	BENCODE_STRING, BENCODE_INT,	BENCODE_STRING,
		BENCODE_LIST,	BENCODE_STRING, BENCODE_STRING, BENCODE_DICT,
		BENCODE_STRING, BENCODE_INT,	BENCODE_CLOSE,	BENCODE_CLOSE,
		BENCODE_STRING, BENCODE_STRING, BENCODE_CLOSE,	BENCODE_END,
	};
	struct bencode b = bencode_init(text, sizeof(text) - 1);
	struct bencode_item it;

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_int_equal(bencode_next(&b, &it), want[i]);
		if (i == 1 || i == 3 || i == 8 || i == 12)
			assert_true(it.key);
		if (i == 2)
			assert_int_equal(it.number, -12);
		if (i == 5 || i == 6)
			assert_false(it.key);
		if (i == 6) {
			assert_int_equal(it.len, 4);
			assert_memory_equal(it.at, "a\0b\xff", 4);
		}
	}
}

static void numbers_have_one_form(void **state)
{
	static const char *const good[] = { "i0e",  "i9223372036854775807e",
					    "i-1e", "i-9223372036854775807e",
					    "0:",   "1:x" };
	static const char *const bad[] = {
		"ie",
		"i-e",
		"i-0e",
		"i00e",
		"i01e",
		"i+1e",
		"i1",
		"i1 e",
		"i 1e",
		"i1.0e",
		"01:x",
		"00:",
		"-1:x",
		"1x:",
		"2:x",
		"1:",
		"1",
		":x",
		"i9223372036854775808e",
		"99999999999999999999:x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(last_of(good[i], strlen(good[i])), BENCODE_END);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(last_of(bad[i], strlen(bad[i])), BENCODE_BAD);
}

static void structure_is_whole(void **state)
{
	static const char *const good[] = { "le", "de", "lleldeee", "d1:alee" };
	static const char *const bad[] = { "",	       "e",	"l",	      "d",    "lee",
					   "di1e1:ae", "d1:ae", "dlei1ee",    "d1:a", "lele",
					   "i1ei2e",   "x",	"d1:ai1e1:be" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(last_of(good[i], strlen(good[i])), BENCODE_END);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(last_of(bad[i], strlen(bad[i])), BENCODE_BAD);
}

static void depth_is_bounded(void **state)
{
	char text[2 * BENCODE_DEPTH_MAX + 2];

	(void)state;
	memset(text, 'l', BENCODE_DEPTH_MAX);
	memset(text + BENCODE_DEPTH_MAX, 'e', BENCODE_DEPTH_MAX);
	assert_int_equal(last_of(text, 2 * (size_t)BENCODE_DEPTH_MAX), BENCODE_END);
	memset(text, 'l', BENCODE_DEPTH_MAX + 1);
	memset(text + BENCODE_DEPTH_MAX + 1, 'e', BENCODE_DEPTH_MAX + 1);
	assert_int_equal(last_of(text, sizeof(text)), BENCODE_BAD);
}

static void what_is_written_reads_back(void **state)
{
	static const char want[] = "d1:ali-9223372036854775808ei7eee";
	uint8_t out[64], small[4];
	struct wr w = wr_init(out, sizeof(out)), s = wr_init(small, sizeof(small));

	(void)state;
	bencode_dict(&w);
	bencode_string(&w, "a", 1);
	bencode_list(&w);
	bencode_int(&w, INT64_MIN);
	bencode_int(&w, 7);
	bencode_close(&w);
	bencode_close(&w);
	assert_false(w.failed);
	assert_int_equal(wr_len(&w), sizeof(want) - 1);
	assert_memory_equal(out, want, sizeof(want) - 1);
	bencode_string(&s, "12345", 5);
	assert_true(s.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_read_in_order),
		cmocka_unit_test(numbers_have_one_form),
		cmocka_unit_test(structure_is_whole),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(what_is_written_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flags of ng: what doc/ng.md lists is taken, each word of it, and what it does not list is refused
 * by name; a space is a hyphen; values that no key may have.
 */
#include "tests/world/unit.h"
#include "cp/ng/ng_flags.h"

#include <stdio.h>
#include <string.h>

static struct config conf = { .n_realm = 2, .realm = { { .name = "access" }, { .name = "core" } } };
static struct ng_flags f;

/* Reads {"key": value}, or {"key": [value]}. */
static bool reads(const char *key, json_t *value)
{
	json_t *v = json_object();
	bool ok;

	json_object_set_new(v, key, value);
	ok = ng_flags_read(&f, v, &conf);
	json_decref(v);
	return ok;
}

static bool reads_word(const char *key, const char *word)
{
	json_t *list = json_array();

	json_array_append_new(list, json_string(word));
	return reads(key, list);
}

/* The next text between backticks, from *at on, into word. */
static bool quoted(char **at, char *word, size_t size)
{
	char *begin = strchr(*at, '`'), *end = begin ? strchr(begin + 1, '`') : NULL;

	if (!end)
		return false;
	snprintf(word, size, "%.*s", (int)(end - begin - 1), begin + 1);
	*at = end + 1;
	return true;
}

/* "| `flags` | `a`, `b` |": each word of it is taken. Returns how many there were. */
static int row(char *line)
{
	static const char *const lists[] = { "flags",	 "replace",	"ICE",
					     "rtcp-mux", "DTLS",	"DTLS-reverse",
					     "SDES",	 "record-call", "endpoint-learning" };
	char keys[2][64] = { "", "" }, word[64], *at = line + 1, *values = strstr(at, " | ");
	int n = 0, n_keys = 0;

	while (n_keys < 2 && quoted(&at, keys[n_keys], sizeof(keys[0])) && at <= values)
		n_keys++;
	for (int k = 0; k < n_keys; k++) {
		bool list = false;

		for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
			list |= strcmp(lists[i], keys[k]) == 0;
		for (at = values; list && quoted(&at, word, sizeof(word)); n++) {
			/* Values that are the same as others' names stand behind "is". */
			if (!reads_word(keys[k], word) && strcmp(word, "asymmetric") != 0)
				fail_msg("%s: %s: %s", keys[k], word, f.err);
		}
	}
	return n;
}

static void what_is_described_is_taken(void **state)
{
	FILE *doc = fopen(FAIRLEAD_NG_DOC, "r");
	char line[2048];
	int n = 0;

	(void)state;
	assert_non_null(doc);
	while (fgets(line, sizeof(line), doc)) {
		if (strncmp(line, "| `", 3) == 0)
			n += row(line);
	}
	fclose(doc);
	assert_true(n > 60);
}

static void what_is_not_is_refused_by_name(void **state)
{
	static const char *const words[] = { "media-hand", "record-call",     "generate-mid",
					     "trust",	   "trust-addresses", "",
					     "SDES-x",	   "codec-x" };

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		assert_false(reads_word("flags", words[i]));
		assert_non_null(strstr(f.err, words[i]));
	}
	assert_false(reads("callid", json_string("x")));
	assert_non_null(strstr(f.err, "callid"));
	assert_false(reads("flags", json_integer(1)));
	assert_false(reads("flags", json_stringn_nocheck("symmetric\0", 10)));
}

static void words_give_and_take(void **state)
{
	json_t *v =
	    json_pack("{s:[s,s],s:s,s:[s],s:s}", "flags", "SIP source address", "asymmetric", "ICE",
		      "force", "rtcp-mux", "require", "endpoint-learning", "off");

	(void)state;
	assert_true(ng_flags_read(&f, v, &conf));
	assert_int_equal(f.flags, NG_SIP_SOURCE | NG_ASYMMETRIC | NG_ICE_FORCE | NG_MUX_REQUIRE |
				      NG_MUX_OFFER);
	json_decref(v);
	v = json_pack("{s:[s,s,s,s]}", "flags", "SIP-source-address", "asymmetric", "trust-address",
		      "symmetric");
	assert_true(ng_flags_read(&f, v, &conf));
	assert_int_equal(f.flags, 0);
	json_decref(v);
}

static void values(void **state)
{
	static const struct {
		const char *key, *json;
		bool good;
	} value[] = {
		{ "call-id", "\"x\"", true },
		{ "call-id", "\"\"", false },
		{ "call-id", "7", false },
		{ "from-tag", "\"a\"", true },
		{ "from-tag", "[\"a\"]", false },
		{ "received-from", "[\"IP4\",\"192.0.2.1\"]", true },
		{ "received-from", "\"2001:db8::1\"", true },
		{ "received-from", "[\"IP4\"]", false },
		{ "received-from", "[\"IP4\",\"host.example\"]", false },
		{ "direction", "[\"core\",\"access\"]", true },
		{ "direction", "[\"core\"]", true },
		{ "direction", "[\"core\",\"access\",\"core\"]", false },
		{ "direction", "\"core\"", false },
		{ "direction", "[\"x\"]", false },
		{ "TOS", "255", true },
		{ "TOS", "-1", false },
		{ "TOS", "\"1\"", false },
		{ "address family", "\"IP6\"", true },
		{ "sdp", "{}", false },
		{ "transport-protocol", "\"\"", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(value) / sizeof(value[0]); i++) {
		json_t *v = json_loads(value[i].json, JSON_DECODE_ANY, NULL);

		assert_non_null(v);
		if (reads(value[i].key, v) != value[i].good)
			fail_msg("%s: %s", value[i].key, value[i].json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_described_is_taken),
		cmocka_unit_test(what_is_not_is_refused_by_name),
		cmocka_unit_test(words_give_and_take),
		cmocka_unit_test(values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

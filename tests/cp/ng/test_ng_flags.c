/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flags of ng: every key and word of ng_words.h does what its effect says, and doc/ng.md lists them
 * under it; what is unknown is counted and left out, as rtpengine does; a space is a hyphen; values
 * that no key may have.
 */
#include "tests/world/unit.h"
#include "tests/world/json_check.h"
#include "cp/ng/ng_flags.h"
#include "cp/ng/ng_rtpp.h"
#include "cp/ng/ng_words.h"

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
	ng_flags_free(&f);
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

/* ---- the table ---- */

/* A word without its '*', or with something in its place. */
static const char *sample(const char *name, char *buf, size_t size)
{
	snprintf(buf, size, "%.*s%s", (int)strcspn(name, "*"), name, strchr(name, '*') ? "x" : "");
	return buf;
}

static void word_does(const struct ng_key *k, const struct ng_word *w)
{
	char word[64];
	const bool taken = reads_word(k->name, sample(w->name, word, sizeof(word)));
	const bool does = w->set | w->clear | w->srtp | w->srtp_clear | w->suites | w->sdp;

	if (w->of) {
		const struct ng_key *of = ng_key_find(w->of);

		if (of && !of->words)
			return; /* codecs(), and test_ng_text.c */
		assert_true(of && of->words);
		for (const struct ng_word *v = of->words; v->name; v++) {
			assert_null(v->of);
			snprintf(word, sizeof(word), "%.*s", (int)strcspn(w->name, "*"), w->name);
			sample(v->name, word + strlen(word), sizeof(word) - strlen(word));
			assert_int_equal(reads_word(k->name, word), v->effect != NG_REFUSED);
			assert_int_equal(f.n_unknown, 0);
			assert_int_equal(f.flags, v->set);
			assert_int_equal(f.srtp, v->srtp);
			assert_int_equal(f.sdp_flags, v->sdp);
		}
		return;
	}
	if (taken != (w->effect != NG_REFUSED))
		fail_msg("%s: %s: %s", k->name, word, f.err);
	if (f.n_unknown || f.flags != w->set || f.srtp != w->srtp || f.sdp_flags != w->sdp)
		fail_msg("%s: %s: flags %x, unknown %s", k->name, word, f.flags, f.unknown);
	if (w->effect == NG_HARMLESS)
		assert_false(does);
	if (w->effect == NG_SERVED)
		assert_true(does);
	if (w->effect == NG_REFUSED && (!strstr(f.err, word) || !strstr(f.err, k->name)))
		fail_msg("%s: %s: %s", k->name, word, f.err);
}

static void each_does_what_its_effect_says(void **state)
{
	(void)state;
	for (const struct ng_key *k = ng_keys; k->name; k++) {
		char key[64];

		sample(k->name, key, sizeof(key));
		assert_ptr_equal(ng_key_find(key), k);
		for (const struct ng_word *w = k->words; w && w->name; w++)
			word_does(k, w);
		if (k->words)
			continue;
		assert_true((k->effect == NG_SERVED) == (k->take != NG_TAKE_NONE));
		if (k->effect == NG_SERVED)
			continue; /* values() */
		assert_int_equal(reads(key, json_string("x")), k->effect == NG_HARMLESS);
		assert_int_equal(f.n_unknown, 0);
		assert_int_equal(f.flags, 0);
		if (k->effect == NG_REFUSED)
			assert_non_null(strstr(f.err, key));
	}
}

/* "| `flags` | `a`, `b` |", of that effect. False: there is none. */
static bool row(const struct ng_key *k, enum ng_effect effect, char *out, size_t size)
{
	size_t n = (size_t)snprintf(out, size, "| `%s` | ", k->name), head = n;

	if (!k->words && k->effect == effect)
		n += (size_t)snprintf(out + n, size - n, "%s", k->values);
	for (const struct ng_word *w = k->words; w && w->name; w++) {
		if (w->effect == effect)
			n += (size_t)snprintf(out + n, size - n, "%s`%s`", n > head ? ", " : "",
					      w->name);
	}
	snprintf(out + n, size - n, " |\n");
	return n > head;
}

/* The next row of doc/ng.md behind the heading of flags. */
static bool row_read(FILE *doc, char *line, int size)
{
	while (fgets(line, size, doc)) {
		if (strncmp(line, "| `", 3) == 0)
			return true;
		if (strncmp(line, "## ", 3) == 0)
			return false;
	}
	return false;
}

static void the_manual_lists_them(void **state)
{
	FILE *doc = fopen(FAIRLEAD_NG_DOC, "r");
	char want[4096], got[4096] = "";

	(void)state;
	assert_non_null(doc);
	while (strcmp(got, "## Flags\n") != 0)
		assert_non_null(fgets(got, sizeof(got), doc));
	for (enum ng_effect e = 0; e < NG_EFFECTS; e++) {
		for (const struct ng_key *k = ng_keys; k->name; k++) {
			if (!row(k, e, want, sizeof(want)))
				continue;
			assert_true(row_read(doc, got, sizeof(got)));
			assert_string_equal(got, want);
		}
	}
	assert_false(row_read(doc, got, sizeof(got)));
	fclose(doc);
}

/* The rows for doc/ng.md. */
static int print(void)
{
	static const char *const head[NG_EFFECTS] = { "Served", "Harmless", "Refused" };
	char line[4096];

	for (enum ng_effect e = 0; e < NG_EFFECTS; e++) {
		printf("%s:\n\n| key | values |\n|---|---|\n", head[e]);
		for (const struct ng_key *k = ng_keys; k->name; k++) {
			if (row(k, e, line, sizeof(line)))
				printf("%s", line);
		}
		printf("\n");
	}
	return 0;
}

static void what_is_unknown_is_counted_and_left_out(void **state)
{
	static const char *const words[] = { "media-hand", "generate-x",	 "trust",
					     "",	   "trust-addresses",	 "codec-x",
					     "replace-x",  "endpoint-learning-x" };
	json_t *v;

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		assert_true(reads_word("flags", words[i]));
		assert_int_equal(f.n_unknown, 1);
		assert_int_equal(f.flags, 0);
	}
	assert_string_equal(f.unknown, "endpoint-learning: x");
	assert_true(reads("callid", json_string("x")));
	assert_string_equal(f.unknown, "callid");
	assert_true(reads("flags", json_integer(1)));
	assert_int_equal(f.n_unknown, 1);
	assert_true(reads("flags", json_stringn_nocheck("symmetric\0", 10)));
	assert_int_equal(f.n_unknown, 1);
	v = json_pack("{s:[s,s,s],s:s}", "flags", "x", "asymmetric", "y", "z", "z");
	assert_true(ng_flags_read(&f, v, &conf));
	assert_int_equal(f.n_unknown, 3);
	assert_string_equal(f.unknown, "flags: x");
	assert_int_equal(f.flags, NG_ASYMMETRIC);
	json_decref(v);
}

/* Of values that say what others do, or what is done without them. */
static void words_that_are_others(void **state)
{
	json_t *v;

	(void)state;
	assert_true(reads_word("ICE", "force-relay"));
	assert_int_equal(f.flags, NG_ICE_DEFAULT);
	assert_true(reads_word("SDES", "UNENCRYPTED_SRTP"));
	assert_int_equal(f.srtp, NG_SDES_CLEAR_RTP);
	assert_true(reads_word("flags", "SDES-UNENCRYPTED_SRTCP"));
	assert_int_equal(f.srtp, NG_SDES_CLEAR_RTCP);
	assert_int_equal(f.n_unknown, 0);
	assert_true(reads("transport-protocol", json_string("accept")));
	assert_null(f.proto);
	v = json_pack("{s:[s],s:i}", "flags", "provisional", "sip-code", 180);
	assert_true(ng_flags_read(&f, v, &conf));
	assert_int_equal(f.code, 180);
	json_decref(v);
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

/* As scripts for rtpengine have them: in either case, and several by commas. */
static void words_as_scripts_have_them(void **state)
{
	json_t *v =
	    json_pack("{s:s,s:s,s:s,s:[s,s],s:s}", "BUNDLE", "Accept", "ice", "force,trickle",
		      "RTCP-mux", "offer,require,", "flags", "sip-source-address",
		      "Codec-Strip-PCMA", "SDES", "only-AES_CM_128_HMAC_SHA1_80,nonew");

	(void)state;
	ng_flags_free(&f);
	assert_true(ng_flags_read(&f, v, &conf));
	assert_int_equal(f.n_unknown, 0);
	assert_int_equal(f.sdp_flags, NG_SDP_ACCEPT | NG_SDP_TRICKLE);
	assert_int_equal(f.flags, NG_ICE_FORCE | NG_MUX_OFFER | NG_MUX_REQUIRE | NG_SIP_SOURCE);
	assert_int_equal(f.srtp, NG_SDES_NONEW);
	assert_int_equal(f.sdes_only.n, 1);
	assert_int_equal(f.n_codec, 1);
	assert_string_equal(f.codec[0].name, "PCMA");
	json_decref(v);
	/* Of a list each is one word, as of a dictionary of codecs. */
	assert_true(reads_word("ICE", "force,trickle"));
	assert_int_equal(f.n_unknown, 1);
	assert_true(reads("ICE", json_string(",")));
	assert_int_equal(f.n_unknown, 1);
	/* What is behind a word may be nothing, but not what is behind its hyphen. */
	assert_true(reads("trigger", json_string("1")) && !f.n_unknown);
	assert_true(reads_word("flags", "block-short") && !f.n_unknown);
	assert_true(reads_word("SDES", "only-") && f.n_unknown);
	assert_false(reads("media-echo", json_string("sinkhole,FWD")));
	assert_non_null(strstr(f.err, "FWD"));
	ng_flags_free(&f);
}

enum outcome { GOOD, LEFT_OUT, BAD };

static void values(void **state)
{
	static const struct {
		const char *key, *json;
		enum outcome outcome;
	} value[] = {
		{ "call-id", "\"x\"", GOOD },
		{ "call-ID", "\"x\"", GOOD },
		{ "call-id", "\"\"", BAD },
		{ "call-id", "7", BAD },
		{ "from-tag", "\"a\"", GOOD },
		{ "from-tag", "[\"a\"]", BAD },
		{ "to tag", "\"a\"", GOOD },
		{ "received-from", "[\"IP4\",\"192.0.2.1\"]", GOOD },
		{ "received-from", "\"2001:db8::1\"", GOOD },
		{ "received-from", "[\"IP4\"]", LEFT_OUT },
		{ "received-from", "[\"IP4\",\"host.example\"]", LEFT_OUT },
		{ "direction", "[\"core\",\"access\"]", GOOD },
		{ "direction", "[\"core\"]", GOOD },
		{ "direction", "[\"core\",\"access\",\"core\"]", BAD },
		{ "direction", "[\"core\",\"access\",\"round-robin-calls\"]", GOOD },
		{ "direction", "\"core\"", BAD },
		{ "direction", "[\"x\"]", BAD },
		{ "from-interface", "\"core\"", GOOD },
		{ "to-interface", "\"x\"", BAD },
		{ "TOS", "255", GOOD },
		{ "TOS", "\"184\"", GOOD },
		{ "TOS", "-1", LEFT_OUT },
		{ "TOS", "256", LEFT_OUT },
		{ "sip-code", "\"200\"", GOOD },
		{ "SIP code", "99", LEFT_OUT },
		{ "address family", "\"IP6\"", GOOD },
		{ "address_family", "\"IP5\"", BAD },
		{ "media-address", "\"192.0.2.1\"", GOOD },
		{ "media-address", "\"x\"", BAD },
		{ "rtpp-flags", "\"\"", GOOD },
		{ "rtpp_flags", "7", LEFT_OUT },
		{ "codec", "[]", LEFT_OUT },
		{ "sdp-media-remove", "\"video\"", GOOD },
		{ "extmap", "\"mask\"", LEFT_OUT },
		{ "via-branch", "\"z\"", GOOD },
		{ "via-branch", "7", LEFT_OUT },
		{ "delete-delay", "0", GOOD },
		{ "delete delay", "\"30\"", GOOD },
		{ "delete-delay", "-1", LEFT_OUT },
		{ "sdp", "{}", BAD },
		{ "transport-protocol", "\"\"", BAD },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(value) / sizeof(value[0]); i++) {
		json_t *v = json_loads(value[i].json, JSON_DECODE_ANY, NULL);

		assert_non_null(v);
		if (reads(value[i].key, v) != (value[i].outcome != BAD) ||
		    f.n_unknown != (value[i].outcome == LEFT_OUT))
			fail_msg("%s: %s: %s", value[i].key, value[i].json, f.err);
	}
}

static void realms_by_either_name(void **state)
{
	json_t *v = json_pack("{s:s,s:s}", "to-interface", "core", "from-interface", "access");

	(void)state;
	assert_true(ng_flags_read(&f, v, &conf));
	assert_int_equal(f.realm[0], 0);
	assert_int_equal(f.realm[1], 1);
	json_decref(v);
}

/* What rtpp-flags say, as JSON. */
static void rtpp_is(const char *text, const char *json, uint32_t n_unknown)
{
	json_t *got;
	uint32_t n;

	print_message("rtpp-flags: %s\n", text);
	got = ng_rtpp_parse(text, &n);
	expect_json(got, json);
	assert_int_equal(n, n_unknown);
	json_decref(got);
}

static void rtpp_flags_become_keys_and_flags(void **state)
{
	(void)state;
	rtpp_is("", "{}", 0);
	rtpp_is("  a b-c ", "{\"flags\":[\"a\",\"b-c\"]}", 0);
	rtpp_is("ICE=remove TOS=184", "{\"ICE\":\"remove\",\"TOS\":\"184\"}", 0);
	rtpp_is("direction=a direction=b", "{\"direction\":[\"a\",\"b\"]}", 0);
	rtpp_is("direction=[a b]", "{\"direction\":[\"a\",\"b\"]}", 0);
	rtpp_is("internal external", "{\"direction\":[\"internal\",\"external\"]}", 0);
	rtpp_is("RTP/SAVP x", "{\"transport-protocol\":\"RTP/SAVP\",\"flags\":[\"x\"]}", 0);
	rtpp_is("RTP", "{\"transport-protocol\":\"RTP/AVP\"}", 0);
	rtpp_is("SRTP AVPF", "{\"transport-protocol\":\"RTP/SAVPF\"}", 0);
	rtpp_is("DTLS AVPF", "{\"transport-protocol\":\"UDP/TLS/RTP/SAVPF\"}", 0);
	rtpp_is("to-tag=x from-tag=y",
		"{\"to-tag\":\"x\",\"from-tag\":\"y\","
		"\"flags\":[\"to-tag\",\"directional\"]}",
		0);
	rtpp_is("codec=[strip=[PCMA G722] offer=PCMU]",
		"{\"codec\":{\"strip\":[\"PCMA\",\"G722\"],\"offer\":\"PCMU\"}}", 0);
	rtpp_is("codec-strip=A codec-strip=B", "{\"codec-strip\":[\"A\",\"B\"]}", 0);
	rtpp_is("a=[ x  y ]b", "{\"a\":[\"x\",\"y\"],\"flags\":[\"b\"]}", 0);
	rtpp_is("a=[x", "{\"a\":[\"x\"]}", 0);
	rtpp_is("a=", "{\"a\":\"\"}", 0);
	/* What makes no sense is counted, and no more is lost. */
	rtpp_is("] =b [ c", "{\"flags\":[\"b\",\"c\"]}", 3);
	rtpp_is("a=[b=c d] e", "{\"a\":{\"b\":\"c\"},\"flags\":[\"e\"]}", 1);
	rtpp_is("a=[[b] c]", "{\"a\":[\"c\"]}", 1);
	rtpp_is("a=[b=[c=[d=[e=[f g] h] i] j] k",
		"{\"a\":{\"b\":{\"c\":{\"d\":{}}}},\"flags\":[\"k\"]}", 4);
}

static void rtpp_flags_are_bounded(void **state)
{
	char text[8192] = "", *p = text;
	uint32_t n;
	json_t *v;

	(void)state;
	for (int i = 0; i < 600; i++)
		p += sprintf(p, "x%d ", i);
	v = ng_rtpp_parse(text, &n);
	assert_int_equal(json_array_size(json_object_get(v, "flags")), 512);
	assert_int_equal(n, 88);
	json_decref(v);
	memset(text, '[', sizeof(text) - 1);
	json_decref(ng_rtpp_parse(text, &n));
	assert_int_equal(n, sizeof(text) - 1);
	text[0] = 'a';
	text[1] = '=';
	json_decref(ng_rtpp_parse(text, &n));
	assert_true(n > 0);
}

static void rtpp_flags_are_flags(void **state)
{
	(void)state;
	assert_true(
	    reads("rtpp-flags", json_string("asymmetric ICE=force replace-origin foo "
					    "direction=core to-tag=x codec=[strip=[PCMA]]")));
	assert_int_equal(f.flags, NG_ASYMMETRIC | NG_ICE_FORCE | NG_ORIGIN | NG_TO_TAG);
	assert_int_equal(f.realm[0], 1);
	assert_string_equal(f.to, "x");
	assert_int_equal(f.n_codec, 1);
	assert_string_equal(f.codec[0].name, "PCMA");
	assert_int_equal(f.n_unknown, 1);
	assert_false(reads("rtpp-flags", json_string("direction=nowhere")));
	assert_false(reads("rtpp-flags", json_string("always-transcode")));
	/* Not in itself. */
	assert_true(reads("rtpp-flags", json_string("rtpp-flags=asymmetric")));
	assert_int_equal(f.n_unknown, 1);
	ng_flags_free(&f);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_does_what_its_effect_says),
		cmocka_unit_test(the_manual_lists_them),
		cmocka_unit_test(what_is_unknown_is_counted_and_left_out),
		cmocka_unit_test(words_give_and_take),
		cmocka_unit_test(words_that_are_others),
		cmocka_unit_test(words_as_scripts_have_them),
		cmocka_unit_test(values),
		cmocka_unit_test(realms_by_either_name),
		cmocka_unit_test(rtpp_flags_become_keys_and_flags),
		cmocka_unit_test(rtpp_flags_are_bounded),
		cmocka_unit_test(rtpp_flags_are_flags),
	};

	if (argc > 1 && strcmp(argv[1], "--print") == 0)
		return print();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

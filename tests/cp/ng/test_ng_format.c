/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Codecs in the SDP for the other side: stripped, kept, preferred, one alone, as rtpengine's
 * `codec` has it where nothing is transcoded; and what else flags change in SDP alone.
 */
#include "tests/world/ng_world.h"

#include <stdio.h>

#define A "v=0\no=u 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"
#define B "v=0\no=u 1 1 IN IP4 203.0.113.9\ns=-\nc=IN IP4 203.0.113.9\nt=0 0\n"

static const char offer[] = A "m=audio 4000 RTP/AVP 96 8 0 97 13 101\n"
			      "a=rtpmap:96 opus/48000/2\n"
			      "a=fmtp:96 useinbandfec=1\n"
			      "a=rtpmap:97 opus/16000\n"
			      "a=rtpmap:101 telephone-event/8000\n"
			      "a=fmtp:101 0-15\n"
			      "a=ptime:20\n";

/* The formats of the m-line that came of it. */
static const char *formats(struct ng_world *w, const char *command, const char *more)
{
	static char text[128];
	const char *at;

	ng_sdp(w, command, "a", *command == 'a' ? "b" : NULL, more, offer);
	at = strstr(w->sdp, " RTP/AVP ");
	assert_non_null(at);
	at += strlen(" RTP/AVP ");
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(at, "\n"), at);
	return text;
}

static void codecs_are_stripped_kept_and_preferred(void **state)
{
	static const struct {
		const char *more, *formats;
	} c[] = {
		{ "\"codec\":{\"strip\":[\"PCMA\"]}", "96 0 97 13 101" },
		{ "\"codec\":{\"strip\":\"pcma\"}", "96 0 97 13 101" },
		{ "\"codec\":{\"strip\":[\"opus\"]}", "8 0 13 101" },
		{ "\"codec\":{\"strip\":[\"opus/48000\"]}", "8 0 97 13 101" },
		{ "\"codec\":{\"strip\":[\"opus/48000/2\"]}", "8 0 97 13 101" },
		{ "\"codec\":{\"strip\":[\"opus/4800\"]}", "96 8 0 97 13 101" },
		{ "\"codec\":{\"strip\":[\"97\",\"8\"]}", "96 0 13 101" },
		{ "\"codec\":{\"strip\":[\"all\"],\"except\":[\"PCMU\",\"telephone-event\"]}",
		  "0 101" },
		{ "\"codec\":{\"strip\":[\"full\"],\"offer\":[\"telephone-event\",\"PCMU\","
		  "\"PCMA\"]}",
		  "101 0 8" },
		{ "\"codec\":{\"offer\":[\"PCMU\"]}", "0 96 8 97 13 101" },
		{ "\"codec\":{\"mask\":[\"all\"],\"transcode\":[\"PCMA\"]}", "8" },
		{ "\"codec\":{\"ignore\":[\"PCMA\"]}", "96 0 97 13 101" },
		{ "\"codec\":{\"consume\":[\"PCMA\"]}", "96 8 0 97 13 101" },
		{ "\"codec\":{\"strip\":[\"all\"],\"accept\":[\"PCMA\"]}", "8" },
		/* An m-line without media is none. */
		{ "\"codec\":{\"strip\":[\"all\"]}", "96 8 0 97 13 101" },
		{ "\"codec\":{\"strip\":[\"opus\",\"PCMA\",\"PCMU\"]}", "96 8 0 97 13 101" },
		/* As Kamailio has it in words and keys. */
		{ "\"flags\":[\"codec-strip-PCMA\",\"codec-offer-PCMU\"]", "0 96 97 13 101" },
		{ "\"codec-strip\":\"PCMA\"", "96 0 97 13 101" },
		{ "\"codec-strip\":[\"PCMA\",\"PCMU\"]", "96 97 13 101" },
		{ "\"flags\":[\"transcode-PCMA\",\"codec-strip-all\"]", "8" },
		/* Of answers alone. */
		{ "\"flags\":[\"single-codec\"]", "96 8 0 97 13 101" },
	};
	struct ng_world *w = *state;

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		const char *got = formats(w, "offer", c[i].more);

		if (strcmp(got, c[i].formats) != 0)
			fail_msg("%s: %s, not %s", c[i].more, got, c[i].formats);
	}
	assert_int_equal(ng_stats(w->ng)->unknown, 0);
}

static void attributes_go_with_their_format(void **state)
{
	struct ng_world *w = *state;

	formats(w, "offer", "\"codec\":{\"strip\":[\"opus/48000\",\"telephone-event\"]}");
	ng_lacks(w, ":96 ");
	ng_lacks(w, ":101 ");
	ng_has(w, "a=rtpmap:97 opus/16000");
	ng_has(w, "a=ptime:20");
	ng_sdp(w, "offer", "a", NULL,
	       "\"codec\":{\"strip\":[\"VP8\"]},\"transport-protocol\":\"RTP/AVPF\"",
	       A "m=video 4000 RTP/AVPF 96 97 98\na=rtpmap:96 VP8/90000\na=rtcp-fb:96 nack\n"
		 "a=rtcp-fb:* ccm fir\na=rtpmap:97 rtx/90000\na=fmtp:97 apt=96\na=rtpmap:98 "
		 "H264/90000\n");
	assert_non_null(strstr(w->sdp, " RTP/AVPF 98\n"));
	ng_lacks(w, ":96 ");
	ng_lacks(w, ":97 ");
	ng_has(w, "a=rtcp-fb:* ccm fir");
	/* What is no RTP has no payload types. */
	ng_sdp(w, "offer", "a", NULL, "\"codec\":{\"strip\":[\"all\"]}",
	       A "m=image 4000 udptl t38\n");
	assert_non_null(strstr(w->sdp, " udptl t38\n"));
}

static void an_answer_may_have_one_codec(void **state)
{
	struct ng_world *w = *state;

	formats(w, "offer", "");
	assert_string_equal(formats(w, "answer", "\"flags\":[\"single-codec\"]"), "96 13 101");
	assert_string_equal(
	    formats(w, "answer", "\"flags\":[\"single-codec\"],\"codec\":{\"strip\":[\"opus\"]}"),
	    "8 13 101");
}

static void what_would_be_transcoded_is_refused(void **state)
{
	struct ng_world *w = *state;

	ng_sdp_refused(w, "offer", "\"codec\":{\"transcode\":[\"G729\"]}", offer, "\"G729\"");
	ng_sdp_refused(w, "offer", "\"flags\":[\"codec-set-G722\"]", offer, "\"G722\"");
	ng_sdp_refused(w, "offer", "\"flags\":[\"transcode-G722\"]", offer, "\"G722\"");
	assert_int_equal(ng_contexts(w), 0);
}

static void codecs_that_make_no_sense_are_left_out(void **state)
{
	struct ng_world *w = *state;

	assert_string_equal(
	    formats(w, "offer",
		    "\"codec\":{\"foo\":[\"PCMA\"],\"strip\":[7,\"\"]},"
		    "\"flags\":[\"codec-strip\",\"codec-x-PCMA\"],\"codec-strip\":{}"),
	    "96 8 0 97 13 101");
	assert_int_equal(ng_stats(w->ng)->unknown, 6);
}

static void what_else_is_text(void **state)
{
	struct ng_world *w = *state;
	static const char two[] =
	    A "a=extmap-allow-mixed\nm=audio 4000 RTP/AVP 0\na=extmap:1 urn:x\n"
	      "a=tls-id:1\nm=video 4002 RTP/AVP 96\n";

	ng_sdp(w, "offer", "a", NULL, "\"flags\":[\"generate-mid\",\"strip-extmap\",\"no-tls-id\"]",
	       two);
	ng_lacks(w, "extmap");
	ng_lacks(w, "tls-id");
	ng_has(w, "a=mid:0");
	ng_has(w, "a=mid:1");
	json_decref(ng_ask_json(w, "{\"command\":\"delete\",\"call-id\":\"c\"}"));
	ng_sdp(w, "offer", "a", NULL, "\"extmap\":\"strip\"", two);
	ng_lacks(w, "extmap");
	ng_lacks(w, "a=mid");
	/* Names that are there stay, and ours differ. */
	ng_sdp(w, "offer", "a", NULL, "\"flags\":[\"generate-mid\"]",
	       A "m=audio 4000 RTP/AVP 0\na=mid:1\nm=video 4002 RTP/AVP 96\n");
	ng_has(w, "a=mid:1");
	ng_has(w, "a=mid:fl1");
	ng_sdp(w, "offer", "a", NULL, "\"sdp-media-remove\":[\"video\",\"foo\"]", two);
	ng_has(w, "m=video 0 RTP/AVP 96");
	assert_int_equal(ng_stats(w->ng)->unknown, 1);
	ng_sdp(w, "answer", "a", "b", "", B "m=audio 6000 RTP/AVP 0\nm=video 0 RTP/AVP 96\n");
	assert_int_equal(ng_contexts(w), 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, ng_world_setup, ng_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(codecs_are_stripped_kept_and_preferred), T(attributes_go_with_their_format),
		T(an_answer_may_have_one_codec),	   T(what_would_be_transcoded_is_refused),
		T(codecs_that_make_no_sense_are_left_out), T(what_else_is_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

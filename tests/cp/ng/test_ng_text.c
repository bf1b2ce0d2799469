/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SDP that is text to us: attributes that flags edit, the version that counts what changes (RFC
 * 3264 8), labels, and fragments with candidates (RFC 8840) (R12, R24).
 */
#include "tests/world/ng_world.h"
#include "cp/ng/ng_call.h"

#include <stdio.h>

#define A "v=0\no=a 1 7 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"
#define B "v=0\no=b 1 1 IN IP4 203.0.113.9\ns=-\nc=IN IP4 203.0.113.9\nt=0 0\n"
#define AUDIO "m=audio 4000 RTP/AVP 0\n"

static const char two[] = A "a=tool:x y z\na=sendrecv\n"
			    "m=audio 4000 RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000\n"
			    "a=fmtp:101 0-15\na=ptime:20\na=ptimes\n"
			    "m=video 4002 RTP/AVP 96\na=rtpmap:96 VP8/90000\na=ptime:20\n";

/* ---- sdp-attr ---- */

static void edits(struct ng_world *w, const char *how)
{
	char more[1024];

	snprintf(more, sizeof(more), "\"sdp-attr\":%s", how);
	ng_sdp(w, "offer", "a", NULL, more, two);
}

static void attributes_are_added_once(void **state)
{
	struct ng_world *w = *state;

	edits(
	    w,
	    "{\"none\":{\"add\":[\"lang:de\",\"sendrecv\"]},\"audio\":{\"add\":\"maxptime:40\"}}");
	ng_has(w, "a=lang:de");
	assert_non_null(strstr(w->sdp, "a=sendrecv\na=lang:de\nm=audio"));
	assert_null(strstr(strstr(w->sdp, "a=sendrecv") + 1, "a=sendrecv"));
	assert_true(strstr(w->sdp, "a=maxptime:40") < strstr(w->sdp, "m=video"));
	assert_null(strstr(strstr(w->sdp, "m=video"), "maxptime"));
	edits(w, "{\"video\":{\"add\":[\"x\"]},\"global\":{\"add\":[\"y\"]}}");
	assert_non_null(strstr(strstr(w->sdp, "m=video"), "a=x\n"));
	assert_string_equal(w->sdp + strlen(w->sdp) - 4, "a=x\n");
}

static void attributes_are_removed_by_name_word_or_whole(void **state)
{
	static const struct {
		const char *told;
		bool gone; /* a=fmtp:101 0-15 */
	} c[] = { { "fmtp", true },
		  { "fmtp:101", true },
		  { "fmtp:101 0-15", true },
		  { "fmtp:10", false },
		  { "fmt", false },
		  { "fmtp:101 0-1", false },
		  { "fmtp:101 0-15 ", false },
		  { "0-15", false } };
	struct ng_world *w = *state;
	char how[128];

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		snprintf(how, sizeof(how), "{\"audio\":{\"remove\":[\"%s\"]}}", c[i].told);
		edits(w, how);
		if ((strstr(w->sdp, "a=fmtp:101 0-15\n") == NULL) != c[i].gone)
			fail_msg("%s", c[i].told);
		ng_has(w, "a=rtpmap:101 telephone-event/8000");
	}
	/* Of its own part, and no more than it says. */
	edits(w, "{\"audio\":{\"remove\":[\"ptime\"]}}");
	ng_has(w, "a=ptimes");
	assert_null(strstr(strstr(w->sdp, "m=audio"), "a=ptime:20\nm=video"));
	assert_non_null(strstr(strstr(w->sdp, "m=video"), "a=ptime:20\n"));
}

static void attributes_are_substituted(void **state)
{
	struct ng_world *w = *state;

	edits(w, "{\"none\":{\"substitute\":[[\"sendrecv\",\"sendonly\"],[\"tool\",\"tool:q\"]]},"
		 "\"audio\":{\"substitute\":[\"fmtp:101\",\"fmtp:126 0-16\"]}}");
	ng_has(w, "a=sendonly");
	ng_has(w, "a=tool:q");
	ng_lacks(w, "sendrecv");
	ng_has(w, "a=fmtp:126 0-16");
	ng_lacks(w, "fmtp:101");
	/* As words, in flags and in rtpp-flags. */
	ng_sdp(w, "offer", "a", NULL,
	       "\"flags\":[\"sdp-attr-remove-audio-ptime:20\",\"sdp-attr-add-none-x:a--b..c-d\","
	       "\"sdp-attr-substitude-none-sendrecv>sendonly\"]",
	       two);
	ng_has(w, "a=x:a=b c-d");
	ng_has(w, "a=sendonly");
	assert_null(strstr(strstr(w->sdp, "m=audio"), "a=ptime:20\nm=video"));
	ng_sdp(w, "offer", "a", NULL,
	       "\"rtpp-flags\":\"sdp-attr-substitute-video-ptime>ptime:40 "
	       "sdp-attr=[audio=[remove=[ptime:20]]]\"",
	       two);
	assert_non_null(strstr(strstr(w->sdp, "m=video"), "a=ptime:40\n"));
	ng_lacks(w, "ptime:20");
	assert_int_equal(ng_stats(w->ng)->unknown, 0);
}

static void what_is_no_attribute_is_left_out(void **state)
{
	static const char *const c[] = {
		"7",
		"{\"audio\":7}",
		"{\"foo\":{\"add\":[\"x\"]}}",
		"{\"other\":{\"add\":[\"x\"]}}",
		"{\"audio\":{\"foo\":[\"x\"]}}",
		"{\"audio\":{\"add\":[7]}}",
		"{\"audio\":{\"add\":[\"\"]}}",
		"{\"audio\":{\"add\":[\"x\\r\\nm=audio 1 RTP/AVP 0\"]}}",
		"{\"audio\":{\"substitute\":[\"ptime\"]}}",
		"{\"audio\":{\"substitute\":[[\"ptime\",7]]}}",
	};
	static const char *const word[] = { "x",
					    "add-",
					    "add-audio",
					    "add-audio-",
					    "add-foo-x",
					    "substitute-audio-x",
					    "remove-audio",
					    "substitute-none->x" };
	struct ng_world *w = *state;
	char more[128];

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		edits(w, c[i]);
		assert_int_equal(ng_stats(w->ng)->unknown, i + 1);
		ng_has(w, "a=ptime:20");
		ng_lacks(w, "a=x");
	}
	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		snprintf(more, sizeof(more), "\"flags\":[\"sdp-attr-%s\"]", word[i]);
		ng_sdp(w, "offer", "a", NULL, more, two);
		if (ng_stats(w->ng)->unknown != sizeof(c) / sizeof(c[0]) + i + 1)
			fail_msg("%s", word[i]);
		ng_lacks(w, "a=x");
	}
}

/* There is a bound, and an SDP that does not fit is refused whole. */
static void edits_are_bounded(void **state)
{
	struct ng_world *w = *state;
	enum { ROOM = 61500, CERTIFIED = 2600 };
	static char more[8192], sdp[65000];
	size_t n = (size_t)snprintf(more, sizeof(more), "\"sdp-attr\":{\"audio\":{\"add\":[\"x0\"");

	for (int i = 1; i <= NG_ATTRS_MAX; i++)
		n += (size_t)snprintf(more + n, sizeof(more) - n, ",\"x%d\"", i);
	snprintf(more + n, sizeof(more) - n, "]}}");
	ng_sdp(w, "offer", "a", NULL, more, A AUDIO);
	ng_has(w, "a=x63");
	ng_lacks(w, "a=x64");
	assert_int_equal(ng_stats(w->ng)->unknown, 1);
	/* As many, and longer ones. */
	n = (size_t)snprintf(more, sizeof(more), "\"sdp-attr\":{\"audio\":{\"add\":[\"x\"");
	for (int i = 1; i < NG_ATTRS_MAX; i++)
		n += (size_t)snprintf(more + n, sizeof(more) - n, ",\"x%050d\"", i);
	snprintf(more + n, sizeof(more) - n, "]}}");
	n = (size_t)snprintf(sdp, sizeof(sdp), A "m=audio 4000 RTP/AVP 0\na=");
	memset(sdp + n, 'y', ROOM);
	snprintf(sdp + n + ROOM, sizeof(sdp) - n - ROOM, "\n");
	/* Before anything is made. */
	json_decref(ng_ask_json(w, "{\"command\":\"delete\",\"call-id\":\"c\"}"));
	ng_sdp_refused(w, "offer", more, sdp, "too long");
	assert_int_equal(ng_contexts(w), 0);
	/* What the session says of certificates may come to stand in each m-line. */
	n = (size_t)snprintf(sdp, sizeof(sdp), A "a=tls-id:");
	memset(sdp + n, 'y', CERTIFIED);
	n += CERTIFIED;
	n += (size_t)snprintf(sdp + n, sizeof(sdp) - n,
			      "\na=setup:actpass\na=fingerprint:sha-1 "
			      "4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB\n");
	for (int i = 0; i < 24; i++)
		n += (size_t)snprintf(sdp + n, sizeof(sdp) - n, "m=audio %d UDP/TLS/RTP/SAVP 0\n",
				      4000 + 2 * i);
	ng_sdp_refused(w, "offer", "", sdp, "too long");
	assert_int_equal(ng_contexts(w), 0);
}

static void header_extensions_are_stripped_by_name(void **state)
{
	static const char mapped[] = A AUDIO "a=extmap:1 urn:x\na=extmap:2/recvonly urn:y z\n"
					     "a=extmap:3\na=extmap-allow-mixed\n";
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "\"extmap\":{\"strip\":[\"urn:y\"]}", mapped);
	ng_has(w, "a=extmap:1 urn:x");
	ng_lacks(w, "urn:y");
	ng_has(w, "a=extmap-allow-mixed");
	ng_sdp(w, "offer", "a", NULL, "\"rtpp-flags\":\"extmap=[strip=[all]]\"", mapped);
	ng_lacks(w, "extmap");
	assert_int_equal(ng_stats(w->ng)->unknown, 0);
	ng_sdp(w, "offer", "a", NULL, "\"extmap\":{\"strip\":[7],\"mask\":[\"all\"]}", mapped);
	ng_has(w, "a=extmap:1 urn:x");
	assert_int_equal(ng_stats(w->ng)->unknown, 2);
	ng_sdp(w, "offer", "a", NULL, "\"extmap\":{}", mapped);
	assert_int_equal(ng_stats(w->ng)->unknown, 3);
}

/* ---- the version in o= ---- */

static void has_version(const struct ng_world *w, const char *o)
{
	char line[64];

	snprintf(line, sizeof(line), "o=%s", o);
	if (!strstr(w->sdp, line))
		fail_msg("no %s in\n%s", line, w->sdp);
}

static const char counted[] = "\"replace\":[\"SDP-version\",\"origin\"]";

static void the_version_counts_what_changes(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, counted, A AUDIO);
	has_version(w, "a 1 7 ");
	ng_sdp(w, "answer", "a", "b", counted, B "m=audio 6000 RTP/AVP 0\n");
	has_version(w, "b 1 1 ");
	/* Whatever the sender has made of its own. */
	ng_sdp(w, "offer", "a", "b", counted,
	       "v=0\no=a 1 9 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n" AUDIO);
	has_version(w, "a 1 7 ");
	ng_sdp(w, "answer", "a", "b", counted, B "m=audio 6000 RTP/AVP 0\na=recvonly\n");
	has_version(w, "b 1 2 ");
	ng_sdp(w, "offer", "a", "b", counted, A AUDIO "a=sendonly\n");
	has_version(w, "a 1 8 ");
	ng_sdp(w, "offer", "a", "b", "\"replace\":[\"force-increment-sdp-ver\"]",
	       A AUDIO "a=sendonly\n");
	has_version(w, "a 1 9 ");
	/* Without the flag it is the sender's. */
	ng_sdp(w, "offer", "a", "b", "", A AUDIO);
	has_version(w, "a 1 7 ");
}

static void the_version_goes_on_where_m_lines_go_and_after_a_restart(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, counted, A AUDIO "m=video 4002 RTP/AVP 96\n");
	has_version(w, "a 1 7 ");
	ng_sdp(w, "answer", "a", "b", counted,
	       B "m=audio 6000 RTP/AVP 0\nm=video 6002 RTP/AVP 96\n");
	ng_world_restart(w);
	ng_sdp(w, "offer", "a", "b", counted, A "m=audio 0 RTP/AVP 0\nm=video 4002 RTP/AVP 96\n");
	has_version(w, "a 1 8 ");
	ng_sdp(w, "answer", "a", "b", counted, B "m=audio 0 RTP/AVP 0\nm=video 6002 RTP/AVP 96\n");
	has_version(w, "b 1 2 ");
}

static void a_version_that_is_no_number_counts_from_one(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, counted,
	       "v=0\no=a 1 x IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n" AUDIO);
	has_version(w, "a 1 1 ");
	ng_sdp(w, "offer", "z", NULL, counted,
	       "v=0\no=a 1 99999999999999999999 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\n"
	       "t=0 0\n" AUDIO);
	has_version(w, "a 1 1 ");
}

/* The context of an m-line that goes before it was answered is no more when the version is kept. */
static void an_offer_shrinks_before_its_answer(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, counted, A AUDIO "m=video 4002 RTP/AVP 96\n");
	assert_int_equal(ng_contexts(w), 2);
	ng_sdp(w, "offer", "a", NULL, counted, A AUDIO);
	assert_int_equal(ng_contexts(w), 1);
	ng_sdp(w, "answer", "a", "b", counted, B "m=audio 6000 RTP/AVP 0\n");
	assert_int_equal(ng_contexts(w), 1);
}

/* ---- labels ---- */

static const char *label_of(struct ng_world *w, const char *tag)
{
	static char text[64];
	json_t *v = ng_ask_json(w, "{\"command\":\"query\",\"call-id\":\"c\"}");
	json_t *in = json_object_get(json_object_get(v, "tags"), tag);
	const char *s = json_string_value(json_object_get(in, "label"));

	snprintf(text, sizeof(text), "%s", s ? s : "");
	json_decref(v);
	return text;
}

static uint32_t gates(const struct ng_world *w)
{
	uint32_t open = 0;

	for (uint32_t side = 0; side < 2; side++)
		open |= (ng_context(w, 0)->term[side].term.flags & TERM_IN) << side;
	return open;
}

static void say(struct ng_world *w, const char *command, const char *label, const char *result)
{
	json_t *v = ng_ask_json(w, "{\"command\":\"%s\",\"call-id\":\"c\",\"label\":\"%s\"}",
				command, label);

	assert_string_equal(json_string_value(json_object_get(v, "result")), result);
	json_decref(v);
}

static void labels_are_told_and_choose(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "\"label\":\"caller\"", A AUDIO);
	ng_sdp(w, "answer", "a", "b", "\"from-label\":\"callee\"", B "m=audio 6000 RTP/AVP 0\n");
	assert_string_equal(label_of(w, "a"), "caller");
	assert_string_equal(label_of(w, "b"), "callee");
	say(w, "block media", "callee", "ok");
	assert_int_equal(gates(w), TERM_IN);
	say(w, "block media", "nobody", "error");
	/* What nobody can have is not all of the call. */
	say(w, "block media", "", "error");
	say(w, "block media", "a-label-that-is-longer-than-any-that-is-kept", "error");
	assert_int_equal(gates(w), TERM_IN);
	say(w, "unblock media", "callee", "ok");
	assert_int_equal(gates(w), TERM_IN | TERM_IN << 1);
	/* It stays, until there is another. */
	ng_sdp(w, "offer", "a", "b", "", A AUDIO "m=video 4002 RTP/AVP 96\n");
	assert_string_equal(label_of(w, "a"), "caller");
	ng_sdp(w, "offer", "a", "b", "\"label\":\"x\"", A AUDIO);
	assert_string_equal(label_of(w, "a"), "x");
	ng_sdp(w, "offer", "a", "b", "\"label\":\"a-label-that-is-longer-than-any-that-is-kept\"",
	       A AUDIO);
	assert_string_equal(label_of(w, "a"), "x");
	assert_int_equal(ng_stats(w->ng)->unknown, 2);
}

/* ---- fragments ---- */

#define ICE "a=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\n"

static const char fragment[] = ICE "m=audio 9 RTP/AVP 0\na=mid:au\n"
				   "a=candidate:1 1 UDP 1 203.0.113.7 4100 typ host\n"
				   "m=video 9 RTP/AVP 0\na=mid:nobody\na=end-of-candidates\n";

static void a_fragment_tells_of_us(void **state)
{
	struct ng_world *w = *state;
	char line[128];

	ng_sdp(w, "offer", "a", NULL, "", A AUDIO ICE "a=mid:au\na=rtcp-mux\n");
	ng_sdp(w, "answer", "a", "b", "", B "m=audio 6000 RTP/AVP 0\na=mid:au\na=rtcp-mux\n" ICE);
	ng_sdp(w, "offer", "a", "b", "\"flags\":[\"fragment\"]", fragment);
	ng_lacks(w, "203.0.113.7");
	ng_lacks(w, "abcd");
	ng_lacks(w, "v=0");
	assert_int_equal(strncmp(w->sdp, "m=audio 9 RTP/AVP 0\na=mid:au\na=ice-ufrag:", 41), 0);
	snprintf(line, sizeof(line), "a=ice-ufrag:%s", ng_context(w, 0)->term[1].term.ufrag);
	ng_has(w, line);
	ng_has(w, "a=end-of-candidates");
	ng_lacks(w, "a=candidate:1 2 ");
	assert_non_null(strstr(w->sdp, "m=video 9 RTP/AVP 0\na=mid:nobody\n"));
	/* From the other side; without names m-lines go by their places. */
	ng_sdp(w, "answer", "a", "b", "\"flags\":[\"fragment\"]", ICE "m=audio 9 RTP/AVP 0\n");
	snprintf(line, sizeof(line), "a=ice-ufrag:%s", ng_context(w, 0)->term[0].term.ufrag);
	ng_has(w, line);
	/* And by the name that its answer gave. */
	ng_sdp(w, "answer", "a", "b", "\"flags\":[\"fragment\"]", fragment);
	ng_has(w, line);
	assert_int_equal(ng_contexts(w), 1);
}

static void a_fragment_for_who_has_no_ice_is_empty(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "\"ICE\":\"remove\"", A AUDIO ICE "a=mid:au\n");
	ng_sdp(w, "answer", "a", "b", "", B "m=audio 6000 RTP/AVP 0\n");
	ng_sdp(w, "offer", "a", "b", "\"flags\":[\"fragment\"]", fragment);
	ng_lacks(w, "ice");
	ng_lacks(w, "candidate");
}

static void a_fragment_of_no_call_is_refused(void **state)
{
	struct ng_world *w = *state;

	ng_sdp_refused(w, "offer", "\"flags\":[\"fragment\"]", fragment, "Unknown call-id");
	ng_sdp_refused(w, "answer", "\"flags\":[\"fragment\"]", "x\n", "line 1");
	ng_sdp_refused(w, "offer", "", fragment, "no v=");
	assert_int_equal(ng_contexts(w), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, ng_world_setup, ng_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(attributes_are_added_once),
		T(attributes_are_removed_by_name_word_or_whole),
		T(attributes_are_substituted),
		T(what_is_no_attribute_is_left_out),
		T(edits_are_bounded),
		T(header_extensions_are_stripped_by_name),
		T(the_version_counts_what_changes),
		T(the_version_goes_on_where_m_lines_go_and_after_a_restart),
		T(a_version_that_is_no_number_counts_from_one),
		T(an_offer_shrinks_before_its_answer),
		T(labels_are_told_and_choose),
		T(a_fragment_tells_of_us),
		T(a_fragment_for_who_has_no_ice_is_empty),
		T(a_fragment_of_no_call_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

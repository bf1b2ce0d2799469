/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * block media and unblock media (R32): whose gates are shut, and that offers and answers, whenever
 * they come, leave them so until they are opened again; block DTMF and unblock DTMF likewise of
 * telephone events alone (RFC 4733); silence media and unsilence media of what is said.
 */
#include "tests/world/ng_world.h"

static const char offer[] = "v=0\no=a 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\n"
			    "t=0 0\nm=audio 4000 RTP/AVP 0\n";
static const char answer[] = "v=0\no=b 1 1 IN IP4 203.0.113.9\ns=-\nc=IN IP4 203.0.113.9\n"
			     "t=0 0\nm=audio 6000 RTP/AVP 0\n";
static const char offer_two[] = "v=0\no=a 1 2 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\n"
				"t=0 0\nm=audio 4000 RTP/AVP 0\nm=video 4002 RTP/AVP 96\n";
static const char answer_two[] = "v=0\no=b 1 2 IN IP4 203.0.113.9\ns=-\nc=IN IP4 203.0.113.9\n"
				 "t=0 0\nm=audio 6000 RTP/AVP 0\nm=video 6002 RTP/AVP 96\n";
static const char answer_refusing[] = "v=0\no=b 1 2 IN IP4 203.0.113.9\ns=-\n"
				      "c=IN IP4 203.0.113.9\nt=0 0\nm=audio 0 RTP/AVP 0\n"
				      "m=video 6002 RTP/AVP 96\n";

/* Whether what the sides send passes: "11", "01" and so on. */
static void gates(const struct ng_world *w, uint16_t media, const char *open)
{
	const struct context *c = ng_context(w, media);

	for (int side = 0; side < 2; side++)
		assert_int_equal((c->term[side].term.flags & TERM_IN) != 0, open[side] == '1');
}

/* Whether their telephone events pass. */
static void events(const struct ng_world *w, uint16_t media, const char *open)
{
	const struct context *c = ng_context(w, media);

	for (int side = 0; side < 2; side++)
		assert_int_equal((c->term[side].term.flags & TERM_NO_EVENTS) == 0,
				 open[side] == '1');
}

static void call_made(struct ng_world *w)
{
	ng_sdp(w, "offer", "a", NULL, "", offer);
	ng_sdp(w, "answer", "a", "b", "", answer);
	gates(w, 0, "11");
}

/* A command with more keys in JSON; its result. */
static void say(struct ng_world *w, const char *command, const char *more, const char *result)
{
	json_t *v = ng_ask_json(w, "{\"command\":\"%s\"%s}", command, more);

	assert_string_equal(json_string_value(json_object_get(v, "result")), result);
	json_decref(v);
}

#define CALL ",\"call-id\":\"c\""

/* Whether what they say is heard. */
static void heard(const struct ng_world *w, uint16_t media, const char *open)
{
	const struct context *c = ng_context(w, media);

	for (int side = 0; side < 2; side++)
		assert_int_equal((c->term[side].term.flags & TERM_SILENT) == 0, open[side] == '1');
}

static void a_call_is_blocked_and_unblocked(void **state)
{
	struct ng_world *w = *state;

	call_made(w);
	/* Without the flag it is the whole call, whoever is named. */
	say(w, "block media", CALL ",\"from-tag\":\"a\"", "ok");
	gates(w, 0, "00");
	assert_true(ng_context(w, 0)->term[0].term.flags & TERM_OUT);
	say(w, "block_media", CALL, "ok"); /* it is already */
	gates(w, 0, "00");
	say(w, "unblock media", CALL, "ok");
	gates(w, 0, "11");
}

static void one_side_is_blocked(void **state)
{
	struct ng_world *w = *state;
	static const char *const b = CALL ",\"from-tag\":\"b\",\"flags\":[\"directional\"]";
	static const char *const a =
	    CALL ",\"from-tag\":\"a\",\"to-tag\":\"b\",\"flags\":[\"directional\"]";

	call_made(w);
	say(w, "block media", b, "ok");
	gates(w, 0, "10");
	say(w, "block media", a, "ok");
	gates(w, 0, "00");
	say(w, "unblock media", b, "ok");
	gates(w, 0, "01");
	say(w, "unblock media", a, "ok");
	gates(w, 0, "11");
}

static void offers_and_answers_open_nothing(void **state)
{
	struct ng_world *w = *state;

	call_made(w);
	say(w, "block media", CALL ",\"from-tag\":\"a\",\"flags\":[\"directional\"]", "ok");
	ng_sdp(w, "offer", "b", "a", "", offer_two);
	gates(w, 0, "01");
	gates(w, 1, "01"); /* of an m-line that is new */
	ng_sdp(w, "answer", "b", "a", "", answer_two);
	gates(w, 0, "01");
	gates(w, 1, "01");
	say(w, "unblock media", CALL, "ok");
	gates(w, 0, "11");
	gates(w, 1, "11");
}

static void events_alone_are_blocked(void **state)
{
	struct ng_world *w = *state;

	call_made(w);
	events(w, 0, "11");
	say(w, "block DTMF", CALL ",\"from-tag\":\"a\",\"flags\":[\"directional\"]", "ok");
	events(w, 0, "01");
	gates(w, 0, "11");
	ng_sdp(w, "offer", "b", "a", "", offer_two);
	say(w, "block_DTMF", CALL, "ok"); /* also in what is offered, and in what that adds */
	ng_sdp(w, "answer", "b", "a", "", answer_two);
	events(w, 0, "00");
	events(w, 1, "00");
	say(w, "block media", CALL, "ok");
	say(w, "unblock DTMF", CALL, "ok");
	gates(w, 0, "00");
	events(w, 0, "11");
	events(w, 1, "11");
	say(w, "unblock media", CALL, "ok");
	gates(w, 0, "11");
	assert_int_equal(ng_stats(w->ng)->commands[NG_BLOCK_DTMF], 2);
}

static void a_call_is_silent(void **state)
{
	struct ng_world *w = *state;

	call_made(w);
	heard(w, 0, "11");
	/* Of whom is told by from-tag, without a flag. */
	say(w, "silence media", CALL ",\"from-tag\":\"a\"", "ok");
	heard(w, 0, "01");
	gates(w, 0, "11");
	events(w, 0, "11");
	ng_sdp(w, "offer", "b", "a", "", offer_two);
	heard(w, 0, "01");
	heard(w, 1, "01");		     /* of an m-line that is new */
	say(w, "silence_media", CALL, "ok"); /* between offer and answer: it holds */
	ng_sdp(w, "answer", "b", "a", "", answer_two);
	heard(w, 0, "00");
	heard(w, 1, "00");
	say(w, "block media", CALL, "ok");
	say(w, "unsilence media", CALL ",\"from-tag\":\"b\"", "ok");
	heard(w, 0, "01");
	gates(w, 0, "00");
	ng_sdp(w, "offer", "a", "b", "", offer_two);
	say(w, "unsilence media", CALL, "ok");
	ng_sdp(w, "answer", "a", "b", "", answer_two);
	heard(w, 0, "11");
	heard(w, 1, "11");
	gates(w, 0, "00");
	assert_int_equal(ng_stats(w->ng)->commands[NG_SILENCE_MEDIA], 2);
	assert_int_equal(ng_stats(w->ng)->commands[NG_UNSILENCE_MEDIA], 2);
	say(w, "silence media", CALL ",\"from-tag\":\"x\"", "error");
	say(w, "silence media", ",\"call-id\":\"d\"", "error");
}

static const char offer_sealed[] =
    "v=0\no=a 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\nm=audio 4000 RTP/SAVP 0\n"
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\n";

/* Nobody but the two has its keys. */
static void srtp_from_end_to_end_is_not_made_silent(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "", offer_sealed);
	say(w, "silence media", CALL, "error");
	heard(w, 0, "11");
	say(w, "block media", CALL, "ok");
}

/* Offered later it ends here, by keys of ours, so that the side stays silent. */
static void srtp_of_a_silent_call_ends_here(void **state)
{
	struct ng_world *w = *state;

	call_made(w);
	say(w, "silence media", CALL ",\"from-tag\":\"b\"", "ok");
	ng_sdp(w, "offer", "a", "b", "\"transport-protocol\":\"RTP/SAVP\"", offer_sealed);
	assert_non_null(strstr(w->sdp, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 "));
	ng_lacks(w, "WVNfX19zZW1jdGwg");
	ng_sdp(w, "answer", "a", "b", "",
	       "v=0\no=b 1 3 IN IP4 203.0.113.9\ns=-\nc=IN IP4 203.0.113.9\nt=0 0\n"
	       "m=audio 6000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 "
	       "inline:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\n");
	heard(w, 0, "10");
	for (int side = 0; side < 2; side++)
		assert_true(ng_context(w, 0)->term[side].term.flags & TERM_SRTP);
	/* RTP that may be SRTP stays RTP. */
	say(w, "delete", CALL ",\"delete-delay\":0", "ok");
	call_made(w);
	say(w, "silence media", CALL, "ok");
	ng_sdp(w, "offer", "a", "b", "",
	       "v=0\no=a 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"
	       "m=audio 4000 RTP/AVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 "
	       "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\n");
	ng_lacks(w, "crypto");
}

/* As a flag of an offer or answer it is of who sends that (as rtpengine has it). */
static void who_offers_or_answers_may_have_its_events_blocked(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "\"flags\":[\"block-DTMF\"]", offer);
	events(w, 0, "01");
	ng_sdp(w, "answer", "a", "b", "", answer);
	events(w, 0, "01");
	ng_sdp(w, "offer", "b", "a", "", offer_two);
	ng_sdp(w, "answer", "b", "a", "\"flags\":[\"block DTMF\"],\"DTMF-security\":\"drop\"",
	       answer_two);
	events(w, 0, "01"); /* a's again, who answers here */
	events(w, 1, "01");
	ng_sdp(w, "offer", "a", "b", "", offer_two);
	ng_sdp(w, "answer", "a", "b", "\"flags\":[\"block-DTMF\"]", answer_two);
	events(w, 0, "00");
	events(w, 1, "00");
	gates(w, 0, "11");
	say(w, "unblock DTMF", CALL, "ok");
	events(w, 0, "11");
	ng_sdp_refused(w, "offer", "\"DTMF-security\":\"tone\"", offer, "DTMF-security");
	ng_sdp_refused(w, "offer", "\"DTMF-security-trigger\":\"drop\"", offer,
		       "DTMF-security-trigger");
}

static const char offer_many[] =
    "v=0\no=a 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"
    "m=audio 4000 RTP/AVP 0 8 9 18 96 97 98 3 101\na=rtpmap:0 PCMU/8000\na=rtpmap:8 PCMA/8000\n"
    "a=rtpmap:9 G722/8000\na=rtpmap:18 G729/8000\na=rtpmap:96 opus/48000/2\n"
    "a=rtpmap:97 AMR/8000\na=rtpmap:98 AMR-WB/16000\na=rtpmap:3 GSM/8000\n"
    "a=rtpmap:101 telephone-event/8000\n";

/* The dataplane is told of eight payload types, and of events among them. */
static void events_are_told_behind_many_codecs(void **state)
{
	struct ng_world *w = *state;
	const struct context *c;
	bool told = false;

	ng_sdp(w, "offer", "a", NULL, "", offer_many);
	c = ng_context(w, 0);
	for (int side = 0; side < 2; side++)
		for (int i = 0; i < CTL_FORMATS_MAX; i++)
			told |= c->term[side].term.format[i].type == 101 &&
				c->term[side].term.format[i].codec == CODEC_EVENT;
	assert_true(told);
}

/* What an offer left for its answer is older than what was ordered meanwhile. */
static void an_order_between_offer_and_answer_holds(void **state)
{
	struct ng_world *w = *state;

	call_made(w);
	ng_sdp(w, "offer", "a", "b", "", offer);
	say(w, "block media", CALL, "ok");
	ng_sdp(w, "answer", "a", "b", "", answer);
	gates(w, 0, "00");
	ng_sdp(w, "offer", "b", "a", "", offer);
	say(w, "unblock media", CALL, "ok");
	ng_sdp(w, "answer", "b", "a", "", answer);
	gates(w, 0, "11");
	/* And it holds for what comes after. */
	say(w, "block media", CALL, "ok");
	ng_sdp(w, "offer", "a", "b", "", offer);
	ng_sdp(w, "answer", "a", "b", "", answer);
	gates(w, 0, "00");
}

static void an_m_line_that_was_refused_stays_shut_and_comes_back_blocked(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "", offer_two);
	ng_sdp(w, "answer", "a", "b", "", answer_refusing);
	gates(w, 0, "10"); /* nothing passes: the other side's gates are shut both ways */
	say(w, "block media", CALL, "ok");
	say(w, "unblock media", CALL, "ok");
	gates(w, 0, "10");
	say(w, "block media", CALL, "ok");
	ng_sdp(w, "answer", "a", "b", "", answer_two); /* the same offer's, of another response */
	gates(w, 0, "00");
	gates(w, 1, "00");
}

/* As rtpengine has it: by the address that is in their SDP. */
static void who_has_an_address_is_blocked(void **state)
{
	struct ng_world *w = *state;

	call_made(w);
	say(w, "block media", CALL ",\"address\":\"203.0.113.9\"", "ok");
	gates(w, 0, "10");
	say(w, "block DTMF", CALL ",\"address\":\"203.0.113.7\"", "ok");
	events(w, 0, "01");
	say(w, "block media", CALL ",\"address\":\"203.0.113.8\"", "error");
	say(w, "block media", CALL ",\"address\":\"x\"", "error");
	gates(w, 0, "10");
	say(w, "unblock media", CALL ",\"address\":\"203.0.113.9\"", "ok");
	gates(w, 0, "11");
}

static void what_there_is_not_cannot_be_blocked(void **state)
{
	struct ng_world *w = *state;

	say(w, "block media", CALL, "error");
	say(w, "block media", "", "error");
	call_made(w);
	say(w, "block media", CALL ",\"from-tag\":\"x\",\"flags\":[\"directional\"]", "error");
	say(w, "block  media", CALL, "error");
	say(w, "block", CALL, "error");
	gates(w, 0, "11");
	assert_int_equal(ng_stats(w->ng)->commands[NG_BLOCK_MEDIA], 3);
}

/* As a flag of an offer or answer it is of the whole call. */
static void an_offer_may_block_its_call(void **state)
{
	struct ng_world *w = *state;

	ng_sdp(w, "offer", "a", NULL, "\"drop-traffic\":\"start\"", offer);
	ng_sdp(w, "answer", "a", "b", "", answer);
	gates(w, 0, "00");
	ng_sdp(w, "offer", "a", "b", "", offer_two);
	ng_sdp(w, "answer", "a", "b", "\"drop-traffic\":\"stop\"", answer_two);
	gates(w, 0, "11");
	gates(w, 1, "11");
	ng_sdp(w, "offer", "a", "b", "\"media-echo\":\"blackhole\"", offer_two);
	gates(w, 0, "00");
	gates(w, 1, "00");
	ng_sdp_refused(w, "offer", "\"media-echo\":\"both\"", offer, "media-echo");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, ng_world_setup, ng_world_teardown)
		T(a_call_is_blocked_and_unblocked),
		T(one_side_is_blocked),
		T(offers_and_answers_open_nothing),
		T(events_alone_are_blocked),
		T(events_are_told_behind_many_codecs),
		T(a_call_is_silent),
		T(srtp_from_end_to_end_is_not_made_silent),
		T(srtp_of_a_silent_call_ends_here),
		T(who_offers_or_answers_may_have_its_events_blocked),
		T(an_order_between_offer_and_answer_holds),
		T(an_m_line_that_was_refused_stays_shut_and_comes_back_blocked),
		T(who_has_an_address_is_blocked),
		T(what_there_is_not_cannot_be_blocked),
		T(an_offer_may_block_its_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

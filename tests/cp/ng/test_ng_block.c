/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * block media and unblock media (R32): whose gates are shut, and that offers and answers, whenever
 * they come, leave them so until they are opened again.
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
		T(an_order_between_offer_and_answer_holds),
		T(an_m_line_that_was_refused_stays_shut_and_comes_back_blocked),
		T(what_there_is_not_cannot_be_blocked),
		T(an_offer_may_block_its_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

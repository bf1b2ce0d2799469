/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Branches of a call as via-branch tells them apart: each has contexts of its own, whoever answers
 * or ends (RFC 3261 12.1, 16.6; rtpengine's call_delete_branch()). What is deleted goes on for
 * delete-delay, and is not deleted after all if an offer or answer of it comes: Kamailio's script
 * deletes when a re-INVITE is refused, too (RFC 3261 14.1).
 */
#include "tests/world/ng_world.h"

#include <stdio.h>
#include <stdlib.h>

#define A "v=0\no=u 1 1 IN IP4 203.0.113.7\ns=-\nc=IN IP4 203.0.113.7\nt=0 0\n"
#define B "v=0\no=u 1 1 IN IP4 203.0.113.9\ns=-\nc=IN IP4 203.0.113.9\nt=0 0\n"

enum { DELAY = 30 }; /* seconds */

static const char offer[] = A "m=audio 4000 RTP/AVP 0\n";
static const char answer[] = B "m=audio 6000 RTP/AVP 0\n";
static const char one[] = "\"via-branch\":\"z9hG4bK1\"", other[] = "\"via-branch\":\"z9hG4bK2\"";

static int setup(void **state)
{
	struct ng_world *w;

	ng_world_setup(state);
	w = *state;
	w->e.conf.gateway.delete_delay = DELAY;
	return 0;
}

static void pass(struct ng_world *w, uint32_t seconds)
{
	for (uint32_t i = 0; i < seconds; i++) {
		env_advance(&w->e, 1000);
		ng_turn(w);
	}
}

/* What it is answered is the result, or the warning if there is one. */
static void deletes(struct ng_world *w, const char *more, const char *result)
{
	json_t *v = ng_ask_json(w, "{\"command\":\"delete\",\"call-id\":\"c\",%s}", more);
	const char *s = json_string_value(json_object_get(v, "warning"));

	if (!s)
		s = json_string_value(json_object_get(v, "result"));
	if (!strstr(s, result))
		fail_msg("%s", w->in);
	json_decref(v);
}

/* The port that the last SDP has. */
static unsigned int port(const struct ng_world *w)
{
	const char *m = strstr(w->sdp, "m=audio ");

	assert_non_null(m);
	return (unsigned int)atoi(m + 8);
}

static unsigned int offers(struct ng_world *w, const char *to, const char *more)
{
	ng_sdp(w, "offer", "a", to, more, offer);
	return port(w);
}

static unsigned int answers(struct ng_world *w, const char *to, const char *more)
{
	ng_sdp(w, "answer", "a", to, more, answer);
	return port(w);
}

/* The context with that callee; "": whose callee is not known. NULL: there is none. */
static const struct context *with(struct ng_world *w, const char *tag)
{
	struct context *c = gate_call_next(w->e.s.gateway, "c", NULL);

	while (c && strcmp(c->term[1].tag, tag) != 0)
		c = gate_call_next(w->e.s.gateway, "c", c);
	return c;
}

static void each_branch_has_its_own(void **state)
{
	struct ng_world *w = *state;
	unsigned int p[2], q[2];

	p[0] = offers(w, NULL, one);
	p[1] = offers(w, NULL, other);
	assert_int_not_equal(p[0], p[1]);
	assert_int_equal(ng_contexts(w), 2);
	/* The same branch once more is the same. */
	assert_int_equal(offers(w, NULL, one), p[0]);
	assert_int_equal(ng_contexts(w), 2);
	q[1] = answers(w, "y", other);
	q[0] = answers(w, "x", one);
	assert_int_not_equal(q[0], q[1]);
	assert_int_equal(ng_contexts(w), 2);
	assert_non_null(with(w, "x"));
	assert_non_null(with(w, "y"));
	/* Tags tell them apart from now on, whatever the branch of a later transaction. */
	assert_int_equal(offers(w, "y", "\"via-branch\":\"z9hG4bK9\""), p[1]);
	assert_int_equal(answers(w, "y", "\"via-branch\":\"z9hG4bK9\""), q[1]);
	assert_int_equal(offers(w, "x", ""), p[0]);
	assert_int_equal(answers(w, "x", ""), q[0]);
	assert_int_equal(ng_contexts(w), 2);
}

static void an_answer_without_a_branch_is_of_one_that_has_none(void **state)
{
	struct ng_world *w = *state;

	offers(w, NULL, one);
	offers(w, NULL, other);
	answers(w, "x", "");
	answers(w, "y", "");
	assert_non_null(with(w, "x"));
	assert_non_null(with(w, "y"));
	/* A third has no offer of its own: it takes over, as of a call that forks elsewhere. */
	answers(w, "z", "");
	assert_non_null(with(w, "z"));
	assert_int_equal(ng_contexts(w), 2);
}

static void a_branch_is_deleted_by_itself(void **state)
{
	struct ng_world *w = *state;

	offers(w, NULL, one);
	offers(w, NULL, other);
	answers(w, "y", other);
	deletes(w, "\"from-tag\":\"a\",\"via-branch\":\"z9hG4bK1\",\"delete-delay\":0", "ok");
	assert_int_equal(ng_contexts(w), 1);
	assert_non_null(with(w, "y"));
	/* Unknown tags, and a branch that is known. */
	offers(w, NULL, one);
	deletes(
	    w, "\"from-tag\":\"a\",\"to-tag\":\"t\",\"via-branch\":\"z9hG4bK1\",\"delete-delay\":0",
	    "ok");
	assert_int_equal(ng_contexts(w), 1);
	/* Known tags are what counts. */
	offers(w, NULL, one);
	deletes(
	    w, "\"from-tag\":\"y\",\"to-tag\":\"a\",\"via-branch\":\"z9hG4bK1\",\"delete-delay\":0",
	    "ok");
	assert_int_equal(ng_contexts(w), 1);
	assert_null(with(w, "y"));
	/* With rtpp-flags the to-tag is always told, and counts if they say so. */
	answers(w, "x", one);
	offers(w, NULL, other);
	deletes(w,
		"\"from-tag\":\"a\",\"to-tag\":\"x\",\"via-branch\":\"z9hG4bK2\",\"rtpp-flags\":"
		"\"delete-delay=0\"",
		"ok");
	assert_int_equal(ng_contexts(w), 1);
	assert_non_null(with(w, "x"));
	offers(w, NULL, other);
	deletes(w,
		"\"from-tag\":\"a\",\"to-tag\":\"x\",\"via-branch\":\"z9hG4bK2\",\"rtpp-flags\":"
		"\"to-tag delete-delay=0\"",
		"ok");
	assert_int_equal(ng_contexts(w), 1);
	assert_null(with(w, "x"));
	/* A branch that is not known leaves the tags to say. */
	deletes(w, "\"from-tag\":\"q\",\"via-branch\":\"z9hG4bK3\",\"delete-delay\":0",
		"not found");
	assert_int_equal(ng_contexts(w), 1);
	deletes(w, "\"from-tag\":\"a\",\"via-branch\":\"z9hG4bK3\",\"delete-delay\":0", "ok");
	assert_int_equal(ng_contexts(w), 0);
}

static void the_caller_and_the_call_are_all_branches(void **state)
{
	static const char *const how[] = { "\"from-tag\":\"a\",\"delete-delay\":0",
					   "\"via-branch\":\"z9hG4bK1\",\"delete-delay\":\"0\"" };
	struct ng_world *w = *state;

	for (size_t i = 0; i < 2; i++) {
		offers(w, NULL, one);
		offers(w, NULL, other);
		answers(w, "y", other);
		deletes(w, how[i], "ok");
		assert_int_equal(ng_contexts(w), 0);
	}
}

static void what_is_deleted_goes_on_for_a_while(void **state)
{
	struct ng_world *w = *state;
	json_t *v;

	offers(w, NULL, "");
	answers(w, "b", "");
	w->stats[0].packets = 7;
	v = ng_ask_json(w, "{\"command\":\"delete\",\"call-id\":\"c\",\"from-tag\":\"a\"}");

	assert_non_null(strstr(w->in, "7:packetsi7e"));
	json_decref(v);
	pass(w, DELAY - 2);
	assert_int_equal(ng_contexts(w), 1);
	/* Said again, it is not put off. */
	deletes(w, "\"from-tag\":\"b\"", "ok");
	pass(w, 4);
	assert_int_equal(ng_contexts(w), 0);
	assert_int_equal(gate_stats(w->e.s.gateway)->deleted, 1);
	assert_int_equal(gate_stats(w->e.s.gateway)->ended[CONTEXT_END_REQUEST], 1);
	/* As long as is told, by either name. */
	offers(w, NULL, "");
	deletes(w, "\"delete delay\":5,\"from-tag\":\"a\"", "ok");
	pass(w, 3);
	assert_int_equal(ng_contexts(w), 1);
	pass(w, 4);
	assert_int_equal(ng_contexts(w), 0);
	offers(w, NULL, "");
	deletes(w, "\"delete-delay\":3601", "ok"); /* makes no sense */
	assert_int_equal(ng_stats(w->ng)->unknown, 1);
	deletes(w, "\"delete-delay\":\"0\"", "ok");
	assert_int_equal(ng_contexts(w), 0);
}

static void an_offer_or_answer_takes_that_back(void **state)
{
	struct ng_world *w = *state;
	unsigned int p;

	p = offers(w, NULL, "");
	answers(w, "b", "");
	offers(w, "b", ""); /* 488 */
	deletes(w, "\"from-tag\":\"a\"", "ok");
	pass(w, DELAY - 5);
	assert_int_equal(offers(w, "b", ""), p);
	pass(w, 10);
	answers(w, "b", "");
	pass(w, DELAY + 2);
	assert_int_equal(ng_contexts(w), 1);
	deletes(w, "\"from-tag\":\"a\"", "ok");
	answers(w, "b", "");
	pass(w, DELAY + 2);
	assert_int_equal(ng_contexts(w), 1);
	/* One that is refused does not, nor does one of another branch. */
	deletes(w, "\"from-tag\":\"a\"", "ok");
	ng_sdp_refused(w, "offer", "", A "m=audio 4000 RTP/XYZ 0\n", "RTP/XYZ");
	offers(w, NULL, other);
	pass(w, DELAY + 2);
	assert_int_equal(ng_contexts(w), 1);
	assert_null(with(w, "b"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, ng_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_branch_has_its_own),
		T(an_answer_without_a_branch_is_of_one_that_has_none),
		T(a_branch_is_deleted_by_itself),
		T(the_caller_and_the_call_are_all_branches),
		T(what_is_deleted_goes_on_for_a_while),
		T(an_offer_or_answer_takes_that_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
